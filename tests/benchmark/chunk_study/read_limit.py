"""Limits how fast processes read a disk, by the kernel: root, cgroup v1."""

import os
import pathlib

BLKIO = pathlib.Path("/sys/fs/cgroup/blkio")


def disk_of(folder):
    """"MAJOR:MINOR" of the disk that `folder` is on."""
    number = os.stat(folder).st_dev
    name = f"{os.major(number)}:{os.minor(number)}"
    device = pathlib.Path("/sys/dev/block", name).resolve()
    if (device / "partition").exists():
        return (device.parent / "dev").read_text().strip()
    return name


class ReadLimit:
    """A group of processes; no limit until it is told one."""

    def __init__(self, folder, reads_per_second, bytes_per_second):
        self.disk = disk_of(folder)
        self.limits = {"read_iops_device": reads_per_second,
                       "read_bps_device": bytes_per_second}
        self.group = BLKIO / f"cairn-study-{os.getpid()}"
        self.group.mkdir()

    # A program that runs another one in the group, for Suite.prefix.
    @property
    def prefix(self):
        return ["/bin/sh", "-c",
                f'echo $$ > {self.group}/cgroup.procs && exec "$@"', "limit"]

    def set(self, limited):
        for name, limit in self.limits.items():
            (self.group / f"blkio.throttle.{name}").write_text(
                f"{self.disk} {limit if limited else 0}")

    def reads(self):
        """Of the disk, since the group was made."""
        text = (self.group / "blkio.throttle.io_serviced").read_text()
        for line in text.splitlines():
            disk, _, rest = line.partition(" ")
            if disk == self.disk and rest.startswith("Read "):
                return int(rest.split()[1])
        return 0

    def close(self):
        """After its processes have ended."""
        self.group.rmdir()
