"""A disk of its own that can lose power: a file system on a loop device."""

import array
import ctypes
import errno
import fcntl
import functools
import os
import subprocess

# FS_IOC_SHUTDOWN without a flush of the log: what was not made durable is
# gone after the next mount, as after a power cut. ext4 and XFS know it.
SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
CLONE_NEWNS = 0x00020000
BLOCK_BYTES = 4096


@functools.cache
def _own_mounts():
    """Mounts of this process and its children are seen by no other.

    Others, such as the sandboxes of a build beside this one, would copy them
    and keep a file system alive that was unmounted here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare; this needs root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class LoopDisk:
    """Needs root. Made before the first thread. `path` is the mount point while mounted."""

    def __init__(self, folder, kind="ext4", size_bytes=2 << 30):
        _own_mounts()
        self.image = os.path.join(folder, "disk.img")
        self.path = os.path.join(folder, "disk")
        os.makedirs(self.path, exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(size_bytes)
        options = {"ext4": ["-q", "-F", "-E", "lazy_itable_init=1"],
                   "xfs": ["-q", "-f"]}[kind]
        subprocess.run([f"mkfs.{kind}", *options, self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.path],
                       check=True)

    def unmount(self):
        subprocess.run(["umount", self.path], check=True)

    def free_bytes(self, of_root=False):
        """Also those that only root may take, as tests do."""
        stat = os.statvfs(self.path)
        return stat.f_frsize * (stat.f_bfree if of_root else stat.f_bavail)

    def fill(self, filler, free_bytes=0, of_root=False):
        """Makes the file `filler` longer until so much is left, to a block."""
        with open(filler, "ab") as file:
            step = 1 << 62
            while step >= BLOCK_BYTES:
                step = min(step, self.free_bytes(of_root) - free_bytes)
                step -= step % BLOCK_BYTES
                if step <= 0:
                    return
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), step)
                    file.seek(0, os.SEEK_END)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    # The file system needs some of it itself.
                    step //= 2

    def cut_power(self):
        """Every later access fails until `mount`."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, array.array("I", [NO_LOG_FLUSH]))
        finally:
            os.close(folder)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=False,
                       stderr=subprocess.DEVNULL)
        if os.path.exists(self.image):
            os.unlink(self.image)
