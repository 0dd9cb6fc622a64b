#!/usr/bin/env python3
"""Processes whose memory the kernel limits.

Needs root: control groups. README.md tells what is expected.
"""

import signal
import unittest

import case
from case import Case, wait_until
from cli import Cli
from control_group import ControlGroup
from load import Load
from suite import SERVICES, Suite

MIB = 1 << 20
# All that a process of the suite needs by its default settings, with what the
# kernel keeps for it: page cache gives way.
LIMIT_BYTES = case.PEAK_BYTES
# Above what it has at rest: too little for any load.
TOO_LITTLE_BYTES = 4 * MIB
# Which of them hold what travels; the others need no more under load.
VICTIMS = ("ingest", "chunk_storage")


class LimitedSuite(Suite):
    """Each process in a control group of its own."""

    groups = {}

    def command(self, name):
        return self.groups[name].prefix + super().command(name)


@unittest.skipIf(case.SANITIZED, "a sanitizer takes several times the memory")
class MemoryLimits(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=True, start=False)
        self.suite.__class__ = LimitedSuite
        self.suite.groups = {name: ControlGroup(self, "memory", name)
                             for name in SERVICES}
        for name in SERVICES:
            self.limit(name, LIMIT_BYTES)
        self.suite.start()
        cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                    self.folder)
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            self.suite.socket("maintenance"))
        self.load = Load(cairn, self.folder, self.random.random(), writers=4,
                         readers=4, image_bytes=32 * MIB)
        self.addCleanup(self.load.kill)

    def limit(self, name, size):
        self.suite.groups[name].set("memory.limit_in_bytes", size)

    def tell(self):
        for name, group in self.suite.groups.items():
            peak = int(group.get("memory.max_usage_in_bytes"))
            print(f"{name}: peak {peak // MIB} MiB with page cache, "
                  f"{self.suite.peak_bytes()[name] // MIB} MiB resident",
                  flush=True)

    def end(self):
        self.load.stop()
        self.load.check(self)
        self.stop(self.suite)

    def test_no_process_needs_more_than_its_settings_say(self):
        self.load.start()
        self.load.await_more(case.slice_or_soak(1, 20), 900)
        self.tell()
        for name, group in self.suite.groups.items():
            self.assertIn("oom_kill 0", group.get("memory.oom_control"), name)
        self.end()

    def test_a_process_with_too_little_is_killed_and_comes_back(self):
        for victim in self.random.sample(VICTIMS, case.slice_or_soak(1, 2)):
            with self.subTest(victim=victim):
                self.starve(victim)
        self.end()

    def starve(self, victim):
        # A new one: what a load has left in another would do for the next.
        self.suite.kill([victim])
        self.suite.start([victim])
        process = self.suite.processes[victim]
        group = self.suite.groups[victim]
        self.limit(victim, group.kept_bytes() + TOO_LITTLE_BYTES)
        self.load.begin()
        wait_until(lambda: process.poll() is not None,
                   f"the kernel kills {victim}", 120)
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertNotIn("oom_kill 0", group.get("memory.oom_control"))
        # As whoever looks after it does, with enough this time.
        self.limit(victim, LIMIT_BYTES)
        self.suite.start([victim])
        self.load.await_more(1)
        self.assertEqual(self.load.complaints, [])
        self.load.stop()
        self.load.stopping.clear()
        print(f"{victim} was killed and came back", flush=True)


if __name__ == "__main__":
    case.main()
