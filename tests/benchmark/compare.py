#!/usr/bin/env python3
"""Cairn beside restic, borg and casync, on the same machine and input.

  compare.py --binaries=FOLDER [--size=MIB] [--rounds=N] [--rows=ROW,...]
             [--tools=TOOL,...] [--folder=FOLDER] [--json=FILE] [--warm]

Every tool goes through the same steps in turn, round by round, over a fresh
repository; sources and repositories are cold, and what comes back is compared
byte for byte. Prints the machine, its limits, a table for each row and the
figures to reach, as Markdown. Exit code 0 says that all went through, whether
or not a figure was reached; README.md says what each row is.
"""

import argparse
import functools
import json
import os
import pathlib
import sys

import corpus
import figures
import machine
import stages
import summary
from cairn_tool import Cairn
from measure import apparent_bytes
from peers import PEERS
from rows import GROUPS, ROWS, Bench
from suite import binaries_from

STAGE_BENCHMARK = "tests/benchmark/stage_benchmark"
OTHER_ROWS = ("limits", "stages")
ALL_ROWS = tuple(GROUPS) + OTHER_ROWS
TOOLS = ("cairn", "restic", "borg", "casync")


def default_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "cairn-benchmark")


def words_of(allowed):
    def parse(text):
        words = text.split(",")
        unknown = [word for word in words if word not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{','.join(unknown)}: allowed are {','.join(allowed)}")
        return words
    return parse


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True,
                        type=os.path.abspath)
    parser.add_argument("--size", type=int, default=512, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=words_of(ALL_ROWS),
                        default=list(ALL_ROWS))
    parser.add_argument("--tools", type=words_of(TOOLS), default=list(TOOLS))
    parser.add_argument("--folder", default=default_folder(),
                        type=os.path.abspath)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--warm", action="store_true")
    return parser.parse_args(arguments)


def chosen_peers(names):
    """Of the tools that were asked for; borg stands for its variants too."""
    return [name for name in PEERS if name.split("-")[0] in names]


def tools_of(row, options):
    """Names of the tools of a row, Cairn's first; those not there left out."""
    cairns = [name for name, _, _ in row.cairns]
    if row.peers and "cairn" not in options.tools:
        cairns = []
    return cairns + [name for name in chosen_peers(options.tools)
                     if name in row.peers and PEERS[name].is_installed()]


def missing_of(row, options):
    return [name for name in chosen_peers(options.tools)
            if name in row.peers and not PEERS[name].is_installed()]


def rows_of(options):
    names = {name for group in options.rows for name in GROUPS.get(group, ())}
    return [row for row in ROWS if row.name in names]


@functools.cache
def source_bytes(path, as_pipe):
    if as_pipe:
        return machine.pipe_bytes(path)
    if os.path.isdir(path):
        return apparent_bytes(path)
    return os.path.getsize(path)


def sizes_of(rows, folder):
    """Bytes of the source by row and step."""
    return {row.name: {step.name: source_bytes(
        os.path.join(folder, step.source), row.path == "-")
        for step in row.steps} for row in rows}


def measure_rows(options, folder, sizes):
    """All samples, and what failed. Prints each row as it ends."""
    binaries = binaries_from(options.binaries)

    def make_tool(name, form, place):
        if form is None:
            return PEERS[name](place)
        return Cairn(place, binaries, *form, name=name)

    samples = []
    bench = Bench(folder, options.folder, make_tool, options.warm)
    try:
        for row in rows_of(options):
            samples += bench.rounds(row, tools_of(row, options),
                                    options.rounds)
            print_row(row, options, summary.summarize(samples), sizes)
    finally:
        bench.close()
    return samples, bench.failures


def print_section(title, lines):
    print(f"\n## {title}\n", *lines, sep="\n", flush=True)


def print_row(row, options, results, sizes):
    print_section(f"{row.name}: {row.title}", summary.row_table(
        results.get(row.name, {}), row.cairns[0][0], sizes[row.name],
        missing_of(row, options)))


def print_limits(limits):
    print_section("limits of the machine", [
        "| what | wall s | GiB/s | CPU s |", "|---|---:|---:|---:|",
        *(f"| {name} | {seconds:.2f} | {speed:.2f} | {cpu:.2f} |"
          for name, speed, seconds, cpu in limits)])


def compare(options):
    folder = os.path.join(options.folder, f"corpus-{options.size}")
    manifest = corpus.ensure(folder, options.size)
    versions = [PEERS[name].version() for name in PEERS
                if name in options.tools]
    facts = machine.facts(versions)
    print_section("machine", [f"- {name}: {value}" for name, value in facts])
    report = {"facts": dict(facts), "size_mib": options.size,
              "rounds": options.rounds, "corpus": manifest}
    if "limits" in options.rows:
        report["limits"] = machine.limits(folder, options.rounds)
        print_limits(report["limits"])
    sizes = sizes_of(rows_of(options), folder)
    report["samples"], report["failures"] = measure_rows(options, folder,
                                                         sizes)
    values = {}
    if "stages" in options.rows:
        report["stages"] = stages.run(
            os.path.join(options.binaries, STAGE_BENCHMARK), options.folder,
            options.rounds)
        values = stages.pick(report["stages"])
        print_section("stages, one core", stages.table(report["stages"]))
    found = figures.figures(summary.summarize(report["samples"]), sizes,
                            values)
    add_figures(report, found)
    return report


def add_figures(report, found):
    print_section("figures to reach", figures.figure_table(found))
    report["figures"] = [figure._asdict() | {"holds": figure.holds}
                         for figure in found]


def run(options, measure):
    """Measures, and keeps the report as JSON; the exit code."""
    os.makedirs(options.folder, exist_ok=True)
    report = measure(options)
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps(report, indent=2) + "\n")
    if report["failures"]:
        print_section("FAILED", report["failures"])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(parse(sys.argv[1:]), compare))
