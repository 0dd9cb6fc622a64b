"""Commands of `cairn`, run by several threads, and what came of them."""

import collections
import datetime
import hashlib
import json
import signal
import subprocess
import threading
import time

COMMAND_SECONDS = 120
COMPLAINTS = 20


class Commands:
    """`cairn` is a Cli. The first complaint sets `stopping`."""

    def __init__(self, cairn, seconds=COMMAND_SECONDS):
        self.cairn = cairn
        self.seconds = seconds  # that a command may take at most
        self.stopping = threading.Event()
        self.complaints = []
        self.tally = collections.Counter()  # of (verb, exit code)
        self.slowest = collections.Counter()  # seconds, by verb
        self.running = set()  # processes

    def complain(self, text):
        if len(self.complaints) < COMPLAINTS:
            self.complaints.append(text)
        self.stopping.set()

    def _watch(self, process, arguments, take):
        """What take(process) returns, once the process has ended."""
        self.running.add(process)
        timer = threading.Timer(self.seconds, self._hangs, (process, arguments))
        timer.start()
        started = time.monotonic()
        try:
            return take(process)
        finally:
            timer.cancel()
            process.wait()
            self.running.discard(process)
            verb = arguments[0]
            self.slowest[verb] = max(self.slowest[verb],
                                     time.monotonic() - started)
            self.tally[verb, process.returncode] += 1

    def _hangs(self, process, arguments):
        self.complain(f"cairn {arguments} hangs: {self.seconds} s")
        process.kill()

    def call(self, *arguments):
        """(exit code, parsed stdout or {}, stderr)"""
        with self.cairn.start(*arguments, "--output-format=json") as process:
            out, err = self._watch(process, arguments,
                                   subprocess.Popen.communicate)
        code, err = process.returncode, err.decode()
        if code < 0 and code != -signal.SIGKILL:
            self.complain(f"cairn {arguments} crashed with {code}: {err}")
        try:
            return code, json.loads(out), err
        except ValueError:
            return code, {}, err

    def restore_digest(self, name, archive, *options):
        """(exit code, bytes, SHA-256, stderr) of `archive` of snapshot `name`."""
        group, _, moment = name.partition("/groups/")[2].partition(
            "/snapshots/")
        arguments = ("restore", f"{group}/{moment}", archive, "-", *options)

        def take(process):
            hasher, got = hashlib.sha256(), 0
            while piece := process.stdout.read(1 << 20):
                hasher.update(piece)
                got += len(piece)
            return got, hasher.hexdigest(), process.stderr.read().decode()

        with self.cairn.start(*arguments) as process:
            got, digest, err = self._watch(process, arguments, take)
        return process.returncode, got, digest, err

    def listing(self):
        """(names of listed snapshots, {name in trash: end of its time})"""
        found = []
        for option in ((), ("--trash",)):
            code, told, err = self.call("snapshot", "list", "--recursive",
                                       *option)
            if code != 0:
                raise RuntimeError(f"no list: {code} {err}")
            found.append(told["snapshots"])
        listed, trash = found
        return ({one["name"] for one in listed}, {
            one["name"]: datetime.datetime.fromisoformat(
                one["trash_until"].replace("Z", "+00:00")).timestamp()
            for one in trash})
