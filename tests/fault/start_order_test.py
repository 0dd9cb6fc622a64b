#!/usr/bin/env python3
"""The four services started in every order, and with one that stays away."""

import itertools
import json
import pathlib
import re
import signal

import case
from case import Case, wait_until
from cli import Cli
from suite import SERVICES

ORDERS = case.slice_or_soak(3, 24)
# How long one is away; the others wait, and none of them ends.
AWAY_SECONDS = case.slice_or_soak(3, 120)
# After the last has come everything works within so long, by itself.
READY_SECONDS = 30
RETRY = f"--retry-for={READY_SECONDS}s"


class StartOrder(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=True, start=False)
        self.cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                         self.folder)
        self.cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            self.suite.socket("maintenance"))
        self.contents = {}  # by group

    def starts(self, names):
        """One after the other: each serves before the next begins."""
        for name in names:
            before = self.times_served(name)
            self.suite.start([name], wait=False)
            wait_until(lambda: self.times_served(name) > before,
                       f"{name} serves")
            self.assert_alive()

    def times_served(self, name):
        return len(re.findall(
            f'"service":"{name}",[^{{}}]*"msg":"server started',
            self.suite.log_text()))

    def assert_alive(self):
        for name, process in self.suite.processes.items():
            self.assertIsNone(process.poll(),
                              f"{name} has ended: {self.suite.log_tail()}")

    def works(self):
        """Whether ingest finds all of them, and they are ready."""
        status, _ = self.cairn.run("status", "--output-format=json", code=None)
        services = json.loads(status or b"{}").get("services")
        return bool(services) and all(one["ready"] for one in services)

    def await_work(self):
        wait_until(self.works, "all is ready", READY_SECONDS)
        self.assert_alive()
        group = f"host/order{len(self.contents)}"
        content = self.contents[group] = self.random.randbytes(1 << 20)
        path = pathlib.Path(self.folder, "source")
        path.write_bytes(content)
        self.cairn.run("backup", group, f"a.raw:{path}", RETRY)
        for group, content in self.contents.items():
            out, _ = self.cairn.run("restore", f"{group}/latest", "a.raw", "-",
                                    RETRY)
            self.assertTrue(out == content, f"{group} differs")
        self.cairn.run("gc", "--wait", RETRY)

    def test_each_order(self):
        orders = list(itertools.permutations(SERVICES))
        self.random.shuffle(orders)
        for number, order in enumerate(orders[:ORDERS]):
            self.suite.kill()
            with self.subTest(order=order):
                self.starts(order)
                self.await_work()
                # Each ends by itself, whoever has gone before it.
                for name in self.random.sample(order, len(order)):
                    process = self.suite.processes.pop(name)
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(timeout=60), 0, name)
            print(f"{number}: {', '.join(order)}", flush=True)

    def test_all_at_once(self):
        self.suite.start(wait=False)
        self.await_work()
        self.stop(self.suite)

    def test_one_stays_away(self):
        for name in self.random.sample(SERVICES, case.slice_or_soak(1, 4)):
            self.suite.kill()
            with self.subTest(name=name):
                others = [one for one in SERVICES if one != name]
                self.starts(others)
                # Not ready is told, or nobody is there who could tell.
                self.assertFalse(self.works())
                self.stays_so(AWAY_SECONDS)
                self.assert_alive()
                self.starts([name])
                self.await_work()

    def stays_so(self, seconds):
        with self.assertRaises(AssertionError):
            wait_until(self.works, "a while", seconds)


if __name__ == "__main__":
    case.main()
