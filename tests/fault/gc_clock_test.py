#!/usr/bin/env python3
"""Wall clocks that are set a day back and forward, beneath trash and gc.

The machine's clock stays as it is: tests/harness/wall_clock.c shifts that of
the suite's processes.
"""

import datetime
import os
import pathlib
import sys
import time
import unittest
import uuid

import grpc

import case
from case import wait_until
from gc_case import NOT_FOUND, REFUSED, GcCase
from pumps import PausedWrite

DAY = 86400
MIB = 1 << 20


def _seconds(moment):
    return datetime.datetime.fromisoformat(
        moment.replace("Z", "+00:00")).timestamp()


@unittest.skipIf(case.SANITIZED, "a sanitizer must be loaded first")
class Clock(GcCase):
    """Every process of the suite has the clock that `set_clock` says."""

    def new_suite(self, split=False, data=None, start=True, **options):
        suite = super().new_suite(split, data, start=False, **options)
        self.clock = pathlib.Path(self.folder, "clock")
        self.write_clock(0)
        library = os.path.abspath(os.path.join(
            os.environ.get("CAIRN_BINARIES", "."),
            "tests/harness/libwall_clock.so"))
        self.assertTrue(os.path.exists(library), library)
        suite.prefix = ["env", f"LD_PRELOAD={library}",
                        f"CAIRN_TEST_CLOCK={self.clock}"]
        suite.start()
        return suite

    def write_clock(self, seconds):
        # In place: it is mapped.
        with open(self.clock, "r+b" if self.clock.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def set_clock(self, seconds):
        """By so much before or behind the true time.

        Abseil looks at the clock of the system every other second, and gRPC
        at once: until then deadlines of calls may be over when they begin."""
        self.write_clock(seconds)

        def follows():
            wanted = time.time() + seconds
            try:
                return all(abs(told - wanted) < 60 for told in (
                    self.time_of_index(), self.time_of_maintenance()))
            except grpc.RpcError as error:
                self.assertEqual(error.code(),
                                 grpc.StatusCode.DEADLINE_EXCEEDED)
                return False

        wait_until(follows, "the suite looks at its clock")

    def time_of_index(self):
        """That it gives to a new snapshot."""
        session = self.client.open_session(
            f"datastores/default/groups/ct/{uuid.uuid4().hex}")
        self.client.abort(session.name)
        return _seconds(session.snapshot.rpartition("/")[2])

    def time_of_maintenance(self):
        task = self.cairn.json("verify", "--light", "--wait",
                               code=None).get("task")
        return _seconds(task["create_time"]) if task else 0

    def trash_end(self, name):
        return _seconds(self.cairn.json("snapshot", "show", name)[
            "trash_until"])

    def test_the_suite_follows_the_clock_of_this_test(self):
        """Else the others would prove nothing."""
        ends = []
        # Ahead only: by a clock that went back trash lasts as by the one before.
        for offset in (-DAY, 0, DAY):
            self.set_clock(offset)
            name = self.back_up()
            self.forget(name, trash_time="7d")
            ends.append(self.trash_end(name) - offset)
        self.assertLess(max(ends) - min(ends), 60)

    def test_a_day_forward(self):
        kept = self.back_up()
        short, long = self.back_up(), self.back_up()
        self.forget(short, trash_time="1h")
        self.forget(long, trash_time="3d")
        self.set_clock(DAY)
        # Less than index takes for a jump: an hour is over, three days not.
        self.gc("--live-percent=100")
        del self.trash[short]
        self.assert_quiet_gc_is_exact()
        self.cairn.run("undelete", long)
        self.listed[long] = self.trash.pop(long)
        self.assertIn(kept, self.listed)
        self.set_clock(0)
        self.assert_quiet_gc_is_exact()
        self.back_up("vm/2")
        self.assert_intact()

    def test_a_day_back(self):
        """Nothing in trash ends, until somebody says that the clock is right."""
        self.back_up()
        gone, stays = self.back_up(), self.back_up()
        self.set_clock(DAY)
        self.forget(gone, trash_time="1h")
        self.forget(stays, trash_time="3d")
        self.gc()
        self.set_clock(0)
        text = self.cairn.run("gc", "--wait", "--live-percent=100")[1].decode()
        self.assertIn("the clock of index has jumped", text)
        self.assertIn("confirm-clock", text)
        self.assert_intact()
        # Its hour ends a day and an hour from now, by a clock that is right.
        self.gc("--live-percent=100", "--confirm-clock")
        self.assert_intact()
        self.cairn.run("undelete", gone)
        self.listed[gone] = self.trash.pop(gone)
        self.assert_quiet_gc_is_exact()

    def test_a_month_forward(self):
        """More than index takes for what passes between two sweeps."""
        self.back_up()
        gone = self.back_up()
        self.forget(gone, trash_time="7d")
        self.gc()
        self.set_clock(30 * DAY)
        text = self.cairn.run("gc", "--wait", "--live-percent=100")[1].decode()
        self.assertIn("the clock of index has jumped", text)
        self.assert_intact()
        # It was a mistake: everything is there.
        self.set_clock(0)
        self.gc("--live-percent=100", "--confirm-clock")
        self.cairn.run("undelete", gone)
        self.listed[gone] = self.trash.pop(gone)
        self.assert_intact()
        # It was none.
        self.forget(gone, trash_time="7d")
        self.set_clock(30 * DAY)
        self.gc("--confirm-clock")
        del self.trash[gone]
        self.cairn.error(NOT_FOUND, "undelete", gone)
        self.assert_quiet_gc_is_exact()

    def test_leases_and_sessions_do_not_look_at_the_clock(self):
        """A backup and a gc go on while it jumps both ways."""
        self.back_up()
        data = self.random.randbytes(8 * MIB)
        write = PausedWrite(self, self.suite.target,
                            "datastores/default/groups/vm/open", data,
                            pause_at=len(data) // 2, flush=True)
        write.await_pause()
        for offset in (DAY, -DAY):
            # What is forgotten tomorrow is in trash until then.
            self.set_clock(0)
            self.gc("--confirm-clock")
            self.garbage_in_all_packs("vm/2")
            self.set_clock(offset)
            self.gc("--live-percent=100", "--confirm-clock")
            lease, = [one for one in self.client.leases()
                      if one.purpose == 1]
            self.assertGreater(lease.remaining.ToNanoseconds(), 0)
            self.assert_intact()
        self.set_clock(0)
        name = write.finish()
        self.assert_restores(self.client, {f"{name}/archives/a.raw": data})
        self.cairn.run("forget", name, "--trash-time=0")
        self.assert_quiet_gc_is_exact("--confirm-clock")

    def test_a_prune_with_a_clock_behind_the_newest_snapshot(self):
        self._seconds = int(time.time()) - 3600
        for _ in range(3):
            self.back_up()
        self.set_clock(-DAY)
        rules = ("prune", "--group", "vm/1", "--keep-last=2", "--wait",
                 "--trash-time=7d")
        self.assertIn("clock", self.cairn.error(REFUSED, *rules))
        self.assert_intact()
        self.set_clock(0)
        self.cairn.run(*rules)
        oldest = min(self.listed)
        self.trash[oldest] = self.listed.pop(oldest)
        self.assert_quiet_gc_is_exact()
        wait_until(lambda: not self.client.leases(), "all leases end")


class SplitClock(Clock):
    split = True


if __name__ == "__main__":
    case.main()
