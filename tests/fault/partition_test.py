#!/usr/bin/env python3
"""Networks that part, lose packets and are narrow, between real machines.

Needs root: network namespaces. README.md tells what is expected of each.
"""

import itertools
import time
import unittest

import case
from net_case import NetCase
from net_suite import PAIRS
from network import WAYS

# Index and chunk storage never speak to each other: nothing is noticed.
STRANGERS = ("index", "chunk_storage")
# Long enough that what is under way is caught; longer than keepalive needs to
# give a connection up, and than a lease lasts.
SHORT_SECONDS, LONG_SECONDS = 5, 60
LEASE_SECONDS = 20
PARTED = 2  # of the 28, in the test run
LOST_SHARE = 0.1
BITS_A_SECOND = 16_000_000


class Partitions(NetCase):

    suite_options = {"lease_seconds": LEASE_SECONDS}
    load_options = {"slow_bytes": case.slice_or_soak(6, 16) << 20}

    def part(self, caller, server, way, seconds):
        self.machines.part(caller, server, way)
        self.load.stopping.wait(seconds)
        self.machines.heal()
        start = time.monotonic()
        self.await_healing()
        print(f"{caller}-{server} {way} {seconds} s: healed in "
              f"{time.monotonic() - start:.1f} s", flush=True)
        self.assertEqual(self.load.complaints, [])
        self.assert_alive()

    def parted(self, pairs, seconds):
        self.load.start()
        for (caller, server), way in pairs:
            with self.subTest(caller=caller, server=server, way=way):
                self.part(caller, server, way, seconds)
        self.end()

    def drawn(self):
        pairs = list(itertools.product(PAIRS, WAYS))
        self.random.shuffle(pairs)
        return pairs if case.SOAK else pairs[:PARTED]

    def test_each_pair_is_parted_for_a_moment(self):
        self.parted(self.drawn(), SHORT_SECONDS)

    @unittest.skipUnless(case.SOAK, "in the soak run")
    def test_each_pair_is_parted_for_longer_than_anybody_waits(self):
        self.parted(self.drawn(), LONG_SECONDS)

    def test_who_never_speak_are_parted(self):
        self.load.start()
        self.machines.part(*STRANGERS, "both")
        # No retry is needed, nor is anything slower.
        for _ in range(3):
            self.assertTrue(self.works())
        self.load.await_more(1)
        self.end()

    def test_packets_are_lost_and_lines_are_narrow(self):
        self.load.start()
        for fault, strength in ((self.machines.lose, LOST_SHARE),
                                (self.machines.narrow, BITS_A_SECOND)):
            fault(strength)
            start = time.monotonic()
            self.load.await_more(case.slice_or_soak(1, 20), 900)
            print(f"{fault.__name__} {strength}: all loops went round in "
                  f"{time.monotonic() - start:.1f} s", flush=True)
            self.machines.heal()
        self.await_healing()
        self.end()


if __name__ == "__main__":
    case.main()
