#!/usr/bin/env python3
"""deploy/monitoring/metrics.md against the /metrics of real processes."""

import os
import pathlib
import re
import urllib.request

import case
from cli import Cli
from suite import SERVICES, binaries_from
from tcp_suite import TcpSuite

PAGE = "deploy/monitoring/metrics.md"
MIB = 1 << 20
LETTERS = {"I": "ingest", "X": "index", "C": "chunk_storage",
           "M": "maintenance"}
# Of the library that serves /metrics.
NOT_OURS = "exposer_"
# The stages of a backup and of a restore.
STAGES = ("chunk", "hash", "pin", "compress", "put", "page", "sync",
          "checkpoint", "publish", "read", "decode")
SAMPLE = re.compile(r"^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Row:
    """One line of a table of the page."""

    def __init__(self, cells):
        self.name = cells[0].strip("`")
        self.type = cells[1]
        self.labels = {}  # name: its closed set, or None
        label = None
        for part in cells[2].split(";"):
            for piece in re.split(r",\s*(?=`)", part.strip()):
                found = re.match(r"`(\w+)`(?::\s*(.*))?$", piece.strip())
                values = piece if not found else found.group(2)
                if found:
                    label = found.group(1)
                    self.labels[label] = set()
                if values and not values.startswith("closed set"):
                    values = re.sub(r"\([A-Z]\)", "", values)
                    self.labels[label] |= {v.strip()
                                           for v in values.split(",")}
        self.process = cells[4]

    def is_of(self, program, tls):
        if "with TLS" in self.process and not tls:
            return False
        if program == "cairnd":
            return "no cairnd" not in self.process
        return ("all" in self.process or any(
            letter in re.findall(r"\b[IXCM]\b", self.process)
            for letter, name in LETTERS.items() if name == program))


def rows_of_page():
    rows = {}
    for line in pathlib.Path(PAGE).read_text().splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 6 and cells[0].startswith("`"):
            row = Row(cells)
            assert row.name not in rows, f"{row.name} is there twice"
            rows[row.name] = row
    return rows


class Scrape:
    """The samples of one /metrics."""

    def __init__(self, text):
        self.types = {}
        self.samples = []  # (name, labels, value)
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.types[name] = kind
            elif line and not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append(
                    (name, dict(LABEL.findall(labels or "")), float(value)))

    def family(self, sample):
        for suffix in ("", "_bucket", "_sum", "_count"):
            base = sample.removesuffix(suffix) if suffix else sample
            if base in self.types and (
                    not suffix or self.types[base] != "gauge"):
                return base
        raise AssertionError(f"{sample} has no type")

    def sum(self, name, **labels):
        """Of the samples with these labels; there must be one."""
        found = [value for sample, has, value in self.samples
                 if sample == name and labels.items() <= has.items()]
        if not found:
            raise AssertionError(f"no sample {name} {labels}")
        return sum(found)


def scrape(suite, program):
    url = f"http://127.0.0.1:{suite.metrics_port(program)}/metrics"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return Scrape(answer.read().decode())


class MetricsTest(case.Case):

    def setUp(self):
        super().setUp()
        self.rows = rows_of_page()
        self.random = case.make_random()

    def work(self, cairn):
        """One of everything that counts something."""
        path = os.path.join(self.folder, "disk")
        for _ in range(2):
            pathlib.Path(path).write_bytes(
                self.random.randbytes(4 * MIB) + bytes(2 * MIB))
            cairn.run("backup", "vm/1", f"disk.img:{path}", "--way=stream")
        cairn.run("backup", "vm/1", f"disk.img:{path}", "--way=chunks")
        cairn.run("restore", "vm/1/latest", "disk.img", path + ".again",
                  "--way=stream")
        cairn.run("prune", "--group", "vm/1", "--keep-last=1",
                  "--allow-last-good", "--allow-share", "--trash-time=0",
                  "--wait")
        cairn.run("gc", "--wait")
        cairn.run("verify", "--wait")

    def check(self, suite, program, tls):
        found = scrape(suite, program)
        expected = {name: row for name, row in self.rows.items()
                    if row.is_of(program, tls)}
        exposed = {name for name in found.types
                   if not name.startswith(NOT_OURS)}
        self.assertEqual(sorted(exposed - set(expected)), [],
                         f"{program} has them, {PAGE} has not")
        self.assertEqual(sorted(set(expected) - exposed), [],
                         f"{PAGE} has them for {program}, it has not")
        for name, labels, _ in found.samples:
            family = found.family(name)
            if family.startswith(NOT_OURS):
                continue
            row = expected[family]
            self.assertEqual(found.types[family], row.type, family)
            labels.pop("le", None)
            self.assertEqual(set(labels), set(row.labels), family)
            for label, value in labels.items():
                closed = row.labels[label]
                if closed:
                    self.assertIn(value, closed, f"{family} {label}")
        return found

    def check_values(self, ingest, index, chunk_storage, maintenance):
        for stage in STAGES:
            self.assertGreater(ingest.sum("cairn_ingest_stage_seconds_count",
                                          stage=stage), 0, stage)
        logical = ingest.sum("cairn_backup_bytes_total", kind="logical")
        uploaded = ingest.sum("cairn_backup_bytes_total", kind="uploaded")
        stored = ingest.sum("cairn_backup_bytes_total", kind="stored")
        self.assertEqual(logical, 3 * 6 * MIB)
        self.assertGreater(uploaded, 2 * 4 * MIB)
        self.assertLess(uploaded, logical)
        self.assertGreater(stored, 2 * 4 * MIB - 1)
        self.assertLess(stored, 2 * 4 * MIB + MIB)
        self.assertEqual(ingest.sum("cairn_backup_duration_seconds_count"), 3)
        self.assertEqual(maintenance.sum("cairn_prune_removed_total"), 2)
        for kind in ("prune", "gc", "verify"):
            self.assertGreater(maintenance.sum(
                f"cairn_{kind}_last_success_timestamp_seconds",
                datastore="default"), 1.5e9, kind)
            self.assertEqual(maintenance.sum(
                "cairn_task_duration_seconds_count", kind=kind), 1)
        self.assertEqual(maintenance.sum("cairn_task_phase"), 0)
        self.assertEqual(maintenance.sum("cairn_verify_failed_snapshots"), 0)
        self.assertGreater(
            chunk_storage.sum("cairn_verify_checked_bytes_total"), 0)
        for store, found in (("index", index), ("maintenance", maintenance),
                             ("chunk_storage", chunk_storage)):
            self.assertGreater(found.sum("cairn_fsync_seconds_count",
                                         store=store, file="wal"), 0)
            self.assertEqual(
                found.sum("cairn_fsync_errors_total", store=store), 0)
            free = found.sum("cairn_store_free_bytes", store=store)
            self.assertGreater(free, MIB)
            self.assertGreaterEqual(
                found.sum("cairn_store_size_bytes", store=store), free)
            self.assertGreater(
                found.sum("cairn_rocksdb_wal_bytes", store=store), 0)
        self.assertGreater(chunk_storage.sum(
            "cairn_fsync_seconds_count", store="chunk_storage", file="pack"),
            0)
        self.assertGreater(index.sum(
            "cairn_backup_last_attempt_timestamp_seconds"), 1.5e9)

    def check_calls(self, found):
        """Of one side of calls between services, when nothing is open."""
        self.assertGreater(found.sum("grpc_client_started_total"), 0)
        for part in ("msg_sent", "msg_received"):
            self.assertGreater(found.sum(f"grpc_client_{part}_total"), 0)
        self.assertGreater(
            found.sum("grpc_client_handled_total", grpc_code="OK"), 0)

    def test_four_processes_with_tls(self):
        suite = TcpSuite(binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
                         os.path.join(self.folder, "data"), self.folder,
                         tls=True, metrics=True)
        self.addCleanup(suite.kill)
        self.addCleanup(suite.tell_dead)
        suite.start()
        cairn = Cli(suite.binaries["cairn"], suite.target, self.folder)
        cairn.environment |= suite.client_environment
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            suite.address("maintenance").removeprefix("tls:"))
        self.work(cairn)
        found = {name: self.check(suite, name, tls=True) for name in SERVICES}
        self.check_values(**found)
        for name in ("ingest", "maintenance"):
            self.check_calls(found[name])
        for name, scraped in found.items():
            for file in ("own", "ca"):
                self.assertGreater(scraped.sum(
                    "cairn_cert_expiry_timestamp_seconds", file=file), 1.5e9)
            self.assertGreater(
                scraped.sum("grpc_server_msg_received_total"), 0, name)
        self.stop(suite)

    def test_cairnd(self):
        suite = self.new_suite(metrics=True)
        self.work(Cli(suite.binaries["cairn"], suite.target, self.folder))
        found = self.check(suite, "cairnd", tls=False)
        self.check_values(found, found, found, found)
        # What is looked up once in a while.
        case.wait_until(
            lambda: scrape(suite, "cairnd").sum(
                "cairn_snapshots", datastore="default", state="listed") == 1,
            "one snapshot is listed")
        found = scrape(suite, "cairnd")
        self.assertEqual(found.sum("cairn_backup_groups", state="recent"), 1)
        self.assertEqual(found.sum("cairn_backup_groups", state="late"), 0)
        newest = found.sum("cairn_backup_last_success_timestamp_seconds")
        self.assertGreater(newest, 1.5e9)
        self.assertEqual(newest, found.sum(
            "cairn_backup_oldest_success_timestamp_seconds"))
        self.assertEqual(found.sum("cairn_snapshots_logical_bytes",
                                   state="listed"), 6 * MIB)
        self.assertGreater(found.sum("cairn_store_bytes", kind="live"),
                           4 * MIB - 1)
        self.assertEqual(
            found.sum("cairn_store_records", state="damaged"), 0)
        self.assertEqual(found.sum("cairn_gc_cut_lag_seconds"), 0)
        self.stop(suite)


if __name__ == "__main__":
    case.main()
