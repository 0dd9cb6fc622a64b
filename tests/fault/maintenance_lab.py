#!/usr/bin/env python3
"""Backup, restore, prune, forget, undelete, verify and gc, in endless loops
against each other, while random processes are killed.

  maintenance_lab.py [--seconds=600] [--fault=kill|power|none] [--split]
                     [--disk=ext4|xfs] [--seed=N] [--binaries=FOLDER]

All by the `cairn` program. An oracle outside of it knows what was
acknowledged and what was forgotten, until when, and what it does not know.
Every dozen seconds the loops pause: nothing acknowledged and not forgotten is
lost, what is forgotten is there while its time in trash runs, and no byte is
wrong. At the end a quiet gc must leave exactly the live bytes in the packs:
the oracle reads those itself (tests/harness/live_bytes.py). With --fault=power
each pause begins with a power cut. Exits with 1 on any complaint.
"""

import contextlib
import hashlib
import itertools
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))

from cli import Cli  # noqa: E402
from client import Client  # noqa: E402
from commands import Commands  # noqa: E402
from lab_main import run_lab  # noqa: E402
from live_bytes import check_live  # noqa: E402
from loop_disk import LoopDisk  # noqa: E402
from oracle import content  # noqa: E402
from suite import Suite, binaries_from  # noqa: E402
from trash_oracle import ABSENT, GONE, LISTED, TRASH, TrashOracle  # noqa: E402

GROUPS = [f"host/loop{number}" for number in range(6)]
WRITERS = 3  # each has two groups
LEASE_SECONDS = 3
ROUND_SECONDS = (6, 14)
COMMAND_SECONDS = 120
RETRY = "--retry-for=20s"
# Of a disk for power cuts: what is forgotten and not yet gone stays.
DISK_BYTES = 6 << 30
# Each pause restores so many; the last all.
CHECKED_A_PAUSE = 12
BLOCK_BYTES = 256 << 10  # an image's chunk
# Blocks in use at one time; the window moves on, so that chunks become
# garbage, and now and then come back.
WINDOW_BLOCKS = 40

BUSY, NOT_FOUND, REFUSED = 11, 10, 14
# Of a command whose server, or which itself, was killed: its outcome is not
# known. Never 13, damage, or 2, usage.
DISTURBED = {1, BUSY, 15, 17, 75, 130, -signal.SIGKILL}


def block(number):
    return (bytes(BLOCK_BYTES) if number % 10 == 0 else
            random.Random(number).randbytes(BLOCK_BYTES))


class Lab(Commands):

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = tempfile.mkdtemp(prefix="maintenance-lab-")
        self.disk = None
        data = os.path.join(self.folder, "data")
        if options.fault == "power":
            self.disk = LoopDisk(self.folder, options.disk, DISK_BYTES)
            data = os.path.join(self.disk.path, "data")
        self.suite = Suite(binaries_from(options.binaries), data, self.folder,
                           split=options.split, lease_seconds=LEASE_SECONDS)
        super().__init__(Cli(self.suite.binaries["cairn"], self.suite.target,
                             self.folder), COMMAND_SECONDS)
        if options.split:
            self.cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
                self.suite.socket("maintenance"))
        self.oracle = TrashOracle()
        # From just before a power cut on answers count as never received: a
        # sync may then return without an error and nothing be on the disk.
        self.dark = False
        # Who changes snapshots of a group otherwise than by a backup.
        self.groups = {group: threading.Lock() for group in GROUPS}
        self.seconds_since_1970 = itertools.count(1_700_000_000)
        self.started = time.monotonic()

    # --- commands ---

    def cairn_run(self, *arguments):
        """(exit code or None when dark, parsed stdout or {}, stderr)"""
        code, told, err = self.call(*arguments)
        return (None if self.dark else code), told, err

    def expect(self, what, code, err, *codes):
        """A command's exit code is one of these, or it was disturbed."""
        if code not in DISTURBED | {None, 0} | set(codes):
            self.complain(f"{what}: exit code {code}: {err[-1500:]}")

    def oldest_block(self):
        return 10 + int(4 * (time.monotonic() - self.started))

    @contextlib.contextmanager
    def alone_in(self, groups):
        with contextlib.ExitStack() as stack:
            for group in sorted(groups):
                stack.enter_context(self.groups[group])
            yield

    # --- a pause ---

    def await_idle(self):
        """Until no task runs any more."""
        deadline = time.monotonic() + COMMAND_SECONDS
        while True:
            code, told, err = self.cairn_run("task", "list", "--active")
            if code == 0 and not told["tasks"]:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"tasks do not end: {told} {err}")
            time.sleep(0.1)

    def restore(self, name, archive):
        """Complaints."""
        size, digest = self.oracle.archives(name)[archive]
        code, got, found, err = self.restore_digest(name, archive, RETRY)
        if code == 0 and (got, found) != (size, digest):
            return [f"wrong bytes: {name} {archive}: {got} of {size}"]
        if code == 0 or self.dark:
            return []
        if code == NOT_FOUND and self.oracle.may_be(name) & {ABSENT, GONE}:
            return []
        if self.stopping.is_set() or code not in DISTURBED:
            return [f"restore of {name} {archive}, which may be "
                    f"{self.oracle.may_be(name)}: {code}: {err[-1500:]}"]
        return []

    def check(self, everything=False):
        """Settles what is not known, and compares."""
        self.await_idle()
        complaints = self.oracle.settle(*self.listing())
        names = self.oracle.names(LISTED) + self.oracle.names(TRASH)
        if not everything:
            names = self.random.sample(names, min(len(names),
                                                  CHECKED_A_PAUSE))
        for name in names:
            for archive in self.oracle.archives(name):
                complaints += self.restore(name, archive)
        for complaint in complaints:
            self.complain(complaint)

    def cut_power(self):
        self.dark = True
        self.disk.cut_power()

    def round(self):
        """Loops, then a pause. False: enough."""
        self.stopping.clear()
        loops = self.loops()
        for loop in loops:
            loop.start()
        self.stopping.wait(self.random.uniform(*ROUND_SECONDS))
        if self.disk:
            self.cut_power()
        self.stopping.set()
        if self.disk:
            self.suite.kill()
            for process in list(self.running):
                process.kill()
        for loop in loops:
            loop.join(timeout=2 * COMMAND_SECONDS)
            if loop.is_alive():
                self.complain(f"{loop.name} hangs")
        if self.disk:
            self.disk.unmount()
            self.disk.mount()
            self.dark = False
        elif self.options.fault == "kill" and self.random.random() < 0.5:
            self.suite.kill()
        missing = [name for name in self.suite.names
                   if name not in self.suite.processes]
        if missing:
            self.suite.start(missing, wait=False)
        self.suite.wait_ready()
        if not self.complaints:
            self.check()
        return not self.complaints

    def loops(self):
        """Threads; each ends soon after `stopping`."""
        bodies = [Writer(self, GROUPS[number::WRITERS]).run
                  for number in range(WRITERS)]
        bodies += [Restorer(self).run, Restorer(self).run, Pruner(self).run,
                   Forgetter(self).run, Collector(self).run,
                   Verifier(self).run]
        if self.options.fault != "none":
            bodies.append(Killer(self).run)
        return [threading.Thread(target=self.guarded, args=(body,),
                                 daemon=True, name=str(body))
                for body in bodies]

    def guarded(self, body):
        try:
            body()
        except Exception as error:  # pylint: disable=broad-except
            self.complain(f"{body}: {error!r}")

    # --- the end ---

    def last_gc(self):
        """Takes back what can be, forgets half, and lets gc free it all."""
        for name in self.oracle.names(TRASH):
            code, _, err = self.cairn_run("undelete", name)
            if code != 0 and not (code == NOT_FOUND and
                                  GONE in self.oracle.may_be(name)):
                self.complain(f"undelete {name}: {code}: {err[-1500:]}")
            elif code == 0:
                self.oracle.undeleted(name)
        listed = self.oracle.names(LISTED)
        forgotten = self.random.sample(listed, len(listed) // 2)
        if forgotten:
            code, _, err = self.cairn_run("forget", *forgotten,
                                          "--trash-time=0")
            if code != 0:
                self.complain(f"forget: {code}: {err[-1500:]}")
        kept = sorted(set(listed) - set(forgotten))
        self.await_leases()
        before = self.pack_bytes()
        for again in (False, True):
            code, told, err = self.cairn_run("gc", "--live-percent=100",
                                             "--wait", RETRY)
            result = told.get("task", {}).get("result") or {}
            if code != 0 or result["missing_records"] or result["later"] or (
                    again and result["dropped_records"]):
                self.complain(f"the {'second' if again else 'last'} gc: "
                              f"{code} {result} {err[-1500:]}")
                return
            complaints, found = check_live(self.suite.data, kept)
            for complaint in complaints:
                self.complain(complaint)
            print(f"quiet gc: {before} bytes before, {self.pack_bytes()} "
                  f"after, of {len(kept)} snapshots: {found}", flush=True)
            # Up to where the next record of an open pack will stand.
            if abs(result["pack_bytes"] - self.pack_bytes()) > 4096:
                self.complain(f"gc says {result['pack_bytes']} bytes")
        for name in kept:
            for archive in self.oracle.archives(name):
                for complaint in self.restore(name, archive):
                    self.complain(complaint)
        code, told, err = self.cairn_run("verify", "--wait", RETRY)
        if code != 0:
            self.complain(f"verify: {code} {told} {err[-1500:]}")

    def await_leases(self):
        client = Client(self.suite.target)
        deadline = time.monotonic() + 60
        while any(lease.remaining.ToNanoseconds()
                  for lease in client.leases()):
            if time.monotonic() > deadline:
                self.complain(f"leases stay: {client.leases()}")
                break
            time.sleep(0.1)
        client.close()

    def pack_bytes(self):
        return sum(path.stat().st_size for path in pathlib.Path(
            self.suite.data).rglob("packs/*.pack"))

    def run(self):
        self.suite.start()
        rounds = 0
        while time.monotonic() - self.started < self.options.seconds:
            rounds += 1
            if not self.round():
                break
        if not self.complaints:
            self.check(everything=True)
        if not self.complaints:
            self.last_gc()
        for (verb, code), count in sorted(self.tally.items(), key=str):
            print(f"{verb:9} {code:4} {count}")
        for verb in ("backup", "restore", "prune", "gc", "verify", "undelete",
                     "forget"):
            if not self.tally[verb, 0]:
                self.complain(f"no {verb} ever succeeded")
        for complaint in self.complaints:
            print(complaint)
        if self.complaints:
            print(self.suite.log_tail(8000))
        print(f"{rounds} rounds, {self.tally['kill', 0]} kills; seed "
              f"{self.options.seed}")
        return 1 if self.complaints else 0

    def close(self):
        self.suite.kill()
        if self.disk:
            self.disk.close()
        if self.complaints and os.environ.get("CAIRN_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class Loop:

    def __init__(self, lab):
        self.lab = lab
        self.oracle = lab.oracle
        self.random = random.Random(lab.random.random())

    def run(self):
        while not self.lab.stopping.is_set():
            self.step()

    def pause(self, most):
        self.lab.stopping.wait(self.random.uniform(0, most))

    def trash_seconds(self):
        return self.random.choice([0, 0, 1, 3, 600, 600])

    def step(self):
        raise NotImplementedError


class Writer(Loop):
    """Backs up its groups, an image and a stream each time."""

    def __init__(self, lab, groups):
        super().__init__(lab)
        self.groups_ = groups
        # By group: blocks of the image of its newest snapshot, and its time.
        self.newest = {}
        self.folder = tempfile.mkdtemp(dir=lab.folder)

    def draw_block(self):
        oldest = self.lab.oldest_block()
        if self.random.random() < 0.1:
            return self.random.randrange(oldest + WINDOW_BLOCKS)
        return oldest + self.random.randrange(WINDOW_BLOCKS)

    def step(self):
        group = self.random.choice(self.groups_)
        former, base_time = self.newest.get(group, ((), None))
        blocks = list(former) or [self.draw_block() for _ in range(12)]
        for _ in range(self.random.choice([0, 1, 3, 6])):
            blocks[self.random.randrange(len(blocks))] = self.draw_block()
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(
            next(self.lab.seconds_since_1970)))
        name = f"datastores/default/groups/{group}/snapshots/{moment}"
        stream = content(self.random.randrange(1 << 30),
                         self.random.choice([0, 1, 1 << 18, 1 << 20]))
        code = self.back_up(group, name, moment, blocks, stream,
                            *self.base_options(group, former, base_time,
                                               blocks))
        if code == REFUSED and base_time:
            # Its base is gone: whole, then.
            code = self.back_up(group, name, moment, blocks, stream)
        if code == 0:
            self.newest[group] = (tuple(blocks), moment)
        self.lab.expect("backup", code, self.err)

    def base_options(self, group, former, base_time, blocks):
        """The image as what has changed since the group's last snapshot."""
        if not base_time or self.random.random() < 0.5:
            return [f"--way={self.random.choice(['best', 'stream'])}"]
        ranges = os.path.join(self.folder, "ranges")
        pathlib.Path(ranges).write_text("".join(
            f"{at * BLOCK_BYTES} {BLOCK_BYTES}\n" for at, (old, new) in
            enumerate(zip(former, blocks)) if old != new), encoding="ascii")
        return ["--base", f"{group}/{base_time}", "--changed-ranges", ranges]

    def back_up(self, group, name, moment, blocks, stream, *options):
        arguments, archives = [], {}
        for archive, data in (("disk.img", b"".join(map(block, blocks))),
                              ("a.raw", stream)):
            path = pathlib.Path(self.folder, archive)
            path.write_bytes(data)
            arguments.append(f"{archive}:{path}")
            archives[archive] = (len(data), hashlib.sha256(data).hexdigest())
        self.oracle.begin_backup(name, archives)
        code, _, self.err = self.lab.cairn_run(
            "backup", group, *arguments, "--backup-time", moment, RETRY,
            *options)
        if code == 0:
            self.oracle.acknowledged(name)
        return code


class Restorer(Loop):

    def step(self):
        names = self.oracle.names(LISTED, TRASH, GONE)[-60:]
        if not names:
            self.pause(0.2)
            return
        name = self.random.choice(names)
        archive = self.random.choice(list(self.oracle.archives(name)))
        for complaint in self.lab.restore(name, archive):
            # At a pause nothing disturbs, and all is looked at again.
            if not self.lab.stopping.is_set() or "wrong bytes" in complaint:
                self.lab.complain(complaint)


class Pruner(Loop):
    """By a plan: what it may forget is known before."""

    def step(self):
        groups = self.random.choice([GROUPS, [self.random.choice(GROUPS)]])
        scope = (["--recursive"] if groups is GROUPS else
                 ["--group", groups[0]])
        seconds = self.trash_seconds()
        rules = ["prune", *scope, f"--keep-last={self.random.randrange(2, 5)}",
                 "--allow-last-good", "--allow-share",
                 f"--trash-time={seconds}s", RETRY]
        with self.lab.alone_in(groups):
            self.prune(rules, seconds)
        self.pause(0.6)

    def prune(self, rules, seconds):
        code, plan, err = self.lab.cairn_run(*rules, "--dry-run")
        self.lab.expect("prune --dry-run", code, err)
        if code != 0:
            return
        removed = [d["snapshot"] for d in plan["decisions"]
                   if d["action"] == "remove"]
        before = self.oracle.begin_forget(removed, seconds)
        code, told, err = self.lab.cairn_run(
            *rules, "--plan", plan["plan_hash"], "--wait")
        # 3: some were not forgotten, their server was away.
        self.lab.expect("prune", code, err, REFUSED, 3)
        if code == 0 and told["task"]["result"]["forgotten"] == len(removed):
            self.oracle.forgot(removed)
        elif code == 0:
            self.lab.complain(f"prune: {len(removed)} planned, {told}")
        elif code == REFUSED:  # what was backed up since is another plan
            self.oracle.forgot_nothing(before)


class Forgetter(Loop):
    """Forgets and takes back by name."""

    def step(self):
        group = self.random.choice(GROUPS)
        with self.lab.alone_in([group]):
            if self.random.random() < 0.5:
                self.forget(group)
            else:
                self.undelete(group)
        self.pause(0.4)

    def forget(self, group):
        names = self.oracle.names(LISTED, group=group)
        names = self.random.sample(names, min(len(names), 2))
        if not names:
            return
        seconds = self.trash_seconds()
        before = self.oracle.begin_forget(names, seconds)
        code, _, err = self.lab.cairn_run(
            "forget", *names, f"--trash-time={seconds}s")
        self.lab.expect(f"forget {names}", code, err)
        if code == 0:
            self.oracle.forgot(names)

    def undelete(self, group):
        names = self.oracle.names(TRASH, GONE, group=group)[-8:]
        if not names:
            return
        name = self.random.choice(names)
        self.oracle.begin_undelete(name)
        code, _, err = self.lab.cairn_run("undelete", name)
        if code == 0:
            self.oracle.undeleted(name)
        elif code == NOT_FOUND and GONE not in self.oracle.may_be(name):
            self.lab.complain(f"{name} cannot be taken back: {err[-1500:]}")
        else:
            self.lab.expect(f"undelete {name}", code, err, NOT_FOUND)


class Collector(Loop):

    def step(self):
        options = [f"--live-percent={self.random.choice([50, 80, 100])}"]
        if self.random.random() < 0.3:
            options.append("--copy-rate=4MiB")
        if self.random.random() < 0.1:
            options = ["--dry-run"]
        code, told, err = self.lab.cairn_run("gc", "--wait", *options, RETRY)
        # 13 would say that records are missing.
        self.lab.expect("gc", code, err)
        if code == 0:
            # A plan's result has the same shape.
            result = told.get("task", told).get("result") or {}
            self.lab.tally["gc: dropped records", 0] += (
                result.get("dropped_records", 0))
            self.lab.tally["gc: compacted packs", 0] += (
                result.get("compacted_packs", 0))
        self.pause(0.2)


class Verifier(Loop):

    def step(self):
        options = self.random.choice([[], ["--light"], [
            "--group", self.random.choice(GROUPS)]])
        code, told, err = self.lab.cairn_run("verify", "--wait", *options,
                                             RETRY)
        # A group of which nothing is listed is not found.
        self.lab.expect(f"verify {told}", code, err, NOT_FOUND)
        self.pause(0.5)


class Killer(Loop):
    """kill -9 of a process of the suite, or of a command."""

    def step(self):
        self.pause(2.5)
        if self.lab.stopping.is_set():
            return
        commands = list(self.lab.running)
        if commands and self.random.random() < 0.25:
            self.random.choice(commands).kill()
            self.lab.tally["kill", 0] += 1
            return
        suite = self.lab.suite
        self.look_for_dead(suite)
        victims = [self.random.choice(suite.names)]
        if self.random.random() < 0.1:
            victims = list(suite.names)
        suite.kill(victims)
        self.lab.tally["kill", 0] += 1
        self.pause(0.5)
        if not self.lab.dark:
            suite.start(victims, wait=False)

    def look_for_dead(self, suite):
        for name, process in suite.processes.items():
            if process.poll() is not None and not self.lab.dark:
                self.lab.complain(f"{name} ended with {process.returncode} "
                                  "by itself")


if __name__ == "__main__":
    sys.exit(run_lab(Lab, ("kill", "power", "none"), "--seconds", 600.0))
