"""Runs the `cairn` program against a suite."""

import json
import os
import subprocess

COMMAND_SECONDS = 120


class Cli:

    def __init__(self, binary, server, home):
        self.binary = binary
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8",
            "CAIRN_SERVER": server}

    def start(self, *arguments, **options):
        """A process with pipes; stdin too, unless given."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE,
                   "env": self.environment} | options
        return subprocess.Popen([self.binary, *map(os.fspath, arguments)],
                                **options)

    def run(self, *arguments, code=0, **options):
        """(stdout, stderr) as bytes, after the exit code was as expected.

        None: any code."""
        stdin = options.pop("input", None)
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(stdin,
                                               timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if code is not None and process.returncode != code:
            raise AssertionError(
                f"cairn {' '.join(map(str, arguments))}: exit code "
                f"{process.returncode}, expected {code}\n{err.decode()[-3000:]}"
                f"{(out or b'')[-1000:].decode(errors='replace')}")
        return out, err

    def text(self, *arguments, **options):
        return self.run(*arguments, **options)[0].decode()

    def json(self, *arguments, **options):
        return json.loads(self.run(*arguments, "--output-format", "json",
                                   **options)[0])

    def error(self, code, *arguments, **options):
        """The text of a command that must end with `code`."""
        return self.run(*arguments, code=code, **options)[1].decode()
