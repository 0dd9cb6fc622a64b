#!/usr/bin/env python3
"""The wall clock of one of four services is set, under load.

The others' stay right; tests/harness/wall_clock.c shifts that of one process.
"""

import datetime
import os
import pathlib
import signal
import sys
import time
import unittest

import case
from case import Case, wait_until
from cli import Cli
from load import Load
from suite import SERVICES, Suite

DAY = 86400
# Index's clock says when trash is over. A day passes between two sweeps; more
# than a month does not, and nothing goes before somebody confirms it.
TRASH_SECONDS = 7 * DAY
# A clock that is set back stands still for what it is asked to forget, for as
# long as a jump of this test lasts.
SLACK_SECONDS = 600
USAGE = 2
# Abseil looks at the clock of the system every other second.
LOOK_SECONDS = 1


def _until(year):
    return int(datetime.datetime(year, 1, 2, tzinfo=datetime.timezone.utc)
               .timestamp() - time.time())


class ClockSuite(Suite):
    """Each process has a clock of its own."""

    preload = None

    def clock(self, name):
        return pathlib.Path(self.sockets, f"clock-{name}")

    def set_clock(self, name, seconds):
        """Before or behind the true time."""
        path = self.clock(name)
        # In place: it is mapped.
        with open(path, "r+b" if path.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))

    def command(self, name):
        return ["env", f"LD_PRELOAD={self.preload}",
                f"CAIRN_TEST_CLOCK={self.clock(name)}",
                *super().command(name)]


@unittest.skipIf(case.SANITIZED, "a sanitizer must be loaded first")
class OneClock(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=True, start=False)
        self.suite.__class__ = ClockSuite
        self.suite.preload = os.path.abspath(os.path.join(
            os.environ.get("CAIRN_BINARIES", "."),
            "tests/harness/libwall_clock.so"))
        self.assertTrue(os.path.exists(self.suite.preload))
        for name in SERVICES:
            self.suite.set_clock(name, 0)
        self.suite.start()
        cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                    self.folder)
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            self.suite.socket("maintenance"))
        self.load = Load(cairn, self.folder, self.random.random(),
                         trash_seconds=TRASH_SECONDS)
        self.load.oracle.slack_seconds = SLACK_SECONDS
        self.addCleanup(self.load.kill)

    def log_time(self, name):
        """What the process last wrote as its time."""
        lines = [line for line in self.suite.log_text().splitlines()
                 if f'"service":"{name}"' in line]
        return datetime.datetime.fromisoformat(
            lines[-1].partition('"ts":"')[2][:19] + "+00:00").timestamp()

    def await_clock(self, name, seconds):
        """A process looks at the clock of the system once in a while only;
        a line of its log tells what it takes for the time."""
        def follows():
            self.suite.processes[name].send_signal(signal.SIGHUP)
            self.load.stopping.wait(LOOK_SECONDS)
            return abs(self.log_time(name) - time.time() - seconds) < 60

        wait_until(follows, f"{name} looks at its clock")

    def jump(self, name, seconds):
        # Whose clock is behind that of its clients does not take their time.
        old = name == "index" and seconds < -3650 * DAY
        self.load.allowed["backup"] = {USAGE} if old else set()
        try:
            self.suite.set_clock(name, seconds)
            self.await_clock(name, seconds)
            self.load.await_more(1, but="writer" if old else "")
        finally:
            self.suite.set_clock(name, 0)
        self.await_clock(name, 0)
        if name == "index":
            # It is right again, and trash ends once a sweep is told so.
            wait_until(lambda: self.load.gc("--confirm-clock"), "a gc")
        self.load.await_more(1)
        self.load.allowed["backup"] = set()
        self.assertEqual(self.load.complaints, [])
        print(f"{name}: {seconds / DAY:+.1f} days and back", flush=True)

    def test_the_clock_of_one_service_jumps(self):
        offsets = [DAY, -DAY, _until(1970), _until(2100)]
        chosen = [(name, offset) for name in SERVICES for offset in offsets]
        if not case.SOAK:
            chosen = [(name, self.random.choice(offsets)) for name in
                      self.random.sample(SERVICES, 2)]
        self.load.start()
        for name, offset in chosen:
            self.jump(name, offset)
        self.load.stop()
        self.load.stopping.clear()
        wait_until(self.load.gc, "a gc")
        self.load.check(self)
        self.assert_each_follows_its_clock()

    def assert_each_follows_its_clock(self):
        """Else all this would prove nothing: each tells when it ends."""
        for number, name in enumerate(SERVICES):
            self.suite.set_clock(name, number * DAY)
            self.await_clock(name, number * DAY)
        self.stop(self.suite)
        for number, name in enumerate(SERVICES):
            self.assertLess(abs(self.log_time(name) - time.time()
                                - number * DAY), DAY / 2, name)


if __name__ == "__main__":
    case.main()
