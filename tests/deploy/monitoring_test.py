#!/usr/bin/env python3
"""Rules, dashboard and runbooks against a real Prometheus that scrapes real
services under load: whatever they ask for is there.
"""

import itertools
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import time
import urllib.request

import grpc

import case
from case import wait_until
from gc_case import DAMAGED, NOT_FOUND, GcCase
from pack_file import flip_bit, records_of
from prometheus import Prometheus
from promql import selectors
from suite import binaries_from
from tcp_suite import TcpSuite

FOLDER = pathlib.Path("deploy/monitoring").resolve()
JOBS = {"ingest": "cairn-ingest", "index": "cairn-index",
        "chunk_storage": "cairn-chunk-storage",
        "maintenance": "cairn-maintenance", "cairnd": "cairnd"}
# What stands in a runbook for something that the reader has.
EXAMPLES = {"GROUP": "host/web1", "SNAPSHOT": "host/web1/latest",
            "JOB": "nightly"}


def panels():
    """(row / title, expression) of each query of the dashboard."""
    dashboard = json.loads(
        (FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    row = None
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        for target in panel.get("targets", []):
            yield (f"{row} / {panel['title']}",
                   target["expr"].replace("$__rate_interval", "5m").replace(
                       "$job", "cairn.*"))


def blocks(language):
    """(alert, block) of each block of the runbooks in that language."""
    for path in sorted((FOLDER / "runbooks").glob("*.md")):
        for block in re.findall(rf"^```{language}\n(.*?)^```$",
                                path.read_text(encoding="utf-8"),
                                re.DOTALL | re.MULTILINE):
            yield path.stem, block


class Monitored:
    """A form of the suite under load, and its Prometheus."""

    configuration = None
    # What is not 0 after the load.
    failures = ('grpc_server_handled_total{grpc_code="NotFound"}',)
    # Alerts that fire all the time.
    always = frozenset()
    # What this form has no series of, and panels that show nothing for it.
    absent = frozenset()
    empty = frozenset()

    def setUp(self):
        super().setUp()
        # Backups of now: those of long ago are too old.
        self.moments = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
                        for s in itertools.count(int(time.time()) - 1000))
        self.prometheus = Prometheus(
            self.path("prometheus"), FOLDER / self.configuration,
            {JOBS[name]: f"127.0.0.1:{self.suite.metrics_port(name)}"
             for name in self.suite.names})
        self.addCleanup(self.prometheus.stop)
        self.prometheus.start()
        # A rate needs its series from before it grows.
        self.prometheus.await_scrapes()

    def test_whatever_is_asked_for_is_there(self):
        self.put_load_on()
        self.assert_runbooks_can_be_followed()
        # Figures of whole datastores are looked up every 30 s.
        wait_until(lambda: sum(self.values(
            "cairn_backup_last_success_timestamp_seconds")),
            "a backup is told")
        self.prometheus.await_scrapes()
        self.assert_metrics_are_well_formed()
        self.assert_rules_are_evaluated()
        self.assert_panels_have_data()
        self.assert_failures_are_counted()
        self.await_firing(set())
        self.damage_and_heal()
        self.lose_a_process()

    # --- what happens ---

    def next_moment(self):
        return next(self.moments)

    def put_load_on(self):
        """What a suite does in its days, and some that it refuses."""
        self.back_up("host/web1")
        names = [self.back_up() for _ in range(4)]
        self.restore(names[-1])
        self.cairn.run("job", "set", "nightly", "prune", "--keep-last=3",
                       "--trash-time=0", "--schedule=daily")
        self.cairn.run("prune", "--job", "nightly", "--wait")
        self.gc("--live-percent=100")
        self.cairn.run("verify", "--light", "--wait")
        self.cairn.run("verify", "--wait")
        self.cairn.error(NOT_FOUND, "snapshot", "show",
                         "host/none/2026-01-01T00:00:00Z")

    def restore(self, name, **options):
        return self.cairn.run(
            "restore",
            name.partition("/groups/")[2].replace("/snapshots", ""),
            "disk.img", self.path("restored"), "--overwrite", **options)

    def damage_and_heal(self):
        """A bit turns over; what it has damaged is backed up again."""
        name = self.back_up("host/web1")
        self.prometheus.await_scrapes()
        record = max((r for r in records_of(self.suite.data, "chunk")),
                     key=lambda r: (r.path.stat().st_mtime_ns, r.offset))
        flip_bit(record.path, record.payload[1000])
        self.restore(name, code=DAMAGED)
        self.cairn.run("verify", "--wait", code=DAMAGED)
        self.await_firing({"CairnRecordsDamaged", "CairnSnapshotsDamaged"})
        for expression in ("cairn_ingest_read_damage_total",
                           "cairn_chunk_storage_damaged_records_total",
                           "cairn_verify_damaged_records_total"):
            self.assertGreater(sum(self.values(expression)), 0, expression)
        self.back_up("host/web1", content=self.listed[name])
        self.cairn.run("verify", "--wait")
        self.await_firing(set())

    def lose_a_process(self):
        self.suite.kill([self.suite.names[-1]])
        wait_until(lambda: self.prometheus.alerts().get("CairnTargetDown")
                   == {"pending"}, "a lost process is told")

    # --- what Prometheus knows ---

    def values(self, expression):
        """The numbers that it has; NaN is none."""
        return [value for _, value in self.prometheus.query(expression)
                if not math.isnan(value)]

    def firing(self):
        return {name for name, states in self.prometheus.alerts().items()
                if "firing" in states}

    def await_firing(self, names):
        """Until these fire, and besides those that always do no other."""
        wait_until(lambda: self.firing() == names | self.always,
                   f"{names} fire")

    # --- what must be so ---

    def assert_metrics_are_well_formed(self):
        for name in self.suite.names:
            url = f"http://127.0.0.1:{self.suite.metrics_port(name)}/metrics"
            with urllib.request.urlopen(url, timeout=20) as answer:
                text = answer.read()
            check = subprocess.run(
                ["promtool", "check", "metrics"], input=text, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((check.returncode, check.stdout), (0, b""), name)

    def assert_rules_are_evaluated(self):
        """Each without an error, and over series that there are."""
        rules = self.prometheus.rules()
        self.assertGreater(len(rules), 30)
        self.assertEqual([(rule["name"], rule.get("lastError"))
                          for rule in rules if rule["health"] != "ok"], [])
        asked = {selector for rule in rules
                 for selector in selectors(rule["query"])}
        missing = {selector for selector in asked
                   if not self.prometheus.query(f"count({selector})")}
        self.assertEqual(missing, self.absent)

    def assert_panels_have_data(self):
        asked = list(panels())
        self.assertGreater(len(asked), 80)
        empty = {place: expression for place, expression in asked
                 if not self.values(expression)}
        self.assertEqual(set(empty), self.empty, empty)

    def assert_failures_are_counted(self):
        """What the load did wrong on purpose, as nothing else shows it."""
        for expression in self.failures:
            self.assertGreater(sum(self.values(expression)), 0, expression)

    def assert_runbooks_can_be_followed(self):
        examples = EXAMPLES | {
            "TASK": self.cairn.json("task", "list")["tasks"][0]["name"]}
        count = 0
        for alert, block in blocks("sh"):
            for line in block.splitlines():
                with self.subTest(alert, command=line):
                    program, *words = [examples.get(word, word)
                                       for word in shlex.split(line)]
                    self.assertEqual(program, "cairn")
                    self.cairn.run(*words)
                    count += 1
        for alert, block in blocks("promql"):
            with self.subTest(alert, query=block):
                self.prometheus.query(block)
                count += 1
        self.assertGreater(count, 80)


class Embedded(Monitored, GcCase):
    configuration = "prometheus-cairnd.yml"
    suite_options = {"metrics": True}
    # On its unix socket there is no certificate, nor one service that calls
    # another.
    absent = frozenset({"cairn_cert_expiry_timestamp_seconds"})
    empty = frozenset({
        "Overview / Certificates",
        "Calls: rate, errors, duration / Between services"})


class FourServices(Monitored, GcCase):
    """With mutual TLS."""

    split = True
    configuration = "prometheus.yml"
    # The certificates of tests are for a day.
    always = frozenset({"CairnCertificateExpires"})
    failures = Monitored.failures + ("cairn_auth_failures_total",)

    def new_suite(self, **_):
        suite = TcpSuite(
            binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
            self.path("data"), self.folder, tls=True, metrics=True)
        self.addCleanup(suite.kill)
        self.addCleanup(suite.tell_dead)
        suite.start()
        return suite

    def new_client(self, suite, **options):
        return super().new_client(
            suite, **({"credentials": suite.credentials} | options))

    def setUp(self):
        super().setUp()
        self.cairn.environment |= self.suite.client_environment | {
            "CAIRN_MAINTENANCE_SERVER": self.suite.address(
                "maintenance").removeprefix("tls:")}

    def put_load_on(self):
        super().put_load_on()
        with self.refused(grpc.StatusCode.UNAUTHENTICATED):
            self.new_client(self.suite, credentials=self.suite.credentials_of(
                "nobody", "stranger")).datastores()


if __name__ == "__main__":
    case.main()
