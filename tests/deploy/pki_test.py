"""deploy/pki.sh: who may read what, and names that survive a renewal."""

import os
import pathlib
import shutil
import subprocess

import case

SERVICES = ("chunk_storage", "index", "ingest", "maintenance")
USAGE = 2


class PkiTest(case.Case):

    def pki(self, *arguments, code=0):
        done = subprocess.run(
            ["bash", "deploy/pki.sh", f"--dir={self.folder}/tls", *arguments],
            text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def path(self, *names):
        return pathlib.Path(self.folder, "tls", *names)

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *map(str, arguments)], text=True,
                              capture_output=True, check=True).stdout

    def assert_pair(self, folder):
        """The certificate is of the key, and of our authority."""
        self.openssl("verify", "-x509_strict", "-CAfile",
                     self.path("ca", "ca.crt"), folder / "tls.crt")
        self.assertEqual(
            self.openssl("x509", "-in", folder / "tls.crt", "-noout",
                         "-pubkey"),
            self.openssl("pkey", "-in", folder / "tls.key", "-pubout"))

    def names(self, folder):
        return self.openssl("x509", "-in", folder / "tls.crt", "-noout",
                            "-ext", "subjectAltName,extendedKeyUsage")

    def contents(self):
        return {str(p): p.read_bytes() for p in self.path().rglob("tls.*")}

    def mode(self, *names):
        return oct(self.path(*names).stat().st_mode & 0o777)

    def test_init_makes_all_services_once(self):
        self.pki("init")
        before = self.contents()
        self.assertEqual(self.pki("init"), "")
        self.assertEqual(self.contents(), before)
        for name in SERVICES:
            folder = self.path("services", name)
            self.assert_pair(folder)
            names = self.names(folder)
            dashed = name.replace("_", "-")
            for part in (f"URI:spiffe://cairn/service/{name},",
                         f"DNS:{dashed},", f"DNS:cairn-{dashed},",
                         "DNS:localhost", "IP Address:127.0.0.1",
                         "Server Auth", "Client Auth"):
                self.assertIn(part, names)
            self.assertEqual((folder / "ca.crt").read_bytes(),
                             self.path("ca", "ca.crt").read_bytes())

    def test_names_asked_for_later_are_not_passed_over(self):
        self.pki("init")
        before = self.contents()
        wanted = "--san=backup.example.net,192.0.2.7,2001:db8::7"
        said = self.pki(wanted, "service", "ingest", code=1)
        self.assertIn("backup.example.net", said)
        self.assertIn(str(self.path("services", "ingest")), said)
        self.assertIn("backup.example.net", self.pki(wanted, "init", code=1))
        self.assertEqual(self.contents(), before)
        shutil.rmtree(self.path("services", "ingest"))
        self.pki(wanted, "service", "ingest")
        before = self.contents()
        self.assertEqual(self.pki(wanted, "service", "ingest"), "")
        self.assertEqual(self.pki("init"), "")
        self.assertIn("192.0.2.8", self.pki("--san=192.0.2.8", "service",
                                            "ingest", code=1))
        self.assertEqual(self.contents(), before)

    def test_keys_are_for_their_owner_alone(self):
        self.pki("init")
        self.pki("client", "web1", "--role=backup")
        self.assertEqual(self.mode("ca"), "0o700")
        self.assertEqual(self.mode("ca", "ca.key"), "0o600")
        for folder in (("services", "ingest"), ("clients", "web1")):
            self.assertEqual(self.mode(*folder), "0o700")
            self.assertEqual(self.mode(*folder, "tls.key"), "0o600")
        if os.geteuid() != 0:
            return
        self.pki("client", "job", "--role=operator", "--owner=1234:1235")
        self.pki("renew")
        for folder, owner in ((("services", "ingest"), (65532, 65532)),
                              (("clients", "web1"), (0, 0)),
                              (("clients", "job"), (1234, 1235))):
            for path in (self.path(*folder), self.path(*folder, "tls.key")):
                facts = path.stat()
                self.assertEqual((facts.st_uid, facts.st_gid), owner, path)

    def test_a_client_has_its_role_and_serves_nobody(self):
        self.pki("client", "web1", "--role=backup", "--days=10")
        folder = self.path("clients", "web1")
        self.assert_pair(folder)
        names = self.names(folder)
        self.assertIn("URI:spiffe://cairn/backup/web1\n", names)
        self.assertIn("Client Auth", names)
        self.assertNotIn("Server Auth", names)
        self.assertRegex(self.pki("list"), " (9|10) days")
        # The same again is nothing; another role wants a clear word.
        before = self.contents()
        self.pki("client", "web1", "--role=backup")
        self.assertEqual(self.contents(), before)
        self.assertIn("remove", self.pki("client", "web1", "--role=admin",
                                         code=1))

    def test_renewal_changes_keys_and_keeps_names(self):
        self.pki("service", "ingest", "index", "--days=5",
                 "--san=backup.example.net,192.0.2.7")
        self.pki("client", "web1", "--role=reader")
        before = self.contents()
        folders = [self.path("services", "ingest"),
                   self.path("services", "index"),
                   self.path("clients", "web1")]
        names = [self.names(f) for f in folders]
        self.assertIn("DNS:backup.example.net", names[0])
        self.assertIn("IP Address:192.0.2.7", names[0])

        self.pki("renew", "--if-days-left=30")
        for folder, was in zip(folders, names):
            self.assert_pair(folder)
            self.assertEqual(self.names(folder), was)
            changed = (before[str(folder / "tls.key")]
                       != (folder / "tls.key").read_bytes())
            self.assertEqual(changed, "services" in folder.parts, folder)
            # What was there before is gone.
            self.assertEqual(len([p for p in folder.iterdir()
                                  if p.is_dir() and not p.is_symlink()]), 1)
        now = self.contents()
        self.assertEqual(self.pki("renew", "--if-days-left=30"), "")
        self.assertEqual(self.contents(), now)
        self.pki("renew", "web1")
        self.assertNotEqual(self.contents(), now)

    def test_one_link_turns_a_certificate_and_its_key_over(self):
        self.pki("service", "ingest")
        folder = self.path("services", "ingest")
        for name in ("ca.crt", "tls.crt", "tls.key"):
            self.assertEqual(os.readlink(folder / name), f"..data/{name}")
        self.assertTrue((folder / "..data").is_symlink())

    def test_what_is_wrong_is_said(self):
        for arguments in ((), ("client", "x", "--role=root"),
                          ("client", "a/b", "--role=admin"),
                          ("client", "x"), ("service", "cairnd"),
                          ("init", "x"), ("renew", "--if-days-left=0"),
                          ("--days=1d", "init"), ("--owner=root", "init"),
                          ("grow",), ("--frob", "init")):
            with self.subTest(arguments):
                self.assertIn("pki: ", self.pki(*arguments, code=USAGE))
        self.pki("service", "ingest")
        self.assertIn("nope", self.pki("renew", "nope", code=1))
        shutil.move(self.path("ca", "ca.key"), self.path("elsewhere"))
        self.assertIn("ca.key", self.pki("renew", code=1))
        self.assertIn("ca.key", self.pki("service", "index", code=1))
        self.assertIn("deploy/pki.sh", self.pki("--help"))


if __name__ == "__main__":
    case.main()
