"""How a Python test reports to bazel: each test function, with its time."""

import os
import pathlib
import sys
import time
import unittest
import xml.sax.saxutils


class _Result(unittest.TextTestResult):
    """Also remembers what passed, and how long each took."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []

    def startTest(self, test):  # noqa: N802
        super().startTest(test)
        self.started = time.monotonic()

    def stopTest(self, test):  # noqa: N802
        super().stopTest(test)
        seconds = time.monotonic() - self.started
        self.cases.append((test, seconds))
        self.stream.writeln(f"    {seconds:.1f} s")
        self.stream.flush()


def _write_report(path, result):
    bad = {test.id() for test, _ in result.failures + result.errors}
    skipped = {test.id() for test, _ in result.skipped}
    with open(path, "w", encoding="utf-8") as report:
        report.write('<testsuites><testsuite name="python">\n')
        for test, seconds in result.cases:
            name = xml.sax.saxutils.quoteattr(test.id())
            inner = ("<failure/>" if test.id() in bad else
                     "<skipped/>" if test.id() in skipped else "")
            report.write(f'<testcase name={name} time="{seconds:.3f}">'
                         f"{inner}</testcase>\n")
        report.write("</testsuite></testsuites>\n")


def main():
    """unittest.main, with a report that counts each test function."""
    runner = unittest.TextTestRunner(
        stream=sys.stdout, verbosity=2, resultclass=_Result)
    program = unittest.main(module="__main__", testRunner=runner, exit=False)
    if "XML_OUTPUT_FILE" in os.environ:
        _write_report(pathlib.Path(os.environ["XML_OUTPUT_FILE"]),
                      program.result)
    sys.exit(not program.result.wasSuccessful())
