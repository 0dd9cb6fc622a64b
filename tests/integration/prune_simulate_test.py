#!/usr/bin/env python3
"""`cairn prune simulate`, which needs no server, as scripts use it."""

import json
import os
import pathlib
import subprocess

import case
from cli import Cli
from suite import binaries_from

TABLE = pathlib.Path("common/prune/testdata/selections.txt")
FLAGS = {"-": {}, "P": {"protected": True}, "U": {"finished": False},
         "PU": {"protected": True, "finished": False}}


def read_cases():
    """[(name, options, [(time, flags, action, reason)])]; its head says how."""
    cases = []
    for line in TABLE.read_text(encoding="ascii").splitlines():
        if line.startswith("== "):
            cases.append([line[3:], [], []])
        elif line.startswith("cairn prune simulate"):
            cases[-1][1] = line.split()[3:]
        elif line and not line.startswith("#"):
            start, reason = line.split(": ", 1)
            cases[-1][2].append((*start.split(), reason))
    return cases


class PruneSimulate(case.Case):

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        binaries = binaries_from(os.environ.get("CAIRN_BINARIES", "."))
        # Nothing listens there.
        self.cairn = Cli(binaries["cairn"],
                         f"unix:{self.folder}/none.sock", self.folder)

    def simulate(self, snapshots, *options):
        text = "".join(json.dumps(s) + "\n" for s in snapshots)
        out = self.cairn.text("prune", "simulate", *options,
                              input=text.encode())
        return [json.loads(line) for line in out.splitlines()]

    def test_every_case_of_the_table(self):
        cases = read_cases()
        self.assertGreaterEqual(len(cases), 60)
        for name, options, rows in cases:
            with self.subTest(name):
                snapshots = [{"time": time} | FLAGS[flags]
                             for time, flags, _, _ in rows]
                self.random.shuffle(snapshots)
                self.assertEqual(
                    self.simulate(snapshots, *options),
                    [{"time": time, "action": action, "reason": reason}
                     for time, _, action, reason in rows])

    def test_a_pipe_that_is_closed_early(self):
        lines = b'{"time":"2020-11-29T00:00:00Z"}\n' * 100_000
        process = self.cairn.start("prune", "simulate", stdin=subprocess.PIPE)
        process.stdout.close()
        process.stdin.write(lines)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 74)
        self.assertIn(b"stdout", process.stderr.read())
        process.stderr.close()


if __name__ == "__main__":
    case.main()
