"""The packs alone rebuild everything, and give everything without a server."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import grpc

import case
from case import back_up
from cli_case import CliCase
from client import when_available

KIB = 1 << 10
MIB = 1 << 20
DEFAULT = "datastores/default"


class RebuildCase(CliCase):

    # Where the directories `index`, `chunk_storage`, `maintenance` are.
    def state(self, name):
        return os.path.join(self.suite.data_dir(name if self.split
                                                else "cairnd"), name)

    def data_dir(self, name):
        return self.suite.data_dir(name if self.split else "cairnd")

    def offline(self, name, *arguments):
        return subprocess.Popen(
            [self.suite.binaries[name], "rebuild",
             f"--data-dir={self.data_dir(name)}", "--output-format=json",
             *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def rebuild(self, name, *arguments, code=0):
        with self.offline(name, *arguments) as process:
            out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, code,
                         (err[-3000:] + out[-3000:]).decode())
        return json.loads(out) if out else err.decode()

    def rebuild_index(self, *arguments, code=0):
        return self.rebuild("index", f"--packs={self.state('chunk_storage')}",
                            *arguments, code=code)

    def seconds_of_a_rebuild(self):
        started = time.monotonic()
        self.rebuild_index("--replace=true")
        return time.monotonic() - started

    def kill_a_rebuild(self, seconds):
        """At some point of it; mostly before its end."""
        with self.offline(
                "index", "--replace=true",
                f"--packs={self.state('chunk_storage')}") as process:
            time.sleep(self.random.random() * seconds * 1.1)
            process.kill()
            process.communicate()

    def lose(self, *names):
        """All that a service keeps, but the packs."""
        for name in names:
            if name == "chunk_storage":
                for entry in os.listdir(self.state(name)):
                    path = os.path.join(self.state(name), entry)
                    if entry == "db":
                        shutil.rmtree(path)
            else:
                shutil.rmtree(self.state(name))

    def fill(self):
        """A datastore with something of everything; its archives."""
        data = self.random.randbytes
        shared = data(5 * MIB)
        archives = {}
        for i in range(3):
            archives |= back_up(
                self.client, f"{DEFAULT}/groups/host/web1",
                {"root.raw": shared + data(300 * KIB), "log.raw": data(10)},
                notes=f"as published {i}")
        self.cairn.run("namespace", "create", "servers")
        self.cairn.run("namespace", "create", "servers/web")
        self.cairn.run("namespace", "create", "gone")
        self.cairn.run("namespace", "delete", "gone")
        self.cairn.run("datastore", "create", "second")
        disk = self.path("disk")
        with open(disk, "wb") as image:
            image.write(data(4 * MIB))
            image.truncate(64 * MIB)
        self.cairn.run("backup", "vm/100", f"disk.img:{disk}",
                       "--namespace", "servers/web", "--notes", "the disk")
        self.cairn.run("backup", "host/other", f"a.raw:{disk}",
                       "--datastore", "second")
        self.cairn.run("snapshot", "notes", "host/web1/latest", "the last")
        self.cairn.run("snapshot", "protect", "host/web1/latest")
        return archives

    def leave_behind(self):
        """What must not come back: an aborted session, and an open one."""
        for name in ("aborted", "open"):
            session = self.client.open_session(
                f"{DEFAULT}/groups/host/{name}")
            self.client.write(session.name, "a.raw",
                              self.random.randbytes(2 * MIB))
            if name == "aborted":
                self.client.abort(session.name)

    def everything(self):
        """All that the command line tells of the catalog, but `recovered`."""
        told = {}
        for datastore in ("default", "second"):
            where = ("--datastore", datastore)
            for space in ("", "servers/web"):
                if space and datastore == "second":
                    continue
                inner = where + (("--namespace", space) if space else ())
                told[datastore, space, "groups"] = self.cairn.json(
                    "group", "list", *inner)
            told[datastore, "snapshots"] = self.cairn.json(
                "snapshot", "list", "--recursive", *where)
            spaces = self.cairn.json("namespace", "list", *where)
            for one in spaces["namespaces"]:
                del one["create_time"]  # of the event, not of its commit
            told[datastore, "namespaces"] = spaces
        for key, value in told.items():
            for snapshot in value.get("snapshots", []):
                snapshot.pop("recovered")
        return told

    def snapshots(self):
        return self.cairn.json("snapshot", "list", "--recursive")["snapshots"]


class Rebuild(RebuildCase):

    def test_all_databases_are_lost(self):
        archives = self.fill()
        self.leave_behind()
        before = self.everything()
        self.suite.kill()
        self.lose("index", "maintenance", "chunk_storage")
        if not self.split:
            self.refused_to_start()
        stored = self.rebuild("chunk_storage")
        self.assertFalse(stored["something_lost"])
        report = self.rebuild_index()
        self.assertFalse(report["something_lost"], report)
        self.assertEqual(sum(d["snapshots"] for d in report["datastores"]), 5)
        self.suite.start()
        self.assertEqual(self.everything(), before)
        self.assertTrue(all(s["recovered"] for s in self.snapshots()))
        self.assertIn("recovered  yes", self.cairn.text(
            "snapshot", "show", "host/web1/latest"))
        self.assert_restores(self.client, archives)
        self.back_up_again(archives)

    def refused_to_start(self):
        self.suite.start(wait=False)
        code = self.suite.processes.pop("cairnd").wait(timeout=60)
        self.assertEqual(code, 1)
        self.assertIn("cairn-index rebuild --data-dir=",
                      self.suite.log_tail())

    def back_up_again(self, archives):
        """The next backup finds what is there."""
        name = sorted(a for a in archives if a.endswith("root.raw"))[-1]
        source = self.path("again")
        pathlib.Path(source).write_bytes(archives[name])
        again = self.cairn.json("backup", "host/web1",
                                f"root.raw:{source}")["snapshot"]
        self.assertLess(again["stored_bytes"], 64 * KIB)
        self.assertFalse(again["recovered"])
        self.assert_restores(self.client, {
            f"{again['name']}/archives/root.raw": archives[name]})

    def test_only_index_is_lost(self):
        archives = self.fill()
        before = self.everything()
        self.stop(self.suite)
        self.lose("index")
        report = self.rebuild_index()
        self.assertEqual(report["former_database"], "")
        self.suite.start()
        self.assertEqual(self.everything(), before)
        self.assert_restores(self.client, archives)
        self.back_up_again(archives)
        # Now a replacement: what was there is kept aside.
        self.stop(self.suite)
        self.assertIn("--replace", self.rebuild_index(code=1))
        report = self.rebuild_index("--replace=true")
        self.assertTrue(os.path.isdir(report["former_database"]))
        self.suite.start()
        self.assertEqual(len(self.snapshots()), 5)
        self.back_up_again(archives)

    def test_a_rebuild_is_killed_again_and_again(self):
        archives = self.fill()
        before = self.everything()
        self.stop(self.suite)
        seconds = self.seconds_of_a_rebuild()
        for _ in range(case.slice_or_soak(8, 60)):
            self.kill_a_rebuild(seconds)
        report = self.rebuild_index("--replace=true")
        self.assertFalse(report["something_lost"])
        self.suite.start()
        self.assertEqual(self.everything(), before)
        self.assert_restores(self.client, archives)
        self.back_up_again(archives)

    def test_a_killed_rebuild_leaves_an_index_that_serves(self):
        archives = self.fill()
        before = self.everything()
        self.stop(self.suite)
        seconds = self.seconds_of_a_rebuild()
        self.suite.start()
        for _ in range(case.slice_or_soak(2, 10)):
            self.stop(self.suite)
            self.kill_a_rebuild(seconds)
            # The old one or the new one.
            self.suite.start()
            self.assertEqual(self.everything(), before)
        self.assert_restores(self.client, archives)

    def test_an_old_copy_of_index_decides_nothing(self):
        self.fill()
        self.stop(self.suite)
        copy = self.path("copy")
        shutil.copytree(self.state("index"), copy)
        self.suite.start()
        self.cairn.run("snapshot", "notes", "host/web1/latest", "since then")
        self.stop(self.suite)
        shutil.rmtree(self.state("index"))
        shutil.copytree(copy, self.state("index"))
        self.suite.start(everything=False)
        with self.refused(grpc.StatusCode.FAILED_PRECONDITION,
                          reason="INDEX_BEHIND"):
            # Its peers may still be starting.
            when_available(lambda: self.client.open_session(
                f"{DEFAULT}/groups/host/web1"))
        # The packs know better.
        self.suite.stop()
        self.rebuild_index("--replace=true")
        self.suite.start()
        self.assertEqual(self.cairn.json(
            "snapshot", "show", "host/web1/latest")["notes"], "since then")


class SplitRebuild(Rebuild):
    split = True


class Extract(RebuildCase):

    def test_every_archive_comes_out_of_bare_packs(self):
        archives = self.fill()
        tree = self.path("tree")
        os.makedirs(os.path.join(tree, "inner"))
        for i in range(20):
            pathlib.Path(tree, "inner", f"file{i}").write_bytes(
                self.random.randbytes(i * 10000))
        self.cairn.run("backup", "host/tree", f"root.tar:{tree}")
        listed = self.snapshots()
        self.stop(self.suite)
        bare = self.path("bare")
        os.makedirs(bare)
        for pack in pathlib.Path(self.suite.data).rglob("*.pack"):
            shutil.copy(pack, bare)
        shutil.rmtree(self.suite.data)

        told = self.cairn.json("extract", "--packs", bare, "--list")
        self.assertEqual([s["name"] for s in told["snapshots"]],
                         [s["name"] for s in listed])
        self.assertIn("host/tree", self.cairn.text("extract", "--packs", bare,
                                                   "--list"))
        for name, data in archives.items():
            snapshot, archive = name.split("/archives/")
            out, _ = self.cairn.run("extract", "--packs", bare, snapshot,
                                    archive, "-")
            self.assertTrue(out == data, name)
        self.cairn.run("extract", "--packs", bare, "vm/100/latest", "disk.img",
                       self.path("disk.back"), "--namespace", "servers/web")
        subprocess.run(["cmp", self.path("disk"), self.path("disk.back")],
                       check=True)
        self.assertLess(os.stat(self.path("disk.back")).st_blocks * 512,
                        8 * MIB)
        self.cairn.run("extract", "--packs", bare, "host/tree/latest",
                       "root.tar", self.path("tree.back"))
        subprocess.run(["diff", "-r", tree, self.path("tree.back")],
                       check=True)
        self.cairn.run("extract", "--packs", bare, "host/other/latest",
                       "a.raw", self.path("other.back"), "--datastore",
                       "second")
        subprocess.run(["cmp", self.path("disk"), self.path("other.back")],
                       check=True)
        out, _ = self.cairn.run("extract", "--packs", bare, "vm/100/latest",
                                "disk.img", "-", "--namespace", "servers/web",
                                "--offset", "1000", "--length", "5000")
        with open(self.path("disk"), "rb") as image:
            image.seek(1000)
            self.assertEqual(out, image.read(5000))
        self.cairn.run("extract", "--packs", bare, "host/none/latest", "a.raw",
                       self.path("none"), code=10)
        self.cairn.run("extract", "--packs", bare, "host/tree/latest",
                       "b.raw", self.path("none"), code=10)
        self.cairn.run("extract", "--packs", bare, code=2)
        self.assertFalse(os.path.exists(self.path("none")))
        self.damage(bare, archives)

    def damage(self, bare, archives):
        """A damaged chunk is never handed out; a lost one is named."""
        name = sorted(a for a in archives if a.endswith("root.raw"))[-1]
        snapshot, archive = name.split("/archives/")
        largest = max(pathlib.Path(bare).iterdir(),
                      key=lambda p: p.stat().st_size)
        with open(largest, "r+b") as pack:
            pack.seek(8192)
            while pack.tell() < largest.stat().st_size - 65536:
                at = pack.tell()
                byte = pack.read(1)
                pack.seek(at)
                pack.write(bytes([byte[0] ^ 1]))
                pack.seek(at + 50000)
        _, err = self.cairn.run("extract", "--packs", bare, snapshot, archive,
                                self.path("hurt"), code=13)
        self.assertRegex(err.decode(), r"chunk [0-9a-f]{64}")
        self.assertFalse(os.path.exists(self.path("hurt")))


if __name__ == "__main__":
    case.main()
