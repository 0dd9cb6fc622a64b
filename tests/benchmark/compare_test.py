#!/usr/bin/env python3
"""That the comparison counts right: medians, ratios, figures, the corpus."""

import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import compare
import corpus
import figures
import measure
import stages
import summary
from measure import Command, Failed
from peers import PEERS
from rows import ROWS, Bench

MIB = 1 << 20
GIB = 1 << 30


def sample(step, tool, round_, seconds, repository=0, row="image", **peaks):
    return {"row": row, "step": step, "tool": tool, "round": round_,
            "seconds": seconds, "cpu_seconds": 2 * seconds,
            "peaks_mib": peaks, "repository_bytes": repository}


class Summaries(unittest.TestCase):

    def setUp(self):
        samples = []
        for number, seconds in enumerate((3, 1, 2)):
            samples += [
                sample("first", "cairn", number, seconds, 100 + number,
                       cairn=10 + number),
                sample("changed", "cairn", number, 1, 130 + 2 * number,
                       cairnd=7),
                sample("first", "restic", number, 2 * seconds, 100)]
        self.results = summary.summarize(samples)

    def test_a_median_of_each_step_and_tool(self):
        first = self.results["image"]["first"]["cairn"]
        self.assertEqual((first.seconds, first.cpu_seconds, first.rounds),
                         (2, 4, 3))

    def test_peaks_are_the_most_of_all_rounds(self):
        first = self.results["image"]["first"]["cairn"]
        self.assertEqual(first.peaks_mib, {"cairn": 12})

    def test_growth_is_over_the_step_before_in_the_same_round(self):
        steps = self.results["image"]
        self.assertEqual(steps["first"]["cairn"].growth_bytes, 101)
        self.assertEqual(steps["changed"]["cairn"].growth_bytes, 31)

    def test_a_ratio_is_that_of_medians(self):
        self.assertEqual(summary.ratio(self.results, "image", "first",
                                       "restic", "cairn"), 2)

    def test_no_ratio_without_both_tools(self):
        for row, step, tool in (("image", "first", "borg"),
                                ("image", "changed", "restic"),
                                ("tar", "first", "restic")):
            self.assertIsNone(summary.ratio(self.results, row, step, tool,
                                            "cairn"))

    def test_a_table_tells_times_as_ratios_to_ours(self):
        lines = summary.row_table(self.results["image"], "cairn",
                                  {"first": GIB, "changed": GIB})
        self.assertEqual(lines[2], "| first | cairn | 2.00 |  | 0.50 | 4.00 |"
                                   " cairn 12 | 0 | 0.0 | 3 |")
        self.assertEqual(lines[3], "| first | restic | 4.00 | 2.00 | 0.25 |"
                                   " 8.00 |  | 0 | 0.0 | 3 |")


    def test_a_tool_that_is_not_there_is_told(self):
        lines = summary.row_table({}, "cairn", {}, ["casync"])
        self.assertIn("| casync | not installed |", lines[-1])
        self.assertEqual(lines[-1].count("|"), lines[0].count("|"))


class Figures(unittest.TestCase):

    def find(self, samples, name, sizes=None, values=None):
        sizes = sizes or {row: {step: GIB for step in (
            "first", "again", "changed", "restore")}
            for row in ("image", "stream")}
        found = figures.figures(summary.summarize(samples), sizes,
                                values or {})
        return next(f for f in found if f.name.startswith(name))

    def test_each_side_of_a_limit(self):
        for seconds, holds in ((1.69, False), (1.7, True)):
            figure = self.find([sample("first", "cairn", 0, 1.0),
                                sample("first", "restic", 0, seconds)],
                               "image first: times restic")
            self.assertEqual((figure.value, figure.holds), (seconds, holds))

    def test_what_was_not_measured_neither_holds_nor_fails(self):
        figure = self.find([], "image first: times restic")
        self.assertIsNone(figure.holds)
        self.assertIn("| not measured |", "\n".join(
            figures.figure_table([figure])))

    def test_growth_is_compared_with_restics(self):
        samples = [sample(step, tool, 0, 1, size) for step, tool, size in (
            ("first", "cairn", 100), ("first", "restic", 100),
            ("changed", "cairn", 106), ("changed", "restic", 110))]
        figure = self.find(samples, "image changed: growth")
        self.assertAlmostEqual(figure.value, 0.6)
        self.assertFalse(figure.holds)

    def test_speed_is_of_the_source(self):
        figure = self.find([sample("again", "cairn", 0, 0.5)],
                           "image again: speed")
        self.assertEqual((figure.value, figure.holds), (2, True))

    def test_forms_may_cost_up_to_their_limit(self):
        for seconds, holds in ((1.35, True), (1.36, False)):
            figure = self.find(
                [sample("first", "cairnd", 0, 1.0, row="split"),
                 sample("first", "split", 0, seconds, row="split")],
                "split first: split over cairnd")
            self.assertEqual(figure.holds, holds)

    def test_the_largest_peak_counts_and_only_of_our_processes(self):
        figure = self.find([sample("first", "cairn", 0, 1, cairnd=256,
                                   tar=900),
                            sample("first", "restic", 0, 1, restic=999)],
                           "peak memory")
        self.assertEqual((figure.value, figure.holds), (256, True))
        figure = self.find([sample("first", "split", 0, 1, row="split",
                                   chunk_storage=257)], "peak memory")
        self.assertFalse(figure.holds)
        self.assertIn("chunk_storage, split first", figure.name)

    def test_stages_have_limits_on_either_side(self):
        values = {"pin": 150_000, "place_bytes": 101}
        self.assertTrue(self.find([], "pin over", values=values).holds)
        self.assertFalse(self.find([], "places on", values=values).holds)

    def test_every_figure_names_a_step_that_is_there(self):
        steps = {(row.name, step.name) for row in ROWS for step in row.steps}
        tools = {row.name: {name for name, _, _ in row.cairns}
                 | set(row.peers) for row in ROWS}
        for row, step, peer, _, _ in figures.FASTER_THAN:
            self.assertIn((row, step), steps)
            self.assertLessEqual({peer, "cairn"}, tools[row])
        for row, step, tool, base, _ in figures.FORMS:
            self.assertIn((row, step), steps)
            self.assertLessEqual({tool, base}, tools[row])


class CopyTool:
    """Keeps one copy of a file; gives back `restored`, if that is said."""

    servers = None
    environment = None

    def __init__(self, folder, restored=None):
        self.repository = folder
        self.restored = restored
        self.copy = os.path.join(folder, "copy")

    def back_up(self, path, number, again):
        return [Command("cp", ["cp", path, self.copy])]

    def restore(self, path, number, target):
        target = os.path.join(target, path)
        copy = ["sh", "-c", 'printf %s "$1" > "$2"', "sh", self.restored,
                target] if self.restored else ["cp", self.copy, target]
        return [Command("cp", copy)], target

    def repository_bytes(self):
        return measure.apparent_bytes(self.repository)

    def warm_up(self):
        pass

    def close(self):
        pass


class Rounds(unittest.TestCase):

    def run_row(self, **options):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "corpus")
            source.mkdir()
            (source / "vm.img").write_bytes(b"before")
            (source / "vm2.img").write_bytes(b"afterwards")
            bench = Bench(source, folder, lambda name, form, place: CopyTool(
                place, **options), warm=True)
            row = ROWS[0]._replace(cairns=(), peers=("one", "two"))
            samples = list(bench.rounds(row, row.peers, 2))
            bench.close()
            self.assertEqual(os.listdir(folder), ["corpus"])
        return samples, bench.failures

    def test_tools_take_turns_through_all_steps(self):
        samples, failures = self.run_row()
        self.assertEqual(failures, [])
        self.assertEqual(
            [(s["round"], s["tool"], s["step"]) for s in samples],
            [(round_, tool, step) for round_ in (0, 1)
             for tool in ("one", "two")
             for step in ("first", "again", "changed", "restore")])
        self.assertEqual([s["repository_bytes"] for s in samples[:4]],
                         [6, 6, 10, 10])

    def test_a_wrong_restore_is_a_failure_and_gives_no_number(self):
        samples, failures = self.run_row(restored="something else")
        self.assertEqual(len(failures), 4)
        self.assertIn("not what was backed up", failures[0])
        self.assertNotIn("restore", {s["step"] for s in samples})


class Stages(unittest.TestCase):

    def test_the_slowest_chunker_counts(self):
        values = stages.pick([
            {"run_name": "BM_GearChunker/0", "bytes_per_second": 4e9},
            {"run_name": "BM_GearChunker/1", "bytes_per_second": 3e9},
            {"run_name": "BM_FixedChunker/2", "bytes_per_second": 1e9}])
        self.assertEqual(values, {"chunker": 3})

    def test_what_is_not_there_is_left_out(self):
        self.assertEqual(stages.pick([]), {})


class Options(unittest.TestCase):

    def parse(self, *arguments):
        return compare.parse(["--binaries=x", *arguments])

    def test_borg_stands_for_its_variants(self):
        self.assertEqual(compare.chosen_peers(["restic", "borg"]),
                         ["restic", "borg", "borg-repokey", "borg-zstd"])

    def test_a_group_may_be_two_rows(self):
        rows = compare.rows_of(self.parse("--rows=tls,stages"))
        self.assertEqual([row.name for row in rows], ["tls", "tls-stream"])

    def test_a_peer_that_is_not_installed_is_told_and_not_run(self):
        options = self.parse("--tools=cairn,restic,casync")
        with mock.patch.object(PEERS["casync"], "is_installed",
                               return_value=False), mock.patch.object(
                PEERS["restic"], "is_installed", return_value=True):
            self.assertEqual(compare.tools_of(ROWS[0], options),
                             ["cairn", "restic"])
            self.assertEqual(compare.missing_of(ROWS[0], options), ["casync"])
            self.assertEqual(PEERS["casync"].version(),
                             "casync: not installed")

    def test_every_peer_of_a_row_is_known(self):
        for row in ROWS:
            self.assertLessEqual(set(row.peers), set(PEERS))

    def test_casync_is_not_asked_for_what_it_refuses(self):
        for row in ROWS:
            if row.path == "-":
                self.assertNotIn("casync", row.peers)


class Measures(unittest.TestCase):

    def test_a_pipeline_gives_its_output_and_the_cost_of_each(self):
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "output")
            timed = measure.run(
                [Command("head", ["head", "-c", str(MIB), "/dev/zero"]),
                 Command("wc", ["wc", "-c"])], output=output)
            self.assertEqual(int(pathlib.Path(output).read_text()), MIB)
        self.assertEqual(list(timed.costs), ["head", "wc"])
        # Not that of this process.
        for cost in timed.costs.values():
            self.assertTrue(0 < cost.peak_mib < 10, cost)

    def test_a_failure_anywhere_in_the_pipeline_is_one(self):
        bad = Command("bad", ["sh", "-c", "echo why >&2; exit 3"])
        good = Command("good", ["cat"])
        for commands in ([bad], [bad, good], [good, bad]):
            with self.assertRaisesRegex(Failed, "why"):
                measure.run(commands)

    def test_apparent_bytes_leave_out_what_they_are_told_to(self):
        with tempfile.TemporaryDirectory() as folder:
            inner = pathlib.Path(folder, "inner")
            inner.mkdir()
            (inner / "a").write_bytes(bytes(5))
            (inner / "BALLAST").write_bytes(bytes(100))
            self.assertEqual(
                measure.apparent_bytes(folder, left_out=("BALLAST",)), 5)


class Corpus(unittest.TestCase):

    def test_the_same_machine_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            made = [corpus.ensure(os.path.join(folder, name), 8)
                    for name in ("one", "two")]
            self.assertEqual(*made)
            self.assertEqual(len(set(made[0].values())), 5)
            self.assertEqual(os.path.getsize(f"{folder}/one/vm.img"),
                             16 * MIB)

    def test_what_is_there_stays_and_what_is_damaged_is_made_again(self):
        with tempfile.TemporaryDirectory() as folder:
            made = corpus.ensure(folder, 8, ("rnd",))
            path = os.path.join(folder, "rnd.bin")
            before = os.stat(path).st_mtime_ns
            self.assertEqual(corpus.ensure(folder, 8, ("rnd",)), made)
            self.assertEqual(os.stat(path).st_mtime_ns, before)
            with open(path, "r+b") as file:
                file.write(b"damaged")
            self.assertEqual(corpus.ensure(folder, 8, ("rnd",)), made)
            self.assertEqual(corpus.digest(path), made["rnd.bin"])


if __name__ == "__main__":
    sys.exit(unittest.main())
