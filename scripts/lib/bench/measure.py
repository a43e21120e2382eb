"""Running programs: once, in turns, and what their requests cost.

Imported by all of scripts/bench. The measure is CPU time, user plus system, divided by what was
done: rates by the clock on the wall vary two- to threefold on shared machines, CPU time repeats
within a few percent. Knows nothing of what is compared, and leaves no process behind.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
from contextlib import contextmanager

DIRECTIONS = ("read", "write", "trim")
PATIENCE_SECONDS = 5  # for a program that was asked to end


class RunFailed(SystemExit):
    """Ends the script, in the words of what failed, unless somebody can do without that run."""


class Missing(Exception):
    """Something cannot be measured here; the reason."""


@contextmanager
def started(command):
    """The program while it runs; ended, politely first, where the script leaves before it."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()


def output_of(command):
    with started(command) as child:
        out, errors = child.communicate()
    if child.returncode != 0:
        raise RunFailed(f"{' '.join(map(str, command))} ended with {child.returncode}:\n"
                        f"{errors}{out}")
    return out


def run(command):
    """The JSON that the command prints; a failure ends the script, in the command's words."""
    out = output_of(command)
    return json.loads(out[out.index("{"):])  # fio's notes come first


def run_with_cpu(command):
    """The JSON that the command prints, and the CPU nanoseconds of all its processes."""
    before = children_cpu_ns()
    document = run(command)
    return document, children_cpu_ns() - before


def children_cpu_ns():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


@contextmanager
def pinned(cpu):
    """What is started in here stays on that processor; on any where it is None."""
    before = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def in_turns(runners, runs):
    """Samples by name: each runner once, then all of them again. fio may drop out."""
    runners = dict(runners)
    samples = {name: [] for name in runners}
    for _ in range(runs):
        for name, runner in list(runners.items()):
            try:
                samples[name].append(runner())
            except RunFailed as failed:
                if name != "fio":
                    raise
                print(f"without fio: {first_line(failed)}", file=sys.stderr)
                del runners[name], samples[name]
    return samples


def first_line(failed):
    lines = [line for line in str(failed).splitlines() if line.startswith("fio:")]
    return lines[0] if lines else str(failed).splitlines()[0]


def requests(document):
    return sum(requests_of(job) for job in document["jobs"])


def requests_of(job):
    made = sum(job[direction]["total_ios"] for direction in DIRECTIONS)
    if made == 0:
        raise RunFailed("a run made no request")
    return made


def bytes_of(document):
    return sum(job[direction]["io_bytes"] for job in document["jobs"] for direction in DIRECTIONS)


def iops(document):
    """As the program itself tells it: by its own clock, without its start."""
    return sum(job[direction]["iops"] for job in document["jobs"] for direction in DIRECTIONS)


def cpu_ns_per_request(document):
    """Of a job's thread, from either program's own JSON; the mean where there are several jobs."""
    return statistics.mean(cpu_ns(job) / requests_of(job) for job in document["jobs"])


def cpu_ns(job):
    """fio cuts user and system time to whole milliseconds each, so that its figure is 1 ms too low
    on average."""
    return (job["usr_cpu"] + job["sys_cpu"]) / 100 * run_ms(job) * 1e6


def run_ms(job):
    """What the percentages are of: job_runtime, which is cut to whole milliseconds, made exact by
    the rate where that says the same."""
    for direction in DIRECTIONS:
        if job[direction]["iops"] > 0:
            exact = job[direction]["total_ios"] / job[direction]["iops"] * 1e3
            if abs(exact - job["job_runtime"]) <= 1:
                return exact
    return job["job_runtime"]
