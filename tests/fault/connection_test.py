#!/usr/bin/env python3
"""Connections that break off anywhere, are slow, or lose what is answered."""

import uuid

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

import case
from case import Case, back_up, wait_until
from cli import Cli
from cli_case import CliCase
from client import Client, backup, catalog, model, when_available
from faulty_proxy import FaultyProxy
from load import Load
from parted_suite import put_proxies

CODE = grpc.StatusCode
DATASTORE = "datastores/default"
GROUP = f"{DATASTORE}/groups/host/lost"
# Of a call whose answer never comes.
LOST_SECONDS = 1
CUTS = case.slice_or_soak(30, 1000)
# Connections break off after so many bytes: in the middle of the first frames,
# of a small answer, of a chunk, of a stream.
FEWEST_BYTES, MOST_BYTES = 1 << 7, 1 << 20
# One connection in eight lasts for a chunk; each chunk has some hundred tries.
RETRY_SECONDS = 600
DELAY_SECONDS = 0.05


class LostAnswers(CliCase):
    """Each call that changes something takes place, and nobody hears of it:
    made again it has the same outcome, and it took place once."""

    def setUp(self):
        super().setUp()
        self.proxy = FaultyProxy(self, self.suite.target, self.folder)

    def again(self, call, took_place):
        """What `call(client)` returns the second time."""
        client = Client(self.proxy.target, seconds=LOST_SECONDS)
        try:
            client.status(seconds=30)
            self.proxy.mute()
            with self.refused(CODE.DEADLINE_EXCEEDED, CODE.UNAVAILABLE,
                              CODE.CANCELLED):
                call(client)
            wait_until(took_place, "it took place")
            self.proxy.unmute()
            client.seconds = 30
            return when_available(lambda: call(client))
        finally:
            client.close()

    def refused_again(self, call, took_place, code):
        with self.refused(code):
            self.again(call, took_place)

    def open_sessions(self):
        return [one.name for one in self.client.backup.ListSessions(
            backup.ListSessionsRequest(datastore=DATASTORE, open_only=True,
                                       page_size=100), timeout=30).sessions]

    def snapshot(self, name):
        return self.client.catalog.GetSnapshot(
            catalog.GetSnapshotRequest(name=name), timeout=30).snapshot

    def listed(self):
        return [one.name for one in self.client.snapshots(DATASTORE)]

    def test_of_a_backup(self):
        request_id = str(uuid.uuid4())
        session = self.again(
            lambda client: client.open_session(GROUP, request_id),
            self.open_sessions).name
        self.assertEqual(self.open_sessions(), [session])
        self.assertEqual(len(self.client.leases()), 1)
        self.again(lambda client: client.backup.RenewSession(
            backup.RenewSessionRequest(name=session), timeout=client.seconds),
            lambda: True)
        data = self.random.randbytes(3 << 20)

        def is_complete():
            archives = self.client.get_session(session).archives
            return len(archives) == 1 and archives[0].complete

        with self.refused(CODE.ALREADY_EXISTS, CODE.FAILED_PRECONDITION):
            self.again(lambda client: client.write(session, "a.raw", data),
                       is_complete)
        snapshot = self.again(
            lambda client: client.finish(session, {"a.raw": len(data)}),
            self.listed).name
        self.assertEqual(self.listed(), [snapshot])
        self.assertEqual(self.client.leases(), [])
        self.assert_restores(self.client, {f"{snapshot}/archives/a.raw": data})
        other = self.client.open_session(GROUP).name
        self.again(lambda client: client.abort(other),
                   lambda: not self.open_sessions())
        self.assertEqual(self.client.leases(), [])
        self.assertEqual(self.listed(), [snapshot])

    def test_of_catalog_changes(self):
        (archive,) = back_up(self.client, GROUP, {"a.raw": b"content"})
        name = archive.partition("/archives/")[0]

        def update(client):
            return client.catalog.UpdateSnapshot(
                catalog.UpdateSnapshotRequest(
                    snapshot=model.Snapshot(name=name, notes="new",
                                            protected=True),
                    update_mask=FieldMask(paths=["notes", "protected"])),
                timeout=client.seconds).snapshot

        told = self.again(update, lambda: self.snapshot(name).protected)
        self.assertEqual((told.notes, told.protected), ("new", True))
        self.client.catalog.UpdateSnapshot(
            catalog.UpdateSnapshotRequest(
                snapshot=model.Snapshot(name=name),
                update_mask=FieldMask(paths=["protected"])), timeout=30)
        self.again(lambda client: client.catalog.ForgetSnapshots(
            catalog.ForgetSnapshotsRequest(datastore=DATASTORE, names=[name]),
            timeout=client.seconds), lambda: not self.listed())
        self.again(lambda client: client.catalog.UndeleteSnapshots(
            catalog.UndeleteSnapshotsRequest(datastore=DATASTORE,
                                             names=[name]),
            timeout=client.seconds), self.listed)
        self.assertEqual(self.listed(), [name])
        self.assertEqual(self.snapshot(name).notes, "new")

    def test_of_places(self):
        """Datastores and namespaces."""
        request_id = str(uuid.uuid4())

        def datastores():
            return [one.name for one in self.client.datastores()]

        self.again(lambda client: client.catalog.CreateDatastore(
            catalog.CreateDatastoreRequest(
                request_id=request_id, datastore_id="second"),
            timeout=client.seconds), lambda: len(datastores()) == 2)
        self.assertEqual(len(datastores()), 2)
        name = f"{DATASTORE}/namespaces/one"

        def namespaces():
            return [one.name for one in self.client.catalog.ListNamespaces(
                catalog.ListNamespacesRequest(parent=DATASTORE, page_size=9),
                timeout=30).namespaces]

        self.refused_again(lambda client: client.catalog.CreateNamespace(
            catalog.CreateNamespaceRequest(name=name),
            timeout=client.seconds), namespaces, CODE.ALREADY_EXISTS)
        self.assertEqual(namespaces(), [name])
        self.refused_again(lambda client: client.catalog.DeleteNamespace(
            catalog.DeleteNamespaceRequest(name=name),
            timeout=client.seconds), lambda: not namespaces(), CODE.NOT_FOUND)

    def test_of_tasks(self):
        """`cairn` makes the call again by itself, with the same id."""
        back_up(self.client, GROUP, {"a.raw": b"content"})
        for number, command in enumerate((
                ["gc"], ["verify"], ["prune", "--group", "host/lost",
                                     "--keep-last=1"])):
            with self.subTest(command=command):
                # The first that is answered is how to speak.
                self.proxy.mute_after(1)
                with self.cairn.start(
                        *command, "--wait", "--retry-for=60s", "--server",
                        self.proxy.target) as one:
                    wait_until(lambda: self.count_tasks() > number,
                               "the task was started")
                    self.proxy.unmute()
                    _, err = one.communicate()
                self.assertEqual(one.returncode, 0, err)
                self.assertEqual(self.count_tasks(), number + 1)

    def count_tasks(self):
        return len(self.cairn.json("task", "list")["tasks"])


class Everywhere(Case):
    """The same fault in all connections of four services and their client."""

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=True, start=False)
        self.proxies = []
        put_proxies(self.suite, self.new_proxy)
        self.suite.start()
        cairn = Cli(self.suite.binaries["cairn"],
                    self.new_proxy(self.suite.target, "door").target,
                    self.folder)
        cairn.environment["CAIRN_MAINTENANCE_SERVER"] = self.new_proxy(
            self.suite.socket("maintenance"), "back-door").target
        self.load = Load(cairn, self.folder, self.random.random(),
                         retry_seconds=RETRY_SECONDS)
        self.addCleanup(self.load.kill)

    def new_proxy(self, target, name):
        self.proxies.append(FaultyProxy(self, target, self.folder, name))
        return self.proxies[-1]

    def end(self):
        self.load.await_more(1)
        self.load.stop()
        self.load.check(self)
        self.stop(self.suite)

    def cut_after(self):
        """As many small numbers as large ones."""
        return int(FEWEST_BYTES * (MOST_BYTES / FEWEST_BYTES)
                   ** self.random.random())

    def cuts(self):
        return [proxy.cuts for proxy in self.proxies]

    def test_connections_break_off_anywhere(self):
        self.load.start()
        for proxy in self.proxies:
            proxy.cut_after = self.cut_after
            # What is open now has no number yet.
            proxy.cut()
        wait_until(lambda: self.load.stopping.is_set()
                   or sum(self.cuts()) >= CUTS, "connections were cut", 1800)
        for proxy in self.proxies:
            proxy.cut_after = None
        print(f"cuts by proxy: {self.cuts()}", flush=True)
        if case.SOAK:
            self.assertTrue(all(self.cuts()))
        self.end()

    def test_every_connection_is_slow(self):
        self.load.start()
        for proxy in self.proxies:
            proxy.delay_seconds = DELAY_SECONDS
        self.load.await_more(case.slice_or_soak(1, 20), 600)
        self.assertGreater(self.load.slowest["backup"], 4 * DELAY_SECONDS)
        self.assertEqual(self.load.retries, 0)
        for proxy in self.proxies:
            proxy.delay_seconds = 0
        self.end()


if __name__ == "__main__":
    case.main()
