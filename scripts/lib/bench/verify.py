"""What verification costs: MB of data for each second of CPU time, beside fio.

Called by scripts/bench verify. Two phases of each row: check reads a stamped file and looks at all
of it, write makes and stamps what it writes. Both programs run in turns, on a small file on tmpfs,
so that reading and writing cost little and stay in the caches. Prints Markdown.
"""

import argparse
import os
import sys
import time

from figures import BELOW, Ratio, Result, range_text
from measure import in_turns, pinned
from places import Places
from programs import machine
from rows import BLOCKS, MB_PER_CPU_SECOND, MB_PER_SECOND, METHODS, PHASES, Bench, Verified

# What two threads of verify_async do: method, lanes, what is compared, and the least that it is to
# be beside the same without them.
POOL = [
    ("md5", "none", MB_PER_SECOND, 1.8),
    ("crc32c", None, MB_PER_CPU_SECOND, 0.95),
]
POOL_THREADS = 2


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
    names = [*dict.fromkeys(method.name for method in METHODS), "pool"]
    if args.only not in (None, *names):
        parser.error(f"no row is about {args.only}; there are " + ", ".join(names))
    return args


def ratio_cell(ratio, at_least):
    if ratio is None:
        return "-"
    return f"**{ratio}**" if at_least and ratio.median < at_least else str(ratio)


def digests(bench, methods, runs, below):
    print("| verify | blocks | at least | check: fio | iodyno | ratio | write: fio | iodyno "
          "| ratio |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for method in methods:
        for block, at_least in zip(BLOCKS, method.at_least):
            cells = [method.title, block, f"{at_least or ''}"]
            for phase in PHASES:
                row = method.row(block, phase)
                result = Result(row)
                with pinned(max(os.sched_getaffinity(0))):
                    result.add(in_turns(row.runners(bench, floor=False), runs))
                cells += [range_text(result.pooled(name), row.unit) if result.pooled(name) else "-"
                          for name in ("fio", "iodyno")]
                cells.append(ratio_cell(result.ratio(), at_least))
                if result.verdict == BELOW:
                    below.append(f"{row.name}: {result.ratio()} of {at_least}")
            print("| " + " | ".join(cells) + " |", flush=True)


def pool(bench, runs, below):
    print(f"\n| verify_async={POOL_THREADS} | blocks | measured | program | without | with | ratio "
          "| at least |\n|---|--:|---|---|--:|--:|--:|--:|")
    for method, lanes, unit, at_least in POOL:
        for block in BLOCKS:
            rows = {threads: Verified(name=method, method=method, lanes=lanes, block=block,
                                      unit=unit, pool=threads) for threads in (0, POOL_THREADS)}
            for name in bench.programs:
                turns = {threads: row.runners(bench, floor=False)[name]
                         for threads, row in rows.items()}
                samples = in_turns({"without": turns[0], "iodyno": turns[POOL_THREADS]}, runs)
                ratio = Ratio(samples, "without", more_is_better=True)
                wanted = None if name == "fio" else at_least
                if wanted and ratio.median < wanted:
                    below.append(f"{method}, {block}, verify_async: {ratio} of {wanted}")
                cells = [method + (f", {lanes}" if lanes and name != "fio" else ""), block,
                         unit.name, name, range_text(samples["without"], unit),
                         range_text(samples["iodyno"], unit), ratio_cell(ratio, wanted),
                         f"{wanted or ''}"]
                print("| " + " | ".join(cells) + " |", flush=True)


def loads():
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


def main():
    args = arguments()
    begin, load, below = time.monotonic(), loads(), []
    with Places() as places:
        bench = Bench(args, places)
        print(f"MB per CPU second, medians (ranges) of {args.runs} runs of {args.seconds:g} s in "
              f"turns; a small file on {places.where}; {os.cpu_count()} x {machine()['cpu']}\n")
        if "fio" not in bench.programs:
            print("fio is not here: iodyno alone", file=sys.stderr)
        methods = [method for method in METHODS if args.only in (None, method.name)]
        if methods:
            digests(bench, methods, args.runs, below)
        if args.only in (None, "pool"):
            pool(bench, args.runs, below)
        version = bench.programs["fio"].version if "fio" in bench.programs else "no fio"
    print(f"\n{version}; {time.strftime('%Y-%m-%d')}, {time.monotonic() - begin:.0f} s; load "
          f"average {load} before, {loads()} after")
    print("short of what is to be reached: " + ("; ".join(below) or "none"))


if __name__ == "__main__":
    main()
