"""A golden data directory, and what programs tell of it or of a copy."""

import hashlib
import os
import pathlib
import tarfile

from client import model

HERE = pathlib.Path(__file__).parent
DATASTORES = ("default", "second")
NAMESPACES = ("", "team")
SERVICES = ("chunk_storage", "index", "maintenance")


def tar_of(version):
    return HERE / f"v{version}.tar.xz"


def description_of(version):
    return HERE / f"v{version}.json"


def unpack(version, data):
    """As the data directory of a cairnd that was killed."""
    with tarfile.open(tar_of(version)) as tar:
        tar.extractall(data)


def read_format(folder):
    """The fields of a service's FORMAT file."""
    lines = pathlib.Path(folder, "FORMAT").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def describe(client, cairn):
    """The catalog by name, without what a rebuild cannot know."""
    return {name: _describe_datastore(client, cairn, name)
            for name in DATASTORES}


def _describe_datastore(client, cairn, name):
    where = ("--datastore", name)
    namespaces = cairn.json("namespace", "list", *where)["namespaces"]
    for namespace in namespaces:
        del namespace["create_time"]
    names = NAMESPACES if namespaces else NAMESPACES[:1]
    groups = [group for namespace in names
              for group in cairn.json("group", "list", *where, *(
                  ("--namespace", namespace) if namespace else ()))["groups"]]
    return {"namespaces": namespaces, "groups": groups,
            "snapshots": [_describe_snapshot(snapshot) for snapshot
                          in client.snapshots(f"datastores/{name}")]}


def _describe_snapshot(snapshot):
    return {
        "name": snapshot.name,
        "archives": [_describe_archive(one) for one in snapshot.archives],
        "notes": snapshot.notes,
        "protected": snapshot.protected,
        "owner": snapshot.owner,
        "sequence": snapshot.sequence,
        "session": snapshot.session,
        "publish_time": snapshot.publish_time.ToJsonString(),
        "size_bytes": snapshot.size_bytes,
        "stored_bytes": snapshot.stored_bytes,
    }


def _describe_archive(archive):
    chunker, root = archive.chunker, archive.root
    return {
        "name": archive.name,
        "kind": model.ArchiveKind.Name(archive.kind),
        "chunker": {"name": chunker.name, "min_bytes": chunker.min_bytes,
                    "average_bytes": chunker.average_bytes,
                    "max_bytes": chunker.max_bytes},
        "root": {"page": root.page.hex(), "level": root.level,
                 "size_bytes": root.size_bytes,
                 "chunk_count": root.chunk_count,
                 "hole_bytes": root.hole_bytes},
    }


def digests_of(catalog, folder, restore):
    """{archive: SHA-256}, of what `restore` of its datastore, snapshot and
    name writes to a file."""
    target = os.path.join(folder, "restored.tar")  # of a .tar too: a file
    digests = {}
    for datastore, told in catalog.items():
        for snapshot in told["snapshots"]:
            for archive in snapshot["archives"]:
                restore(datastore, snapshot["name"], archive["name"], target)
                digests[f"{snapshot['name']}/archives/{archive['name']}"] = (
                    digest_of(target))
    return digests


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
