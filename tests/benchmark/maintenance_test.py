#!/usr/bin/env python3
"""That the figures of maintenance are counted right."""

import argparse
import contextlib
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

import corpus
import figures
import maintenance
import maintenance_figures
import maintenance_rows
from measure import Failed
from peers import PEERS

BINARIES = "--binaries=."


def benchmark(run, **counters):
    return {"run_name": f"BM_MarkAndPlan/chunks:9/snapshots:2/run:{run}/"
                        "iterations:1/manual_time",
            "chunks": 11e6, "all_references": 1e9, "references": 5e7,
            "seconds": 12.5, "walk_seconds": 7, "merge_seconds": 5,
            "plan_seconds": 0.01, "cpu_seconds": 12, "peak_mib": 263.4,
            "references_per_second": 4e6, "times_copies": 1.01} | counters


class Figures(unittest.TestCase):

    def test_each_has_its_limit_and_what_is_missing_is_not_measured(self):
        found = maintenance_figures.figures({"mark_seconds": 20,
                                             "over_restic": 0.31,
                                             "beside_over_alone": 0.7})
        self.assertEqual(len(found), len(maintenance_figures.FIGURES))
        verdicts = {figure.name: figure.holds for figure in found}
        self.assertEqual(
            {name: holds for name, holds in verdicts.items()
             if holds is not None},
            {"mark: mark and plan, change in runs of 64 chunks": True,
             "peers: forget and gc, over restic's forget and prune": False,
             "beside: backup throughput beside a full gc, over that alone":
                 True})
        self.assertIn("not measured", figures.figure_table(found)[-1])

    def test_every_row_is_measured_by_something(self):
        self.assertEqual(set(maintenance_figures.ROWS),
                         set(maintenance_rows.MEASURES))

    def test_a_mark_is_told_from_one_of_spread_change(self):
        found = [benchmark(64), benchmark(1, references_per_second=2e6,
                                          seconds=1, peak_mib=999)]
        self.assertEqual(maintenance_figures.mark_values(found),
                         {"mark_seconds": 12.5, "mark_peak_mib": 263.4,
                          "times_copies": 1.01,
                          "spread_references_per_second": 2e6})
        lines = maintenance_figures.mark_table(found)
        self.assertEqual(
            lines[2], "| 64 | 11.00 | 1,000 | 50.0 | 12.50 | 7.00 | 5.00 |"
                      " 10.0 | 12.00 | 263 | 1.01 |")
        self.assertEqual(len(lines), 4)

    def test_throughput_counts_what_lies_in_a_time(self):
        samples = [(0, 2, 10), (2, 3, 10), (3, 5, 10), (6, 10, 10)]
        for start, end, wanted in ((2, 5, 20 / 3), (0, 10, 40 / 9),
                                   (4, 8, 10 / 3), (5, 6, None),
                                   (11, 12, None)):
            self.assertEqual(maintenance_figures.throughput_during(
                samples, start, end), wanted)


class Rows(unittest.TestCase):

    def test_the_longest_small_backup_is_of_those_that_overlap(self):
        small = object.__new__(maintenance_rows.SmallBackups)
        small.samples = [(0, 5), (6, 7), (8, 11), (12, 20)]
        self.assertEqual(small.longest(5, 12), 3)
        self.assertEqual(small.longest(4, 12), 5)
        self.assertEqual(small.longest(30, 40), 0)

    def test_a_stamp_changes_every_part_of_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            size = 4 * maintenance_rows.STAMP_BYTES + 100
            contents = []
            for number in (1, 2):
                if number == 1:
                    corpus.write_random(path, size, "seed")
                maintenance_rows.stamp(path, number)
                with open(path, "rb") as file:
                    contents.append(file.read())
        self.assertEqual([len(content) for content in contents], [size] * 2)
        for start in range(0, size, maintenance_rows.STAMP_BYTES):
            end = start + maintenance_rows.STAMP_BYTES
            self.assertNotEqual(contents[0][start:end],
                                contents[1][start:end])

    def test_a_table_is_markdown(self):
        self.assertEqual(
            maintenance_rows.table(("a", "b"), [
                maintenance_rows.seconds_row("x", [3, 1, 2])[:2]]),
            ["| a | b |", "|---|---:|", "| x | 2.000 |"])


class Removal(unittest.TestCase):

    def test_peers_remove_the_oldest(self):
        with tempfile.TemporaryDirectory() as folder:
            commands = {}
            for name in ("restic", "borg"):
                with mock.patch.object(PEERS[name], "prepare"):
                    tool = PEERS[name](folder)
                commands[name] = [command.arguments[1:]
                                  for command in tool.remove_oldest(2, 5)]
        self.assertEqual(commands["restic"],
                         [["-q", "forget", "--keep-last=3", "--prune"]])
        self.assertEqual(commands["borg"],
                         [["delete", "::", "0", "1"], ["compact"]])

    def test_a_repository_is_prepared_once(self):
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.object(PEERS["restic"], "prepare") as prepare:
                tool = PEERS["restic"](folder)
                os.mkdir(tool.repository)
                PEERS["restic"](folder)
            prepare.assert_called_once()


class Runs(unittest.TestCase):

    def run_rows(self, measures, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            options = maintenance.parse(
                [BINARIES, f"--folder={folder}", "--tools=cairn", *arguments])
            out = io.StringIO()
            with mock.patch.dict(maintenance.MEASURES, measures), \
                    contextlib.redirect_stdout(out), \
                    contextlib.redirect_stderr(io.StringIO()):
                report = maintenance.measure_all(options)
            self.assertEqual(os.listdir(folder), [])
        return report, out.getvalue()

    def test_a_row_that_fails_is_told_and_the_others_go_on(self):
        def fail(_):
            raise Failed("no disk")

        report, text = self.run_rows(
            {"sweep": fail,
             "prune": lambda _: ({"prune_seconds": 21.0}, ["| line |"], {})},
            "--only=sweep,prune")
        self.assertEqual(report["failures"], ["sweep: Failed: no disk"])
        self.assertEqual(report["values"], {"prune_seconds": 21.0})
        self.assertIn("## sweep: FAILED", text)
        self.assertIn("| prune: the same: execution | 21.00 | <= 20.00 s |"
                      " NO |", text)

    def test_rows_that_are_not_there_are_refused(self):
        with contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit):
            maintenance.parse([BINARIES, "--only=mark,nothing"])
        with self.assertRaises(argparse.ArgumentTypeError):
            maintenance.words_of(("a",))("b")


class Series(unittest.TestCase):

    def test_generations_differ_and_stay_as_they_are(self):
        names = ("s01", "s02", "s03")
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.dict(corpus.PARTS, series=names):
            made = corpus.ensure(folder, corpus.MIN_SIZE_MIB,
                                 ("src", "series"))
            self.assertEqual(
                len({made[name] for name in ("src", *names)}), 4)
            self.assertEqual(corpus.ensure(folder, corpus.MIN_SIZE_MIB,
                                           ("src", "series")), made)


if __name__ == "__main__":
    sys.exit(unittest.main())
