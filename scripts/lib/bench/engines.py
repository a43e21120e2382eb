"""What each engine costs a request: beside the bare system calls, the null engine and fio.

Called by scripts/bench engines. For each row alternate: the bare loop of bare.c, iodyno with the
engine, iodyno with null (what the harness costs), fio with the engine of that name. An engine's own
share is what is left of iodyno's time without harness and bare loop. Never compares across rows:
only what ran in turns on the same target met the same machine.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import (BLOCK_BYTES, HOT_FILE_BYTES, RunFailed, cpu_ns_per_request, memory_directory,
                     output_of, requests, run, run_with_cpu, write_hot_file)

NAMES = 20_000  # as bare.c
BATCHES = ("iodepth=32", "iodepth_batch_submit=32", "iodepth_batch_complete_min=32",
           "iodepth_batch_complete_max=32")
FIXED = ("fixedbufs=1", "registerfiles=1")


@dataclass
class Row:
    """An engine on a target, and the bare loop that does the same."""
    name: str
    engine: str
    loop: str
    options: tuple = ()  # of the engine's job alone
    shape: tuple = ()  # of the load: null's job has them as well
    rw: str = "randread"
    target: str = "memory"  # memory, cached, scratch, names, net
    threads: bool = False  # the engine has threads of its own: all of the process counts
    ours: tuple = ()  # options that fio does not have
    queued: bool = False  # answers through getevents, at depth 1 too
    with_fio: bool = True  # if it has the engine, and does the same with it


ROWS = [
    Row("sync", "sync", "lseek-read"),
    Row("psync", "psync", "pread"),
    Row("vsync", "vsync", "lseek-readv", queued=True),
    Row("pvsync", "pvsync", "preadv"),
    Row("pvsync2", "pvsync2", "preadv2"),
    Row("mmap", "mmap", "memcpy"),
    Row("mmap, copy=kernel", "mmap", "process_vm_readv", ours=("mmap.copy=kernel",),
        with_fio=False),
    Row("splice", "splice", "splice-read"),
    Row("libaio", "libaio", "libaio-1", queued=True),
    Row("posixaio", "posixaio", "aio_read", queued=True, threads=True),
    Row("io_uring", "io_uring", "io_uring-1", target="cached", queued=True),
    Row("syslet-rw", "syslet-rw", "preadv2-nowait", target="cached", threads=True),
    Row("net, tcp", "net", "net-tcp", target="net"),
    # fio 3.33 ends a job on a unix socket with EISCONN, or not at all where it has a time.
    Row("net, unix", "net", "net-unix", target="net", with_fio=False),
    Row("falloc", "falloc", "fallocate"),
    Row("ftruncate", "ftruncate", "ftruncate", rw="randwrite", target="scratch"),
    Row("filecreate", "filecreate", "creat", rw="write", target="names"),
    Row("filestat", "filestat", "stat", rw="read", target="names"),
    Row("filedelete", "filedelete", "unlink", rw="write", target="names"),
    Row("dircreate", "dircreate", "mkdir", rw="write", target="names"),
    Row("dirstat", "dirstat", "stat-directory", rw="read", target="names"),
    Row("dirdelete", "dirdelete", "rmdir", rw="write", target="names"),
    Row("libaio, batches of 32", "libaio", "libaio-32", shape=BATCHES),
    Row("io_uring, batches of 32", "io_uring", "io_uring-32", shape=BATCHES, target="cached"),
    Row("io_uring, batches, fixed", "io_uring", "io_uring-fixed-32", options=FIXED, shape=BATCHES,
        target="cached"),
]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["engines"])
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5, help="runs of each competitor and row")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one run")
    parser.add_argument("--only", metavar="NAME", help="the rows of one engine")
    parser.add_argument("--markdown", action="store_true", help="a table for docs/performance.md")
    args = parser.parse_args()
    if args.runs < 1 or args.seconds <= 0:
        parser.error("--runs and --seconds must be positive")
    args.rows = [row for row in ROWS if args.only in (None, row.engine)]
    if not args.rows:
        parser.error(f"no row is about {args.only}; there are "
                     + ", ".join(dict.fromkeys(row.engine for row in ROWS)))
    return args


def compile_bare(scratch):
    source = Path(__file__).with_name("bare.c")
    program = scratch / "bare"
    subprocess.run(["cc", "-O2", "-pthread", "-o", program, source], check=True)
    return program


def directory_with_nowait(memory):
    """Where reads of files in memory are promised not to wait: io_uring and RWF_NOWAIT ask for it.

    tmpfs promises nothing: there io_uring hands each request to a thread of the kernel's.
    """
    for directory in (memory, Path(tempfile.gettempdir()), Path.cwd()):
        with tempfile.NamedTemporaryFile(dir=directory) as file:
            file.write(bytes(BLOCK_BYTES))
            file.flush()
            try:
                os.preadv(file.fileno(), [bytearray(BLOCK_BYTES)], 0, os.RWF_NOWAIT)
                return directory
            except OSError:
                pass
    return None


class Place:
    """What the competitors work on; made anew for each run where a run uses it up."""

    def __init__(self, memory, cached):
        self.memory, self.cached = memory, cached
        self.hot = {}

    def prepare(self, row):
        """The target as an argument of the bare loop."""
        if row.target in ("memory", "cached"):
            return self.hot_file(self.memory if row.target == "memory" else self.cached)
        target = self.memory / "target"
        if row.target == "names":
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
        elif row.target == "scratch":
            target.unlink(missing_ok=True)
            target.touch()
            os.truncate(target, HOT_FILE_BYTES)
        else:
            target.unlink(missing_ok=True)
        return target

    def tidy(self, row):
        if row.target == "names":
            shutil.rmtree(self.memory / "target", ignore_errors=True)
        elif row.target in ("scratch", "net"):
            (self.memory / "target").unlink(missing_ok=True)

    def hot_file(self, directory):
        if directory not in self.hot:
            self.hot[directory] = directory / "hot"
            write_hot_file(self.hot[directory])
        return self.hot[directory]


def job_text(row, engine, target, seconds, is_fio):
    """The row's load, for iodyno or fio; engine null: the same load without the target."""
    lines = ["[global]", f"ioengine={engine}", "bs=4k", "thread", "invalidate=0", *row.shape]
    timed = ["time_based", f"runtime={round(seconds * 1000)}ms"]
    if engine == "null":
        lines += timed
        if row.queued:
            lines.append("null.completion=async")
        if row.target == "names":  # as many files, a request for each
            return jobs(lines, ("names", ["rw=read", f"nrfiles={NAMES}", "filesize=4k"]))
        sides = ("read", "write") if row.target == "net" else ("randread",)
        lines.append(f"size={HOT_FILE_BYTES}")
        return jobs(lines, *((side, [f"rw={side}"]) for side in sides))
    lines += [*row.options, *(() if is_fio else row.ours)]
    if row.target == "net":
        return jobs(lines, *net_sides(row, target, timed, is_fio))
    lines.append(f"rw={row.rw}")
    if row.target == "names":
        return jobs(lines, ("names", name_options(row, target, timed)))
    return jobs(lines + timed, ("bench", [f"filename={target}", f"size={HOT_FILE_BYTES}"]))


def jobs(common, *sections):
    lines = list(common)
    for name, options in sections:
        lines += [f"[{name}]", *options]
    return "\n".join(lines) + "\n"


def net_sides(row, target, timed, is_fio):
    if row.loop == "net-unix":
        both, connect = ["protocol=unix", f"filename={target}"], []
    else:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            both, connect = [f"port={probe.getsockname()[1]}"], ["hostname=127.0.0.1"]
    # In fio a connector does not wait for its listener.
    later = ["startdelay=1"] if is_fio else []
    yield "receive", [*both, "listen", "rw=read", "size=1t"]
    yield "send", [*both, *connect, *later, *timed, "rw=write", "size=1t"]


def name_options(row, target, timed):
    options = [f"directory={target}", f"nrfiles={NAMES}", "filename_format=name.$filenum"]
    if row.rw == "read":
        options += timed
    return options


class Competitors:
    """Each makes one run of a row, and tells its CPU nanoseconds per request."""

    def __init__(self, args, scratch, place):
        self.iodyno, self.seconds = args.iodyno, args.seconds
        self.bare_program = compile_bare(scratch)
        self.job = scratch / "job.fio"
        self.place = place
        self.fio_program = shutil.which("fio")
        self.fio_engines = set()
        if self.fio_program:
            self.fio_engines = set(output_of([self.fio_program, "--enghelp"]).split())
        self.start_ns = {}

    def missing(self, row):
        """Why the row cannot be measured."""
        library = f"libiodyno_engine_{row.engine.replace('-', '_')}.so"
        if not Path(self.iodyno).with_name(library).exists():
            return f"{row.engine} is not built here"
        if row.target == "cached" and self.place.cached is None:
            return "no directory here has files whose reads promise not to wait (RWF_NOWAIT)"
        return None

    def of(self, row):
        found = {"bare": self.bare, "iodyno": self.ours, "null": self.null}
        # Not where it sets up thousands of names: it does that in the thread that is measured, and
        # takes a hundred times as long as for the requests themselves.
        if row.with_fio and row.target != "names" and row.engine in self.fio_engines:
            found["fio"] = self.fio
        return found

    def bare(self, row, target):
        made, cpu_ns = output_of(
            [str(self.bare_program), row.loop, str(target), str(self.seconds)]).split()
        return float(cpu_ns) / float(made)

    def ours(self, row, target):
        return self.measure(row, [self.iodyno, "run", "--output-format", "json"],
                            job_text(row, row.engine, target, self.seconds, False))

    def null(self, row, target):
        return self.measure(row, [self.iodyno, "run", "--output-format", "json"],
                            job_text(row, "null", target, self.seconds, False))

    def fio(self, row, target):
        return self.measure(row, [self.fio_program, "--output-format=json", "--eta=never"],
                            job_text(row, row.engine, target, self.seconds, True))

    def measure(self, row, command, text):
        self.job.write_text(text)
        command = command + [str(self.job)]
        if not row.threads:
            return cpu_ns_per_request(run(command))
        document, cpu_ns = run_with_cpu(command)
        return (cpu_ns - self.start_of(command, text)) / requests(document)

    def start_of(self, command, text):
        """CPU nanoseconds of the same program for one request: its start and end."""
        key = (command[0], text)
        if key not in self.start_ns:
            self.job.write_text(text.replace("time_based\n", "number_ios=1\n"))
            self.start_ns[key] = statistics.median(run_with_cpu(command)[1] for _ in range(3))
            self.job.write_text(text)
        return self.start_ns[key]


def samples_of(row, competitors, runs):
    runners = competitors.of(row)
    samples = {name: [] for name in runners}
    for _ in range(runs):
        for name, runner in list(runners.items()):
            target = competitors.place.prepare(row)
            try:
                samples[name].append(runner(row, target))
            except RunFailed as failed:
                if name != "fio":
                    raise
                print(f"{row.name} without fio: {first_line(failed)}", file=sys.stderr)
                del runners[name], samples[name]
            finally:
                competitors.place.tidy(row)
    return samples


def first_line(failed):
    lines = [line for line in str(failed).splitlines() if line.startswith("fio:")]
    return lines[0] if lines else str(failed).splitlines()[0]


@dataclass
class Figures:
    """Medians of a row's samples, in nanoseconds."""
    bare: float
    iodyno: float
    null: float
    fio: float
    spread: float  # of the engine's own share: half of what lies between the quartiles

    @staticmethod
    def of(samples):
        shares = [ours - null - bare for ours, null, bare
                  in zip(samples["iodyno"], samples["null"], samples["bare"])]
        spread = 0.0
        if len(shares) > 1:
            low, _, high = statistics.quantiles(shares, n=4, method="inclusive")
            spread = (high - low) / 2
        medians = {name: statistics.median(values) for name, values in samples.items()}
        return Figures(medians["bare"], medians["iodyno"], medians["null"], medians.get("fio"),
                       spread)

    @property
    def own(self):
        return self.iodyno - self.null - self.bare

    def cells(self):
        fio = ("-", "-")
        if self.fio is not None:
            fio = (f"{self.fio:.0f}", f"{self.fio / self.iodyno:.2f}")
        return (f"{self.bare:.0f}", f"{self.iodyno:.0f}", f"{self.null:.0f}",
                f"{self.own:.0f} ± {self.spread:.0f}", *fio)


HEADS = ("bare loop", "iodyno", "harness", "own", "fio", "fio / iodyno")


def print_head(markdown):
    if markdown:
        print("| engine | bare calls | " + " | ".join(HEADS) + " |")
        print("|---|---|" + "--:|" * len(HEADS))
    else:
        print(f"{'':<26}" + "".join(f"{head:>14}" for head in HEADS))


def print_row(row, figures, markdown):
    cells = figures.cells()
    if markdown:
        print(f"| {row.name} | {row.loop} | " + " | ".join(cells) + " |", flush=True)
    else:
        print(f"{row.name:<26}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def main():
    args = arguments()
    memory, where = memory_directory()
    cached = directory_with_nowait(memory)
    print(f"CPU ns per request, 4 KiB, medians of {args.runs} runs of {args.seconds:g} s in turns; "
          f"files on {where}, for io_uring and syslet-rw in the page cache of {cached}",
          file=sys.stderr)
    with contextlib.ExitStack() as stack:
        scratch, cached = (
            directory and Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix="iodyno-bench-", dir=directory)))
            for directory in (memory, cached))
        competitors = Competitors(args, scratch, Place(scratch, cached))
        print_head(args.markdown)
        for row in args.rows:
            missing = competitors.missing(row)
            if missing:
                print(f"skipped {row.name}: {missing}", file=sys.stderr)
                continue
            print_row(row, Figures.of(samples_of(row, competitors, args.runs)), args.markdown)


if __name__ == "__main__":
    main()
