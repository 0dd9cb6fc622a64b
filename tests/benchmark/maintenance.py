#!/usr/bin/env python3
"""The figures of maintenance: mark, sweep, peers, backups beside, prune, verify.

  maintenance.py --binaries=FOLDER [--only=ROW,...] [--rounds=N]
                 [--folder=FOLDER] [--json=FILE] [--warm] [scales, see --help]

Prints the machine, a table for each row and the figures to reach, as
Markdown. A row that fails is told, and the others go on. Exit code 0 says that
all went through, whether or not a figure was reached; README.md says what each
row is.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback

import machine
import maintenance_figures
from compare import (add_figures, default_folder, print_section, run,
                     words_of)
from maintenance_rows import MEASURES, TOOLS
from peers import PEERS
from saved_tool import Bench


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True, type=os.path.abspath)
    parser.add_argument("--only", type=words_of(maintenance_figures.ROWS),
                        default=list(maintenance_figures.ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", type=words_of(TOOLS), default=list(TOOLS))
    parser.add_argument("--folder", default=default_folder(),
                        type=os.path.abspath)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--warm", action="store_true")
    scales = parser.add_argument_group("scales of the input")
    scales.add_argument("--mark", default="1000000:1000:64 1000000:30:1",
                        metavar="CHUNKS:SNAPSHOTS:RUN ...")
    scales.add_argument("--store", type=int, default=4096, metavar="MIB",
                        help="of sweep and beside")
    scales.add_argument("--backup", type=int, default=128, metavar="MIB",
                        help="each of beside")
    scales.add_argument("--size", type=int, default=256, metavar="MIB",
                        help="of the tree of peers")
    scales.add_argument("--generations", type=int, default=20)
    scales.add_argument("--groups", type=int, default=10_000)
    scales.add_argument("--snapshots", type=int, default=10,
                        help="a group, of prune")
    return parser.parse_args(arguments)


def run_row(row, bench, report):
    """Measures one row into `report`; what fails is told there."""
    print(f"{row} ...", file=sys.stderr, flush=True)
    try:
        values, lines, details = MEASURES[row](bench)
    except Exception as error:  # pylint: disable=broad-exception-caught
        traceback.print_exc()
        report["failures"].append(f"{row}: {type(error).__name__}: {error}")
        print_section(f"{row}: FAILED", [str(error)])
        return
    report["values"] |= values
    report["rows"][row] = details
    print_section(row, lines)


def measure_all(options):
    facts = machine.facts([PEERS[name].version() for name in options.tools
                           if name in PEERS])
    print_section("machine", [f"- {name}: {value}" for name, value in facts])
    report = {"facts": dict(facts), "options": vars(options), "values": {},
              "rows": {}, "failures": []}
    folder = tempfile.mkdtemp(prefix="maintenance-", dir=options.folder)
    bench = Bench(options, folder)
    try:
        for row in options.only:
            run_row(row, bench, report)
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)
    found = maintenance_figures.figures(report["values"])
    add_figures(report, found)
    return report


if __name__ == "__main__":
    sys.exit(run(parse(sys.argv[1:]), measure_all))
