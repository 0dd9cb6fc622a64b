"""A Cairn client in Python: gRPC and the stubs generated from our protos."""

import time
import uuid

import grpc
from cairn.ingest.v1 import backup_service_pb2 as backup
from cairn.ingest.v1 import backup_service_pb2_grpc as backup_grpc
from cairn.ingest.v1 import catalog_service_pb2 as catalog
from cairn.ingest.v1 import catalog_service_pb2_grpc as catalog_grpc
from cairn.ingest.v1 import restore_service_pb2 as restore
from cairn.ingest.v1 import restore_service_pb2_grpc as restore_grpc
from cairn.model.v1 import model_pb2 as model

FRAME_BYTES = 1 << 20
CALL_SECONDS = 30
RETRY_SECONDS = 30


def when_available(call, seconds=RETRY_SECONDS):
    """What every client does: repeats what met a server that is away.

    After the restart of a service others reach it a moment later than it
    answers itself. `call` must be safe to repeat.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if (error.code() != grpc.StatusCode.UNAVAILABLE
                    or time.monotonic() > deadline):
                raise
        time.sleep(0.05)


class Client:
    """Calls of one server. Errors are grpc.RpcError, unchanged."""

    def __init__(self, target, seconds=CALL_SECONDS, credentials=None):
        options = [
            ("grpc.max_receive_message_length", (4 << 20) + (64 << 10)),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 200),
        ]
        self.channel = (
            grpc.insecure_channel(target, options=options)
            if credentials is None else
            grpc.secure_channel(target, credentials, options=options))
        self.seconds = seconds
        self.backup = backup_grpc.BackupServiceStub(self.channel)
        self.restore = restore_grpc.RestoreServiceStub(self.channel)
        self.catalog = catalog_grpc.CatalogServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def open_session(self, group, request_id=None, **fields):
        request = backup.OpenSessionRequest(
            request_id=request_id or str(uuid.uuid4()), group=group, **fields)
        return self.backup.OpenSession(request, timeout=self.seconds).session

    def get_session(self, name):
        return self.backup.GetSession(
            backup.GetSessionRequest(name=name), timeout=self.seconds).session

    def write(self, session, archive, data, kind=model.ARCHIVE_KIND_STREAM,
              offset=0, watermarks=None, chunker=None):
        """Writes `data` from `offset` on; returns the Finished message."""
        view = memoryview(data)

        def frames():
            yield backup.WriteStreamRequest(
                begin=backup.WriteStreamRequest.Begin(
                    session=session, archive=archive, kind=kind,
                    chunker=chunker, resume_offset=offset))
            for start in range(offset, len(view), FRAME_BYTES):
                yield backup.WriteStreamRequest(
                    data=backup.WriteStreamRequest.Data(
                        offset=start,
                        data=bytes(view[start:start + FRAME_BYTES])))
            yield backup.WriteStreamRequest(
                end=backup.WriteStreamRequest.End(size_bytes=len(view)))

        finished = None
        for answer in self.backup.WriteStream(frames(), timeout=self.seconds):
            if answer.HasField("watermark") and watermarks is not None:
                watermarks.append(answer.watermark.durable_bytes)
            if answer.HasField("finished"):
                finished = answer.finished
        return finished

    def finish(self, session, sizes):
        request = backup.FinishSessionRequest(name=session)
        for name, size in sizes.items():
            request.archives.add(name=name, size_bytes=size)
        return self.backup.FinishSession(
            request, timeout=self.seconds).snapshot

    def abort(self, session):
        self.backup.AbortSession(
            backup.AbortSessionRequest(name=session), timeout=self.seconds)

    def read(self, archive, offset=0, length=0):
        """The bytes of a range, holes filled with zeros."""
        pieces = []
        request = restore.ReadArchiveRequest(
            name=archive, offset=offset, length=length)
        for answer in self.restore.ReadArchive(request, timeout=self.seconds):
            if answer.HasField("data"):
                pieces.append(answer.data.data)
            elif answer.HasField("hole"):
                pieces.append(bytes(answer.hole.length))
        return b"".join(pieces)

    def snapshots(self, parent, page_size=100):
        """All listed snapshots below `parent`, page by page."""
        token = ""
        while True:
            page = self.catalog.ListSnapshots(
                catalog.ListSnapshotsRequest(
                    parent=parent, page_size=page_size, page_token=token,
                    max_depth=7),
                timeout=self.seconds)
            yield from page.snapshots
            token = page.next_page_token
            if not token:
                return

    def leases(self, datastore="datastores/default"):
        return list(self.catalog.ListLeases(
            catalog.ListLeasesRequest(datastore=datastore, page_size=1000),
            timeout=self.seconds).leases)

    def status(self, seconds=None):
        return self.catalog.GetStatus(
            catalog.GetStatusRequest(), timeout=seconds or self.seconds)

    def datastores(self, seconds=None):
        return self.catalog.ListDatastores(
            catalog.ListDatastoresRequest(),
            timeout=seconds or self.seconds).datastores
