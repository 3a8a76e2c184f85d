# SPDX-License-Identifier: Apache-2.0
"""Small file systems in files, for tests of what a power cut leaves. Needs root."""
import contextlib
import functools
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

MIB = 1 << 20
MAKE = {"ext4": (48 * MIB, ["mkfs.ext4", "-q", "-F", "-J", "size=4", "-E", "lazy_itable_init=0"]),
        "xfs": (320 * MIB, ["mkfs.xfs", "-q", "-f"])}
# Nothing reaches the disk by itself while a test runs; and copies of one file system may be mounted together.
OPTIONS = {"ext4": "commit=600", "xfs": "nouuid"}


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout.strip()


def unmount(folder):
    """A program that was killed may take a while to let go of it."""
    for _ in range(50):
        if subprocess.run(["umount", folder], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    run("umount", folder)


def copy(image, to):
    run("cp", "--sparse=always", image, to)


def kinds():
    return [kind for kind, (_, make) in MAKE.items() if shutil.which(make[0])]


class Disk:
    """A file that stands for a disk. What was written to its file system and not synced is not in the file."""

    def __init__(self, kind, image, folder):
        self.kind, self.image, self.folder = kind, image, folder
        self.device = None
        folder.mkdir(exist_ok=True)

    def make(self, size=None):
        usual, command = MAKE[self.kind]
        size = size or usual
        with open(self.image, "wb") as file:
            file.truncate(size)
        run(*command, self.image)

    @contextlib.contextmanager
    def mounted(self):
        self.device = run("losetup", "--find", "--show", "--direct-io=on", self.image)
        try:
            state = pathlib.Path("/sys/block", os.path.basename(self.device))
            if (state / "loop/dio").read_text().strip() != "1":
                raise OSError("no direct I/O to the image")
            self.stat = state / "stat"
            run("mount", "-t", self.kind, "-o", OPTIONS[self.kind], self.device, self.folder)
            try:
                yield self
            finally:
                unmount(self.folder)
        finally:
            run("losetup", "--detach", self.device)

    def commit(self):
        """Names and sizes reach the disk, as they do every few seconds, and data that is not synced does not."""
        with open(self.folder / "committed", "ab") as file:
            file.write(b".")
            file.flush()
            os.fsync(file.fileno())

    def sync(self):
        run("sync", "--file-system", self.folder)

    def io(self):
        """What tells whether anything was written, and how much is under way."""
        numbers = self.stat.read_text().split()
        return numbers[4], numbers[6], numbers[8]

    def copy(self, to):
        """As it would be found after a power cut now; of one instant, as nothing was written meanwhile. Returns what
        is the same as long as nothing is written."""
        for _ in range(100):
            before = self.io()
            copy(self.image, to)
            if before[2] == "0" and self.io() == before:
                return before
            time.sleep(0.01)
        raise OSError("the disk never stands still")


def reason_to_skip():
    """Why there cannot be any disks here, or nothing."""
    if os.geteuid() != 0:
        return "only root mounts file systems"
    for needed in ("mkfs.ext4", "losetup", "mount", "cc"):
        if not shutil.which(needed):
            return f"there is no {needed}"
    try:
        place()
    except (OSError, subprocess.CalledProcessError) as problem:
        return f"no file system can be mounted here: {problem} {getattr(problem, 'stderr', '') or ''}"
    return None


@functools.cache
def place():
    """A folder for images, in memory where that can be: it takes no time to sync them."""
    for parent in ("/dev/shm", None):
        with tempfile.TemporaryDirectory(prefix="flowrun-disk-", dir=parent) as holder:
            disk = Disk("ext4", pathlib.Path(holder, "image"), pathlib.Path(holder, "mounted"))
            try:
                disk.make()
                with disk.mounted():
                    return parent
            except (OSError, subprocess.CalledProcessError):
                if parent is None:
                    raise


class CallListener:
    """Is told of the calls of a program under file_calls.c, which waits until `heard(when, call)` returns."""

    def __init__(self, folder, heard):
        self.heard, self.problem = heard, None
        self.path = str(folder / "calls")
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen()

    def __enter__(self):
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(60)
        self.server.close()
        os.unlink(self.path)
        if self.problem:
            raise self.problem

    def listen(self):
        try:
            peer, _ = self.server.accept()
            with peer, peer.makefile("r") as calls:
                for call in calls:
                    self.heard(*call.split())
                    peer.sendall(b".")
        except Exception as problem:  # the program ends with 99, as it has no answer
            self.problem = problem
