"""Streams that pause, stall, break off and go on at another time."""

import threading
import time

import grpc

from case import POLL_SECONDS, WAIT_SECONDS, reason_of, wait_until
from client import FRAME_BYTES, Client, backup, model, restore

WRITE = backup.WriteStreamRequest


class PausedWrite:
    """A backup of one archive `a.raw` that waits at `pause_at`.

    With `flush` it asks for a watermark there, and the pause is reached when
    that has come.
    """

    def __init__(self, test, target, group, data, pause_at, flush=False):
        self.client = Client(target)
        test.addCleanup(self.client.close)
        self.session = self.client.open_session(group).name
        self.data = data
        self.pause_at = pause_at // FRAME_BYTES * FRAME_BYTES
        self.flush = flush
        self.watermark = 0
        self._paused = threading.Event()
        self._go_on = threading.Event()
        self._done = threading.Event()
        self._error = None
        test.addCleanup(self._go_on.set)
        self._call = self.client.backup.WriteStream(
            self._frames(), timeout=10 * WAIT_SECONDS)
        threading.Thread(target=self._read, daemon=True).start()

    def _frames(self):
        yield WRITE(begin=WRITE.Begin(
            session=self.session, archive="a.raw",
            kind=model.ARCHIVE_KIND_STREAM))
        for start in range(0, len(self.data), FRAME_BYTES):
            if start == self.pause_at:
                if self.flush:
                    yield WRITE(flush=WRITE.Flush())
                else:
                    self._paused.set()
                self._go_on.wait()
                if self._done.is_set():
                    return
            yield WRITE(data=WRITE.Data(
                offset=start, data=self.data[start:start + FRAME_BYTES]))
        yield WRITE(end=WRITE.End(size_bytes=len(self.data)))

    def _read(self):
        try:
            for answer in self._call:
                if answer.HasField("watermark"):
                    self.watermark = answer.watermark.durable_bytes
                    if self.flush and self.watermark:
                        self._paused.set()
        except grpc.RpcError as error:
            self._error = error
        self._done.set()
        self._go_on.set()
        self._paused.set()

    def await_pause(self):
        if not self._paused.wait(WAIT_SECONDS):
            raise AssertionError("the stream never came to its pause")
        if self._error is not None:
            raise self._error

    def go_on(self):
        self._go_on.set()

    def error(self):
        """None, or what ended the stream."""
        if not self._done.wait(WAIT_SECONDS):
            raise AssertionError("the stream does not end")
        return self._error

    def finish(self):
        """Lets it end, publishes, and returns the snapshot's name."""
        self.go_on()
        error = self.error()
        if error is not None:
            raise error
        return self.client.finish(self.session,
                                  {"a.raw": len(self.data)}).name

    def vanish(self):
        """The connection is gone, and nobody comes back."""
        self._call.cancel()
        self._done.set()
        self._go_on.set()
        self.client.close()


class StalledRead:
    """A restore whose client takes the first frame and then no more."""

    def __init__(self, test, target, name):
        self.client = Client(target)
        test.addCleanup(self.client.close)
        self._call = self.client.restore.ReadArchive(
            restore.ReadArchiveRequest(name=name), timeout=10 * WAIT_SECONDS)
        self._pieces = []
        while not self._pieces:
            self._take(next(self._call))

    def _take(self, answer):
        if answer.HasField("data"):
            self._pieces.append(answer.data.data)
        elif answer.HasField("hole"):
            self._pieces.append(bytes(answer.hole.length))

    def read_rest(self):
        for answer in self._call:
            self._take(answer)
        return b"".join(self._pieces)

    def read_some(self):
        """As far as it comes before an error."""
        try:
            return self.read_rest()
        except grpc.RpcError:
            return b"".join(self._pieces)


def write_through_faults(client, session, archive, data, at, failed,
                         kind=model.ARCHIVE_KIND_STREAM):
    """Writes an archive, resuming after every fault; returns the streams.

    `at(offset)` runs before each frame; `failed(error)` after each error, and
    raises if it should not have been.
    """

    def ask():
        try:
            return client.get_session(session)
        except grpc.RpcError as error:
            failed(error)
            return None

    def stream(offset):
        yield WRITE(begin=WRITE.Begin(session=session, archive=archive,
                                      kind=kind, resume_offset=offset))
        for start in range(offset, len(data), FRAME_BYTES):
            at(start)
            yield WRITE(data=WRITE.Data(
                offset=start, data=data[start:start + FRAME_BYTES]))
        yield WRITE(end=WRITE.End(size_bytes=len(data)))

    tries = 0
    deadline = time.monotonic() + 3 * WAIT_SECONDS
    while True:
        state = wait_until(ask, "the session answers")
        progress = {a.name: a for a in state.archives}.get(archive)
        if progress is not None and progress.complete:
            return tries
        tries += 1
        if time.monotonic() > deadline:
            raise AssertionError(f"{tries} streams, and no end")
        try:
            for _ in client.backup.WriteStream(
                    stream(progress.durable_bytes if progress else 0),
                    timeout=client.seconds):
                pass
        except grpc.RpcError as error:
            # The old stream may still be on its way out.
            if reason_of(error) != "ARCHIVE_OPEN":
                failed(error)
            time.sleep(POLL_SECONDS)
