"""What numbers of workers, files, requests in flight and bytes cost: start, memory, processor time.

Called by scripts/bench scaling; docs/scaling.md holds a table of it. Each row is the best of a few
runs, because a busy machine only ever makes things slower. Memory is the proportional set size
(PSS) of all processes of a run, taken while its workers wait, and includes what the engine's
buffers take (none with engine null). fio stands beside where it is installed and knows the case.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKERS = [1, 2, 64, 256, 1024, 4096]
DEPTHS = [1, 16, 256, 4096]
FILES = [1000, 100_000, 1_000_000]
JOBS = [16, 256, 1024]


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["scaling"])
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5, help="runs of each row; the best counts")
    parser.add_argument("--only", choices=["workers", "jobs", "depth", "files", "size"])
    args = parser.parse_args()
    if args.runs < 1:
        parser.error("--runs must be positive")
    return args


def job(**options):
    keys = {"ioengine": "null", "rw": "randread", "bs": "4k", "size": "1g", "thread": "1"}
    keys.update({key: str(value) for key, value in options.items()})
    return "".join(f"{key}={value}\n" for key, value in keys.items())


class Case:
    """A job file of its own, in a directory that goes with it."""

    def __init__(self, text):
        self.directory = tempfile.TemporaryDirectory(prefix="iodyno-scaling-")
        self.file = Path(self.directory.name, "job.fio")
        self.file.write_text(text)

    def command(self, program):
        if Path(program).name == "fio":
            return [program, str(self.file), "--output-format=json"]
        return [program, "run", str(self.file), "--output-format", "json", "--eta", "never"]

    def run(self, program):
        """Wall seconds, processor seconds, the document."""
        before, begin = os.times(), time.perf_counter()
        done = subprocess.run(self.command(program), capture_output=True, cwd=self.directory.name)
        wall, after = time.perf_counter() - begin, os.times()
        if done.returncode != 0:
            sys.exit(f"{self.file.read_text()}\nended with {done.returncode}: "
                     f"{done.stderr.decode()[-2000:]}")
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        return wall, cpu, json.loads(done.stdout[done.stdout.index(b"{"):])

    def best(self, program, runs):
        taken = [self.run(program) for _ in range(runs)]
        return min(it[0] for it in taken), min(it[1] for it in taken), taken[0][2]

    def memory(self, program, threads):
        """PSS in MiB once so many threads are there and none comes any more."""
        process = subprocess.Popen(self.command(program), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, cwd=self.directory.name)
        try:
            deadline = time.monotonic() + 60
            while sum(threads_of(pid) for pid in family(process.pid)) < threads:
                if time.monotonic() > deadline or process.poll() is not None:
                    return None
                time.sleep(0.02)
            time.sleep(1.5)
            return sum(pss(pid) for pid in family(process.pid)) / 1024
        finally:
            process.terminate()
            process.wait()


def family(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        children = [child for task in tasks
                    for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return []
    return [pid] + [member for child in children for member in family(int(child))]


def threads_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def pss(pid):
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def table(title, columns, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join("" if it is None else str(it) for it in row) + " |", flush=True)


def workers(iodyno, fio, runs):
    def row(count):
        once = Case("[b]\n" + job(number_ios=1, numjobs=count))
        wait = Case("[b]\n" + job(time_based=1, runtime=30, thinktime="60s", numjobs=count))
        wall, cpu, document = once.best(iodyno, runs)
        began = sum(it["read"]["total_ios"] for it in document["jobs"])
        if began != count:
            sys.exit(f"{count} workers made {began} requests")
        theirs = [None, None]
        if fio and count <= 1024:
            theirs = [f"{once.best(fio, 1)[0] * 1e3:.0f}", megabytes(wait.memory(fio, count))]
        return [count, f"{wall * 1e3:.1f}", f"{cpu / count * 1e6:.0f}",
                megabytes(wait.memory(iodyno, count))] + theirs
    table("Workers of one job, one request each, engine null",
          ["workers", "wall ms", "CPU us a worker", "PSS MiB", "fio: wall ms", "fio: PSS MiB"],
          map(row, WORKERS))


def megabytes(value):
    return None if value is None else f"{value:.1f}"


def jobs(iodyno, _fio, runs):
    def row(count):
        text = "".join(f"[j{n}]\n" + job(number_ios=1) for n in range(count))
        wall, cpu, _ = Case(text).best(iodyno, runs)
        return [count, f"{wall * 1e3:.1f}", f"{cpu / count * 1e6:.0f}"]
    table("Jobs of one worker each, one request each, engine null",
          ["jobs", "wall ms", "CPU us a job"], map(row, JOBS))


def depth(iodyno, _fio, runs):
    def row(count):
        requests = 2_000_000
        case = Case("[b]\n" + job(iodepth=count, number_ios=requests, size="64g"))
        wall, cpu, _ = case.best(iodyno, runs)
        return [count, f"{cpu / requests * 1e9:.0f}", f"{wall:.2f}"]
    table("Requests in flight, engine null, two million requests",
          ["iodepth", "CPU ns a request", "wall s"], map(row, DEPTHS))


def files(iodyno, _fio, _runs):
    def row(count):
        case = Case("[b]\n" + job(ioengine="psync", rw="randwrite", bs="512", size=512 * count,
                                  nrfiles=count, openfiles=100, number_ios=1000,
                                  fallocate="none", file_service_type="random"))
        wall, cpu, _ = case.run(iodyno)
        return [count, f"{wall:.2f}", f"{cpu / count * 1e6:.1f}"]
    table("Files of one worker that do not exist yet, 100 open at once, 1000 requests",
          ["files", "wall s", "CPU us a file"], map(row, FILES))


def size(iodyno, _fio, runs):
    def row(text):
        case = Case("[b]\n" + job(size=text, number_ios=1_000_000))
        wall, cpu, _ = case.best(iodyno, runs)
        wait = Case("[b]\n" + job(size=text, time_based=1, runtime=30, thinktime="60s"))
        return [text, f"{cpu * 1e3:.0f}", f"{wall * 1e3:.0f}", megabytes(wait.memory(iodyno, 1))]
    table("Size of a target with a random map, engine null, one million requests",
          ["size", "CPU ms", "wall ms", "PSS MiB"], map(row, ["1g", "1t", "1p"]))


def main():
    args = arguments()
    fio = shutil.which("fio")
    parts = {"workers": workers, "jobs": jobs, "depth": depth, "files": files, "size": size}
    print(f"{os.cpu_count()} processors, Linux {os.uname().release}, {time.strftime('%Y-%m-%d')}; "
          f"best of {args.runs} runs")
    for name, part in parts.items():
        if args.only in (None, name):
            part(args.iodyno, fio, args.runs)


if __name__ == "__main__":
    main()
