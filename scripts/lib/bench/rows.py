"""What is compared: kinds of rows, and the rows themselves.

A row says what each competitor runs and what is told of it; suite.py, engines.py and verify.py take
the samples in turns and print them. The goals are what the project asks of itself.
"""

import os
import socket
import statistics
from dataclasses import dataclass, field

import programs
from measure import Missing, RunFailed, bytes_of, cpu_ns, cpu_ns_per_request, iops, requests
from places import HOT_FILE_BYTES


@dataclass(frozen=True)
class Unit:
    """What a sample is in, and which end of it is the good one."""
    name: str
    more_is_better: bool = False
    digits: int = 0

    def text(self, value):
        return f"{value:.{self.digits if value < 100 else 0}f}"


CPU_NS = Unit("ns CPU", digits=1)
MB_PER_CPU_SECOND = Unit("MB/CPU s", more_is_better=True)
MB_PER_SECOND = Unit("MB/s", more_is_better=True)
KIOPS = Unit("1000 IOPS", more_is_better=True)
MS = Unit("ms", digits=1)
MIB = Unit("MiB PSS", digits=1)


class Bench:
    """What all rows work with."""

    def __init__(self, args, places):
        self.places, self.seconds = places, args.seconds
        self.programs = programs.programs(args, places.scratch)
        self.bare = programs.Bare(places.scratch)
        self.start_ns = {}

    @property
    def timed(self):
        return ["time_based", f"runtime={round(self.seconds * 1000)}ms"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """`runners` answers functions by competitor: each makes one run and answers its figure."""
    name: str
    at_least: float = None  # times fio's figure; against the better of two versions of fio
    aim: float = None
    parity: bool = False  # a device bounds it: nobody can be faster, nobody is to be slower
    adds: float = None  # nanoseconds that the goal leaves beside the floor
    turns: float = 1  # as many times as many runs: others on the machine disturb it more, or less
    fio: tuple = ()  # what fio 3.33 and fio 3.42 needed side by side, elsewhere
    unit: Unit = CPU_NS
    pinned: bool = True  # one thread, so that all of the competitor stays on one processor
    quick: bool = True  # or in the full table only

    @property
    def newest(self):
        """How many times better than Debian's fio the newest one is: goals count against it."""
        if not self.fio:
            return 1.0
        debian, newest = self.fio
        return max(1.0, newest / debian if self.unit.more_is_better else debian / newest)

    @property
    def wanted(self):
        """At least, and the aim, against Debian's fio; None where there is no such goal."""
        return tuple(goal and goal * self.newest for goal in (self.at_least, self.aim))


@dataclass(frozen=True, kw_only=True)
class Requests(Row):
    """What a request costs with an engine."""
    engine: str
    loop: str = None  # the bare loop that does the same, with its options before it
    options: tuple = ()  # of the engine's job alone
    shape: tuple = ()  # of the load: null's job has them as well
    rw: str = "randread"
    target: str = "memory"  # null, memory, cached, scratch, names, net, zram, loop
    threads: bool = False  # the engine has threads of its own: all of the process counts
    ours: tuple = ()  # options that fio does not have
    queued: bool = False  # answers through getevents, at depth 1 too
    with_fio: bool = True  # if it has the engine, and does the same with it

    def runners(self, bench, harness=False):
        self.must_be_here(bench)
        found = {}
        for name, program in bench.programs.items():
            if not program.is_fio or self.fits_fio(program):
                found[name] = lambda program=program: self.sample(bench, program, self.engine)
        if harness:
            ours = bench.programs["iodyno"]
            found["null"] = lambda: self.sample(bench, ours, "null")
        if self.loop:
            found["floor"] = lambda: self.floor(bench)
        return found

    def must_be_here(self, bench):
        """Raises Missing where the row cannot be measured."""
        bench.programs["iodyno"].must_have(self.engine)
        if self.target == "null":
            return
        with self.place(bench) as target:
            if DIRECT[0] in self.options:
                must_open_directly(target)

    def fits_fio(self, fio):
        # Not where it sets up thousands of names: it does that in the thread that is measured, and
        # takes a hundred times as long as for the requests themselves.
        return self.with_fio and self.target != "names" and self.engine in fio.engines

    def floor(self, bench):
        with self.place(bench) as target:
            made, spent = bench.bare.requests_and_ns(self.loop, target, bench.seconds)
        return spent / made

    def sample(self, bench, program, engine):
        with self.place(bench) as target:
            text = self.job(bench, engine, target, program.is_fio)
            if self.threads:
                document, spent = program.run_with_cpu(text)
                return (spent - start_ns(bench, program, text)) / requests(document)
            document = program.run(text)
            if self.unit is KIOPS:
                return iops(document) / 1e3
            return cpu_ns_per_request(document)

    def place(self, bench):
        return Place(bench.places, self.target)

    def job(self, bench, engine, target, is_fio):
        """The row's load; engine null: the same load without the target."""
        lines = ["[global]", f"ioengine={engine}", "bs=4k", "thread", "invalidate=0", *self.shape]
        if engine == "null" != self.engine:
            return self.harness_job(lines, bench.timed)
        lines += [*self.options, *(() if is_fio else self.ours)]
        if self.target == "net":
            return job_text(lines, *self.net_sides(target, bench.timed, is_fio))
        lines.append(f"rw={self.rw}")
        if self.target == "names":
            return job_text(lines, ("names", self.name_options(target, bench.timed)))
        where = [f"size={NULL_BYTES}"]
        if self.target != "null":
            where = [f"filename={target}", f"size={HOT_FILE_BYTES}"]
        return job_text(lines + bench.timed, ("bench", where))

    def harness_job(self, lines, timed):
        lines += timed
        if self.queued:
            lines.append("null.completion=async")
        if self.target == "names":  # as many files, a request for each
            return job_text(lines, ("names", ["rw=read", f"nrfiles={NAMES}", "filesize=4k"]))
        sides = ("read", "write") if self.target == "net" else ("randread",)
        lines.append(f"size={HOT_FILE_BYTES}")
        return job_text(lines, *((side, [f"rw={side}"]) for side in sides))

    def net_sides(self, target, timed, is_fio):
        if self.loop == "net-unix":
            both, connect = ["protocol=unix", f"filename={target}"], []
        else:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                both, connect = [f"port={probe.getsockname()[1]}"], ["hostname=127.0.0.1"]
        # In fio a connector does not wait for its listener.
        later = ["startdelay=1"] if is_fio else []
        yield "receive", [*both, "listen", "rw=read", "size=1t"]
        yield "send", [*both, *connect, *later, *timed, "rw=write", "size=1t"]

    def name_options(self, target, timed):
        options = [f"directory={target}", f"nrfiles={NAMES}", "filename_format=name.$filenum"]
        return options + (timed if self.rw == "read" else [])


class Place:
    """A target for one run."""

    def __init__(self, places, target):
        self.places, self.target = places, target

    def __enter__(self):
        return NULL_BYTES if self.target == "null" else self.places.take(self.target)

    def __exit__(self, *_):
        self.places.give_back(self.target)


def must_open_directly(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
    except OSError as error:
        raise Missing(f"{path} cannot be read past the caches: {error.strerror}") from error


def job_text(common, *sections):
    lines = list(common)
    for name, options in sections:
        lines += [f"[{name}]", *options]
    return "\n".join(lines) + "\n"


def start_ns(bench, program, text):
    """CPU nanoseconds of the same program for one request: its start and end."""
    key = (program.name, text)
    if key not in bench.start_ns:
        one = text.replace("time_based\n", "number_ios=1\n")
        bench.start_ns[key] = statistics.median(program.run_with_cpu(one)[1] for _ in range(3))
    return bench.start_ns[key]


@dataclass(frozen=True, kw_only=True)
class Verified(Row):
    """How much data is verified, of a small file that stays in the caches. check reads a file that
    the same program has stamped, and looks at all of it; write makes and stamps what it writes."""
    method: str
    block: str = "64k"
    phase: str = "check"
    lanes: str = None  # the widest that iodyno may use
    pool: int = 0  # threads of verify_async
    unit: Unit = MB_PER_CPU_SECOND
    turns: float = 2 / 3

    def runners(self, bench, floor=True):
        found = {}
        for name, program in bench.programs.items():
            self.run(bench, program, "write", [])  # what the check will want to find
            found[name] = lambda program=program: self.sample(bench, program)
        if floor and self.phase == "check":
            found["floor"] = lambda: self.floor(bench)
        return found

    def floor(self, bench):
        """What is read and not looked at."""
        block = int(self.block.rstrip("k")) << 10
        loop = f"-b {block} -o sequential pread"
        made, spent = bench.bare.requests_and_ns(loop, self.file(bench, "iodyno"), bench.seconds)
        return made * block / spent * 1e3

    def sample(self, bench, program):
        document, spent = self.run(bench, program, self.phase, bench.timed)
        self.assert_verified(document, program)
        job = document["jobs"][0]
        if self.unit is MB_PER_SECOND:
            return bytes_of(document) / 1e3 / job["job_runtime"]
        if self.pool:  # whose threads are not the job's
            spent -= start_ns(bench, program, self.job(bench, program, self.phase, bench.timed))
        else:
            spent = cpu_ns(job)
        return bytes_of(document) / spent * 1e3

    def run(self, bench, program, phase, length):
        with programs.lanes(self.lanes):
            return program.run_with_cpu(self.job(bench, program, phase, length))

    def job(self, bench, program, phase, length):
        lines = ["[verify]", "ioengine=psync", "thread", "invalidate=0", f"bs={self.block}",
                 f"filename={self.file(bench, program.name)}", f"size={VERIFIED_BYTES}", *length]
        lines += ["rw=read"] if phase == "check" else ["rw=write", "do_verify=0",
                                                       "verify_state_save=0"]
        if self.method != "none":
            lines.append(f"verify={self.method}")
        if self.pool and phase == "check":
            lines.append(f"verify_async={self.pool}")
        return job_text(lines)

    def file(self, bench, name):
        """Each program's own: it reads only its own stamps."""
        return bench.places.scratch / f"{name}.data"

    def assert_verified(self, document, program):
        """fio's status says it; iodyno can be asked how much it was."""
        if program.is_fio or self.phase != "check" or self.method == "none":
            return
        verified = document["jobs"][0]["verify"]["verified_bytes"]
        if verified != bytes_of(document):
            raise RunFailed(f"{self.name}: {program.name} read {bytes_of(document)} bytes and "
                            f"verified {verified}")


@dataclass(frozen=True, kw_only=True)
class Whole(Row):
    """Of a whole run of the program: how long it takes, or its memory, by number of threads."""
    threads: int
    pinned: bool = False

    def runners(self, bench):
        text = job_text(["[whole]", "ioengine=null", "rw=randread", "bs=4k", "thread",
                         f"numjobs={self.threads}", "group_reporting", *self.length])
        found = {name: lambda program=program: self.sample(program.command(text))
                 for name, program in bench.programs.items()}
        found["floor"] = lambda: self.sample(
            bench.bare.command("crowd", self.threads, self.idle_seconds))
        return found


@dataclass(frozen=True, kw_only=True)
class StartUp(Whole):
    """Start to end of a run in which each thread makes one request."""
    unit: Unit = MS
    turns: float = 5 / 3
    length: tuple = field(default=("size=4k", "number_ios=1"), init=False)
    idle_seconds: float = field(default=0, init=False)

    def sample(self, command):
        return programs.wall_ms(command)


@dataclass(frozen=True, kw_only=True)
class Memory(Whole):
    """Of all processes of the program, as it mostly is; threads that think between requests, so
    that whoever looks finds a processor."""
    unit: Unit = MIB
    turns: float = 1 / 3
    length: tuple = field(default=("size=1g", "time_based", "runtime=400ms", "thinktime=10ms"),
                          init=False)
    idle_seconds: float = field(default=0.4, init=False)

    def sample(self, command):
        return programs.memory_mib(command)


NULL_BYTES = 1 << 30
VERIFIED_BYTES = 4 << 20
NAMES = 20_000  # as bare.c
DEPTH = ("iodepth=32",)
BATCHES = (*DEPTH, "iodepth_batch_submit=32", "iodepth_batch_complete_min=32",
           "iodepth_batch_complete_max=32")
FIXED = ("fixedbufs=1", "registerfiles=1")
NO_CLOCK = ("gtod_reduce=1",)
NO_MAP = ("norandommap",)
DIRECT = ("direct=1",)

# Loops begin with -s where latencies are measured: two readings of the clock are part of the floor.
REQUESTS = [
    Requests(name="null randread, depth 1", engine="null", target="null", loop="-s null-1",
             at_least=2.2, aim=2.7, fio=(107, 99)),
    Requests(name="null randread, depth 32", engine="null", target="null", loop="-s null-32",
             shape=DEPTH, at_least=3.5, aim=5.3, fio=(169, 159)),
    Requests(name="null read, depth 1, gtod_reduce", engine="null", target="null", rw="read",
             loop="-o sequential null-1", options=NO_CLOCK, at_least=4.8, aim=8, fio=(53, 48)),
    Requests(name="null randread, batches of 32, gtod_reduce, norandommap", engine="null",
             target="null", loop="-o anywhere null-32-batch", shape=BATCHES,
             options=(*NO_CLOCK, *NO_MAP), at_least=4.2, aim=6.8, fio=(59, 51)),
    Requests(name="psync", engine="psync", loop="-s pread", at_least=1.25, aim=1.4,
             adds=95, fio=(877, 837)),
    Requests(name="psync, gtod_reduce, norandommap", engine="psync", loop="-o anywhere pread",
             options=(*NO_CLOCK, *NO_MAP), at_least=1.2, aim=1.3, adds=52, fio=(654, 628)),
    Requests(name="mmap", engine="mmap", loop="-s memcpy", at_least=1.9, aim=2.5,
             adds=44, fio=(251, 213)),
    Requests(name="io_uring, depth 32, one submit each", engine="io_uring", target="cached",
             loop="-s io_uring-1", shape=DEPTH, at_least=1.1, adds=80, fio=(1275, 1241)),
    Requests(name="io_uring, batches of 32", engine="io_uring", target="cached",
             loop="-s io_uring-32", shape=BATCHES, at_least=1.15, aim=1.3, adds=81,
             fio=(695, 719)),
    Requests(name="io_uring, batches, fixed, gtod_reduce", engine="io_uring", target="cached",
             loop="io_uring-fixed-32", shape=BATCHES, options=(*FIXED, *NO_CLOCK),
             at_least=1.08, aim=1.15, adds=45, fio=(583, 651)),
    Requests(name="libaio, batches of 32", engine="libaio", loop="-s libaio-32", shape=BATCHES,
             at_least=1.15, aim=1.3, adds=80, fio=(753, 743)),
    Requests(name="zram, direct, psync", engine="psync", target="zram", loop="-d -s pread",
             options=DIRECT, at_least=1, parity=True),
    Requests(name="loop, direct, io_uring, depth 32", engine="io_uring", target="loop",
             options=DIRECT, shape=DEPTH, unit=KIOPS, at_least=1, parity=True, pinned=False,
             turns=2),
    Requests(name="disk, direct, libaio, depth 32", engine="libaio", target="cached",
             options=DIRECT, shape=DEPTH, unit=KIOPS, at_least=1, parity=True, pinned=False,
             turns=2),
]

WHOLE = [
    StartUp(name="one request, start to end", threads=1, at_least=31, aim=62, fio=(315, 430)),
    StartUp(name="256 threads, start to end", threads=256, at_least=13, aim=20, fio=(588, 635)),
    Memory(name="memory of one job", threads=1, at_least=1.5, aim=2.5, fio=(27, 4.0)),
    Memory(name="memory of 256 threads", threads=256, at_least=4, aim=8, fio=(90, 64)),
]

# Methods of verification: what they are to reach by block, the aim at 64k, fio 3.33 and 3.42 there.
BLOCKS = ("64k", "4k")
PHASES = ("check", "write")


@dataclass(frozen=True)
class Method:
    name: str
    at_least: tuple = (None, None)
    aim: float = None
    fio: tuple = ()
    lanes: str = None  # the widest that iodyno may use

    @property
    def title(self):
        return self.name + (f", {self.lanes}" if self.lanes else "")

    @property
    def what(self):
        return "plain read" if self.name == "none" else f"verify {self.title}"

    def row(self, block, phase):
        first = (block, phase) == ("64k", "check")
        return Verified(
            name=", ".join([self.what, block] + ([phase] if phase != "check" else [])),
            method=self.name, lanes=self.lanes, block=block, phase=phase, quick=first,
            at_least=dict(zip(BLOCKS, self.at_least))[block],
            **({"aim": self.aim, "fio": self.fio} if first else {}))


METHODS = [
    Method("none"),
    Method("crc32", (12, 7), 18, (425, 436)),
    Method("crc64", (10, 10), 17, (486, 481)),
    Method("crc32c", (1.3, 1.3), 1.6, (5065, 5162)),
    Method("xxhash", (1.05, 1.05), 1.2, (1588, 4709)),
    Method("sha256", (4.5, 4.5), 5.2, (334, 240)),
    Method("sha512", (1.3, 1.3), 1.45, (518, 605)),
    Method("md5", (6, 6), 9, (705, 642)),
    Method("md5", (3.5, 3.5), fio=(705, 642), lanes="avx2"),
]


def suite_rows():
    """Every line of what the project promises. md5 as the lanes of this processor allow."""
    widest = programs.machine()["lanes"]
    methods = [method for method in METHODS if method.lanes is None]
    if widest != "avx512":
        methods = [method for method in methods if method.name != "md5"]
        methods += [method for method in METHODS if method.lanes == widest == "avx2"]
    verified = [method.row(block, "check") for block in BLOCKS for method in methods]
    return [*REQUESTS, *verified, *WHOLE]


# What one engine adds to the system calls beneath it. The loops measure no latencies here: what
# that costs is the harness's.
ENGINES = [
    Requests(name="sync", engine="sync", loop="lseek-read"),
    Requests(name="psync", engine="psync", loop="pread"),
    Requests(name="vsync", engine="vsync", loop="lseek-readv", queued=True),
    Requests(name="pvsync", engine="pvsync", loop="preadv"),
    Requests(name="pvsync2", engine="pvsync2", loop="preadv2"),
    Requests(name="mmap", engine="mmap", loop="memcpy"),
    Requests(name="mmap, copy=kernel", engine="mmap", loop="process_vm_readv",
             ours=("mmap.copy=kernel",), with_fio=False),
    Requests(name="splice", engine="splice", loop="splice-read"),
    Requests(name="libaio", engine="libaio", loop="libaio-1", queued=True),
    Requests(name="posixaio", engine="posixaio", loop="aio_read", queued=True, threads=True,
             pinned=False),
    Requests(name="io_uring", engine="io_uring", loop="io_uring-1", target="cached", queued=True),
    Requests(name="syslet-rw", engine="syslet-rw", loop="preadv2-nowait", target="cached",
             threads=True, pinned=False),
    Requests(name="net, tcp", engine="net", loop="net-tcp", target="net", pinned=False),
    # fio 3.33 ends a job on a unix socket with EISCONN, or not at all where it has a time.
    Requests(name="net, unix", engine="net", loop="net-unix", target="net", pinned=False,
             with_fio=False),
    Requests(name="falloc", engine="falloc", loop="fallocate"),
    Requests(name="ftruncate", engine="ftruncate", loop="ftruncate", rw="randwrite",
             target="scratch"),
    Requests(name="filecreate", engine="filecreate", loop="creat", rw="write", target="names"),
    Requests(name="filestat", engine="filestat", loop="stat", rw="read", target="names"),
    Requests(name="filedelete", engine="filedelete", loop="unlink", rw="write", target="names"),
    Requests(name="dircreate", engine="dircreate", loop="mkdir", rw="write", target="names"),
    Requests(name="dirstat", engine="dirstat", loop="stat-directory", rw="read", target="names"),
    Requests(name="dirdelete", engine="dirdelete", loop="rmdir", rw="write", target="names"),
    Requests(name="libaio, batches of 32", engine="libaio", loop="libaio-32", shape=BATCHES),
    Requests(name="io_uring, batches of 32", engine="io_uring", loop="io_uring-32",
             shape=BATCHES, target="cached"),
    Requests(name="io_uring, batches, fixed", engine="io_uring", loop="io_uring-fixed-32",
             options=FIXED, shape=BATCHES, target="cached"),
]
