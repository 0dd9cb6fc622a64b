"""Tests of four services on machines of their own, under load."""

import json
import os

import case
from case import Case, wait_until
from cli import Cli
from load import Load
from net_suite import NetSuite
from network import Network
from suite import SERVICES, binaries_from

# After a fault has ended everything works again within so long, by itself.
HEAL_SECONDS = 60
BUSY, REFUSED = 11, 14


class NetCase(Case):
    """`machines`, `suite` on them, `cairn` on the client's, and `load`."""

    suite_options = {}
    load_options = {}

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.machines = Network(self, SERVICES)
        self.suite = NetSuite(
            binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
            os.path.join(self.folder, "data"), self.folder, self.machines,
            **self.suite_options)
        self.addCleanup(self.suite.kill)
        self.addCleanup(self.suite.tell_dead)
        self.suite.start()
        self.cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                         self.folder)
        self.cairn.environment |= self.suite.client_environment
        self.load = self.new_load(**self.load_options)

    def new_load(self, **options):
        load = Load(self.cairn, self.folder, self.random.random(), **options)
        self.addCleanup(load.kill)
        return load

    def works(self):
        """Whether all that a user does succeeds without a retry."""
        out, _ = self.cairn.run("status", "--output-format", "json", code=None)
        services = json.loads(out or b"{}").get("services")
        if not services or not all(one["ready"] for one in services):
            return False
        with self.cairn.start("gc", "--dry-run", "--retry-for=0s") as plan:
            plan.communicate()
        # Another gc may run; two of them cannot.
        return plan.returncode in (0, BUSY, REFUSED)

    def await_healing(self):
        """Until everything works again; in how long, is printed."""
        wait_until(self.works, "all works again", HEAL_SECONDS)
        # What stood still goes on.
        self.load.await_more(1)

    def assert_alive(self):
        for name, process in self.suite.processes.items():
            self.assertIsNone(process.poll(), f"{name} has ended")

    def end(self):
        """The load ends, and all that was promised is so."""
        self.load.stop()
        self.load.check(self)
        self.assert_alive()
        self.stop(self.suite)
