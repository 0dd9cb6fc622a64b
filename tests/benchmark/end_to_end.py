#!/usr/bin/env python3
"""How fast whole backups and restores are, and what they cost.

  end_to_end.py --binaries=FOLDER [--gib=1,4] [--forms=cairnd,split]
                [--folder=FOLDER] [--json]

Streams of each size go through `cairn` into cairnd and into four processes:
unique data, the same data again, and back out. Each line: MiB/s, its ratio to
what the machine copies through a pipe (`cat | cat`, measured in this run),
CPU seconds a GiB and peak memory of each process. The source lies in memory
(/dev/shm), the data directory in --folder, on a disk.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile

from cli import Cli
from measure import (GIB, MIB, Command, Failed, ServerCosts, disk_limit,
                     pipe_limit, run)
from suite import Suite, binaries_from

HALF_COMPRESSIBLE = bytes(range(16)) * 16


def make_source(path, size_bytes):
    """Unique bytes; every other piece compresses to a half."""
    with open(path, "wb") as file:
        for number in range(size_bytes // MIB):
            piece = os.urandom(MIB)
            if number % 2:
                piece = piece.translate(HALF_COMPRESSIBLE)
            file.write(piece)


def measure_command(suite, size_bytes, command, environment):
    """One timed command, with what each process spent on it."""
    servers = ServerCosts(suite)
    try:
        timed = run([Command("cairn", command)], environment)
    except Failed as error:
        raise RuntimeError(f"{error}\n{suite.log_tail()}") from error
    gib = size_bytes / GIB
    return {"mib_per_second": size_bytes / MIB / timed.seconds,
            "seconds": timed.seconds,
            "processes": {
                name: {"cpu_seconds_per_gib": cost.cpu_seconds / gib,
                       "peak_mib": cost.peak_mib}
                for name, cost in (timed.costs | servers.taken()).items()}}


def measure_form(options, form, source, size_bytes):
    folder = tempfile.mkdtemp(prefix="cairn-benchmark-", dir=options.folder)
    suite = Suite(binaries_from(options.binaries),
                  os.path.join(folder, "data"), folder, split=form == "split")
    try:
        suite.start()
        cairn = Cli(suite.binaries["cairn"], suite.target, folder)
        results = {}
        for name, arguments in (
                ("ingest unique", ["backup", "host/a", f"a.raw:{source}"]),
                ("ingest duplicate", ["backup", "host/b", f"a.raw:{source}"]),
                ("restore", ["restore", "host/a/latest", "a.raw", "-"])):
            results[name] = measure_command(
                suite, size_bytes, [cairn.binary, *arguments],
                cairn.environment)
        return results
    finally:
        suite.kill()
        shutil.rmtree(folder, ignore_errors=True)


def print_result(form, gib, name, result, limit):
    print(f"{form:7} {gib} GiB {name:17} "
          f"{result['mib_per_second']:7.0f} MiB/s "
          f"{result['mib_per_second'] / limit:5.2f} of a pipe")
    for process, cost in result["processes"].items():
        print(f"          {process:14} {cost['cpu_seconds_per_gib']:6.2f} "
              f"CPU s/GiB  peak {cost['peak_mib']:5.0f} MiB")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--gib", default="1,4")
    parser.add_argument("--forms", default="cairnd,split")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    report = []
    source = os.path.join("/dev/shm", f"cairn-benchmark-{os.getpid()}")
    try:
        for gib in [int(text) for text in options.gib.split(",")]:
            make_source(source, gib * GIB)
            pipe = pipe_limit(source, gib * GIB)
            disk = disk_limit(source, gib * GIB, options.folder)
            if not options.json:
                print(f"{gib} GiB: a pipe {pipe:.0f} MiB/s, the disk with "
                      f"fsync {disk:.0f} MiB/s", flush=True)
            for form in options.forms.split(","):
                results = measure_form(options, form, source, gib * GIB)
                for name, result in results.items():
                    report.append({"form": form, "gib": gib, "name": name,
                                   "pipe_mib_per_second": pipe,
                                   "disk_mib_per_second": disk} | result)
                    if not options.json:
                        print_result(form, gib, name, result, pipe)
                        sys.stdout.flush()
    finally:
        if os.path.exists(source):
            os.unlink(source)
    if options.json:
        json.dump(report, sys.stdout, indent=2)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
