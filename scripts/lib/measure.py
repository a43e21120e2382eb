"""What the benchmarks share: running a program once, what its requests cost, where a hot file lies.

Imported by bench.py and engines.py. The measure is CPU time, user plus system, divided by requests:
wall-clock rates vary two- to threefold on shared machines, this repeats within a few percent.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HOT_FILE_BYTES = 16 << 20
BLOCK_BYTES = 4096


def run(command):
    """The JSON that the command prints; a failure ends the script, in the command's words."""
    return json.loads(output_of(command))


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
    return done.stdout


def run_with_cpu(command):
    """The JSON that the command prints, and the CPU nanoseconds of all its processes."""
    before = children_cpu_ns()
    document = run(command)
    return document, children_cpu_ns() - before


def children_cpu_ns():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


def requests(document):
    made = sum(job[direction]["total_ios"] for job in document["jobs"]
               for direction in ("read", "write", "trim"))
    if made == 0:
        sys.exit("a run made no request")
    return made


def jobs_cpu_ns(document):
    """Of the threads of the jobs, from either program's own JSON."""
    return sum((job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] * 1e6
               for job in document["jobs"])


def cpu_ns_per_request(document):
    return jobs_cpu_ns(document) / requests(document)


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
