#!/usr/bin/env python3
"""What the client saves: bytes on the wire, and work that was done already.

64 MiB in the test run; with CAIRN_SOAK=1 an image of 4 GiB.
"""

import concurrent.futures
import hashlib
import json
import os
import signal
import subprocess
import time

import case
from case import Case, wait_until
from cli import Cli
from client import backup
from memory import PeakMemory
from proxy import CountingProxy
from sparse import data_ranges

MIB = 1 << 20
IMAGE_BYTES = case.slice_or_soak(64 * MIB, 4096 * MIB)
# Of an unchanged image, all that is sent.
UNCHANGED_BYTES = case.slice_or_soak(IMAGE_BYTES // 100, MIB)
BUSY = 11
# As many as `cairn` hashes with.
THREADS = min(8, os.cpu_count())
PIECE_BYTES = 8 * MIB


def hash_piece(fd, start, end):
    """In reads of a MiB, as whoever wants to be quick does."""
    digest, buffer = hashlib.sha256(), bytearray(MIB)
    for at in range(start, end, MIB):
        piece = memoryview(buffer)[:min(MIB, end - at)]
        digest.update(piece[:os.preadv(fd, [piece], at)])
    return digest.digest()


def seconds_to_read_and_hash(path):
    """The limit: what of a file is no hole, by as many threads."""
    with open(path, "rb") as file, \
            concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        started = time.monotonic()
        for done in [threads.submit(hash_piece, file.fileno(), at,
                                    min(at + PIECE_BYTES, end))
                     for start, end in data_ranges(path)
                     for at in range(start, end, PIECE_BYTES)]:
            done.result()
        return time.monotonic() - started


def forget_cached(path):
    """Its next reader reads the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class ClientChunks(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite()
        self.proxy = CountingProxy(self, self.suite.target, self.folder)
        self.cairn = Cli(self.suite.binaries["cairn"], self.proxy.target,
                         self.folder)
        self.source = os.path.join(self.folder, "source")
        with open(self.source, "wb") as file:
            for _ in range(IMAGE_BYTES // (8 * MIB)):
                if self.random.random() < 0.1:
                    file.seek(8 * MIB, os.SEEK_CUR)
                else:
                    file.write(self.random.randbytes(8 * MIB))
            file.truncate(IMAGE_BYTES)

    def back_up(self, archive, *arguments):
        """Bytes sent, and the report; the client's memory is bounded."""
        def run():
            process = self.cairn.start(
                "backup", "vm/1", f"{archive}:{self.source}", *arguments,
                "--output-format", "json", "--quiet")
            peak = PeakMemory(process.pid)
            out, err = process.communicate()
            self.assertEqual(process.returncode, 0, err.decode())
            print(f"{archive}: client's peak {peak.bytes() >> 20} MiB",
                  flush=True)
            if not case.SANITIZED:
                self.assertLessEqual(peak.bytes(), case.PEAK_BYTES)
            return json.loads(out)

        return self.proxy.counted(run)

    def assert_restored(self, archive):
        for way in ("chunks", "stream"):
            back = os.path.join(self.folder, "back")
            process = self.cairn.start("restore", "vm/1/latest", archive,
                                       back, "--overwrite", "--way", way)
            _, err = process.communicate()
            self.assertEqual(process.returncode, 0, err.decode())
            subprocess.run(["cmp", self.source, back], check=True)

    def test_what_did_not_change_is_not_sent(self):
        for archive in ("disk.img", "disk.raw"):
            with self.subTest(archive):
                first, _ = self.back_up(archive)
                self.assertGreater(first, IMAGE_BYTES // 2)
                sent, report = self.back_up(archive)
                print(f"{archive}: {sent} bytes sent of {IMAGE_BYTES}",
                      flush=True)
                self.assertLess(sent, UNCHANGED_BYTES)
                self.assertEqual(report["snapshot"]["stored_bytes"], 0)
                archive_report = report["archives"][0]
                self.assertGreaterEqual(
                    archive_report["reused_bytes"]
                    + archive_report["statistics"]["hole_bytes"], IMAGE_BYTES)
                self.assert_restored(archive)
        self.assert_memory_is_bounded(self.suite, "chunks")

    def test_an_unchanged_image_takes_what_reading_it_takes(self):
        self.back_up("disk.img")
        for state, prepare in (("cached", seconds_to_read_and_hash),
                               ("not cached", forget_cached)):
            limits, seconds = [], []
            for _ in range(case.slice_or_soak(1, 3)):
                prepare(self.source)
                limits.append(seconds_to_read_and_hash(self.source))
                prepare(self.source)
                started, down = time.monotonic(), self.proxy.down
                sent, _ = self.back_up("disk.img")
                seconds.append(time.monotonic() - started)
                self.assertLess(sent, UNCHANGED_BYTES)
            print(f"unchanged image of {IMAGE_BYTES >> 20} MiB, {state}: "
                  f"{sent} bytes sent, {self.proxy.down - down} received, "
                  f"{min(seconds):.2f} s; reading and hashing it by {THREADS} "
                  f"threads {min(limits):.2f} s: ratio "
                  f"{min(seconds) / min(limits):.2f}", flush=True)

    def test_what_changed_is_sent(self):
        self.back_up("disk.img", "--way", "stream")
        with open(self.source, "r+b") as file:
            for _ in range(3):
                file.seek(self.random.randrange(IMAGE_BYTES - MIB))
                file.write(self.random.randbytes(self.random.randrange(MIB)))
        sent, _ = self.back_up("disk.img")
        self.assertLess(sent, 10 * MIB)
        self.assert_restored("disk.img")

    def test_a_hole_that_is_filled_to_its_end_moves_no_chunk(self):
        with open(self.source, "wb") as file:
            file.write(self.random.randbytes(4 * MIB))
            file.seek(8 * MIB)
            file.write(self.random.randbytes(24 * MIB))
        self.back_up("disk.img")
        with open(self.source, "r+b") as file:
            file.seek(8 * MIB - 300_000)
            file.write(self.random.randbytes(300_000))
        sent, _ = self.back_up("disk.img")
        self.assertLess(sent, MIB)
        self.assert_restored("disk.img")

    def session(self):
        """The open session, once the server has made some of it durable."""
        client = self.new_client(self.suite)
        def find():
            found = client.backup.ListSessions(backup.ListSessionsRequest(
                datastore="datastores/default", open_only=True),
                timeout=client.seconds).sessions
            return [s for s in found
                    if any(a.durable_bytes for a in s.archives)]
        return wait_until(find, "something is durable")[0]

    def test_a_killed_client_is_taken_up(self):
        self.proxy.stall_after(IMAGE_BYTES * 2 // 3)
        process = self.cairn.start("backup", "vm/1",
                                   f"disk.img:{self.source}")
        session = self.session()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.proxy.go_on()
        text = self.cairn.error(BUSY, "backup", "vm/1",
                                f"disk.img:{self.source}")
        self.assertIn("--resume goes on with it", text)
        sent, report = self.back_up("disk.img", "--resume")
        self.assertTrue(report["resumed"])
        self.assertEqual(report["snapshot"]["session"],
                         session.name.rsplit("/", 1)[1])
        durable = session.archives[0].durable_bytes
        self.assertLess(sent, IMAGE_BYTES - durable + MIB)
        self.assert_restored("disk.img")
        state = os.path.join(self.folder, ".local/state/cairn")
        self.assertEqual(os.listdir(state), [])


if __name__ == "__main__":
    case.main()
