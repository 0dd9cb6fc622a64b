#!/usr/bin/env python3
"""The protocol of leases, epochs, fences and sweeps, checked with spin.

Searches every state of each configuration of sweep.pml and pages.pml for a
violation of S1 to S4, and requires one of each variant with a rule taken out.
README.md has the table.

    model_test.py                     the test run
    model_test.py --exhaustive [NAME] the large configurations: minutes, and
                                      up to 12 GiB of memory
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

import report

FOLDER = pathlib.Path(__file__).resolve().parent
# A search that is cut off at this depth fails: it would not be exhaustive.
MAX_DEPTH = 1_000_000
# Of one search, in MiB and seconds of processor time.
TEST_LIMITS = (1000, 120)
EXHAUSTIVE_LIMITS = (12 * 1024, 3 * 3600)

Outcome = collections.namedtuple("Outcome", "broken states seconds memory text")


class Model(collections.namedtuple("Model", "file macros covers")):
    """A model file, the macros that choose what may happen, and in words what
    that covers."""


def sweep(macros, covers):
    return Model("sweep.pml", macros.split(), covers)


def pages(macros, covers):
    return Model("pages.pml", macros.split(), covers)


CONFIGURATIONS = {
    "session": sweep(
        "SWEEPS=2 BASE FORGET UNDELETE EXPIRY",
        "a writer whose base is forgotten in mid-session, and that may stand "
        "still beyond its ttl and come back; sweeps that are given up "
        "anywhere and begun again"),
    "late_sweeper": sweep(
        "SWEEPERS=2 BASE FORGET UNDELETE EXPIRY",
        "the same with two sweepers that know nothing of each other, so that "
        "the older one, or any message of it, may come after the newer one"),
    "trash_0": sweep(
        "SWEEPERS=2 BASE FORGET UNDELETE EXPIRY TRASH_0",
        "the same at trash time 0"),
    "three_records": sweep(
        "RECORDS=3 SWEEPERS=2 BASE FORGET EXPIRY",
        "the same with a record that nobody has stored yet"),
    "two_writers": sweep(
        "RECORDS=1 WRITERS=2 BASE FORGET UNDELETE EXPIRY",
        "two writers that may lose their leases and get them back, the "
        "second over the base or over what the first has just published; "
        "each of the three may be forgotten"),
    "reader": sweep(
        "SWEEPERS=2 FORGET UNDELETE READER",
        "a restore of the base or of what a writer has just published, whose "
        "lease may expire before and after it is granted; late sweeper"),
    "restart": sweep(
        "SWEEPERS=2 EXPIRY RESTART",
        "chunk_storage restarts at any time, and the answer to its question "
        "for the epoch may come late; late sweeper"),
    "restart_base": sweep(
        "SWEEPS=2 BASE FORGET EXPIRY RESTART",
        "the same with a base that is forgotten, and sweeps given up"),
    "restart_writers": sweep(
        "WRITERS=2 RESTART",
        "the same with two writers, of which one relies on what the other "
        "has stored and nobody has synced"),
    "import": sweep(
        "SWEEPERS=2 IMPORT",
        "a snapshot that is listed without pins, beside a writer and a late "
        "sweeper"),
    "pages": pages(
        "WRITERS=2 SWEEPERS=2",
        "page rows: two writers of the same pages, late sweeper"),
    "pages_power_cut": pages(
        "SWEEPERS=2 EXPIRY POWER_CUT",
        "the same with one writer, and power cuts of index"),
}

# Rule, the configuration it is taken out of, and which property that breaks.
# None: nothing breaks, which README.md explains.
MUTANTS = [
    ("NO_PIN", "session", "S1"),
    ("NO_PUT_TOUCH", "session", "S1"),
    ("NO_LOCK", "session", "S1"),
    ("NO_FENCE_AT_PUBLISH", "session", "S1"),
    ("NO_FENCE_AT_SPLICE", "session", None),
    ("NO_SPLICE_RECORD", "session", "S1"),
    ("NO_BASE_ROW", "session", "S1"),
    ("NO_BASE_NOT_GONE", "session", "S1"),
    ("NO_CUT", "session", "S4"),
    ("NO_ROW_CUT", "session", "S3"),
    ("NO_FIXED_EPOCH", "session", "S1"),
    ("NO_VIEW_AFTER_FENCE", "session", "S1"),
    ("NO_GONE", "session", "S1"),
    ("NO_TOUCH_AT_DROP", "session", "S1"),
    ("NO_TOKEN_CHECK", "late_sweeper", "S1"),
    ("NO_FENCED_DISCARD", "late_sweeper", "S1"),
    ("NO_TOKEN_AT_FENCE", "late_sweeper", "S1"),
    ("NO_LEASES_AFTER_VIEW", "reader", "S2"),
    ("NO_LEASE_FIRST", "reader", "S2"),
    ("NO_PENDING_LISTED", "reader", "S2"),
    ("NO_CONFIRM", "reader", "S2"),
    ("NO_INCARNATION", "restart", "S1"),
    ("NO_NEW_FLOOR", "restart", "S1"),
    ("NO_FLOOR_WAIT", "restart", "S1"),
    ("NO_FLOOR_INCARNATION", "restart", "S1"),
    ("FLOOR_WITH_EVERY_TOKEN", "restart", "S3"),
    ("NO_REMOVAL_SYNC", "restart", "S1"),
    ("NO_SYNC_OF_PRESENT", "restart_writers", "S1"),
    ("NO_IMPORT_TOKEN", "import", "S1"),
    ("NO_IMPORT_INDEX_TOKEN", "import", "S1"),
    ("NO_TOKEN_CHECK", "import", "S1"),
    ("NO_MARK_CARRY", "session", "S1"),
    ("NO_TOUCH_CARRY", "session", "S1"),
    ("NO_TOUCH", "pages", "S1"),
    ("NO_CUT", "pages", "S4"),
    ("NO_TOKEN_CHECK", "pages", "S1"),
    ("NO_FENCE_AT_PUBLISH", "pages_power_cut", "S1"),
    ("NO_FIXED_EPOCH", "pages_power_cut", "S1"),
    ("NO_FLOOR", "pages_power_cut", "S1"),
    ("NO_INCARNATION", "pages_power_cut", "S1"),
]

EXHAUSTIVE = {
    "two_writers_two_sweepers": sweep(
        "RECORDS=1 WRITERS=2 SWEEPERS=2 BASE FORGET EXPIRY",
        "two writers, of which each may lose its lease and get it back, the "
        "second over what the first has published; late sweeper"),
    "two_writers_restart": sweep(
        "RECORDS=1 WRITERS=2 BASE FORGET EXPIRY RESTART",
        "the same with one sweeper, and restarts of chunk_storage"),
    "two_writers_reader": sweep(
        "RECORDS=1 WRITERS=2 FORGET UNDELETE EXPIRY READER",
        "the same with one sweeper, and a restore"),
    "restart_two_records": sweep(
        "SWEEPERS=2 BASE FORGET EXPIRY RESTART",
        "one writer and restarts, late sweeper"),
    "pages_two_of_each": pages(
        "WRITERS=2 SWEEPERS=2 EXPIRY POWER_CUT",
        "page rows with all that may happen to them at once"),
}


def run(command, folder, seconds=60):
    """stdout and stderr of a command that must exit with 0, within so much
    processor time."""
    done = subprocess.run(
        ["prlimit", f"--cpu={seconds}", *command], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    if done.returncode != 0:
        raise AssertionError(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def number(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        raise AssertionError(f"no {pattern!r} in what pan printed:\n{text}")
    return float(found.group(1))


def search(model, mutant, limits, compiler_flags):
    """Searches every state of a model. Raises AssertionError if it could
    not. `broken` of the Outcome is the property that is violated, or None."""
    memory_mib, seconds = limits
    macros = model.macros + ([mutant] if mutant else [])
    with tempfile.TemporaryDirectory(prefix="cairn-model-") as folder:
        run(["spin", "-a", *(f"-D{m}" for m in macros),
             str(FOLDER / model.file)], folder)
        run(["gcc", "-w", "-DSAFETY", "-DNOFAIR", f"-DMEMLIM={memory_mib}",
             *compiler_flags, "-o", "pan", "pan.c"], folder)
        # -E: that nothing more can happen is no violation.
        begin = time.monotonic()
        text = run(["./pan", "-E", f"-m{MAX_DEPTH}"], folder, seconds)
        elapsed = time.monotonic() - begin
    errors = number(r"errors: (\d+)", text)
    violated = re.search(r"assertion violated .*\bis_(S[1-4])\b", text)
    if (errors > 0) != (violated is not None):
        raise AssertionError(f"an error that is no property:\n{text}")
    if violated is None and ("max search depth too small" in text
                             or "Search not completed" in text):
        raise AssertionError(f"the search is not exhaustive:\n{text}")
    return Outcome(violated.group(1) if violated else None,
                   int(number(r"([\d.e+]+) states, stored", text)), elapsed,
                   number(r"([\d.]+)\s+total actual memory usage", text), text)


def print_row(name, outcome):
    print(f"{name:48} {outcome.broken or 'holds':5} {outcome.states:>12,} "
          f"states {outcome.seconds:6.1f} s {outcome.memory:7.0f} MiB",
          flush=True)


class Rules(unittest.TestCase):
    """One function a configuration or mutant, added below."""

    # Each search takes memory of its own.
    pool = concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    searches = {}

    def check(self, name, expected):
        outcome = self.searches[name].result()
        print_row(name, outcome)
        self.assertEqual(outcome.broken, expected, outcome.text)


def add_test(name, configuration, mutant, expected):
    Rules.searches[name] = Rules.pool.submit(
        search, CONFIGURATIONS[configuration], mutant, TEST_LIMITS,
        # A violation is found before a better compilation pays.
        ["-O0" if expected else "-O1"])
    setattr(Rules, f"test_{name}", lambda self: self.check(name, expected))


def add_tests():
    for name in CONFIGURATIONS:
        add_test(name, name, None, None)
    for rule, name, broken in MUTANTS:
        add_test(f"{name}_{rule}", name, rule, broken)


def run_exhaustive(names):
    bad = 0
    for name in names or EXHAUSTIVE:
        print(f"{name}: {EXHAUSTIVE[name].covers}", flush=True)
        outcome = search(EXHAUSTIVE[name], None, EXHAUSTIVE_LIMITS,
                         ["-O2", "-DCOLLAPSE"])
        print_row(name, outcome)
        if outcome.broken:
            print(outcome.text)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--exhaustive"]:
        sys.exit(run_exhaustive(sys.argv[2:]))
    add_tests()
    report.main()
