#!/usr/bin/env python3
"""Processes that stand still, and disks that are slow.

Needs root: a file system on a loop device. README.md tells what is expected.
"""

import os
import pathlib
import signal
import time
import unittest

import case
import control_group
from case import Case
from cli import Cli
from load import Load
from loop_disk import LoopDisk
from suite import SERVICES

LEASE_SECONDS = 5  # the least that ingest takes
# Longer than a lease lasts; longer than keepalive waits for a silent peer.
PAUSES = case.slice_or_soak([8], [8, 50])
VICTIMS = case.slice_or_soak(1, 4)
DISK_BYTES = 3 << 30
BYTES_A_SECOND = 1 << 20
SYNC_SECONDS = case.slice_or_soak(0.1, 2)
# Index syncs some fifty times, one after another, to begin its database.
READY_SECONDS = 60 + 100 * SYNC_SECONDS


class StallCase(Case):

    def use(self, suite, **options):
        self.suite = suite
        cairn = Cli(suite.binaries["cairn"], suite.target, self.folder)
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            suite.socket("maintenance"))
        self.load = Load(cairn, self.folder, self.random.random(), **options)
        self.addCleanup(self.load.kill)

    def setUp(self):
        super().setUp()
        self.random = case.make_random()

    def end(self):
        self.load.stop()
        self.load.check(self)
        for name, process in self.suite.processes.items():
            self.assertIsNone(process.poll(), f"{name} has ended")
        self.assert_memory_is_bounded(self.suite, "stalled")
        self.stop(self.suite)


class Pauses(StallCase):

    def test_each_service_stands_still_beyond_its_leases(self):
        self.use(self.new_suite(split=True, lease_seconds=LEASE_SECONDS),
                 slow_bytes=8 << 20)
        self.load.start()
        for victim in self.random.sample(SERVICES, VICTIMS):
            for seconds in PAUSES:
                with self.subTest(victim=victim, seconds=seconds):
                    self.pause(victim, seconds)
        self.end()

    def pause(self, victim, seconds):
        process = self.suite.processes[victim]
        process.send_signal(signal.SIGSTOP)
        try:
            self.load.stopping.wait(seconds)
        finally:
            process.send_signal(signal.SIGCONT)
        start = time.monotonic()
        self.load.await_more(1)
        self.assertEqual(self.load.complaints, [])
        print(f"{victim} stood still for {seconds} s: all loops went on in "
              f"{time.monotonic() - start:.1f} s", flush=True)


class SlowDisk(StallCase):

    def setUp(self):
        super().setUp()
        self.disk = LoopDisk(self.folder, size_bytes=DISK_BYTES)
        self.addCleanup(self.disk.close)

    def start_suite(self, prefix):
        suite = self.new_suite(
            split=True, data=os.path.join(self.disk.path, "data"),
            start=False, lease_seconds=4 * LEASE_SECONDS)
        suite.prefix = prefix
        suite.ready_seconds = READY_SECONDS
        suite.start()
        # No lease may end because of it, so nothing is fenced.
        self.use(suite, retry_seconds=300)
        return suite

    def test_a_disk_of_a_few_megabytes_a_second(self):
        group = control_group.ControlGroup(self, "blkio", "slow")
        device = os.stat(self.disk.path).st_dev
        for way in ("read", "write"):
            group.set(f"blkio.throttle.{way}_bps_device",
                      f"{os.major(device)}:{os.minor(device)} "
                      f"{BYTES_A_SECOND}")
        self.start_suite(group.prefix)
        self.load.start()
        start, before = time.monotonic(), self.disk_writes()
        self.load.await_more(case.slice_or_soak(1, 10), 600)
        written = self.disk_writes() - before
        seconds = time.monotonic() - start
        print(f"{written >> 10} KiB written in {seconds:.1f} s", flush=True)
        # Else nothing would have been slow.
        self.assertLess(written, (seconds + 2) * 2 * BYTES_A_SECOND)
        self.assertGreater(self.load.slowest["backup"], 1)
        self.end()

    def disk_writes(self):
        """Bytes that have gone to the loop device."""
        device = os.stat(self.disk.path).st_dev
        with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat",
                  encoding="ascii") as file:
            return int(file.read().split()[6]) * 512

    @unittest.skipIf(case.SANITIZED, "strace does not follow a sanitizer")
    def test_syncs_that_take_their_time(self):
        self.start_suite([
            "strace", "--follow-forks", "--seccomp-bpf", "--quiet=all",
            "--output=/dev/null", "-e", "trace=fdatasync,fsync", "-e",
            "inject=fdatasync,fsync:delay_enter="
            f"{int(SYNC_SECONDS * 1000)}ms"])
        self.addCleanup(self.kill_traced)
        self.load.start()
        # A backup waits for some forty of them, its own and those before it.
        self.load.await_more(case.slice_or_soak(1, 5), 1200)
        slowest = self.load.slowest["backup"]
        self.assertGreater(slowest, SYNC_SECONDS, "no sync was slow")
        self.load.stop()
        self.load.check(self)

    def kill_traced(self):
        """What strace runs goes on without it."""
        for process in self.suite.processes.values():
            children = pathlib.Path(
                f"/proc/{process.pid}/task/{process.pid}/children")
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    case.main()
