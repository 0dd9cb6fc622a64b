#!/usr/bin/env python3
"""`cairn backup --base`: images as what changed since the snapshot before."""

import hashlib
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

import case
import pack_file
from case import wait_until
from cli_case import CliCase
from client import backup, when_available
from memory import PeakMemory
from proxy import CountingProxy
from ranges import random_changes, range_list, raw_diff, write_changes

MIB = 1 << 20
CHUNK = 256 << 10  # of images
USAGE, BUSY, REFUSED, LOCAL_IO = 2, 11, 14, 74
# What a session, its streams and HTTP/2 cost beside the changes.
OVERHEAD_BYTES = 64 << 10
PER_RANGE_BYTES = 200
GROUPS = "datastores/default/groups/"
ARCHIVE = "disk.img"


class ChangesCase(CliCase):

    def setUp(self):
        super().setUp()
        self.source = self.path("source")

    def server(self):
        self.proxy = CountingProxy(self, self.suite.target, self.folder)
        return self.proxy.target

    def make_base(self, size, group="vm/1"):
        """The source, and a snapshot of it; the snapshot's name."""
        with open(self.source, "wb") as file:
            for _ in range(size // (8 * MIB)):
                file.write(self.random.randbytes(8 * MIB))
            file.truncate(size)
        return self.back_up_whole(group)

    def back_up_whole(self, group="vm/1"):
        report = self.cairn.json("backup", group, f"{ARCHIVE}:{self.source}",
                                 "--quiet")
        return report["snapshot"]["name"]

    def listed(self, changes):
        """Arguments for these changes of the source."""
        return (f"{ARCHIVE}:{self.source}", "--base", "vm/1/latest",
                "--changed-ranges", self.write("list", range_list(changes)))

    PIPED = (f"{ARCHIVE}:-", "--base", "vm/1/latest")

    def assert_restored(self, group="vm/1"):
        back = self.path("back")
        self.cairn.run("restore", f"{group}/latest", ARCHIVE, back,
                       "--overwrite", "--quiet")
        subprocess.run(["cmp", self.source, back], check=True)

    def sessions(self):
        return self.client.backup.ListSessions(backup.ListSessionsRequest(
            datastore="datastores/default", open_only=True),
            timeout=20).sessions

    def durable(self):
        return sum(a.durable_bytes for s in self.sessions()
                   for a in s.archives)

    def snapshot_count(self):
        return len(list(self.client.snapshots("datastores/default")))


def changed_bytes(changes):
    return sum(c if isinstance(c, int) else len(c) for _, c in changes)


def data_bytes(changes):
    return sum(len(c) for _, c in changes if not isinstance(c, int))


class RoundTrip(ChangesCase):

    def run_counted(self, arguments, stdin=None):
        sent, report = self.proxy.counted(lambda: self.cairn.json(
            "backup", "vm/1", *arguments, "--quiet", input=stdin))
        return sent, report

    def test_random_changes_of_an_image_that_grows_and_shrinks(self):
        name = self.make_base(48 * MIB)
        before = 48 * MIB
        for step, size in enumerate((48 * MIB, 55 * MIB + 12345,
                                     55 * MIB + 12345, 21 * MIB + 777,
                                     30 * MIB, 512)):
            with self.subTest(step=step, size=size):
                changes = random_changes(self.random, size,
                                         min(20, size // 100))
                if step % 2 == 0:
                    write_changes(self.source, size, changes)
                    # In any order, and overlapping.
                    lines = range_list(changes + changes[:3]).splitlines(True)
                    self.random.shuffle(lines)
                    arguments = self.listed([])
                    self.write("list", b"# made by a test\n\n"
                               + b"".join(lines))
                    sent, report = self.run_counted(arguments)
                    # Zeros beside data, and few of them, are sent.
                    least = changed_bytes(changes)
                else:
                    write_changes(self.source, size, changes)
                    sent, report = self.run_counted(
                        self.PIPED, raw_diff(size, changes))
                    least = data_bytes(changes)
                archive = report["archives"][0]
                self.assertEqual(archive["base"], name)
                self.assertEqual(archive["size_bytes"], size)
                self.assertEqual(archive["read_bytes"],
                                 changed_bytes(changes))
                covered = sum(
                    max(0, min(o + (c if isinstance(c, int) else len(c)),
                               before) - min(o, before))
                    for o, c in changes)
                self.assertEqual(archive["reused_bytes"],
                                 min(size, before) - covered)
                self.assertLess(sent, least + OVERHEAD_BYTES
                                + PER_RANGE_BYTES * len(changes))
                name, before = report["snapshot"]["name"], size
                self.assert_restored()
        self.stop(self.suite)

    def test_no_changes_and_no_bytes(self):
        self.make_base(8 * MIB)
        empty = self.write("list", b"")
        text = self.cairn.run(
            "backup", "vm/1", f"{ARCHIVE}:{self.source}", "--base",
            "vm/1/latest", "--changed-ranges", empty)[1].decode()
        self.assertIn("names no range", text)
        self.assert_restored()
        sent, _ = self.run_counted(self.PIPED, raw_diff(8 * MIB, []))
        self.assertLess(sent, OVERHEAD_BYTES)
        self.assert_restored()
        # Growing by zeros, shrinking to nothing, growing from nothing.
        for size in (9 * MIB + 1, 0, 300_000):
            os.truncate(self.source, size)
            self.run_counted(self.listed([(0, size + 1)]))
            self.assert_restored()

    def test_what_diff_prints_is_a_list(self):
        """vm/1 catches up with what vm/2 went through."""
        self.make_base(16 * MIB)
        first = self.back_up_whole("vm/2")
        write_changes(self.source, 17 * MIB, random_changes(
            self.random, 16 * MIB, 6))
        self.back_up_whole("vm/2")
        ranges = self.cairn.run("diff", first, ARCHIVE, "vm/2/latest",
                                "--quiet")[0]
        sent, report = self.run_counted(
            (f"{ARCHIVE}:{self.source}", "--base", "vm/1/latest",
             "--changed-ranges", f"{ARCHIVE}=-"), ranges)
        self.assertGreater(report["archives"][0]["reused_bytes"], 0)
        self.assertLess(sent, 16 * MIB)
        self.assert_restored()

    def test_a_list_out_of_a_named_pipe(self):
        self.make_base(8 * MIB)
        write_changes(self.source, 8 * MIB, [(4097, b"changed")])
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        process = self.cairn.start(
            "backup", "vm/1", f"{ARCHIVE}:{self.source}", "--base",
            "vm/1/latest", "--changed-ranges", pipe)
        with open(pipe, "wb") as writer:
            writer.write(b"4097 7\n")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err.decode())
        self.assert_restored()

    def test_several_images_in_one_snapshot(self):
        first = self.write("first", self.random.randbytes(3 * MIB))
        second = self.write("second", self.random.randbytes(2 * MIB))
        config = self.write("config", b"cores: 4")
        archives = (f"a.img:{first}", f"b.img:{second}", f"c.blob:{config}")
        self.cairn.run("backup", "vm/1", *archives)
        write_changes(first, 3 * MIB, [(5, b"changed")])
        write_changes(second, 3 * MIB, [(MIB, b"changed too")])
        lists = [self.write("a", b"0x5 7\n"), self.write("b", b"0 0x200000\n")]
        text = self.cairn.error(USAGE, "backup", "vm/1", *archives, "--base",
                                "vm/1/latest", "--changed-ranges", lists[0])
        self.assertIn("2 images are backed up; say of which", text)
        report = self.cairn.json(
            "backup", "vm/1", *archives, "--base", "vm/1/latest",
            "--changed-ranges", f"a.img={lists[0]}",
            "--changed-ranges", f"b.img={lists[1]}")
        self.assertEqual([a["read_bytes"] for a in report["archives"]],
                         [7, 2 * MIB, 8])
        self.assertIsNone(report["archives"][2]["base"])
        for name, source in (("a.img", first), ("b.img", second),
                             ("c.blob", config)):
            self.cairn.run("restore", "vm/1/latest", name, self.path("back"),
                           "--overwrite")
            subprocess.run(["cmp", source, self.path("back")], check=True)

    def test_a_sparse_image_of_a_tebibyte(self):
        """Seconds, and nothing but what changed on the wire."""
        size = 1 << 40
        with open(self.source, "wb") as file:
            file.write(self.random.randbytes(MIB))
            file.truncate(size)
        self.back_up_whole()
        step = size // 100
        changes = [(step * i + self.random.randrange(step - MIB),
                    self.random.randbytes(65536)) for i in range(100)]
        write_changes(self.source, size, changes)
        for what, arguments, stdin in (
                ("list", self.listed(changes), None),
                ("diff", self.PIPED, raw_diff(size, changes))):
            started = time.monotonic()
            sent, report = self.run_counted(arguments, stdin)
            seconds = time.monotonic() - started
            print(f"100 ranges of 1 TiB, {what}: {seconds:.2f} s, {sent} "
                  f"bytes sent for {changed_bytes(changes)}", flush=True)
            self.assertLess(seconds, 60)
            self.assertLess(sent, changed_bytes(changes) + OVERHEAD_BYTES
                            + PER_RANGE_BYTES * len(changes))
            archive = report["archives"][0]
            self.assertEqual(archive["reused_bytes"],
                             size - changed_bytes(changes))
            name = f"{report['snapshot']['name']}/archives/{ARCHIVE}"
            for offset, content in changes[::9]:
                got = self.client.read(name, offset - 5,
                                       len(content) + 10) if offset else b""
                self.assertTrue(got == bytes(5) + content + bytes(5)
                                or offset < MIB + 5)
        self.assert_memory_is_bounded(self.suite, "1 TiB")


class SplitRoundTrip(RoundTrip):
    split = True
    test_no_changes_and_no_bytes = None
    test_what_diff_prints_is_a_list = None
    test_a_list_out_of_a_named_pipe = None
    test_several_images_in_one_snapshot = None


class Refusals(ChangesCase):

    def setUp(self):
        super().setUp()
        self.base = self.make_base(8 * MIB)

    def error(self, code, *arguments, stdin=None):
        return self.cairn.error(code, "backup", "vm/1", *arguments,
                                input=stdin)

    def test_lists_that_are_none(self):
        for content, wanted in (
                (b"1 2\nabc def\n", 'line 2: OFFSET is "abc"'),
                (b"1\n", 'line 1: "1" has 1 word, a line is OFFSET LENGTH'),
                (b"1 2 3\n", "has 3 words"),
                (b"1 -5\n", 'LENGTH is "-5"'),
                (b"99999999999999999999 5\n", "allowed are 0 to"),
                (b"9223372036854775808 5\n", "ends above 9223372036854775808"),
                (b"0 5\n5 12", "line 2: does not end with a newline"),
                (b"x" * 10000, "longer than 4096 bytes"),
                (self.random.randbytes(100_000).replace(b"\n", b"x"),
                 "line 1: longer than")):
            with self.subTest(wanted=wanted):
                arguments = self.listed([])
                self.write("list", content)
                text = self.error(USAGE, *arguments)
                self.assertIn(wanted, text)
                self.assertIn(self.path("list"), text)
        arguments = list(self.listed([]))
        arguments[-1] = self.path("none")
        self.assertIn("none: open:", self.error(LOCAL_IO, *arguments))
        arguments[-1] = self.folder
        self.error(LOCAL_IO, *arguments)
        self.assertEqual(self.snapshot_count(), 1)
        self.assertEqual(len(self.sessions()), 0)

    def test_diffs_that_are_none(self):
        good = raw_diff(8 * MIB, [(5, b"x" * 100_000), (200_000, 5)])
        head = b"rbd diff v1\n"
        size = b"s" + struct.pack("<Q", 1000)
        for diff, wanted in (
                (b"", "the stream ends before its end record"),
                (good[:-1], "cut off"),
                (good[:50_000], "cut off"),
                (good + b"\n", "something follows the end record"),
                (b"\x00" * 4096, 'begins with "\\x00'),
                (b"rbd diff v2\n", 'begins with "rbd diff v2\\n"'),
                (head + b"e", "before the size of the image"),
                (head + b"q", 'a record of kind "q"'),
                (head + b"f" + struct.pack("<I", 1 << 30), "allowed are 0 to"),
                (head + size + b"w" + struct.pack("<QQ", 990, 20),
                 "ends behind the image"),
                (head + size + b"w" + struct.pack("<QQ", 90, 1) + b"xw"
                 + struct.pack("<QQ", 90, 1), "must come in order")):
            with self.subTest(wanted=wanted):
                text = self.error(USAGE, *self.PIPED, stdin=diff)
                self.assertIn(wanted, text)
                self.assertIn("stdin", text)
        # Nothing of them is there, and the group is free.
        self.assertEqual(self.snapshot_count(), 1)
        self.assertEqual(len(self.sessions()), 0)
        self.cairn.run("backup", "vm/1", *self.PIPED, input=good)

    def test_a_base_that_cannot_be_used(self):
        newer = self.back_up_whole()
        self.back_up_whole("vm/2")
        full = "back up whole: the same command without --base"
        arguments = list(self.listed([(0, 100)]))
        def with_base(base):
            arguments[2] = base
            return arguments
        for base, wanted in (
                ("vm/1/2020-01-01T00:00:00Z", "the base is not there"),
                (self.base, f"newest good snapshot of the group: {newer}")):
            with self.subTest(base=base):
                text = self.error(REFUSED, *with_base(base))
                self.assertIn(wanted, text)
                self.assertIn(full, text)
        text = self.cairn.error(REFUSED, "backup", "vm/3",
                                *with_base("vm/3/latest"))
        self.assertIn("has no snapshot", text)
        self.assertIn(full, text)
        arguments[0] = f"other.img:{self.source}"
        text = self.error(REFUSED, *with_base("vm/1/latest"))
        self.assertIn("has no archive other.img", text)
        # Scripts go by the reason.
        out, _ = self.cairn.run("backup", "vm/1", *arguments,
                                "--output-format", "json", code=REFUSED)
        self.assertEqual(json.loads(out)["error"]["reason"], "REUSE_REFUSED")
        for wrong in (with_base("vm/2/latest"), with_base("yesterday"),
                      (f"{ARCHIVE}:-",),
                      (f"{ARCHIVE}:{self.source}", "--base", "vm/1/latest"),
                      (f"{ARCHIVE}:{self.source}", "--changed-ranges",
                       self.path("list")),
                      (f"{ARCHIVE}:-", "--base", "vm/1/latest",
                       "--changed-ranges", "-"),
                      (f"a.raw:{self.source}", "--base", "vm/1/latest",
                       "--changed-ranges", self.path("list"))):
            with self.subTest(wrong=wrong):
                self.assertTrue(self.error(USAGE, *wrong, stdin=b""))
        self.assertEqual(self.snapshot_count(), 3)
        self.assertEqual(len(self.sessions()), 0)

    def test_a_base_that_is_damaged(self):
        """A chunk that is needed to be cut anew cannot be read."""
        image = pathlib.Path(self.source).read_bytes()
        damaged = hashlib.sha256(image[3 * CHUNK:4 * CHUNK]).hexdigest()
        records = [r for r in pack_file.records_of(self.suite.data, "chunk")
                   if r.digest == damaged]
        self.assertEqual(len(records), 1)
        pack_file.flip_bit(records[0].path, records[0].payload[1000])
        changes = [(3 * CHUNK + 5, b"changed")]
        write_changes(self.source, 8 * MIB, changes)
        text = self.error(REFUSED, *self.listed(changes))
        self.assertIn(f"archive {ARCHIVE}:", text)
        self.assertIn("back up whole: the same command without --base", text)
        self.assertEqual(len(self.sessions()), 0)
        self.back_up_whole()
        self.assert_restored()
        # On what is whole again changes can be made.
        changes = [(3 * CHUNK + 5, b"and again")]
        write_changes(self.source, 8 * MIB, changes)
        self.cairn.run("backup", "vm/1", *self.listed(changes))
        self.assert_restored()

    def test_help_and_completion_tell_of_it(self):
        text = self.cairn.text("backup", "--help")
        for word in ("--base", "--changed-ranges", "rbd export-diff"):
            self.assertIn(word, text)
        for shell in ("bash", "zsh"):
            self.assertIn("--changed-ranges",
                          self.cairn.text("completion", shell))


class InTheMiddle(ChangesCase):
    """96 MiB of changes of 160 MiB, and somebody is killed."""

    SIZE = 160 * MIB
    STALL_BYTES = 60 * MIB

    def setUp(self):
        super().setUp()
        self.make_base(self.SIZE)
        self.changes = [
            (at, self.random.randbytes(3 * MIB)) for at in
            range(1000, self.SIZE - 3 * MIB, 5 * MIB)]
        write_changes(self.source, self.SIZE, self.changes)

    def start(self, *arguments, **options):
        """A backup that stands still, with some of it durable."""
        self.proxy.stall_after(self.STALL_BYTES)
        process = self.cairn.start("backup", "vm/1", *arguments,
                                   "--output-format", "json", **options)
        self.addCleanup(process.kill)
        peak = PeakMemory(process.pid)
        if "stdin" in options:
            threading.Thread(target=self.feed, args=(process,),
                             daemon=True).start()
        durable = wait_until(self.durable, "something is durable")
        self.assertLess(durable, self.SIZE)
        return process, peak

    def feed(self, process):
        try:
            process.stdin.write(raw_diff(self.SIZE, self.changes))
            process.stdin.close()
        except OSError:
            pass

    def finish(self, started):
        process, peak = started
        out = process.stdout.read()
        err = process.stderr.read().decode()
        self.assertEqual(process.wait(timeout=120), 0, err)
        report = json.loads(out)
        print(f"client's peak {peak.bytes() >> 20} MiB", flush=True)
        if not case.SANITIZED:
            self.assertLessEqual(peak.bytes(), case.PEAK_BYTES)
        self.assert_restored()
        return report

    def check_retried(self, report):
        archive = report["archives"][0]
        self.assertGreater(report["retries"], 0)
        self.assertEqual(archive["reused_bytes"],
                         self.SIZE - changed_bytes(self.changes))

    def kill_server(self, victim, arguments, **options):
        started = self.start(*arguments, **options)
        self.suite.kill([victim])
        self.proxy.go_on()
        self.suite.start([victim])
        self.check_retried(self.finish(started))

    def test_the_server_is_killed(self):
        with self.subTest("list"):
            self.kill_server("cairnd", self.listed(self.changes))
        with self.subTest("diff"):
            self.kill_server("cairnd", self.PIPED, stdin=subprocess.PIPE)

    def kill_client(self):
        process, _ = self.start(*self.listed(self.changes))
        session = self.sessions()[0]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.proxy.go_on()
        return session

    def resume(self, session):
        sent, report = self.proxy.counted(lambda: self.cairn.json(
            "backup", "vm/1", *self.listed(self.changes), "--resume"))
        self.assertTrue(report["resumed"])
        self.assertEqual(report["snapshot"]["session"],
                         session.name.rsplit("/", 1)[1])
        durable = session.archives[0].durable_bytes
        left = sum(max(0, o + len(c) - max(o, durable))
                   for o, c in self.changes)
        self.assertLess(sent, left + OVERHEAD_BYTES)
        self.assertLess(left, changed_bytes(self.changes) - 16 * MIB)
        self.assert_restored()
        state = os.path.join(self.folder, ".local/state/cairn")
        self.assertEqual(os.listdir(state), [])

    def test_the_client_is_killed(self):
        session = self.kill_client()
        text = self.cairn.error(BUSY, "backup", "vm/1",
                                *self.listed(self.changes))
        self.assertIn("--resume goes on with it", text)
        # Other changes are another backup, which the session is not of.
        text = self.cairn.error(BUSY, "backup", "vm/1",
                                f"{ARCHIVE}:{self.source}", "--resume")
        self.assertIn("no interrupted backup of this kind", text)
        self.resume(session)

    def test_the_source_was_written_since(self):
        self.kill_client()
        write_changes(self.source, self.SIZE, [(3, b"again")])
        out, err = self.cairn.run(
            "backup", "vm/1",
            *self.listed([(3, b"again")] + self.changes),
            "--resume", "--output-format", "json")
        self.assertIn("a new backup starts", err.decode())
        self.assertFalse(json.loads(out)["resumed"])
        self.assert_restored()

    def test_a_diff_on_stdin_is_not_taken_up(self):
        process, _ = self.start(*self.PIPED, stdin=subprocess.PIPE)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        self.proxy.go_on()
        text = self.cairn.error(REFUSED, "backup", "vm/1", *self.PIPED,
                                "--resume",
                                input=raw_diff(self.SIZE, self.changes))
        self.assertIn("stdin cannot be read from there", text)


class InTheMiddleOfFour(InTheMiddle):
    split = True
    test_the_server_is_killed = None
    test_the_client_is_killed = None
    test_the_source_was_written_since = None
    test_a_diff_on_stdin_is_not_taken_up = None

    def setUp(self):
        super().setUp()
        self.replica = self.suite.start_replica()

    def fail_over(self):
        """The first ingest is gone for good; the other takes its place."""
        self.suite.kill(["ingest"])
        self.proxy.hand_on_to(self.replica)
        self.client.close()
        self.client = self.new_client_of(self.replica)

    def new_client_of(self, target):
        suite_target, self.suite.target = self.suite.target, target
        client = self.new_client(self.suite)
        self.suite.target = suite_target
        return client

    def test_another_replica_goes_on(self):
        for what, arguments, options in (
                ("list", self.listed(self.changes), {}),
                ("diff", self.PIPED, {"stdin": subprocess.PIPE})):
            with self.subTest(what):
                started = self.start(*arguments, **options)
                self.fail_over()
                self.proxy.go_on()
                self.check_retried(self.finish(started))
                # Back to the first.
                self.suite.start(["ingest"], wait=False)
                self.suite.wait_ready()
                self.proxy.hand_on_to(self.suite.target)

    def test_a_killed_client_goes_on_at_another_replica(self):
        session = self.kill_client()
        self.fail_over()
        when_available(lambda: self.client.get_session(session.name))
        self.resume(session)

    def test_other_services_are_killed(self):
        for victim in ("chunk_storage", "index"):
            with self.subTest(victim):
                started = self.start(*self.listed(self.changes))
                self.suite.kill([victim])
                self.proxy.go_on()
                self.suite.start([victim])
                self.finish(started)


if __name__ == "__main__":
    case.main()
