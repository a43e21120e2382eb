"""What a probe costs: the time of `iodyno engines show PLUGIN` beside that of `iodyno --version`.

Called by scripts/bench probe. Both start the program once; the difference is the finding, hashing
and checking of the file and the child that loads it. Medians of alternating runs, in milliseconds.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["probe"])
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=50, help="runs of each command")
    parser.add_argument("--before", metavar="IODYNO",
                        help="another build of iodyno (its engines beside it) to compare with")
    args = parser.parse_args()
    if args.runs < 1:
        parser.error("--runs must be positive")
    return args


def took_ms(command):
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    took = (time.perf_counter() - begin) * 1e3
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return took


def row(name, iodyno, runs):
    plugin = Path(iodyno).with_name("libiodyno_engine_null.so")
    bare, probe = [], []
    for _ in range(runs):
        bare.append(took_ms([iodyno, "--version"]))
        probe.append(took_ms([iodyno, "engines", "show", str(plugin)]))
    start, whole = statistics.median(bare), statistics.median(probe)
    print(f"{name:<8} {start:8.2f} {whole:8.2f} {whole - start:8.2f} "
          f"{min(probe) - min(bare):8.2f}", flush=True)


def main():
    args = arguments()
    print(f"milliseconds, medians of {args.runs} runs; the last column is of the fastest")
    print(f"{'':<8} {'start':>8} {'probe':>8} {'cost':>8} {'best':>8}")
    row("iodyno", args.iodyno, args.runs)
    if args.before:
        row("before", args.before, args.runs)


if __name__ == "__main__":
    main()
