"""Cairn as a tool of the comparison, in the forms that it has."""

import os
import subprocess
import time

from cli import Cli
from measure import Command, apparent_bytes
from suite import Suite
from tcp_suite import TcpSuite

GROUP = "host/benchmark"
# What RocksDB keeps for a full disk; it holds no data.
BALLAST = "BALLAST"
# Snapshots of a group have different seconds, whatever the clock says.
FIRST_TIME = 1_700_000_000


def snapshot_name(number):
    """Of backup `number` of a group: its time."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(FIRST_TIME + number))


class Cairn:
    """A suite over an empty data directory, and `cairn` as its client.

    As peers.Peer. `form`: "cairnd"; "split", four processes over unix
    sockets; "tcp" and "tls", four processes over loopback. `way`: that of
    backups.
    """

    takes_pipes = True
    # What `cairn` stores a source as, by its name.
    ARCHIVES = {"disk.img": "disk.img", "rnd.bin": "rnd.raw",
                "tree": "tree.tar"}
    PIPE_ARCHIVE = "src.raw"

    def __init__(self, folder, binaries, form="cairnd", way="best",
                 name="cairn"):
        self.name = name
        self.way = way
        self.data = os.path.join(folder, "data")
        self.repository = self.data
        suite = Suite if form in ("cairnd", "split") else TcpSuite
        arguments = {"tls": form == "tls"} if suite is TcpSuite else {
            "split": form == "split"}
        self.servers = suite(binaries, self.data, folder, **arguments)
        try:
            self.servers.start()
        except Exception:
            self.servers.kill()
            raise
        cli = Cli(binaries["cairn"], self.servers.target, folder)
        self.binary = cli.binary
        self.environment = cli.environment | getattr(
            self.servers, "client_environment", {})

    def close(self):
        self.servers.kill()

    def warm_up(self):
        subprocess.run([self.binary, "version"], env=self.environment,
                       check=True, capture_output=True)

    def repository_bytes(self):
        return apparent_bytes(self.data, left_out=(BALLAST,))

    def command(self, *arguments):
        return Command("cairn", [self.binary, *arguments])

    def _back_up(self, archive, number):
        return self.command("backup", GROUP, archive, f"--way={self.way}",
                            f"--backup-time={snapshot_name(number)}")

    def back_up(self, path, number, again):
        return [self._back_up(f"{self.ARCHIVES[path]}:{path}", number)]

    def back_up_pipe(self, producer, number):
        return [producer, self._back_up(f"{self.PIPE_ARCHIVE}:-", number)]

    def _restore(self, archive, target):
        return [self.command("restore", f"{GROUP}/latest", archive, target)]

    def restore(self, path, number, target):
        restored = os.path.join(target, path)
        return self._restore(self.ARCHIVES[path], restored), restored

    def remove_oldest(self, count, total):
        """Commands, one after the other, that give back their space too."""
        return [self.command("forget", "--trash-time=0",
                             *(f"{GROUP}/{snapshot_name(number)}"
                               for number in range(count))),
                self.command("gc", "--wait")]

    def restore_pipe(self, number):
        return self._restore(self.PIPE_ARCHIVE, "-")
