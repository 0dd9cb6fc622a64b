#!/usr/bin/env python3
"""Single bits that turn over on the disk, in every kind of file and record.

  damage_test.py [--flips=N] [unittest argument]...

Damage is detected, with a text that names it, or it is harmless. It is never
silent: what was acknowledged is listed, restores byte for byte, or says why
not; everything that the damage did not touch restores.
"""

import os
import pathlib
import shutil
import sys

import grpc

import case
from case import Case
from client import model
from pack_file import BLOCK_BYTES, flip_bit, pack_files, records_of

CODE = grpc.StatusCode
DATASTORE = "datastores/default"
GROUP = f"{DATASTORE}/groups/host/damage"
FLIPS = case.slice_or_soak(60, 1000)
for argument in [a for a in sys.argv if a.startswith("--flips=")]:
    FLIPS = int(argument.partition("=")[2])
    sys.argv.remove(argument)

# Small chunks: several pages, and most of a flip's surroundings intact.
CHUNKER = model.ChunkerSpec(name="gear-v1", min_bytes=4 << 10,
                            average_bytes=8 << 10, max_bytes=16 << 10)


class Outcome:
    """What a suite made of a damaged directory."""

    def __init__(self):
        self.exit_code = None  # set: it refused to start
        self.log = ""
        self.errors = {}  # name -> RpcError, of reads and lists

    def __str__(self):
        if self.exit_code is not None:
            return "refused"
        return "detected" if self.errors else "harmless"


class Damage(Case):

    @classmethod
    def setUpClass(cls):
        cls.random = case.make_random()
        cls.pristine = {}
        cls.archives = {}
        maker = Case()
        maker.setUp()
        cls.addClassCleanup(maker.doCleanups)
        cls.maker = maker
        data = os.path.join(maker.folder, "data")
        suite = maker.new_suite(data=data)
        cls.fill(suite)
        # As a crash leaves it: open packs, write-ahead logs.
        suite.kill()
        cls.keep("killed", data)
        # As a clean end leaves it: sealed packs.
        suite.start()
        suite.stop()
        suite.start()
        suite.stop()
        cls.keep("stopped", data)

    @classmethod
    def keep(cls, name, data):
        cls.pristine[name] = os.path.join(cls.maker.folder, name)
        shutil.copytree(data, cls.pristine[name],
                        ignore=shutil.ignore_patterns("BALLAST"))

    @classmethod
    def fill(cls, suite):
        client = cls.maker.new_client(suite)
        shared = cls.random.randbytes(300_000)
        for number in range(6):
            own = cls.random.randbytes(700_000)
            session = client.open_session(f"{GROUP}{number % 4}")
            archives = {"own.raw": own, "both.raw": shared + own[:50_000],
                        "empty.raw": b""}
            for name, content in archives.items():
                cls.write(client, session.name, name, content)
            client.finish(session.name,
                          {n: len(c) for n, c in archives.items()})
            for name, content in archives.items():
                cls.archives[f"{session.snapshot}/archives/{name}"] = content

    @classmethod
    def write(cls, client, session, name, content):
        client.write(session, name, content, chunker=CHUNKER)

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.folder, "data")
        self.suite = self.new_suite(data=self.data, start=False)
        self.tally = {"refused": 0, "detected": 0, "harmless": 0}

    def fresh(self, name):
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self.pristine[name], self.data)

    def observe(self):
        """Starts on what is there, and reads all that was promised."""
        outcome = Outcome()
        log_before = self.log_size()
        try:
            self.read_after_start(outcome)
        finally:
            self.suite.kill()
        with open(self.suite.log_path, encoding="utf-8",
                  errors="replace") as log:
            log.seek(log_before)
            outcome.log = log.read()
        return outcome

    def read_after_start(self, outcome):
        try:
            self.suite.start(everything=False)
        except RuntimeError as error:
            process = self.suite.processes["cairnd"]
            outcome.exit_code = process.poll()
            self.assertIsNotNone(outcome.exit_code, str(error))
            return
        client = self.new_client(self.suite)
        self.read_all(client, outcome)
        self.assertIsNone(self.suite.processes["cairnd"].poll(),
                          self.suite.log_tail())
        client.close()

    def log_size(self):
        try:
            return os.path.getsize(self.suite.log_path)
        except FileNotFoundError:
            return 0

    def read_all(self, client, outcome):
        try:
            listed = {s.name for s in client.snapshots(DATASTORE)}
        except grpc.RpcError as error:
            outcome.errors["list"] = error
            listed = set()
        for name, content in self.archives.items():
            if "list" not in outcome.errors:
                self.assertIn(name.split("/archives/")[0], listed,
                              "an acknowledged snapshot is gone, silently")
            try:
                self.assertTrue(client.read(name) == content,
                                f"{name} has other bytes, silently")
            except grpc.RpcError as error:
                outcome.errors[name] = error
        for name, error in outcome.errors.items():
            self.assertEqual(error.code(), CODE.DATA_LOSS,
                             f"{name}: {error.details()}")

    def judge(self, outcome, path):
        """Detected means named."""
        self.tally[str(outcome)] += 1
        if outcome.exit_code is not None:
            self.assertGreater(outcome.exit_code, 0, "ended by a signal\n"
                               + outcome.log[-3000:])
            folder = path.parent.relative_to(self.data).parts
            self.assertTrue(
                path.name in outcome.log or (folder and folder[0]
                                             in outcome.log),
                f"{path} is not named:\n{outcome.log[-3000:]}")

    def flip(self, state, path, offset, bit):
        """One flip in a file of a fresh copy, and what comes of it."""
        self.fresh(state)
        flip_bit(path, offset, bit)
        with self.subTest(state=state, path=str(path), offset=offset, bit=bit):
            outcome = self.observe()
            self.judge(outcome, path)
            return outcome
        return None

    def random_flip(self, state, path):
        size = pathlib.Path(self.pristine[state], path.relative_to(
            self.data)).stat().st_size
        return self.flip(state, path, self.random.randrange(size),
                         self.random.randrange(8))

    def files(self, pattern):
        """(state, path below self.data) of files that are not empty."""
        found = []
        for state, root in self.pristine.items():
            for path in sorted(pathlib.Path(root).rglob(pattern)):
                if path.is_file() and path.stat().st_size:
                    found.append((state, pathlib.Path(
                        self.data, path.relative_to(root))))
        return found

    def flips_in(self, pattern, count):
        files = self.files(pattern)
        self.assertTrue(files, f"no file is named {pattern}")
        for _ in range(count):
            state, path = self.random.choice(files)
            self.random_flip(state, path)
        print(f"{pattern}: {self.tally}", flush=True)

    # --- records of packs ---

    def record_flips(self, kind, count):
        """Header and payload in turn; yields (record, outcome)."""
        for number in range(count):
            state = ("killed", "stopped")[number // 2 % 2]
            self.fresh(state)
            records = records_of(self.data, kind)
            self.assertTrue(records, f"no {kind} record was written")
            record = self.random.choice(records)
            place = (record.payload if number % 2 == 0 else
                     range(record.offset, record.payload.start))
            outcome = self.flip(state, record.path,
                                self.random.choice(place),
                                self.random.randrange(8))
            if outcome is not None:
                yield record, outcome
        print(f"{kind} records: {self.tally}", flush=True)

    def test_a_bit_flipped_in_a_chunk_record(self):
        for record, outcome in self.record_flips(
                "chunk", case.slice_or_soak(8, 200)):
            self.assertIsNone(outcome.exit_code, outcome.log[-3000:])
            self.assertNotIn("list", outcome.errors)
            for error in outcome.errors.values():
                self.assertIn(record.digest, error.details())

    def test_a_damaged_chunk_spares_the_rest_and_is_healed(self):
        self.fresh("stopped")
        chunks = records_of(self.data, "chunk")
        record = self.random.choice(chunks)
        flip_bit(record.path, record.payload.start)
        outcome = self.observe()
        self.assertTrue(outcome.errors, "the damage was not seen")
        self.assertLess(len(outcome.errors), len(self.archives))
        self.suite.start()
        client = self.new_client(self.suite)
        name = next(iter(outcome.errors))
        content = self.archives[name]
        self.parts_restore(client, name, content)
        session = client.open_session(GROUP + "-heal").name
        self.write(client, session, "heal.raw", content)
        healed = client.finish(session, {"heal.raw": len(content)}).name
        self.assert_restores(client, {f"{healed}/archives/heal.raw": content})
        # The old snapshot names the same chunk, which is there again.
        self.assert_restores(client, {name: content})
        self.stop(self.suite)

    def parts_restore(self, client, name, content):
        """Only the ranges that touch the chunk fail."""
        step = 4 << 10
        bad = []
        for at in range(0, len(content), step):
            try:
                self.assertEqual(client.read(name, at, step),
                                 content[at:at + step])
            except grpc.RpcError as error:
                self.assertEqual(error.code(), CODE.DATA_LOSS)
                bad.append(at)
        self.assertTrue(bad)
        self.assertLessEqual(len(bad), CHUNKER.max_bytes // step + 1)

    def index_record_flips(self, kind, few, many):
        """The packs' copies are for a rebuild: reads do not need them."""
        for _, outcome in self.record_flips(kind,
                                            case.slice_or_soak(few, many)):
            self.assertEqual(str(outcome), "harmless", outcome.log[-3000:])

    def test_a_bit_flipped_in_a_page_record(self):
        self.index_record_flips("page", 4, 100)

    def test_a_bit_flipped_in_a_manifest_record(self):
        self.index_record_flips("manifest", 4, 100)

    def test_a_bit_flipped_in_an_event_record(self):
        self.index_record_flips("event", 4, 100)

    def test_a_bit_flipped_in_the_header_or_footer_of_a_pack(self):
        for number in range(case.slice_or_soak(6, 100)):
            state = ("killed", "stopped")[number % 2]
            self.fresh(state)
            path = self.random.choice(pack_files(self.data))
            size = path.stat().st_size
            place = (range(40) if number % 4 < 2 else
                     range(max(BLOCK_BYTES, size - 64), size))
            outcome = self.flip(state, path, self.random.choice(place),
                                self.random.randrange(8))
            self.assertIsNone(outcome.exit_code, outcome.log[-3000:])
        print(f"pack headers and footers: {self.tally}", flush=True)

    # --- RocksDB ---

    def test_a_bit_flipped_in_a_table_of_rocksdb(self):
        self.flips_in("*.sst", case.slice_or_soak(6, 200))

    def test_a_bit_flipped_in_a_write_ahead_log_of_rocksdb(self):
        self.flips_in("*.log", case.slice_or_soak(8, 200))

    def test_a_bit_flipped_in_the_current_file_of_rocksdb(self):
        self.flips_in("CURRENT", case.slice_or_soak(3, 50))

    def test_a_bit_flipped_in_the_manifest_of_rocksdb(self):
        self.flips_in("MANIFEST-*", case.slice_or_soak(4, 200))

    # --- the data directory's own files ---

    def test_a_bit_flipped_in_the_format_file(self):
        self.flips_in("FORMAT", case.slice_or_soak(4, 100))

    def test_a_bit_flipped_in_the_incarnation_file(self):
        for _ in range(case.slice_or_soak(4, 100)):
            state, path = self.random.choice(self.files("INCARNATION"))
            self.fresh(state)
            self.suite.start()
            client = self.new_client(self.suite)
            before = self.incarnations(client)
            client.close()
            self.suite.kill()
            flip_bit(path, self.random.randrange(path.stat().st_size),
                     self.random.randrange(8))
            outcome = self.observe()
            self.judge(outcome, path)
            if outcome.exit_code is None:
                # It went on: then it must have grown.
                self.suite.start()
                client = self.new_client(self.suite)
                after = self.incarnations(client)
                client.close()
                self.suite.kill()
                for name, number in before.items():
                    self.assertGreater(after[name], number + 1, name)
        print(f"INCARNATION: {self.tally}", flush=True)

    def incarnations(self, client):
        return {s.name: s.incarnation for s in client.status().services
                if s.incarnation}

    def test_a_bit_flipped_in_the_lock_file(self):
        for _ in range(3):
            state, path = self.random.choice(self.files("LOCK"))
            outcome = self.random_flip(state, path)
            self.assertEqual(str(outcome), "harmless", outcome.log[-3000:])

    # --- anywhere ---

    def test_random_bits_flipped_anywhere(self):
        files = self.files("*")
        for _ in range(FLIPS):
            # By file, not by size: the small ones matter as much.
            state, path = self.random.choice(files)
            self.random_flip(state, path)
        print(f"{FLIPS} random flips: {self.tally}", flush=True)
        self.assertEqual(sum(self.tally.values()), FLIPS)


if __name__ == "__main__":
    case.main()
