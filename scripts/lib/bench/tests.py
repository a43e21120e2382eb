"""Tests of what needs no measuring: statistics, verdicts, fairness of the jobs, the page.

Run by the project's black-box tests: python3 -m unittest tests, in this directory.
"""

import unittest
from types import SimpleNamespace

from figures import AT_FLOOR, BELOW, NO_FIO, NO_GOAL, OK, Ratio, Result, range_text, verdict
from measure import cpu_ns_per_request
from rows import (CPU_NS, ENGINES, KIOPS, MB_PER_CPU_SECOND, METHODS, REQUESTS, WHOLE, Requests,
                  suite_rows)
from suite import BEGIN, END, replace_table


def row(**more):
    return Requests(**{"name": "a row", "engine": "null", "at_least": 2.0, **more})


class Ratios(unittest.TestCase):
    def test_are_of_neighbours(self):
        # The machine is half as fast in the last pair: the same ratio.
        samples = {"iodyno": [10, 10, 20], "fio": [30, 30, 60]}
        ratio = Ratio(samples, "fio", more_is_better=False)
        self.assertEqual((ratio.median, ratio.doubt), (3.0, 0.0))

    def test_turn_round_where_more_is_better(self):
        ratio = Ratio({"iodyno": [30], "fio": [10]}, "fio", more_is_better=True)
        self.assertEqual(ratio.median, 3.0)

    def test_doubt_is_half_of_what_lies_between_the_quartiles(self):
        samples = {"iodyno": [1] * 5, "fio": [1, 2, 3, 4, 5]}
        self.assertEqual(str(Ratio(samples, "fio", False)), "3.00 ± 1.00")

    def test_the_worst_repetition_counts(self):
        result = Result(row())
        for fio in (30, 15, 40):
            result.add({"iodyno": [10], "fio": [fio]})
        self.assertEqual((result.worst.median, result.ratio().median), (1.5, 3.0))
        self.assertEqual(result.verdict, BELOW)

    def test_ranges_are_shown_with_the_digits_of_their_unit(self):
        self.assertEqual(range_text([12.34, 10.0, 123.4], CPU_NS), "12.3 (10.0-123)")
        self.assertEqual(range_text([5.6], KIOPS), "6")


class Verdicts(unittest.TestCase):
    CASES = [
        (OK, {}, {"iodyno": [10], "fio": [20]}),
        (BELOW, {}, {"iodyno": [10], "fio": [19.9]}),
        (NO_FIO, {}, {"iodyno": [10]}),
        (NO_GOAL, {"at_least": None}, {"iodyno": [10], "fio": [20]}),
        # The newest fio is twice as fast as the one that is here: so is the goal.
        (BELOW, {"fio": (100, 50)}, {"iodyno": [10], "fio": [39]}),
        (OK, {"fio": (100, 50)}, {"iodyno": [10], "fio": [40]}),
        (OK, {"fio": (100, 200)}, {"iodyno": [10], "fio": [20]}),
        # iodyno adds 5 to the bare loop; or about 5, as far as that can be told.
        (AT_FLOOR, {"adds": 5}, {"iodyno": [105], "fio": [150], "floor": [100]}),
        (BELOW, {"adds": 4}, {"iodyno": [105], "fio": [150], "floor": [100]}),
        (AT_FLOOR, {"adds": 5}, {"iodyno": [103, 107, 111], "fio": [150] * 3, "floor": [100] * 3}),
        (BELOW, {"adds": 5}, {"iodyno": [110, 111, 112], "fio": [150] * 3, "floor": [100] * 3}),
        (BELOW, {}, {"iodyno": [105], "fio": [150], "floor": [100]}),
        # No excuse for being slower than fio.
        (BELOW, {"adds": 5}, {"iodyno": [105], "fio": [99], "floor": [100]}),
        # On a par is what differs by a twentieth, or by less than the doubt but not a tenth.
        (OK, {"parity": True, "at_least": 1}, {"iodyno": [100] * 3, "fio": [95, 95, 95]}),
        (OK, {"parity": True, "at_least": 1}, {"iodyno": [100] * 3, "fio": [80, 93, 110]}),
        (BELOW, {"parity": True, "at_least": 1}, {"iodyno": [100] * 3, "fio": [93, 94, 95]}),
        (BELOW, {"parity": True, "at_least": 1}, {"iodyno": [100] * 3, "fio": [50, 80, 150]}),
    ]

    def test_all(self):
        for wanted, more, samples in self.CASES:
            with self.subTest(wanted=wanted, more=more, samples=samples):
                self.assertEqual(verdict(row(**more), samples), wanted)

    def test_goals_of_rates_follow_the_newest_fio_as_well(self):
        rates = row(unit=MB_PER_CPU_SECOND, fio=(100, 300))
        self.assertEqual(rates.wanted, (6.0, None))


class Rows(unittest.TestCase):
    def test_names_tell_them_apart(self):
        for rows in (suite_rows(), ENGINES, [*REQUESTS, *WHOLE]):
            names = [row.name for row in rows]
            self.assertEqual(sorted(set(names)), sorted(names))

    def test_both_programs_have_the_same_job(self):
        bench = SimpleNamespace(timed=["time_based", "runtime=100ms"])
        for row in [*REQUESTS, *ENGINES]:
            if row.target == "net":
                continue  # fio needs a delay there, and each run a port
            ours, fio = (set(row.job(bench, row.engine, "/target", is_fio).splitlines())
                         for is_fio in (False, True))
            with self.subTest(row=row.name):
                self.assertEqual(ours - fio, set(row.ours))
                self.assertEqual(fio - ours, set())

    def test_floors_read_the_clock_where_latencies_are_measured(self):
        for row in REQUESTS:
            if row.loop:
                with self.subTest(row=row.name):
                    self.assertNotEqual("-s" in row.loop, "gtod_reduce=1" in row.options)
                    self.assertEqual("anywhere" in row.loop, "norandommap" in row.options)
                    self.assertEqual("-d" in row.loop, "direct=1" in row.options)

    def test_each_method_of_verification_is_there_once(self):
        checked = [row.method for row in suite_rows() if getattr(row, "method", None) and row.quick]
        self.assertEqual(sorted(checked), sorted({method.name for method in METHODS}))


class Documents(unittest.TestCase):
    def test_cpu_time_is_of_the_job_and_its_exact_length(self):
        job = {"usr_cpu": 30.0, "sys_cpu": 20.0, "job_runtime": 100,
               "read": {"total_ios": 1000, "iops": 1000 / 0.1005},
               "write": {"total_ios": 0, "iops": 0}, "trim": {"total_ios": 0, "iops": 0}}
        self.assertAlmostEqual(cpu_ns_per_request({"jobs": [job]}), 50_250, places=3)

    def test_a_table_goes_between_its_markers(self):
        page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
        self.assertEqual(replace_table(page, "| new |\n"),
                         f"before\n{BEGIN}\n| new |\n{END}\nafter\n")
        for page in ("nothing", BEGIN, f"{END} {BEGIN}"):
            with self.assertRaises(ValueError):
                replace_table(page, "")


if __name__ == "__main__":
    unittest.main()
