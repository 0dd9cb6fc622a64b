#!/usr/bin/env python3
"""A client that writes one archive by a raw way in, as a process to be killed.

  writer.py JOB      (JSON, the fields of Job)

Tells on stdout, a line each and before it goes on: `sent FROM TO`, bytes that
are about to be sent; `durable N`, of a watermark; `held`, and it waits for a
line on stdin; `finished`; `error CODE REASON TEXT`.
"""

import dataclasses
import json
import os
import subprocess
import sys
import threading

import grpc

import chunks
import ranges
from case import reason_of
from client import Client, backup, model

STREAM, CHUNKS, RANGES = "WriteStream", "WriteChunks", "WriteRanges"
# Without a boundary above the last watermark none comes.
FLUSH_SECONDS = 5
# Of what the writer looks at, hashes and compares.
BLOCK_BYTES = 128 << 10
# So short that archives of some MiB have many boundaries.
CHUNKER = model.ChunkerSpec(name="poly-v1", min_bytes=64 << 10,
                            average_bytes=128 << 10, max_bytes=512 << 10)
IMAGE_CHUNKER = model.ChunkerSpec(
    name="fixed-v1", min_bytes=256 << 10, average_bytes=256 << 10,
    max_bytes=256 << 10)


@dataclasses.dataclass
class Job:
    target: str
    way: str
    session: str
    archive: str
    source: str  # a file
    base: str = ""  # one that the session's base has under the same name
    base_snapshot: str = ""
    is_image: bool = False
    offset: int = 0
    # Holds before this message; 0: never. With `flush`, once what was sent
    # before has been asked for and a watermark has come.
    hold_at: int = 0
    flush: bool = False
    seconds: float = 60


def _blocks(path):
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


class Way:
    """Messages of one way: (offset, end, message), in order."""

    def __init__(self, job):
        self.job = job
        self.size = os.path.getsize(job.source)

    @property
    def kind(self):
        return (model.ARCHIVE_KIND_IMAGE if self.job.is_image
                else model.ARCHIVE_KIND_STREAM)

    @property
    def chunker(self):
        return IMAGE_CHUNKER if self.job.is_image else CHUNKER

    def call(self, client, requests):
        return getattr(client.backup, self.job.way)(
            requests, timeout=self.job.seconds)

    def blocks(self):
        """(offset, bytes, of the base there) from the job's offset on."""
        base = _blocks(self.job.base) if self.job.base else iter(())
        at = 0
        for block in _blocks(self.job.source):
            old = next(base, b"")
            cut = min(max(self.job.offset - at, 0), len(block))
            if cut < len(block):
                yield at + cut, block[cut:], old[cut:]
            at += len(block)


class StreamWay(Way):
    """Blocks as they are, zeros as holes."""

    flush = backup.WriteStreamRequest(flush=backup.WriteStreamRequest.Flush())

    def begin(self):
        write = backup.WriteStreamRequest
        return write(begin=write.Begin(
            session=self.job.session, archive=self.job.archive,
            kind=self.kind, chunker=self.chunker,
            resume_offset=self.job.offset))

    def messages(self):
        write = backup.WriteStreamRequest
        for at, block, _ in self.blocks():
            end = at + len(block)
            if block.count(0) == len(block):
                yield at, end, write(hole=write.Hole(offset=at,
                                                     length=len(block)))
            else:
                yield at, end, write(data=write.Data(offset=at, data=block))

    def end(self):
        write = backup.WriteStreamRequest
        return write(end=write.End(size_bytes=self.size))


class ChunksWay(Way):
    """A block is a chunk, a hole, or what the base has in its place."""

    flush = chunks.FLUSH

    def begin(self):
        return chunks.begin(self.job.session, self.job.archive, self.kind,
                            self.job.offset, self.chunker)

    def messages(self):
        for at, block, old in self.blocks():
            end = at + len(block)
            if block.count(0) == len(block):
                message = chunks.hole(at, len(block))
            elif block == old:
                message = chunks.reuse_base(at, len(block), at, chunks.check_of(
                    [(len(block), 1, chunks.sha256(block))]))
            else:
                message = chunks.chunk(at, block)
            yield at, end, message

    def end(self):
        return chunks.end(self.size)


class RangesWay(Way):
    """The blocks that are not those of the base."""

    flush = ranges.FLUSH

    def begin(self):
        return ranges.begin(self.job.session, self.job.archive,
                            self.job.base_snapshot, self.size,
                            self.job.offset)

    def messages(self):
        for at, block, old in self.blocks():
            end = at + len(block)
            if block == old:
                continue
            if block.count(0) == len(block):
                yield at, end, ranges.hole(at, len(block))
            else:
                yield at, end, ranges.data(at, block)

    def end(self):
        return ranges.END


WAYS = {STREAM: StreamWay, CHUNKS: ChunksWay, RANGES: RangesWay}


class Writer:
    """One stream. `tell` is called from two threads."""

    def __init__(self, client, job, tell=lambda *words: None, wait=None):
        self.client = client
        self.job = job
        self.way = WAYS[job.way](job)
        self.tell = tell
        self.wait = wait
        self._watermark = threading.Event()

    def _hold(self):
        if self.job.flush:
            yield self.way.flush
            self._watermark.wait(FLUSH_SECONDS)
        self.tell("held")
        self.wait()

    def _requests(self):
        yield self.way.begin()
        held = self.job.hold_at == 0
        for number, (start, end, message) in enumerate(self.way.messages()):
            if number == self.job.hold_at and not held:
                held = True
                yield from self._hold()
            self.tell("sent", start, end)
            yield message
        if not held:
            yield from self._hold()
        yield self.way.end()

    def run(self):
        """Returns the Finished message; RpcErrors as they come."""
        finished = None
        try:
            for answer in self.way.call(self.client, self._requests()):
                if answer.HasField("watermark"):
                    self.tell("durable", answer.watermark.durable_bytes)
                    if answer.watermark.durable_bytes > self.job.offset:
                        self._watermark.set()
                elif answer.HasField("finished"):
                    finished = answer.finished
        finally:
            self._watermark.set()
        return finished


class WriterProcess:
    """A Writer that the test can hold, let go, and kill."""

    def __init__(self, test, job):
        self.job = job
        self.sent = []  # (start, end)
        self.durable = job.offset  # the last that was acknowledged
        self.error = None  # (code, reason, text)
        self.finished = False
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(dataclasses.asdict(job))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test.addCleanup(self._close)

    def _take(self, line):
        word, *rest = line.split(maxsplit=3)
        if word == "sent":
            self.sent.append((int(rest[0]), int(rest[1])))
        elif word == "durable":
            self.durable = max(self.durable, int(rest[0]))
        elif word == "finished":
            self.finished = True
        elif word == "error":
            self.error = (rest[0], rest[1], rest[2].strip())
        return word

    def await_hold(self):
        """False: it ended before."""
        for line in self._process.stdout:
            if self._take(line) == "held":
                return True
        self._process.wait()
        return False

    def go_on(self):
        if self._process.poll() is not None:
            return
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def wait(self):
        """Until it has ended; all that it told is taken."""
        for line in self._process.stdout:
            self._take(line)
        self._process.wait()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _close(self):
        self.kill()
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass


def main():
    job = Job(**json.loads(sys.argv[1]))
    client = Client(job.target)

    def tell(*words):
        os.write(1, (" ".join(map(str, words)) + "\n").encode())

    try:
        Writer(client, job, tell, sys.stdin.readline).run()
        tell("finished")
    except grpc.RpcError as error:
        tell("error", error.code().name, reason_of(error) or "-",
             error.details().replace("\n", " ")[:500] or "-")
        # What it was to be held for is never reached: its thread may wait.
        os._exit(1)


if __name__ == "__main__":
    main()
