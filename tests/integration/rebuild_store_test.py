#!/usr/bin/env python3
"""A store that has lost its database comes back from its packs alone."""

import json
import os
import pathlib
import shutil
import subprocess

import case
from case import Case, back_up
from pack_file import flip_bit, pack_files, read_records

MIB = 1 << 20
GROUP = "datastores/default/groups/host/rebuilt"
SOMETHING_LOST = 3


class RebuildStore(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.data = os.path.join(self.folder, "data")
        self.suite = self.new_suite(data=self.data)
        client = self.new_client(self.suite)
        self.backup = back_up(client, GROUP, {
            "a.raw": self.random.randbytes(7 * MIB),
            "b.raw": self.random.randbytes(MIB)})
        client.close()
        self.store = pathlib.Path(self.data, "chunk_storage")

    def command(self):
        return [self.suite.binaries["chunk_storage"], "rebuild",
                f"--data-dir={self.data}", "--output-format=json"]

    def rebuild(self, code=0):
        done = subprocess.run(self.command(), capture_output=True,
                              check=False, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr.decode()[-3000:])
        return json.loads(done.stdout)

    def lose_database(self):
        self.suite.stop()
        shutil.rmtree(self.store / "db")

    def assert_restored(self):
        self.suite.start()
        client = self.new_client(self.suite)
        self.assert_restores(client, self.backup)
        client.close()

    def test_a_start_refuses_and_names_the_way_back(self):
        self.lose_database()
        with self.assertRaisesRegex(RuntimeError,
                                    "cairn-chunk-storage rebuild"):
            self.suite.start()
        self.suite.kill()
        report = self.rebuild()
        self.assertFalse(report["something_lost"])
        datastore, = report["datastores"]
        records = {"chunk": 0, "page": 0, "manifest": 0, "event": 0}
        for path in pack_files(self.data):
            for record in read_records(path):
                records[record.kind] += 1
        self.assertEqual(datastore["records"], records)
        self.assertGreater(datastore["highest_sequence"], 0)
        self.assertGreater(datastore["highest_epoch"], 0)
        self.assert_restored()

    def test_packs_are_all_that_is_needed(self):
        self.suite.kill()  # packs without footers
        for entry in self.store.iterdir():
            if entry.name == "datastores":
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.rebuild()
        self.assert_restored()

    def test_killed_again_and_again(self):
        self.lose_database()
        for _ in range(8):
            with subprocess.Popen(self.command(), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                try:
                    process.wait(timeout=self.random.random() / 4)
                except subprocess.TimeoutExpired:
                    process.kill()
        self.rebuild()
        self.assert_restored()

    def test_not_while_it_is_served(self):
        done = subprocess.run(self.command(), capture_output=True,
                              check=False, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"LOCK", done.stderr)

    def test_damage_is_named_and_healed(self):
        self.lose_database()
        records = [record for path in pack_files(self.data)
                   for record in read_records(path)
                   if record.kind == "chunk"]
        victim = self.random.choice(records)
        flip_bit(victim.path, victim.payload[0], 3)
        report = self.rebuild(code=SOMETHING_LOST)
        lost, = report["datastores"][0]["lost"]
        self.assertIn(victim.digest, lost["record"])
        self.assertIn(f"{victim.path.stem} at {victim.offset}", lost["why"])
        self.suite.start()
        client = self.new_client(self.suite)
        # The same data once more: what is bad counts as missing.
        again = back_up(client, GROUP, {
            name.rpartition("/")[2]: content
            for name, content in self.backup.items()})
        self.assert_restores(client, self.backup)
        self.assert_restores(client, again)
        client.close()


if __name__ == "__main__":
    case.main()
