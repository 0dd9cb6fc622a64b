#!/usr/bin/env python3
"""Images as changes of their base, through the whole suite."""

import hashlib
import threading
import time
import urllib.request

import grpc

import case
from case import Case
from client import FRAME_BYTES, backup, model, when_available
from pack_file import flip_bit, records_of
from ranges import (END, FLUSH, apply, begin, data, random_changes,
                    range_messages, write_ranges)

CODE = grpc.StatusCode
GROUP = "datastores/default/groups/vm/"
MIB = 1 << 20
IMAGE = model.ARCHIVE_KIND_IMAGE
ARCHIVE = "disk.img"


class Ranges(Case):

    split = False

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split)
        self.client = self.new_client(self.suite, seconds=120)

    def back_up(self, group, image):
        session = self.client.open_session(group)
        self.client.write(session.name, ARCHIVE, image, kind=IMAGE)
        return self.client.finish(session.name, {ARCHIVE: len(image)})

    def write(self, session, size, changes):
        return write_ranges(self.client, [
            begin(session.name, ARCHIVE, session.base_snapshot, size),
            *range_messages(changes), END])

    def sent(self, changes):
        return sum(len(c) for _, c in changes if not isinstance(c, int))


class RoundTrip(Ranges):

    def test_changes_of_an_image(self):
        self.assertIn("write-ranges", self.client.backup.GetCapabilities(
            backup.GetCapabilitiesRequest(), timeout=20).features)
        group = GROUP + "100"
        image = bytearray(self.random.randbytes(64 * MIB))
        image[20 * MIB:30 * MIB] = bytes(10 * MIB)
        image = bytes(image)
        base = self.back_up(group, image)
        images = {base.name: image}
        # The same size, larger and smaller; each is the base of the next.
        for size, count in ((64 * MIB, 30), (71 * MIB + 12345, 12),
                            (33 * MIB + 777, 12)):
            session = self.client.open_session(group)
            self.assertEqual(session.base_snapshot, base.name)
            changes = random_changes(self.random, size, count)
            finished = self.write(session, size, changes)
            self.assertEqual(finished.archive.root.size_bytes, size)
            self.assertEqual(finished.archive.kind, IMAGE)
            statistics = finished.statistics
            self.assertEqual(statistics.plain_bytes + statistics.hole_bytes
                             + statistics.reused_bytes, size)
            self.assertGreater(statistics.reused_bytes, 0)
            base = self.client.finish(session.name, {ARCHIVE: size})
            image = apply(image, size, changes)
            images[base.name] = image
        self.assert_restores(self.client, {
            f"{name}/archives/{ARCHIVE}": content
            for name, content in images.items()})
        self.stop(self.suite)

    def test_goes_on_after_a_kill(self):
        victim = "ingest" if self.split else "cairnd"
        group = GROUP + "101"
        image = self.random.randbytes(24 * MIB)
        base = self.back_up(group, image)
        session = self.client.open_session(group)
        changes = random_changes(self.random, len(image), 16)
        messages = list(range_messages(changes))
        killed = threading.Event()

        def half():
            yield begin(session.name, ARCHIVE, base.name, len(image))
            yield from messages[:len(messages) // 2]
            yield FLUSH
            killed.wait(60)

        call = self.client.backup.WriteRanges(half(), timeout=60)
        durable = next(answer.watermark.durable_bytes for answer in call
                       if answer.HasField("watermark"))
        self.suite.kill([victim])
        killed.set()
        call.cancel()
        self.suite.start([victim])
        progress = when_available(
            lambda: self.client.get_session(session.name)).archives[0]
        self.assertGreaterEqual(progress.durable_bytes, durable)
        durable = progress.durable_bytes
        finished = when_available(lambda: write_ranges(self.client, [
            begin(session.name, ARCHIVE, base.name, len(image), durable),
            *range_messages(changes, durable), END]))
        self.assertEqual(finished.archive.root.size_bytes, len(image))
        snapshot = when_available(lambda: self.client.finish(
            session.name, {ARCHIVE: len(image)}))
        self.assert_restores(self.client, {
            f"{snapshot.name}/archives/{ARCHIVE}":
                apply(image, len(image), changes),
            f"{base.name}/archives/{ARCHIVE}": image})

    def test_another_base_is_refused(self):
        group = GROUP + "102"
        image = self.random.randbytes(MIB)
        older = self.back_up(group, image)
        # A group of another: its base is not this session's.
        other = self.back_up(GROUP + "103", image)
        first = self.client.open_session(GROUP + "104")
        with self.refused(CODE.FAILED_PRECONDITION, reason="REUSE_REFUSED"):
            write_ranges(self.client, [
                begin(first.name, ARCHIVE, older.name, MIB), END])
        base = self.back_up(group, image)
        session = self.client.open_session(group)
        self.assertEqual(session.base_snapshot, base.name)
        for name in (older.name, other.name):
            with self.refused(CODE.FAILED_PRECONDITION,
                              reason="REUSE_REFUSED"):
                write_ranges(self.client, [
                    begin(session.name, ARCHIVE, name, MIB), END])
        with self.refused(CODE.FAILED_PRECONDITION, reason="REUSE_REFUSED"):
            write_ranges(self.client, [
                begin(session.name, "other.img", base.name, MIB), END])
        with self.refused(CODE.OUT_OF_RANGE, reason="OFFSET_MISMATCH"):
            write_ranges(self.client, [
                begin(session.name, ARCHIVE, base.name, MIB),
                data(10, b"x"), data(10, b"y"), END])
        self.write(session, MIB, [(5, b"changed")])
        snapshot = self.client.finish(session.name, {ARCHIVE: MIB})
        self.assert_restores(self.client, {
            f"{snapshot.name}/archives/{ARCHIVE}":
                apply(image, MIB, [(5, b"changed")])})

    def test_a_sparse_image_of_a_tebibyte(self):
        group = GROUP + "105"
        size = 1 << 40
        session = self.client.open_session(group)
        head = self.random.randbytes(MIB)
        write = backup.WriteStreamRequest
        list(self.client.backup.WriteStream(iter([
            write(begin=write.Begin(session=session.name, archive=ARCHIVE,
                                    kind=IMAGE)),
            write(data=write.Data(offset=0, data=head)),
            write(hole=write.Hole(offset=MIB, length=size - MIB)),
            write(end=write.End(size_bytes=size))]), timeout=60))
        self.client.finish(session.name, {ARCHIVE: size})
        session = self.client.open_session(group)
        step = size // 100
        changes = [(step * i + self.random.randrange(step - FRAME_BYTES),
                    self.random.randbytes(65536)) for i in range(100)]
        started = time.monotonic()
        finished = self.write(session, size, changes)
        seconds = time.monotonic() - started
        print(f"100 ranges of 1 TiB: {seconds:.2f} s", flush=True)
        self.assertLess(seconds, 30)
        self.assertLessEqual(finished.statistics.plain_bytes,
                             self.sent(changes) + len(head))
        snapshot = self.client.finish(session.name, {ARCHIVE: size})
        name = f"{snapshot.name}/archives/{ARCHIVE}"
        for offset, content in changes:
            self.assertTrue(self.client.read(
                name, offset, len(content) + 100)[:len(content)] == content)


class Spliced(Ranges):
    """A dense image of many chunks: most of it is taken over by whole pages."""

    CHUNK = 4096
    CHUNKER = model.ChunkerSpec(name="fixed-v1", min_bytes=CHUNK,
                                average_bytes=CHUNK, max_bytes=CHUNK)
    SIZE = case.slice_or_soak(48, 192) * MIB  # 12288 chunks, about 100 pages

    def setUp(self):
        case.Case.setUp(self)
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split, metrics=True)
        self.client = self.new_client(self.suite, seconds=120)

    def back_up(self, group, image):
        session = self.client.open_session(group)
        self.client.write(session.name, ARCHIVE, image, kind=IMAGE,
                          chunker=self.CHUNKER)
        return self.client.finish(session.name, {ARCHIVE: len(image)})

    def pinned(self):
        """Keys that chunk_storage was asked to pin until now."""
        port = self.suite.metrics_port(
            "chunk_storage" if self.split else "cairnd")
        with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines
                   if line.startswith("cairn_chunk_storage_pins_total"))

    def some_changes(self):
        """Four, each more than a thousand chunks from the next."""
        step = self.SIZE // 4
        return [(step * i + step // 2 + self.random.randrange(step // 8),
                 self.random.randbytes(self.random.choice((1, 5000, 70_000))))
                for i in range(4)]

    def test_few_chunks_are_pinned_and_all_restores(self):
        group = GROUP + "110"
        image = self.random.randbytes(self.SIZE)
        base = self.back_up(group, image)
        images = {base.name: image}
        for _ in range(3):
            session = self.client.open_session(group)
            changes = self.some_changes()
            before = self.pinned()
            finished = self.write(session, self.SIZE, changes)
            self.assertLess(self.pinned() - before, 1000)
            statistics = finished.statistics
            self.assertEqual(
                statistics.plain_bytes + statistics.reused_bytes, self.SIZE)
            base = self.client.finish(session.name, {ARCHIVE: self.SIZE})
            image = apply(image, self.SIZE, changes)
            images[base.name] = image
        self.suite.kill()
        self.suite.start()
        self.assert_restores(self.client, {
            f"{name}/archives/{ARCHIVE}": content
            for name, content in images.items()})
        # A kill loses nothing, so the next one takes pages over as well.
        session = self.client.open_session(group)
        before = self.pinned()
        self.write(session, self.SIZE, [])
        self.assertEqual(self.pinned(), before)
        self.stop(self.suite)

    def test_a_damaged_chunk_is_not_carried_on(self):
        group = GROUP + "111"
        image = self.random.randbytes(self.SIZE)
        base = self.back_up(group, image)
        at = 9000 * self.CHUNK
        chunk = image[at:at + self.CHUNK]
        self.stop(self.suite)
        digest = hashlib.sha256(chunk).hexdigest()
        (record,) = [r for r in records_of(self.suite.data, "chunk")
                     if r.digest == digest]
        flip_bit(record.path, record.payload[100], 3)
        self.suite.start()
        name = f"{base.name}/archives/{ARCHIVE}"
        with self.refused(CODE.DATA_LOSS):
            self.client.read(name, at, self.CHUNK)
        session = self.client.open_session(group)
        with self.refused(CODE.FAILED_PRECONDITION, reason="REUSE_REFUSED"):
            self.write(session, self.SIZE, [])
        # Whoever sends it heals it.
        progress = self.client.get_session(session.name).archives
        durable = progress[0].durable_bytes if progress else 0
        started = time.monotonic()
        write_ranges(self.client, [
            begin(session.name, ARCHIVE, session.base_snapshot, self.SIZE,
                  durable), *range_messages([(at, chunk)], durable), END])
        seconds = time.monotonic() - started
        print(f"{(self.SIZE - durable) // self.CHUNK} chunks, one by one: "
              f"{seconds:.3f} s", flush=True)
        healed = self.client.finish(session.name, {ARCHIVE: self.SIZE})
        self.assert_restores(self.client, {
            f"{healed.name}/archives/{ARCHIVE}": image, name: image})
        session = self.client.open_session(group)
        before = self.pinned()
        started = time.monotonic()
        self.write(session, self.SIZE, [(at, b"x")])
        seconds = time.monotonic() - started
        print(f"{self.SIZE // self.CHUNK} chunks, by pages: {seconds:.3f} s",
              flush=True)
        self.assertLess(self.pinned() - before, 10)
        self.stop(self.suite)


class SplitSpliced(Spliced):
    split = True


class SplitRoundTrip(RoundTrip):
    split = True


if __name__ == "__main__":
    case.main()
