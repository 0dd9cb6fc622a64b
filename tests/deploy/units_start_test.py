"""What the units of deploy/systemd start: services that tell systemd that they
are ready, and jobs that do their work."""

import os
import shutil
import subprocess
import unittest

import case
import units
from unit_machine import STOP_SECONDS, Machine

# Made by the loader and the language before main, and never refused.
START_CALLS = {"execve", "arch_prctl", "rseq", "set_robust_list"}


class StartTest(case.Case):

    def setUp(self):
        super().setUp()
        self.machines = {form: Machine(self, form) for form in units.SERVICES}

    def start(self, form):
        """A machine whose services run, and these by name."""
        machine = self.machines[form]
        return machine, {name: machine.start(name) for name in machine.names}

    def stop(self, machine, processes):
        for name in reversed(machine.names):
            self.assertEqual(machine.stop(processes[name]), 0, name)

    def test_jobs_run_against_cairnd_and_against_the_four(self):
        for form in units.SERVICES:
            machine, processes = self.start(form)
            for name in units.JOBS:
                with self.subTest(name, form=form):
                    code, result, text = machine.run_job(name)
                    self.assertEqual(code, 0, text)
                    self.assertIn("succeeded", result)
                    # The same again is the same task, not a second one.
                    self.assertEqual(machine.run_job(name)[:2], (0, result))
            self.stop(machine, processes)
            shutil.rmtree(machine.replaced["/var/lib/cairn"])

    def test_the_four_serve_what_cairnd_stored_and_back(self):
        content = os.urandom(1 << 20)
        machine, processes = self.start("embedded")
        machine.cairn("backup", "host/web1", "disk.raw:-", "--quiet",
                      data=content)
        self.stop(machine, processes)
        for form in ("split", "embedded"):
            machine, processes = self.start(form)
            self.assertTrue(machine.cairn("restore", "host/web1/latest",
                                          "disk.raw", "-", "--quiet")
                            == content)
            self.stop(machine, processes)

    @unittest.skipUnless(shutil.which("strace")
                         and shutil.which("systemd-analyze"),
                         "strace or systemd-analyze is not installed")
    def test_the_filter_lets_through_what_is_called(self):
        machine = self.machines["embedded"]
        trace = os.path.join(self.folder, "trace")
        process = machine.start("cairnd", ["strace", "-f", "-c", "-S", "name",
                                           "-U", "name", "-o", trace])
        for name in units.JOBS:
            self.assertEqual(machine.run_job(name)[0], 0)
        children = subprocess.run(
            ["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
            check=True).stdout.split()
        os.kill(int(children[0]), 15)
        process.wait(timeout=STOP_SECONDS)
        with open(trace, encoding="ascii") as file:
            called = set(file.read().split()) - {"syscall", "total"}
        called = {c for c in called if c.isidentifier()}
        self.assertGreater(len(called), 20)
        unit = units.Unit(machine.root, "cairnd.service")
        self.assertEqual(called - units.system_calls(unit) - START_CALLS,
                         set())


if __name__ == "__main__":
    case.main()
