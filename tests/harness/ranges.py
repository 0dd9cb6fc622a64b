"""What a client does that sends an image as changes of its base."""

import struct

from client import FRAME_BYTES, backup

WRITE = backup.WriteRangesRequest
FLUSH = WRITE(flush=WRITE.Flush())
END = WRITE(end=WRITE.End())


def begin(session, archive, base_snapshot, size, offset=0):
    return WRITE(begin=WRITE.Begin(
        session=session, archive=archive, base_snapshot=base_snapshot,
        size_bytes=size, resume_offset=offset))


def data(offset, content):
    return WRITE(data=WRITE.Data(offset=offset, data=content))


def hole(offset, length):
    return WRITE(hole=WRITE.Hole(offset=offset, length=length))


def range_messages(changes, durable=0):
    """`changes`: [(offset, bytes or the length of a hole)], in order.

    Only what is not below `durable`.
    """
    for offset, content in changes:
        is_hole = isinstance(content, int)
        end = offset + (content if is_hole else len(content))
        start = max(offset, durable)
        if start >= end:
            continue
        if is_hole:
            yield hole(start, end - start)
            continue
        for at in range(start, end, FRAME_BYTES):
            yield data(at, content[at - offset:
                                   min(at + FRAME_BYTES, end) - offset])


def apply(image, size, changes):
    """The bytes that `image` becomes."""
    result = bytearray(image[:size].ljust(size, b"\0"))
    for offset, content in changes:
        if isinstance(content, int):
            content = bytes(content)
        result[offset:offset + len(content)] = content
    return bytes(result)


def write_changes(path, size, changes):
    """The same, in a file."""
    with open(path, "r+b") as file:
        file.truncate(size)
        for offset, content in changes:
            file.seek(offset)
            file.write(bytes(content) if isinstance(content, int)
                       else content)


def range_list(changes):
    """As `cairn backup --changed-ranges` reads it, in bytes."""
    return "".join(
        f"{offset} {content if isinstance(content, int) else len(content)}\n"
        for offset, content in changes).encode()


def raw_diff(size, changes):
    """As `rbd export-diff` writes it, in bytes."""
    parts = [b"rbd diff v1\n", b"t", struct.pack("<I", 3), b"now",
             b"s", struct.pack("<Q", size)]
    for offset, content in changes:
        if isinstance(content, int):
            parts += [b"z", struct.pack("<QQ", offset, content)]
        else:
            parts += [b"w", struct.pack("<QQ", offset, len(content)), content]
    return b"".join(parts) + b"e"


def random_changes(random, size, count):
    """In order and apart, of any alignment; some reach into others'
    chunks, some are holes."""
    changes, at = [], 0
    for start in sorted(random.sample(range(size), count)):
        start = max(at, start)
        length = min(size - start, random.choice(
            (1, 511, 4096, 65536, 300_000, 3 << 20)))
        if length == 0:
            break
        changes.append((start, length if random.random() < 0.2 else
                        random.randbytes(length)))
        at = start + length
    return changes


def write_ranges(client, messages):
    """The Finished message of one WriteRanges stream."""
    finished = None
    for answer in client.backup.WriteRanges(iter(messages),
                                            timeout=client.seconds):
        if answer.HasField("finished"):
            finished = answer.finished
    return finished
