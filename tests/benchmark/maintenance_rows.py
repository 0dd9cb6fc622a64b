"""What the rows of maintenance do: each gives values, a table and details."""

import json
import os
import pathlib
import statistics
import subprocess
import threading
import time

import corpus
import measure
import stages
from cairn_tool import snapshot_name
from maintenance_figures import mark_table, mark_values, throughput_during
from measure import GIB, MIB, Command, Failed
from peers import PEERS
from rows import must_equal_tar, tar_of
from saved_tool import Saved, copy_tree

STAGE_BENCHMARK = "tests/benchmark/stage_benchmark"
FILL_INDEX = "tests/benchmark/fill_index"
TOOLS = ("cairn", "restic", "borg")
CHUNK_BYTES = 256 << 10
# Of the store of sweep and beside: what is backed up at one time.
PART_MIB = 512
# Of beside: how many backups are timed without gc.
ALONE = 6
# A chunk of a stream is longer.
STAMP_BYTES = 16 << 10


def run_stages(bench, pattern, environment, repetitions):
    return stages.run(bench.program(STAGE_BENCHMARK), bench.folder,
                      repetitions, pattern, environment)


def ask(bench, tool, *arguments):
    """Seconds of a command of `cairn`, and its answer."""
    answer = os.path.join(bench.memory, "answer.json")
    timed = measure.run([tool.command(*arguments, "--output-format=json")],
                        tool.environment, output=answer)
    return timed.seconds, json.loads(pathlib.Path(answer).read_text())


def median(values):
    return statistics.median(values)


def table(head, rows):
    """Lines in Markdown; all but the first column are numbers."""
    return ["| " + " | ".join(head) + " |",
            "|---|" + "---:|" * (len(head) - 1),
            *("| " + " | ".join(row) + " |" for row in rows)]


def seconds_row(name, seconds):
    """Median and all of them."""
    return [name, f"{median(seconds):.3f}",
            " ".join(f"{one:.3f}" for one in seconds)]


SECONDS_HEAD = ("what", "seconds", "each round")


# --- mark, verify: stages in one process ---

def measure_mark(bench):
    found = run_stages(bench, "BM_MarkAndPlan/",
                       {"CAIRN_MARK": bench.options.mark}, 1)
    return mark_values(found), mark_table(found), found


def measure_verify(bench):
    found = run_stages(bench, "BM_VerifyDeep", {}, bench.options.rounds)
    one = found[0]
    lines = table(
        ("deep verify", "GB/s", "of the limit", "of the limit's CPU time",
         "compressed"),
        [["two threads, packs in the page cache",
          f"{one['bytes_per_second'] / 1e9:.2f}", f"{one['of_limit']:.3f}",
          f"{one['of_limit_cpu']:.3f}", f"{one['compression']:.2f}"]])
    return {"verify_of_limit": one["of_limit"]}, lines, found


# --- sweep: what a gc costs beside the disk ---

def pack_files(data):
    return sorted(str(path) for path in pathlib.Path(data).rglob("*.pack"))


def half_store(bench):
    """A saved suite, made once: once forget_wholes was called, every other
    chunk of each pack is garbage."""
    if "half" in bench.kept:
        return bench.kept["half"]
    saved = bench.kept["half"] = Saved(bench, "cairn", "half")
    whole = os.path.join(bench.memory, "whole.bin")
    half = os.path.join(bench.memory, "half.bin")
    for part in range(parts_of(bench)):
        with open(whole, "wb") as every, open(half, "wb") as other:
            for number in range(part_mib(bench) * MIB // CHUNK_BYTES):
                chunk = os.urandom(CHUNK_BYTES)
                every.write(chunk)
                if number % 2:
                    other.write(chunk)
        for name, path in (("whole", whole), ("half", half)):
            back_up(bench, saved.tool, f"host/{name}-{part}", 0,
                    f"disk.img:{path}")
    os.unlink(whole)
    os.unlink(half)
    # What is left for a gc from the way it was filled.
    ask(bench, saved.tool, "gc", "--wait")
    saved.save()
    return saved


def part_mib(bench):
    return min(PART_MIB, bench.options.store)


def parts_of(bench):
    return bench.options.store // part_mib(bench)


def back_up(bench, tool, group, number, archive):
    """Seconds."""
    return ask(bench, tool, "backup", group, archive,
               f"--backup-time={snapshot_name(number)}")[0]


def forget_wholes(bench, tool):
    ask(bench, tool, "forget", "--trash-time=0",
        *(f"host/whole-{part}/{snapshot_name(0)}"
          for part in range(parts_of(bench))))


def timed_gc(bench, tool):
    """Seconds, CPU seconds of the servers, and the result."""
    bench.cool()
    tool.warm_up()
    servers = measure.ServerCosts(tool.servers)
    seconds, answer = ask(bench, tool, "gc", "--wait")
    cpu = sum(cost.cpu_seconds for cost in servers.taken().values())
    return seconds, cpu, answer["task"]["result"]


def read_seconds(bench, paths):
    bench.cool()
    return measure.run([Command("cat", ["cat", *paths])]).seconds


def copy_seconds(bench, paths, size_bytes):
    """Of so many bytes of the files, read, written to one file and synced."""
    chosen, total = [], 0
    for path in paths:
        if total < size_bytes:
            chosen.append(path)
            total += os.path.getsize(path)
    target = os.path.join(bench.folder, "limit")
    bench.cool()
    taken = measure.run([Command("cat", [
        "sh", "-c", 'cat "$@" > "$0" && sync "$0"', target, *chosen])])
    os.unlink(target)
    return taken.seconds * size_bytes / total


def measure_sweep(bench):
    saved = half_store(bench)
    rounds = range(bench.options.rounds)
    idle, read, half, cpu, copy = [], [], [], [], []
    tool = saved.open()
    packs = pack_files(tool.data)
    pack_bytes = sum(os.path.getsize(path) for path in packs)
    for _ in rounds:
        seconds, _, result = timed_gc(bench, tool)
        if result["freed_bytes"] or result["dropped_records"]:
            raise Failed(f"a gc that was to free nothing: {result}")
        idle.append(seconds)
        read.append(read_seconds(bench, packs))
    saved.close()
    for _ in rounds:
        tool = saved.open()
        forget_wholes(bench, tool)
        seconds, spent, result = timed_gc(bench, tool)
        half.append(seconds)
        cpu.append(spent)
        saved.close()
        copy.append(copy_seconds(bench, pack_files(saved.copy),
                                 result["copied_bytes"]))
    freed, copied = result["freed_bytes"], result["copied_bytes"]
    lines = table(SECONDS_HEAD, [
        seconds_row("a gc that frees nothing", idle),
        seconds_row(f"reading {pack_bytes / GIB:.2f} GiB of packs", read),
        seconds_row(f"a gc that frees {freed / GIB:.2f} GiB and copies "
                    f"{copied / GIB:.2f}", half),
        seconds_row("CPU of the server for it", cpu),
        seconds_row("a copy of as many bytes, synced", copy)])
    details = {"idle": idle, "read": read, "half": half, "cpu": cpu,
               "copy": copy, "pack_bytes": pack_bytes, "freed_bytes": freed,
               "copied_bytes": copied}
    return {"idle_over_read": median(idle) / median(read),
            "half_over_copy": median(half) / median(copy)}, lines, details


# --- beside: backups while a gc copies ---

class Gc:
    """A gc in the background, from now on."""

    def __init__(self, bench, tool):
        self._answer = os.path.join(bench.memory, "gc.json")
        self._least = bench.options.store * MIB // 4
        self._tool = tool
        self._end = None
        self._code = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with open(self._answer, "wb") as answer:
            self._code = subprocess.run(
                [self._tool.binary, "gc", "--wait", "--output-format=json"],
                env=self._tool.environment, stdout=answer,
                stderr=subprocess.DEVNULL, check=False).returncode
        self._end = time.monotonic()

    def is_running(self):
        return self._thread.is_alive()

    def end(self):
        """When it was over; it must have freed what it was to free."""
        self._thread.join()
        answer = pathlib.Path(self._answer).read_text()
        if self._code != 0 or json.loads(answer)["task"]["result"][
                "freed_bytes"] < self._least:
            raise Failed(f"gc beside backups: exit code {self._code}\n"
                         f"{answer}\n{self._tool.servers.log_tail()}")
        return self._end


class SmallBackups:
    """Backs up small files one after the other, until it is stopped."""

    def __init__(self, bench, tool):
        self.samples = []  # (start, end)
        self.error = None
        self._tool = tool
        self._path = os.path.join(bench.memory, "small")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        if self.error is not None:
            raise Failed(f"a small backup: {self.error}")

    def _run(self):
        number = 0
        while not self._stopped.is_set() and self.error is None:
            pathlib.Path(self._path).write_bytes(os.urandom(1000))
            start = time.monotonic()
            done = subprocess.run(
                [self._tool.binary, "backup", "host/small",
                 f"small.blob:{self._path}",
                 f"--backup-time={snapshot_name(number)}"],
                env=self._tool.environment, capture_output=True, check=False)
            self.samples.append((start, time.monotonic()))
            number += 1
            if done.returncode != 0:
                self.error = done.stderr.decode(errors="replace")[-2000:]

    def longest(self, start, end):
        """Of those that overlap a time."""
        return max((last - first for first, last in self.samples
                    if first < end and last > start), default=0)


def stamp(path, number):
    """Makes every chunk of a file another one than it was."""
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        for offset in range(0, size, STAMP_BYTES):
            file.seek(offset)
            file.write(number.to_bytes(8, "big"))


def beside_round(bench, tool, path):
    """Throughput alone and beside gc, and the longest small backups."""
    size = os.path.getsize(path)
    samples = []

    def back_up_next():
        stamp(path, len(samples) + 1)
        start = time.monotonic()
        back_up(bench, tool, "host/big", len(samples), f"big.raw:{path}")
        samples.append((start, time.monotonic(), size))

    # After a start all counts as touched in the epoch that was: with sessions
    # open beside it, only the second gc from there on may drop anything.
    ask(bench, tool, "gc", "--wait")
    forget_wholes(bench, tool)
    bench.cool()
    tool.warm_up()
    small = SmallBackups(bench, tool)
    try:
        start = time.monotonic()
        for _ in range(ALONE):
            back_up_next()
        middle = time.monotonic()
        gc = Gc(bench, tool)
        while gc.is_running():
            back_up_next()
        end = gc.end()
    finally:
        small.stop()
    beside = throughput_during(samples, middle, end)
    if beside is None:
        raise Failed(
            f"gc was over in {end - middle:.2f} s, and no backup as soon: "
            f"{[round(last - first, 2) for first, last, _ in samples]}; take "
            "a larger --store or a smaller --backup")
    return {"alone": throughput_during(samples, start, middle),
            "beside": beside, "gc_seconds": end - middle,
            "longest_alone": small.longest(start, middle),
            "longest_beside": small.longest(middle, end)}


def measure_beside(bench):
    saved = half_store(bench)
    path = os.path.join(bench.memory, "big.bin")
    corpus.write_random(path, bench.options.backup * MIB, "beside")
    found = []
    for _ in range(bench.options.rounds):
        found.append(beside_round(bench, saved.open(), path))
        saved.close()
    os.unlink(path)
    lines = table(("round", "alone GiB/s", "beside gc GiB/s", "gc s",
                   "longest small alone s", "beside gc s"),
                  [[str(number), f"{one['alone'] / GIB:.3f}",
                    f"{one['beside'] / GIB:.3f}", f"{one['gc_seconds']:.2f}",
                    f"{one['longest_alone']:.3f}",
                    f"{one['longest_beside']:.3f}"]
                   for number, one in enumerate(found, 1)])
    return {"beside_over_alone": median(
                one["beside"] / one["alone"] for one in found),
            "longest_small_seconds": max(one["longest_beside"]
                                         for one in found)}, lines, found


# --- peers: forget and gc of the oldest generations ---

def fill_generations(bench, name, folders):
    """The tool with a backup of each folder, saved."""
    saved = bench.kept[name] = Saved(bench, name, name)
    for number, folder in enumerate(folders):
        measure.run(saved.tool.back_up_pipe(tar_of(folder), number),
                    saved.tool.environment, bench.folder)
    saved.save()
    return saved


def drop_round(bench, saved, count, folders):
    """Removes the oldest; what it took, and what it gave back."""
    tool = saved.open()
    before = tool.repository_bytes()
    bench.cool()
    tool.warm_up()
    servers = tool.servers and measure.ServerCosts(tool.servers)
    seconds, cpu = 0, 0
    for command in tool.remove_oldest(count, len(folders)):
        timed = measure.run([command], tool.environment)
        seconds += timed.seconds
        cpu += sum(cost.cpu_seconds for cost in timed.costs.values())
    if servers:
        cpu += sum(cost.cpu_seconds for cost in servers.taken().values())
    restored = os.path.join(bench.folder, "restored")
    measure.run([tool.restore_pipe(len(folders) - 1)[0]], tool.environment,
                output=restored)
    must_equal_tar(restored, folders[-1])
    os.unlink(restored)
    after = tool.repository_bytes()
    saved.close()
    return {"seconds": seconds, "cpu_seconds": cpu, "before_bytes": before,
            "after_bytes": after}


def measure_peers(bench):
    options = bench.options
    place = os.path.join(options.folder, f"corpus-{options.size}")
    corpus.ensure(place, options.size, ("src", "series"))
    folders = [os.path.join(place, name)
               for name in corpus.PARTS["series"]][:options.generations]
    names = [name for name in options.tools
             if name == "cairn" or PEERS[name].is_installed()]
    tools = {name: fill_generations(bench, name, folders) for name in names}
    found = {name: [] for name in names}
    for _ in range(options.rounds):
        for name, saved in tools.items():
            found[name].append(
                drop_round(bench, saved, len(folders) // 2, folders))
    for name in names:
        bench.kept.pop(name).discard()
    taken = {name: median(one["seconds"] for one in some)
             for name, some in found.items()}
    lines = table(("tool", "wall s", "each round", "CPU s", "before MiB",
                   "after MiB"),
                  [[name, f"{taken[name]:.2f}",
                    " ".join(f"{one['seconds']:.2f}" for one in some),
                    f"{median(one['cpu_seconds'] for one in some):.2f}",
                    f"{some[-1]['before_bytes'] / MIB:.0f}",
                    f"{some[-1]['after_bytes'] / MIB:.0f}"]
                   for name, some in found.items()])
    values = {f"over_{name}": taken["cairn"] / taken[name]
              for name in names if name != "cairn" and "cairn" in taken}
    return values, lines, found


# --- prune: very many snapshots ---

def fill_snapshots(bench):
    saved = bench.kept["prune"] = Saved(bench, "cairn", "prune")
    small = os.path.join(bench.memory, "small")
    pathlib.Path(small).write_bytes(b"small")
    back_up(bench, saved.tool, "host/other", 0, f"small.blob:{small}")
    saved.save()
    # Where a sync costs nothing.
    fast = os.path.join(bench.memory, "prune")
    copy_tree(saved.copy, fast)
    filled = subprocess.run(
        [bench.program(FILL_INDEX), os.path.join(fast, "data"),
         str(bench.options.groups), str(bench.options.snapshots)],
        check=False, capture_output=True, text=True)
    if filled.returncode != 0:
        raise Failed(f"fill_index: {filled.stderr[-2000:]}")
    saved.replace(fast)
    return saved


def measure_prune(bench):
    options = bench.options
    saved = fill_snapshots(bench)
    # So that a prune has to forget nearly all of them.
    rules = ("prune", "--recursive", "--keep-last=1", "--allow-share",
             "--allow-last-good")
    wanted = options.groups * (options.snapshots - 1)
    plans, executions = [], []
    for _ in range(options.rounds):
        tool = saved.open()
        bench.cool()
        tool.warm_up()
        seconds, plan = ask(bench, tool, *rules, "--dry-run")
        plans.append(seconds)
        seconds, done = ask(bench, tool, *rules, "--wait",
                            f"--plan={plan['plan_hash']}")
        executions.append(seconds)
        for result in (plan["result"], done["task"]["result"]):
            if result["forgotten"] != wanted:
                raise Failed(f"{wanted} were to be forgotten: {result}")
        saved.close()
    bench.kept.pop("prune").discard()
    lines = table(SECONDS_HEAD, [
        seconds_row(f"plan of {options.groups * options.snapshots:,} in "
                    f"{options.groups:,} groups, all decisions printed",
                    plans),
        seconds_row(f"execution: {wanted:,} forgotten", executions)])
    return {"prune_plan_seconds": median(plans),
            "prune_seconds": median(executions)}, lines, {
                "plans": plans, "executions": executions}


MEASURES = {"mark": measure_mark, "sweep": measure_sweep,
            "peers": measure_peers, "beside": measure_beside,
            "prune": measure_prune, "verify": measure_verify}
