#!/usr/bin/env python3
"""Kills processes, or cuts the power of their disk, in the middle of work.

  crash_lab.py --fault=kill|power [--runs=N] [--split] [--disk=ext4|xfs]
               [--seed=N] [--binaries=FOLDER]

Writers back up without pause. A fault strikes at a random moment; the suite
starts again; an oracle outside of it, which knows what was acknowledged,
compares: nothing acknowledged is lost, nothing is visible without a finish,
no byte is wrong. Unknown outcomes are settled by asking again: sessions are
resumed where they are durable, or aborted. Exits with 1 on any complaint.
"""

import itertools
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))

from client import Client, model, when_available  # noqa: E402
from lab_main import run_lab  # noqa: E402
from loop_disk import LoopDisk  # noqa: E402
from oracle import Attempt, Oracle, content  # noqa: E402
from suite import Suite, binaries_from  # noqa: E402

WRITERS = 3
MAX_ARCHIVE_BYTES = 3 << 20
# Each check restores the newest and some of the older snapshots, and the
# last check all of them: the cost of a run does not grow with their number.
OLD_SNAPSHOTS_CHECKED = 4
# The disk of a power lab: nothing is removed, so it grows with the runs.
FREE_BYTES = 2 << 30
BYTES_A_RUN = 40 << 20
LEASE_SECONDS = 3


class Writer(threading.Thread):
    """Backs up until told to stop or until a call fails."""

    def __init__(self, lab, number, seed):
        super().__init__(daemon=True)
        self.lab = lab
        self.random = random.Random(seed)
        self.group = f"datastores/default/groups/host/writer{number}"
        self.stopping = threading.Event()

    def run(self):
        client = Client(self.lab.suite.target, seconds=20)
        try:
            while not (self.stopping.is_set() or self.lab.dark):
                self.back_up(client)
        except grpc.RpcError as error:
            self.lab.note_error(error)
        finally:
            client.close()

    def back_up(self, client):
        # Many a second: the server's clock would soon be behind them.
        opening = {"group": self.group, "request_id": str(uuid.uuid4()),
                   "backup_time": Timestamp(seconds=self.lab.next_time())}
        self.lab.openings[self.group] = opening
        session = open_when_free(client, opening, self.stopping)
        if session is None or self.lab.dark:
            return
        archives = {}
        for index in range(self.random.randrange(1, 3)):
            archives[f"a{index}.raw"] = (
                self.random.randrange(1 << 30),
                self.random.choice([0, 1, self.random.randrange(
                    MAX_ARCHIVE_BYTES), MAX_ARCHIVE_BYTES]))
        attempt = Attempt(session.snapshot, session.name, archives)
        self.lab.oracle.begin(attempt)
        del self.lab.openings[self.group]
        self.lab.complete(client, attempt)


def open_when_free(client, opening, stopping):
    """A lease whose release was lost to a fault ends by its ttl."""
    deadline = time.monotonic() + 10 * LEASE_SECONDS
    while True:
        try:
            return client.open_session(**opening)
        except grpc.RpcError as error:
            if (error.code() != grpc.StatusCode.FAILED_PRECONDITION
                    or "LEASE_HELD" not in str(error.trailing_metadata())
                    or time.monotonic() > deadline):
                raise
        if stopping.wait(0.1):
            return None


def write_rest(client, attempt):
    """Writes what is missing of an attempt's archives."""
    progress = {p.name: p for p in client.get_session(
        attempt.session).archives}
    for name, (seed, size) in attempt.archives.items():
        done = progress.get(name)
        if done is not None and done.complete:
            continue
        client.write(attempt.session, name, content(seed, size),
                     kind=model.ARCHIVE_KIND_STREAM,
                     offset=done.durable_bytes if done else 0)


class Lab:

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.oracle = Oracle()
        self.folder = tempfile.mkdtemp(prefix="crash-lab-")
        self.disk = None
        data = os.path.join(self.folder, "data")
        if options.fault == "power":
            self.disk = LoopDisk(
                self.folder, options.disk,
                FREE_BYTES + options.runs * BYTES_A_RUN)
            data = os.path.join(self.disk.path, "data")
        self.suite = Suite(binaries_from(options.binaries), data, self.folder,
                           split=options.split, lease_seconds=LEASE_SECONDS)
        self.errors = []
        # From just before the power cut on: a sync that is under way then may
        # return without an error although nothing reached the disk, which no
        # real power cut lives to tell. Answers count as never received.
        self.dark = False
        # By group: sessions of which it is not known whether they were opened.
        self.openings = {}
        self._times = itertools.count(1_700_000_000)
        self.settled = {"resumed": 0, "aborted": 0, "published": 0}

    def complete(self, client, attempt):
        """Writes the rest, then finishes."""
        write_rest(client, attempt)
        attempt.finish_called = True
        client.finish(attempt.session, attempt.sizes())
        attempt.acknowledged = not self.dark

    def next_time(self):
        return next(self._times)

    def note_error(self, error):
        code = error.code() if hasattr(error, "code") else None
        # What a client may see of a server that is killed under it.
        if code not in (grpc.StatusCode.UNAVAILABLE,
                        grpc.StatusCode.CANCELLED,
                        grpc.StatusCode.DEADLINE_EXCEEDED,
                        grpc.StatusCode.INTERNAL):
            self.errors.append(f"{code}: {error.details()}")

    def strike(self):
        writers = [Writer(self, n, self.random.random())
                   for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(self.random.uniform(0.02, 0.8))
        victims = None
        if self.options.fault == "power":
            self.dark = True
            self.disk.cut_power()
            time.sleep(self.random.choice([0, 0, 0.05]))
        elif self.options.split and self.random.random() < 0.7:
            victims = [self.random.choice(self.suite.names)]
        self.suite.kill(victims)
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join(timeout=60)
            if writer.is_alive():
                self.errors.append("a writer hangs after the fault")
        if self.disk:
            self.suite.kill()
            self.disk.unmount()
            self.disk.mount()
            self.dark = False
        return victims

    def settle(self, client):
        """Resumes or aborts what the fault left open."""
        for attempt in self.oracle.unsettled():
            state = client.get_session(attempt.session).state
            if state == model.SESSION_STATE_PUBLISHED:
                # Again: it also gives back a lease that was left.
                client.finish(attempt.session, attempt.sizes())
                attempt.finish_called = True
                attempt.acknowledged = True
                self.settled["published"] += 1
            elif state == model.SESSION_STATE_OPEN and (
                    self.random.random() < 0.5):
                self.complete(client, attempt)
                self.settled["resumed"] += 1
            else:
                client.abort(attempt.session)
                attempt.aborted = True
                self.settled["aborted"] += 1
        for opening in self.openings.values():
            # The same request id again is the same session.
            session = open_when_free(client, opening, threading.Event())
            client.abort(session.name)
        self.openings.clear()

    def check(self, client, everything=False):
        listed = [s.name for s in client.snapshots("datastores/default")]
        complaints = self.oracle.check_listing(listed)
        known = {a.snapshot for a in self.oracle.attempts()}
        chosen = [name for name in listed if name in known]
        if not everything:
            newest = chosen[-OLD_SNAPSHOTS_CHECKED:]
            old = chosen[:-OLD_SNAPSHOTS_CHECKED]
            chosen = newest + self.random.sample(
                old, min(len(old), OLD_SNAPSHOTS_CHECKED))
        for name in chosen:
            complaints += self.oracle.check_content(client, name)
        return complaints

    def run(self):
        self.suite.start()
        for number in range(self.options.runs):
            victims = self.strike()
            self.suite.start(victims)
            client = Client(self.suite.target)
            # Before anything is settled: what a reader sees right after.
            complaints = when_available(
                lambda: self.check(client)) + self.errors
            if not complaints:
                when_available(lambda: self.settle(client))
                complaints = when_available(lambda: self.check(
                    client, everything=number + 1 == self.options.runs))
            client.close()
            if complaints:
                print(f"run {number}: " + "\n".join(complaints))
                print(self.suite.log_tail())
                return 1
        done = sum(a.acknowledged for a in self.oracle.attempts())
        print(f"{self.options.runs} faults, {done} acknowledged snapshots, "
              f"0 lost, 0 wrong, 0 partial; after the faults "
              f"{self.settled}; seed {self.options.seed}")
        return 0

    def close(self):
        self.suite.kill()
        if self.disk:
            self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(run_lab(Lab, ("kill", "power"), "--runs", 30))
