#!/usr/bin/env python3
"""What who runs the processes meets: metrics, health, starts and ends."""

import itertools
import json
import signal
import subprocess
import time
import urllib.request

import case
from case import Case, back_up, wait_until
from cli import Cli
from suite import SERVICES

# Several times what is measured: two seconds, in which the library that
# serves /metrics looks whether it was asked to stop.
STOP_SECONDS = 5
MIB = 1 << 20


class OneProcess(Case):

    split = False

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split, metrics=True)
        self.client = self.new_client(self.suite)
        # Every service has been called by every other that calls it.
        self.assert_restores(self.client, back_up(
            self.client, "datastores/default/groups/host/a",
            {"a.raw": self.random.randbytes(3 * MIB)}))

    def test_metrics_are_as_prometheus_wants_them(self):
        for name in self.suite.names:
            url = f"http://127.0.0.1:{self.suite.metrics_port(name)}/metrics"
            with urllib.request.urlopen(url, timeout=20) as answer:
                text = answer.read()
            self.assertIn(b"cairn_", text, name)
            check = subprocess.run(["promtool", "check", "metrics"],
                                   input=text, check=False,
                                   capture_output=True)
            self.assertEqual((check.returncode, check.stdout, check.stderr),
                             (0, b"", b""), name)

    def test_an_idle_process_ends_soon(self):
        """Although clients, and the processes before it, stay connected."""
        for name in self.suite.names:
            process = self.suite.processes.pop(name)
            self.addCleanup(process.kill)
            start = time.monotonic()
            process.terminate()
            self.assertEqual(process.wait(timeout=60), 0, name)
            seconds = time.monotonic() - start
            print(f"{name} ended after {seconds:.2f} s", flush=True)
            self.assertLess(seconds, STOP_SECONDS, name)

    def test_local_users_are_kept_out_unless_they_are_let_in(self):
        """cairnd listens on its unix socket alone; others may be told to."""
        for name in self.suite.names:
            config = subprocess.run(
                [self.suite.binaries[name], "--print-config"], check=True,
                capture_output=True, text=True).stdout
            listens = "127.0.0.1:944" in config
            self.assertEqual(listens, name != "cairnd", config)


class FourProcesses(OneProcess):
    split = True


class Health(Case):
    """What probes are told, by `cairn health`."""

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(split=True, start=False)
        for name in SERVICES:
            self.suite.arguments[name] = ["--health-listen=127.0.0.1:0"]
        self.cairn = Cli(self.suite.binaries["cairn"], "unix:/nowhere",
                         self.folder)

    def health_address(self, name):
        return f"127.0.0.1:{self.suite.health_port(name)}"

    def is_told(self, name, service, serving):
        """Within a while; a process that starts is not reached yet."""

        def told():
            out, _ = self.cairn.run(
                "health", "--server", self.suite.socket(name), "--service",
                service, "--output-format", "json", code=None)
            return json.loads(out)["serving"] == serving

        wait_until(told, f"{service} of {name} is {serving}")

    def test_any_start_order(self):
        """Each listens and lives by itself, and is ready when those are there
        that it needs."""
        needs = {"index": (), "chunk_storage": (),
                 "maintenance": ("index", "chunk_storage"),
                 "ingest": ("index", "chunk_storage", "maintenance")}
        orders = list(itertools.permutations(SERVICES))
        case.make_random().shuffle(orders)
        # The worst of them, and some more.
        worst = ("ingest", "maintenance", "chunk_storage", "index")
        for order in [worst, *orders[:case.slice_or_soak(2, 23)]]:
            with self.subTest(order=order):
                for started, name in enumerate(order):
                    self.suite.start([name], wait=False)
                    self.is_told(name, "liveness", True)
                    there = order[:started + 1]
                    for other in there:
                        ready = all(peer in there for peer in needs[other])
                        self.is_told(other, "readiness", ready)
                self.stop(self.suite)

    def test_the_health_port_tells_the_same(self):
        self.suite.start()
        for name in SERVICES:
            self.is_told(name, "readiness", True)
            address = self.health_address(name)
            for service in ("liveness", "readiness", name):
                self.assertEqual(
                    self.cairn.text("health", "--server", address,
                                    "--service", service),
                    f"{address} {service}: serving\n")
            self.cairn.environment["CAIRN_HEALTH_LISTEN"] = (
                address.replace("127.0.0.1", "0.0.0.0"))
            self.assertEqual(self.cairn.json("health", "--local"), {
                "server": address, "service": "readiness", "serving": True,
                "problem": None})
            self.cairn.error(2, "health", "--local", "--service", "nothing")
        # One that stands still answers nothing; one that is gone neither.
        self.suite.processes["ingest"].send_signal(signal.SIGSTOP)
        self.cairn.run("health", "--server", self.health_address("ingest"),
                       "--timeout", "1s", code=1)
        self.suite.processes["ingest"].send_signal(signal.SIGCONT)
        # A process lives although what it needs is gone.
        self.suite.kill(["chunk_storage"])
        self.is_told("ingest", "liveness", True)
        self.is_told("ingest", "readiness", False)
        self.is_told("maintenance", "readiness", False)
        self.is_told("index", "readiness", True)
        self.suite.kill(["ingest"])
        self.is_told("ingest", "liveness", False)

    def test_a_process_that_is_to_end_is_not_ready_and_serves_on(self):
        self.suite.arguments["ingest"] += ["--drain-delay=1h"]
        self.suite.start()
        client = self.new_client(self.suite)
        self.suite.processes["ingest"].terminate()
        self.is_told("ingest", "readiness", False)
        self.is_told("ingest", "liveness", True)
        group = "datastores/default/groups/host/drain"
        self.assert_restores(client, back_up(client, group, {"a.raw": b"a"}))
        # A second signal hastens.
        process = self.suite.processes.pop("ingest")
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 0)


class TasksWaitForPeers(Case):

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(split=True)
        client = self.new_client(self.suite)
        back_up(client, "datastores/default/groups/host/a", {"a.raw": b"a"})
        self.cairn = Cli(self.suite.binaries["cairn"],
                         self.suite.socket("maintenance"), self.folder)
        # Index is there, to say whether there is such a datastore.
        self.suite.kill(["chunk_storage", "maintenance"])
        self.suite.start(["maintenance"], wait=False)

    def start(self, kind):
        """A task one of whose peers is not there; its name, once it waits."""
        name = self.cairn.json(kind)["task"]["name"]
        wait_until(lambda: self.show(name)["phase"] == "wait for peers",
                   "the task waits")
        return name

    def show(self, name):
        return self.cairn.json("task", "show", name)["task"]

    def test_a_task_waits_for_its_peers(self):
        names = [self.start("gc"), self.start("verify")]
        self.suite.start(["chunk_storage"], wait=False)
        for name in names:
            wait_until(lambda name=name: self.show(name)["end_time"], "its end")
            self.assertEqual(self.show(name)["state"], "succeeded")
            log = self.cairn.text("task", "log", name)
            self.assertIn("waits at most 30s for index and chunk_storage", log)

    def test_a_task_that_waits_can_be_cancelled(self):
        name = self.start("gc")
        self.cairn.run("task", "cancel", name)
        wait_until(lambda: self.show(name)["end_time"], "its end", seconds=20)
        self.assertEqual(self.show(name)["state"], "cancelled")

    def test_peers_that_do_not_come_fail_the_task_in_the_end(self):
        name = self.start("gc")
        start = time.monotonic()
        wait_until(lambda: self.show(name)["end_time"], "its end")
        self.assertGreater(time.monotonic() - start, 15)
        self.assertEqual(self.show(name)["state"], "failed")


if __name__ == "__main__":
    case.main()
