#!/usr/bin/env python3
"""Disks that are full when gc is to make room, or become so meanwhile.

Needs root: file systems on loop devices.
"""

import os
import pathlib

import case
from case import wait_until
from gc_case import FAILED, GcCase
from live_bytes import Packs
from loop_disk import LoopDisk

DISK_BYTES = 3 << 30
MIB = 1 << 20


class FullDisk(GcCase):

    def new_suite(self, split=False, data=None, start=True, **options):
        self.disk = LoopDisk(self.folder, size_bytes=DISK_BYTES)
        self.addCleanup(self.disk.close)
        self.filler = pathlib.Path(self.disk.path, "filler")
        return super().new_suite(
            split, os.path.join(self.disk.path, "data"), start, **options)

    def leave(self, free_bytes):
        """Fills the disk under the feet of the suite."""
        self.disk.fill(self.filler, free_bytes)

    def make_room(self, restart=False):
        """All is in order again. A process that started on a full disk takes
        no new backups before its next start."""
        self.filler.unlink()
        if restart:
            self.suite.kill()
            self.suite.start()
        self.assert_intact()
        self.assert_quiet_gc_is_exact()
        self.back_up("vm/after")
        self.assert_intact()
        self.stop(self.suite)

    def leave_garbage(self, size):
        """Of a backup that was given up: a pack without a live record."""
        session = self.client.open_session("datastores/default/groups/vm/no")
        self.client.write(session.name, "a.raw", self.random.randbytes(size))
        self.client.abort(session.name)

    def compact_later(self):
        """Garbage beside live bytes, which the last gc was not to copy."""
        self.garbage_in_all_packs("vm/2", size=32, fresh=16)
        self.gc("--live-percent=1")

    def test_packs_without_a_live_record_go_at_0_bytes_free(self):
        self.back_up("vm/1")
        self.leave_garbage(16 * MIB)
        before = Packs(self.suite.data).bytes()
        self.leave(0)
        result = self.gc("--live-percent=100")
        self.assertGreaterEqual(result["freed_bytes"], 16 * MIB)
        self.assertLess(Packs(self.suite.data).bytes(), before - 15 * MIB)
        self.assert_intact()
        self.make_room()

    def test_compaction_on_a_full_disk(self):
        """There is no room for the copy: what can go goes, the rest is told."""
        self.compact_later()
        self.leave_garbage(16 * MIB)
        self.leave(0)
        result = self.gc("--live-percent=100")
        self.assertGreaterEqual(result["freed_bytes"], 16 * MIB)
        self.assertIn("budget", [e["reason"] for e in result["later"]], result)
        self.assert_intact()
        self.make_room()

    def test_what_is_forgotten_on_a_full_disk(self):
        """That it is gone must be in the packs before its bytes may go."""
        kept = self.back_up("vm/1", size=64)
        gone = self.back_up("vm/2")
        self.cairn.run("forget", gone, "--trash-time=0")
        del self.listed[gone]
        self.leave(0)
        self.assertIn("free space", self.cairn.error(1, "forget", kept))
        before = set(Packs(self.suite.data).records)
        self.assertIn("free space or add", self.cairn.error(
            FAILED, "gc", "--wait", "--live-percent=100"))
        self.assertEqual(set(Packs(self.suite.data).records), before)
        self.assert_intact()
        self.make_room()

    def test_a_gc_without_a_single_free_block(self):
        """Even the audit log has no room: it ends, and says so."""
        self.back_up("vm/1")
        self.leave_garbage(16 * MIB)
        self.disk.fill(self.filler, of_root=True)
        self.assertRegex(self.cairn.error(
            FAILED, "gc", "--wait", "--live-percent=100"),
            "free space|No space left")
        self.assert_intact()
        self.make_room()

    def test_where_backups_are_refused_forget_and_gc_go_on(self):
        self.back_up("vm/1")
        gone = self.back_up("vm/2", size=64)
        self.leave(300 * MIB)
        self.assertIn("free space", self.cairn.error(
            1, "backup", "vm/3", "a.raw:" + self.write(
                "source", self.random.randbytes(MIB)), "--retry-for=1s"))
        self.forget(gone)
        before = Packs(self.suite.data).bytes()
        self.assert_quiet_gc_is_exact()
        self.assertLess(Packs(self.suite.data).bytes(), before - 15 * MIB)
        self.make_room()

    def fill_while_it_copies(self, free_bytes):
        self.garbage_in_all_packs("vm/2", size=32, fresh=16)
        task = self.start_slow_gc(rate="2MiB")
        self.leave(free_bytes)
        ended = self.end_of_or_dead(task)
        print(f"left {free_bytes}: {ended}", flush=True)
        if self.suite.processes["cairnd"].poll() is not None:
            # The database met the full disk, and the process ended: 74.
            self.assertEqual(self.suite.processes["cairnd"].returncode, 74,
                             self.suite.log_tail())
            self.suite.kill()
            self.suite.start()
        self.assert_intact()
        self.make_room()

    def end_of_or_dead(self, task):
        def ended():
            if self.suite.processes["cairnd"].poll() is not None:
                return "the process ended"
            shown = self.cairn.json("task", "show", task,
                                    code=None)
            shown = shown.get("task", {})
            return shown.get("end_time") and shown["state"]

        return wait_until(ended, "the gc ends")

    def test_a_disk_that_fills_up_while_gc_copies(self):
        self.fill_while_it_copies(0)

    def test_a_disk_that_is_nearly_full_while_gc_copies(self):
        self.fill_while_it_copies(MIB)

    def test_a_restart_and_a_gc_at_0_bytes_free(self):
        self.back_up("vm/2")
        self.leave_garbage(16 * MIB)
        self.suite.kill()
        self.leave(0)
        self.suite.start()
        self.assert_intact()
        self.assertGreaterEqual(self.gc()["freed_bytes"], 16 * MIB)
        self.assert_intact()
        self.make_room(restart=True)


class SplitFullDisk(FullDisk):
    """The processes share the disk."""

    split = True
    test_a_disk_that_fills_up_while_gc_copies = None
    test_a_disk_that_is_nearly_full_while_gc_copies = None


if __name__ == "__main__":
    case.main()
