#!/usr/bin/env python3
"""What was written in a format that was once released is read for ever.

For each format version one golden data directory (make_golden.py), here
taken up as it is by the programs of today.
"""

import json
import os
import pathlib
import shutil
import subprocess

import case
import content
import golden_store
from case import Case
from cli import Cli
from client import model

DEFAULT = "datastores/default"
# Of what content.py writes; a tree's bytes tell who has made it.
CUT_ANEW = ("disk.img", "lines.raw", "conf.blob", "none.raw")


class Golden:
    """Of one format version, which a subclass names."""

    version = None
    split = False

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.folder, "data")
        golden_store.unpack(self.version, self.data)
        self.told = json.loads(
            golden_store.description_of(self.version).read_text())
        if self.split:
            for service in golden_store.SERVICES:
                self.move_into_its_own(service)
        self.suite = self.new_suite(split=self.split, data=self.data,
                                    start=False)
        self.cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                         self.folder)

    def move_into_its_own(self, service):
        """From cairnd's data directory to one of the service alone."""
        aside = os.path.join(self.folder, "aside")
        os.rename(os.path.join(self.data, service), aside)
        os.mkdir(os.path.join(self.data, service))
        os.rename(aside, self.state(service))

    def state(self, service):
        return os.path.join(self.data, service,
                            *([service] if self.split else []))

    def start(self):
        self.suite.start()
        self.client = self.new_client(self.suite)

    def snapshots(self):
        return {snapshot.name: snapshot for snapshot
                in self.client.snapshots(DEFAULT)}

    def assert_all_is_there(self):
        self.assertEqual(golden_store.describe(self.client, self.cairn),
                         self.told["datastores"])
        for way in ("chunks", "stream"):
            self.assert_digests("restore", "--way", way)

    def assert_digests(self, *command):
        digests = golden_store.digests_of(
            self.told["datastores"], self.folder,
            lambda datastore, *names: self.cairn.run(
                *command, *names, "--overwrite", "--datastore", datastore))
        self.assertEqual(digests, self.told["sha256"], command)

    def roots(self, snapshot):
        """{archive: page id of its root, in hex}, of what is stored now."""
        return {one.name: one.root.page.hex() for one in snapshot.archives}

    def golden_snapshot(self, number):
        """The `number`-th of group vm/golden, from 1, as vN.json tells it."""
        return [snapshot for snapshot
                in self.told["datastores"]["default"]["snapshots"]
                if "/vm/golden/" in snapshot["name"]][number - 1]

    def test_is_read_and_restored(self):
        for service in golden_store.SERVICES:
            found = golden_store.read_format(self.state(service))
            self.assertEqual((found["service"], found["version"]),
                             (service, str(self.version)))
        self.start()
        self.assert_all_is_there()
        self.assert_the_tree_is_extracted()
        self.stop(self.suite)
        self.start()  # over what it has written itself
        self.assert_all_is_there()

    def assert_the_tree_is_extracted(self):
        made, restored = self.folder + "/made", self.folder + "/tree"
        content.make_tree(made)
        self.cairn.run("restore", self.golden_snapshot(1)["name"], "tree.tar",
                       restored)
        subprocess.run(["diff", "-r", "--no-dereference", made, restored],
                       check=True)
        for name in ("sub", "empty", "sub/a.txt"):
            one, other = (os.stat(os.path.join(folder, name))
                          for folder in (made, restored))
            self.assertEqual((one.st_mode, one.st_mtime),
                             (other.st_mode, other.st_mtime), name)
        self.assertTrue(os.path.samefile(restored + "/sub/a.txt",
                                         restored + "/sub/twin"))

    def test_packs_are_read_without_a_server(self):
        self.assert_digests("extract", "--packs",
                            self.state("chunk_storage"))

    def test_packs_alone_rebuild_it(self):
        for service in ("index", "maintenance"):
            shutil.rmtree(self.state(service))
        shutil.rmtree(os.path.join(self.state("chunk_storage"), "db"))
        self.rebuild("chunk_storage")
        self.rebuild("index", f"--packs={self.state('chunk_storage')}")
        self.start()
        self.assertTrue(all(snapshot.recovered for snapshot
                            in self.snapshots().values()))
        self.assert_all_is_there()

    def rebuild(self, program, *options):
        done = subprocess.run(
            [self.suite.binaries[program], "rebuild",
             f"--data-dir={os.path.dirname(self.state(program))}", *options],
            capture_output=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-3000:])

    # Chunks are cut, digested and named, holes found, pages cut as they were.
    def test_the_same_content_adds_no_chunk(self):
        self.start()
        for number in (1, 2):
            files = content.write_files(self.folder + "/files", number)
            golden = {one["name"]: one["root"]["page"] for one
                      in self.golden_snapshot(number)["archives"]}
            for way in ("stream", "chunks"):
                done = self.cairn.json(
                    "backup", "vm/golden", "--way", way,
                    *(f"{name}:{files[name]}" for name in CUT_ANEW))
                snapshot = self.snapshots()[done["snapshot"]["name"]]
                self.assertEqual(
                    self.roots(snapshot),
                    {name: golden[name] for name in CUT_ANEW})
                self.assertEqual(snapshot.stored_bytes, 0)

    def test_its_chunkers_cut_alike_in_a_new_group(self):
        self.start()
        golden = {one["name"]: one
                  for one in self.golden_snapshot(1)["archives"]}
        files = content.write_files(self.folder + "/files", 1)
        session = self.client.open_session(f"{DEFAULT}/groups/host/new")
        sizes = {}
        for name in CUT_ANEW:
            data = pathlib.Path(files[name]).read_bytes()
            sizes[name] = len(data)
            self.client.write(
                session.name, name, data,
                kind=model.ArchiveKind.Value(golden[name]["kind"]),
                chunker=model.ChunkerSpec(**golden[name]["chunker"]))
        snapshot = self.client.finish(session.name, sizes)
        self.assertEqual(
            self.roots(snapshot),
            {name: golden[name]["root"]["page"] for name in CUT_ANEW})
        self.assertEqual(snapshot.stored_bytes, 0)

    def test_an_open_session_goes_on(self):
        opened = self.told["open"]
        self.start()
        progress, = self.client.get_session(opened["session"]).archives
        self.assertEqual((progress.name, progress.durable_bytes),
                         (opened["archive"], opened["durable_bytes"]))
        files = content.write_files(self.folder + "/files", 2)
        data = pathlib.Path(files[opened["archive"]]).read_bytes()
        self.client.write(opened["session"], opened["archive"], data,
                          kind=progress.kind, chunker=progress.chunker,
                          offset=progress.durable_bytes)
        snapshot = self.client.finish(opened["session"],
                                      {opened["archive"]: len(data)})
        self.assert_restores(self.client, {
            f"{snapshot.name}/archives/{opened['archive']}": data})


class Golden1(Golden, Case):
    version = 1


class SplitGolden1(Golden1):
    """The same by the four services, each in a data directory of its own."""

    split = True


class TheNewestVersion(Case):

    def test_has_a_golden_directory(self):
        suite = self.new_suite()
        self.stop(suite)
        for service in golden_store.SERVICES:
            written = golden_store.read_format(
                os.path.join(suite.data, service))["version"]
            self.assertTrue(golden_store.tar_of(written).exists(),
                            f"{service} writes format version {written}: run "
                            "make_golden.py, and keep the former ones")

    def test_every_golden_directory_is_read(self):
        tested = {f"v{one.version}" for one in Golden.__subclasses__()}
        for suffix in (".tar.xz", ".json"):
            there = {path.name.removesuffix(suffix) for path
                     in golden_store.HERE.glob("v*" + suffix)}
            self.assertEqual(there, tested)


if __name__ == "__main__":
    case.main()
