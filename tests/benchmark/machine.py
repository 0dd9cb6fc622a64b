"""What the machine is, and what it can do at most, in the same run."""

import datetime
import os
import platform
import re
import statistics
import subprocess

import measure
from measure import GIB, Command
from rows import tar_of


def facts(versions):
    """(name, value) of all that a reader needs to place the numbers."""
    info = _read("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.*)", info)
    flags = re.search(r"flags\s*:\s*(.*)", info)
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    release = re.search(r'PRETTY_NAME="(.*)"', _read("/etc/os-release"))
    has = [flag for flag in ("sha_ni", "avx2", "avx512f")
           if flags and flag in flags[1].split()]
    return [
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime(
            "%Y-%m-%d %H:%M UTC")),
        ("CPU", f"{model[1] if model else platform.machine()}, "
                f"{len(os.sched_getaffinity(0))} cores, {' '.join(has)}"),
        ("memory", f"{int(memory[1]) / (1 << 20):.0f} GiB" if memory
         else "not known"),
        ("kernel", platform.release()),
        ("system", release[1] if release else "not known"),
        ("load before", "%.2f %.2f %.2f" % os.getloadavg()),
        ("tools", "; ".join(versions)),
    ]


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def limits(corpus, rounds):
    """(name, GiB/s, seconds, CPU seconds) of what no backup can beat."""
    image = os.path.join(corpus, "vm.img")
    tree = os.path.join(corpus, "src")
    cat = Command("cat", ["cat", image])
    tries = []
    if os.path.exists(image):
        size = os.path.getsize(image)
        tries += [("read the image, cold", [cat], size),
                  ("the same through a pipe, cat to cat",
                   [cat, Command("cat 2", ["cat"])], size)]
    if os.path.exists(tree):
        size = pipe_bytes(tree)
        tries.append(("tar of the tree, cold", [
            tar_of(tree), Command("cat", ["cat"])], size))
        zstd = Command("zstd", ["zstd", "-3", "-T2", "-q", "-c"])
        if _is_there("zstd"):
            tries.append(("tar of the tree to zstd -3 -T2",
                          [tar_of(tree), zstd], size))
    return [_limit(name, commands, size, corpus, rounds)
            for name, commands, size in tries]


def _is_there(program):
    return subprocess.run(["which", program], check=False,
                          capture_output=True).returncode == 0


def _limit(name, commands, size, corpus, rounds):
    seconds, cpu = [], []
    for _ in range(rounds):
        measure.make_cold([corpus])
        timed = measure.run(commands)
        seconds.append(timed.seconds)
        cpu.append(sum(c.cpu_seconds for c in timed.costs.values()))
    wall = statistics.median(seconds)
    return name, size / GIB / wall, wall, statistics.median(cpu)


def pipe_bytes(folder):
    """Bytes of the tar of a folder."""
    with subprocess.Popen(tar_of(folder).arguments,
                          stdout=subprocess.PIPE) as tar:
        total = 0
        while piece := tar.stdout.read(measure.MIB):
            total += len(piece)
    return total
