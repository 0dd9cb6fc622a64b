"""Runs Cairn as real processes, and kills them."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import grpc

from client import Client

READY_SECONDS = 60
POLL_SECONDS = 0.02
SERVICES = ("index", "chunk_storage", "maintenance", "ingest")


class NotReady(Exception):
    """A service behind the front door does not answer yet."""


class Suite:
    """cairnd, or the four services, over one data directory.

    Everything speaks over unix sockets in `sockets`, so that no port is
    shared with anything else. `binaries` maps a program's name to its file.
    In the split form there may be several `replicas` of ingest; the second
    is called "ingest-2".
    """

    def __init__(self, binaries, data, sockets, split=False, extra=(),
                 arguments=None, replicas=1, drain_seconds=None,
                 lease_seconds=None, metrics=False):
        self.binaries = binaries
        self.data = data
        self.sockets = sockets
        self.names = SERVICES if split else ("cairnd",)
        self.names += tuple(f"ingest-{n}" for n in range(2, replicas + 1))
        self.extra = list(extra)  # arguments of every process
        self.arguments = arguments or {}  # further ones, by program
        self.drain_seconds = drain_seconds
        self.lease_seconds = lease_seconds
        self.metrics = metrics  # whether each process serves /metrics
        self.prefix = []  # a program that runs each process, such as strace
        self.ready_seconds = READY_SECONDS  # within which all answer
        self.credentials = None  # of this process towards the front door
        self.processes = {}
        self.log_path = os.path.join(sockets, "log")
        # The front door in use.
        self.target = self.socket("ingest" if split else "cairnd")

    def socket(self, name):
        return "unix:" + os.path.join(self.sockets, f"{name}.sock")

    def listen(self, name):
        """The address that the process is told to listen on."""
        return self.socket(name)

    def address(self, name):
        """Where the other services find it."""
        return self.socket(name)

    def data_dir(self, name):
        return (self.data if name == "cairnd"
                else os.path.join(self.data, name))

    def command(self, name):
        program = name.split("-")[0]
        command = self.prefix + [
            self.binaries[program],
            f"--data-dir={self.data_dir(name)}",
            f"--listen={self.listen(name)}",
            f"--metrics-listen={'127.0.0.1:0' if self.metrics else ''}"]
        if self.drain_seconds is not None:
            command.append(f"--drain-timeout={self.drain_seconds}s")
        prefix = {"cairnd": "--ingest-", "ingest": "--"}.get(program)
        if self.lease_seconds is not None and prefix:
            # Kept alive while a stream is open, and not a moment longer.
            command += [f"{prefix}lease-ttl={self.lease_seconds}s",
                        f"{prefix}session-idle-timeout=0s"]
        if program in ("ingest", "maintenance"):
            command += [f"--index={self.address('index')}",
                        f"--chunk-storage={self.address('chunk_storage')}"]
        if program == "ingest":
            command += [f"--maintenance={self.address('maintenance')}"]
        return command + self.extra + self.arguments.get(program, [])

    def start(self, names=None, wait=True, everything=True):
        for name in names or self.names:
            with open(self.log_path, "ab") as log:
                self.processes[name] = subprocess.Popen(
                    self.command(name), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log)
        if wait:
            self.wait_ready(everything)

    def start_replica(self, replica="ingest-2"):
        """Starts another ingest beside the first; its address."""
        self.start([replica], wait=False)
        self.wait_ready(target=self.socket(replica))
        return self.socket(replica)

    def wait_ready(self, everything=True, target=None):
        """Until the front door reaches every service behind it.

        Without `everything`: until it answers, whatever is damaged behind."""
        deadline = time.monotonic() + self.ready_seconds
        while True:
            client = Client(target or self.target,
                            credentials=self.credentials)
            try:
                if not everything:
                    client.datastores(seconds=2)
                    return
                waiting = [s.name for s in client.status(seconds=2).services
                           if not s.ready]
                if waiting:
                    raise NotReady(f"waits for {waiting}")
                return
            except (grpc.RpcError, NotReady) as error:
                self._wait_longer(deadline, error)
            finally:
                client.close()

    def await_port(self, name):
        """The port of the process `name`, once it listens."""
        deadline = time.monotonic() + self.ready_seconds
        while True:
            try:
                return self.port(name)
            except IndexError as error:
                self._wait_longer(deadline, error)

    def _wait_longer(self, deadline, error):
        """A moment, while the processes live and the deadline is ahead."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(
                    f"{name} exited with {process.returncode}:\n"
                    + self.log_tail()) from error
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"not ready after {self.ready_seconds} s: {error}\n"
                + self.log_tail()) from error
        time.sleep(POLL_SECONDS)

    def tell_dead(self):
        """Prints what ended without being asked to, and the log's end."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                print(f"{name} had ended with {process.returncode}:\n"
                      + self.log_tail(), flush=True)

    def kill(self, names=None, number=signal.SIGKILL):
        for name in names or list(self.processes):
            process = self.processes.pop(name, None)
            if process is not None:
                process.send_signal(number)
                process.wait()

    def stop(self):
        """Asks each to end; returns exit codes by name."""
        codes = {}
        for name in reversed(self.names):
            process = self.processes.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                codes[name] = process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        return codes

    def peak_bytes(self):
        """Peak resident bytes of each running process."""
        peaks = {}
        for name, process in self.processes.items():
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    peaks[name] = int(line.split()[1]) * 1024
        return peaks

    def metrics_port(self, name):
        """Where the running process `name` serves /metrics."""
        return int(self._started_with(name, r"metrics_port=(\d+)"))

    def health_port(self, name):
        """Where it serves grpc.health.v1 alone."""
        return int(self._started_with(name, r"health_port=(\d+)"))

    def port(self, name):
        """Of the last address that the running process `name` listens on."""
        return int(self._started_with(name, r" ports=(?:\d+,)*(\d+)"))

    def _started_with(self, name, field):
        values = []
        for line in pathlib.Path(self.log_path).read_text().splitlines():
            entry = json.loads(line)
            found = re.search("server started .*" + field, entry["msg"])
            if found and entry["service"] == name:
                values.append(found.group(1))
        return values[-1]

    def log_text(self):
        try:
            with open(self.log_path, "rb") as log:
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, size=4000):
        return self.log_text()[-size:]


def binaries_from(folder):
    """Binaries below a runfiles or build folder."""
    folder = pathlib.Path(folder)
    names = {"cairnd": "services/cairnd/cairnd",
             "cairn": "client/cli/cairn"}
    names |= {s: f"services/{s}/{s}" for s in SERVICES}
    return {name: str(folder / path) for name, path in names.items()
            if (folder / path).exists()}
