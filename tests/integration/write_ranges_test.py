#!/usr/bin/env python3
"""Images as changes of their base, through the whole suite."""

import threading
import time

import grpc

import case
from case import Case
from client import FRAME_BYTES, backup, model, when_available
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


class SplitRoundTrip(RoundTrip):
    split = True


if __name__ == "__main__":
    case.main()
