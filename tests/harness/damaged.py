"""Data directories with a bit turned over, and what a suite makes of them."""

import os
import pathlib
import shutil

import grpc
from google.protobuf import field_mask_pb2

import case
from case import Case
from chunks import read_entries
from client import catalog, model
from pack_file import flip_bit, read_records

CODE = grpc.StatusCode
DATASTORE = "datastores/default"
GROUP = f"{DATASTORE}/groups/host/damage"
# Small chunks: several pages, and most of a flip's surroundings intact.
CHUNKER = model.ChunkerSpec(name="poly-v1", min_bytes=4 << 10,
                            average_bytes=8 << 10, max_bytes=16 << 10)

# A chunk, page, file, table or snapshot: something to look for.
NAMES_AN_OBJECT = (r"[0-9a-f]{64}|[0-9]+\.(sst|log)|MANIFEST-|table |place |"
                   r"datastores/")


class Outcome:
    """What a suite made of a damaged directory."""

    def __init__(self):
        self.exit_code = None  # set: it refused to start
        self.log = ""
        self.errors = {}  # name -> RpcError, of reads and lists

    def __str__(self):
        if self.exit_code is not None:
            return "refused"
        return "detected" if self.errors else "harmless"


class DamageCase(Case):
    """Copies of data directories with the same backups in several states.

    killed: open packs, write-ahead logs. stopped: packs with footers.
    recovered: after a kill, packs that were sealed without one.
    """

    STATES = ("killed", "stopped", "recovered")

    @classmethod
    def setUpClass(cls):
        cls.random = case.make_random()
        cls.pristine = {}
        cls.archives = {}
        cls.digests = {}  # of the chunks of each archive, hex
        maker = Case()
        maker.setUp()
        cls.addClassCleanup(maker.doCleanups)
        cls.maker = maker
        data = os.path.join(maker.folder, "data")
        suite = maker.new_suite(data=data)
        cls.fill(suite)
        # What the system has written is what a kill leaves.
        cls.keep("killed", data)
        cls.restart(suite)
        cls.keep("stopped", data)
        shutil.rmtree(data)
        shutil.copytree(cls.pristine["killed"], data)
        suite.start()
        cls.restart(suite)
        cls.keep("recovered", data)
        cls.records = {
            state: {path.relative_to(root): read_records(path)
                    for path in pathlib.Path(root).rglob("packs/*.pack")}
            for state, root in cls.pristine.items()}

    @classmethod
    def restart(cls, suite):
        suite.stop()
        suite.start()
        suite.stop()

    @classmethod
    def keep(cls, name, data):
        cls.pristine[name] = os.path.join(cls.maker.folder, name)
        shutil.copytree(data, cls.pristine[name],
                        ignore=shutil.ignore_patterns("BALLAST"))

    @classmethod
    def fill(cls, suite):
        client = cls.maker.new_client(suite)
        shared = cls.random.randbytes(300_000)
        for number in range(6):
            own = cls.random.randbytes(700_000)
            session = client.open_session(f"{GROUP}{number % 4}")
            archives = {"own.raw": own, "both.raw": shared + own[:50_000],
                        "empty.raw": b""}
            for name, content in archives.items():
                cls.write(client, session.name, name, content)
            client.finish(session.name,
                          {n: len(c) for n, c in archives.items()})
            for name, content in archives.items():
                full = f"{session.snapshot}/archives/{name}"
                cls.archives[full] = content
                cls.digests[full] = {
                    entry.digest.hex()
                    for entry in read_entries(client, full)}
        # Some events.
        client.catalog.CreateNamespace(catalog.CreateNamespaceRequest(
            name=f"{DATASTORE}/namespaces/empty"), timeout=client.seconds)
        client.catalog.UpdateSnapshot(catalog.UpdateSnapshotRequest(
            snapshot=model.Snapshot(name=session.snapshot, notes="noted"),
            update_mask=field_mask_pb2.FieldMask(paths=["notes"])),
            timeout=client.seconds)

    @classmethod
    def write(cls, client, session, name, content):
        client.write(session, name, content, chunker=CHUNKER)

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.folder, "data")
        self.suite = self.new_suite(data=self.data, start=False)
        self.tally = {"refused": 0, "detected": 0, "harmless": 0}

    def fresh(self, name):
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self.pristine[name], self.data)

    def observe(self):
        """Starts on what is there, and reads all that was promised."""
        outcome = Outcome()
        log_before = self.log_size()
        try:
            self.read_after_start(outcome)
        finally:
            self.suite.kill()
        with open(self.suite.log_path, encoding="utf-8",
                  errors="replace") as log:
            log.seek(log_before)
            outcome.log = log.read()
        return outcome

    def read_after_start(self, outcome):
        try:
            self.suite.start(everything=False)
        except RuntimeError as error:
            process = self.suite.processes["cairnd"]
            outcome.exit_code = process.poll()
            self.assertIsNotNone(outcome.exit_code, str(error))
            return
        client = self.new_client(self.suite)
        self.read_all(client, outcome)
        self.assertIsNone(self.suite.processes["cairnd"].poll(),
                          self.suite.log_tail())
        client.close()

    def log_size(self):
        try:
            return os.path.getsize(self.suite.log_path)
        except FileNotFoundError:
            return 0

    def read_all(self, client, outcome):
        try:
            listed = {s.name for s in client.snapshots(DATASTORE)}
        except grpc.RpcError as error:
            outcome.errors["list"] = error
            listed = set()
        for name, content in self.archives.items():
            if "list" not in outcome.errors:
                self.assertIn(name.split("/archives/")[0], listed,
                              "an acknowledged snapshot is gone, silently")
            try:
                self.assertTrue(client.read(name) == content,
                                f"{name} has other bytes, silently")
            except grpc.RpcError as error:
                outcome.errors[name] = error
        for name, error in outcome.errors.items():
            self.assertEqual(error.code(), CODE.DATA_LOSS,
                             f"{name}: {error.details()}")

    def judge(self, outcome, state, path, offset):
        """Detected means named, and nothing else is touched."""
        self.tally[str(outcome)] += 1
        if path.suffix == ".pack":
            self.judge_pack(outcome, state, path, offset)
        elif outcome.exit_code is not None:
            self.assertGreater(outcome.exit_code, 0, "ended by a signal\n"
                               + outcome.log[-3000:])
            # A database is lost or kept as a whole: its directory says it.
            self.assertIn(str(path.parent), outcome.log[-3000:])
        else:
            for name, error in outcome.errors.items():
                self.assertRegex(error.details(), NAMES_AN_OBJECT, name)

    def judge_pack(self, outcome, state, path, offset):
        """A pack keeps nobody from starting; only its chunks are read."""
        self.assertIsNone(outcome.exit_code, outcome.log[-3000:])
        record = self.record_at(state, path, offset)
        touched = self.holders(record)
        self.assertLessEqual(set(outcome.errors), touched)
        if record is not None and offset in record.payload:
            self.assertEqual(set(outcome.errors), touched)
        for error in outcome.errors.values():
            self.assertIn(record.digest, error.details())

    def record_at(self, state, path, offset):
        """The record that has the byte, or None."""
        for record in self.records[state][path.relative_to(self.data)]:
            if record.offset <= offset < record.payload.stop:
                return record
        return None

    def holders(self, record):
        """The archives that have a record's chunk."""
        if record is None or record.kind != "chunk":
            return set()
        return {name for name, digests in self.digests.items()
                if record.digest in digests}

    def files(self, pattern):
        """(state, path below self.data) of files that are not empty."""
        found = []
        for state, root in self.pristine.items():
            for path in sorted(pathlib.Path(root).rglob(pattern)):
                if path.is_file() and path.stat().st_size:
                    found.append((state, pathlib.Path(
                        self.data, path.relative_to(root))))
        return found

    def random_flip(self, state, path):
        size = pathlib.Path(self.pristine[state], path.relative_to(
            self.data)).stat().st_size
        return self.flip(state, path, self.random.randrange(size),
                         self.random.randrange(8))

    def flip(self, state, path, offset, bit):
        """One flip in a file of a fresh copy, and what comes of it."""
        self.fresh(state)
        flip_bit(path, offset, bit)
        with self.subTest(state=state, path=str(path), offset=offset, bit=bit):
            outcome = self.observe()
            self.judge(outcome, state, path, offset)
            return outcome
        return None

    def flip_in_record(self, state, kind, payload):
        """Where in a random record of a kind: (record, offset, bit)."""
        records = [record for found in self.records[state].values()
                   for record in found if record.kind == kind]
        self.assertTrue(records, f"no {kind} record was written")
        record = self.random.choice(records)
        path = pathlib.Path(self.data, record.path.relative_to(
            self.pristine[state]))
        record = record._replace(path=path)
        place = (record.payload if payload else
                 range(record.offset, record.payload.start))
        return record, self.random.choice(place), self.random.randrange(8)
