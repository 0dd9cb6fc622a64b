"""Times commands and pipelines, and tells what each process of them cost."""

import os
import pathlib
import subprocess
import tempfile
import time
from typing import NamedTuple

MIB = 1 << 20
GIB = 1 << 30
TICKS = os.sysconf("SC_CLK_TCK")
# Peak memory of what has ended. What wait4 tells is that of the parent before
# exec if that is more, and a Python is more than some that are measured here.
TIME = "/usr/bin/time"


class Failed(Exception):
    """A command that is measured ended with an error."""


class Command(NamedTuple):
    name: str
    arguments: list


class Cost(NamedTuple):
    cpu_seconds: float
    peak_mib: float


class Timed(NamedTuple):
    seconds: float
    costs: dict  # Cost by name of the process


def run(commands, environment=None, folder=None, output=os.devnull):
    """Runs commands as one pipeline, from /dev/null to the file `output`.

    The time is that until the last of them has ended."""
    if not os.path.exists(TIME):
        raise Failed(f"{TIME} is missing: install the package time")
    running = []
    with tempfile.TemporaryDirectory() as scratch, open(output, "wb") as out:
        errors = open(os.path.join(scratch, "errors"), "w+b")
        start = time.monotonic()
        source = subprocess.DEVNULL
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            process = subprocess.Popen(
                [TIME, "--quiet", "--format=%U %S %M",
                 f"--output={scratch}/{number}", *command.arguments],
                stdin=source, stdout=out if last else subprocess.PIPE,
                stderr=errors, env=environment, cwd=folder)
            if number > 0:
                source.close()
            source = process.stdout
            running.append(process)
        codes = [process.wait() for process in running]
        seconds = time.monotonic() - start
        with errors:
            if any(codes):
                errors.seek(0)
                raise Failed(f"{[c.arguments for c in commands]}: exit codes "
                             f"{codes}\n" + errors.read()[-3000:].decode(
                                 errors="replace"))
        costs = {command.name: read_cost(f"{scratch}/{number}")
                 for number, command in enumerate(commands)}
    return Timed(seconds, costs)


def read_cost(path):
    user, system, peak_kib = pathlib.Path(path).read_text().split()
    return Cost(float(user) + float(system), int(peak_kib) / 1024)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1]
    fields = fields.split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class ServerCosts:
    """What the processes of a suite spend from now on."""

    def __init__(self, suite):
        self.suite = suite
        for process in suite.processes.values():
            # Peak memory counts from here.
            pathlib.Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        self.before = {name: cpu_seconds(process.pid)
                       for name, process in suite.processes.items()}

    def taken(self):
        """Cost by name of the process."""
        peaks = self.suite.peak_bytes()
        return {name: Cost(cpu_seconds(process.pid) - self.before[name],
                           peaks[name] / MIB)
                for name, process in self.suite.processes.items()}


def make_cold(paths):
    """Makes the next reader of these files and folders go to the disk."""
    os.sync()
    if os.geteuid() == 0:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return
    for path in paths:
        names = [path] if os.path.isfile(path) else [
            os.path.join(parent, name)
            for parent, _, names in os.walk(path) for name in names]
        for name in names:
            descriptor = os.open(name, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def apparent_bytes(folder, left_out=()):
    """Of all files below a folder but those with a name of `left_out`."""
    return sum(os.lstat(os.path.join(parent, name)).st_size
               for parent, _, names in os.walk(folder)
               for name in names if name not in left_out)


def pipe_limit(source, size_bytes):
    """MiB/s of the same bytes through one pipe and nothing else."""
    taken = run([Command("cat", ["cat", source]), Command("cat", ["cat"])])
    return size_bytes / MIB / taken.seconds


def disk_limit(source, size_bytes, folder):
    """MiB/s of the same bytes written to the disk and synced."""
    target = os.path.join(folder, "limit")
    taken = run([Command("dd", ["dd", f"if={source}", f"of={target}", "bs=1M",
                                "conv=fsync", "status=none"])])
    os.unlink(target)
    return size_bytes / MIB / taken.seconds
