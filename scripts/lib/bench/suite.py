"""iodyno beside Debian's fio and the bare loops: every row of what the project promises.

Called by scripts/bench quick (three short runs of each, below a minute) and scripts/bench full.
Prints Markdown on standard output, notes on standard error. Removes on its way out, also after
Ctrl-C, whatever it set up: directories, loop and zram devices.
"""

import argparse
import json
import os
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import programs
from figures import AT_FLOOR, BELOW, NO_FIO, OK, Result, range_text
from measure import Missing, in_turns, pinned
from places import ENDING, Places
from rows import Bench, suite_rows

BEGIN = "<!-- begin: scripts/bench -->"
END = "<!-- end: scripts/bench -->"


@dataclass(frozen=True)
class Preset:
    """How much is done where nothing else is said."""
    runs: int
    seconds: float


PRESETS = {"quick": Preset(3, 0.1), "full": Preset(9, 0.3)}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=list(PRESETS), help="how much of it")
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, help="runs of each competitor and row (3; full: 9)")
    parser.add_argument("--seconds", type=float, help="length of a run (0.1; full: 0.3)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N",
                        help="the whole table so many times; shows the worst ratio of each row")
    parser.add_argument("--only", metavar="PATTERN",
                        help="rows with a word in their names that begins so")
    parser.add_argument("--check", action="store_true",
                        help="status 1 where a row is below what it is to reach, or fio is missing")
    parser.add_argument("--json", metavar="FILE", type=Path, help="all samples, and the machine")
    parser.add_argument("--update", metavar="PAGE", type=Path,
                        help=f"puts the table into the page, between {BEGIN} and {END}")
    parser.add_argument("--before", metavar="IODYNO",
                        help="another build of iodyno (its engines beside it) to compare with")
    args = parser.parse_args()
    preset = PRESETS[args.what]
    args.runs = preset.runs if args.runs is None else args.runs
    args.seconds = preset.seconds if args.seconds is None else args.seconds
    if args.runs < 1 or args.repeat < 1 or not 0.01 <= args.seconds <= 3600:
        parser.error("--runs and --repeat must be positive, --seconds 0.01 to 3600")
    args.rows = [row for row in suite_rows() if row.quick or args.what == "full"]
    if args.only is not None:
        names = [row.name for row in args.rows]
        pattern = re.compile(rf"\b{re.escape(args.only)}", re.IGNORECASE)
        args.rows = [row for row in args.rows if pattern.search(row.name)]
        if not args.rows:
            parser.error(f"no row is called {args.only}; there are: " + "; ".join(names))
    if args.update:
        refuse_update(parser, args)
    return args


def refuse_update(parser, args):
    """Before anything is measured, rather than after it."""
    if args.only is not None:
        parser.error("--update wants the whole table, not --only")
    try:
        replace_table(args.update.read_text(), "")
    except (OSError, ValueError) as error:
        parser.error(f"--update {args.update}: {error}")


def replace_table(page, table):
    """The page with the table between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{table}{END}{after}"


class Ended(SystemExit):
    """Somebody wants the script to end: everything is removed on the way out."""


def end_on_signals():
    def end(number, _):
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)  # what is set up is removed undisturbed
        print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
        raise Ended(128 + number)

    for number in ENDING:
        signal.signal(number, end)


class Table:
    """The whole measurement: results by row, rows that could not be measured."""

    def __init__(self, args, bench):
        self.args, self.bench = args, bench
        self.results = {row.name: Result(row) for row in args.rows}
        self.skipped = {}
        self.machine = programs.machine()
        self.date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        self.begin = time.monotonic()
        # The last one: the first serves most interrupts.
        self.cpu = max(os.sched_getaffinity(0))

    def measure(self):
        for row in self.args.rows:
            if row.name in self.skipped:
                continue
            try:
                with pinned(self.cpu if row.pinned else None):
                    samples = in_turns(row.runners(self.bench),
                                       max(1, round(self.args.runs * row.turns)))
            except Missing as reason:
                self.skipped[row.name] = str(reason)
                print(f"skipped {row.name}: {reason}", file=sys.stderr)
                del self.results[row.name]
                continue
            self.results[row.name].add(samples)
            yield self.results[row.name]

    @property
    def verdicts(self):
        return [result.verdict for result in self.results.values()]

    @property
    def below(self):
        return [name for name, result in self.results.items() if result.verdict == BELOW]

    def head(self):
        machine, args = self.machine, self.args
        versions = ", ".join(self.versions.values())
        bound = f", governor {machine['governor']}" if machine["governor"] else ""
        repeated = f", the whole table {args.repeat} times" if args.repeat > 1 else ""
        runs = f"{args.runs} run{'s' if args.runs > 1 else ''}"
        lines = [f"`scripts/bench {args.what}` on {self.date}: {versions}; "
                 f"{machine['cpus']} x {machine['cpu']}"
                 f"{', virtual' if machine['virtual'] else ''}, {machine['kernel']}{bound}. "
                 f"{runs} of {args.seconds:g} s of each, in turns{repeated}; files in "
                 f"memory on {self.bench.places.where}.", ""]
        names = ["row", "in", *(["fio"] if "fio" in self.bench.programs else []), "iodyno"]
        names.append("floor")
        if "before" in self.bench.programs:
            names += ["before", "ratio"]
        names += ["ratio to fio", *(["worst"] if args.repeat > 1 else []), "of the floor",
                  "at least", "aim", ""]
        return lines + ["| " + " | ".join(names) + " |",
                        "|---|---|" + "--:|" * (len(names) - 3) + "---|"]

    def line(self, result):
        row, programs_here = result.row, self.bench.programs
        others = [name for name in ("fio", "iodyno") if name in programs_here]
        cells = [row.name, row.unit.name]
        cells += [self.cell(result, name) for name in (*others, "floor")]
        if "before" in programs_here:
            cells += [self.cell(result, "before"), str(result.ratio("before") or "-")]
        cells.append(str(result.ratio() or "-"))
        if self.args.repeat > 1:
            cells.append(f"{result.worst.median:.2f}" if result.worst else "-")
        cells += [f"{goal:.2f}" if goal else "-" for goal in (result.possible, *row.wanted)]
        verdict = result.verdict
        cells.append(f"**{verdict}**" if verdict == BELOW else verdict)
        return "| " + " | ".join(cells) + " |"

    @staticmethod
    def cell(result, name):
        values = result.pooled(name)
        return range_text(values, result.row.unit) if values else "-"

    def foot(self):
        verdicts = self.verdicts
        load = " ".join(f"{value:.1f}" for value in self.machine["load_average"])
        after = " ".join(f"{value:.1f}" for value in os.getloadavg())
        lines = ["", f"ok {verdicts.count(OK)}, floor {verdicts.count(AT_FLOOR)}, below "
                 f"{len(self.below)}, skipped {len(self.skipped)}; "
                 f"{time.monotonic() - self.begin:.0f} s; load average {load} before, "
                 f"{after} after."]
        if NO_FIO in verdicts:
            lines += ["", "fio is not here and could not be installed: no ratios."]
        for title, items in (("Below", self.below),
                             ("Skipped", [f"{name} ({why})"
                                          for name, why in self.skipped.items()])):
            if items:
                lines += ["", f"{title}: " + "; ".join(items) + "."]
        return lines

    @property
    def versions(self):
        return {name: program.version + (" (before)" if name == "before" else "")
                for name, program in self.bench.programs.items()}

    def document(self):
        return {
            "what": self.args.what,
            "date": self.date,
            "machine": self.machine,
            "programs": self.versions,
            "runs": self.args.runs,
            "seconds": self.args.seconds,
            "repeat": self.args.repeat,
            "pinned_to": self.cpu,
            "rows": [result.document() for result in self.results.values()],
            "skipped": [{"name": name, "reason": why} for name, why in self.skipped.items()],
            "below": self.below,
        }


def fill(table):
    """Measures all of it; prints each line as soon as it is final, and answers the whole text."""
    text = []

    def say(lines):
        text.extend(lines)
        print("\n".join(lines), flush=True)

    say(table.head())
    for repetition in range(1, table.args.repeat + 1):
        last = repetition == table.args.repeat
        for result in table.measure():
            if last:
                say([table.line(result)])
        if not last:
            print(f"{repetition} of {table.args.repeat}; below: "
                  f"{'; '.join(table.below) or 'none'}", file=sys.stderr)
    say(table.foot())
    return "\n".join(text) + "\n"


def main():
    args = arguments()
    end_on_signals()
    with Places() as places:
        table = Table(args, Bench(args, places))
        text = fill(table)
    if args.json:
        args.json.write_text(json.dumps(table.document(), indent=2) + "\n")
    if args.update:
        args.update.write_text(replace_table(args.update.read_text(), text))
    if args.check and (table.below or NO_FIO in table.verdicts):
        sys.exit(1)


if __name__ == "__main__":
    main()
