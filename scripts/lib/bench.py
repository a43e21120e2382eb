"""CPU nanoseconds per request of iodyno, beside fio, alternating in one run.

Called by scripts/bench. The measure is user plus system time of the job divided by its requests,
taken from either program's own JSON: wall-clock rates vary two- to threefold on shared machines,
this repeats within a few percent. Compares nothing that does not ask both for the same job.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from measure import cpu_ns_per_request, memory_directory, output_of, run, write_hot_file

# name, options beside the common ones
CASES = [
    ("null randread depth 1", ["ioengine=null", "rw=randread", "size=1g"]),
    ("null randread depth 32", ["ioengine=null", "rw=randread", "size=1g", "iodepth=32"]),
    ("null read depth 1, gtod_reduce", ["ioengine=null", "rw=read", "size=1g", "gtod_reduce=1"]),
    ("psync randread depth 1, hot file", ["ioengine=psync", "rw=randread", "filename={hot}"]),
]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["quick"], help="the set of cases")
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5, help="runs of each program and case")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one run")
    parser.add_argument("--before", metavar="IODYNO",
                        help="another build of iodyno (its engines beside it) to compare with")
    args = parser.parse_args()
    if args.runs < 1 or args.seconds <= 0:
        parser.error("--runs and --seconds must be positive")
    return args


def job_text(options, seconds, hot):
    # invalidate=0: the file is to stay hot. thread: one process in either program.
    lines = ["[bench]", "bs=4k", "thread", "time_based", f"runtime={round(seconds * 1000)}ms"]
    lines += ["invalidate=0"] + [option.format(hot=hot) for option in options]
    return "\n".join(lines) + "\n"


def programs(iodyno, before):
    found = {"iodyno": lambda job: [iodyno, "run", job, "--output-format", "json"]}
    if before:
        found["before"] = lambda job: [before, "run", job, "--output-format", "json"]
    fio = shutil.which("fio")
    if fio:
        found["fio"] = lambda job: [fio, "--output-format=json", "--eta=never", job]
    return found


def measure(runners, job, runs):
    samples = {name: [] for name in runners}
    for _ in range(runs):
        for name, command in runners.items():
            samples[name].append(cpu_ns_per_request(run(command(job))))
    return samples


def print_row(name, samples):
    ours = samples["iodyno"]
    cells = [f"{name:<34}", f"{min(ours):8.1f} {statistics.median(ours):8.1f}"]
    for other in [name for name in samples if name != "iodyno"]:
        theirs = samples[other]
        ratio = statistics.median(theirs) / statistics.median(ours)
        cells.append(f"{min(theirs):8.1f} {statistics.median(theirs):8.1f} {ratio:7.2f}x")
    print("  ".join(cells), flush=True)


def main():
    args = arguments()
    runners = programs(args.iodyno, args.before)
    directory, where = memory_directory()
    print(f"CPU ns per request, 4 KiB, 1 job; best and median of {args.runs} runs of "
          f"{args.seconds:g} s; hot file on {where}")
    if "fio" in runners:
        print(output_of(["fio", "--version"]).strip()
              + " alternates with iodyno; ratios are of medians, above 1 where iodyno is faster")
    else:
        print("fio is not here and could not be installed: iodyno alone")
    head = f"{'':<34}  {'iodyno':>8} {'median':>8}"
    others = [name for name in runners if name != "iodyno"]
    print(head + "".join(f"  {other:>8} {'median':>8} {'ratio':>8}" for other in others))
    with tempfile.TemporaryDirectory(prefix="iodyno-bench-", dir=directory) as scratch:
        hot = Path(scratch) / "hot"
        write_hot_file(hot)
        for name, options in CASES:
            job = Path(scratch) / "job.fio"
            job.write_text(job_text(options, args.seconds, hot))
            print_row(name, measure(runners, str(job), args.runs))


if __name__ == "__main__":
    main()
