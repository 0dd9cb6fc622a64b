"""What is forgotten can be taken back, whatever is lost meanwhile."""

import datetime

import grpc
from cairn.ingest.v1 import catalog_service_pb2 as catalog

import case
from case import back_up
from client import when_available
from rebuild_test import DEFAULT, RebuildCase

NOT_FOUND = 10
REFUSED = 14
USAGE = 2


class Trash(RebuildCase):

    def snapshot_names(self, *options):
        listed = self.cairn.json("snapshot", "list", "--recursive", *options)
        return {s["name"] for s in listed["snapshots"]}

    def make(self, group, count):
        """That many snapshots; {archive: bytes} by snapshot, in order."""
        made = {}
        for _ in range(count):
            archives = back_up(self.client, f"{DEFAULT}/groups/{group}",
                               {"a.raw": self.random.randbytes(300000)})
            made[next(iter(archives)).split("/archives/")[0]] = archives
        return made

    def expect(self, listed, trash, archives):
        self.assertEqual(self.snapshot_names(), set(listed))
        self.assertEqual(self.snapshot_names("--trash"), set(trash))
        for name in set(listed) | set(trash):
            self.assert_restores(self.client, archives[name])

    def restart(self, lose_index=False):
        self.suite.kill()
        if lose_index:
            self.lose("index")
            report = self.rebuild_index()
            self.assertFalse(report["something_lost"], report)
        self.suite.start()
        when_available(lambda: self.client.snapshots(DEFAULT))

    def test_forgotten_and_taken_back(self):
        archives = self.make("host/web", 3) | self.make("vm/1", 1)
        first, second, third, disk = archives
        told = self.cairn.json("forget", second, third, disk)
        self.assertEqual(set(told["forgotten"]), {second, third, disk})
        self.expect([first], [second, third, disk], archives)
        status = self.cairn.json("status")["datastores"][0]
        self.assertEqual([status[f] for f in ("snapshot_count", "trash_count",
                                              "logical_bytes", "trash_bytes")],
                         [1, 3, 300000, 900000])
        group = self.cairn.json("group", "list")["groups"][0]
        self.assertEqual(group["snapshot_count"], 1)
        self.assertIn(group["last_snapshot_time"], first)
        # A week, and the same that every list says.
        shown = self.cairn.json("snapshot", "show", second)
        self.assertEqual(shown["state"], "trash")
        forgotten, until = (datetime.datetime.fromisoformat(
            shown[field].replace("Z", "+00:00"))
                            for field in ("trash_time", "trash_until"))
        self.assertEqual(until - forgotten, datetime.timedelta(days=7))
        self.assertIn(shown["trash_until"],
                      self.cairn.text("snapshot", "list", "--trash"))
        self.cairn.run("restore", second, "a.raw", self.path("back"))
        self.restart()
        self.expect([first], [second, third, disk], archives)
        self.cairn.run("undelete", second)
        self.restart(lose_index=True)
        self.expect([first, second], [third, disk], archives)
        self.assertEqual(
            self.cairn.json("undelete", "--all")["undeleted"],
            sorted([third, disk], key=lambda n: ("/vm/" in n, n)))
        self.expect(archives, [], archives)
        self.stop(self.suite)

    def test_what_is_protected_stays(self):
        archives = self.make("host/web", 3)
        first, second, third = archives
        self.cairn.run("snapshot", "protect", second)
        self.assertIn("is protected",
                      self.cairn.error(REFUSED, "forget", first, second))
        # The server's own word, too.
        with self.refused(grpc.StatusCode.FAILED_PRECONDITION,
                          reason="SNAPSHOT_PROTECTED"):
            self.forget([first, second])
        self.expect(archives, [], archives)
        told = self.cairn.json("forget", "--group", "host/web", "--all")
        self.assertEqual(told["protected"], [second])
        self.expect([second], [first, third], archives)
        self.restart(lose_index=True)
        self.expect([second], [first, third], archives)
        self.cairn.error(REFUSED, "snapshot", "protect", first)
        self.cairn.run("snapshot", "unprotect", second)
        self.cairn.run("forget", second, "--trash-time", "0")
        self.expect([], archives, archives)

    def forget(self, names):
        return self.client.catalog.ForgetSnapshots(
            catalog.ForgetSnapshotsRequest(datastore=DEFAULT, names=names),
            timeout=30)

    def test_backups_go_on_beside_and_above_the_trash(self):
        archives = self.make("host/web", 1)
        first, = archives
        session = self.client.open_session(f"{DEFAULT}/groups/host/web")
        self.cairn.run("forget", "host/web/latest")
        data = self.random.randbytes(300000)
        self.client.write(session.name, "a.raw", data)
        second = self.client.finish(session.name, {"a.raw": len(data)}).name
        archives[second] = {f"{second}/archives/a.raw": data}
        archives |= self.make("host/web", 1)
        third = list(archives)[-1]
        self.assertLess(first, second)
        self.assertLess(second, third)
        self.cairn.run("undelete", first)
        self.expect(archives, [], archives)
        # A namespace is not empty while its trash is there.
        self.cairn.run("namespace", "create", "old")
        disk = self.write("disk", data)
        self.cairn.run("backup", "host/a", f"a.raw:{disk}", "--namespace",
                       "old")
        self.cairn.run("forget", "--namespace", "old", "--all")
        self.cairn.error(REFUSED, "namespace", "delete", "old")
        self.cairn.run("undelete", "--namespace", "old", "--all")
        self.cairn.run("restore", "host/a/latest", "a.raw", self.path("back"),
                       "--namespace", "old")

    def test_recursive_takes_the_namespaces_below(self):
        disk = self.write("disk", self.random.randbytes(100000))
        for namespace in ("", "old", "old/sub", "older"):
            scope = ("--namespace", namespace) if namespace else ()
            if namespace:
                self.cairn.run("namespace", "create", namespace)
            self.cairn.run("backup", "host/a", f"a.raw:{disk}", *scope)
        top, old, sub, older = (
            next(name for name in self.snapshot_names()
                 if name.startswith(f"{DEFAULT}/{path}groups/"))
            for path in ("", "namespaces/old/",
                         "namespaces/old/namespaces/sub/",
                         "namespaces/older/"))

        def change(verb, *options):
            told = self.cairn.json(verb, "--namespace", "old", "--all",
                                   *options)
            return set(told["forgotten" if verb == "forget" else "undeleted"])

        def expect_in_trash(*trash):
            self.assertEqual(self.snapshot_names("--trash"), set(trash))
            self.assertEqual(self.snapshot_names(),
                             {top, old, sub, older} - set(trash))

        self.assertEqual(change("forget", "--recursive", "--dry-run"),
                         {old, sub})
        expect_in_trash()
        self.assertEqual(change("forget", "--recursive"), {old, sub})
        expect_in_trash(old, sub)
        # Without it, the namespace alone.
        self.assertEqual(change("undelete"), {old})
        expect_in_trash(sub)
        self.assertEqual(change("forget"), {old})
        expect_in_trash(old, sub)
        self.assertEqual(change("undelete", "--recursive"), {old, sub})
        expect_in_trash()
        self.cairn.run("restore", "host/a/latest", "a.raw", self.path("back"),
                       "--namespace", "old/sub")

    def test_packs_alone_know_the_trash(self):
        archives = self.make("host/web", 2)
        first, second = archives
        self.cairn.run("forget", second, "--trash-time", "2d")
        until = self.cairn.json("snapshot", "show", second)["trash_until"]
        self.stop(self.suite)
        packs = self.state("chunk_storage")
        told = self.cairn.json("extract", "--packs", packs, "--list")
        self.assertEqual(
            [(s["name"], s["state"]) for s in told["snapshots"]],
            [(first, "listed"), (second, "trash")])
        # Its event is some milliseconds older than its commit.
        self.assertEqual(told["snapshots"][1]["trash_until"][:15], until[:15])
        for argument, wanted in ((second, second), ("host/web/latest", first)):
            out, _ = self.cairn.run("extract", "--packs", packs, argument,
                                    "a.raw", "-")
            self.assertTrue(out == next(iter(archives[wanted].values())))

    def test_refusals_say_what_to_do(self):
        archives = self.make("host/web", 1)
        first, = archives
        never = first[:-20] + "2001-01-01T00:00:00Z"
        self.assertIn("--all", self.cairn.error(USAGE, "forget", "--group",
                                                "host/web"))
        self.cairn.error(NOT_FOUND, "forget", first, never)
        self.cairn.error(NOT_FOUND, "undelete", never)
        self.cairn.error(USAGE, "undelete", "host/web/latest")
        self.expect([first], [], archives)
        self.assertEqual(self.cairn.json("forget", "--all",
                                         "--dry-run")["forgotten"], [first])
        self.expect([first], [], archives)


class SplitTrash(Trash):
    split = True


if __name__ == "__main__":
    case.main()
