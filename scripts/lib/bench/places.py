"""What the competitors work on: files in memory, block devices; made on demand, gone at the end.

Used by rows.py through a `Places`, which is closed when the script ends, whatever ends it. Devices
are the script's own: it never touches one that was there.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from measure import Missing, RunFailed, output_of

HOT_FILE_BYTES = 16 << 20
BLOCK_BYTES = 4096
ZRAM = Path("/sys/class/zram-control")


def memory_directory():
    """Where files are in memory, and in which words."""
    shm = Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK):
        return shm, "tmpfs"
    return Path(tempfile.gettempdir()), "the temporary directory, no tmpfs here"


def directory_with_nowait():
    """Where reads of files in memory are promised not to wait: io_uring and RWF_NOWAIT ask for it.

    tmpfs promises nothing: there io_uring hands each request to a thread of the kernel's.
    """
    for directory in (Path(tempfile.gettempdir()), Path.cwd()):
        with tempfile.NamedTemporaryFile(dir=directory) as file:
            file.write(bytes(BLOCK_BYTES))
            file.flush()
            try:
                os.preadv(file.fileno(), [bytearray(BLOCK_BYTES)], 0, os.RWF_NOWAIT)
                return directory
            except OSError:
                pass
    raise Missing("no directory here has files whose reads promise not to wait (RWF_NOWAIT)")


def write_hot_file(path):
    """A file that is in memory when this is over, and not to be written back any more."""
    with open(path, "wb") as file:
        file.write(os.urandom(HOT_FILE_BYTES))
        file.flush()
        os.fsync(file.fileno())


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed():
    """Signals wait: what is made in here is either not there or known to whoever removes it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Places:
    """Open it with `with`; `scratch` is a directory in memory."""

    def __init__(self):
        self.stack = ExitStack()
        self.ready = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with undisturbed():
            self.stack.close()

    @cached_property
    def scratch(self):
        with undisturbed():
            return self.temporary(memory_directory()[0])

    @property
    def where(self):
        return memory_directory()[1]

    def temporary(self, directory):
        name = tempfile.TemporaryDirectory(prefix=f"iodyno-bench-{os.getpid()}-", dir=directory)
        return Path(self.stack.enter_context(name))

    def take(self, target):
        """The path of a target, made anew where a run uses it up. Raises Missing."""
        if target in ("memory", "cached", "zram", "loop"):
            if target not in self.ready:
                try:
                    with undisturbed():
                        self.ready[target] = getattr(self, target)()
                except Missing as missing:
                    self.ready[target] = missing
            if isinstance(self.ready[target], Missing):
                raise self.ready[target]
            return self.ready[target]
        self.give_back(target)
        path = self.scratch / "target"
        if target == "names":
            path.mkdir()
        elif target == "scratch":
            path.touch()
            os.truncate(path, HOT_FILE_BYTES)
        return path

    def give_back(self, target):
        path = self.scratch / "target"
        if target == "names":
            shutil.rmtree(path, ignore_errors=True)
        elif target in ("scratch", "net"):
            path.unlink(missing_ok=True)

    def memory(self):
        path = self.scratch / "hot"
        write_hot_file(path)
        return path

    def cached(self):
        path = self.temporary(directory_with_nowait()) / "hot"
        write_hot_file(path)
        return path

    def zram(self):
        """A device of its own, filled with what does not compress."""
        must_be_root("zram")
        if not ZRAM.is_dir():
            modprobe = shutil.which("modprobe")
            if not modprobe or subprocess.run([modprobe, "-q", "zram"]).returncode != 0:
                raise Missing("the kernel has no zram, and modprobe brings none")
            self.stack.callback(subprocess.run, [modprobe, "-q", "-r", "zram"])
        try:
            number = (ZRAM / "hot_add").read_text().strip()
            self.stack.callback(remove_zram, number)
            Path(f"/sys/block/zram{number}/disksize").write_text(str(HOT_FILE_BYTES))
            device = Path(f"/dev/zram{number}")
            if not device.is_block_device():
                raise Missing(f"{device} did not appear")
            write_hot_file(device)
        except OSError as error:
            raise Missing(f"no zram device can be made: {error}") from error
        return device

    def loop(self):
        must_be_root("a loop device")
        if not shutil.which("losetup"):
            raise Missing("losetup is missing: apt-get install mount")
        image = self.scratch / "image"
        write_hot_file(image)
        try:
            device = output_of(["losetup", "--find", "--show", str(image)]).strip()
        except RunFailed as failed:
            raise Missing(f"no loop device can be made: {' '.join(str(failed).split())}") \
                from failed
        self.stack.callback(subprocess.run, ["losetup", "--detach", device])
        return Path(device)


def must_be_root(what):
    if os.geteuid() != 0:
        raise Missing(f"{what} needs root")


def remove_zram(number):
    Path(f"/sys/block/zram{number}/reset").write_text("1")
    (ZRAM / "hot_remove").write_text(number)
