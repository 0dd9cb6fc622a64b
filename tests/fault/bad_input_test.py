#!/usr/bin/env python3
"""Bytes, names and orders that no honest client sends.

Each is refused with the code and the reason that the protos promise; the
server keeps its process, what was stored stays, and others go on.
"""

import itertools
import threading
import unittest
import uuid

import grpc
from google.protobuf import field_mask_pb2
from google.protobuf.timestamp_pb2 import Timestamp

import case
import chunks
from case import Case, back_up
from client import (FRAME_BYTES, backup, backup_grpc, catalog, catalog_grpc,
                    model, restore, restore_grpc)

CODE = grpc.StatusCode
INVALID = CODE.INVALID_ARGUMENT
DATASTORE = "datastores/default"
MAX_BLOB_BYTES = 16 << 20
MAX_UINT64 = (1 << 64) - 1
WRITE = backup.WriteStreamRequest
STREAM = model.ARCHIVE_KIND_STREAM
IMAGE = model.ARCHIVE_KIND_IMAGE
BLOB = model.ARCHIVE_KIND_BLOB


def begin(session, archive="a.raw", kind=STREAM, **fields):
    return WRITE(begin=WRITE.Begin(session=session, archive=archive,
                                   kind=kind, **fields))


def data(offset, content):
    return WRITE(data=WRITE.Data(offset=offset, data=content))


def hole(offset, length):
    return WRITE(hole=WRITE.Hole(offset=offset, length=length))


def end(size):
    return WRITE(end=WRITE.End(size_bytes=size))


FLUSH = WRITE(flush=WRITE.Flush())


class BadInput(unittest.TestCase):
    """One server for all: that it outlives each of them is a claim too."""

    @classmethod
    def setUpClass(cls):
        cls.random = case.make_random()
        cls.case = Case()
        cls.case.setUp()
        cls.addClassCleanup(cls.case.doCleanups)
        cls.suite = cls.case.new_suite()
        cls.client = cls.case.new_client(cls.suite)
        cls.numbers = itertools.count()

    def setUp(self):
        self.group = f"{DATASTORE}/groups/host/bad{next(self.numbers)}"

    def tearDown(self):
        self.assertIsNone(self.suite.processes["cairnd"].poll(),
                          self.suite.log_tail())
        # An honest client finds everything as it should be.
        archives = back_up(self.client, f"{DATASTORE}/groups/host/honest",
                           {"a.raw": b"honest", "b.raw": b""},
                           backup_time=self.next_time())
        self.case.assert_restores(self.client, archives)

    @classmethod
    def tearDownClass(cls):
        cls.case.stop(cls.suite)

    @classmethod
    def next_time(cls):
        return Timestamp(seconds=1_500_000_000 + next(cls.numbers))

    def refused(self, *codes, reason=None):
        return case.Refusal(self, codes, reason)

    def open(self, **fields):
        return self.client.open_session(self.group, **fields)

    def send(self, *frames):
        return list(self.client.backup.WriteStream(iter(frames), timeout=20))

    def call(self, service, method, **fields):
        stub = getattr(self.client, service)
        request = getattr({"backup": backup, "catalog": catalog}[service],
                          method + "Request")
        return getattr(stub, method)(request(**fields), timeout=20)

    # --- names ---

    def test_group_names_out_of_their_rules(self):
        deep = "".join(f"/namespaces/n{level}" for level in range(8))
        wide = "".join(f"/namespaces/{'n' * 60}" for _ in range(5))
        for group in (
                f"{DATASTORE}/groups/host/" + "a" * 65,
                f"{DATASTORE}/groups/host/.hidden",
                f"{DATASTORE}/groups/host/-flag",
                f"{DATASTORE}/groups/host/a b",
                f"{DATASTORE}/groups/host/a\0b",
                f"{DATASTORE}/groups/host/ä",
                f"{DATASTORE}/groups/host/a/",
                f"{DATASTORE}//groups/host/a",
                f"/{DATASTORE}/groups/host/a",
                f"{DATASTORE}/groups/Host/a",
                f"{DATASTORE}/groups/host/a/snapshots/2020-01-01T00:00:00Z",
                f"{DATASTORE}/namespaces/../groups/host/a",
                f"{DATASTORE}/namespaces//groups/host/a",
                f"{DATASTORE}{deep}/groups/host/a",
                f"{DATASTORE}{wide}/groups/host/a",
                f"{DATASTORE}/groups/host/" + "a" * 100_000,
                "datastores/" + "d" * 33 + "/groups/host/a",
                "datastores/../groups/host/a",
                "\n", "%s%s%s%n"):
            with self.subTest(group=group[:80]), self.refused(INVALID):
                self.client.open_session(group)

    def test_a_namespace_that_is_not_there(self):
        with self.refused(CODE.NOT_FOUND):
            self.client.open_session(
                f"{DATASTORE}/namespaces/nowhere/groups/host/a")

    def test_archive_names_out_of_their_rules(self):
        session = self.open().name
        for archive in ("", "..", ".a", "-a", "a/b", "../../etc/passwd",
                        "a" * 129, "ä", "a\0b", "a b", "a\nb"):
            with self.subTest(archive=archive[:80]), self.refused(INVALID):
                self.send(begin(session, archive))
        for archive in ("a" * 128, "_", "0", "a..b"):
            self.send(begin(session, archive), end(0))

    def test_names_of_reads_out_of_their_rules(self):
        for name in ("", DATASTORE, f"{self.group}/snapshots/yesterday/archives/a",
                     f"{self.group}/snapshots/2021-02-30T00:00:00Z/archives/a",
                     f"{self.group}/snapshots/2021-01-01T00:00:00Z/archives/..",
                     "x" * 100_000):
            with self.subTest(name=name[:80]), self.refused(INVALID):
                self.client.read(name)

    def test_datastore_names_out_of_their_rules(self):
        for name in ("", "ab", "d" * 33, "../x", ".abc", "a/b", "a b", "äöü"):
            with self.subTest(name=name), self.refused(INVALID):
                self.call("catalog", "CreateDatastore", datastore_id=name,
                          request_id=str(uuid.uuid4()))

    def test_namespaces_out_of_their_rules(self):
        top = f"{DATASTORE}/namespaces/top"
        self.call("catalog", "CreateNamespace", name=top)
        with self.refused(CODE.ALREADY_EXISTS):
            self.call("catalog", "CreateNamespace", name=top)
        with self.refused(CODE.NOT_FOUND):
            self.call("catalog", "CreateNamespace",
                      name=f"{DATASTORE}/namespaces/none/namespaces/below")
        with self.refused(INVALID, CODE.ALREADY_EXISTS):
            self.call("catalog", "CreateNamespace", name=DATASTORE)
        for name in ("", f"{DATASTORE}/namespaces/..", f"{top}/namespaces/"):
            with self.subTest(name=name), self.refused(INVALID):
                self.call("catalog", "CreateNamespace", name=name)
        with self.refused(INVALID):
            self.call("catalog", "CreateNamespace", name=top + "2",
                      comment="c" * 1025)
        with self.refused(CODE.NOT_FOUND):
            self.call("catalog", "DeleteNamespace",
                      name=f"{DATASTORE}/namespaces/none")
        with self.refused(INVALID):
            self.call("catalog", "DeleteNamespace", name=DATASTORE)
        session = self.client.open_session(f"{top}/groups/host/a").name
        with self.refused(CODE.FAILED_PRECONDITION, reason="NOT_EMPTY"):
            self.call("catalog", "DeleteNamespace", name=top)
        self.client.abort(session)

    # --- times ---

    def test_backup_times_out_of_their_range(self):
        for time in (Timestamp(seconds=0), Timestamp(seconds=-1),
                     Timestamp(seconds=253402300800),
                     Timestamp(seconds=1 << 62), Timestamp(seconds=-(1 << 63)),
                     Timestamp(seconds=1, nanos=1),
                     Timestamp(seconds=1, nanos=-1),
                     Timestamp(seconds=1, nanos=2_000_000_000)):
            with self.subTest(time=repr(time)), self.refused(INVALID):
                self.open(backup_time=time)

    def test_a_backup_time_that_is_not_newer(self):
        back_up(self.client, self.group, {"a.raw": b"a"},
                backup_time=Timestamp(seconds=1_600_000_000))
        for seconds in (1_600_000_000, 1_599_999_999, 1):
            with self.refused(CODE.FAILED_PRECONDITION,
                              reason="SNAPSHOT_NOT_NEWER"):
                self.open(backup_time=Timestamp(seconds=seconds))

    # --- ids ---

    def test_request_ids_that_are_no_random_uuid(self):
        for text in ("", "x", str(uuid.uuid4())[:-1], str(uuid.uuid4()) + "0",
                     "{" + str(uuid.uuid4()) + "}", "g" * 36, "-" * 36):
            with self.subTest(text=text), self.refused(INVALID):
                self.client.backup.OpenSession(
                    backup.OpenSessionRequest(request_id=text,
                                              group=self.group), timeout=20)

    def test_a_request_id_reused_for_another_backup(self):
        request_id = str(uuid.uuid4())
        session = self.open(request_id=request_id, notes="one").name
        with self.refused(INVALID):
            self.client.open_session(self.group + "other", request_id,
                                     notes="one")
        with self.refused(INVALID):
            self.open(request_id=request_id, notes="two")
        self.assertEqual(self.open(request_id=request_id, notes="one").name,
                         session)

    def test_an_unknown_session(self):
        name = f"{DATASTORE}/sessions/{uuid.uuid4()}"
        missing = CODE.NOT_FOUND
        with self.refused(missing, reason="SESSION_NOT_FOUND"):
            self.client.get_session(name)
        with self.refused(missing, reason="SESSION_NOT_FOUND"):
            self.client.abort(name)
        with self.refused(missing, reason="SESSION_NOT_FOUND"):
            self.client.finish(name, {"a.raw": 0})
        with self.refused(missing, reason="SESSION_NOT_FOUND"):
            self.call("backup", "RenewSession", name=name)
        with self.refused(missing, reason="SESSION_NOT_FOUND"):
            self.send(begin(name), end(0))
        with self.refused(missing):
            self.client.get_session(f"datastores/nowhere/sessions/{uuid.uuid4()}")
        for bad in ("", name + "0", f"{DATASTORE}/sessions/x", name.upper()):
            with self.subTest(name=bad), self.refused(INVALID):
                self.client.get_session(bad)

    # --- sizes ---

    def test_an_end_of_another_size(self):
        session = self.open().name
        for size in (0, 2, 4, MAX_UINT64):
            with self.refused(CODE.OUT_OF_RANGE, reason="OFFSET_MISMATCH"):
                self.send(begin(session), data(0, b"abc"), end(size))

    def test_a_frame_above_the_limit(self):
        session = self.open().name
        with self.refused(INVALID):
            self.send(begin(session), data(0, bytes(FRAME_BYTES + 1)))
        with self.refused(INVALID):
            self.send(begin(session), data(0, b""))
        self.send(begin(session), data(0, bytes(FRAME_BYTES)),
                  end(FRAME_BYTES))

    def test_a_message_above_the_limit(self):
        session = self.open().name
        with self.refused(CODE.RESOURCE_EXHAUSTED):
            self.send(begin(session), data(0, bytes((4 << 20) + (65 << 10))))
        with self.refused(CODE.RESOURCE_EXHAUSTED):
            self.open(notes="n" * (5 << 20))

    def test_notes_and_labels_above_their_limits(self):
        with self.refused(INVALID, CODE.RESOURCE_EXHAUSTED):
            self.open(notes="n" * ((64 << 10) + 1))
        with self.refused(INVALID, CODE.RESOURCE_EXHAUSTED):
            self.open(client_label="l" * 257)
        self.open(notes="n" * (64 << 10), client_label="l" * 256)

    def test_a_blob_above_its_limit(self):
        session = self.open().name
        frames = [data(at, bytes(FRAME_BYTES))
                  for at in range(0, MAX_BLOB_BYTES, FRAME_BYTES)]
        with self.refused(INVALID):
            self.send(begin(session, "k.blob", BLOB), *frames,
                      data(MAX_BLOB_BYTES, b"x"))
        self.send(begin(session, "k.blob", BLOB), *frames,
                  end(MAX_BLOB_BYTES))

    def test_holes_out_of_their_rules(self):
        session = self.open().name
        with self.refused(INVALID):
            self.send(begin(session), hole(0, 0))
        with self.refused(INVALID):
            self.send(begin(session), hole(0, MAX_UINT64))
        with self.refused(INVALID):
            self.send(begin(session), hole(0, (1 << 63) - 1),
                      hole((1 << 63) - 1, 1))
        with self.refused(INVALID):
            self.send(begin(session, "k.blob", BLOB), hole(0, 1))

    def test_chunkers_out_of_their_rules(self):
        session = self.open().name
        spec = model.ChunkerSpec
        for chunker in (
                spec(name="rabin-v9", min_bytes=1 << 16, average_bytes=1 << 20,
                     max_bytes=1 << 22),
                spec(name="poly-v1"),
                spec(name="poly-v1", min_bytes=1 << 20, average_bytes=1 << 16,
                     max_bytes=1 << 22),
                spec(name="poly-v1", min_bytes=3, average_bytes=5,
                     max_bytes=7),
                spec(name="poly-v1", min_bytes=1 << 16, average_bytes=1 << 20,
                     max_bytes=1 << 31),
                spec(name="fixed-v1", min_bytes=1, average_bytes=1,
                     max_bytes=1),
                spec(name="fixed-v1", min_bytes=1 << 16,
                     average_bytes=1 << 17, max_bytes=1 << 18),
                spec(name="n" * 100_000)):
            with self.subTest(chunker=repr(chunker)[:80]), \
                    self.refused(INVALID):
                self.send(begin(session, chunker=chunker))
        for kind in (model.ARCHIVE_KIND_UNSPECIFIED, 77):
            with self.subTest(kind=kind), self.refused(INVALID):
                self.send(begin(session, kind=kind))

    def test_more_archives_than_a_session_may_have(self):
        limit = self.call("backup", "GetCapabilities").max_archives
        session = self.open().name
        names = [f"a{number}.raw" for number in range(limit + 1)]
        for name in names[:-1]:
            self.send(begin(session, name), end(0))
        with self.refused(INVALID, CODE.RESOURCE_EXHAUSTED,
                          reason="LIMIT_EXCEEDED"):
            self.send(begin(session, names[-1]), end(0))
        with self.refused(INVALID):
            self.client.finish(session, {name: 0 for name in names})
        snapshot = self.client.finish(session,
                                      {name: 0 for name in names[:-1]})
        self.assertEqual(len(snapshot.archives), limit)

    # --- offsets ---

    def test_offsets_that_do_not_go_on(self):
        session = self.open().name
        for bad in (data(2, b"x"), data(4, b"x"), data(MAX_UINT64, b"x"),
                    hole(0, 5), hole(7, 5)):
            with self.refused(CODE.OUT_OF_RANGE,
                              reason="OFFSET_MISMATCH") as refusal:
                self.send(begin(session), data(0, b"abc"), bad)
            self.assertIn("3", refusal.error.details())
        for start in (1, MAX_UINT64):
            with self.refused(CODE.OUT_OF_RANGE, reason="OFFSET_MISMATCH"):
                self.send(begin(session, resume_offset=start))

    def test_reads_out_of_the_archive(self):
        archives = back_up(self.client, self.group, {"a.raw": b"0123456789"})
        (name,) = archives
        for offset in (11, 1 << 40, MAX_UINT64):
            with self.subTest(offset=offset), self.refused(CODE.OUT_OF_RANGE):
                self.client.read(name, offset)
        # More than there is: what there is, or a refusal, never else.
        for length in (11, MAX_UINT64):
            try:
                self.assertEqual(self.client.read(name, 3, length), b"3456789")
            except grpc.RpcError as error:
                self.assertEqual(error.code(), CODE.OUT_OF_RANGE)
        with self.refused(CODE.NOT_FOUND):
            self.client.read(name + "x")

    # --- differences ---

    def diff(self, base, name, offset=0):
        return list(self.client.restore.DiffArchives(
            restore.DiffArchivesRequest(base=base, name=name, offset=offset),
            timeout=20))

    def test_names_of_differences_out_of_their_rules(self):
        (name,) = back_up(self.client, self.group, {"a.raw": b"abc"})
        snapshot = name.rpartition("/archives/")[0]
        for bad in ("", DATASTORE, self.group, snapshot, snapshot + "/archives/",
                    f"{snapshot}/archives/..", f"{snapshot}/archives/a/b",
                    f"{self.group}/snapshots/latest/archives/a.raw",
                    f"{self.group}/snapshots/2021-02-30T00:00:00Z/archives/a",
                    f"/{name}", f"{name}/", name.replace("archives", "Archives"),
                    "x" * 100_000):
            for base, newer in ((bad, name), (name, bad), (bad, bad)):
                with self.subTest(bad=bad[:80]), self.refused(INVALID):
                    self.diff(base, newer)
        gone = f"{self.group}/snapshots/2001-01-01T00:00:00Z/archives/a.raw"
        for missing in (name + "x", gone):
            for base, newer in ((missing, name), (name, missing)):
                with self.subTest(missing=missing), \
                        self.refused(CODE.NOT_FOUND):
                    self.diff(base, newer)

    def test_a_difference_of_two_datastores(self):
        self.call("catalog", "CreateDatastore", datastore_id="elsewhere",
                  request_id=str(uuid.uuid4()))
        (here,) = back_up(self.client, self.group, {"a.raw": b"abc"})
        (there,) = back_up(self.client, "datastores/elsewhere/groups/host/a",
                           {"a.raw": b"abc"})
        nowhere = here.replace(DATASTORE, "datastores/nowhere")
        for base, name in ((here, there), (there, here), (here, nowhere),
                           (nowhere, here)):
            with self.subTest(base=base, name=name), \
                    self.refused(INVALID) as refusal:
                self.diff(base, name)
            self.assertIn("datastore", refusal.error.details())
        with self.refused(CODE.NOT_FOUND):
            self.diff(nowhere, nowhere)

    def test_offsets_of_differences_out_of_the_archives(self):
        short, long = back_up(self.client, self.group, {
            "short.raw": b"abc", "long.raw": b"abcdef"})
        for base, name in ((short, long), (long, short)):
            for offset in (7, 1 << 40, 1 << 63, MAX_UINT64):
                with self.subTest(offset=offset), \
                        self.refused(CODE.OUT_OF_RANGE):
                    self.diff(base, name, offset)
            for offset in (4, 6):
                answers = self.diff(base, name, offset)
                self.assertEqual(answers[-1].compared_bytes, 6)
                self.assertEqual(
                    [(r.offset, r.length) for a in answers for r in a.ranges],
                    [(offset, 6 - offset)] if offset < 6 else [])

    def test_differences_above_the_limit_of_one_message(self):
        """Every other chunk differs: 3000 ranges, in messages of 1024."""
        length, names = 64, []
        for change in (0, 1):
            session = self.client.open_session(
                self.group, backup_time=self.next_time()).name
            messages = [chunks.begin(session, "a.raw")]
            for number in range(6000):
                seed = (number + change * (number % 2) * 10_000)
                messages.append(chunks.chunk(
                    number * length, seed.to_bytes(4, "big") * (length // 4),
                    chunks.RAW))
            messages.append(chunks.end(6000 * length))
            chunks.write_chunks(self.client, messages)
            names.append(self.client.finish(
                session, {"a.raw": 6000 * length}).name + "/archives/a.raw")
        answers = self.diff(*names)
        self.assertGreater(len(answers), 2)
        self.assertLessEqual(max(len(a.ranges) for a in answers), 1024)
        self.assertEqual(
            [(r.offset, r.length) for a in answers for r in a.ranges],
            [(n * length, length) for n in range(1, 6000, 2)])
        compared = [a.compared_bytes for a in answers]
        self.assertEqual(compared, sorted(compared))
        self.assertEqual(compared[-1], 6000 * length)

    # --- page tokens ---

    def test_page_tokens_that_were_not_given(self):
        for second in range(4):
            back_up(self.client, self.group, {"a.raw": b"a"},
                    backup_time=Timestamp(seconds=1_600_000_000 + second))

        def page(**fields):
            return self.call("catalog", "ListSnapshots",
                             **({"parent": self.group, "page_size": 2}
                                | fields))

        token = page().next_page_token
        self.assertTrue(token)
        self.assertEqual(len(page(page_token=token).snapshots), 2)
        reason = "PAGE_TOKEN_INVALID"
        for bad in ("x", token + "x", token[:-1], token[::-1], "A" * 8000,
                    "\0", "é"):
            with self.subTest(token=bad[:40]), \
                    self.refused(INVALID, reason=reason):
                page(page_token=bad)
        with self.refused(INVALID, reason=reason):
            page(page_token=token, parent=DATASTORE)
        with self.refused(INVALID, reason=reason):
            page(page_token=token, filter={"protected_only": True})
        for method, fields in (("ListGroups", {"parent": DATASTORE}),
                               ("ListNamespaces", {"parent": DATASTORE}),
                               ("ListLeases", {"datastore": DATASTORE}),
                               ("ListDatastores", {})):
            with self.subTest(method=method), \
                    self.refused(INVALID, reason=reason):
                self.call("catalog", method, page_token=token, **fields)

    def test_page_tokens_changed_anywhere(self):
        for second in range(3):
            back_up(self.client, self.group, {"a.raw": b"a"},
                    backup_time=Timestamp(seconds=1_600_000_000 + second))
        request = {"parent": self.group, "page_size": 1}
        token = self.call("catalog", "ListSnapshots",
                          **request).next_page_token
        letters = "abcXYZ019-_"
        for _ in range(case.slice_or_soak(50, 2000)):
            at = self.random.randrange(len(token))
            bad = token[:at] + self.random.choice(letters) + token[at + 1:]
            try:
                answer = self.call("catalog", "ListSnapshots",
                                   page_token=bad, **request)
                # The last character may carry bits that say nothing.
                self.assertLessEqual(len(answer.snapshots), 1)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), INVALID, error.details())
                self.assertEqual(case.reason_of(error), "PAGE_TOKEN_INVALID")

    def test_page_sizes_above_the_limit(self):
        back_up(self.client, self.group, {"a.raw": b"a"})
        answer = self.call("catalog", "ListSnapshots", parent=self.group,
                           page_size=(1 << 32) - 1)
        self.assertEqual(len(answer.snapshots), 1)

    # --- order ---

    def test_frames_out_of_order(self):
        session = self.open().name
        for frames in ([FLUSH], [end(0)], [hole(0, 1)],
                       [begin(session), data(0, b"x"), begin(session)],
                       [begin(session), WRITE()]):
            with self.subTest(frames=str(frames)[:200]), \
                    self.refused(INVALID):
                self.send(*frames)

    def test_frames_after_the_end(self):
        """The server may be gone by then: they are refused or not read."""
        session = self.open().name
        for name, late in (("a.raw", data(1, b"y")), ("b.raw", end(1)),
                           ("c.raw", FLUSH), ("d.raw", begin(session))):
            try:
                last = self.send(begin(session, name), data(0, b"x"), end(1),
                                 late)[-1]
                self.assertEqual(last.finished.archive.root.size_bytes, 1)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), INVALID, error.details())

    def test_a_stream_without_an_end(self):
        session = self.open().name
        for frames in ([], [begin(session)],
                       [begin(session), data(0, b"abc")],
                       [begin(session), data(0, b"abc"), FLUSH]):
            try:
                answers = self.send(*frames)
            except grpc.RpcError as error:
                self.assertIn(error.code(), (INVALID, CODE.CANCELLED),
                              error.details())
            else:
                self.assertFalse([a for a in answers
                                  if a.HasField("finished")])
        with self.refused(CODE.FAILED_PRECONDITION):
            self.client.finish(session, {"a.raw": 3})
        progress = self.client.get_session(session).archives
        offset = progress[0].durable_bytes if progress else 0
        self.assertFalse(progress and progress[0].complete)
        self.client.write(session, "a.raw", b"abcdef", offset=offset)
        self.client.finish(session, {"a.raw": 6})

    def test_an_archive_written_twice(self):
        session = self.open().name
        self.client.write(session, "a.raw", b"first")
        for offset in (0, 5):
            with self.refused(CODE.ALREADY_EXISTS, reason="ARCHIVE_EXISTS"):
                self.send(begin(session, resume_offset=offset))
        snapshot = self.client.finish(session, {"a.raw": 5}).name
        self.case.assert_restores(
            self.client, {f"{snapshot}/archives/a.raw": b"first"})

    def test_an_archive_written_by_two_streams_at_once(self):
        session = self.open().name
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def frames():
            yield begin(session)
            yield data(0, b"first")
            go_on.wait(60)
            yield end(5)

        first = self.client.backup.WriteStream(frames(), timeout=60)
        self.assertTrue(next(first).HasField("started"))
        with self.refused(CODE.FAILED_PRECONDITION, reason="ARCHIVE_OPEN"):
            self.send(begin(session), end(0))
        with self.refused(CODE.FAILED_PRECONDITION):
            self.client.finish(session, {"a.raw": 5})
        go_on.set()
        list(first)
        self.client.finish(session, {"a.raw": 5})

    def test_an_archive_resumed_as_another_kind(self):
        session = self.open().name
        content = self.random.randbytes(20 << 20)
        frames = [data(at, content[at:at + FRAME_BYTES])
                  for at in range(0, len(content), FRAME_BYTES)]
        stop = threading.Event()

        def paused():
            yield begin(session)
            yield from frames
            yield FLUSH
            stop.wait(60)

        stream = self.client.backup.WriteStream(paused(), timeout=60)
        durable = 0
        for answer in stream:
            durable = answer.watermark.durable_bytes
            if durable:
                break
        stream.cancel()
        stop.set()

        def resume():
            try:
                self.send(begin(session, kind=IMAGE, resume_offset=durable))
                return None
            except grpc.RpcError as error:
                # The old stream may still be on its way out.
                return (error if case.reason_of(error) != "ARCHIVE_OPEN"
                        else None)

        error = case.wait_until(resume, "refused as another kind")
        self.assertIn(error.code(), (INVALID, CODE.FAILED_PRECONDITION))

    # --- the end of a session ---

    def test_finish_after_abort(self):
        session = self.open().name
        self.client.write(session, "a.raw", b"abc")
        self.client.abort(session)
        self.client.abort(session)
        ended = CODE.FAILED_PRECONDITION
        with self.refused(ended, reason="SESSION_ENDED"):
            self.client.finish(session, {"a.raw": 3})
        with self.refused(ended, reason="SESSION_ENDED"):
            self.send(begin(session, "b.raw"), end(0))
        with self.refused(ended, reason="SESSION_ENDED"):
            self.call("backup", "RenewSession", name=session)
        self.assertEqual(list(self.client.snapshots(self.group)), [])

    def test_a_write_after_finish(self):
        session = self.open().name
        self.client.write(session, "a.raw", b"abc")
        self.client.finish(session, {"a.raw": 3})
        with self.refused(CODE.FAILED_PRECONDITION, reason="SESSION_ENDED"):
            self.send(begin(session, "b.raw"), end(0))

    def test_finish_with_other_archives_than_were_written(self):
        session = self.open().name
        self.client.write(session, "a.raw", b"abc")
        self.client.write(session, "b.raw", b"")
        failed = CODE.FAILED_PRECONDITION
        for sizes in ({"a.raw": 3}, {"a.raw": 3, "b.raw": 0, "c.raw": 0},
                      {"a.raw": 2, "b.raw": 0}, {"a.raw": 3, "b.raw": 1},
                      {"a.raw": MAX_UINT64, "b.raw": 0},
                      {"a.raw": 3, "x.raw": 0}):
            with self.subTest(sizes=sizes), self.refused(failed):
                self.client.finish(session, sizes)
        with self.refused(INVALID, failed):
            self.client.finish(session, {})
        with self.refused(INVALID):
            self.client.finish(session, {"../a": 3, "b.raw": 0})
        twice = backup.FinishSessionRequest(name=session)
        for name in ("a.raw", "a.raw", "b.raw"):
            twice.archives.add(name=name, size_bytes=3 * (name == "a.raw"))
        with self.refused(INVALID, failed):
            self.client.backup.FinishSession(twice, timeout=20)
        self.assertEqual(list(self.client.snapshots(self.group)), [])
        self.client.finish(session, {"a.raw": 3, "b.raw": 0})

    def test_an_update_without_a_known_field(self):
        (name,) = back_up(self.client, self.group, {"a.raw": b"a"})
        snapshot = model.Snapshot(name=name.rsplit("/archives/")[0])
        for paths in ([], ["owner"], ["name"], ["notes", "x"], ["*"]):
            with self.subTest(paths=paths), self.refused(INVALID):
                self.call("catalog", "UpdateSnapshot", snapshot=snapshot,
                          update_mask=field_mask_pb2.FieldMask(paths=paths))
        snapshot.notes = "n" * ((64 << 10) + 1)
        with self.refused(INVALID, CODE.RESOURCE_EXHAUSTED):
            self.call("catalog", "UpdateSnapshot", snapshot=snapshot,
                      update_mask=field_mask_pb2.FieldMask(paths=["notes"]))

    # --- no messages at all ---

    def unary_methods(self):
        for module, stub in ((backup_grpc, "Backup"),
                             (catalog_grpc, "Catalog")):
            servicer = getattr(module, f"{stub}ServiceServicer")
            for name in sorted(vars(servicer)):
                if name[0].isupper() and name != "WriteStream":
                    yield f"/cairn.ingest.v1.{stub}Service/{name}"

    def test_a_method_that_is_not_there(self):
        for path in ("/cairn.ingest.v1.BackupService/Format",
                     "/cairn.index.v1.IndexService/AbortSession",
                     "/cairn.maintenance.v1.MaintenanceService/AdvanceEpoch",
                     "/cairn.chunk_storage.v1.ChunkStorageService/Pin", "/"):
            call = self.client.channel.unary_unary(path)
            with self.subTest(path=path), \
                    self.refused(CODE.UNIMPLEMENTED, CODE.PERMISSION_DENIED):
                call(b"", timeout=20)

    def test_bytes_that_are_no_message(self):
        good = [m.SerializeToString() for m in (
            backup.OpenSessionRequest(request_id=str(uuid.uuid4()),
                                      group=self.group, notes="notes"),
            catalog.ListSnapshotsRequest(parent=DATASTORE, page_token="abc"),
            begin(f"{DATASTORE}/sessions/{uuid.uuid4()}"), data(0, b"x"))]
        methods = list(self.unary_methods())
        for _ in range(case.slice_or_soak(400, 20_000)):
            message = bytearray(self.random.choice(good)
                                + self.random.randbytes(
                                    self.random.choice((0, 0, 1, 40))))
            for _ in range(self.random.randrange(1, 8)):
                message[self.random.randrange(len(message))] = (
                    self.random.randrange(256))
            call = self.client.channel.unary_unary(
                self.random.choice(methods))
            try:
                call(bytes(message), timeout=20)
            except grpc.RpcError as error:
                self.assertNotIn(error.code(), (
                    CODE.UNAVAILABLE, CODE.DEADLINE_EXCEEDED, CODE.UNKNOWN,
                    CODE.DATA_LOSS), error.details())
        for path in ("BackupService/WriteStream",
                     "BackupService/WriteChunks",
                     "BackupService/WriteRanges",
                     "RestoreService/ReadArchive",
                     "RestoreService/ReadChunks",
                     "RestoreService/DiffArchives"):
            call = self.client.channel.stream_stream("/cairn.ingest.v1."
                                                     + path)
            for _ in range(case.slice_or_soak(20, 1000)):
                with self.refused(INVALID, CODE.INTERNAL, CODE.UNIMPLEMENTED,
                                  CODE.NOT_FOUND, CODE.CANCELLED):
                    list(call(iter([self.random.randbytes(30)]), timeout=20))

    def test_text_that_is_not_utf_8(self):
        # Field 2 of OpenSessionRequest, as bytes that Python's stubs refuse.
        call = self.client.channel.unary_unary(
            "/cairn.ingest.v1.BackupService/OpenSession")
        with self.refused(INVALID, CODE.INTERNAL, CODE.UNIMPLEMENTED):
            call(b"\x12\x04\xff\xfe\xc3\x28", timeout=20)


if __name__ == "__main__":
    case.main()
