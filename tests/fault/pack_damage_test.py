#!/usr/bin/env python3
"""Single bits that turn over where packs are all there is.

What reads bare packs, `cairn inspect`, `cairn extract` and the two rebuilds,
names what a bit has damaged, and gives back everything else. A database that
a bit has damaged comes back whole.
"""

import json
import os
import shutil
import subprocess

import grpc

import case
from cli import Cli
from client import when_available
from damaged import CODE, DamageCase
from pack_file import (BLOCK_BYTES, KINDS, flip_bit, footer_of, pack_files,
                       records_of)

DAMAGED, NOT_FOUND, SOMETHING_LOST = 13, 10, 3
ROUNDS = case.slice_or_soak(1, 25)


class PackDamage(DamageCase):

    def setUp(self):
        super().setUp()
        self.cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                         self.folder)

    def flips(self):
        """A fresh copy with one flip: (record, whether in its payload, where
        for people)."""
        for number in range(ROUNDS):
            for kind in KINDS.values():
                for payload in (True, False):
                    state = self.STATES[(number + payload) % 3]
                    self.fresh(state)
                    record, offset, bit = self.flip_in_record(
                        state, kind, payload)
                    flip_bit(record.path, offset, bit)
                    where = {"state": state, "kind": kind, "offset": offset,
                             "bit": bit, "payload": payload,
                             "path": str(record.path)}
                    yield record, payload, where

    def assert_named(self, record, text, *other):
        """By its pack, and what it is, where it is, or by one of `other`."""
        self.assertIn(record.path.stem, text)
        self.assertTrue(any(name in text for name in (
            record.digest, str(record.offset), *other)), text)

    def run_cairn(self, *arguments):
        """(exit code, stdout, stderr)"""
        process = self.cairn.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err.decode()

    # --- cairn inspect ---

    def test_inspect_names_what_does_not_prove(self):
        for record, payload, where in self.flips():
            with self.subTest(**where):
                self.inspect(record, payload)

    def inspect(self, record, payload):
        code, out, err = self.run_cairn(
            "inspect", "pack", record.path, "--output-format", "json")
        self.assertEqual(code, DAMAGED, err)
        told = json.loads(out)
        rows = {row["offset"]: row for row in told["records"]}
        here = rows.pop(record.offset, None)
        self.assertTrue(all(row["proves"] for row in rows.values()))
        expected = {r.offset for r in records_of(self.data)
                    if r.path == record.path} - {record.offset}
        self.assertEqual(set(rows), expected)
        if payload or told["footer"] == "valid":
            self.assertIs(here["proves"], False)
            self.assertEqual(here["digest"], record.digest)
        else:
            # Nothing but its own header knew of it.
            self.assertTrue(any(
                one["offset"] <= record.offset < one["offset"]
                + one["length"] for one in told["damaged"]), told)
        code, _, err = self.run_cairn("inspect", "record", record.path,
                                      "--offset", str(record.offset))
        self.assertEqual(code, DAMAGED, err)

    # --- cairn extract ---

    def extracted(self):
        """{archive: (exit code, stderr)} of those that do not come out."""
        failed = {}
        for name, content in self.archives.items():
            snapshot, _, archive = name.partition("/archives/")
            code, out, err = self.run_cairn(
                "extract", "--packs", self.data, snapshot, archive, "-")
            if code == 0:
                self.assertTrue(out == content,
                                f"{name} has other bytes, silently")
            else:
                failed[name] = (code, err)
        return failed

    def test_extract_gives_all_that_is_not_damaged(self):
        for record, _, where in self.flips():
            with self.subTest(**where):
                self.extract(record)

    def extract(self, record):
        failed = self.extracted()
        snapshots = {name.partition("/archives/")[0] for name in failed}
        if record.kind == "chunk":
            self.assertEqual(set(failed), self.holders(record))
        elif record.kind == "manifest":
            self.assertEqual(len(snapshots), 1, snapshots)
            self.assertEqual(len(failed), 3, failed)
        elif record.kind == "event":
            self.assertEqual(failed, {})
        for code, err in failed.values():
            self.assertEqual(code, NOT_FOUND if record.kind == "manifest"
                             else DAMAGED, err)
            if record.kind == "manifest":
                self.assert_named(record, err)
            else:
                self.assertIn(record.digest, err)
        code, _, err = self.run_cairn("extract", "--packs", self.data,
                                      "--list")
        self.assertEqual(code, 0, err)
        if record.kind in ("manifest", "event"):
            self.assert_named(record, err)

    # --- the rebuilds ---

    def rebuild(self, name, *arguments):
        done = subprocess.run(
            [self.suite.binaries[name], "rebuild",
             f"--data-dir={self.data}", "--output-format=json", *arguments],
            capture_output=True, check=False, timeout=120)
        self.assertIn(done.returncode, (0, SOMETHING_LOST),
                      done.stderr.decode()[-3000:])
        report = done.stdout.decode()
        self.assertEqual(json.loads(report)["something_lost"],
                         done.returncode == SOMETHING_LOST)
        return report

    def read_rebuilt(self, record, store, index):
        """Reads all; returns the archives that say why they do not come.

        What a chunk's own bytes are, is proved by the rebuild of
        chunk_storage; that of index tells which archives miss a chunk.
        """
        self.suite.start()
        client = self.new_client(self.suite)
        failed = set()
        for name, content in self.archives.items():
            try:
                self.assertTrue(when_available(lambda: client.read(name))
                                == content, f"{name} has other bytes")
            except grpc.RpcError as error:
                failed.add(name)
                snapshot = name.partition("/archives/")[0]
                if record.kind == "chunk":
                    self.assertEqual(error.code(), CODE.DATA_LOSS)
                    self.assertIn(record.digest, error.details())
                    self.assertTrue(record.digest in store
                                    or name in index, store + index)
                else:
                    self.assertEqual(error.code(), CODE.NOT_FOUND)
                    if record.kind == "page":
                        self.assertIn(snapshot, index)
        client.close()
        return failed

    def test_rebuilds_bring_back_all_that_is_not_damaged(self):
        for record, _, where in self.flips():
            with self.subTest(**where):
                self.rebuild_all(record)
            self.suite.kill()

    def rebuild_all(self, record):
        for name in ("index", "maintenance", "chunk_storage/db"):
            shutil.rmtree(os.path.join(self.data, name))
        store = self.rebuild("chunk_storage")
        index = self.rebuild("index")
        # Where nothing but its own header knew of a record, what it was is
        # told by who misses it.
        self.assert_named(record, store, "unnamed_in_packs")
        if record.kind != "chunk":
            self.assert_named(record, index)
        failed = self.read_rebuilt(record, store, index)
        snapshots = {name.partition("/archives/")[0] for name in failed}
        if record.kind == "chunk":
            self.assertEqual(failed, self.holders(record))
        elif record.kind == "manifest":
            self.assertEqual(len(snapshots), 1)
        elif record.kind == "event":
            self.assertEqual(failed, set())

    # --- a database beside sound packs ---

    def test_a_damaged_database_comes_back(self):
        """What a damaged database keeps from starting, the packs give."""
        for _ in range(ROUNDS):
            for service in WAYS_BACK:
                for pattern in ("*.sst", "*.log", "CURRENT", "MANIFEST-*"):
                    state, path = self.random.choice(
                        self.files(f"{service}/db/{pattern}"))
                    outcome = self.random_flip(state, path)
                    if outcome is None or str(outcome) == "harmless":
                        continue
                    with self.subTest(state=state, path=str(path)):
                        WAYS_BACK[service](self)
                        self.assertEqual(str(self.observe()), "harmless")
        print(f"databases: {self.tally}, all came back", flush=True)

    def forget_maintenance(self):
        """All that it keeps can be told anew by the others."""
        shutil.rmtree(os.path.join(self.data, "maintenance/db"))

    def rebuild_chunk_storage(self):
        self.rebuild("chunk_storage")

    def rebuild_index(self):
        self.rebuild("index", "--replace=true")

    def test_a_pack_without_a_sound_header_or_footer(self):
        for number in range(4 * ROUNDS):
            self.fresh("stopped")
            path = self.random.choice(pack_files(self.data))
            size = path.stat().st_size
            offset = self.random.choice(
                range(BLOCK_BYTES) if number % 2 else
                range(footer_of(path), size))
            flip_bit(path, offset, self.random.randrange(8))
            with self.subTest(path=str(path), offset=offset):
                code, out, err = self.run_cairn(
                    "inspect", "pack", path, "--output-format", "json")
                told = json.loads(out)
                self.assertEqual(code, 0 if told["header_proves"]
                                 and not told["damaged_bytes"] else DAMAGED,
                                 err)
                if offset < BLOCK_BYTES:
                    self.assertFalse(told["header_proves"])
                else:
                    self.assertEqual(told["footer"], "none")
                self.assertEqual([row for row in told["records"]
                                  if not row["proves"]], [])
                self.assertEqual(self.extracted(), {})


WAYS_BACK = {"index": PackDamage.rebuild_index,
             "chunk_storage": PackDamage.rebuild_chunk_storage,
             "maintenance": PackDamage.forget_maintenance}

if __name__ == "__main__":
    case.main()
