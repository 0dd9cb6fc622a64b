#!/usr/bin/env python3
"""That the comparison goes through, with Cairn alone and a small corpus."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = "tests/benchmark/compare.py"
FORMS = {"image": {"cairn"}, "tar": {"cairn"}, "tree": {"cairn"},
         "stream": {"cairn"}, "split": {"cairnd", "split"},
         "split-stream": {"cairnd", "split"}, "tls": {"plaintext", "tls"},
         "tls-stream": {"plaintext", "tls"}}


class Run(unittest.TestCase):

    def test_every_form_of_cairn_restores_what_it_was_given(self):
        with tempfile.TemporaryDirectory() as folder:
            result = os.path.join(folder, "result.json")
            run = subprocess.run(
                [sys.executable, SCRIPT, "--binaries=.", "--size=8",
                 "--rounds=1", "--tools=cairn", "--warm", "--rows="
                 "image,tar,tree,stream,split,tls", f"--folder={folder}",
                 f"--json={result}"], capture_output=True, text=True,
                check=False)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            report = json.loads(pathlib.Path(result).read_text())
        self.assertEqual(report["failures"], [])
        tools = {}
        for sample in report["samples"]:
            if sample["step"] == "restore":
                tools.setdefault(sample["row"], set()).add(sample["tool"])
        self.assertEqual(tools, FORMS)
        again = next(s for s in report["samples"]
                     if (s["row"], s["step"]) == ("tls", "again"))
        self.assertEqual(set(again["peaks_mib"]), {
            "cairn", "ingest", "index", "chunk_storage", "maintenance"})


if __name__ == "__main__":
    sys.exit(unittest.main())
