"""What verification costs: MB of data for each second of CPU time, beside fio.

Called by scripts/bench verify. Two phases of each row: check reads a stamped file and looks at all
of it, write makes and stamps what it writes. Both programs run in turns, on a small file on tmpfs,
so that reading and writing cost little and stay in the caches. Counted is the CPU time of all of a
program's processes and threads, without what it takes to start and end.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from measure import DIRECTIONS, memory_directory, output_of, run_with_cpu

FILE_BYTES = 4 << 20
BLOCKS = ("64k", "4k")
PHASES = ("check", "write")
STARTS = 5
LANES = "IODYNO_DIGEST_LANES"  # the widest that iodyno's digests may use


@dataclass
class Row:
    """A way of verifying, and how many times fio's figure it is to reach."""
    method: str
    at_least: dict  # by block
    lanes: str = None  # the widest that iodyno may use

    @property
    def name(self):
        return self.method + (f", {self.lanes}" if self.lanes else "")


def everywhere(ratio):
    return {block: ratio for block in BLOCKS}


ROWS = [
    Row("none", {}),
    Row("crc32", {"64k": 12, "4k": 7}),
    Row("crc64", everywhere(10)),
    Row("crc32c", everywhere(1.3)),
    Row("xxhash", everywhere(1.05)),
    Row("sha256", everywhere(4.5)),
    Row("sha512", everywhere(1.3)),
    Row("md5", everywhere(6)),
    Row("md5", everywhere(3.5), lanes="avx2"),
]

# What two threads of verify_async do: the row, what is compared, and the least that it is to be.
POOL = [
    (Row("md5", {}, lanes="none"), "wall", 1.8),
    (Row("crc32c", {}), "cpu", 0.95),
]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["verify"])
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5, help="runs of each program, row and phase")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one run")
    parser.add_argument("--only", metavar="NAME", help="one digest, or `pool`")
    args = parser.parse_args()
    if args.runs < 1 or args.seconds <= 0:
        parser.error("--runs and --seconds must be positive")
    names = [*dict.fromkeys(row.method for row in ROWS), "pool"]
    if args.only not in (None, *names):
        parser.error(f"no row is about {args.only}; there are " + ", ".join(names))
    return args


class Program:
    """iodyno or fio, with a file of its own: each reads only its own stamps."""

    def __init__(self, name, command, scratch):
        self.name, self.command = name, command
        self.file = scratch / f"{name}.data"
        self.job = scratch / f"{name}.job"
        self.start_ns = {}

    def run(self, row, block, phase, length, threads=0):
        """One run: its JSON, and the CPU nanoseconds of all its processes."""
        lines = ["[bench]", "ioengine=psync", "thread", "invalidate=0", f"filename={self.file}",
                 f"size={FILE_BYTES}", f"bs={block}", *length]
        lines += ["rw=read"] if phase == "check" else ["rw=write", "do_verify=0",
                                                       "verify_state_save=0"]
        if row.method != "none":
            lines.append(f"verify={row.method}")
        if threads:
            lines.append(f"verify_async={threads}")
        self.job.write_text("\n".join(lines) + "\n")
        with environment(LANES, row.lanes):
            document, cpu_ns = run_with_cpu([*self.command, str(self.job)])
        self.assert_verified(document, row, phase)
        return document, cpu_ns

    def assert_verified(self, document, row, phase):
        """fio's status says it; iodyno can be asked how much it was."""
        if self.name != "iodyno" or phase != "check" or row.method == "none":
            return
        verify = document["jobs"][0]["verify"]
        if verify["verified_bytes"] != bytes_of(document):
            raise SystemExit(f"{row.name}: iodyno read {bytes_of(document)} bytes and verified "
                             f"{verify['verified_bytes']}")

    def stamp(self, row, block):
        """The file as the check will want it."""
        self.run(row, block, "write", [])

    def start_of(self, row, block, phase):
        """CPU nanoseconds of start and end: those of a run with one request."""
        key = (row.method == "none", phase)
        if key not in self.start_ns:
            runs = [self.run(row, block, phase, ["number_ios=1"])[1] for _ in range(STARTS)]
            self.start_ns[key] = statistics.median(runs)
        return self.start_ns[key]

    def rates(self, row, block, phase, seconds, threads=0):
        """MB per CPU second, and per second on the clock."""
        start_ns = self.start_of(row, block, phase)
        length = ["time_based", f"runtime={round(seconds * 1000)}ms"]
        document, cpu_ns = self.run(row, block, phase, length, threads)
        megabytes = bytes_of(document) / 1e6
        return (megabytes / ((cpu_ns - start_ns) / 1e9),
                megabytes / (document["jobs"][0]["job_runtime"] / 1e3))


class environment:
    """A variable that is set, or is not, for as long as this is open."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def __enter__(self):
        self.before = os.environ.pop(self.name, None)
        if self.value is not None:
            os.environ[self.name] = self.value

    def __exit__(self, *_):
        os.environ.pop(self.name, None)
        if self.before is not None:
            os.environ[self.name] = self.before


def bytes_of(document):
    job = document["jobs"][0]
    return sum(job[direction]["io_bytes"] for direction in DIRECTIONS)


def programs(iodyno, scratch):
    found = [Program("iodyno", [iodyno, "run", "--output-format", "json"], scratch)]
    fio = shutil.which("fio")
    if fio:
        command = [fio, "--output-format=json", "--eta=never"]
        found.insert(0, Program("fio", command, scratch))
    return found


class Samples:
    """What one program reached in its runs."""

    def __init__(self):
        self.values = []

    @property
    def median(self):
        return statistics.median(self.values)

    def __str__(self):
        low, high = min(self.values), max(self.values)
        return f"{self.median:.0f} ({low:.0f}-{high:.0f})"


def compare(competitors, row, block, phase, args):
    """Samples by program, taken in turns."""
    samples = {program.name: Samples() for program in competitors}
    for program in competitors:
        program.stamp(row, block)
    for _ in range(args.runs):
        for program in competitors:
            per_cpu, _ = program.rates(row, block, phase, args.seconds)
            samples[program.name].values.append(per_cpu)
    return samples


class Verdict:
    """Rows that do not reach what they are to reach."""

    def __init__(self):
        self.short = []

    def cell(self, what, ratio, at_least):
        if at_least is None:
            return f"{ratio:.2f}"
        if ratio < at_least:
            self.short.append(f"{what}: {ratio:.2f} of {at_least}")
            return f"**{ratio:.2f}**"
        return f"{ratio:.2f}"


def digests(competitors, rows, args, verdict):
    print("| verify | blocks | at least | check: fio | iodyno | ratio | write: fio | iodyno "
          "| ratio |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        for block in BLOCKS:
            at_least = row.at_least.get(block)
            cells = [row.name, block, f"{at_least}" if at_least else ""]
            for phase in PHASES:
                samples = compare(competitors, row, block, phase, args)
                ours, fio = samples["iodyno"], samples.get("fio")
                ratio = "-"
                if fio:
                    what = f"{row.name}, {block}, {phase}"
                    ratio = verdict.cell(what, ours.median / fio.median, at_least)
                cells += [str(fio or "-"), str(ours), ratio]
            print("| " + " | ".join(cells) + " |", flush=True)


def pool(competitors, args, verdict):
    print("\n| verify_async=2 | blocks | measured | program | without | with | ratio | at least |\n"
          "|---|--:|---|---|--:|--:|--:|--:|")
    words = {"wall": "MB/s", "cpu": "MB per CPU second"}
    for row, measure, at_least in POOL:
        for block in BLOCKS:
            for program in competitors:
                program.stamp(row, block)
                without, with_pool = Samples(), Samples()
                for _ in range(args.runs):
                    for samples, threads in ((without, 0), (with_pool, 2)):
                        per_cpu, per_second = program.rates(row, block, "check", args.seconds,
                                                            threads)
                        samples.values.append(per_second if measure == "wall" else per_cpu)
                wanted = at_least if program.name == "iodyno" else None
                ratio = verdict.cell(f"{row.name}, {block}, verify_async=2",
                                     with_pool.median / without.median, wanted)
                cells = [row.name if program.name == "iodyno" else row.method, block,
                         words[measure], program.name, str(without), str(with_pool), ratio,
                         f"{wanted or ''}"]
                print("| " + " | ".join(cells) + " |", flush=True)


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unknown processor"


def loads():
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def main():
    args = arguments()
    directory, where = memory_directory()
    begin, load = time.monotonic(), loads()
    print(f"MB per CPU second of all processes, medians (ranges) of {args.runs} runs of "
          f"{args.seconds:g} s in turns; a file of {FILE_BYTES >> 20} MiB on {where}; "
          f"{os.cpu_count()} x {processor()}\n")
    verdict = Verdict()
    with tempfile.TemporaryDirectory(prefix="iodyno-bench-", dir=directory) as scratch:
        competitors = programs(args.iodyno, Path(scratch))
        if len(competitors) == 1:
            print("fio is not here: iodyno alone", file=sys.stderr)
        rows = [row for row in ROWS if args.only in (None, row.method)]
        if rows:
            digests(competitors, rows, args, verdict)
        if args.only in (None, "pool"):
            pool(competitors, args, verdict)
    version = output_of(["fio", "--version"]).strip() if len(competitors) > 1 else "no fio"
    print(f"\n{version}; {time.strftime('%Y-%m-%d')}, {time.monotonic() - begin:.0f} s; load "
          f"average {load} before, {loads()} after")
    print("short of what is to be reached: " + ("; ".join(verdict.short) or "none"))


if __name__ == "__main__":
    main()
