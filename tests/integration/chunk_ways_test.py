#!/usr/bin/env python3
"""Archives as chunks, in and out: what goes round, and what is refused.

Clients with certificates of their own. One of them knows of another's chunk
all there is to know but its bytes, and gets neither them nor whether they
are there.
"""

import threading

import grpc

import case
from authority import Authority
from case import Case
from chunks import (FLUSH, RAW, ZSTD, begin, check_of, chunk, chunk_messages,
                    end, hole, read_chunks, read_entries, reuse_base,
                    reuse_entries, reuse_sent, sha256, write_chunks, zstd)
from client import Client, backup, model, restore

CODE = grpc.StatusCode
INVALID = CODE.INVALID_ARGUMENT
GROUP = "datastores/default/groups/host/"
MIB = 1 << 20
MAX_UINT64 = (1 << 64) - 1


def plain_of(found):
    """The bytes of entries that were sent as `zstd` or raw payloads."""
    pieces = []
    for entry, encoding, payload in found:
        if entry.hole:
            pieces.append(bytes(entry.length))
            continue
        plain = payload if encoding == RAW else unzstd(payload)
        assert sha256(plain) == entry.digest
        pieces.append(plain * entry.repeat)
    return b"".join(pieces)


def unzstd(frame):
    """The other way of `zstd`."""
    at, pieces = 13, []
    while True:
        header = int.from_bytes(frame[at:at + 3], "little")
        last, form, length = header & 1, header >> 1 & 3, header >> 3
        at += 3
        stored = 1 if form == 1 else length
        pieces.append(frame[at:at + stored] * (length // stored))
        at += stored
        if last:
            return b"".join(pieces)


class RoundTrip(Case):

    split = False

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.suite = self.new_suite(split=self.split)
        self.client = self.new_client(self.suite)

    def write(self, session, archive="a.raw"):
        """Chunks in every form; returns their bytes and Finished."""
        first = self.random.randbytes(70_000)
        same = b"s" * 50_000
        large = self.random.randbytes(MIB - 5)
        zeros = bytes(40_000)
        messages, data = [begin(session, archive)], b""
        messages.append(chunk(0, first))
        data += first
        messages.append(chunk(len(data), same, repeat=4))
        data += same * 4
        messages.append(hole(len(data), 1_000_000))
        data += bytes(1_000_000)
        messages += chunk_messages(len(data), large, RAW)
        data += large
        messages.append(FLUSH)
        messages += chunk_messages(len(data), large[::-1])
        data += large[::-1]
        messages.append(reuse_sent(
            len(data), 2 * len(first), 0,
            check_of([(len(first), 2, sha256(first))])))
        data += first * 2
        messages.append(chunk(len(data), zeros))
        data += zeros
        messages.append(chunk(len(data), b"z", RAW))
        data += b"z"
        messages.append(end(len(data)))
        return data, write_chunks(self.client, messages)

    def test_chunks_come_back_as_they_went(self):
        session = self.client.open_session(GROUP + "a")
        data, finished = self.write(session.name)
        statistics = finished.statistics
        self.assertEqual(finished.archive.root.size_bytes, len(data))
        self.assertEqual(statistics.new_chunk_count, 5)
        self.assertEqual(
            statistics.plain_bytes + statistics.hole_bytes
            + statistics.reused_bytes, len(data))
        snapshot = self.client.finish(session.name, {"a.raw": len(data)})
        name = f"{snapshot.name}/archives/a.raw"
        self.assert_restores(self.client, {name: data})
        archive, found = read_chunks(self.client, name)
        self.assertEqual(archive.root, finished.archive.root)
        self.assertTrue(plain_of(found) == data)
        self.assertEqual([encoding for _, encoding, _ in found],
                         [ZSTD, ZSTD, None, RAW, ZSTD, ZSTD, None, RAW])
        self.assertEqual([entry for entry, _, _ in found],
                         read_entries(self.client, name))
        for offset, length in ((0, 1), (69_999, 2), (100_000, 3 * MIB)):
            part = read_chunks(self.client, name, offset, length)[1]
            start = part[0][0].offset
            self.assertLessEqual(start, offset)
            plain = plain_of(part)
            self.assertTrue(plain == data[start:start + len(plain)])
            self.assertGreaterEqual(start + len(plain), offset + length)

        # The next backup: one chunk is new, the rest stands in the base.
        second = self.client.open_session(GROUP + "a")
        self.assertEqual(second.base_snapshot, snapshot.name)
        entries = read_entries(
            self.client, f"{second.base_snapshot}/archives/a.raw")
        new = self.random.randbytes(70_000)
        again = write_chunks(self.client, [
            begin(second.name, "a.raw"), chunk(0, new),
            reuse_entries(entries[1:]), end(len(data))])
        self.assertEqual(again.statistics.reused_bytes, len(data) - len(new))
        self.assertEqual(again.statistics.plain_bytes, len(new))
        self.assertEqual(again.statistics.new_chunk_count, 1)
        snapshot = self.client.finish(second.name, {"a.raw": len(data)})
        self.assert_restores(self.client, {
            name: data,
            f"{snapshot.name}/archives/a.raw": new + data[len(new):]})
        self.stop(self.suite)

    def write_and_break(self, messages):
        """Breaks the stream once something is durable; how much is."""
        broken = threading.Event()

        def then_nothing():
            yield from messages
            broken.wait()

        call = self.client.backup.WriteChunks(then_nothing(), timeout=20)
        durable = next(answer.watermark.durable_bytes for answer in call
                       if answer.HasField("watermark"))
        broken.set()
        call.cancel()
        return durable

    def test_one_way_goes_on_where_another_broke(self):
        session = self.client.open_session(GROUP + "b")
        data = self.random.randbytes(300_000)
        first, second = data[:100_000], data[100_000:150_000]
        self.assertEqual(self.write_and_break(
            [begin(session.name, "a.raw"), chunk(0, first), FLUSH]),
            len(first))
        self.assertEqual(self.write_and_break(
            [begin(session.name, "a.raw", offset=len(first)),
             chunk(len(first), second, RAW), FLUSH]), 150_000)
        progress = self.client.get_session(session.name).archives[0]
        self.assertEqual(progress.durable_bytes, 150_000)
        finished = self.client.write(session.name, "a.raw", data,
                                     offset=150_000)
        self.assertEqual(finished.archive.root.size_bytes, len(data))
        snapshot = self.client.finish(session.name, {"a.raw": len(data)})
        self.assert_restores(
            self.client, {f"{snapshot.name}/archives/a.raw": data})


class SplitRoundTrip(RoundTrip):
    split = True


class Owners(Case):
    """Alice has backed up; Mallory has a certificate too."""

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        authority = Authority(self.folder)
        self.suite = self.new_suite(extra=authority.server_arguments())
        target = f"127.0.0.1:{self.suite.port('cairnd')}"
        self.alice, self.mallory = (
            self.new_client_as(target, authority.credentials(name))
            for name in ("alice", "mallory"))
        self.secret = self.random.randbytes(60_000)
        self.digest = sha256(self.secret)
        session = self.alice.open_session(GROUP + "alice")
        write_chunks(self.alice, [begin(session.name, "secret.raw"),
                                  chunk(0, self.secret), end(60_000)])
        self.alice_session = session.name
        self.alice_snapshot = self.alice.finish(
            session.name, {"secret.raw": 60_000}).name
        self.alice_archive = f"{self.alice_snapshot}/archives/secret.raw"
        # Mallory's own base, with one chunk.
        self.own = self.random.randbytes(60_000)
        session = self.mallory.open_session(GROUP + "mallory")
        write_chunks(self.mallory, [begin(session.name, "own.raw"),
                                    chunk(0, self.own), end(60_000)])
        self.base = self.mallory.finish(session.name,
                                        {"own.raw": 60_000}).name
        self.session = self.mallory.open_session(GROUP + "mallory").name

    def new_client_as(self, target, credentials):
        client = Client(target, credentials=credentials)
        self.addCleanup(client.close)
        return client

    def write(self, *messages, archive="own.raw", size=60_000):
        return write_chunks(
            self.mallory,
            [begin(self.session, archive), *messages, end(size)])

    def assert_nothing_is_there(self):
        """Of what was refused: not durable, not listed, and Alice has hers."""
        progress = self.mallory.get_session(self.session).archives
        self.assertEqual([p.durable_bytes for p in progress
                          if p.durable_bytes], [])
        with self.refused(CODE.FAILED_PRECONDITION, CODE.INVALID_ARGUMENT):
            self.mallory.finish(self.session, {"own.raw": 60_000})
        self.assertEqual(
            [s.name for s in self.mallory.snapshots(GROUP + "mallory")],
            [self.base])
        self.assert_restores(self.alice, {self.alice_archive: self.secret})
        self.assert_restores(
            self.mallory, {f"{self.base}/archives/own.raw": self.own})

    def test_a_digest_gets_nobody_a_chunk(self):
        known = {"digest": self.digest}
        other = self.random.randbytes(60_000)
        check = check_of([(60_000, 1, self.digest)])
        mismatch = "CHUNK_MISMATCH"
        for what, messages, code, reason in (
                ("raw bytes of the digest", [chunk(0, other, RAW, **known)],
                 INVALID, mismatch),
                ("zstd of the digest", [chunk(0, other, **known)], INVALID,
                 mismatch),
                ("zeros of the digest", [chunk(0, bytes(60_000), **known)],
                 INVALID, mismatch),
                ("no payload", [chunk(0, self.secret, payload=b"",
                                      stored_length=0)], INVALID, ""),
                ("a payload that never comes",
                 [chunk(0, self.secret, RAW, payload=b"",
                        stored_length=60_000)], INVALID, ""),
                ("the digest at the base's place",
                 [reuse_base(0, 60_000, 0, check)], INVALID, mismatch),
                ("the archive's name", [reuse_base(
                    0, 60_000, 0, check, "secret.raw")],
                 CODE.FAILED_PRECONDITION, "REUSE_REFUSED"),
                ("the archive's resource name", [reuse_base(
                    0, 60_000, 0, check, self.alice_archive)], INVALID, ""),
                ("a name that leads elsewhere", [reuse_base(
                    0, 60_000, 0, check, "../secret.raw")], INVALID, ""),
                ("behind the base", [reuse_base(0, 60_000, 60_000, check)],
                 CODE.FAILED_PRECONDITION, "REUSE_REFUSED"),
                ("a chunk not sent", [reuse_sent(0, 60_000, 0, check)],
                 INVALID, ""),
                ("one of the last number",
                 [reuse_sent(0, 60_000, MAX_UINT64, check)], INVALID, "")):
            with self.subTest(what), self.refused(code, reason=reason):
                self.write(*messages)
        with self.refused(INVALID, reason=mismatch):
            self.write(chunk(0, other), reuse_sent(60_000, 60_000, 0, check),
                       size=120_000)
        self.assert_nothing_is_there()

    def test_others_archives_are_not_read_nor_written(self):
        for entries_only in (False, True):
            with self.refused(CODE.PERMISSION_DENIED, reason="NOT_OWNER"):
                read_chunks(self.mallory, self.alice_archive,
                            entries_only=entries_only)
        with self.refused(CODE.PERMISSION_DENIED, reason="NOT_OWNER"):
            self.mallory.read(self.alice_archive)
        own = f"{self.base}/archives/own.raw"
        for base, name in ((own, self.alice_archive),
                           (self.alice_archive, own),
                           (self.alice_archive, self.alice_archive)):
            with self.refused(CODE.PERMISSION_DENIED, reason="NOT_OWNER"):
                list(self.mallory.restore.DiffArchives(
                    restore.DiffArchivesRequest(base=base, name=name),
                    timeout=20))
        with self.refused(CODE.PERMISSION_DENIED, reason="NOT_OWNER"):
            self.mallory.open_session(GROUP + "alice")
        session = self.alice.open_session(GROUP + "alice").name
        for messages in ([begin(session, "x.raw"), end(0)],
                         [begin(self.alice_session, "x.raw"), end(0)]):
            with self.refused(CODE.PERMISSION_DENIED, reason="NOT_OWNER"):
                write_chunks(self.mallory, messages)
        self.assert_nothing_is_there()

    def test_a_session_without_a_base_reuses_nothing(self):
        session = self.mallory.open_session(GROUP + "mallory-new").name
        for archive in ("", "own.raw", "secret.raw"):
            with self.refused(CODE.FAILED_PRECONDITION,
                              reason="REUSE_REFUSED"):
                write_chunks(self.mallory, [
                    begin(session, "own.raw"),
                    reuse_base(0, 60_000, 0,
                               check_of([(60_000, 1, sha256(self.own))]),
                               archive)])

    def test_lies_are_refused_for_what_they_are(self):
        plain = self.random.randbytes(5000) + bytes(5000)
        frame = zstd(plain)
        size = len(plain)
        own = reuse_base(0, 60_000, 0,
                         check_of([(60_000, 1, sha256(self.own))]))
        mismatch = "CHUNK_MISMATCH"
        lies = {
            "longer than it is": (chunk(0, plain, length=size + 1), mismatch),
            "shorter than it is": (chunk(0, plain, length=size - 1),
                                   mismatch),
            "a frame that lies of its size": (
                chunk(0, plain, payload=zstd(plain, stated=size + 1),
                      length=size + 1), mismatch),
            "a bomb": (chunk(0, plain, payload=zstd(bytes(64 * MIB))),
                       mismatch),
            "a bomb that lies of its size": (
                chunk(0, plain, payload=zstd(bytes(64 * MIB), stated=size)),
                mismatch),
            "no frame": (chunk(0, plain, payload=b"no frame at all"),
                         mismatch),
            "half a frame": (chunk(0, plain, payload=frame[:4000]), mismatch),
            "a frame and more": (chunk(0, plain, payload=frame + b"x"),
                                 mismatch),
            "two frames": (chunk(0, plain, payload=frame + frame), mismatch),
            "raw that is zstd": (chunk(0, plain, RAW, payload=frame),
                                 mismatch),
            "zstd that is raw": (chunk(0, plain, payload=plain), mismatch),
            "stored in nothing": (chunk(0, plain, stored_length=0), ""),
            "stored in too much": (
                chunk(0, plain, stored_length=size + 65537), ""),
            "stored in all there is": (
                chunk(0, plain, stored_length=MAX_UINT64), ""),
            "of no bytes": (chunk(0, b"", RAW), ""),
            "of too many bytes": (chunk(0, plain, length=16 * MIB), ""),
            "of all bytes": (chunk(0, plain, length=MAX_UINT64), ""),
            "too often": (chunk(0, plain, repeat=MAX_UINT64), ""),
            "of half a digest": (chunk(0, plain, digest=b"x" * 16), ""),
            "encoded in nothing": (
                chunk(0, plain, model.ENCODING_UNSPECIFIED), ""),
            "encrypted": (chunk(0, plain, model.ENCODING_ENCRYPTED_RAW), ""),
            "a reuse of nothing": (reuse_base(0, 0, 0, sha256(b"")), ""),
            "a reuse of all": (reuse_base(0, MAX_UINT64, 0, sha256(b"")), ""),
            "a reuse of half a chunk": (
                reuse_base(0, 30_000, 0, sha256(b"")), mismatch),
            "a reuse of another check": (
                reuse_base(0, 60_000, 0, sha256(b"")), mismatch),
            "a reuse without a place": (
                backup.WriteChunksRequest(
                    reuse=backup.WriteChunksRequest.Reuse(
                        length=1, check=sha256(b""))), ""),
            "a hole of nothing": (hole(0, 0), ""),
            "a stray fragment": (
                backup.WriteChunksRequest(fragment=b"x"), ""),
        }
        for what, (lie, reason) in lies.items():
            with self.subTest(what), self.refused(INVALID, reason=reason):
                self.write(lie, size=lie.chunk.length)
        for elsewhere in (chunk(1, plain), hole(1, 1), reuse_base(
                7, 60_000, 0, own.reuse.check)):
            with self.refused(CODE.OUT_OF_RANGE, reason="OFFSET_MISMATCH"):
                self.write(elsewhere)
        with self.refused(CODE.OUT_OF_RANGE, reason="OFFSET_MISMATCH"):
            self.write(own, size=59_999)
        self.assert_nothing_is_there()
        self.assert_memory_is_bounded(self.suite, "lies")
        # The truth is taken.
        self.write(own)
        self.mallory.finish(self.session, {"own.raw": 60_000})


if __name__ == "__main__":
    case.main()
