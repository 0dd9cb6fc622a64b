#!/usr/bin/env python3
"""Each way in, interrupted in its middle and resumed by another replica.

  interruption_test.py [--interruptions=N] [unittest argument]...

Four services, ingest twice. Of each backup one participant is killed (-9)
after a number of bytes or messages that is drawn at random, or once a
watermark has come; the backup goes on through the other ingest. No byte below
a watermark that the client was told is sent again; the archive is the source,
byte for byte; what was there before still restores.
"""

import collections
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import typing

import case
from case import Case, wait_until
from cli import Cli
from client import backup, when_available
from proxy import CountingProxy
from tree import describe, differences
from writer import (BLOCK_BYTES, CHUNKS, RANGES, STREAM, WAYS, Job, Writer,
                    WriterProcess)

MIB = 1 << 20
DATASTORE = "datastores/default"
INTERRUPTIONS = case.slice_or_soak(20, 200)
for argument in [a for a in sys.argv if a.startswith("--interruptions=")]:
    INTERRUPTIONS = int(argument.partition("=")[2])
    sys.argv.remove(argument)

VICTIMS = ("client", "ingest", "chunk_storage", "index", "maintenance")
# Archive and arguments of `cairn backup`, by what the way is called here.
IMAGE, FILE, RAW, STDIN, TREE, CHANGES = (
    "cairn, image", "cairn, file", "cairn --way=stream", "cairn, stdin",
    "cairn, tree", "cairn --changed-ranges")
CAIRN_WAYS = {
    IMAGE: ("disk.img:{source}",),
    FILE: ("disk.raw:{source}",),
    RAW: ("disk.raw:{source}", "--way", "stream"),
    STDIN: ("disk.raw:-",),
    TREE: ("root.tar:{source}",),
    CHANGES: ("disk.img:{source}", "--base", "{group}/latest",
              "--changed-ranges", "{ranges}"),
}
# Nobody can go on in the middle of these when their process is gone.
NOT_RESUMABLE = {(STDIN, "client"), (TREE, "client")}
# What a stream that breaks once more may have sent in vain: what ingest holds
# of it, and what is on its way there.
STREAM_BYTES = 8 * MIB
WINDOW_BYTES = STREAM_BYTES + 4 * MIB
# Besides the content: frames of the protocol, calls, what was on its way when
# the connection was cut.
OVERHEAD_BYTES = MIB
# How a client may be told that a server is away, or that the stream before
# has not ended yet.
PASSING = {"UNAVAILABLE", "CANCELLED"}
PASSING_REASONS = {"ARCHIVE_OPEN", "OFFSET_MISMATCH"}
EARLIER_CHECKED = 2


def plan(count, shift):
    """`count` pairs of a way and a victim: round robin, every pair in turn."""
    ways = list(WAYS) + list(CAIRN_WAYS)
    pairs = ((ways[w], VICTIMS[(w + turn + shift) % len(VICTIMS)])
             for turn in itertools.count() for w in range(len(ways)))
    return list(itertools.islice(
        (pair for pair in pairs if pair not in NOT_RESUMABLE), count))


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Source(typing.NamedTuple):
    """Of `cairn backup`."""

    path: str
    size: int
    ranges: list  # (start, end) of what is to be sent

    def left(self, durable):
        """How many bytes of it are not below `durable`."""
        return sum(max(0, end - max(start, durable))
                   for start, end in self.ranges)


class Interruptions(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(
            split=True, replicas=2,
            # One whose release is lost to a kill is to end within the test.
            arguments={"ingest": ["--lease-ttl=20s",
                                  "--watermark-interval=1MiB",
                                  f"--write-stream-memory={STREAM_BYTES}"]})
        self.fronts = ["ingest", "ingest-2"]  # the first is in use
        self.proxy = CountingProxy(self, self.suite.target, self.folder)
        self.cairn = Cli(self.suite.binaries["cairn"], self.proxy.target,
                         self.folder)
        self.connect()
        self.kept = {}  # archive -> SHA-256
        self.tally = collections.Counter()
        self.moment, self.notes = "", []  # of the interruption under way

    def connect(self):
        self.suite.target = self.suite.socket(self.fronts[0])
        self.client = self.new_client(self.suite, seconds=60)

    def path(self, name):
        return os.path.join(self.folder, name)

    # --- contents ---

    def make(self, name, size):
        """A file of random bytes, some runs of them zeros."""
        with open(self.path(name), "wb") as file:
            while file.tell() < size:
                length = min(self.random.randrange(1, MIB),
                             size - file.tell())
                file.write(bytes(length) if self.random.random() < 0.15
                           else self.random.randbytes(length))
        return self.path(name)

    def make_changed(self, name, base):
        """`base` with about half of its blocks changed, at another size."""
        content = pathlib.Path(base).read_bytes()
        with open(self.path(name), "wb") as file:
            for at in range(0, len(content), BLOCK_BYTES):
                old = content[at:at + BLOCK_BYTES]
                file.write(self.random.choice(
                    (old, old, self.random.randbytes(len(old)),
                     self.random.randbytes(len(old)), bytes(len(old)))))
            if self.random.random() < 0.5:
                file.write(self.random.randbytes(
                    self.random.randrange(1, MIB)))
            else:
                file.truncate(len(content)
                              - self.random.randrange(1, MIB))
        return self.path(name)

    # --- who is interrupted ---

    def strike(self, victim, kill_client):
        if victim == "client":
            kill_client()
        elif victim is not None:
            self.suite.kill([self.fronts[0] if victim == "ingest"
                             else victim])

    def bring_back(self, victim):
        if victim not in (None, "client", "ingest"):
            self.suite.start([victim], wait=False)

    def switch(self):
        """To the replica that had no part in it until now."""
        self.fronts.reverse()
        self.connect()
        self.proxy.hand_on_to(self.suite.target)
        self.proxy.cut()

    def assert_alive(self):
        for name, process in self.suite.processes.items():
            self.assertIsNone(process.poll(), f"{name} has ended")

    # --- the raw ways ---

    def first_backup(self, job):
        """The base of the one that is interrupted."""
        Writer(self.client, job).run()
        name = self.client.finish(job.session, {
            job.archive: os.path.getsize(job.source)}).name
        self.kept[f"{name}/archives/{job.archive}"] = digest_of(job.source)
        return name

    def raw_job(self, way, group):
        job = Job(target=self.suite.target, way=way, session="",
                  archive="disk.img" if way == RANGES else "disk.raw",
                  source=self.make("source", self.random.randrange(
                      4 * MIB, 14 * MIB)), is_image=way == RANGES)
        if way == RANGES or self.random.random() < 0.5:
            base = dataclasses.replace(
                job, way=STREAM if way == RANGES else way,
                session=self.client.open_session(group).name)
            job.base_snapshot = self.first_backup(base)
            job.base = self.path("base")
            os.rename(job.source, job.base)
            job.source = self.make_changed("source", job.base)
        job.session = self.client.open_session(group).name
        return job

    def interrupt_raw(self, way, victim, group):
        job = self.raw_job(way, group)
        messages = sum(1 for _ in WAYS[way](job).messages())
        # A chunk ends within so many blocks.
        least = min(messages, 5)
        first = WriterProcess(self, dataclasses.replace(
            job, hold_at=self.random.randrange(least, messages + 1),
            flush=self.random.random() < 0.5))
        self.assertTrue(first.await_hold(), first.error)
        self.moment = f"after message {first.job.hold_at} of {messages}"
        self.strike(victim, first.kill)
        noticed_first = self.random.random() < 0.5
        if not noticed_first:
            self.bring_back(victim)
        first.go_on()
        first.wait()
        if noticed_first:
            self.bring_back(victim)
        self.tally["interrupted"] += not first.finished
        self.assert_passing(first)
        self.switch()
        sent = self.resume(job, first)
        size = os.path.getsize(job.source)
        snapshot = when_available(lambda: self.client.finish(
            job.session, {job.archive: size}))
        self.note(f"{sum(e - s for s, e in sent)} bytes sent twice, all above"
                  f" the watermark at {first.durable} of {size}")
        return f"{snapshot.name}/archives/{job.archive}", job.source

    def assert_passing(self, writer):
        if writer.error is not None:
            code, reason, text = writer.error
            self.assertTrue(code in PASSING or reason in PASSING_REASONS,
                            (code, reason, text))

    def resume(self, job, before):
        """Until the archive is complete; returns what was sent twice."""
        durable, sent, twice = before.durable, before.sent, []
        while True:
            progress = {a.name: a for a in when_available(
                lambda: self.client.get_session(job.session)).archives}.get(
                    job.archive)
            offset = progress.durable_bytes if progress else 0
            self.assertGreaterEqual(
                offset, durable, "less is durable than was acknowledged")
            if progress and progress.complete:
                return twice
            self.assertFalse(before.finished, "finished, and not complete")
            writer = WriterProcess(self, dataclasses.replace(
                job, target=self.suite.target, offset=offset))
            writer.wait()
            for start, end in writer.sent:
                self.assertGreaterEqual(
                    start, durable, "sent again below the watermark")
            twice += [(max(s, a), min(e, b)) for s, e in writer.sent
                      for a, b in sent if max(s, a) < min(e, b)]
            sent = sent + writer.sent
            durable = max(durable, writer.durable)
            self.assert_passing(writer)
            self.assertTrue(writer.finished or writer.error)

    # --- `cairn backup` ---

    def cairn_source(self, way, group):
        size = self.random.randrange(16 * MIB, 32 * MIB)
        if way == TREE:
            os.makedirs(self.path("source"))
            for number in range(4):
                self.make(f"source/file{number}", size // 4)
            return Source(self.path("source"), size, [(0, size)])
        source = self.make("source", size)
        if way != CHANGES:
            return Source(source, size, [(0, size)])
        report = self.cairn.json("backup", group, f"disk.img:{source}")
        self.kept[f"{report['snapshot']['name']}/archives/disk.img"] = (
            digest_of(source))
        os.rename(source, self.path("base"))
        self.make_changed("source", self.path("base"))
        ranges = list(self.changed_ranges(self.path("base"), source))
        pathlib.Path(self.path("ranges")).write_text("".join(
            f"{start} {end - start}\n" for start, end in ranges))
        return Source(source, os.path.getsize(source), ranges)

    def changed_ranges(self, base, source):
        with open(base, "rb") as old, open(source, "rb") as new:
            at = 0
            while block := new.read(BLOCK_BYTES):
                if block != old.read(len(block)):
                    yield at, at + len(block)
                at += len(block)

    def start_cairn(self, way, group, source, *more):
        options = {}
        if way == STDIN:
            feeder = subprocess.Popen(["cat", source],
                                      stdout=subprocess.PIPE)
            self.addCleanup(feeder.wait)
            self.addCleanup(feeder.kill)
            options["stdin"] = feeder.stdout
        arguments = [a.format(source=source, group=group,
                              ranges=self.path("ranges"))
                     for a in CAIRN_WAYS[way]]
        process = self.cairn.start(
            "backup", group, *arguments, "--output-format", "json", "--quiet",
            *more, **options)
        if way == STDIN:
            feeder.stdout.close()
        self.addCleanup(process.kill)
        return process

    def durable(self, group):
        """(name of the open session of `group`, bytes durable of it)."""
        for session in self.client.backup.ListSessions(
                backup.ListSessionsRequest(
                    datastore=DATASTORE, open_only=True, page_size=1000),
                timeout=60).sessions:
            if f"/{group}/" in session.snapshot:
                return session.name, sum(a.durable_bytes
                                         for a in session.archives)
        return None, 0

    def await_moment(self, process, source, group):
        """Some bytes are on the wire, or durable."""
        share = self.random.uniform(0.05, 0.8)
        kind = self.random.choice(("sent", "stalled", "durable"))
        size = source.size if kind == "durable" else source.left(0)
        sent = self.proxy.up + int(size * share)

        def is_over():
            return process.poll() is not None

        if kind == "stalled":
            self.proxy.stall_after(int(size * share))
        self.moment = f"{int(size * share)} of {size} bytes {kind}"
        if kind == "durable":
            wait_until(lambda: is_over() or self.durable(group)[1]
                       >= size * share, self.moment)
        else:
            self.proxy.await_up(sent, is_over)

    def interrupt_cairn(self, way, victim, group):
        source = self.cairn_source(way, group)
        process = self.start_cairn(way, group, source.path)
        self.await_moment(process, source, group)
        # Held, or it may be published before it is killed.
        process.send_signal(signal.SIGSTOP)
        session, durable = self.durable(group)
        if session is None or (victim == "client"
                               and durable == source.size):
            victim = None  # it was too quick
        if victim != "client":
            process.send_signal(signal.SIGCONT)
        self.strike(victim, process.kill)
        noticed_first = self.random.random() < 0.5
        if not noticed_first:
            self.bring_back(victim)
        self.switch()
        before = self.proxy.up
        self.proxy.go_on()
        if victim == "client":
            process.communicate()
            process = self.start_cairn(way, group, source.path, "--resume")
        elif noticed_first:
            self.proxy.await_up(before + 1, lambda: process.poll() is not None)
            self.bring_back(victim)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err.decode())
        report = json.loads(out)
        self.check_sent(victim, report, session, source.left(durable),
                        self.proxy.up - before)
        archive = CAIRN_WAYS[way][0].partition(":")[0]
        return f"{report['snapshot']['name']}/archives/{archive}", source.path

    def check_sent(self, victim, report, session, left, sent):
        """What went over the socket after the interruption."""
        streams = report["retries"]
        if victim == "client":
            streams += 1
            self.assertTrue(report["resumed"])
        if session is not None:
            self.assertEqual(report["snapshot"]["session"],
                             session.rpartition("/")[2])
        self.tally["interrupted"] += streams > 0
        allowed = (left + left // 256 + OVERHEAD_BYTES
                   + max(0, streams - 1) * WINDOW_BYTES)
        self.note(f"{sent} bytes sent afterwards, {left} were not durable, "
                  f"{report['retries']} retries")
        self.assertLessEqual(sent, allowed)

    # --- afterwards ---

    def note(self, text):
        self.notes.append(text)

    def assert_same(self, archive, source):
        """The archive is the source; remembered for later."""
        content = self.client.read(archive)
        self.kept[archive] = hashlib.sha256(content).hexdigest()
        if os.path.isfile(source):
            self.assertEqual(self.kept[archive], digest_of(source), archive)
            return
        snapshot, _, name = archive.partition("/archives/")
        back = self.path("back")
        self.cairn.run("restore", snapshot, name, back)
        self.assertEqual(differences(describe(source), describe(back)), [])
        subprocess.run(["rm", "-rf", back], check=True)

    def assert_earlier(self, archives):
        for archive in archives:
            self.assertEqual(
                hashlib.sha256(self.client.read(archive)).hexdigest(),
                self.kept[archive], f"{archive} differs")

    def assert_no_lease_is_left(self):
        """Live; one that has expired stays to be told apart by a sweep."""
        try:
            wait_until(lambda: not any(
                lease.remaining.ToNanoseconds()
                for lease in self.client.leases()), "no lease is left")
        except AssertionError as error:
            raise AssertionError(f"left are {self.client.leases()}; log:\n"
                                 + self.suite.log_tail(20_000)) from error

    def interrupt(self, number, way, victim):
        self.moment, self.notes = "", []
        group = f"host/i{number}"
        earlier = list(self.kept)
        if way in WAYS:
            archive, source = self.interrupt_raw(
                way, victim, f"{DATASTORE}/groups/{group}")
        else:
            archive, source = self.interrupt_cairn(way, victim, group)
        self.suite.wait_ready()
        self.assert_alive()
        self.assert_same(archive, source)
        self.assert_earlier(self.random.sample(
            earlier, min(len(earlier), EARLIER_CHECKED)))
        if self.fronts[1] not in self.suite.processes:
            self.suite.start([self.fronts[1]], wait=False)
        for name in ("source", "base", "ranges"):
            subprocess.run(["rm", "-rf", self.path(name)], check=True)
        print(f"{number}: {way}, {victim} killed {self.moment}: "
              + "; ".join(self.notes), flush=True)

    def test_backups_that_are_interrupted(self):
        pairs = plan(INTERRUPTIONS, self.random.randrange(len(VICTIMS)))
        for number, (way, victim) in enumerate(pairs):
            try:
                self.interrupt(number, way, victim)
            except Exception as error:
                raise AssertionError(
                    f"interruption {number}: {way}, {victim} killed "
                    f"{self.moment}; {self.notes}; log:\n"
                    + self.suite.log_tail()) from error
        self.assert_earlier(self.kept)
        listed = [s.name for s in self.client.snapshots(DATASTORE)]
        self.assertEqual(
            sorted(listed),
            sorted(name.partition("/archives/")[0] for name in self.kept))
        self.assert_no_lease_is_left()
        ways = collections.Counter(way for way, _ in pairs)
        victims = collections.Counter(victim for _, victim in pairs)
        print(f"{len(pairs)} interruptions, {self.tally['interrupted']} "
              f"streams broken; {dict(ways)}; {dict(victims)}", flush=True)
        self.assertGreater(self.tally["interrupted"], len(pairs) // 2)
        self.stop(self.suite)


if __name__ == "__main__":
    case.main()
