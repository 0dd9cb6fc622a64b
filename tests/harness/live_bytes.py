"""What a datastore's packs should hold, told from the packs alone.

An oracle of gc: from the manifests of the snapshots that are to be there it
walks the pages down to the chunks, by a reader of its own, and compares that
with the records that are there, and with the bytes of the files.
"""

import collections
import ctypes
import ctypes.util
import hashlib
import pathlib
import time
import typing

from pack_file import BLOCK_BYTES, footer_of, pack_files, read_records

ZSTD = 2
GROUP_TYPES = {1: "vm", 2: "ct", 3: "host"}
ENTRY_BYTES, TRAILER_BYTES = 88, 64
# What a pack may have of padding, and one that is not closed of records whose
# places are elsewhere, before that alone is a reason to copy it:
# services/maintenance/domain/gc_plan.h.
MIN_PADDING_BYTES, PADDING_SHARE = 64 << 10, 16
_CHUNK, _RUN, _HOLE, _FOREIGN_CHUNK, _FOREIGN_RUN = range(5)


def _decode_zstd(stored, plain_length):
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    library.ZSTD_decompress.restype = ctypes.c_size_t
    plain = ctypes.create_string_buffer(max(plain_length, 1))
    got = library.ZSTD_decompress(plain, ctypes.c_size_t(plain_length),
                                  stored, ctypes.c_size_t(len(stored)))
    if got != plain_length:
        raise ValueError(f"zstd gives {got} bytes, not {plain_length}")
    return plain.raw[:plain_length]


def plain_of(record):
    """The plain bytes of a record, proved by its digest."""
    with open(record.path, "rb") as file:
        file.seek(record.payload.start)
        plain = file.read(record.stored_length)
    if record.encoding == ZSTD:
        plain = _decode_zstd(plain, record.plain_length)
    if hashlib.sha256(plain).hexdigest() != record.digest:
        raise ValueError(f"{record}: other bytes than its digest says")
    return plain


class _Reader:
    """Of varints and runs of bytes."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def done(self):
        return self._at >= len(self._data)

    def take(self, size):
        self._at += size
        return self._data[self._at - size:self._at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def read_page(encoded):
    """(digests of child pages, digests of chunks), hex."""
    reader = _Reader(encoded)
    if reader.take(4) != b"CPG1":
        raise ValueError("no page")
    level, children, chunks = reader.take(1)[0], [], []
    for _ in range(reader.varint()):
        if level > 0:
            for _ in range(3):  # sizes
                reader.varint()
            children.append(reader.take(32).hex())
            continue
        form = reader.take(1)[0]
        reader.varint()  # length
        if form in (_RUN, _FOREIGN_RUN):
            reader.varint()
        if form in (_FOREIGN_CHUNK, _FOREIGN_RUN):
            reader.take(16)
        if form != _HOLE:
            chunks.append(reader.take(32).hex())
    return children, chunks


def _message(encoded):
    """{field number: [values]} of a serialised protobuf message."""
    reader, fields = _Reader(encoded), collections.defaultdict(list)
    while not reader.done():
        number, form = divmod(reader.varint(), 8)
        fields[number].append(
            reader.varint() if form == 0 else
            reader.take(reader.varint()) if form == 2 else
            reader.take({1: 8, 5: 4}[form]))
    return fields


class Manifest(typing.NamedTuple):
    snapshot: str  # resource name
    sequence: int
    roots: list  # digests of pages, hex


def read_manifest(encoded):
    """By proto/cairn/record/v1/record.proto."""
    fields = _message(encoded)
    group = _message(fields[5][0])
    name = f"datastores/{group[1][0].decode()}"
    for part in group[2][0].decode().split("/") if group[2] else ():
        name += f"/namespaces/{part}"
    kind = GROUP_TYPES[group[3][0]]
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(fields[6][0]))
    roots = [_message(_message(archive)[4][0])[1][0].hex()
             for archive in fields[7]]
    return Manifest(f"{name}/groups/{kind}/{group[4][0].decode()}"
                    f"/snapshots/{moment}", fields[4][0], roots)


class Packs:
    """All packs below a data directory, as they are now."""

    def __init__(self, data):
        self.files = {path: read_records(path) for path in pack_files(data)}
        self.records = collections.defaultdict(list)
        for records in self.files.values():
            for record in records:
                self.records[record.kind, record.digest].append(record)

    def bytes(self):
        return sum(path.stat().st_size for path in self.files)

    def manifests(self):
        """{digest: Manifest}"""
        return {digest: read_manifest(plain_of(records[0]))
                for (kind, digest), records in self.records.items()
                if kind == "manifest"}

    def live(self, snapshots):
        """(keys of what the snapshots and the catalog need, complaints)"""
        newest, complaints = {}, []
        for digest, manifest in self.manifests().items():
            held = newest.get(manifest.snapshot)
            if held is None or held[1].sequence < manifest.sequence:
                newest[manifest.snapshot] = (digest, manifest)
        keys = {key for key in self.records if key[0] == "event"}
        pages = []
        for name in snapshots:
            if name not in newest:
                complaints.append(f"no manifest of {name}")
                continue
            digest, manifest = newest[name]
            keys.add(("manifest", digest))
            pages += [("page", root) for root in manifest.roots]
        while pages:
            page = pages.pop()
            if page in keys:
                continue
            keys.add(page)
            if page not in self.records:
                complaints.append(f"missing: {page}")
                continue
            children, chunks = read_page(plain_of(self.records[page][0]))
            pages += [("page", child) for child in children]
            keys |= {("chunk", chunk) for chunk in chunks}
        complaints += [f"missing: {key}" for key in keys - set(self.records)]
        return keys, complaints


class Footprint(typing.NamedTuple):
    """Bytes of pack files, by what they are."""

    live: int = 0  # records, with their headers
    frame: int = 0  # headers and footers of packs
    padding: int = 0  # zeros behind syncs
    again: int = 0  # records that another place holds as well
    torn: int = 0  # neither a record nor zeros: a write that was cut off

    def __add__(self, other):
        return Footprint(*(a + b for a, b in zip(self, other)))


def _end_of_records(path, size):
    """Where a footer begins; `size` if there is none."""
    try:
        return footer_of(path)
    except ValueError:
        return size


def _footprint(path, records, seen):
    """Of one pack; counts the records in `seen` as another's."""
    content = path.read_bytes()
    end = _end_of_records(path, len(content))
    live = again = padding = torn = 0
    at = BLOCK_BYTES
    gaps = []
    for record in records:
        gaps.append(content[at:record.offset])
        at = record.offset + record.extent
        if (record.kind, record.digest) in seen:
            again += record.extent
        else:
            seen.add((record.kind, record.digest))
            live += record.extent
    gaps.append(content[at:end])
    for gap in gaps:
        if gap.count(0) == len(gap):
            padding += len(gap)
        else:
            torn += len(gap)
    # The last record of an open pack has not got its padding yet.
    frame = len(content) - live - again - padding - torn
    return Footprint(live, frame, padding, again, torn)


def check_live(data, snapshots):
    """After a quiet gc: (complaints, Footprint of all packs).

    Exactly what the snapshots need is there, and of the files no byte that
    is not a record, what a pack needs around them, or a little padding.
    """
    packs = Packs(data)
    live, complaints = packs.live(snapshots)
    garbage = collections.Counter(
        kind for kind, _ in set(packs.records) - live)
    if garbage:
        complaints.append(f"garbage is left: {dict(garbage)}")
    seen, total = set(), Footprint()
    for path, records in packs.files.items():
        print_ = _footprint(path, records, seen)
        size = path.stat().st_size
        spare = print_.padding + print_.again + print_.torn
        is_closed = _end_of_records(path, size) < size
        if spare > max(MIN_PADDING_BYTES, size // PADDING_SHARE) or (
                is_closed and print_.again + print_.torn):
            complaints.append(f"{path.name}: {spare} of {size} bytes are "
                              f"nothing: {print_}")
        if print_.frame > BLOCK_BYTES + TRAILER_BYTES + (
                ENTRY_BYTES * len(records)):
            complaints.append(f"{path.name}: {print_.frame} bytes around "
                              f"{len(records)} records")
        total += print_
    return complaints, total
