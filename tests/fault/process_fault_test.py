#!/usr/bin/env python3
"""Processes that are doubled, stalled, drained, killed and overtaken."""

import os
import signal
import subprocess
import uuid

import grpc

import case
from case import Case, back_up, wait_until
from client import FRAME_BYTES, backup, model, when_available
from internal import MaintenanceClient
from pumps import PausedWrite, StalledRead, write_through_faults

CODE = grpc.StatusCode
DATASTORE = "datastores/default"
GROUP = f"{DATASTORE}/groups/host/process"
LEASE_SECONDS = 5  # the least that ingest takes


class TwoProcesses(Case):

    def second_is_refused(self, suite, name):
        other = os.path.join(self.folder, "second")
        os.makedirs(other)
        command = suite.command(name)
        command = [part.replace(self.folder + "/", other + "/")
                   if part.startswith("--listen") else part
                   for part in command]
        second = subprocess.run(command, capture_output=True, timeout=60,
                                text=True, stdin=subprocess.DEVNULL)
        text = second.stdout + second.stderr
        self.assertNotEqual(second.returncode, 0, text)
        self.assertGreater(second.returncode, 0, "ended by a signal")
        folder = next(part.split("=", 1)[1] for part in command
                      if part.startswith("--data-dir"))
        self.assertIn(folder, text)
        self.assertRegex(text, "(?i)lock|in use|another process|held by")
        self.assertIn(str(suite.processes[name].pid), text)

    def test_two_processes_on_one_directory(self):
        suite = self.new_suite()
        client = self.new_client(suite)
        archives = back_up(client, GROUP, {"a.raw": b"before"})
        self.second_is_refused(suite, "cairnd")
        archives |= back_up(client, GROUP + "2", {"a.raw": b"after"})
        self.assert_restores(client, archives)
        self.stop(suite)

    def test_two_processes_on_one_directory_of_a_service(self):
        suite = self.new_suite(split=True)
        client = self.new_client(suite)
        for name in ("index", "chunk_storage", "maintenance"):
            with self.subTest(name=name):
                self.second_is_refused(suite, name)
                os.rmdir(os.path.join(self.folder, "second"))
        archives = back_up(client, GROUP, {"a.raw": b"after"})
        self.assert_restores(client, archives)
        self.stop(suite)


class StalledClients(Case):

    # Each holds memory as it may; a third reader would leave none of it to
    # others, who are told to try again later.
    STALLED_READERS = 2
    STALLED_WRITERS = 6
    ARCHIVE_BYTES = 48 << 20

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(drain_seconds=2)
        self.client = self.new_client(self.suite)
        self.random = case.make_random()

    def others_go_on(self):
        archives = back_up(self.client, GROUP + "-other", {
            "a.raw": self.random.randbytes(8 << 20)})
        self.assert_restores(self.client, archives)

    def test_clients_that_stop_reading_a_restore(self):
        archives = back_up(self.client, GROUP, {
            "a.raw": self.random.randbytes(self.ARCHIVE_BYTES)})
        (name,) = archives
        stalled = [StalledRead(self, self.suite.target, name)
                   for _ in range(self.STALLED_READERS)]
        self.others_go_on()
        self.assert_memory_is_bounded(self.suite, "readers stall")
        # One of them goes on after all, and misses nothing.
        self.assertTrue(stalled[0].read_rest() == archives[name])
        # The drain does not wait for the others for ever.
        self.stop(self.suite)

    def test_clients_that_stop_writing_a_backup(self):
        data = self.random.randbytes(self.ARCHIVE_BYTES)
        stalled = [PausedWrite(self, self.suite.target, f"{GROUP}{number}",
                               data, pause_at=len(data) // 2)
                   for number in range(self.STALLED_WRITERS)]
        for write in stalled:
            write.await_pause()
        self.others_go_on()
        self.assert_memory_is_bounded(self.suite, "writers stall")
        stalled[0].go_on()
        snapshot = stalled[0].finish()
        self.assert_restores(self.client, {f"{snapshot}/archives/a.raw": data})
        self.stop(self.suite)

    def test_clients_that_go_away(self):
        data = self.random.randbytes(8 << 20)
        for number in range(20):
            write = PausedWrite(self, self.suite.target, f"{GROUP}{number}",
                                data, pause_at=len(data) // 2)
            write.await_pause()
            write.vanish()
        self.others_go_on()
        self.assert_memory_is_bounded(self.suite, "clients go")
        self.stop(self.suite)


class Drain(Case):

    def drains_and_resumes(self, split):
        suite = self.new_suite(split=split, drain_seconds=2)
        data = case.make_random().randbytes(40 << 20)
        write = PausedWrite(self, suite.target, GROUP, data,
                            pause_at=len(data) // 2, flush=True)
        write.await_pause()
        # In the order of a shutdown: who calls first ends first.
        self.stop(suite)
        self.assertIsNotNone(write.error())
        suite.start()
        client = self.new_client(suite)
        progress = client.get_session(write.session).archives
        self.assertTrue(progress, "the flush was answered, nothing is durable")
        self.assertGreaterEqual(progress[0].durable_bytes, write.watermark)
        self.assertGreater(write.watermark, 0)
        client.write(write.session, "a.raw", data,
                     offset=progress[0].durable_bytes)
        snapshot = client.finish(write.session, {"a.raw": len(data)}).name
        self.assert_restores(client, {f"{snapshot}/archives/a.raw": data})
        self.stop(suite)

    def test_sigterm_in_the_middle_of_a_backup(self):
        self.drains_and_resumes(split=False)

    def test_sigterm_of_four_processes_in_the_middle_of_a_backup(self):
        self.drains_and_resumes(split=True)

    def test_sigterm_lets_a_quick_backup_finish(self):
        suite = self.new_suite(drain_seconds=30)
        data = case.make_random().randbytes(8 << 20)
        write = PausedWrite(self, suite.target, GROUP, data,
                            pause_at=len(data) // 2)
        write.await_pause()
        client = self.new_client(suite)
        suite.processes["cairnd"].send_signal(signal.SIGTERM)

        def draining():
            try:
                client.abort(client.open_session(f"{GROUP}-{uuid.uuid4()}").name)
                return None
            except grpc.RpcError as error:
                return error

        error = wait_until(draining, "new sessions are refused")
        self.assertEqual(error.code(), CODE.UNAVAILABLE, error.details())
        write.go_on()
        # The connection ends with the last stream, but not before its answer
        # has arrived.
        self.assertIsNone(write.error())
        self.assertEqual(suite.processes["cairnd"].wait(timeout=60), 0,
                         suite.log_tail())
        suite.processes.clear()
        suite.start()
        snapshot = self.new_client(suite).finish(
            write.session, {"a.raw": len(data)}).name
        self.assert_restores(self.new_client(suite),
                             {f"{snapshot}/archives/a.raw": data})


class Restart(Case):
    """kill -9 of one of four while a stream runs; the same client goes on."""

    BYTES = 80 << 20

    def restarts(self, victim, split=True):
        suite = self.new_suite(split=split)
        client = self.new_client(suite, seconds=60)
        data = case.make_random().randbytes(self.BYTES)
        session = client.open_session(GROUP).name
        killed = []

        def at(offset):
            if not killed and offset >= self.BYTES // 2:
                suite.kill([victim])
                killed.append(offset)
            elif killed and victim not in suite.processes and (
                    offset >= killed[0] + 8 * FRAME_BYTES):
                suite.start([victim], wait=False)

        def failed(error):
            self.assertIn(error.code(), (
                CODE.UNAVAILABLE, CODE.ABORTED, CODE.CANCELLED), error.details())
            if victim not in suite.processes:
                suite.start([victim], wait=False)

        tries = write_through_faults(client, session, "a.raw", data,
                                     at=at, failed=failed)
        self.assertTrue(killed)
        print(f"{victim}: {tries} streams", flush=True)
        snapshot = when_available(
            lambda: client.finish(session, {"a.raw": len(data)})).name
        archives = {f"{snapshot}/archives/a.raw": data}
        # Who was restarted may be away yet: the backup need not notice.
        suite.wait_ready()
        archives |= back_up(client, GROUP + "-next", {"a.raw": b"next"})
        self.assert_restores(client, archives)
        wait_until(lambda: not client.leases(), "all leases are released")
        self.stop(suite)

    def test_restart_of_ingest_in_the_middle_of_a_backup(self):
        self.restarts("ingest")

    def test_restart_of_index_in_the_middle_of_a_backup(self):
        self.restarts("index")

    def test_restart_of_chunk_storage_in_the_middle_of_a_backup(self):
        self.restarts("chunk_storage")

    def test_restart_of_maintenance_in_the_middle_of_a_backup(self):
        self.restarts("maintenance")

    def test_restart_of_cairnd_in_the_middle_of_a_backup(self):
        self.restarts("cairnd", split=False)

    def test_restart_of_each_service_in_the_middle_of_a_restore(self):
        suite = self.new_suite(split=True)
        client = self.new_client(suite)
        data = case.make_random().randbytes(self.BYTES)
        (name,) = back_up(client, GROUP, {"a.raw": data})
        for victim in suite.names:
            with self.subTest(victim=victim):
                read = StalledRead(self, suite.target, name)
                suite.kill([victim])
                got = read.read_some()
                suite.start([victim])
                client = self.new_client(suite)
                self.assertTrue(got == data[:len(got)])
                rest = when_available(lambda: client.read(
                    name, len(got))) if len(got) < len(data) else b""
                self.assertTrue(got + rest == data)
                when_available(lambda: client.read(name, 0, 1))
        self.stop(suite)


class Fence(Case):
    """What a sweep's first step does to sessions, in the split form."""

    def setUp(self):
        super().setUp()
        self.suite = self.new_suite(split=True, lease_seconds=LEASE_SECONDS)
        self.client = self.new_client(self.suite)
        self.maintenance = MaintenanceClient(
            self.suite.socket("maintenance"))
        self.addCleanup(self.maintenance.close)

    def write_and_expire(self):
        session = self.client.open_session(GROUP)
        self.client.write(session.name, "a.raw", b"abc")
        wait_until(lambda: not any(
            lease.remaining.ToNanoseconds() for lease in
            self.maintenance.leases(DATASTORE)), "the lease expires")
        return session

    def test_a_finish_with_an_epoch_below_the_fence(self):
        session = self.write_and_expire()
        state = self.maintenance.advance(DATASTORE)
        self.assertGreater(state.cut, session.epoch)
        for _ in range(2):
            with self.refused(CODE.ABORTED, reason="SESSION_FENCED"):
                self.client.finish(session.name, {"a.raw": 3})
        with self.refused(CODE.ABORTED, reason="SESSION_FENCED"):
            self.client.write(session.name, "b.raw", b"late")
        with self.refused(CODE.ABORTED, reason="SESSION_FENCED"):
            self.client.backup.RenewSession(
                backup.RenewSessionRequest(name=session.name), timeout=20)
        self.assertEqual(self.client.get_session(session.name).state,
                         model.SESSION_STATE_FENCED)
        self.assertEqual(list(self.client.snapshots(DATASTORE)), [])
        # What was refused stays refused after a restart of all four.
        self.suite.kill()
        self.suite.start()
        self.client = self.new_client(self.suite)
        with self.refused(CODE.ABORTED, reason="SESSION_FENCED"):
            self.client.finish(session.name, {"a.raw": 3})
        archives = back_up(self.client, GROUP, {"a.raw": b"anew"})
        self.assert_restores(self.client, archives)

    def test_an_expired_lease_above_the_fence_comes_back(self):
        session = self.write_and_expire()
        snapshot = self.client.finish(session.name, {"a.raw": 3}).name
        self.assert_restores(self.client, {f"{snapshot}/archives/a.raw":
                                           b"abc"})

    def test_an_expired_lease_gives_way_to_another_writer(self):
        first = self.write_and_expire()
        second = self.client.open_session(GROUP)
        self.client.write(second.name, "a.raw", b"second")
        snapshot = self.client.finish(second.name, {"a.raw": 6}).name
        with self.refused(CODE.ABORTED, CODE.FAILED_PRECONDITION):
            self.client.finish(first.name, {"a.raw": 3})
        self.assertEqual([s.name for s in self.client.snapshots(GROUP)],
                         [snapshot])

    def test_a_live_session_is_never_fenced(self):
        data = case.make_random().randbytes(8 << 20)
        write = PausedWrite(self, self.suite.target, GROUP, data,
                            pause_at=len(data) // 2)
        write.await_pause()
        before = self.maintenance.advance(DATASTORE).epoch
        # Longer than the lease lives without a renewal.
        wait_until(lambda: self.maintenance.leases(DATASTORE)[
            0].age.ToSeconds() > LEASE_SECONDS + 1, "the lease grows old")
        state = self.maintenance.advance(DATASTORE)
        self.assertEqual(state.epoch, before + 1)
        write.go_on()
        snapshot = write.finish()
        self.assert_restores(self.client, {f"{snapshot}/archives/a.raw": data})


if __name__ == "__main__":
    case.main()
