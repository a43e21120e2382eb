"""What samples say: medians and ranges, ratios to fio with their doubt, and whether that is enough.

Used by suite.py, engines.py and verify.py; pure functions of samples, tested by tests.py. A ratio
is the median of the ratios of neighbours: each run of iodyno and the run of fio that went before it
met the same machine, so that what slows down both does not count. Behind its ± stands half of what
lies between the quartiles of those ratios.
"""

import statistics

ON_A_PAR = 0.95  # so much differ runs of the same program where a device bounds them
NO_EXCUSE = 0.9  # what no doubt makes a par


def spread(values):
    """Half of what lies between the quartiles."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2


def ratios(ours, theirs, more_is_better):
    """How many times better ours are, pair by pair."""
    pairs = zip(ours, theirs)
    return [a / b if more_is_better else b / a for a, b in pairs]


class Ratio:
    """iodyno's figure against another's."""

    def __init__(self, samples, other, more_is_better):
        values = ratios(samples["iodyno"], samples[other], more_is_better)
        self.median, self.doubt = statistics.median(values), spread(values)

    def __str__(self):
        return f"{self.median:.2f} ± {self.doubt:.2f}"


def range_text(values, unit):
    """The median, and what lies around it."""
    middle = unit.text(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({unit.text(min(values))}-{unit.text(max(values))})"


OK, AT_FLOOR, BELOW, NO_GOAL, NO_FIO = "ok", "floor", "BELOW", "-", "no fio"


def verdict(row, samples):
    """Whether a row does what it is to do.

    On a par is what differs by a twentieth or by less than the doubt. Where system calls are dearer
    than where the goal was set, the same nanoseconds beside them make a lower ratio: a row that
    adds no more than the goal left is judged by that.
    """
    at_least, _ = row.wanted
    if not samples.get("fio"):
        return NO_FIO
    if at_least is None:
        return NO_GOAL
    ratio = Ratio(samples, "fio", row.unit.more_is_better)
    if ratio.median >= at_least:
        return OK
    on_a_par = ratio.median >= ON_A_PAR or (
        ratio.median >= NO_EXCUSE and ratio.median + ratio.doubt >= 1)
    if row.parity:
        return OK if on_a_par else BELOW
    if row.adds is None or not samples.get("floor"):
        return BELOW
    added = [ours - floor for ours, floor in zip(samples["iodyno"], samples["floor"])]
    little = statistics.median(added) - spread(added) <= row.adds
    return AT_FLOOR if little and on_a_par else BELOW


class Result:
    """A row's samples, one set for each repetition of the table, and what they say."""

    def __init__(self, row):
        self.row, self.repetitions = row, []

    def add(self, samples):
        self.repetitions.append(samples)

    def pooled(self, name):
        """All samples of a competitor; none where it took no part."""
        return [sample for samples in self.repetitions for sample in samples.get(name, [])]

    def ratio_of(self, samples, other="fio"):
        if not samples.get(other):
            return None
        return Ratio(samples, other, self.row.unit.more_is_better)

    def ratio(self, other="fio"):
        """Of all repetitions together."""
        if not all(samples.get(other) for samples in self.repetitions):
            return None
        return self.ratio_of({"iodyno": self.pooled("iodyno"), other: self.pooled(other)}, other)

    @property
    def worst(self):
        """The lowest ratio of a repetition: what is promised is to hold in each."""
        found = [self.ratio_of(samples) for samples in self.repetitions]
        return None if None in found else min(found, key=lambda ratio: ratio.median)

    @property
    def possible(self):
        """How many times better than fio the bare loop is: nobody gets beyond that."""
        pairs = ratios(self.pooled("floor"), self.pooled("fio"), self.row.unit.more_is_better)
        return statistics.median(pairs) if pairs else None

    @property
    def verdict(self):
        """Of the worst repetition."""
        verdicts = [verdict(self.row, samples) for samples in self.repetitions]
        return max(verdicts, key=(NO_FIO, NO_GOAL, OK, AT_FLOOR, BELOW).index)

    def document(self):
        at_least, aim = self.row.wanted
        ratio, worst = self.ratio(), self.worst
        names = dict.fromkeys(name for samples in self.repetitions for name in samples)
        return {
            "name": self.row.name,
            "unit": self.row.unit.name,
            "more_is_better": self.row.unit.more_is_better,
            "pinned": self.row.pinned,
            "median": {name: statistics.median(self.pooled(name)) for name in names},
            "ratio": ratio and ratio.median,
            "ratio_doubt": ratio and ratio.doubt,
            "ratio_worst": worst and worst.median,
            "ratio_of_floor": self.possible,
            "at_least": at_least,
            "aim": aim,
            "verdict": self.verdict,
            "samples": self.repetitions,
        }
