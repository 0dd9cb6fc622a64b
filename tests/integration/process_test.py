#!/usr/bin/env python3
"""What who runs the processes meets: their metrics, and their end."""

import subprocess
import time
import urllib.request

import case
from case import Case, back_up

# Several times what is measured: two seconds, in which the library that
# serves /metrics looks whether it was asked to stop.
STOP_SECONDS = 5
MIB = 1 << 20


class OneProcess(Case):

    split = False

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split, metrics=True)
        self.client = self.new_client(self.suite)
        # Every service has been called by every other that calls it.
        self.assert_restores(self.client, back_up(
            self.client, "datastores/default/groups/host/a",
            {"a.raw": self.random.randbytes(3 * MIB)}))

    def test_metrics_are_as_prometheus_wants_them(self):
        for name in self.suite.names:
            url = f"http://127.0.0.1:{self.suite.metrics_port(name)}/metrics"
            with urllib.request.urlopen(url, timeout=20) as answer:
                text = answer.read()
            self.assertIn(b"cairn_", text, name)
            check = subprocess.run(["promtool", "check", "metrics"],
                                   input=text, check=False,
                                   capture_output=True)
            self.assertEqual((check.returncode, check.stdout, check.stderr),
                             (0, b"", b""), name)

    def test_an_idle_process_ends_soon(self):
        """Although clients, and the processes before it, stay connected."""
        for name in self.suite.names:
            process = self.suite.processes.pop(name)
            self.addCleanup(process.kill)
            start = time.monotonic()
            process.terminate()
            self.assertEqual(process.wait(timeout=60), 0, name)
            seconds = time.monotonic() - start
            print(f"{name} ended after {seconds:.2f} s", flush=True)
            self.assertLess(seconds, STOP_SECONDS, name)


    def test_local_users_are_kept_out_unless_they_are_let_in(self):
        """cairnd listens on its unix socket alone; others may be told to."""
        for name in self.suite.names:
            config = subprocess.run(
                [self.suite.binaries[name], "--print-config"], check=True,
                capture_output=True, text=True).stdout
            listens = "127.0.0.1:944" in config
            self.assertEqual(listens, name != "cairnd", config)


class FourProcesses(OneProcess):
    split = True


if __name__ == "__main__":
    case.main()
