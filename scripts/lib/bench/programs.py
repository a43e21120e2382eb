"""The competitors: iodyno, the build before it, Debian's fio, the bare loop.

Used by rows.py, which says what each of them runs. All take the same job text, but for options that
the other does not have.
"""

import os
import shutil
import statistics
import subprocess
import time
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from measure import Missing, RunFailed, output_of, run, run_with_cpu, started

LANES = "IODYNO_DIGEST_LANES"  # the widest that iodyno's digests may use
POLL_SECONDS = 0.01


class Program:
    """iodyno or fio: a name, and how a job is run."""

    def __init__(self, name, path, options, scratch):
        self.name, self.path = name, path
        self.is_fio = name == "fio"
        self.options = options
        self.job = scratch / f"{name}.job"

    def command(self, text):
        self.job.write_text(text)
        return [str(self.path), *self.options, str(self.job)]

    def run(self, text):
        return run(self.command(text))

    def run_with_cpu(self, text):
        return run_with_cpu(self.command(text))

    def wall_ms(self, text):
        """From the start of the program to its end."""
        return wall_ms(self.command(text))

    def memory_mib(self, text):
        return memory_mib(self.command(text))

    def must_have(self, engine):
        """Raises Missing where the engine is not there."""
        if self.is_fio:
            there = engine in self.engines
        else:
            library = f"libiodyno_engine_{engine.replace('-', '_')}.so"
            there = Path(self.path).with_name(library).exists()
        if not there:
            raise Missing(f"{self.name} has no engine {engine} here")

    @cached_property
    def engines(self):
        return set(output_of([self.path, "--enghelp"]).split())

    @cached_property
    def version(self):
        return output_of([self.path, "--version"]).strip()


def iodyno(name, path, scratch):
    return Program(name, path, ["run", "--output-format", "json"], scratch)


def programs(args, scratch):
    """By name, in the order in which they take turns. fio first, where it is there."""
    found = {}
    fio = shutil.which("fio")
    if fio:
        found["fio"] = Program("fio", fio, ["--output-format=json", "--eta=never"], scratch)
    found["iodyno"] = iodyno("iodyno", args.iodyno, scratch)
    if getattr(args, "before", None):
        found["before"] = iodyno("before", args.before, scratch)
    return found


class Bare:
    """The bare loops of bare.c: what lies beneath a request, and nothing around it."""

    def __init__(self, scratch):
        self.scratch = scratch

    @cached_property
    def program(self):
        source, program = Path(__file__).with_name("bare.c"), self.scratch / "bare"
        compiler = shutil.which("cc")
        if not compiler:
            raise Missing("a C compiler for the bare loops: apt-get install build-essential")
        subprocess.run([compiler, "-O2", "-pthread", "-o", program, source], check=True)
        return program

    def command(self, loop, target, seconds):
        """`loop` has its options before it, as bare.c describes them."""
        return [str(self.program), *loop.split(), str(target), str(seconds)]

    def requests_and_ns(self, loop, target, seconds):
        made, cpu_ns = output_of(self.command(loop, target, seconds)).split()
        return int(made), float(cpu_ns)


def wall_ms(command):
    begin = time.perf_counter()
    output_of(command)
    return (time.perf_counter() - begin) * 1e3


def memory_mib(command):
    """PSS of all of a program's processes together, as it mostly is: the median of many looks."""
    looks = []
    with started(command) as child:
        while child.poll() is None:
            looks.append(sum(map(pss_kib, family(child.pid))))
            time.sleep(POLL_SECONDS)
        out, errors = child.communicate()
    if child.returncode != 0:
        raise RunFailed(f"{' '.join(command)} ended with {child.returncode}:\n{errors}{out}")
    return statistics.median(looks) / 1024


def family(pid):
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                pass  # it has just ended
    return found


def pss_kib(pid):
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass  # it has just ended
    return 0


@contextmanager
def lanes(widest):
    """iodyno's digests limited to that for as long as this is open; not limited by None."""
    before = os.environ.pop(LANES, None)
    if widest is not None:
        os.environ[LANES] = widest
    try:
        yield
    finally:
        os.environ.pop(LANES, None)
        if before is not None:
            os.environ[LANES] = before


def processor():
    """Its name and its abilities."""
    facts = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or facts.get("CPU part") or "an unknown processor"
    return name, set((facts.get("flags") or facts.get("Features") or "").split())


def machine():
    """What a table was measured on."""
    name, flags = processor()
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "cpu": name,
        "cpus": os.cpu_count(),
        "cpus_allowed": len(os.sched_getaffinity(0)),
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "architecture": os.uname().machine,
        "lanes": "avx512" if "avx512bw" in flags else "avx2" if "avx2" in flags else "none",
        "virtual": "hypervisor" in flags,
        "governor": governor.read_text().strip() if governor.is_file() else None,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "load_average": list(os.getloadavg()),
    }
