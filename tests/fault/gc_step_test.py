#!/usr/bin/env python3
"""kill -9 at every step of prune, gc, verify and trash.

A step is what a process makes durable or removes: strace kills it at the nth
such call of a thread. Between them it is killed at moments that are drawn.
Needs root.
"""

import collections
import os
import pathlib
import re
import subprocess
import time

import case
from gc_case import (BUSY, FAILED, INTERRUPTED, NOT_FOUND, REFUSED,
                     UNREACHABLE, GcCase)

STEPS = ("fdatasync", "fsync", "unlink", "rename", "fallocate")
NEVER = (",".join(STEPS), 1 << 15)
MOMENT = "moment"
# Of a command whose server was killed under it.
DISTURBED = {0, 1, 3, BUSY, REFUSED, FAILED, INTERRUPTED, UNREACHABLE}


class Steps(GcCase):

    def setUp(self):
        super().setUp()
        self.trace = os.path.join(self.folder, "strace")
        self.back_up("vm/2")

    def attach(self, victim, call, when):
        process = self.suite.processes[victim]
        tracer = subprocess.Popen(
            ["strace", "-f", "-o", self.trace, "-e", f"trace={call}", "-e",
             f"inject={call}:signal=KILL:when={when}",
             "-p", str(process.pid)], stderr=subprocess.PIPE, text=True)
        self.addCleanup(tracer.stderr.close)
        self.addCleanup(tracer.kill)
        self.assertIn("attached", tracer.stderr.readline())
        return tracer

    def most_in_one_thread(self, call):
        threads = re.findall(rf"^(\d+) +{call}\(", pathlib.Path(
            self.trace).read_text(), re.MULTILINE)
        return max(collections.Counter(threads).values(), default=0)

    # --- what is done under the kill ---

    def prepare(self):
        """Snapshots: doomed by name, by prune, and one that stays."""
        names = [self.back_up() for _ in range(4)]
        newest = names.pop()
        self.doomed = {name: self.listed.pop(name) for name in names}
        for one in [n for n in self.listed if "/vm/1/" in n and n != newest]:
            self.doomed[one] = self.listed.pop(one)
        self.taken_back = self.back_up("vm/3")
        for one in [n for n in self.listed if "/vm/3/" in n
                    and n != self.taken_back]:
            self.doomed[one] = self.listed.pop(one)
        # Its time is over when the gc looks at it.
        self.cairn.run("forget", names[0], "--trash-time=0")

    def commands(self):
        """Prune, gc, verify and trash, each safe to repeat."""
        quick = "--retry-for=15s"
        return [
            ["prune", "--recursive", "--keep-last=1", "--allow-last-good",
             "--allow-share", "--trash-time=0", "--wait", quick],
            ["forget", self.taken_back, "--trash-time=1h"],
            ["gc", "--live-percent=100", "--wait", quick],
            ["undelete", self.taken_back],
            ["verify", "--wait", quick]]

    def work(self, victim, seconds):
        """Whether the victim was killed. Starts it again when it is.

        `seconds`: kills it so much later, if anything."""
        struck = False
        begin = time.monotonic()

        def watch():
            nonlocal struck
            process = self.suite.processes[victim]
            if seconds and not struck and (
                    time.monotonic() - begin >= seconds):
                process.kill()
                process.wait()
            if process.poll() is not None:
                self.assertEqual(process.returncode, -9,
                                 self.suite.log_tail())
                struck = True
                self.suite.start([victim], wait=False)

        for command in self.commands():
            code, err = self.run_while(command, watch)
            self.assertIn(code, DISTURBED | ({NOT_FOUND} if command[0] in (
                "forget", "undelete") else set()), f"{command}: {err}")
        watch()
        self.seconds = time.monotonic() - begin
        return struck

    def settle(self):
        """Nothing that was to stay is lost; then all of it once more."""
        self.suite.wait_ready()
        listed = self.names_of()
        trash = self.names_of("--trash")
        self.assertLessEqual(set(self.listed) - {self.taken_back}, listed)
        self.assertIn(self.taken_back, listed | trash)
        self.assertLessEqual(listed, set(self.listed) | set(self.doomed))
        if self.taken_back in trash:
            self.cairn.run("undelete", self.taken_back)
        self.cairn.run(*self.commands()[0])
        self.assert_quiet_gc_is_exact()
        self.cairn.run("verify", "--wait")

    def strike(self, victim, call, when):
        self.prepare()
        if call == MOMENT:
            struck = self.work(victim, when)
        else:
            tracer = self.attach(victim, call, when)
            try:
                struck = self.work(victim, None)
            finally:
                tracer.terminate()
                tracer.wait()
        self.settle()
        return struck

    def strikes(self, victim, few, many):
        """At each step, or at some that are drawn, and as many moments."""
        self.assertFalse(self.strike(victim, *NEVER))
        places = [(call, when + 1) for call in STEPS
                  for when in range(self.most_in_one_thread(call))]
        self.assertTrue(places)
        count = case.slice_or_soak(few, many)
        chosen = self.random.sample(places, min(count, len(places)))
        chosen += [(MOMENT, self.random.uniform(0.01, self.seconds))
                   for _ in range(count)]
        struck = 0
        for call, when in chosen:
            with self.subTest(victim=victim, call=call, when=when):
                struck += self.strike(victim, call, when)
        print(f"{victim}: {dict(collections.Counter(c for c, _ in places))} "
              f"steps, struck at {struck} of {len(chosen)}", flush=True)
        self.assertGreater(struck, 0)
        self.stop(self.suite)

    def test_cairnd_is_killed_at_steps_of_maintenance(self):
        self.strikes("cairnd", 3, 100)


class SplitSteps(Steps):
    split = True
    test_cairnd_is_killed_at_steps_of_maintenance = None

    def test_maintenance_is_killed_at_its_steps(self):
        self.strikes("maintenance", 2, 60)

    def test_index_is_killed_at_its_steps(self):
        self.strikes("index", 2, 60)

    def test_chunk_storage_is_killed_at_its_steps(self):
        self.strikes("chunk_storage", 2, 60)


if __name__ == "__main__":
    case.main()
