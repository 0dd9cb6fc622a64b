#!/usr/bin/env python3
"""Who gets in: certificates, tokens, roles and scopes, over real processes.

Each refusal has its code and is counted by its reason.
"""

import os
import re
import subprocess
import urllib.request
import uuid

import grpc

import case
import raw_call
from authority import EXPIRED, NOT_YET, Authority
from case import Case, back_up, binaries_from
from client import Client, backup, catalog
from suite import SERVICES
from tcp_suite import TcpSuite

DENIED = grpc.StatusCode.PERMISSION_DENIED
NOBODY = grpc.StatusCode.UNAUTHENTICATED
AWAY = grpc.StatusCode.UNAVAILABLE
STORE = "datastores/default"
GROUP = f"{STORE}/groups/host/web1"
SECONDS = 20
CONFIG_EXIT_CODE = 78
GET_DATASTORE = "cairn.index.v1.IndexService/GetDatastore"
TASKS = "cairn.maintenance.v1.TaskService/"
JOBS = "cairn.maintenance.v1.JobService/"
TOKENS = "cairn.maintenance.v1.TokenService/"
READER, BACKUP, OPERATOR = 1, 2, 3  # TokenRole


class RefusesToStart(Case):
    """Nothing serves others than this machine without TLS."""

    def test_plaintext_off_loopback(self):
        binaries = binaries_from(os.environ.get("CAIRN_BINARIES", "."))
        more = {"ingest": ["--index=unix:/x", "--chunk-storage=unix:/x",
                           "--maintenance=unix:/x"],
                "maintenance": ["--index=unix:/x", "--chunk-storage=unix:/x"]}
        for name in SERVICES + ("cairnd",):
            for address in ("0.0.0.0:0", "[::]:0", "10.1.2.3:0",
                            "plaintext:0.0.0.0:0", "tls:127.0.0.1:0"):
                with self.subTest(program=name, address=address):
                    ended = subprocess.run(
                        [binaries[name], f"--data-dir={self.folder}/{name}",
                         "--metrics-listen=", f"--listen={address}",
                         *more.get(name, [])],
                        capture_output=True, timeout=SECONDS, check=False)
                    self.assertEqual(ended.returncode, CONFIG_EXIT_CODE)
                    self.assertRegex(ended.stderr.decode(), "tls-ca-file")


class TlsCase(Case):
    """The four services with mutual TLS."""

    def setUp(self):
        super().setUp()
        self.suite = TcpSuite(
            binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
            os.path.join(self.folder, "data"), self.folder, tls=True,
            metrics=True)
        self.addCleanup(self.suite.kill)
        self.addCleanup(self.suite.tell_dead)
        self.suite.start()
        self.authority = self.suite.authority

    def channel(self, service, credentials):
        channel = grpc.secure_channel(self.suite.target_of(service),
                                      credentials)
        self.addCleanup(channel.close)
        return channel

    def client(self, credentials):
        client = Client(self.suite.target, credentials=credentials)
        self.addCleanup(client.close)
        return client

    def holder(self, role, name, **how):
        """Credentials of a certificate's holder."""
        return self.authority.credentials(
            f"{role}-{name}", f"spiffe://cairn/{role}/{name}", **how)

    def refusals(self, service, reason):
        url = f"http://127.0.0.1:{self.suite.metrics_port(service)}/metrics"
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            text = answer.read().decode()
        found = re.search(
            rf'^cairn_auth_failures_total{{reason="{reason}"}} (\S+)$', text,
            re.MULTILINE)
        self.assertTrue(found, f"{reason} is not among the metrics")
        return float(found.group(1))

    def counted(self, service, reason, call, *codes, why=None):
        """That `call` is refused with one of `codes`, and counted."""
        before = self.refusals(service, reason)
        with self.refused(*codes, reason=why):
            call()
        case.wait_until(lambda: self.refusals(service, reason) > before,
                        f"a refusal is counted as {reason}")

    def ask_index(self, credentials):
        channel = self.channel("index", credentials)
        return lambda: raw_call.call(channel, GET_DATASTORE, {1: STORE})


class Certificates(TlsCase):

    def test_only_good_ones_are_let_in(self):
        other = os.path.join(self.folder, "other")
        os.mkdir(other)
        stranger = Authority(other)
        self.ask_index(self.holder("service", "ingest"))()
        for credentials in (
                self.authority.anonymous(),
                self.holder("service", "ingest", dates=EXPIRED),
                self.holder("service", "ingest", dates=NOT_YET),
                stranger.credentials("x", "spiffe://cairn/service/ingest",
                                     trusts=self.authority)):
            self.counted("index", "handshake", self.ask_index(credentials),
                         AWAY)
        # Plaintext to the same port.
        channel = grpc.insecure_channel(self.suite.target_of("index"))
        self.addCleanup(channel.close)
        with self.refused(AWAY):
            raw_call.call(channel, GET_DATASTORE, {1: STORE})

    def test_a_name_of_no_role_is_nobody(self):
        for uri in ("spiffe://cairn/service/strange", "spiffe://cairn/root/x",
                    "spiffe://elsewhere/admin/x", "spiffe://cairn/admin/"):
            self.counted("index", "no_credentials", self.ask_index(
                self.authority.credentials("odd", uri)), NOBODY)

    def test_each_service_calls_what_it_has_to_and_nothing_else(self):
        release = "cairn.maintenance.v1.MaintenanceService/ReleaseLease"
        raw_call.call(
            self.channel("maintenance", self.holder("service", "ingest")),
            release, {1: STORE, 2: uuid.uuid4().bytes})
        for caller, service, method in (
                ("ingest", "index", "index.v1.IndexService/RaiseFence"),
                ("ingest", "index", "index.v1.SweepService/DropPages"),
                ("ingest", "chunk_storage",
                 "chunk_storage.v1.ChunkStorageService/ShowToken"),
                ("ingest", "chunk_storage",
                 "chunk_storage.v1.SweepService/SweepPacks"),
                ("ingest", "maintenance",
                 "maintenance.v1.MaintenanceService/AdvanceEpoch"),
                ("ingest", "maintenance",
                 "maintenance.v1.TaskService/StartTask"),
                ("maintenance", "maintenance",
                 "maintenance.v1.MaintenanceService/ReleaseLease"),
                ("maintenance", "index", "index.v1.IndexService/PutPages"),
                ("maintenance", "chunk_storage",
                 "chunk_storage.v1.ChunkStorageService/Pin"),
                ("maintenance", "ingest",
                 "ingest.v1.CatalogService/ForgetSnapshots"),
                ("index", "chunk_storage",
                 "chunk_storage.v1.SweepService/SweepPacks"),
                ("index", "index", "index.v1.IndexService/GetDatastore"),
                ("chunk_storage", "index", "index.v1.IndexService/RaiseFence"),
                ("chunk_storage", "ingest",
                 "ingest.v1.BackupService/GetCapabilities")):
            with self.subTest(caller=caller, method=method):
                channel = self.channel(service,
                                       self.holder("service", caller))
                self.counted(service, "wrong_service",
                             lambda: raw_call.call(channel, f"cairn.{method}"),
                             DENIED)

    def test_people_reach_no_internal_service(self):
        for role in ("reader", "backup", "operator"):
            self.counted("index", "wrong_role",
                         self.ask_index(self.holder(role, "p")), DENIED)
        self.ask_index(self.holder("admin", "p"))()

    def test_services_refuse_a_peer_that_is_another_service(self):
        # Ingest finds index at the address that it has for maintenance.
        self.suite.kill(["ingest"])
        address = self.suite.address
        self.suite.address = lambda name: (
            address("index") if name == "maintenance" else address(name))
        self.suite.start(["ingest"], wait=False)

        def problem():
            client = Client(f"127.0.0.1:{self.suite.port('ingest')}",
                            credentials=self.suite.credentials)
            try:
                services = client.status(seconds=5).services
            except grpc.RpcError:
                return None
            finally:
                client.close()
            return [s.problem for s in services
                    if s.name == "maintenance" and not s.ready]

        print(case.wait_until(problem, "ingest refuses its peer"), flush=True)


class Roles(TlsCase):

    def test_a_backup_deletes_nothing(self):
        web = self.client(self.holder("backup", "web1"))
        names = list(back_up(web, GROUP, {"a.img": b"hello"}))
        snapshot = names[0].split("/archives/")[0]
        session = web.open_session(GROUP)
        maintenance = self.channel("maintenance",
                                   self.holder("backup", "web1"))

        def forget(client):
            client.catalog.ForgetSnapshots(catalog.ForgetSnapshotsRequest(
                datastore=STORE, names=[snapshot]), timeout=SECONDS)

        def undelete(client):
            client.catalog.UndeleteSnapshots(catalog.UndeleteSnapshotsRequest(
                datastore=STORE, names=[snapshot]), timeout=SECONDS)

        def update(client, path, **fields):
            request = catalog.UpdateSnapshotRequest(
                snapshot={"name": snapshot, **fields})
            request.update_mask.paths.append(path)
            client.catalog.UpdateSnapshot(request, timeout=SECONDS)

        def take_over(client):
            request = catalog.UpdateGroupRequest(
                group={"name": GROUP, "owner": "web2@tls"})
            request.update_mask.paths.append("owner")
            client.catalog.UpdateGroup(request, timeout=SECONDS)

        def run_gc():
            raw_call.call(maintenance, TASKS + "StartTask",
                          {1: "gc", 2: {2: {1: STORE}}})

        self.counted("ingest", "wrong_role", lambda: forget(web), DENIED)
        self.counted("ingest", "wrong_role", lambda: undelete(web), DENIED)
        self.counted("maintenance", "wrong_role", run_gc, DENIED)
        self.counted("ingest", "not_owner", lambda: take_over(web), DENIED)
        update(web, "protected", protected=True)
        self.counted("ingest", "not_owner",
                     lambda: update(web, "protected", protected=False),
                     DENIED)
        # Another one sees and ends nothing of it.
        other = self.client(self.holder("backup", "web2"))
        self.counted("ingest", "not_owner",
                     lambda: other.abort(session.name), DENIED)
        self.counted("ingest", "not_owner", lambda: other.read(names[0]),
                     DENIED)
        self.assertEqual(list(other.snapshots(GROUP)), [])
        # A reader reads all of it, and writes nothing.
        reader = self.client(self.holder("reader", "r"))
        self.assertEqual(reader.read(names[0]), b"hello")
        for call in (lambda: reader.open_session(GROUP),
                     lambda: reader.abort(session.name),
                     lambda: forget(reader),
                     lambda: update(reader, "notes", notes="x")):
            self.counted("ingest", "wrong_role", call, DENIED)
        # An operator forgets what has lost its protection.
        operator = self.client(self.holder("operator", "o"))
        update(operator, "protected", protected=False)
        forget(operator)
        self.counted(
            "ingest", "wrong_role",
            lambda: operator.catalog.CreateDatastore(
                catalog.CreateDatastoreRequest(
                    request_id=str(uuid.uuid4()), datastore_id="more"),
                timeout=SECONDS), DENIED)
        operator.abort(session.name)


class Tokens(TlsCase):
    """Callers without a certificate."""

    def setUp(self):
        super().setUp()
        self.admin = self.channel("maintenance",
                                  self.holder("admin", "anna"))

    def create(self, name, role, scope="", seconds=None):
        """The text of a new token."""
        request = {1: str(uuid.uuid4()), 2: name, 3: role, 4: scope}
        if seconds is not None:
            request[5] = {1: seconds}
        return raw_call.text(
            raw_call.call(self.admin, TOKENS + "CreateToken", request), 2)

    def revoke(self, name):
        raw_call.call(self.admin, TOKENS + "RevokeToken", {2: name})

    def bearer(self, text, transport=None):
        """Credentials of a call that shows the token `text`."""
        return grpc.composite_channel_credentials(
            transport or self.authority.anonymous(),
            grpc.access_token_call_credentials(text))

    def list_tasks(self, text):
        channel = self.channel("maintenance", self.bearer(text))
        return lambda: raw_call.call(channel, TASKS + "ListTasks")

    def test_there_is_no_other_way_in(self):
        nobody = self.client(self.authority.anonymous())
        self.counted("ingest", "no_credentials", nobody.datastores, NOBODY)
        for text in ("x", "cairn_" + "A" * 22 + "_" + "B" * 43, "a b",
                     "x" * 200):
            self.counted("ingest", "bad_token",
                         self.client(self.bearer(text)).datastores, NOBODY)
            self.counted("maintenance", "bad_token", self.list_tasks(text),
                         NOBODY)
        # A bad certificate is not mended by a good token.
        reader = self.create("r", READER)
        self.client(self.bearer(reader)).datastores()
        self.counted("ingest", "handshake", self.client(self.bearer(
            reader, self.holder("admin", "x", dates=EXPIRED))).datastores,
                     AWAY)
        # Nor is the role of a good one added, and services have no token.
        both = self.client(self.bearer(reader, self.holder("admin", "x")))
        self.counted("ingest", "wrong_role",
                     lambda: both.open_session(GROUP), DENIED)
        service = self.bearer(reader, self.holder("service", "ingest"))
        self.counted("ingest", "token_not_allowed",
                     self.client(service).datastores, NOBODY)
        # Index takes no tokens at all.
        self.counted(
            "index", "token_not_allowed",
            self.ask_index(self.bearer(reader, self.holder("admin", "x"))),
            NOBODY)

    def test_revoked_and_expired_ones_are_refused(self):
        text = self.create("r", READER)
        client = self.client(self.bearer(text))
        client.datastores()
        self.revoke("r")
        self.await_refusal(client)
        self.counted("ingest", "bad_token", client.datastores, NOBODY)
        text = self.create("short", OPERATOR, seconds=1)
        client = self.client(self.bearer(text))
        self.await_refusal(client)
        self.counted("ingest", "bad_token", client.datastores, NOBODY)
        self.counted("maintenance", "bad_token", self.list_tasks(text), NOBODY)

    def await_refusal(self, client):
        def refused():
            try:
                client.datastores()
            except grpc.RpcError as error:
                return error.code() == NOBODY
            return False
        case.wait_until(refused, "the token is refused")

    def test_a_backup_token_deletes_nothing(self):
        web = self.client(self.bearer(
            self.create("web1", BACKUP)))
        names = list(back_up(web, GROUP, {"a.img": b"hello"}))
        self.assertEqual(web.read(names[0]), b"hello")
        self.counted(
            "ingest", "wrong_role",
            lambda: web.catalog.ForgetSnapshots(
                catalog.ForgetSnapshotsRequest(
                    datastore=STORE,
                    names=[names[0].split("/archives/")[0]]),
                timeout=SECONDS), DENIED)

    def test_a_scope_is_the_end_of_what_can_be_named(self):
        admin = self.client(self.suite.credentials)
        spaces = {}
        for name in ("web", "mail"):
            space = f"{STORE}/namespaces/{name}"
            admin.catalog.CreateNamespace(
                catalog.CreateNamespaceRequest(name=space), timeout=SECONDS)
            archives = back_up(admin, f"{space}/groups/host/a",
                               {"a.img": name.encode()})
            spaces[name] = (space, list(archives)[0])
        web, inside = spaces["web"]
        mail, outside = spaces["mail"]
        text = self.create("o", OPERATOR, scope=web)
        client = self.client(self.bearer(text))

        def out(service, call):
            self.counted(service, "wrong_scope", call, DENIED,
                         why="OUT_OF_SCOPE")

        self.assertEqual(client.read(inside), b"web")
        self.assertEqual(len(list(client.snapshots(web))), 1)
        self.assertEqual([d.name for d in client.datastores()], [STORE])
        out("ingest", lambda: client.read(outside))
        for parent in (mail, STORE, f"{mail}/groups/host/a", ""):
            out("ingest", lambda: list(client.snapshots(parent)))
        out("ingest", lambda: client.status())
        out("ingest", lambda: client.open_session(f"{mail}/groups/host/a"))
        self.sessions_have_the_scope_of_their_group(admin, client, out, web,
                                                    mail)
        out("ingest", lambda: client.catalog.ForgetSnapshots(
            catalog.ForgetSnapshotsRequest(
                datastore=STORE, names=[outside.split("/archives/")[0]]),
            timeout=SECONDS))
        self.tasks_have_the_scope_of_their_options(text, out, web, mail)

    def sessions_have_the_scope_of_their_group(self, admin, client, out, web,
                                               mail):
        own = client.open_session(f"{web}/groups/host/b")
        other = admin.open_session(f"{mail}/groups/host/b")
        listed = client.backup.ListSessions(
            backup.ListSessionsRequest(datastore=STORE, open_only=True),
            timeout=SECONDS).sessions
        self.assertEqual([s.name for s in listed], [own.name])
        client.get_session(own.name)
        out("ingest", lambda: client.get_session(other.name))
        out("ingest", lambda: client.abort(other.name))
        out("ingest", lambda: client.write(other.name, "a.img", b"x"))
        client.abort(own.name)

    def tasks_have_the_scope_of_their_options(self, text, out, web, mail):
        own = self.channel("maintenance", self.bearer(text))

        def prune(scope):
            return {1: {1: scope, 5: {1: 1}}}  # keep_last

        def start(channel, options):
            """The name of a new task."""
            answer = raw_call.call(channel, TASKS + "StartTask",
                                   {1: str(uuid.uuid4()), 2: options})
            return raw_call.text(raw_call.decode(answer[1][0]), 1)

        def names(method, request):
            return [raw_call.text(raw_call.decode(item), 1)
                    for item in raw_call.call(own, method, request).get(1, [])]

        def has_ended(task):
            answer = raw_call.call(self.admin, TASKS + "GetTask", {1: task})
            return 10 in raw_call.decode(answer[1][0])  # end_time

        of_mail = start(self.admin, prune(mail))
        case.wait_until(lambda: has_ended(of_mail), "the prune has ended")
        of_web = start(own, prune(web))
        raw_call.call(own, TASKS + "GetTask", {1: of_web})
        self.assertEqual(names(TASKS + "ListTasks", {1: STORE}), [of_web])
        # gc (options 2) is of the whole datastore.
        for options in (prune(mail), prune(STORE), prune(""), {},
                        {2: {1: STORE}}, {3: {1: mail}}):
            out("maintenance", lambda: start(own, options))
        for method in ("GetTask", "CancelTask", "PauseTask", "ResumeTask",
                       "ListTaskLog"):
            out("maintenance",
                lambda: raw_call.call(own, TASKS + method, {1: of_mail}))
        out("maintenance",
            lambda: raw_call.stream(own, TASKS + "WatchTask", {1: of_mail}))
        out("maintenance", lambda: names(TASKS + "ListTasks", {}))

        def put(channel, name, scope):
            raw_call.call(channel, JOBS + "PutJob",
                          {1: {1: f"{STORE}/jobs/{name}", 2: prune(scope)}})

        put(self.admin, "of-mail", mail)
        put(own, "of-web", web)
        self.assertEqual(names(JOBS + "ListJobs", {1: STORE}),
                         [f"{STORE}/jobs/of-web"])
        job = f"{STORE}/jobs/of-mail"
        out("maintenance", lambda: put(own, "of-mail", web))
        out("maintenance", lambda: put(own, "new", mail))
        for method in ("GetJob", "RunJob", "DeleteJob"):
            out("maintenance", lambda: raw_call.call(own, JOBS + method,
                                                     {1: job, 2: "x"}))


if __name__ == "__main__":
    case.main()
