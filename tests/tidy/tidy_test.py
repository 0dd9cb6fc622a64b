#!/usr/bin/env python3
"""That tidy.py finds what it is there to find, and the tree is clean."""

import pathlib
import subprocess
import sys
import unittest

import tidy

ROOT = pathlib.Path(__file__).resolve().parents[2]


class IncludeDirections(unittest.TestCase):

    def refused(self, path, included):
        self.assertIsNotNone(tidy.include_error(path, included),
                             f"{path} includes {included}")

    def allowed(self, path, included):
        self.assertIsNone(tidy.include_error(path, included))

    def test_domain_is_pure(self):
        path = "services/index/domain/page_token.cc"
        self.allowed(path, "common/model/digest.h")
        self.allowed(path, "common/pack/pack_format.h")
        for bad in ("common/io/file_system.h", "common/time/clock.h",
                    "common/pack/pack_file.h", "cairn/record/v1/record.pb.h", "rocksdb/db.h",
                    "services/index/storage/index_store.h"):
            self.refused(path, bad)

    def test_engine_sees_interfaces_of_the_services_it_may_call(self):
        path = "services/ingest/engine/archive_writer.cc"
        self.allowed(path, "services/index/client/session_client.h")
        self.refused(path, "services/index/client/grpc_index_client.h")
        self.refused(path, "services/index/engine/catalog.h")
        self.refused("services/index/engine/catalog.cc",
                     "services/chunk_storage/client/chunk_client.h")
        self.refused("services/maintenance/engine/lease_coordinator.cc",
                     "services/ingest/client/ingest_client.h")

    def test_libraries_stay_in_their_wrappers(self):
        self.refused("services/index/engine/catalog.cc", "rocksdb/db.h")
        self.refused("services/index/engine/catalog.cc", "grpcpp/grpcpp.h")
        self.refused("services/index/engine/catalog.cc",
                     "cairn/index/v1/index_service.grpc.pb.h")
        self.refused("common/kv/kv_store.cc", "rocksdb/db.h")
        self.refused("services/index/engine/catalog.cc",
                     "prometheus/counter.h")
        self.allowed("common/rocks/rocks_kv_store.cc", "rocksdb/db.h")
        self.allowed("services/index/rpc/index_service.h",
                     "cairn/index/v1/index_service.grpc.pb.h")

    def test_common_and_client_know_no_engine(self):
        self.refused("common/rpc/dispatcher.h",
                     "services/index/engine/catalog.h")
        self.refused("client/backup/backup_run.cc",
                     "services/ingest/engine/archive_writer.h")
        self.refused("services/ingest/engine/archive_writer.cc",
                     "client/backup/backup_run.h")


class Calls(unittest.TestCase):

    def offends(self, path, line):
        return [why for _, why in tidy.file_errors(path, line)]

    def test_time_threads_and_chance_have_one_wrapper_each(self):
        path = "services/index/engine/catalog.cc"
        for line in ("auto t = absl::Now();", "std::thread t(f);",
                     "absl::SleepFor(d);", "int r = std::rand();",
                     "int fd = ::open(p, 0);", "throw 1;"):
            self.assertTrue(self.offends(path, line), line)
        self.assertFalse(self.offends(path, "// absl::Now() is banned"))
        self.assertFalse(self.offends("common/time/clock.cc",
                                      "return absl::Now();"))

    def test_a_header_is_read_once(self):
        self.assertTrue(self.offends("common/io/x.h", "int x();"))
        self.assertFalse(self.offends("common/io/x.h", "#pragma once"))
        self.assertFalse(self.offends("common/bazel/library_prelude.h", ""))

    def test_a_todo_needs_an_issue(self):
        self.assertTrue(self.offends("common/io/x.cc", "// TODO later"))


class Shape(unittest.TestCase):

    def test_a_missing_or_extra_entry_is_named(self):
        files = [f"services/{s}/{e}" + ("/x.h" if "." not in e else "")
                 for s in tidy.SERVICES
                 for e in tidy.SHAPE + (() if s == "ingest" else ("storage",))]
        self.assertEqual(tidy.shape_errors(files), [])
        self.assertTrue(tidy.shape_errors(files[1:]))
        self.assertTrue(tidy.shape_errors(files + ["services/index/util.h"]))


class Tree(unittest.TestCase):

    def test_the_tree_keeps_the_rules(self):
        errors = tidy.check(ROOT)
        self.assertEqual([f"{p}:{n}: {w}" for p, n, w in errors], [])

    def test_every_mutation_applies(self):
        patches = sorted((ROOT / "tests/fault/mutations").glob("*.patch"))
        self.assertTrue(patches)
        for patch in patches:
            with self.subTest(patch.name), patch.open() as lines:
                tried = subprocess.run(
                    ["patch", "-p1", "--dry-run", "--batch"], cwd=ROOT,
                    stdin=lines, capture_output=True, text=True, check=False)
                self.assertEqual(tried.returncode, 0, tried.stdout)


if __name__ == "__main__":
    sys.exit(unittest.main())
