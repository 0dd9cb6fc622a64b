#!/usr/bin/env python3
"""Bearer tokens: over TLS to four processes, and to cairnd on its socket."""

import base64
import os
import pathlib
import time

import case
from case import wait_until
from cli import Cli
from client import Client, catalog, grpc
from cli_case import CliCase
from suite import binaries_from
from tcp_suite import ADDRESS, TcpSuite

NOT_ALLOWED, REFUSED, LOCAL_IO = 12, 14, 74
REVOKED_SECONDS = 5


class StaySuite(TcpSuite):
    """A process that is started again listens where it did before."""

    def listen(self, name):
        port = self._ports.get(name, 0)
        return f"{self._scheme}:{ADDRESS}:{port}"

    def ca(self):
        return self.authority.path("ca.pem")


def secrets_of(text):
    """What of a token must be nowhere, as text and as bytes."""
    secret = text.strip()[-43:]
    return [secret.encode(), base64.urlsafe_b64decode(secret + "=")]


class TokenCase(case.Case):

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        pathlib.Path(self.path(name)).write_bytes(content)
        return self.path(name)

    def text(self, file):
        return pathlib.Path(file).read_text(encoding="ascii").strip()

    def assert_nowhere(self, token_text, folder):
        """No secret in any file below, nor in the log of the processes."""
        files = [p for p in pathlib.Path(folder).rglob("*") if p.is_file()]
        files.append(pathlib.Path(self.suite.log_path))
        self.assertTrue(any(p.suffix == ".log" or p.name == "CURRENT"
                            for p in files), "that is no data directory")
        for path in files:
            content = path.read_bytes()
            for secret in secrets_of(token_text):
                self.assertNotIn(secret, content, path)


class OverTls(TokenCase):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = StaySuite(
            binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
            self.path("data"), self.folder, tls=True)
        self.addCleanup(self.suite.kill)
        self.addCleanup(self.suite.tell_dead)
        self.suite.start()
        self.maintenance = self.suite.address("maintenance")
        self.admin = self.new_cli(**self.suite.client_environment)

    def new_cli(self, **environment):
        """`cairn` with nothing but these credentials."""
        cairn = Cli(self.suite.binaries["cairn"], self.suite.target,
                    self.folder)
        cairn.environment |= {"CAIRN_MAINTENANCE_SERVER": self.maintenance,
                              "CAIRN_TLS_CA": self.suite.ca()} | environment
        return cairn

    def new_token(self, name, *options):
        """The file of a new token, and `cairn` with it."""
        file = self.path(f"{name}.token")
        self.admin.run("token", "create", name, f"--output={file}", *options)
        return file, self.new_cli(CAIRN_TOKEN_FILE=file)

    def calls(self, file):
        """A call to ingest that shows the token, as any program makes it."""
        with open(self.suite.ca(), "rb") as ca:
            credentials = grpc.ssl_channel_credentials(ca.read())
        client = Client(self.suite.target, credentials=credentials)
        self.addCleanup(client.close)
        metadata = (("authorization", f"Bearer {self.text(file)}"),)

        def call():
            """The status code."""
            try:
                client.catalog.ListGroups(
                    catalog.ListGroupsRequest(parent="datastores/default"),
                    metadata=metadata, timeout=20)
                return grpc.StatusCode.OK
            except grpc.RpcError as error:
                return error.code()
        return call

    def test_a_token_backs_up_until_it_is_revoked(self):
        file, web = self.new_token("web1", "--role=backup")
        source = self.write("source", self.random.randbytes(1 << 20))
        web.run("backup", "host/web1", f"a.img:{source}")
        web.run("restore", "host/web1/latest", "a.img", self.path("back"))
        self.assertEqual(pathlib.Path(source).read_bytes(),
                         pathlib.Path(self.path("back")).read_bytes())
        groups = self.admin.json("group", "list")["groups"]
        self.assertEqual([g["owner"] for g in groups], ["web1@token"])

        # It deletes nothing, and makes no tokens.
        web.error(NOT_ALLOWED, "forget", "host/web1/latest")
        web.error(NOT_ALLOWED, "token", "list")
        web.error(NOT_ALLOWED, "token", "create", "web2", "--role=admin")
        # Nobody is somebody without it.
        self.new_cli().error(NOT_ALLOWED, "snapshot", "list")

        call = self.calls(file)
        self.assertEqual(call(), grpc.StatusCode.OK)
        self.admin.run("token", "revoke", "web1")
        revoked = time.monotonic()
        wait_until(lambda: call() == grpc.StatusCode.UNAUTHENTICATED,
                   "the token is refused")
        seconds = time.monotonic() - revoked
        print(f"refused {seconds:.1f} s after its revocation", flush=True)
        self.assertLess(seconds, REVOKED_SECONDS)
        text = web.error(NOT_ALLOWED, "snapshot", "list")
        self.assertIn("--token-file", text)

    def test_a_new_token_works_at_once(self):
        for number in range(3):
            file, _ = self.new_token(f"web{number}", "--role=reader")
            self.assertEqual(self.calls(file)(), grpc.StatusCode.OK)

    def test_tokens_outlive_maintenance(self):
        file, web = self.new_token("web1", "--role=backup")
        gone, _ = self.new_token("web2", "--role=backup")
        call, call_gone = self.calls(file), self.calls(gone)
        self.assertEqual(call(), grpc.StatusCode.OK)
        self.admin.run("token", "revoke", "web2")
        self.suite.kill(["maintenance"])
        # What ingest has heard within a minute is good, and nothing else.
        self.assertEqual(call(), grpc.StatusCode.OK)
        self.suite.start(["maintenance"])
        wait_until(lambda: call_gone() == grpc.StatusCode.UNAUTHENTICATED,
                   "what was revoked before the restart is refused after it")
        self.assertEqual(call(), grpc.StatusCode.OK)
        source = self.write("source", b"bytes")
        web.run("backup", "host/web1", f"a.img:{source}")
        listed = self.admin.json("token", "list")["tokens"]
        self.assertEqual({t["name"]: t["state"] for t in listed},
                         {"web1": "active", "web2": "revoked"})

    def test_expires_by_itself(self):
        file, _ = self.new_token("web1", "--role=reader", "--expires-in=3s")
        call = self.calls(file)
        wait_until(lambda: call() == grpc.StatusCode.UNAUTHENTICATED,
                   "it is expired")

    def test_an_operator_runs_tasks_within_no_scope(self):
        _, nightly = self.new_token("nightly", "--role=operator")
        nightly.run("gc", "--allow-empty", "--wait")
        nightly.error(NOT_ALLOWED, "datastore", "create", "other")

    def test_secrets_are_nowhere_but_in_their_files(self):
        file, web = self.new_token("web1", "--role=backup")
        source = self.write("source", b"bytes")
        web.run("backup", "host/web1", f"a.img:{source}")
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
        out = self.admin.text("token", "list")
        document = self.admin.text("token", "list", "--output-format", "json")
        for secret in secrets_of(self.text(file)):
            self.assertNotIn(secret, out.encode())
            self.assertNotIn(secret, document.encode())
        self.admin.error(REFUSED, "token", "create", "web1", "--role=backup")
        self.suite.stop()
        self.assert_nowhere(self.text(file), self.suite.data)

    def test_a_file_that_others_may_read_is_refused(self):
        file, web = self.new_token("web1", "--role=backup")
        os.chmod(file, 0o644)
        self.assertIn("0600", web.error(LOCAL_IO, "snapshot", "list"))


class OnASocket(CliCase, TokenCase):

    def test_a_token_counts_and_not_the_user_of_the_socket(self):
        file = self.path("web1.token")
        self.cairn.run("token", "create", "web1", "--role=backup",
                       f"--output={file}")
        source = self.write("source", b"bytes")
        self.cairn.environment["CAIRN_TOKEN_FILE"] = file
        self.cairn.run("backup", "host/web1", f"a.img:{source}")
        self.cairn.error(NOT_ALLOWED, "token", "list")
        del self.cairn.environment["CAIRN_TOKEN_FILE"]
        groups = self.cairn.json("group", "list")["groups"]
        self.assertEqual([g["owner"] for g in groups], ["web1@token"])
        # In one process a revocation counts at once, and after a restart.
        self.cairn.run("token", "revoke", "web1")
        for _ in range(2):
            self.cairn.error(NOT_ALLOWED, "snapshot", "list",
                             f"--token-file={file}")
            self.suite.kill()
            self.suite.start()
        self.stop(self.suite)
        self.assert_nowhere(self.text(file), self.suite.data)


if __name__ == "__main__":
    case.main()
