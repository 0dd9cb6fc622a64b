#!/usr/bin/env python3
"""Single bits that turn over on the disk, in every kind of file and record.

  damage_test.py [--flips=N] [unittest argument]...

Damage is detected, with a text that names it, or it is harmless. It is never
silent: what was acknowledged is listed, restores byte for byte, or says why
not; everything that the damage did not touch restores.
"""

import pathlib
import sys

import grpc

import case
from cli import Cli
from client import backup
from damaged import CHUNKER, CODE, DATASTORE, GROUP, DamageCase
from pack_file import (BLOCK_BYTES, flip_bit, footer_of, pack_files,
                       records_of)
from proxy import CountingProxy

USAGE = 2
FLIPS = case.slice_or_soak(60, 5000)
for argument in [a for a in sys.argv if a.startswith("--flips=")]:
    FLIPS = int(argument.partition("=")[2])
    sys.argv.remove(argument)


class Damage(DamageCase):

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
            state = self.STATES[number // 2 % len(self.STATES)]
            record, offset, bit = self.flip_in_record(
                state, kind, payload=number % 2 == 0)
            outcome = self.flip(state, record.path, offset, bit)
            if outcome is not None:
                yield record, outcome
        print(f"{kind} records: {self.tally}", flush=True)

    def test_a_bit_flipped_in_a_chunk_record(self):
        for _ in self.record_flips("chunk", case.slice_or_soak(8, 200)):
            pass  # judged by where it was

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
        for number in range(case.slice_or_soak(8, 100)):
            # Only a clean end writes footers.
            state = self.STATES[number % 3] if number % 4 < 2 else "stopped"
            self.fresh(state)
            path = self.random.choice(pack_files(self.data))
            size = path.stat().st_size
            place = (range(BLOCK_BYTES) if number % 4 < 2 else
                     range(footer_of(path), size))
            self.flip(state, path, self.random.choice(place),
                      self.random.randrange(8))
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
            offset = self.random.randrange(path.stat().st_size)
            flip_bit(path, offset, self.random.randrange(8))
            outcome = self.observe()
            self.judge(outcome, state, path, offset)
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

    # --- a client ---

    def test_a_bit_flipped_in_the_state_file_of_a_client(self):
        """`--resume` names it, and without all is well."""
        self.fresh("stopped")
        self.suite.start()
        self.client = self.new_client(self.suite)
        self.proxy = CountingProxy(self, self.suite.target, self.folder)
        self.cairn = Cli(self.suite.binaries["cairn"], self.proxy.target,
                         self.folder)
        self.source = pathlib.Path(self.folder, "source")
        self.source.write_bytes(self.random.randbytes(8 << 20))
        for number in range(case.slice_or_soak(6, 100)):
            self.resume_after_a_flip(f"vm/state{number}")
        self.stop(self.suite)
        print(f"state files: {self.tally}", flush=True)

    def resume_after_a_flip(self, group):
        command = ("backup", group, f"disk.img:{self.source}")
        self.proxy.stall_after(4 << 20)
        process = self.cairn.start(*command)
        self.assertTrue(self.proxy.await_up(
            self.proxy.up + (4 << 20), lambda: process.poll() is not None))
        process.kill()
        process.communicate()
        self.proxy.go_on()
        state, = pathlib.Path(self.folder, ".local/state/cairn").iterdir()
        offset = self.random.randrange(state.stat().st_size)
        bit = self.random.randrange(8)
        flip_bit(state, offset, bit)
        with self.subTest(offset=offset, bit=bit):
            self.assertIn(str(state), self.cairn.error(
                USAGE, *command, "--resume"))
            self.tally["refused"] += 1
            self.end_sessions()
            self.cairn.run(*command)
            name = self.cairn.json("snapshot", "show", f"{group}/latest")[
                "name"]
            self.assert_restores(self.client, {
                f"{name}/archives/disk.img": self.source.read_bytes()})
        self.end_sessions()
        for left in state.parent.iterdir():
            left.unlink()

    def end_sessions(self):
        for session in self.client.backup.ListSessions(
                backup.ListSessionsRequest(datastore=DATASTORE,
                                           open_only=True),
                timeout=20).sessions:
            self.client.abort(session.name)

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
