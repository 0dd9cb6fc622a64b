"""Tools whose state is kept, so that what changes it is measured repeatedly."""

import os
import shutil
import subprocess
import tempfile

from cairn_tool import Cairn
from measure import Failed, make_cold
from peers import PEERS
from suite import binaries_from

# What lies in memory while it is backed up or made.
MEMORY = "/dev/shm"


class Bench:
    """What the rows share: options, programs, folders on disk and in memory."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.binaries = binaries_from(options.binaries)
        self.memory = tempfile.mkdtemp(prefix="cairn-maintenance-",
                                       dir=MEMORY)
        self.kept = {}  # Saved by name, for more than one row

    def close(self):
        for saved in self.kept.values():
            saved.discard()
        shutil.rmtree(self.memory, ignore_errors=True)

    def cool(self):
        if not self.options.warm:
            make_cold([self.folder])

    def program(self, path):
        return os.path.join(self.options.binaries, path)

    def make(self, name, folder):
        """The tool over a folder of its own, new or as it was saved."""
        os.makedirs(folder, exist_ok=True)
        return (Cairn(folder, self.binaries) if name == "cairn"
                else PEERS[name](folder))


def copy_tree(source, target):
    subprocess.run(["cp", "-a", source, target], check=True)


class Saved:
    """A tool whose folder is kept, and opened again as often as asked for."""

    def __init__(self, bench, name, place):
        self.bench = bench
        self.name = name
        self.folder = os.path.join(bench.folder, place)
        self.copy = self.folder + ".saved"
        self.tool = bench.make(name, self.folder)

    def save(self):
        """Ends the tool and keeps its folder."""
        self.close(keep=True)
        os.rename(self.folder, self.copy)

    def replace(self, folder):
        """Keeps another folder in place of what was saved; takes it away."""
        shutil.rmtree(self.copy)
        shutil.move(folder, self.copy)

    def open(self):
        """The tool as it was saved, in the same place."""
        self._drop()
        copy_tree(self.copy, self.folder)
        self.tool = self.bench.make(self.name, self.folder)
        return self.tool

    def close(self, keep=False):
        if self.tool is None:
            return
        if self.tool.servers is not None:
            codes = self.tool.servers.stop()
            if any(codes.values()):
                raise Failed(f"{self.name}: exit codes {codes}\n"
                             + self.tool.servers.log_tail())
        self.tool.close()
        self.tool = None
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def discard(self):
        """Nothing runs any more, and nothing is left."""
        self._drop()
        shutil.rmtree(self.copy, ignore_errors=True)

    def _drop(self):
        """What an error may have left."""
        if self.tool is not None:
            self.tool.close()
            self.tool = None
        shutil.rmtree(self.folder, ignore_errors=True)
