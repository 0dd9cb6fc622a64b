#!/usr/bin/env python3
"""What every process holds while a large image goes in and out.

2 GiB with 64 MiB of data in the test run; with CAIRN_SOAK=1 64 GiB with 2 GiB.
"""

import json
import os

import case
from case import Case
from cli import Cli
from memory import PeakMemory
from sparse import first_difference, make_sparse

MIB = 1 << 20
IMAGE_BYTES = case.slice_or_soak(2048 * MIB, 64 * 1024 * MIB)
DATA_BYTES = case.slice_or_soak(64 * MIB, 2048 * MIB)
RUNS = 64


class SparseImage(Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.image = os.path.join(self.folder, "image")
        step = IMAGE_BYTES // RUNS
        length = DATA_BYTES // RUNS
        # Of any alignment, apart from each other.
        make_sparse(self.image, IMAGE_BYTES, [
            (run * step + self.random.randrange(step - length), length)
            for run in range(RUNS)], self.random)

    def run_cairn(self, what, *arguments):
        """Its JSON, after its memory was bounded."""
        process = self.cairn.start(*arguments, "--quiet", "--output-format",
                                   "json")
        peak = PeakMemory(process.pid)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 0, err.decode())
        print(f"{what}: cairn: peak {peak.bytes() >> 20} MiB", flush=True)
        if not case.SANITIZED:
            self.assertLessEqual(peak.bytes(), case.PEAK_BYTES)
        return json.loads(out)

    def round_trip(self, way, split):
        suite = self.new_suite(split=split)
        self.cairn = Cli(suite.binaries["cairn"], suite.target, self.folder)
        what = f"{IMAGE_BYTES >> 30} GiB, --way={way}"
        report = self.run_cairn(f"{what}, in", "backup", "vm/1",
                                f"disk.img:{self.image}", "--way", way)
        self.assert_memory_is_bounded(suite, f"{what}, in")
        self.assertEqual(report["snapshot"]["size_bytes"], IMAGE_BYTES)
        self.assertLess(report["snapshot"]["stored_bytes"],
                        DATA_BYTES + DATA_BYTES // 4)
        print(f"{what}: {report['duration_seconds']:.1f} s", flush=True)
        back = os.path.join(self.folder, "back")
        self.run_cairn(f"{what}, out", "restore", "vm/1/latest", "disk.img",
                       back, "--way", way)
        self.assert_memory_is_bounded(suite, f"{what}, out")
        self.assertIsNone(first_difference(self.image, back))
        self.stop(suite)

    def test_chunks_through_cairnd(self):
        self.round_trip("chunks", split=False)

    def test_a_stream_through_cairnd(self):
        self.round_trip("stream", split=False)

    def test_chunks_through_four_processes(self):
        self.round_trip("chunks", split=True)

    def test_a_stream_through_four_processes(self):
        self.round_trip("stream", split=True)


if __name__ == "__main__":
    case.main()
