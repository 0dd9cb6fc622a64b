"""The rows of the comparison: which steps each tool goes through."""

import os
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

import measure
from measure import Command, Failed

PEER_NAMES = ("restic", "borg", "borg-repokey", "borg-zstd", "casync")


class Step(NamedTuple):
    name: str  # "first", "again", "changed", "restore"
    source: str = ""  # of the corpus; of a restore: what it must equal


class Row(NamedTuple):
    name: str
    title: str
    path: str  # of the source in its folder; "-": a tar of it through a pipe
    steps: tuple
    # Names and forms of Cairn's tools, (name, form, way), and peers' names.
    cairns: tuple
    peers: tuple


def _steps(first, changed, names="first again changed restore"):
    last = changed if "changed" in names else first
    return tuple(Step(name, {"changed": changed, "restore": last}.get(
        name, first)) for name in names.split())


IMAGE_STEPS = _steps("vm.img", "vm2.img")
TREE_STEPS = _steps("src", "src2")
FORM_STEPS = _steps("vm.img", "", "first again restore")
NOISE_STEPS = _steps("rnd.bin", "", "first restore")
UNIX = (("cairnd", "cairnd", "best"), ("split", "split", "best"))
LOOPBACK = (("plaintext", "tcp", "best"), ("tls", "tls", "best"))


def _streams(cairns):
    return tuple((name, form, "stream") for name, form, _ in cairns)


ROWS = (
    Row("image", "an image of a disk", "disk.img", IMAGE_STEPS,
        (("cairn", "cairnd", "best"),), PEER_NAMES),
    Row("tar", "tar of a source tree through a pipe", "-", TREE_STEPS,
        (("cairn", "cairnd", "best"),), ("restic", "borg")),
    Row("tree", "the source tree, read by each tool itself", "tree",
        TREE_STEPS, (("cairn", "cairnd", "best"),),
        ("restic", "borg", "casync")),
    Row("stream", "bytes that do not compress, as a raw stream", "rnd.bin",
        NOISE_STEPS, (("cairn", "cairnd", "stream"),), ("restic", "borg")),
    Row("split", "the image, cairnd against four processes on unix sockets",
        "disk.img", FORM_STEPS, UNIX, ()),
    Row("split-stream", "the raw stream, the same", "rnd.bin", NOISE_STEPS,
        _streams(UNIX), ()),
    Row("tls", "the image, four processes on loopback, plaintext against TLS",
        "disk.img", FORM_STEPS, LOOPBACK, ()),
    Row("tls-stream", "the raw stream, the same", "rnd.bin", NOISE_STEPS,
        _streams(LOOPBACK), ()),
)
# What --rows takes; one may stand for two.
GROUPS = {"image": ("image",), "tar": ("tar",), "tree": ("tree",),
          "stream": ("stream",), "split": ("split", "split-stream"),
          "tls": ("tls", "tls-stream")}


def tar_of(folder):
    return Command("tar", ["tar", "-C", folder, "--sort=name", "-cf", "-",
                           "."])


def must_equal_tar(restored, source):
    """Of a file: that it is the tar of the folder `source`."""
    with subprocess.Popen(tar_of(source).arguments,
                          stdout=subprocess.PIPE) as producer:
        compared = subprocess.run(["cmp", "-", restored],
                                  stdin=producer.stdout, check=False,
                                  capture_output=True, text=True)
    if compared.returncode != 0 or producer.returncode != 0:
        raise Failed("what came back is not what was backed up:\n"
                     + (compared.stdout + compared.stderr)[:2000])


class Bench:
    """Runs rows over one corpus, in a folder of its own below `folder`.

    `make_tool(name, form, folder)`: over an empty folder; `form` is the form
    and the way of one of Cairn's, else None. `warm`: caches stay as they are.
    """

    def __init__(self, corpus, folder, make_tool, warm=False):
        self.failures = []  # texts
        self.corpus = corpus
        self.folder = tempfile.mkdtemp(prefix="run-", dir=folder)
        self.make_tool = make_tool
        self.warm = warm
        self.sources = os.path.join(self.folder, "sources")
        self._link_sources()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _link_sources(self):
        """The corpus again, where it may be moved about.

        Links are made once, before anything is backed up: making one changes
        a time of the file by which tools tell whether it is the same."""
        os.mkdir(self.sources)
        for name in ("src", "src2", "vm.img", "vm2.img", "rnd.bin"):
            path = os.path.join(self.corpus, name)
            if os.path.exists(path):
                subprocess.run(["cp", "-al", path, self.sources], check=True)

    def rounds(self, row, tools, count):
        """Samples of each step; the tools take turns."""
        for number in range(count):
            for tool in tools:
                print(f"{row.name}: round {number + 1}: {tool}",
                      file=sys.stderr, flush=True)
                try:
                    yield from self._round(row, tool, number)
                except Failed as error:
                    print(error, file=sys.stderr, flush=True)
                    self.failures.append(str(error))

    def _round(self, row, name, number):
        folder = tempfile.mkdtemp(prefix="tool-", dir=self.folder)
        form = {cairn[0]: cairn[1:] for cairn in row.cairns}.get(name)
        tool = self.make_tool(name, form, folder)
        try:
            for index, step in enumerate(row.steps):
                yield self._step(row, tool, step, index) | {
                    "row": row.name, "step": step.name, "tool": name,
                    "round": number}
        except Failed as error:
            log = "" if tool.servers is None else tool.servers.log_tail()
            raise Failed(f"{row.name}, {name}: {error}\n{log}") from error
        finally:
            tool.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _step(self, row, tool, step, index):
        if step.name == "restore":
            return self._restore(row, tool, step, index)
        source = os.path.join(self.sources, step.source)
        if row.path == "-":
            return self._timed(tool, tool.back_up_pipe(tar_of(source), index))
        # Each version of a source is backed up under the same path.
        place = os.path.join(self.sources, row.path)
        os.rename(source, place)
        try:
            return self._timed(tool, tool.back_up(
                row.path, index, step.name == "again"))
        finally:
            os.rename(place, source)

    def _restore(self, row, tool, step, index):
        source = os.path.join(self.sources, step.source)
        target = tempfile.mkdtemp(prefix="restored-", dir=self.folder)
        try:
            last = index - 1
            if row.path == "-":
                restored = os.path.join(target, "tar")
                taken = self._timed(tool, tool.restore_pipe(last), restored)
                must_equal_tar(restored, source)
            else:
                commands, restored = tool.restore(row.path, last, target)
                taken = self._timed(tool, commands)
                self._must_equal(restored, source)
            return taken
        finally:
            shutil.rmtree(target)

    def _timed(self, tool, commands, output=os.devnull):
        if not self.warm:
            measure.make_cold([self.sources, tool.repository])
        tool.warm_up()
        servers = tool.servers and measure.ServerCosts(tool.servers)
        timed = measure.run(commands, tool.environment, self.sources, output)
        costs = timed.costs | (servers.taken() if servers else {})
        return {"seconds": timed.seconds,
                "cpu_seconds": sum(c.cpu_seconds for c in costs.values()),
                "peaks_mib": {name: c.peak_mib for name, c in costs.items()},
                "repository_bytes": tool.repository_bytes()}

    def _must_equal(self, restored, source):
        program = "cmp" if os.path.isfile(source) else "diff"
        options = [] if program == "cmp" else ["-r", "--no-dereference"]
        compared = subprocess.run([program, *options, restored, source],
                                  capture_output=True, text=True, check=False)
        if compared.returncode != 0:
            raise Failed("what came back is not what was backed up:\n"
                         + (compared.stdout + compared.stderr)[:2000])
