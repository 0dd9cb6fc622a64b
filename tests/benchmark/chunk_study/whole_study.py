#!/usr/bin/env python3
"""Whole backups and restores by size of chunks, through a real cairnd.

  whole_study.py --binaries=FOLDER [--image=FILE,FILE] [--stream=FILE,FILE]
                 [--image-chunkers=NAME:KIB,...] [--stream-chunkers=...]
                 [--rounds=N] [--read-limit=READS,BYTES] [--folder=FOLDER]
                 [--json=FILE]

A new archive takes the chunker of the same archive of its base. So a few
bytes are written first by a client that names the chunker, and `cairn` goes
on with it: first backup, the same again, the changed file, and both restores.
Each step is cold. Prints a table in
Markdown; medians of the rounds, which go through all chunkers in turn. With
--read-limit cairnd reads the disk at most that often and that fast in a
second while it restores (see read_limit.py), and the table says how often it
did: reads that the kernel joins count once.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from google.protobuf.timestamp_pb2 import Timestamp

from cli import Cli
from client import Client, model
from measure import GIB, MIB, Command, ServerCosts, make_cold, run
from read_limit import ReadLimit
from suite import Suite, binaries_from

GROUP = "host/study"
FIRST_TIME = 1_700_000_000
CHUNKERS = {
    "image": "fixed-v1:64,fixed-v1:128,fixed-v1:256,fixed-v1:512,"
             "fixed-v1:1024,fixed-v1:4096",
    "stream": "poly-v1:64,poly-v1:128,poly-v1:256,poly-v1:512,poly-v1:1024,"
              "poly-v1:4096",
}
KINDS = {"image": (model.ARCHIVE_KIND_IMAGE, "a.img"),
         "stream": (model.ARCHIVE_KIND_STREAM, "a.raw")}
STEPS = ("first", "again", "changed", "restore first", "restore changed")


def spec_of(text):
    """`NAME:KIB`; minimum and maximum are a quarter and four times."""
    name, kib = text.split(":")
    average = int(kib) << 10
    around = 1 if name.startswith("fixed") else 4
    return model.ChunkerSpec(name=name, min_bytes=average // around,
                             average_bytes=average,
                             max_bytes=average * around)


def pack_bytes(data):
    return sum(path.stat().st_size
               for path in pathlib.Path(data).rglob("*.pack"))


def time_of(number):
    """When snapshot `number` was, of which each has a second of its own."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(FIRST_TIME + number))


def write_seed(target, archive, kind, spec):
    """The first snapshot, from which the others take the chunker."""
    client = Client(target)
    try:
        session = client.open_session(
            "datastores/default/groups/" + GROUP,
            backup_time=Timestamp(seconds=FIRST_TIME))
        client.write(session.name, archive, b"chunker", kind=kind,
                     chunker=spec)
        client.finish(session.name, {archive: len(b"chunker")})
    finally:
        client.close()


class Steps:
    """All steps of one pair of files under one chunker."""

    def __init__(self, options, corpus, files, chunker):
        self.options = options
        self.files = files
        self.chunker = chunker
        self.kind, self.archive = KINDS[corpus]

    def run(self):
        """{step: {"seconds", "cpu_seconds_per_gib", "packs_mib"}}"""
        folder = tempfile.mkdtemp(prefix="cairn-study-",
                                  dir=self.options.folder)
        data = os.path.join(folder, "data")
        suite = Suite(binaries_from(self.options.binaries), data, folder)
        limit = None
        if self.options.read_limit:
            limit = ReadLimit(self.options.folder,
                              *self.options.read_limit.split(","))
            suite.prefix = limit.prefix
        try:
            suite.start()
            write_seed(suite.target, self.archive, self.kind,
                       spec_of(self.chunker))
            cairn = Cli(suite.binaries["cairn"], suite.target, folder)
            out = os.path.join(folder, "restored")
            results = {}
            for number, step in enumerate(STEPS, 1):
                if step.startswith("restore"):
                    taken = time_of(STEPS.index(step.split()[1]) + 1)
                    command = ["restore", f"{GROUP}/{taken}", self.archive,
                               out]
                else:
                    changed = step == "changed"
                    command = ["backup", GROUP,
                               f"{self.archive}:{self.files[changed]}",
                               f"--backup-time={time_of(number)}"]
                make_cold([*self.files, data])
                results[step] = self.measure(suite, cairn, command, limit)
                results[step]["packs_mib"] = pack_bytes(data) / MIB
                if step.startswith("restore"):
                    restored = self.files["changed" in step]
                    subprocess.run(["cmp", restored, out], check=True)
                    os.unlink(out)
            return results
        finally:
            suite.kill()
            if limit:
                limit.close()
            shutil.rmtree(folder, ignore_errors=True)

    def measure(self, suite, cairn, command, limit):
        reads = limit.reads() if limit else 0
        if limit:
            limit.set(command[0] == "restore")
        servers = ServerCosts(suite)
        timed = run([Command("cairn", [cairn.binary, *command])],
                    cairn.environment)
        costs = [*timed.costs.values(), *servers.taken().values()]
        if limit:
            limit.set(False)
            reads = limit.reads() - reads
        gib = os.path.getsize(self.files[0]) / GIB
        return {"seconds": timed.seconds, "reads": reads,
                "cpu_seconds_per_gib":
                    sum(cost.cpu_seconds for cost in costs) / gib,
                "peak_mib": max(cost.peak_mib for cost in costs)}


def median_of(rounds, step, field):
    return statistics.median(results[step][field] for results in rounds)


def cell_of(rounds, step):
    text = (f"{median_of(rounds, step, 'seconds'):.2f} "
            f"({median_of(rounds, step, 'cpu_seconds_per_gib'):.2f})")
    reads = median_of(rounds, step, "reads")
    return f"{text} {reads:.0f} reads" if reads else text


def print_table(corpus, size, measured):
    print(f"### {corpus}: {size / MIB:.0f} MiB, seconds of wall (CPU seconds "
          "a GiB, client and server)\n")
    print("| chunker | " + " | ".join(STEPS) + " | packs MiB | growth MiB |")
    print("|" + " --- |" * (len(STEPS) + 3))
    for chunker, rounds in measured.items():
        cells = [cell_of(rounds, step) for step in STEPS]
        first = median_of(rounds, "again", "packs_mib")
        growth = median_of(rounds, "changed", "packs_mib") - first
        print(f"| {chunker} | " + " | ".join(cells)
              + f" | {first:.1f} | {growth:.1f} |", flush=True)
    print(flush=True)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    for corpus, chunkers in CHUNKERS.items():
        parser.add_argument(f"--{corpus}", metavar="FILE,FILE")
        parser.add_argument(f"--{corpus}-chunkers", default=chunkers)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read-limit", metavar="READS,BYTES")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--json")
    return parser.parse_args()


def main():
    options = parse()
    report = {}
    for corpus in CHUNKERS:
        if not getattr(options, corpus):
            continue
        files = getattr(options, corpus).split(",")
        chunkers = getattr(options, corpus + "_chunkers").split(",")
        measured = collections.defaultdict(list)
        for number in range(options.rounds):
            for chunker in chunkers:
                print(f"{corpus}, round {number + 1}, {chunker}",
                      file=sys.stderr, flush=True)
                measured[chunker].append(
                    Steps(options, corpus, files, chunker).run())
        print_table(corpus, os.path.getsize(files[0]), measured)
        report[corpus] = measured
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
