"""Limits of the kernel for some processes: control groups, version 1."""

import os
import pathlib
import re
import signal
import time

import case

ROOT = pathlib.Path("/sys/fs/cgroup")


def missing(controller):
    """Why there can be none here; "" if there can."""
    if os.geteuid() != 0:
        return "not root"
    if not (ROOT / controller / "cgroup.procs").exists():
        return f"{ROOT / controller}: no control groups of version 1"
    return ""


def _own(controller):
    """Of this process: limits that hold for it hold for those below."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return ROOT / controller / path.lstrip("/")
    return ROOT / controller


class ControlGroup:
    """`prefix` is put before a command that is to run in it."""

    def __init__(self, test, controller, name):
        if missing(controller):
            test.skipTest("NO LIMITS ARE TRIED: " + missing(controller))
        self.path = _own(controller) / f"cairn-{os.getpid()}-{name}"
        self.path.mkdir()
        test.addCleanup(self.close)
        self.prefix = ["sh", "-c", 'echo $$ >"$0" && exec "$@"',
                       str(self.path / "cgroup.procs")]

    def set(self, name, value):
        (self.path / name).write_text(str(value))

    def get(self, name):
        return (self.path / name).read_text()

    def kept_bytes(self):
        """What it holds of memory that does not give way, as page cache does."""
        cache = re.search(r"^cache (\d+)$", self.get("memory.stat"),
                          re.MULTILINE)
        return int(self.get("memory.usage_in_bytes")) - int(cache.group(1))

    def close(self):
        """Whoever is in it is killed."""
        deadline = time.monotonic() + case.WAIT_SECONDS
        while self.path.exists():
            for pid in self.get("cgroup.procs").split():
                os.kill(int(pid), signal.SIGKILL)
            try:
                self.path.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(case.POLL_SECONDS)
