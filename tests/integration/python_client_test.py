#!/usr/bin/env python3
"""A client in another language, with nothing of ours but the protos.

Streams bytes in, lists, reads ranges back, and meets the errors that a
stranger meets first.
"""

import os
import pathlib
import random
import sys
import tempfile
import unittest
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))

from client import Client, backup, catalog, model  # noqa: E402
from suite import Suite, binaries_from  # noqa: E402

GROUP = "datastores/default/groups/host/python"


class PythonClient(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="cairn-python-")
        cls.suite = Suite(binaries_from(os.environ.get("CAIRN_BINARIES", ".")),
                          os.path.join(cls.folder.name, "data"),
                          cls.folder.name)
        cls.suite.start()
        cls.client = Client(cls.suite.target)
        seed = int(os.environ.get("CAIRN_TEST_SEED",
                                  uuid.uuid4().int % (1 << 32)))
        print(f"seed {seed}", flush=True)
        cls.random = random.Random(seed)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        codes = cls.suite.stop()
        cls.folder.cleanup()
        assert codes == {"cairnd": 0}, codes

    def back_up(self, data, group=GROUP, kind=model.ARCHIVE_KIND_STREAM):
        session = self.client.open_session(group)
        self.client.write(session.name, "data.raw", data, kind=kind)
        snapshot = self.client.finish(session.name, {"data.raw": len(data)})
        return snapshot.name

    def assert_code(self, code, reason=None):
        test = self

        class Expected:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, _):
                test.assertIsNotNone(error, f"expected {code}")
                test.assertIsInstance(error, grpc.RpcError)
                test.assertEqual(error.code(), code, error.details())
                test.assertTrue(error.details())
                if reason is not None:
                    trailers = dict(error.trailing_metadata())
                    details = trailers["grpc-status-details-bin"]
                    test.assertIn(reason.encode(), details)
                return True

        return Expected()

    def test_bytes_come_back_whole_and_by_range(self):
        data = self.random.randbytes(5_000_001) + bytes(3_000_000)
        name = self.back_up(data)
        archive = f"{name}/archives/data.raw"
        self.assertEqual(self.client.read(archive), data)
        for _ in range(20):
            offset = self.random.randrange(len(data))
            length = self.random.randrange(1, len(data) - offset + 1)
            self.assertEqual(self.client.read(archive, offset, length),
                             data[offset:offset + length])
        self.assertIn(name, [s.name for s in self.client.snapshots(GROUP)])

    def test_an_empty_archive_is_an_archive(self):
        name = self.back_up(b"", GROUP + "-empty")
        self.assertEqual(self.client.read(f"{name}/archives/data.raw"), b"")

    def test_the_same_bytes_again_are_stored_once(self):
        data = self.random.randbytes(4 << 20)
        group = GROUP + "-twice"
        self.back_up(data, group)
        session = self.client.open_session(group)
        finished = self.client.write(session.name, "data.raw", data)
        self.assertEqual(finished.statistics.new_chunk_count, 0)
        self.client.finish(session.name, {"data.raw": len(data)})

    def test_finish_is_idempotent_and_abort_after_it_is_refused(self):
        session = self.client.open_session(GROUP + "-finish")
        self.client.write(session.name, "data.raw", b"abc")
        first = self.client.finish(session.name, {"data.raw": 3})
        second = self.client.finish(session.name, {"data.raw": 3})
        self.assertEqual(first.name, second.name)
        with self.assert_code(grpc.StatusCode.FAILED_PRECONDITION,
                              "SESSION_ENDED"):
            self.client.abort(session.name)

    def test_a_session_is_opened_once_per_request_id(self):
        request_id = str(uuid.uuid4())
        group = GROUP + "-request"
        first = self.client.open_session(group, request_id)
        self.assertEqual(self.client.open_session(group, request_id).name,
                         first.name)
        with self.assert_code(grpc.StatusCode.FAILED_PRECONDITION,
                              "LEASE_HELD"):
            self.client.open_session(group)
        self.client.abort(first.name)
        self.client.abort(self.client.open_session(group).name)

    def test_frames_out_of_order_are_refused_and_lose_nothing(self):
        session = self.client.open_session(GROUP + "-order")
        stream = backup.WriteStreamRequest
        data = stream(data=stream.Data(offset=0, data=b"x"))
        begin = stream(begin=stream.Begin(
            session=session.name, archive="data.raw",
            kind=model.ARCHIVE_KIND_STREAM))
        for frames in ([data], [begin, begin],
                       [begin, stream(data=stream.Data(
                           offset=0, data=bytes((1 << 20) + 1)))],
                       [begin, stream()]):
            with self.assert_code(grpc.StatusCode.INVALID_ARGUMENT):
                list(self.client.backup.WriteStream(iter(frames), timeout=20))
        with self.assert_code(grpc.StatusCode.OUT_OF_RANGE,
                              "OFFSET_MISMATCH"):
            list(self.client.backup.WriteStream(
                iter([begin, stream(data=stream.Data(offset=7, data=b"x"))]),
                timeout=20))
        self.client.write(session.name, "data.raw", b"right")
        name = self.client.finish(session.name, {"data.raw": 5}).name
        self.assertEqual(self.client.read(f"{name}/archives/data.raw"),
                         b"right")

    def test_names_times_and_tokens_out_of_their_rules_are_refused(self):
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for group in ("", "datastores/default", "datastores/default/groups/x/y",
                      "datastores/default/groups/host/..",
                      "datastores/default/groups/host/a/b",
                      "datastores/de fault/groups/host/a"):
            with self.assert_code(invalid):
                self.client.open_session(group)
        with self.assert_code(invalid):
            self.client.open_session(GROUP, "not-a-uuid")
        with self.assert_code(invalid, "PAGE_TOKEN_INVALID"):
            self.client.catalog.ListSnapshots(
                catalog.ListSnapshotsRequest(parent="datastores/default",
                                             page_token="garbage"), timeout=20)
        with self.assert_code(grpc.StatusCode.NOT_FOUND):
            self.client.read(f"{GROUP}/snapshots/2001-01-01T00:00:00Z"
                             "/archives/data.raw")
        with self.assert_code(grpc.StatusCode.NOT_FOUND):
            self.client.open_session("datastores/nowhere/groups/host/a")

    def test_lists_are_paged(self):
        group = GROUP + "-pages"
        names = []
        for second in range(7):
            session = self.client.open_session(
                group, backup_time=Timestamp(seconds=1_600_000_000 + second))
            self.client.write(session.name, "a.raw", b"%d" % second)
            names.append(self.client.finish(session.name, {"a.raw": 1}).name)
        self.assertEqual(
            [s.name for s in self.client.snapshots(group, page_size=2)], names)


if __name__ == "__main__":
    unittest.main(verbosity=2)
