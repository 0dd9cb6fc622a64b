#!/usr/bin/env python3
"""Disks that are full, and disks that fail to sync.

Needs root: file systems on loop devices, strace to make system calls fail.
"""

import collections
import itertools
import os
import pathlib
import re
import subprocess

import grpc

import case
from case import Case, back_up
from client import model
from loop_disk import LoopDisk
from pumps import PausedWrite

CODE = grpc.StatusCode
DATASTORE = "datastores/default"
GROUP = f"{DATASTORE}/groups/host/disk"
DISK_BYTES = 3 << 30
FATAL_EXIT_CODE = 74
# A start of RocksDB writes down its options, for people, and goes on without.
OPTIONS_SYNC = re.compile(r"/db(/OPTIONS-\d+\.dbtmp)?>")


class DiskCase(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.disk = LoopDisk(self.folder, size_bytes=DISK_BYTES)
        self.addCleanup(self.disk.close)
        self.data = os.path.join(self.disk.path, "data")


class FullDisk(DiskCase):

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(data=self.data)
        self.client = self.new_client(self.suite)
        self.archives = back_up(self.client, GROUP, {
            "a.raw": self.random.randbytes(24 << 20)})
        self.filler = pathlib.Path(self.disk.path, "filler")

    def leave(self, free_bytes):
        """Fills the disk under the feet of the suite."""
        self.disk.fill(self.filler, free_bytes)

    def works_again(self):
        self.archives |= back_up(self.client, GROUP + "-again", {
            "a.raw": self.random.randbytes(8 << 20)})
        self.assert_restores(self.client, self.archives)

    def test_a_backup_that_does_not_fit(self):
        self.leave(600 << 20)
        before = list(self.client.snapshots(DATASTORE))
        session = self.client.open_session(GROUP + "-large").name
        data = self.random.randbytes(8 << 20) * 88  # 704 MiB, deduplicated..
        pieces = bytearray(data)
        for at in range(0, len(pieces), 64 << 10):  # ..and no longer
            pieces[at:at + 8] = self.random.randbytes(8)
        with self.refused(CODE.RESOURCE_EXHAUSTED, reason="STORAGE_FULL"):
            self.client.write(session, "a.raw", pieces)
        with self.refused(CODE.RESOURCE_EXHAUSTED, CODE.FAILED_PRECONDITION):
            self.client.finish(session, {"a.raw": len(pieces)})
        self.assertEqual(list(self.client.snapshots(DATASTORE)), before)
        self.assert_restores(self.client, self.archives)
        # More than what the last write that was refused may have left.
        with self.refused(CODE.RESOURCE_EXHAUSTED, reason="STORAGE_FULL"):
            back_up(self.client, GROUP + "-small", {
                "a.raw": self.random.randbytes(32 << 20)})
        self.filler.unlink()
        self.works_again()
        # The one that did not fit goes on where it was durable.
        done = self.client.get_session(session).archives
        self.client.write(session, "a.raw", pieces,
                          offset=done[0].durable_bytes if done else 0)
        self.client.finish(session, {"a.raw": len(pieces)})
        self.stop(self.suite)

    def test_a_disk_that_fills_up_in_the_middle_of_a_backup(self):
        data = self.random.randbytes(64 << 20)
        write = PausedWrite(self, self.suite.target, GROUP + "-middle", data,
                            pause_at=len(data) // 2)
        write.await_pause()
        self.leave(16 << 20)
        write.go_on()
        error = write.error()
        self.assertEqual(error.code(), CODE.RESOURCE_EXHAUSTED,
                         error.details())
        self.assertEqual(case.reason_of(error), "STORAGE_FULL")
        self.assert_restores(self.client, self.archives)
        self.filler.unlink()
        done = self.client.get_session(write.session).archives
        self.client.write(write.session, "a.raw", data,
                          offset=done[0].durable_bytes if done else 0)
        name = self.client.finish(write.session, {"a.raw": len(data)}).name
        self.archives[f"{name}/archives/a.raw"] = data
        self.works_again()
        self.stop(self.suite)

    def test_a_restart_on_a_disk_without_a_free_byte(self):
        self.suite.kill()
        self.leave(0)
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.assert_restores(self.client, self.archives)
        with self.refused(CODE.RESOURCE_EXHAUSTED, reason="STORAGE_FULL"):
            back_up(self.client, GROUP + "-full", {
                "a.raw": self.random.randbytes(1 << 20)})
        self.assert_restores(self.client, self.archives)
        self.suite.kill()
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.assert_restores(self.client, self.archives)
        self.suite.kill()
        self.filler.unlink()
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.works_again()
        self.stop(self.suite)

    def test_the_last_free_byte_goes_while_backups_run(self):
        """Beneath the gates: whatever the process does, nothing is lost."""
        session = self.client.open_session(GROUP + "-last").name
        self.leave(0)
        try:
            self.client.write(session, "a.raw",
                              self.random.randbytes(32 << 20))
            self.client.finish(session, {"a.raw": 32 << 20})
            self.fail("32 MiB fit into nothing")
        except grpc.RpcError as error:
            self.assertIn(error.code(), (CODE.RESOURCE_EXHAUSTED,
                                         CODE.UNAVAILABLE), error.details())
        code = self.suite.processes["cairnd"].poll()
        self.assertIn(code, (None, FATAL_EXIT_CODE), self.suite.log_tail())
        self.suite.kill()
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.assert_restores(self.client, self.archives)
        self.suite.kill()
        self.filler.unlink()
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.works_again()


class FailedSync(DiskCase):
    """The nth sync fails, the process ends, and then the power does too."""

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(data=self.data)
        self.suite.kill()
        self.log = os.path.join(self.folder, "strace")
        self.acknowledged = {}
        self.numbers = itertools.count()

    def strace(self, call, when):
        """Makes the call fail once `when` came in one thread."""
        return ["strace", "-f", "-o", self.log, "-e", f"trace={call}", "-y", "-e",
                f"inject={call}:error=EIO:when={when}"]

    def start_under(self, call, when):
        self.suite.prefix = self.strace(call, when) + [
            "-D", "-qq", "--seccomp-bpf"]
        self.suite.start(wait=False)
        self.suite.prefix = []

    def attach(self, call, when):
        process = self.suite.processes["cairnd"]
        tracer = subprocess.Popen(
            self.strace(call, when) + ["-p", str(process.pid)],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(tracer.stderr.close)
        self.addCleanup(tracer.wait)
        self.assertIn("attached", tracer.stderr.readline())

    def most_in_one_thread(self, call):
        """How often the busiest thread came to the call."""
        threads = re.findall(rf"^(\d+) +{call}\(", pathlib.Path(
            self.log).read_text(), re.MULTILINE)
        return max(collections.Counter(threads).values(), default=0)

    def failures(self):
        return [line for line in pathlib.Path(self.log).read_text(
            ).splitlines() if "INJECTED" in line]

    def work(self, client):
        """Three backups; what is acknowledged is remembered."""
        for _ in range(3):
            size = self.random.choice((0, 100, 3 << 20))
            data = self.random.randbytes(size)
            # Sessions of which not even the opening is known hold theirs.
            session = client.open_session(f"{GROUP}{next(self.numbers)}")
            self.unknown = (session, data)
            client.write(session.name, "a.raw", data)
            client.finish(session.name, {"a.raw": size})
            self.acknowledged[f"{session.snapshot}/archives/a.raw"] = data
            self.unknown = None

    def one_failure(self, call, when, at_start):
        """True if the failure struck."""
        self.unknown = None
        was_ready = not at_start
        if at_start:
            self.start_under(call, when)
        else:
            self.suite.start()
        process = self.suite.processes["cairnd"]
        client = self.new_client(self.suite)
        try:
            if at_start:
                self.suite.wait_ready()
                was_ready = True
            else:
                self.attach(call, when)
            self.work(client)
        except RuntimeError:  # it was never ready
            self.assertIsNotNone(process.poll(), self.suite.log_tail())
        except grpc.RpcError as error:
            self.assertIn(error.code(), (CODE.UNAVAILABLE, CODE.CANCELLED),
                          error.details())
            process.wait(timeout=60)
        code = process.poll()
        ignored = [line for line in self.failures()
                   if not (at_start and OPTIONS_SYNC.search(line))]
        if code is None:
            self.assertEqual(ignored, [], "a failed sync was ignored")
        if code is not None:
            # A start that fails says so by any code.
            allowed = (FATAL_EXIT_CODE,) if was_ready else (1, FATAL_EXIT_CODE)
            self.assertIn(code, allowed, self.suite.log_tail())
        self.disk.cut_power()
        self.suite.kill()
        self.disk.unmount()
        self.disk.mount()
        self.suite.start()
        client = self.new_client(self.suite)
        self.settle(client)
        listed = {s.name for s in client.snapshots(DATASTORE)}
        wanted = {name.split("/archives/")[0] for name in self.acknowledged}
        self.assertEqual(listed, wanted)
        newest = dict(list(self.acknowledged.items())[-6:])
        self.assert_restores(client, newest)
        self.suite.kill()
        return code is not None

    def settle(self, client):
        """An unknown outcome: asking again says which."""
        if self.unknown is None:
            return
        session, data = self.unknown
        state = client.get_session(session.name).state
        listed = {s.name for s in client.snapshots(DATASTORE)}
        self.assertEqual(session.snapshot in listed,
                         state == model.SESSION_STATE_PUBLISHED)
        if state == model.SESSION_STATE_PUBLISHED:
            self.acknowledged[f"{session.snapshot}/archives/a.raw"] = data
        else:
            client.abort(session.name)

    def strikes(self, call, few, many, at_start):
        # How far there is anything to fail.
        self.assertFalse(self.one_failure(call, 1 << 15, at_start))
        most = self.most_in_one_thread(call)
        self.assertGreater(most, 0)
        count = case.slice_or_soak(few, many)
        places = [number % most + 1 for number in range(count)]
        if count < most:
            places = self.random.sample(range(1, most + 1), count)
        struck = sum(self.one_failure(call, when, at_start)
                     for when in places)
        print(f"{call}: up to {most} calls in a thread; {struck} of {count} "
              f"failures struck", flush=True)
        self.assertGreater(struck, 0)

    def test_a_failed_fdatasync_while_starting(self):
        self.strikes("fdatasync", 5, 100, at_start=True)

    def test_a_failed_fsync_while_starting(self):
        self.strikes("fsync", 5, 100, at_start=True)

    def test_a_failed_fdatasync_while_backing_up(self):
        self.strikes("fdatasync", 6, 100, at_start=False)

    def test_a_failed_fsync_while_backing_up(self):
        self.strikes("fsync", 4, 100, at_start=False)


if __name__ == "__main__":
    case.main()
