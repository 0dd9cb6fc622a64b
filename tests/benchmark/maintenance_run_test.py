#!/usr/bin/env python3
"""That the figures of maintenance are all measured, at a small scale."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import maintenance_figures

SCRIPT = "tests/benchmark/maintenance.py"


class Run(unittest.TestCase):

    def test_every_row_goes_through(self):
        with tempfile.TemporaryDirectory() as folder:
            result = os.path.join(folder, "result.json")
            run = subprocess.run(
                [sys.executable, SCRIPT, "--binaries=.", "--rounds=1",
                 "--warm", "--tools=cairn", f"--folder={folder}",
                 f"--json={result}", "--mark=2000:3:8 2000:3:1", "--store=64",
                 "--backup=1", "--size=8", "--generations=4", "--groups=20",
                 "--snapshots=3"], capture_output=True, text=True,
                check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            report = json.loads(pathlib.Path(result).read_text())
        self.assertEqual(report["failures"], [])
        wanted = {key for _, _, key, *_ in maintenance_figures.FIGURES}
        # Of peers that may not be installed where tests run.
        self.assertEqual(set(report["values"]),
                         wanted - {"over_restic", "over_borg"})
        self.assertGreater(report["rows"]["sweep"]["freed_bytes"], 30 << 20)
        self.assertEqual(len(report["rows"]["peers"]["cairn"]), 1)


if __name__ == "__main__":
    sys.exit(unittest.main())
