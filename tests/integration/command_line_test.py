#!/usr/bin/env python3
"""The `cairn` program as people use it, against cairnd and four processes."""

import array
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import termios

import case
from case import wait_until
from chunks import RAW, begin, chunk, end, write_chunks
from cli_case import CliCase
from client import backup
from tree import describe, differences, make_tree

MIB = 1 << 20
NOT_FOUND, BUSY, DAMAGED, REFUSED, UNREACHABLE = 10, 11, 13, 14, 75


class CommandLineCase(CliCase):

    def same(self, left, right):
        subprocess.run(["cmp", left, right], check=True)


class BackUpAndRestore(CommandLineCase):

    def make_image(self):
        """96 MiB, most of it holes."""
        image = self.path("disk")
        with open(image, "wb") as file:
            file.truncate(96 * MIB)
            for at in (0, 17 * MIB + 5, 64 * MIB):
                file.seek(at)
                file.write(self.random.randbytes(3 * MIB + 11))
        return image

    def test_short_chunks_are_restored(self):
        """As other clients may cut; several are decoded at one time."""
        session = self.client.open_session("datastores/default/groups/host/s")
        messages, content = [begin(session.name, "a.raw")], b""
        for number in range(400):
            plain = bytes([97 + number % 23]) * (1 + number % 20)
            messages.append(chunk(len(content), plain, RAW))
            content += plain
        write_chunks(self.client, messages + [end(len(content))])
        self.client.finish(session.name, {"a.raw": len(content)})
        for way in ("chunks", "stream"):
            out, _ = self.cairn.run("restore", "host/s/latest", "a.raw", "-",
                                    "--way", way)
            self.assertEqual(out, content, way)

    def test_an_image_with_holes(self):
        image = self.make_image()
        first = self.cairn.json("backup", "vm/100", f"disk.img:{image}")
        self.assertEqual(first["snapshot"]["size_bytes"], 96 * MIB)
        self.assertLess(first["snapshot"]["stored_bytes"], 40 * MIB)
        back = self.path("back")
        self.cairn.run("restore", "vm/100/latest", "disk.img", back)
        self.same(image, back)
        self.assertLess(os.stat(back).st_blocks * 512, 60 * MIB,
                        "the holes were filled")
        # A range, to stdout.
        out, _ = self.cairn.run("restore", "vm/100/latest", "disk.img", "-",
                                "--offset", "17m", "--length", "1m")
        with open(image, "rb") as file:
            file.seek(17 * MIB)
            self.assertTrue(out == file.read(MIB))
        # The second backup of what changed little is small.
        with open(image, "r+b") as file:
            file.seek(18 * MIB)
            file.write(b"changed")
        second = self.cairn.json("backup", "vm/100", f"disk.img:{image}")
        self.assertLess(second["snapshot"]["stored_bytes"], 9 * MIB)
        self.cairn.run("restore", "vm/100/latest", "disk.img", back,
                       "--overwrite")
        self.same(image, back)
        # The first is what it was.
        self.cairn.run("restore", first["snapshot"]["name"], "disk.img",
                       self.path("old"))
        differs = subprocess.run(["cmp", "-s", image, self.path("old")],
                                 check=False)
        self.assertEqual(differs.returncode, 1)

    def test_a_directory_with_all_that_a_file_system_holds(self):
        tree = self.path("tree")
        make_tree(tree, self.random)
        report = self.cairn.json("backup", "host/tree", f"root.tar:{tree}")
        self.assertEqual(report["problems"], [])
        back = self.path("back")
        self.cairn.run("restore", "host/tree/latest", "root.tar", back)
        self.assertEqual(differences(describe(tree), describe(back)), [])
        # The tar itself is one that others read.
        self.cairn.run("restore", "host/tree/latest", "root.tar",
                       self.path("root.tar"))
        names = subprocess.run(["tar", "-tf", self.path("root.tar")],
                               check=True, capture_output=True).stdout
        self.assertEqual(len(names.splitlines()), len(describe(tree)))
        # Nothing changed: nothing is stored.
        again = self.cairn.json("backup", "host/tree", f"root.tar:{tree}")
        self.assertEqual(again["snapshot"]["stored_bytes"], 0)

    def test_files_that_cannot_be_read_are_named(self):
        tree = self.path("tree")
        os.makedirs(tree)
        for name in ("kept", "left.tmp", "cache"):
            pathlib.Path(tree, name).write_text(name)
        self.cairn.run("backup", "host/some", f"root.tar:{tree}",
                       "--exclude", "*.tmp", "--exclude", "/cache")
        self.cairn.run("restore", "host/some/latest", "root.tar",
                       self.path("back"))
        self.assertEqual(os.listdir(self.path("back")), ["kept"])
        # 74: what is to be backed up is not there.
        text = self.cairn.error(74, "backup", "host/none",
                                f"root.tar:{self.path('none')}")
        self.assertIn(self.path("none"), text)

    def test_stdin_and_a_blob_in_one_snapshot(self):
        dump = self.random.randbytes(40 * MIB + 7)
        key = self.write("key", self.random.randbytes(5000))
        self.cairn.run("backup", "host/db1", "dump.raw:-", f"key.blob:{key}",
                       "--notes", "nightly", input=dump)
        out, _ = self.cairn.run("restore", "host/db1/latest", "dump.raw", "-")
        self.assertTrue(out == dump)
        self.cairn.run("restore", "host/db1/latest", "key.blob",
                       self.path("key.back"))
        self.same(key, self.path("key.back"))
        shown = self.cairn.json("snapshot", "show", "host/db1/latest")
        self.assertEqual([a["name"] for a in shown["archives"]],
                         ["dump.raw", "key.blob"])
        self.assertEqual(shown["notes"], "nightly")
        large = self.write("large", bytes(16 * MIB + 1))
        text = self.cairn.error(2, "backup", "host/db1", f"key.blob:{large}")
        self.assertIn("16", text)

    def test_a_restore_that_nobody_reads_is_interrupted(self):
        self.cairn.run("backup", "host/a", "a.raw:-", input=bytes(4 * MIB))
        process = self.cairn.start("restore", "host/a/latest", "a.raw", "-")
        self.addCleanup(process.kill)
        size = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)
        held = array.array("i", [0])

        def full():
            fcntl.ioctl(process.stdout, termios.FIONREAD, held)
            return held[0] == size

        wait_until(full, "the pipe is full")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=20), 130)
        process.communicate()

    def test_targets_that_exist_are_kept(self):
        source = self.write("source", b"new")
        self.cairn.run("backup", "host/a", f"a.raw:{source}")
        target = self.write("target", b"old")
        self.cairn.error(REFUSED, "restore", "host/a/latest", "a.raw", target)
        self.assertEqual(pathlib.Path(target).read_bytes(), b"old")
        self.cairn.run("restore", "host/a/latest", "a.raw", target,
                       "--overwrite")
        self.assertEqual(pathlib.Path(target).read_bytes(), b"new")


class SplitBackUpAndRestore(BackUpAndRestore):
    split = True


class Catalog(CommandLineCase):

    def setUp(self):
        super().setUp()
        self.source = self.write("source", b"content")

    def back_up(self, group, *arguments):
        return self.cairn.json("backup", group, f"a.raw:{self.source}",
                               *arguments)["snapshot"]["name"]

    def test_snapshots_are_listed_shown_and_annotated(self):
        for day in (1, 2):
            self.back_up("host/a", "--backup-time", f"2020-01-0{day}T00:00:00Z")
        self.back_up("vm/7")
        listed = self.cairn.text("snapshot", "list")
        for name in ("host/a/2020-01-01T00:00:00Z",
                     "host/a/2020-01-02T00:00:00Z", "vm/7/"):
            self.assertIn(name, listed)
        page = self.cairn.json("snapshot", "list", "host/a")
        self.assertEqual(sorted(s["name"] for s in page["snapshots"]),
                         [f"datastores/default/groups/host/a/snapshots/"
                          f"2020-01-0{day}T00:00:00Z" for day in (1, 2)])
        one = "host/a/2020-01-01T00:00:00Z"
        self.cairn.run("snapshot", "notes", one, "before the upgrade")
        self.cairn.run("snapshot", "protect", one)
        shown = self.cairn.json("snapshot", "show", one)
        self.assertEqual(shown["notes"], "before the upgrade")
        self.assertIs(shown["protected"], True)
        self.cairn.run("snapshot", "unprotect", one)
        self.assertIs(self.cairn.json("snapshot", "show", one)["protected"],
                      False)
        self.cairn.error(NOT_FOUND, "snapshot", "show",
                         "host/a/2020-01-03T00:00:00Z")
        self.cairn.error(NOT_FOUND, "restore", "host/none/latest", "a.raw",
                         self.path("none"))
        self.cairn.error(NOT_FOUND, "restore", one, "b.raw",
                         self.path("none"))
        self.assertFalse(os.path.exists(self.path("none")))
        self.cairn.error(REFUSED, "backup", "host/a", f"a.raw:{self.source}",
                         "--backup-time", "2019-01-01T00:00:00Z")

    def test_groups_namespaces_and_datastores(self):
        self.cairn.run("namespace", "create", "servers")
        self.cairn.run("namespace", "create", "servers/web")
        self.back_up("host/deep", "--namespace", "servers/web")
        self.back_up("host/top")
        self.assertIn("servers/web", self.cairn.text("namespace", "list"))
        self.assertNotIn("host/deep", self.cairn.text("group", "list"))
        self.assertIn("host/deep", self.cairn.text(
            "group", "list", "--namespace", "servers/web"))
        self.cairn.run("restore", "host/deep/latest", "a.raw",
                       self.path("deep"), "--namespace", "servers/web")
        self.same(self.source, self.path("deep"))
        self.cairn.error(REFUSED, "namespace", "delete", "servers")
        self.cairn.error(REFUSED, "namespace", "create", "servers")
        self.cairn.error(NOT_FOUND, "backup", "host/x",
                         f"a.raw:{self.source}", "--namespace", "nowhere")
        self.cairn.run("namespace", "create", "gone")
        self.cairn.run("namespace", "delete", "gone")
        self.assertNotIn("gone", self.cairn.text("namespace", "list"))
        self.cairn.run("datastore", "create", "second")
        self.back_up("host/other", "--datastore", "second")
        self.assertIn("second", self.cairn.text("datastore", "list"))
        self.assertNotIn("host/other", self.cairn.text("snapshot", "list"))
        self.assertIn("host/other", self.cairn.text(
            "snapshot", "list", "--datastore", "second"))

    def test_leases_status_version_and_completion(self):
        self.back_up("host/a")
        session = self.client.open_session("datastores/default/groups/host/b")
        self.assertIn("host/b", self.cairn.text("lease", "list"))
        leases = self.cairn.json("lease", "list")["leases"]
        self.assertEqual([lease["purpose"] for lease in leases], ["backup"])
        self.assertTrue(any("host/b" in claim["resource"]
                            for claim in leases[0]["claims"]), leases)
        text = self.cairn.error(BUSY, "backup", "host/b",
                                f"a.raw:{self.source}", "--retry-for", "0")
        self.assertIn("host/b", text)
        self.client.abort(session.name)
        self.assertEqual(self.cairn.json("lease", "list")["leases"], [])
        self.assertIn("default", self.cairn.text("status"))
        status = self.cairn.json("status")
        self.assertEqual(status["datastores"][0]["snapshot_count"], 1)
        self.assertTrue(all(s["ready"] for s in status["services"]))
        self.assertRegex(self.cairn.text("version"), r"\d+\.\d+\.\d+")
        for shell in ("bash", "zsh"):
            script = self.cairn.text("completion", shell)
            self.assertIn("snapshot", script)
        subprocess.run(["bash", "-n"], check=True, text=True,
                       input=self.cairn.text("completion", "bash"))

    def test_wrong_usage_and_an_unreachable_server(self):
        for arguments in ([], ["nonsense"], ["backup"], ["backup", "host/a"],
                          ["backup", "host", f"a.raw:{self.source}"],
                          ["backup", "host/a", self.source],
                          ["backup", "host/a", "a.exe:/x"],
                          ["snapshot", "show", "host/a/yesterday"],
                          ["status", "--output-format", "xml"]):
            with self.subTest(arguments=arguments):
                self.assertTrue(self.cairn.error(2, *arguments).strip())
        self.assertIn("Exit codes", self.cairn.text("--help"))
        for command in ("backup", "restore", "snapshot", "status"):
            self.assertTrue(self.cairn.text(command, "--help"))
        self.stop(self.suite)
        text = self.cairn.error(UNREACHABLE, "status")
        self.assertIn("cairnd.sock", text)


class KilledInTheMiddle(CommandLineCase):
    """kill -9 of each process while `cairn backup` runs."""

    BYTES = 256 * MIB

    def setUp(self):
        super().setUp()
        self.source = self.path("source")
        with open(self.source, "wb") as file:
            for _ in range(self.BYTES // (8 * MIB)):
                file.write(self.random.randbytes(8 * MIB))

    def durable(self):
        sessions = self.client.backup.ListSessions(
            backup.ListSessionsRequest(datastore="datastores/default",
                                       open_only=True), timeout=20).sessions
        return sum(a.durable_bytes for s in sessions for a in s.archives)

    def file_backup(self, victim):
        """A source that can be read again goes on by itself."""
        process = self.cairn.start("backup", f"host/{victim}",
                                   f"a.raw:{self.source}", "--output-format",
                                   "json")
        wait_until(self.durable, "something is durable")
        process.send_signal(signal.SIGSTOP)
        durable = self.durable()
        self.suite.kill([victim])
        process.send_signal(signal.SIGCONT)
        self.suite.start([victim])
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err.decode())
        self.assertTrue(0 < durable < self.BYTES,
                        f"{durable} of {self.BYTES} bytes were durable at the"
                        " kill, which is not in the middle")
        # No byte passes maintenance, and index may be back before it is
        # asked again: a backup may not even notice.
        if victim not in ("maintenance", "index"):
            self.assertGreater(json.loads(out)["retries"], 0)
        self.cairn.run("restore", f"host/{victim}/latest", "a.raw",
                       self.path("back"), "--overwrite")
        self.same(self.source, self.path("back"))

    def stdin_backup(self, victim):
        """So does stdin, out of the client's buffer."""
        process = self.cairn.start("backup", f"host/{victim}-stdin",
                                   "a.raw:-", stdin=subprocess.PIPE)
        with open(self.source, "rb") as source:
            head = source.read(100 * MIB)
            process.stdin.write(head)
            process.stdin.flush()
            wait_until(self.durable, "something is durable")
            self.suite.kill([victim])
            self.suite.start([victim])
            out, err = process.communicate(source.read(), timeout=120)
        self.assertEqual(process.returncode, 0, err.decode())
        self.cairn.run("restore", f"host/{victim}-stdin/latest", "a.raw",
                       self.path("back"), "--overwrite")
        self.same(self.source, self.path("back"))

    def next_backup_works(self, victim):
        self.cairn.run("backup", f"host/{victim}",
                       f"a.raw:{self.write('small', b'next')}")
        leases = wait_until(lambda: not self.client.leases(),
                            "no lease is left")
        self.assertTrue(leases)

    def all_of(self, victim):
        self.file_backup(victim)
        self.stdin_backup(victim)
        self.next_backup_works(victim)

    def test_cairnd_is_killed(self):
        self.all_of("cairnd")

    def test_a_server_that_stays_away(self):
        """Then there is a clear text, and the next backup works."""
        process = self.cairn.start("backup", "host/away", "a.raw:-",
                                   "--retry-for", "1s", stdin=subprocess.PIPE)
        with open(self.source, "rb") as source:
            process.stdin.write(source.read(64 * MIB))
        process.stdin.flush()
        wait_until(self.durable, "something is durable")
        self.suite.kill()
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, UNREACHABLE, err.decode())
        self.assertIn("cairnd.sock", err.decode())
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.assertEqual(list(self.client.snapshots("datastores/default")), [])
        self.cairn.run("backup", "host/next",
                       f"a.raw:{self.write('small', b'next')}")

    def test_the_client_is_interrupted(self):
        process = self.cairn.start("backup", "host/int", "a.raw:-",
                                   stdin=subprocess.PIPE)
        with open(self.source, "rb") as source:
            process.stdin.write(source.read(64 * MIB))
        process.stdin.flush()
        wait_until(self.durable, "something is durable")
        process.send_signal(signal.SIGINT)
        # communicate closes stdin itself, and minds one that is closed.
        process.wait(timeout=60)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(list(self.client.snapshots("datastores/default")), [])
        # It gave its group back.
        self.next_backup_works("int")

    def test_the_client_is_killed(self):
        process = self.cairn.start("backup", "host/killed", "a.raw:-",
                                   stdin=subprocess.PIPE)
        process.stdin.write(bytes(10))
        process.stdin.flush()
        wait_until(self.client.leases, "the session is open")
        process.kill()
        process.communicate()
        self.assertEqual(list(self.client.snapshots("datastores/default")), [])
        # Others are not in its way, whatever becomes of its lease.
        self.cairn.run("backup", "host/next",
                       f"a.raw:{self.write('small', b'next')}")


class KilledInTheMiddleOfFour(KilledInTheMiddle):
    split = True
    test_cairnd_is_killed = None
    test_a_server_that_stays_away = None
    test_the_client_is_interrupted = None
    test_the_client_is_killed = None

    def test_ingest_is_killed(self):
        self.all_of("ingest")

    def test_index_is_killed(self):
        self.all_of("index")

    def test_chunk_storage_is_killed(self):
        self.all_of("chunk_storage")

    def test_maintenance_is_killed(self):
        self.all_of("maintenance")


if __name__ == "__main__":
    case.main()
