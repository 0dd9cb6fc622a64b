#!/usr/bin/env python3
"""Writes the golden data directory of the format that programs write.

  PYTHONPATH=tests/harness:bazel-bin/tests/harness \
      python3 tests/golden/make_golden.py bazel-bin

By hand and as root, once for each format version, beside this file:
vN.tar.xz, the data directory of a cairnd that was killed, and vN.json, what
is in it. golden_test.py reads both with every later program.
"""

import fnmatch
import json
import os
import pathlib
import sys
import tarfile
import tempfile

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

import content
import golden_store
from cli import Cli
from client import Client, catalog, model
from suite import Suite, binaries_from
from writer import STREAM, Job, Writer

TIMES = ("2023-11-14T22:13:20Z", "2023-11-15T22:13:20Z")
# Locks, logs, notes on settings, and space that is kept free.
LEFT_OUT = ("BALLAST", "LOCK", "LOG", "LOG.old.*", "OPTIONS-*")
HELD_AT_BLOCK = 240  # of the writer's 512


def back_up(cairn, group, folder, version, names, *options):
    files = content.write_files(folder, version)
    sources = [f"{name}:{files[name]}" for name in names if name in files]
    if "tree.tar" in names:
        sources.append(f"tree.tar:{folder}/tree")
    cairn.run("backup", group, *sources, "--backup-time", TIMES[version - 1],
              "--notes", f"version {version}", *options)


def fill(cairn, client, folder):
    """Something of everything that is stored."""
    every = ("disk.img", "lines.raw", "conf.blob", "none.raw", "tree.tar")
    content.make_tree(f"{folder}/tree")
    back_up(cairn, "vm/golden", folder, 1, every, "--way", "stream")
    cairn.run("namespace", "create", "team", "--comment", "a namespace")
    cairn.run("namespace", "create", "gone")
    cairn.run("namespace", "delete", "gone")
    cairn.run("datastore", "create", "second", "--comment", "another one")
    back_up(cairn, "host/other", folder, 1, ("lines.raw",),
            "--namespace", "team")
    back_up(cairn, "ct/7", folder, 2, ("conf.blob",), "--datastore", "second")
    cairn.run("snapshot", "notes", f"vm/golden/{TIMES[0]}", "changed")
    cairn.run("snapshot", "protect", f"vm/golden/{TIMES[0]}")
    client.catalog.UpdateGroup(catalog.UpdateGroupRequest(
        group=model.Group(name="datastores/default/groups/vm/golden",
                          notes="of the group"),
        update_mask=FieldMask(paths=["notes"])))


def fill_more(cairn, folder):
    back_up(cairn, "vm/golden", folder, 2,
            ("disk.img", "lines.raw", "conf.blob", "none.raw"),
            "--way", "chunks")


def leave_open(suite, client, folder):
    """A session that is being written when the suite is killed."""
    session = client.open_session("datastores/default/groups/host/open")
    source = os.path.join(folder, "disk.img")
    durable = []

    def tell(word, *numbers):
        if word == "durable":
            durable.extend(numbers)

    job = Job(suite.target, STREAM, session.name, "disk.img", source,
              is_image=True, hold_at=HELD_AT_BLOCK, flush=True)
    try:
        Writer(client, job, tell, suite.kill).run()
    except grpc.RpcError:
        if not durable:
            raise  # not because it was killed
    else:
        raise AssertionError("the suite was not killed")
    return {"session": session.name, "archive": "disk.img",
            "durable_bytes": durable[-1],
            "sha256": golden_store.digest_of(source)}


def describe(suite, cairn, folder):
    client = Client(suite.target)
    told = golden_store.describe(client, cairn)
    client.close()
    digests = golden_store.digests_of(
        told, folder, lambda datastore, *names: cairn.run(
            "restore", *names, "--overwrite", "--datastore", datastore))
    return {"datastores": told, "sha256": digests}


def make(suite, folder):
    cairn = Cli(suite.binaries["cairn"], suite.target, folder)
    suite.start()
    client = Client(suite.target)
    fill(cairn, client, folder)
    client.close()
    # Sealed packs with their footers, and tables beside the log.
    suite.stop()
    suite.start()
    fill_more(cairn, folder)
    told = describe(suite, cairn, folder)
    client = Client(suite.target)
    told["open"] = leave_open(suite, client, folder)
    client.close()
    return told


def pack(data, target):
    def of_the_format(info):
        if any(fnmatch.fnmatch(os.path.basename(info.name), pattern)
               for pattern in LEFT_OUT):
            return None
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = "root"
        return info

    with tarfile.open(target, "w:xz", preset=9) as tar:
        for service in golden_store.SERVICES:
            tar.add(os.path.join(data, service), service,
                    filter=of_the_format)


def main():
    binaries, *target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        suite = Suite(binaries_from(binaries), data, folder)
        try:
            told = make(suite, folder)
        finally:
            suite.kill()
        version = golden_store.read_format(
            os.path.join(data, "index"))["version"]
        if target:
            golden_store.HERE = pathlib.Path(target[0])
        pack(data, golden_store.tar_of(version))
        golden_store.description_of(version).write_text(
            json.dumps(told, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
