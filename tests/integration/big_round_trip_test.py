#!/usr/bin/env python3
"""Large backups through both forms: every byte, and bounded memory.

A slice in the test run; with CAIRN_SOAK=1 an image of 4 GiB and all of /usr.
"""

import hashlib
import os
import subprocess

import case
from case import Case
from cli import Cli
from tree import describe, differences

MIB = 1 << 20
IMAGE_BYTES = case.slice_or_soak(256 * MIB, 4096 * MIB)
FOLDER = case.slice_or_soak("/usr/share/doc", "/usr")


class BigRoundTrip(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.image = os.path.join(self.folder, "image")
        with open(self.image, "wb") as file:
            for _ in range(IMAGE_BYTES // (16 * MIB)):
                kind = self.random.random()
                if kind < 0.2:
                    file.seek(16 * MIB, os.SEEK_CUR)
                elif kind < 0.5:  # compressible
                    piece = self.random.randbytes(MIB).translate(
                        bytes(range(16)) * 16)
                    file.write(piece * 16)
                else:
                    file.write(self.random.randbytes(16 * MIB))
            file.truncate(IMAGE_BYTES)

    def digest_of(self, cairn, *arguments):
        process = cairn.start(*arguments)
        digest = hashlib.sha256()
        while piece := process.stdout.read(MIB):
            digest.update(piece)
        self.assertEqual(process.wait(), 0, process.stderr.read())
        process.communicate()
        return digest.hexdigest()

    def round_trip(self, split):
        suite = self.new_suite(split=split)
        cairn = Cli(suite.binaries["cairn"], suite.target, self.folder)
        cairn.run("backup", "vm/1", f"disk.img:{self.image}",
                  f"disk.raw:{self.image}")
        self.assert_memory_is_bounded(suite, "image, in")
        with open(self.image, "rb") as file:
            wanted = hashlib.file_digest(file, "sha256").hexdigest()
        for archive in ("disk.img", "disk.raw"):
            self.assertEqual(self.digest_of(cairn, "restore", "vm/1/latest",
                                            archive, "-"), wanted)
        self.assert_memory_is_bounded(suite, "image, out")
        report = cairn.json("backup", "host/1", f"files.tar:{FOLDER}")
        print(f"{FOLDER}: {report['snapshot']['size_bytes'] >> 20} MiB",
              flush=True)
        back = os.path.join(self.folder, "back")
        cairn.run("restore", "host/1/latest", "files.tar", back)
        self.assertEqual(differences(describe(FOLDER), describe(back)), [])
        subprocess.run(["rm", "-rf", back], check=True)
        self.assert_memory_is_bounded(suite, "files")
        self.stop(suite)

    def test_through_cairnd(self):
        self.round_trip(split=False)

    def test_through_four_processes(self):
        self.round_trip(split=True)


if __name__ == "__main__":
    case.main()
