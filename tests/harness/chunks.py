"""What a client does that cuts, hashes and encodes chunks itself."""

import hashlib
import struct

from client import FRAME_BYTES, backup, model, restore

RAW = model.ENCODING_RAW
ZSTD = model.ENCODING_ZSTD
WRITE = backup.WriteChunksRequest
# A block of a zstd frame.
_BLOCK_BYTES = 128 << 10
_RAW_BLOCK, _RLE_BLOCK = 0, 1


def zstd(plain, stated=None):
    """A zstd frame of `plain`, made by hand: its form is known to the bit.

    It states `stated` bytes of content, or what is true.
    """
    size = len(plain) if stated is None else stated
    blocks = []
    for start in range(0, len(plain), _BLOCK_BYTES):
        block = plain[start:start + _BLOCK_BYTES]
        if block.count(block[0]) == len(block):
            blocks.append((_RLE_BLOCK, len(block), block[:1]))
        else:
            blocks.append((_RAW_BLOCK, len(block), block))
    # One segment, its content size in 8 bytes, no checksum, no dictionary.
    frame = [b"\x28\xb5\x2f\xfd\xe0", struct.pack("<Q", size)]
    for index, (form, length, content) in enumerate(blocks):
        last = index == len(blocks) - 1
        frame.append((last | form << 1 | length << 3).to_bytes(3, "little"))
        frame.append(content)
    return b"".join(frame)


def sha256(data):
    return hashlib.sha256(data).digest()


def check_of(entries):
    """The check of a reuse; `entries`: (length, repeat, digest)."""
    return sha256(b"".join(
        struct.pack("<QQ", length, repeat) + (digest or bytes(32))
        for length, repeat, digest in entries))


def begin(session, archive, kind=model.ARCHIVE_KIND_STREAM, offset=0,
          chunker=None):
    return WRITE(begin=WRITE.Begin(session=session, archive=archive, kind=kind,
                                   resume_offset=offset, chunker=chunker))


def chunk(offset, plain, encoding=ZSTD, **fields):
    """A chunk whose payload fits one message; `fields` replace what is so."""
    payload = zstd(plain) if encoding == ZSTD else plain
    payload = fields.pop("payload", payload)
    fields = {"length": len(plain), "digest": sha256(plain),
              "encoding": encoding, "stored_length": len(payload)} | fields
    return WRITE(chunk=WRITE.Chunk(offset=offset, payload=payload, **fields))


def chunk_messages(offset, plain, encoding=ZSTD, **fields):
    """A chunk of any length, with its fragments."""
    payload = zstd(plain) if encoding == ZSTD else plain
    yield chunk(offset, plain, encoding, payload=payload[:FRAME_BYTES],
                stored_length=len(payload), **fields)
    for start in range(FRAME_BYTES, len(payload), FRAME_BYTES):
        yield WRITE(fragment=payload[start:start + FRAME_BYTES])


def reuse_sent(offset, length, number, check):
    return WRITE(reuse=WRITE.Reuse(offset=offset, length=length,
                                   sent_chunk=number, check=check))


def reuse_base(offset, length, base_offset, check, archive=""):
    return WRITE(reuse=WRITE.Reuse(
        offset=offset, length=length, check=check,
        base=WRITE.Reuse.Base(archive=archive, offset=base_offset)))


def reuse_entries(entries, offset=None, archive=""):
    """Names what `entries`, of ReadChunks, say of the base."""
    start = entries[0].offset
    return reuse_base(
        start if offset is None else offset,
        sum(e.length * e.repeat for e in entries), start,
        check_of((e.length, e.repeat, e.digest) for e in entries), archive)


def hole(offset, length):
    return WRITE(hole=WRITE.Hole(offset=offset, length=length))


def end(size):
    return WRITE(end=WRITE.End(size_bytes=size))


FLUSH = WRITE(flush=WRITE.Flush())


def write_chunks(client, messages):
    """The Finished message of one WriteChunks stream."""
    finished = None
    for answer in client.backup.WriteChunks(iter(messages),
                                            timeout=client.seconds):
        if answer.HasField("finished"):
            finished = answer.finished
    return finished


def read_chunks(client, archive, offset=0, length=0, entries_only=False):
    """(Archive, [(ChunkEntry, encoding, payload)]), holes without payload."""
    header, found = None, []
    for answer in client.restore.ReadChunks(
            restore.ReadChunksRequest(name=archive, offset=offset,
                                      length=length,
                                      entries_only=entries_only),
            timeout=client.seconds):
        if answer.HasField("header"):
            header = answer.header.archive
        elif answer.HasField("entries"):
            found += [(entry, None, None) for entry in answer.entries.entries]
        elif answer.HasField("chunk"):
            sent = answer.chunk
            found.append((sent.entry, sent.encoding, sent.payload))
        else:
            entry, encoding, payload = found[-1]
            found[-1] = (entry, encoding, payload + answer.fragment)
    return header, found


def read_entries(client, archive):
    return [entry for entry, _, _ in
            read_chunks(client, archive, entries_only=True)[1]]
