"""What each engine costs a request: beside the bare system calls, the null engine and fio.

Called by scripts/bench engines. For each row alternate: fio with the engine of that name, iodyno
with the engine, iodyno with null (what the harness costs), the bare loop of bare.c. An engine's own
share is what is left of iodyno's time without harness and bare loop. Never compares across rows:
only what ran in turns on the same target met the same machine.
"""

import argparse
import os
import statistics
import sys

from figures import Ratio, spread
from measure import Missing, in_turns, pinned
from places import Places
from rows import ENGINES, Bench


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
    args.rows = [row for row in ENGINES if args.only in (None, row.engine)]
    if not args.rows:
        parser.error(f"no row is about {args.only}; there are "
                     + ", ".join(dict.fromkeys(row.engine for row in ENGINES)))
    return args


HEADS = ("bare loop", "iodyno", "harness", "own", "fio", "ratio to fio")


def cells(samples):
    """Medians of a row's samples, in nanoseconds."""
    columns = [samples[name] for name in ("iodyno", "null", "floor")]
    own = [ours - null - bare for ours, null, bare in zip(*columns)]
    ours, null, bare = (f"{statistics.median(column):.0f}" for column in columns)
    fio = ("-", "-")
    if "fio" in samples:
        fio = (f"{statistics.median(samples['fio']):.0f}", str(Ratio(samples, "fio", False)))
    return bare, ours, null, f"{statistics.median(own):.0f} ± {spread(own):.0f}", *fio


def print_head(markdown):
    if markdown:
        print("| engine | bare calls | " + " | ".join(HEADS) + " |")
        print("|---|---|" + "--:|" * len(HEADS))
    else:
        print(f"{'':<26}" + "".join(f"{head:>14}" for head in HEADS))


def print_row(row, found, markdown):
    if markdown:
        print(f"| {row.name} | {row.loop} | " + " | ".join(found) + " |", flush=True)
    else:
        print(f"{row.name:<26}" + "".join(f"{cell:>14}" for cell in found), flush=True)


def main():
    args = arguments()
    with Places() as places:
        print(f"CPU ns per request, 4 KiB, medians of {args.runs} runs of {args.seconds:g} s in "
              f"turns; files on {places.where}, for io_uring and syslet-rw in the page cache of a "
              f"disk", file=sys.stderr)
        bench = Bench(args, places)
        print_head(args.markdown)
        for row in args.rows:
            try:
                with pinned(max(os.sched_getaffinity(0)) if row.pinned else None):
                    samples = in_turns(row.runners(bench, harness=True), args.runs)
            except Missing as reason:
                print(f"skipped {row.name}: {reason}", file=sys.stderr)
                continue
            print_row(row, cells(samples), args.markdown)


if __name__ == "__main__":
    main()
