#!/usr/bin/env python3
"""Faults around a gc: restarts, damage, old databases, partitions, pauses.

After each, all that is listed is intact, and the next quiet gc leaves exactly
the live bytes.
"""

import json
import os
import shutil
import signal

import grpc

import case
from case import wait_until
from chunks import read_entries
from client import Client, model, when_available
from gc_case import DAMAGED, DEFAULT, INTERRUPTED, REFUSED, GcCase
from pack_file import flip_bit, pack_files, records_of
from parted_suite import put_proxies
from proxy import CountingProxy
from pumps import PausedWrite

CODE = grpc.StatusCode
GROUP = f"{DEFAULT}/groups/vm/open"
LEASE_SECONDS = 5  # the least that ingest takes
MIB = 1 << 20


class Restarts(GcCase):
    """A process ends in the middle of compaction, and comes back."""

    split = True

    def restarted(self, victim, number):
        self.garbage_in_all_packs()
        task = self.start_slow_gc()
        self.restart(victim, number)
        ended = self.end_of(task)
        self.assertEqual(
            ended["state"],
            "interrupted" if victim == "maintenance" else "failed", ended)
        if victim != "maintenance":
            self.assertTrue(ended["status"]["message"], ended)
        self.assert_intact()
        # At once: nothing waits for what the former run has held.
        self.assert_quiet_gc_is_exact()

    def test_maintenance_is_restarted_in_the_middle_of_a_gc(self):
        self.restarted("maintenance", signal.SIGKILL)
        self.restarted("maintenance", signal.SIGTERM)
        self.stop(self.suite)

    def test_index_is_restarted_in_the_middle_of_a_gc(self):
        self.restarted("index", signal.SIGKILL)
        self.restarted("index", signal.SIGTERM)
        self.stop(self.suite)

    def test_chunk_storage_is_restarted_in_the_middle_of_a_gc(self):
        self.restarted("chunk_storage", signal.SIGKILL)
        self.restarted("chunk_storage", signal.SIGTERM)
        self.stop(self.suite)

    def test_who_waits_for_a_gc_is_told_of_its_interruption(self):
        """However far the task had come by then."""
        self.garbage_in_all_packs()
        for _ in range(case.slice_or_soak(3, 30)):
            task = self.start_slow_gc()
            with self.cairn.start("task", "watch", task) as watching:
                self.cairn.text("task", "pause", task)
                self.restart("maintenance")
                _, err = watching.communicate(timeout=60)
            self.assertEqual(watching.returncode, INTERRUPTED, err)
            self.garbage_in_all_packs()
        self.assert_quiet_gc_is_exact()


class CairndRestarts(Restarts):
    split = False

    def test_maintenance_is_restarted_in_the_middle_of_a_gc(self):
        self.restart_all(signal.SIGKILL)
        self.restart_all(signal.SIGTERM)
        self.stop(self.suite)

    def restart_all(self, number):
        self.garbage_in_all_packs()
        task = self.start_slow_gc()
        self.restart("cairnd", number)
        self.assertEqual(self.end_of(task)["state"], "interrupted")
        self.assert_quiet_gc_is_exact()

    def restart(self, name, number=signal.SIGKILL):
        super().restart("cairnd", number)

    test_index_is_restarted_in_the_middle_of_a_gc = None
    test_chunk_storage_is_restarted_in_the_middle_of_a_gc = None


class Damage(GcCase):

    def test_a_bit_flipped_in_a_live_record_before_compaction(self):
        newest = self.garbage_in_all_packs()
        content = self.listed[newest]
        self.gc("--dry-run")  # seals nothing
        entry = self.live_beside_garbage(newest)
        record, = [r for r in records_of(self.suite.data, "chunk")
                   if r.digest == entry.digest.hex()]
        flip_bit(record.path, record.payload[12345], 3)
        result = self.gc("--live-percent=100")
        # Not copied, not dropped: it stays where it is, and that is told.
        self.assertIn("damage", [e["reason"] for e in result["later"]], result)
        self.assertEqual(
            [r.path for r in records_of(self.suite.data, "chunk")
             if r.digest == record.digest], [record.path])
        found = self.cairn.json("verify", "--wait", code=DAMAGED)["task"][
            "result"]["damage"]
        self.assertEqual(found, [
            {"snapshot": newest, "damaged_bytes": entry.length,
             "ranges": [{"archive": "disk.img", "offset": entry.offset,
                         "length": entry.length}]}])
        # The rest can be read, and nothing is given for what cannot.
        name = f"{newest}/archives/disk.img"
        self.assertTrue(self.client.read(name, 0, entry.offset)
                        == content[:entry.offset])
        with self.refused(CODE.DATA_LOSS):
            self.client.read(name, entry.offset, 1)
        # The next backup of the same bytes heals it, and then all of it goes.
        self.back_up(content=content)
        self.cairn.run("verify", "--wait")
        self.assertEqual(self.assert_quiet_gc_is_exact()["later"], [])
        self.stop(self.suite)

    def live_beside_garbage(self, snapshot):
        """A chunk of it in a pack that must be compacted."""
        entries = read_entries(self.client, f"{snapshot}/archives/disk.img")
        live = {entry.digest.hex() for entry in entries}
        held = {}
        for record in records_of(self.suite.data, "chunk"):
            held.setdefault(record.path, set()).add(record.digest)
        return next(entry for entry in entries if entry.offset > 0
                    and any(entry.digest.hex() in digests and digests - live
                            for digests in held.values()))


class OldIndex(GcCase):

    split = True

    def test_an_index_restored_from_an_older_copy(self):
        """It does not know what was published since: it must not delete."""
        self.back_up("vm/1")
        copy = self.path("index-copy")
        self.assertEqual(self.suite.stop()["index"], 0)
        shutil.copytree(self.suite.data_dir("index"), copy)
        self.suite.start()
        self.back_up("vm/2")
        self.forget(self.back_up("vm/3"))
        self.suite.kill()
        newer = self.path("index-newer")
        os.rename(self.suite.data_dir("index"), newer)
        shutil.copytree(copy, self.suite.data_dir("index"))
        before = {path: path.read_bytes()
                  for path in pack_files(self.suite.data)}
        self.suite.start(wait=False)
        self.wait_for_peers()
        error = self.cairn.error(REFUSED, "gc", "--wait", "--live-percent=100",
                                 "--allow-empty")
        self.assertRegex(error, "behind|older copy|old copy")
        self.assertIn("rebuild", error)
        for path, content in before.items():
            self.assertTrue(path.read_bytes().startswith(content),
                            f"{path.name} has changed")
        self.suite.kill()
        shutil.rmtree(self.suite.data_dir("index"))
        os.rename(newer, self.suite.data_dir("index"))
        self.suite.start()
        self.assert_intact()
        self.assert_quiet_gc_is_exact()
        self.stop(self.suite)


class Partition(GcCase):

    split = True

    def new_suite(self, split=False, data=None, start=True, **options):
        suite = super().new_suite(split, data, start=False, **options)
        put_proxies(suite, lambda target, name: CountingProxy(
            self, target, self.folder, name))
        suite.start()
        self.door = CountingProxy(self, suite.target, self.folder, "client")
        return suite

    def parted(self, proxy):
        both = [False, True]
        for silent in self.random.sample(both, case.slice_or_soak(1, 2)):
            with self.subTest(silent=silent):
                self.parted_once(proxy, silent)
        self.stop(self.suite)

    def parted_once(self, proxy, silent):
        """Cut off, or without a word, in the middle of gc and backup."""
        self.garbage_in_all_packs()
        # Else it were touched in the epoch of the backup, and stayed for it.
        self.gc("--dry-run")
        data = self.random.randbytes(8 * MIB)
        group = f"{GROUP}-{silent}"
        write = PausedWrite(self, self.door.target, group, data,
                            pause_at=len(data) // 2, flush=True)
        write.await_pause()
        task = self.start_slow_gc(rate="512KiB")
        if silent:
            proxy.stall_after(0)
        else:
            proxy.hand_on_to("unix:" + self.path("nobody"))
            proxy.cut()
        write.go_on()
        self.stays_so(seconds=2)
        proxy.hand_on_to(self.server_behind(proxy))
        proxy.go_on()
        if silent:
            # What has stood still for too long is given up by either side.
            proxy.cut()
        ended = self.end_of(task)
        self.assertIn(ended["state"], ("succeeded", "failed"), ended)
        self.finish(write, group, data)
        self.heal()
        self.assert_quiet_gc_is_exact()

    def heal(self):
        """Until all find each other again, and no lease is left that could
        not be given back."""

        def is_quiet():
            out, _ = self.cairn.run("status", "--output-format", "json",
                                    code=None)
            shown = json.loads(out or b"{}")
            return (shown.get("datastores")
                    and all(s["ready"] for s in shown["services"])
                    and not any(d["live_leases"] for d in shown["datastores"]))

        wait_until(is_quiet, "what broke off has no lease", seconds=120)
        self.wait_for_peers()

    def stays_so(self, seconds):
        with self.assertRaises(AssertionError):
            wait_until(lambda: False, "a while", seconds)

    def server_behind(self, proxy):
        for pair, one in self.suite.proxies.items():
            if one is proxy:
                return self.suite.socket(pair.partition("-")[2])
        return self.suite.target

    def finish(self, write, group, data):
        """The backup goes on where it was durable, or says why not."""
        client = self.client

        def again():
            try:
                progress = {p.name: p for p in client.get_session(
                    write.session).archives}.get("a.raw")
                if progress is None or not progress.complete:
                    client.write(write.session, "a.raw", data,
                                 offset=progress.durable_bytes if progress
                                 else 0)
                return client.finish(write.session, {"a.raw": len(data)}).name
            except grpc.RpcError as error:
                self.assertIn(error.code(), (CODE.UNAVAILABLE, CODE.ABORTED,
                                             CODE.FAILED_PRECONDITION),
                              error.details())
                if case.reason_of(error) == "SESSION_FENCED":
                    return "fenced"
                return None

        write.error()
        name = wait_until(again, "the backup goes on")
        if name == "fenced":
            session = when_available(lambda: client.open_session(group))
            client.write(session.name, "a.raw", data)
            return
        # Ingest may not have found the way back to all it asks yet.
        when_available(lambda: self.assert_restores(
            client, {f"{name}/archives/a.raw": data}))
        # The oracle of this case restores images by `cairn`.
        self.cairn.run("forget", name, "--trash-time=0")

    def test_a_partition_between_maintenance_and_index(self):
        self.parted(self.suite.proxies["maintenance-index"])

    def test_a_partition_between_maintenance_and_chunk_storage(self):
        self.parted(self.suite.proxies["maintenance-chunk_storage"])

    def test_a_partition_between_ingest_and_index(self):
        self.parted(self.suite.proxies["ingest-index"])

    def test_a_partition_between_ingest_and_chunk_storage(self):
        self.parted(self.suite.proxies["ingest-chunk_storage"])

    def test_a_partition_between_ingest_and_maintenance(self):
        self.parted(self.suite.proxies["ingest-maintenance"])

    def test_a_partition_between_client_and_ingest(self):
        self.parted(self.door)


class Writers(GcCase):
    """Two ingests: one that stands still or drains, and one that does not."""

    split = True
    suite_options = {"replicas": 2, "lease_seconds": LEASE_SECONDS,
                     "drain_seconds": 600}

    def setUp(self):
        super().setUp()
        # The newer one serves everybody else.
        self.newer = self.suite.socket("ingest-2")
        self.cairn.environment["CAIRN_SERVER"] = self.newer
        self.other = Client(self.newer)
        self.addCleanup(self.other.close)

    def held_by(self, session, result):
        """Bytes that are said to be free later, for the session."""
        held = [e for e in result["later"] if e["reason"] == "session"]
        self.assertEqual(len(held), 1, result)
        self.assertIn(session.rpartition("/")[2], held[0]["holder"])
        return held[0]["bytes"]

    def await_expiry(self):
        wait_until(lambda: not any(
            lease.remaining.ToNanoseconds() for lease in
            self.other.leases()), "the lease expires")

    def test_gc_ends_while_an_older_ingest_has_an_idle_backup(self):
        base = self.back_up("vm/open")
        data = self.random.randbytes(4 * MIB)
        write = PausedWrite(self, self.suite.target, GROUP, data,
                            pause_at=len(data) // 2, flush=True)
        write.await_pause()
        # The older one drains: it serves what is open, and nothing else.
        old = self.suite.processes["ingest"]
        old.send_signal(signal.SIGTERM)
        wait_until(lambda: self.is_draining(), "the older ingest drains")
        # What the backup may need: its base and what it has stored.
        self.forget(base)
        self.garbage_in_all_packs("vm/2")
        result = self.assert_gc_leaves(write)
        self.assertIsNone(old.poll())
        self.assertGreater(self.held_by(write.session, result), MIB)
        self.assertIn("an open backup may need it", self.cairn.text(
            "gc", "--wait", "--live-percent=100"))
        # Idle for longer than a lease lives; it is still there, and held.
        wait_until(lambda: any(
            lease.age.ToSeconds() > LEASE_SECONDS + 1
            for lease in self.other.leases()), "the lease grows old")
        self.assertGreater(self.held_by(write.session, self.gc(
            "--live-percent=100")), MIB)
        write.go_on()
        self.assertIsNone(write.error())
        self.assertEqual(old.wait(timeout=60), 0, self.suite.log_tail())
        del self.suite.processes["ingest"]
        # The other ingest publishes what the older one has taken in.
        snapshot = self.other.finish(write.session, {"a.raw": len(data)}).name
        self.assert_restores(self.other, {f"{snapshot}/archives/a.raw": data})
        self.cairn.run("forget", snapshot, "--trash-time=0")
        result = self.assert_quiet_gc_is_exact()
        self.assertEqual(result["later"], [])
        self.assertGreater(result["freed_bytes"], MIB)

    def test_what_an_older_ingest_holds_is_freed_when_its_backup_is_aborted(
            self):
        base = self.back_up("vm/open")
        client = Client(self.suite.target)
        self.addCleanup(client.close)
        write = PausedWrite(self, self.suite.target, GROUP,
                            self.random.randbytes(4 * MIB),
                            pause_at=2 * MIB, flush=True)
        write.await_pause()
        self.forget(base)
        self.garbage_in_all_packs("vm/2")
        result = self.assert_gc_leaves(write)
        held = self.held_by(write.session, result)
        write.vanish()
        wait_until(lambda: self.aborted(write.session), "it can be aborted")
        result = self.assert_quiet_gc_is_exact()
        self.assertEqual(result["later"], [])
        self.assertGreater(result["freed_bytes"], held // 2)

    def assert_gc_leaves(self, write):
        """A gc beside the backup frees all but what that may need."""
        result = self.gc("--live-percent=100")
        self.assertEqual(result["missing_records"], 0)
        self.assert_intact()
        # The base's chunks are there for the session that may take them over.
        self.assertEqual(self.other.get_session(write.session).state,
                         model.SESSION_STATE_OPEN)
        return result

    def aborted(self, session):
        try:
            self.other.abort(session)
            return True
        except grpc.RpcError as error:
            self.assertEqual(case.reason_of(error), "ARCHIVE_OPEN")
            return False

    def is_draining(self):
        client = Client(self.suite.target)
        try:
            client.abort(client.open_session(f"{DEFAULT}/groups/vm/x").name)
            return False
        except grpc.RpcError as error:
            self.assertEqual(error.code(), CODE.UNAVAILABLE)
            return True
        finally:
            client.close()

    # --- a writer that stands still beyond its ttl ---

    def test_an_ingest_stands_still_beyond_its_lease_and_goes_on(self):
        kept = self.back_up("vm/2")
        base = self.back_up("vm/open")
        # Half of it is there by another snapshot, half by nobody else.
        data = self.listed[kept] + self.random.randbytes(2 * MIB)
        write = PausedWrite(self, self.suite.target, GROUP, data,
                            pause_at=len(data) - MIB, flush=True)
        write.await_pause()
        old = self.suite.processes["ingest"]
        self.freeze(old)
        self.await_expiry()
        self.forget(base)
        self.assert_quiet_gc_is_exact()
        old.send_signal(signal.SIGCONT)
        write.go_on()
        with self.refused(CODE.ABORTED, reason="SESSION_FENCED") as refusal:
            error = write.error()
            if error is not None:
                raise error
            write.client.finish(write.session, {"a.raw": len(data)})
        self.assertRegex(refusal.error.details(), "(?i)fence|sweep|epoch")
        self.assertEqual(self.other.get_session(write.session).state,
                         model.SESSION_STATE_FENCED)
        self.assert_intact()
        # The client starts over, by the same ingest, and reuses what is there.
        session = write.client.open_session(GROUP)
        finished = write.client.write(session.name, "a.img", data,
                                      kind=model.ARCHIVE_KIND_IMAGE)
        self.assertEqual(finished.statistics.new_plain_bytes, 2 * MIB)
        snapshot = write.client.finish(session.name,
                                       {"a.img": len(data)}).name
        self.assertEqual(self.gc("--live-percent=100")["missing_records"], 0)
        self.assert_restores(self.other, {f"{snapshot}/archives/a.img": data})
        self.cairn.run("forget", snapshot, "--trash-time=0")
        self.assert_quiet_gc_is_exact()

    def slow_backup(self, content):
        """A `cairn backup` by the older ingest that takes some seconds."""
        proxy = CountingProxy(self, self.suite.target, self.folder)
        backup = self.cairn.start(
            "backup", "vm/open", f"disk.img:{self.write('slow', content)}",
            "--backup-time", self.next_moment(), "--rate=512KiB", "--server",
            proxy.target, "--output-format=json")
        self.addCleanup(backup.wait)
        self.addCleanup(backup.kill)
        self.assertTrue(proxy.await_up(
            MIB, lambda: backup.poll() is not None), "it ends too early")
        return backup

    def test_cairn_backup_through_an_ingest_that_stands_still(self):
        self.back_up("vm/2")
        content = self.next_image("vm/open", size=12)
        backup = self.slow_backup(content)
        old = self.suite.processes["ingest"]
        self.freeze(old)
        self.await_expiry()
        self.gc("--live-percent=100")
        self.assert_intact()
        old.send_signal(signal.SIGCONT)
        out, err = backup.communicate(timeout=60)
        self.assertEqual(backup.returncode, 0, err)
        self.assertIn(b"a new session starts", err)
        self.listed[json.loads(out)["snapshot"]["name"]] = content
        self.assert_intact()
        self.assert_quiet_gc_is_exact()

    def test_a_client_stands_still_beyond_its_lease_and_goes_on(self):
        """Its ingest keeps the lease alive while the stream is open."""
        self.back_up("vm/2")
        content = self.next_image("vm/open", size=12)
        backup = self.slow_backup(content)
        self.freeze(backup)
        wait_until(lambda: any(
            lease.age.ToSeconds() > LEASE_SECONDS + 2
            for lease in self.other.leases()), "the lease grows old")
        result = self.gc("--live-percent=100")
        self.assertEqual(result["missing_records"], 0)
        backup.send_signal(signal.SIGCONT)
        out, err = backup.communicate(timeout=60)
        self.assertEqual(backup.returncode, 0, err)
        name = json.loads(out)["snapshot"]["name"]
        self.listed[name] = content
        self.assert_quiet_gc_is_exact()


if __name__ == "__main__":
    case.main()
