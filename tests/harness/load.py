"""Backups, restores and gc by `cairn` in loops, and an account of them.

What is promised to the user of `cairn`: an operation that is tried for as long
as a fault may last succeeds, what was acknowledged is there byte for byte,
nothing else is listed, and nothing hangs.
"""

import contextlib
import hashlib
import itertools
import os
import pathlib
import random
import signal
import tempfile
import threading
import time

from case import slice_or_soak
from commands import Commands
from oracle import content
from trash_oracle import LISTED, TRASH, TrashOracle

BLOCK_BYTES = 256 << 10  # a chunk of an image
PAUSE_SECONDS = 0.2
RESTORED_OF = 12  # a reader takes one of so many newest
GC_AGAIN = {11, 15, 17, 75}
# Of a command that tries once: its server was away.
PASSING = {1, 75}
TRASH_SECONDS = 3600
CHECKED = slice_or_soak(40, 1 << 30)
# Each loop goes round in some seconds, and in so many on a busy machine.
ROUND_SECONDS = 300


class Load(Commands):
    """`start`, then faults, then `stop` and `check`.

    `writers` loops back up a group each, `readers` restore what was
    acknowledged, and with `gc` one forgets and sweeps. Each command is tried
    for `retry_seconds` and must end with 0, or with a code that `allowed`
    names for its verb. With `slow_bytes` there are also a backup and a
    restore of so many bytes at SLOW_RATE, so that each fault meets one.
    """

    SLOW_RATE = "2MiB"

    def __init__(self, cairn, folder, seed, writers=2, readers=1, gc=True,
                 retry_seconds=120, image_bytes=8 * BLOCK_BYTES, slow_bytes=0,
                 trash_seconds=TRASH_SECONDS, allowed=None):
        super().__init__(cairn, seconds=retry_seconds + 120)
        self.folder = folder
        self.image_bytes = image_bytes
        self.trash_seconds = trash_seconds
        self.random = random.Random(seed)
        self.retry_seconds = retry_seconds
        self.retry = f"--retry-for={retry_seconds}s"
        self.oracle = TrashOracle()
        self.allowed = allowed or {}
        self.retries = 0  # of backups, each after a call or stream that broke
        self.seconds_since_1970 = itertools.count(1_700_000_000)
        self.done = {}  # by name of a loop: what it has done
        bodies = [(f"writer{n}", self._write) for n in range(writers)]
        bodies += [(f"reader{n}", self._read) for n in range(readers)]
        if gc:
            bodies.append(("collector", self._collect))
        if slow_bytes:
            self.slow_bytes = slow_bytes
            bodies += [("slow writer", self._write_slowly),
                       ("slow reader", self._read_slowly)]
        self._bodies = bodies
        self._threads = []

    # --- the loops ---

    def start(self):
        """Until each has done something once."""
        self.begin()
        self.await_more(1)

    def begin(self):
        self.done = {name: 0 for name, _ in self._bodies}
        self._threads = [
            threading.Thread(target=self._loop, args=one, daemon=True,
                             name=one[0]) for one in self._bodies]
        for thread in self._threads:
            thread.start()

    def await_more(self, times=1, seconds=ROUND_SECONDS, but=""):
        """Until each loop, but for those of which the name begins so, has done
        so much more, or there is a complaint."""
        before = dict(self.done)
        deadline = time.monotonic() + seconds
        while not self.stopping.is_set():
            late = [name for name, count in self.done.items()
                    if count < before[name] + times
                    and not (but and name.startswith(but))]
            if not late:
                return
            if time.monotonic() > deadline:
                self.complain(f"{late} did nothing for {seconds} s")
            self.stopping.wait(0.02)

    def stop(self):
        """Ends the loops, once each has ended what it is at."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(timeout=self.seconds + 30)
            if thread.is_alive():
                self.complain(f"{thread.name} hangs")
        self._threads = []

    def _loop(self, name, body):
        state = {"random": random.Random(self.random.random()),
                 "folder": tempfile.mkdtemp(dir=self.folder), "name": name}
        while not self.stopping.is_set():
            try:
                if body(**state):
                    self.done[name] += 1
            except Exception as error:  # pylint: disable=broad-except
                self.complain(f"{name}: {error!r}")
            self.stopping.wait(PAUSE_SECONDS)

    def _expect(self, what, code, err, *codes):
        verb = what.split()[0]
        if code not in {0} | set(codes) | set(self.allowed.get(verb, ())):
            self.complain(f"{what}: exit code {code}: {err[-2000:]}")
        return code == 0

    def _write(self, random, folder, name, size=None, options=()):
        path = pathlib.Path(folder, "image")
        old = path.read_bytes() if path.exists() else b""
        blocks = [old[at:at + BLOCK_BYTES]
                  for at in range(0, len(old), BLOCK_BYTES)] or [b""] * (
                      (size or self.image_bytes) // BLOCK_BYTES)
        share = 1 if not old or size else 0.3
        path.write_bytes(b"".join(
            random.randbytes(BLOCK_BYTES) if random.random() < share else one
            for one in blocks))
        stream = pathlib.Path(folder, "stream")
        stream.write_bytes(content(random.randrange(1 << 30),
                                   random.choice([0, 1, 1 << 18, 1 << 20])))
        return self.back_up(f"host/{name.replace(' ', '-')}", path, stream,
                            *options, f"--way={random.choice(['best', 'stream'])}")

    def back_up(self, group, image, stream, *options):
        """Whether it was acknowledged; else `allowed` says so."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(
            next(self.seconds_since_1970)))
        name = f"datastores/default/groups/{group}/snapshots/{moment}"
        self.oracle.begin_backup(name, {
            archive: (path.stat().st_size,
                      hashlib.sha256(path.read_bytes()).hexdigest())
            for archive, path in (("a.img", image), ("a.raw", stream))})
        code, told, err = self.call(
            "backup", group, f"a.img:{image}", f"a.raw:{stream}",
            "--backup-time", moment, self.retry, *options)
        self.retries += told.get("retries", 0)
        if code == 0:
            self.oracle.acknowledged(name)
        return self._expect(f"backup of {name}", code, err)

    def _write_slowly(self, **state):
        return self._write(**state, size=self.slow_bytes,
                           options=["--rate", self.SLOW_RATE])

    def restore(self, name, *options):
        """Whether all of it was there; a complaint if it was wrong."""
        for archive, (size, digest) in self.oracle.archives(name).items():
            code, got, found, err = self.restore_digest(
                name, archive, self.retry, *options)
            if code == 0 and (got, found) != (size, digest):
                self.complain(f"wrong bytes: {name} {archive}: {got} of {size}")
            if not self._expect(f"restore of {name}", code, err):
                return False
        return True

    def _read(self, random, choose="", options=(), **_):
        # What is forgotten stays in trash, where it can be read.
        names = [one for one in self.oracle.names(LISTED, TRASH)
                 if choose in one]
        return bool(names) and self.restore(
            random.choice(names[-RESTORED_OF:]), *options)

    def _read_slowly(self, **state):
        return self._read(**state, choose="slow-writer",
                          options=["--rate", self.SLOW_RATE])

    def _collect(self, random, **_):
        """Forgets one of the older ones, and sweeps."""
        names = self.oracle.names(LISTED)[:-2 * RESTORED_OF]
        if names:
            self.forget(random.choice(names))
        return self.gc()

    def forget(self, name):
        """Into trash; again and again, since `cairn forget` tries once."""
        self.oracle.begin_forget([name], self.trash_seconds)
        deadline = time.monotonic() + self.retry_seconds
        while True:
            code, _, err = self.call("forget", name,
                                     f"--trash-time={self.trash_seconds}s")
            if code == 0:
                self.oracle.forgot([name])
            if code not in PASSING or time.monotonic() > deadline:
                self._expect(f"forget of {name}", code, err)
                return
            self.stopping.wait(0.2)

    def gc(self, *options):
        """A gc that was interrupted is run again, as a scheduler does."""
        code, told, err = self.call("gc", "--wait", "--live-percent=80",
                                    self.retry, *options)
        result = (told.get("task") or {}).get("result") or {}
        if result.get("missing_records"):
            self.complain(f"gc: {result}")
        return self._expect("gc", code, err, *GC_AGAIN)

    # --- a quiet moment ---

    def check(self, test):
        """Nothing acknowledged is lost, nothing half is listed, all restores
        byte for byte; fails `test` with what was complained of."""
        if not self.complaints:
            self.stopping.clear()
            for complaint in self.oracle.settle(*self.listing()):
                self.complain(complaint)
            names = self.oracle.names(LISTED, TRASH)
            for name in self.random.sample(names, min(len(names), CHECKED)):
                self.restore(name)
        told = ", ".join(f"{verb} {code}: {count}" for (verb, code), count in
                         sorted(self.tally.items(), key=str))
        slowest = ", ".join(f"{verb} {seconds:.1f} s" for verb, seconds in
                            self.slowest.items())
        print(f"{told}; {self.retries} retries of backups; slowest: {slowest}; acknowledged: "
              f"{len(self.oracle.names(LISTED, TRASH))}", flush=True)
        test.assertEqual(self.complaints, [])

    def kill(self):
        self.stopping.set()
        for process in list(self.running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        for thread in self._threads:
            thread.join(timeout=60)
