"""Instructions per request of iodyno with the null engine, counted by valgrind.

Called by scripts/bench instructions. Counts, unlike times, are the same on a busy machine. Only the
worker's thread is counted, in two lengths of a run: their difference, divided by the requests
between them, is what one request costs from the generator to the histograms, with start and end
left out. Says nothing about caches or latencies.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REQUESTS = (20_000, 120_000)

CASES = [
    ("null randread depth 1", ["iodepth=1"]),
    ("null randread depth 1, gtod_reduce", ["iodepth=1", "gtod_reduce=1"]),
    ("null randread depth 32", ["iodepth=32"]),
]

# The probe is /proc/self/exe, which under valgrind is valgrind.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *real(const char *file)
{
    return strcmp(file, "/proc/self/exe") ? file : getenv("IODYNO_COUNTED");
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                const posix_spawnattr_t *, char *const[], char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "posix_spawnp");
    return next(pid, real(file), actions, attributes, argv, envp);
}

int execvp(const char *file, char *const argv[])
{
    int (*next)(const char *, char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "execvp");
    return next(real(file), argv);
}
"""


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("what", choices=["instructions"])
    parser.add_argument("--iodyno", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--before", metavar="IODYNO",
                        help="another build of iodyno (its engines beside it) to compare with")
    return parser.parse_args()


def count(iodyno, options, requests, scratch):
    job = scratch / "job.fio"
    lines = ["[global]", "isolation=none", "[bench]", "ioengine=null", "rw=randread", "bs=4k",
             "size=1g", "norandommap", f"number_ios={requests}", *options]
    job.write_text("\n".join(lines) + "\n")
    for old in scratch.glob("count*"):
        old.unlink()
    command = ["valgrind", "--tool=callgrind", "--separate-threads=yes",
               f"--callgrind-out-file={scratch / 'count'}", iodyno, "run", str(job), "--output-format", "json"]
    environment = dict(os.environ, LD_PRELOAD=str(scratch / "shim.so"), IODYNO_COUNTED=iodyno)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
    made = json.loads(done.stdout)["jobs"][0]["read"]["total_ios"]
    if made != requests:
        sys.exit(f"{made} requests were made, not {requests}")
    # The worker's thread is the last one that is started.
    last = max(scratch.glob("count-*"))
    return int(re.search(r"^totals: (\d+)", last.read_text(), re.MULTILINE).group(1))


def per_request(iodyno, options, scratch):
    short, long = (count(iodyno, options, requests, scratch) for requests in REQUESTS)
    return (long - short) / (REQUESTS[1] - REQUESTS[0])


def main():
    args = arguments()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="iodyno-count-") as directory:
        scratch = Path(directory)
        (scratch / "shim.c").write_text(SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", scratch / "shim.so", scratch / "shim.c",
                        "-ldl"], check=True)
        print("instructions per request, 4 KiB, 1 job, isolation=none"
              + ("; before, difference" if args.before else ""))
        for name, options in CASES:
            ours = per_request(args.iodyno, options, scratch)
            cells = f"{name:<38} {ours:8.1f}"
            if args.before:
                theirs = per_request(args.before, options, scratch)
                cells += f" {theirs:8.1f} {ours - theirs:+8.1f}"
            print(cells, flush=True)


if __name__ == "__main__":
    main()
