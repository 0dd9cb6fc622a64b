#!/usr/bin/env python3
"""Every service is replaced, one after another, under backups and restores.

Ingest has two replicas behind a load balancer, and the new one is there before
the old one goes; of index, chunk storage and maintenance there can be one, and
the new process takes over the directory of the old one. No operation of the
client fails, nothing acknowledged is lost, and gc finishes.
"""

import signal
import unittest

import case
from case import Case
from cli import Cli
from load import Load
from proxy import CountingProxy

# Less than the slow backup and restore last: they are cut off, and go on.
DRAIN_SECONDS = 2
EXIT_SECONDS = 60
SLOW_BYTES = case.slice_or_soak(8, 32) << 20
ROUNDS = case.slice_or_soak(1, 5)


class Rolling(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=True, replicas=2,
                                    drain_seconds=DRAIN_SECONDS)
        self.fronts = ["ingest", "ingest-2"]
        self.replicas = 2  # that there have been
        self.door = CountingProxy(self, self.suite.target, self.folder)
        self.balance()
        cairn = Cli(self.suite.binaries["cairn"], self.door.target,
                    self.folder)
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            self.suite.socket("maintenance"))
        self.load = Load(cairn, self.folder, self.random.random(),
                         slow_bytes=SLOW_BYTES)
        self.addCleanup(self.load.kill)

    def balance(self):
        self.door.hand_on_to(*map(self.suite.socket, self.fronts))
        self.suite.target = self.suite.socket(self.fronts[0])

    def take_away(self, name, number):
        process = self.suite.processes.pop(name)
        process.send_signal(number)
        code = process.wait(timeout=EXIT_SECONDS)
        self.assertEqual(code, 0 if number == signal.SIGTERM else -number,
                         f"{name}: {self.suite.log_tail()}")

    def replace(self, name, number):
        if name not in self.fronts:
            self.take_away(name, number)
            self.suite.start([name])
            return
        self.replicas += 1
        new = f"ingest-{self.replicas}"
        self.suite.start_replica(new)
        self.fronts = [one for one in self.fronts if one != name] + [new]
        self.suite.names = tuple(one for one in self.suite.names
                                 if one != name) + (new,)
        self.balance()
        self.take_away(name, number)

    def rolls(self, number):
        self.load.start()
        swept = self.load.tally["gc", 0]
        for _ in range(ROUNDS):
            for name in list(self.suite.names):
                self.replace(name, number)
                # Each loop, also the collector, succeeds with the new one.
                self.load.await_more(1)
                self.assertEqual(self.load.complaints, [], name)
                print(f"{name} was replaced", flush=True)
        self.load.stop()
        self.assertGreaterEqual(self.load.tally["gc", 0] - swept,
                                ROUNDS * len(self.suite.names))
        self.load.check(self)
        self.assertGreater(self.load.retries, 0, "no stream was cut off")
        for verb in ("backup", "restore"):
            self.assertEqual(
                {code for one, code in self.load.tally if one == verb}, {0})
        self.stop(self.suite)

    def test_each_service_is_replaced_by_sigterm(self):
        self.rolls(signal.SIGTERM)

    @unittest.skipUnless(case.SOAK, "in the soak run")
    def test_each_service_is_killed_and_replaced(self):
        """Sessions that the client holds go on by themselves, too."""
        self.rolls(signal.SIGKILL)


if __name__ == "__main__":
    case.main()
