#!/usr/bin/env python3
"""What a client and a server allow themselves: rates, bandwidths, sessions."""

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

import case
from authority import Authority
from case import Case, reason_of, wait_until
from cli import Cli
from client import backup, grpc

KIB = 1 << 10
MIB = 1 << 20
BUSY = 11


class LimitsCase(Case):

    extra = ()

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(extra=self.extra, metrics=True)
        self.client = self.new_client(self.suite)
        self.cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                         self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, size):
        """A file of bytes that no compression makes fewer."""
        pathlib.Path(self.path(name)).write_bytes(self.random.randbytes(size))
        return self.path(name)

    def same(self, left, right):
        subprocess.run(["cmp", left, right], check=True)

    def metric(self, name, labels):
        url = f"http://127.0.0.1:{self.suite.metrics_port('cairnd')}/metrics"
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
        found = re.search(
            rf"^{name}{{{re.escape(labels)}}} (\S+)$", text, re.MULTILINE)
        self.assertTrue(found, f"{name} is not among the metrics")
        return float(found.group(1))

    def sessions(self):
        return self.client.backup.ListSessions(
            backup.ListSessionsRequest(datastore="datastores/default",
                                       open_only=True), timeout=20).sessions


class ClientRate(LimitsCase):

    def test_backups_and_restores_keep_to_it_by_both_ways(self):
        size = 8 * MIB
        source = self.write("source", size)
        for way in ("chunks", "stream"):
            with self.subTest(way=way):
                # Two archives: the rate is that of the run.
                report = self.cairn.json(
                    "backup", f"host/{way}", f"a.raw:{source}",
                    f"b.img:{self.write('other', size)}", "--way", way,
                    "--rate=6MiB")
                seconds = report["duration_seconds"]
                self.assertGreater(seconds, 2 * size / (6 * MIB) - 0.3)
                self.assertEqual(report["retries"], 0)
                back = self.path("back")
                report = self.cairn.json(
                    "restore", f"host/{way}/latest", "a.raw", back,
                    "--overwrite", "--way", way, "--rate=6MiB")
                self.assertGreater(report["duration_seconds"],
                                   size / (6 * MIB) - 0.3)
                self.same(source, back)

    def test_an_interrupt_does_not_wait_for_the_rate(self):
        source = self.write("source", 4 * MIB)
        for way in ("chunks", "stream"):
            with self.subTest(way=way):
                # A message alone would take a minute.
                process = self.cairn.start(
                    "backup", "host/a", f"a.raw:{source}", "--way", way,
                    "--rate=16KiB")
                self.addCleanup(process.kill)
                wait_until(self.sessions, "a session is open")
                started = time.monotonic()
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)
                self.assertEqual(process.returncode, 130)
                self.assertLess(time.monotonic() - started, 10)
                # It has ended its session.
                self.assertEqual(list(self.sessions()), [])

    def test_a_lost_server_costs_time_only(self):
        source = self.write("source", 6 * MIB)
        process = self.cairn.start(
            "backup", "host/a", f"a.raw:{source}", "--rate=2MiB",
            "--output-format=json")
        self.addCleanup(process.kill)
        wait_until(self.sessions, "a session is open")
        self.suite.kill()
        self.suite.start()
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err.decode())
        self.cairn.run("restore", "host/a/latest", "a.raw", self.path("back"))
        self.same(source, self.path("back"))

    def test_nonsense_is_told(self):
        source = self.write("source", 10)
        for rate in ("fast", "50MB/s", "-5MiB", "1KiB", "1000000TiB"):
            text = self.cairn.error(2, "backup", "host/a", f"a.raw:{source}",
                                    f"--rate={rate}")
            self.assertIn("--rate", text)
            self.assertIn("50MiB", text)
        self.assertEqual(list(self.sessions()), [])


class ServerBandwidth(LimitsCase):

    extra = ("--max-streams=16", "--ingest-write-bandwidth=8MiB",
             "--ingest-read-bandwidth=8MiB")

    def test_streams_share_what_there_is(self):
        size = 8 * MIB
        sources = [self.write(f"source{n}", size) for n in range(3)]
        started = time.monotonic()

        def back_up(number):
            # Raw bytes, chunks, and raw bytes again.
            self.cairn.run("backup", f"host/{number}",
                           f"a.raw:{sources[number]}", "--way",
                           "chunks" if number == 1 else "stream")
            return time.monotonic() - started

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            ended = list(pool.map(back_up, range(3)))
        self.assertGreater(max(ended), 3 * size / (8 * MIB) - 0.3)
        # None of them came last because it was passed by.
        self.assertGreater(min(ended), 0.5 * max(ended), ended)
        self.assertGreater(self.metric("cairn_ingest_throttled_seconds_total",
                                       'direction="write"'), 1)
        self.assertEqual(self.metric("cairn_ingest_throttled_seconds_total",
                                     'direction="read"'), 0)
        for way in ("chunks", "stream"):
            report = self.cairn.json("restore", "host/0/latest", "a.raw",
                                     self.path("back"), "--overwrite",
                                     "--way", way)
            self.assertGreater(report["duration_seconds"], 0.7)
            self.assertEqual(report["retries"], 0)
            self.same(sources[0], self.path("back"))
        self.assertGreater(self.metric("cairn_ingest_throttled_seconds_total",
                                       'direction="read"'), 1)

    def test_clients_are_told(self):
        told = self.client.backup.GetCapabilities(
            backup.GetCapabilitiesRequest(), timeout=20)
        self.assertEqual(told.write_bandwidth, 8 * MIB)
        self.assertEqual(told.read_bandwidth, 8 * MIB)
        self.assertEqual(told.max_sessions, 1024)
        self.assertEqual(told.max_sessions_per_client, 256)
        self.assertIn("8.0 MiB/s", self.cairn.text(
            "benchmark", "--size=1MiB", "--runs=1"))

    def test_what_leaves_a_stream_too_little_does_not_start(self):
        command = [self.suite.binaries["cairnd"],
                   f"--data-dir={self.path('none')}", "--check-config"]
        result = subprocess.run(
            command + ["--ingest-write-bandwidth=1MiB"],
            check=False, capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("write-bandwidth", result.stdout + result.stderr)
        self.assertIn("4MiB", result.stdout + result.stderr)
        subprocess.run(
            command + ["--ingest-write-bandwidth=1MiB", "--max-streams=16"],
            check=True, capture_output=True)
        printed = subprocess.run(
            command[:-1] + ["--print-config", "--ingest-read-bandwidth=9MiB"],
            check=True, capture_output=True, text=True).stdout
        self.assertIn('ingest-read-bandwidth: "9MiB"', printed)
        self.assertIn('ingest-max-sessions-per-client: "256"', printed)


class SessionLimit(LimitsCase):

    extra = ("--ingest-max-sessions=1",)

    def test_a_backup_waits_for_its_turn(self):
        source = self.write("source", 100 * KIB)
        first = self.client.open_session("datastores/default/groups/host/a")
        # At once, where there is no time to wait.
        text = self.cairn.error(BUSY, "backup", "host/b", f"a.raw:{source}",
                                "--retry-for=1s")
        self.assertIn("allowed are 1", text)
        self.assertEqual(self.metric("cairn_ingest_sessions_refused_total",
                                     'limit="process"'), 1)
        # Who gave up has left neither a session nor a lease.
        self.assertEqual([s.name for s in self.sessions()], [first.name])
        self.assertEqual(len(self.client.leases()), 1)
        process = self.cairn.start("backup", "host/b", f"a.raw:{source}",
                                   "--retry-for=2m", "--output-format=json")
        self.addCleanup(process.kill)
        wait_until(lambda: self.metric("cairn_ingest_sessions_refused_total",
                                       'limit="process"') > 1,
                   "the second backup was refused")
        self.client.abort(first.name)
        _, err = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 0, err.decode())
        self.assertIn("trying again", err.decode())
        self.cairn.run("restore", "host/b/latest", "a.raw", self.path("back"))
        self.same(source, self.path("back"))


class ClientSessionLimit(Case):

    def test_one_client_leaves_sessions_to_others(self):
        authority = Authority(self.folder)
        suite = self.new_suite(
            extra=authority.server_arguments()
            + ["--ingest-max-sessions-per-client=1"])
        target = f"127.0.0.1:{suite.port('cairnd')}"
        groups = "datastores/default/groups/host"
        clients = []
        for name in ("web1", "web2"):
            clients.append(case.Client(
                target, credentials=authority.credentials(name)))
            self.addCleanup(clients[-1].close)
        first = clients[0].open_session(f"{groups}/a")
        with self.refused(grpc.StatusCode.RESOURCE_EXHAUSTED,
                          reason="LIMIT_EXCEEDED") as refusal:
            clients[0].open_session(f"{groups}/b")
        self.assertIn("web1", refusal.error.details())
        self.assertIn(b"google.rpc.RetryInfo", dict(
            refusal.error.trailing_metadata())["grpc-status-details-bin"])
        self.assertEqual(reason_of(refusal.error), "LIMIT_EXCEEDED")
        clients[1].open_session(f"{groups}/c")
        clients[0].abort(first.name)
        clients[0].open_session(f"{groups}/b")
        # The administrator is not bounded.
        own = self.new_client(suite)
        for name in ("d", "e", "f"):
            own.open_session(f"{groups}/{name}")


class Benchmark(LimitsCase):

    LOCAL = ["cut-poly-v1", "cut-fixed-v1", "sha256", "zstd-compress",
             "zstd-decompress"]

    def names(self, stages):
        for stage in stages:
            self.assertGreater(stage["bytes_per_second"], 0, stage)
            self.assertGreater(stage["bytes"], 0, stage)
        return [stage["name"] for stage in stages]

    def test_of_this_machine_needs_no_server(self):
        self.stop(self.suite)
        report = self.cairn.json("benchmark", "--local", "--size=2MiB",
                                 "--runs=2")
        self.assertEqual(self.names(report["local"]["stages"]), self.LOCAL)
        self.assertEqual(report["size_bytes"], 2 * MIB)
        self.assertTrue(all(len(s["run_seconds"]) == 2
                            for s in report["local"]["stages"]))
        self.assertIsNone(report["server"])
        del self.cairn.environment["CAIRN_SERVER"]
        text = self.cairn.text("benchmark", "--size=1MiB")
        for name in self.LOCAL:
            self.assertIn(name, text)
        self.assertNotIn("upload", text)

    def test_of_a_server_leaves_nothing_to_see(self):
        report = self.cairn.json("benchmark", "--size=4MiB")
        server = report["server"]
        self.assertEqual(self.names(server["stages"]),
                         ["upload-chunks", "upload-stream"])
        self.assertTrue(all(s["bytes"] == 4 * MIB and
                            len(s["run_seconds"]) == 3
                            for s in server["stages"]), server)
        self.assertGreater(server["round_trip_seconds"], 0)
        self.assertEqual(server["address"], self.suite.target)
        # Twice three times, and nothing of it was known before.
        self.assertGreaterEqual(self.metric("cairn_ingest_plain_bytes_total",
                                            'outcome="stored"'), 24 * MIB)
        self.assertEqual(list(self.sessions()), [])
        self.assertEqual(self.client.leases(), [])
        self.assertEqual(
            self.cairn.json("snapshot", "list")["snapshots"], [])
        self.assertEqual(self.cairn.json("group", "list")["groups"], [])

    def test_reads_back_what_is_there(self):
        source = self.write("source", 3 * MIB)
        self.cairn.run("backup", "host/a", f"a.raw:{source}")
        report = self.cairn.json("benchmark", "--size=2MiB", "--runs=1",
                                 "--restore", "host/a/latest", "a.raw")
        stages = report["server"]["stages"]
        self.assertEqual(self.names(stages),
                         ["upload-chunks", "upload-stream", "restore-chunks",
                          "restore-stream"])
        self.assertEqual(stages[3]["bytes"], 2 * MIB)
        text = self.cairn.text("benchmark", "--size=1MiB", "--runs=1",
                               "--restore", "host/a/latest", "a.raw")
        self.assertIn("restore-chunks", text)
        self.cairn.error(10, "benchmark", "--size=1MiB", "--runs=1",
                         "--restore", "host/a/latest", "b.raw")
        self.cairn.error(10, "benchmark", "--size=1MiB", "--runs=1",
                         "--restore", "host/b/latest", "a.raw")
        self.assertEqual(list(self.sessions()), [])

    def test_goes_over_tls(self):
        self.stop(self.suite)
        authority = Authority(self.folder)
        authority.issue("web1")
        suite = self.new_suite(data=self.path("tls"),
                               extra=authority.server_arguments())
        address = f"127.0.0.1:{suite.port('cairnd')}"
        report = self.cairn.json(
            "benchmark", "--size=1MiB", "--runs=1", "--server", address,
            "--tls-ca", authority.path("ca.pem"),
            "--tls-cert", authority.path("web1.pem"),
            "--tls-key", authority.path("web1.key"))
        self.assertEqual(report["server"]["address"], address)
        self.assertEqual(self.names(report["server"]["stages"]),
                         ["upload-chunks", "upload-stream"])

    def test_an_interrupt_ends_its_session(self):
        process = self.cairn.start("benchmark", "--size=4MiB", "--runs=20")
        self.addCleanup(process.kill)
        wait_until(self.sessions, "a session is open")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(list(self.sessions()), [])

    def test_wrong_usage(self):
        for arguments in (["--size=1"], ["--size=9TiB"], ["--size=some"],
                          ["--runs=0"], ["--runs=1000"], ["extra"],
                          ["--restore", "host/a/latest"],
                          ["--local", "--restore", "host/a/latest", "a.raw"]):
            with self.subTest(arguments=arguments):
                self.cairn.error(2, "benchmark", *arguments)
        self.stop(self.suite)
        self.cairn.error(75, "benchmark", "--size=1MiB", "--runs=1")


if __name__ == "__main__":
    case.main()
