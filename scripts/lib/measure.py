"""What the benchmarks share: running a program once, what its requests cost, where a hot file lies.

Imported by bench.py, engines.py and verify.py. The measure is CPU time, user plus system, divided
by what was done: wall-clock rates vary two- to threefold on shared machines, this repeats within a
few percent.
"""

import json
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

HOT_FILE_BYTES = 16 << 20
BLOCK_BYTES = 4096


def run(command):
    """The JSON that the command prints; a failure ends the script, in the command's words."""
    out = output_of(command)
    return json.loads(out[out.index("{"):])  # fio's notes come first


class RunFailed(SystemExit):
    """Ends the script, in the words of what failed, unless somebody can do without that run."""


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with {done.returncode}:\n"
                        f"{done.stderr}{done.stdout}")
    return done.stdout


def run_with_cpu(command):
    """The JSON that the command prints, and the CPU nanoseconds of all its processes."""
    before = children_cpu_ns()
    document = run(command)
    return document, children_cpu_ns() - before


def children_cpu_ns():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


DIRECTIONS = ("read", "write", "trim")


def requests(document):
    return sum(requests_of(job) for job in document["jobs"])


def requests_of(job):
    made = sum(job[direction]["total_ios"] for direction in DIRECTIONS)
    if made == 0:
        raise RunFailed("a run made no request")
    return made


def cpu_ns_per_request(document):
    """Of a job's thread, from either program's own JSON; the mean where there are several jobs."""
    return statistics.mean(cpu_ns(job) / requests_of(job) for job in document["jobs"])


def cpu_ns(job):
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


def memory_directory():
    """Where files are in memory, and in which words."""
    shm = Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK):
        return shm, "tmpfs"
    return Path(tempfile.gettempdir()), "the temporary directory, no tmpfs here"


def write_hot_file(path):
    """A file that is in memory when this is over, and not to be written back any more."""
    with open(path, "wb") as file:
        file.write(os.urandom(HOT_FILE_BYTES))
        file.flush()
        os.fsync(file.fileno())
