"""The images are the same twice, small, and hold what they say."""

import json
import os
import pathlib
import re
import shutil
import stat
import tempfile

import case
import podman

EPOCH = 1_700_000_000
MOST_BYTES = 130_000_000
USER = 65532
PROGRAMS = {"cairn", "cairnd", "cairn-chunk-storage", "cairn-index",
            "cairn-ingest", "cairn-maintenance"}
HARDENED = ("--rm", "--read-only", "--cap-drop=all", "--network=none",
            "--security-opt=no-new-privileges")


class ImageTest(case.Case):

    @classmethod
    def setUpClass(cls):
        podman.skip_without_podman()
        cls.work = tempfile.mkdtemp(prefix="cairn-image-")
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.podman = podman.Podman(os.path.join(cls.work, "podman"))
        cls.podman.environment |= {"SOURCE_DATE_EPOCH": str(EPOCH),
                                   "CAIRN_REVISION": "0123abc"}
        cls.addClassCleanup(cls.podman.remove)
        cls.image = cls.build("first")
        cls.podman.skip_unless_it_runs(cls.image, "/usr/bin/cairn", "version")
        cls.root = pathlib.Path(cls.podman.mount(cls.image))

    @classmethod
    def build(cls, tag, *options):
        cls.podman.command(
            "bash", "deploy/build_image.sh", "--engine=podman",
            f"--programs={os.environ.get('CAIRN_BINARIES', '.')}",
            f"--tag={tag}", f"--bill-of-materials={cls.work}", *options)
        return f"localhost/cairn:{tag}"

    def test_two_builds_are_one_image(self):
        one = self.podman.inspect(self.image)
        other = self.podman.inspect(self.build("second"))
        self.assertEqual(one["Id"], other["Id"])
        self.assertEqual(one["Digest"], other["Digest"])

    def test_the_image_says_what_it_is(self):
        image = self.podman.inspect(self.image)
        self.assertLessEqual(image["Size"], MOST_BYTES)
        print(f"size {image['Size']} bytes")
        self.assertEqual(len(image["RootFS"]["Layers"]), 1)
        config = image["Config"]
        self.assertEqual(config["User"], f"{USER}:{USER}")
        self.assertEqual(config["StopSignal"], "SIGTERM")
        labels = config["Labels"]
        prefix = "org.opencontainers.image."
        self.assertEqual(labels[prefix + "revision"], "0123abc")
        self.assertEqual(labels[prefix + "created"], "2023-11-14T22:13:20Z")
        self.assertRegex(labels[prefix + "version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(image["Healthcheck"]["Test"],
                         ["CMD", "/usr/bin/cairn", "health", "--local"])

    def test_nothing_else_is_inside(self):
        self.assertEqual({p.name for p in self.root.glob("usr/bin/*")},
                         PROGRAMS)
        for path in sorted(self.root.rglob("*")):
            facts = path.lstat()
            name = str(path.relative_to(self.root))
            self.assertEqual(facts.st_mtime, EPOCH, name)
            own = name == "var/lib/cairn"
            self.assertEqual(facts.st_uid, USER if own else 0, name)
            if not stat.S_ISLNK(facts.st_mode):
                self.assertFalse(facts.st_mode & (stat.S_ISUID | stat.S_ISGID),
                                 name)
                if name != "tmp":
                    self.assertFalse(facts.st_mode & stat.S_IWOTH, name)

    def test_every_program_runs_confined(self):
        for program in PROGRAMS - {"cairn"}:
            said = self.podman("run", *HARDENED, self.image,
                               f"/usr/bin/{program}", "--version")
            self.assertIn(program, said)
        # Time zones are there, which a schedule needs.
        self.podman("run", *HARDENED, self.image, "cairn", "prune", "simulate",
                    "--keep-last=1", "--timezone=Europe/Vienna")

    def test_the_bill_of_materials_is_whole(self):
        inside = (self.root / "usr/share/cairn/sbom.spdx.json").read_bytes()
        beside = list(pathlib.Path(self.work).glob("cairn-*.spdx.json"))
        self.assertEqual([p.read_bytes() for p in beside], [inside])
        bill = json.loads(inside)
        self._assert_spdx(bill)
        # Each library that is inside is of a package on the bill.
        listed = {p["name"] for p in bill["packages"]}
        inside = {p.name for p in self.root.glob("var/lib/dpkg/status.d/*")}
        self.assertTrue(inside)
        self.assertLessEqual(inside, listed)
        for name in inside:
            self.assertTrue(
                (self.root / f"usr/share/doc/{name}/copyright").is_file(),
                name)
        for library in ("librocksdb7.8", "libc6", "libssl3"):
            self.assertIn(library, listed)
        # The programs are those of their digests.
        self.assertEqual({f["fileName"] for f in bill["files"]},
                         {f"./usr/bin/{name}" for name in PROGRAMS})
        for file in bill["files"]:
            self._assert_digest(file)

    def _assert_spdx(self, bill):
        """What SPDX 2.3 asks of every document."""
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        self.assertEqual(bill["dataLicense"], "CC0-1.0")
        self.assertEqual(bill["SPDXID"], "SPDXRef-DOCUMENT")
        self.assertRegex(bill["documentNamespace"], r"^[a-z]+:[^#\s]+$")
        self.assertEqual(bill["creationInfo"]["created"],
                         "2023-11-14T22:13:20Z")
        elements = bill["packages"] + bill["files"]
        identities = [e["SPDXID"] for e in elements]
        self.assertEqual(len(set(identities)), len(identities))
        for identity in identities:
            self.assertRegex(identity, r"^SPDXRef-[A-Za-z0-9.-]+$")
        for package in bill["packages"]:
            for field in ("name", "downloadLocation", "versionInfo"):
                self.assertTrue(package[field], package)
            self.assertEqual("packageVerificationCode" in package,
                             package["filesAnalyzed"])
            for reference in package.get("externalRefs", ()):
                self.assertRegex(
                    reference["referenceLocator"],
                    r"^pkg:deb/debian/[a-zA-Z0-9.%-]+@[^?:]+\?arch=[a-z0-9]+")
        known = set(identities) | {"SPDXRef-DOCUMENT"}
        related = set()
        for relation in bill["relationships"]:
            self.assertIn(relation["spdxElementId"], known)
            self.assertIn(relation["relatedSpdxElement"], known)
            related.add(relation["relatedSpdxElement"])
        self.assertEqual(related, set(identities), "not all are related")

    def _assert_digest(self, file):
        path = self.root / file["fileName"]
        said = {c["algorithm"]: c["checksumValue"]
                for c in file["checksums"]}
        self.assertEqual(
            self.podman.command("sha256sum", path)[0].split()[0],
            said["SHA256"])
        self.assertTrue(re.fullmatch("[0-9a-f]{40}", said["SHA1"]))


if __name__ == "__main__":
    case.main()
