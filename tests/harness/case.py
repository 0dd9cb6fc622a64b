"""What the process-level tests share: a suite a test, errors, seeds."""

import os
import random
import re
import shutil
import tempfile
import time
import unittest
import uuid

import grpc

from client import Client, model
from report import main  # noqa: F401, as case.main
from suite import Suite, binaries_from

SOAK = os.environ.get("CAIRN_SOAK") == "1"
POLL_SECONDS = 0.02
# What a process of the suite may hold at its peak, by its default settings.
PEAK_BYTES = 256 << 20
# Sanitizers take several times the memory.
SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ
WAIT_SECONDS = 60


def slice_or_soak(few, many):
    """How many repetitions: `few` in the test run, `many` in the soak."""
    return many if SOAK else few


def make_random():
    """Randomness of a seed that is printed, or given by CAIRN_TEST_SEED."""
    seed = int(os.environ.get("CAIRN_TEST_SEED", uuid.uuid4().int % (1 << 32)))
    print(f"seed {seed}", flush=True)
    return random.Random(seed)


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Polls until `condition()` is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(POLL_SECONDS)


# google.rpc.ErrorInfo: field 1 the reason, field 2 the domain "cairn".
_ERROR_INFO = re.compile(rb"\x0a.([A-Z0-9_]{1,63})\x12\x05cairn", re.DOTALL)


def reason_of(error):
    """The google.rpc.ErrorInfo reason of an error; "" if it has none."""
    details = dict(error.trailing_metadata() or ()).get(
        "grpc-status-details-bin", b"")
    found = _ERROR_INFO.search(details)
    return found.group(1).decode() if found else ""


class Refusal:
    """A `with` block that must end with an RpcError of one of `codes`."""

    def __init__(self, test, codes, reason):
        self.test = test
        self.codes = codes
        self.reason = reason
        self.error = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if error is None:
            self.test.fail(f"no error; expected {self.codes} {self.reason}")
        if not isinstance(error, grpc.RpcError):
            return False
        self.error = error
        self.test.assertIn(error.code(), self.codes, error.details())
        # gRPC itself answers what it cannot decode, without a text.
        self.test.assertTrue(
            error.details() or error.code() == grpc.StatusCode.UNIMPLEMENTED,
            "an error without a text")
        if self.reason is not None:
            self.test.assertEqual(reason_of(error), self.reason,
                                  error.details())
        return True


class Case(unittest.TestCase):
    """A test that starts suites; all of them are gone when it ends."""

    maxDiff = 2000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cairn-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def new_suite(self, split=False, data=None, start=True, **options):
        suite = Suite(binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
                      data or os.path.join(self.folder, "data"), self.folder,
                      split=split, **options)
        self.addCleanup(suite.kill)
        self.addCleanup(suite.tell_dead)
        if start:
            suite.start()
        return suite

    def new_client(self, suite, **options):
        client = Client(suite.target, **options)
        self.addCleanup(client.close)
        return client

    def refused(self, *codes, reason=None):
        return Refusal(self, codes, reason)

    def stop(self, suite):
        """A clean end: every process exits with 0."""
        names = list(suite.processes)
        self.assertEqual(suite.stop(), {n: 0 for n in names},
                         suite.log_tail())

    def assert_memory_is_bounded(self, suite, what):
        for name, peak in suite.peak_bytes().items():
            print(f"{what}: {name}: peak {peak >> 20} MiB", flush=True)
            if not SANITIZED:
                self.assertLessEqual(peak, PEAK_BYTES, name)

    def assert_restores(self, client, archives):
        """`archives`: {resource name of an archive: its bytes}."""
        for name, data in archives.items():
            self.assertTrue(client.read(name) == data, f"{name} differs")


def back_up(client, group, archives, kind=model.ARCHIVE_KIND_STREAM,
            **fields):
    """A whole backup; returns {resource name of an archive: its bytes}."""
    session = client.open_session(group, **fields)
    for name, data in archives.items():
        client.write(session.name, name, data, kind=kind)
    snapshot = client.finish(
        session.name, {name: len(data) for name, data in archives.items()})
    return {f"{snapshot.name}/archives/{name}": data
            for name, data in archives.items()}
