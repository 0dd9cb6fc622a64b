#!/usr/bin/env python3
"""Certificates that expire while connections are open, and their renewal.

Needs root: network namespaces. README.md tells what is expected.
"""

import time
import unittest

import case
from case import wait_until
from net_case import NetCase
from suite import SERVICES

# As long as a certificate is good: its process starts meanwhile.
GOOD_SECONDS = 12
# Every process looks for renewed files each minute.
RELOAD_SECONDS = 60
UNREACHABLE = 75


class Expiry(NetCase):

    load_options = {"retry_seconds": 240}

    def await_expiry(self):
        wait_until(lambda: time.monotonic() > self.suite.expiry,
                   "it expires", 2 * GOOD_SECONDS + 5)

    def answer(self, *arguments):
        """(exit code, what went wrong) of a command that tries once."""
        with self.cairn.start(*arguments) as command:
            _, err = command.communicate()
        return command.returncode, err.decode()

    def test_open_connections_outlive_a_certificate_and_new_ones_are_refused(
            self):
        self.suite.kill(["ingest"])
        self.suite.certify("ingest", GOOD_SECONDS)
        self.suite.start(["ingest"])
        client = self.new_client(self.suite,
                                 credentials=self.suite.credentials)
        client.status()
        self.await_expiry()
        client.status()  # by the same connection
        code, err = self.answer("status")
        self.assertEqual(code, UNREACHABLE, err)
        self.assertRegex(err, "(?i)certificate|handshake|tls|ssl")
        self.assert_alive()


class Renewal(Expiry):

    suite_options = {"certificate_seconds": 2 * GOOD_SECONDS}
    test_open_connections_outlive_a_certificate_and_new_ones_are_refused = None

    @unittest.skipUnless(case.SOAK, "in the soak run")
    def test_renewal_heals_without_a_restart_and_no_backup_fails(self):
        self.load.start()
        self.await_expiry()
        # All connections are cut: between the services none comes about now.
        for caller in SERVICES:
            for server in SERVICES:
                if caller != server:
                    self.machines.part(caller, server, "reset")
        self.load.stopping.wait(10)
        self.machines.heal()
        self.assertFalse(self.works())
        before = {name: process.pid
                  for name, process in self.suite.processes.items()}
        for name in SERVICES:
            self.suite.certify(name)
        start = time.monotonic()
        wait_until(self.works, "renewed certificates are taken",
                   RELOAD_SECONDS + 60)
        print(f"healed {time.monotonic() - start:.1f} s after the renewal",
              flush=True)
        self.load.await_more(1)
        self.assertEqual(before, {name: process.pid for name, process
                                  in self.suite.processes.items()})
        self.end()


class Rotation(NetCase):

    @unittest.skipUnless(case.SOAK, "in the soak run")
    def test_rotation_in_time_is_not_noticed(self):
        self.load.start()
        for name in SERVICES:
            self.suite.certify(name)
        self.load.stopping.wait(RELOAD_SECONDS + 10)
        self.assertEqual(self.load.complaints, [])
        self.assertTrue(self.works())
        self.load.await_more(1)
        self.assertEqual(self.load.retries, 0)
        self.end()


if __name__ == "__main__":
    case.main()
