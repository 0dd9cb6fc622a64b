"""Tests of the `cairn` program against a suite."""

import os
import pathlib

import case
from cli import Cli


class CliCase(case.Case):
    """A suite, embedded or split, a client of its protos, and `cairn`."""

    split = False
    suite_options = {}  # further arguments of Suite

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split, **self.suite_options)
        self.client = self.new_client(self.suite)
        self.cairn = Cli(self.suite.binaries["cairn"], self.server(),
                         self.folder)

    def server(self):
        """Where `cairn` finds the suite."""
        return self.suite.target

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        pathlib.Path(self.path(name)).write_bytes(content)
        return self.path(name)
