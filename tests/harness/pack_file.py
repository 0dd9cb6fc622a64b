"""Where the records of a pack file stand, read by a second opinion.

The layout is drawn in common/pack/pack_format.h; this
reader shares no code with the one under test.
"""

import hashlib
import pathlib
import struct
import typing

BLOCK_BYTES = 4096
ALIGNMENT = 64
HEADER_BYTES = 128
KINDS = {1: "chunk", 2: "page", 3: "manifest", 4: "event"}


class Record(typing.NamedTuple):
    path: pathlib.Path
    kind: str
    offset: int  # of the header
    stored_length: int
    digest: str  # hex
    encoding: int
    plain_length: int

    @property
    def payload(self):
        """The place of the payload in the file."""
        start = self.offset + HEADER_BYTES
        return range(start, start + self.stored_length)

    @property
    def extent(self):
        """Bytes from its start to the first place of another."""
        size = HEADER_BYTES + self.stored_length
        return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def pack_files(data):
    return sorted(pathlib.Path(data).rglob("packs/*.pack"))


def read_records(path):
    """All records with a sound header, by ascending offset."""
    content = pathlib.Path(path).read_bytes()
    if content[:8] != b"CAIRNPK1":
        raise ValueError(f"{path}: no pack")
    pack = content[16:32]
    records = []
    offset = BLOCK_BYTES
    while offset + HEADER_BYTES <= len(content):
        header = content[offset:offset + HEADER_BYTES]
        checksum = hashlib.sha256(
            pack + struct.pack("<Q", offset) + header[:112]).digest()[:16]
        if header[:4] != b"CRrc" or header[112:] != checksum:
            offset += ALIGNMENT
            continue
        plain, stored = struct.unpack_from("<II", header, 8)
        records.append(Record(pathlib.Path(path), KINDS[header[4]], offset,
                              stored, header[48:80].hex(), header[5], plain))
        offset += records[-1].extent
    return records


def footer_of(path):
    """The place of the table of contents of a pack that was closed."""
    trailer = pathlib.Path(path).read_bytes()[-64:]
    if trailer[:8] != b"CAIRNTOC":
        raise ValueError(f"{path}: no footer")
    return struct.unpack_from("<Q", trailer, 16)[0]


def records_of(data, kind=None):
    """All records below a data directory."""
    return [record for path in pack_files(data)
            for record in read_records(path)
            if kind in (None, record.kind)]


def flip_bit(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))
