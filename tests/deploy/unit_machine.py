"""What units start, in folders of a test instead of the system's."""

import os
import socket
import subprocess

import case
import units

STOP_SECONDS = 60


def install(test, form):
    """The root of an installation."""
    root = os.path.join(test.folder, form)
    units.install(form, root, os.environ.get("CAIRN_BINARIES", "."))
    return root


class Machine:
    """An installation that is neither systemd's nor root's."""

    def __init__(self, test, form):
        self.test = test
        self.root = install(test, form)
        self.names = units.SERVICES[form]
        # Short: the name of a socket has 107 bytes.
        run = os.path.join(test.folder, "r")
        self.replaced = {
            "/usr/bin": os.path.join(self.root, "usr/bin"),
            "/etc/cairn": os.path.join(self.root, "etc/cairn"),
            "/var/lib/cairn": os.path.join(test.folder, "lib"),
            "/run/cairn": run}
        os.makedirs(run, exist_ok=True)
        self.settings = os.path.join(self.root, "etc/cairn")
        for name in os.listdir(self.settings):
            self._replace_in(os.path.join(self.settings, name))
        self.environment = {
            "PATH": os.environ["PATH"], "INVOCATION_ID": "0123abcd",
            "NOTIFY_SOCKET": os.path.join(run, f"notify-{form}")}
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.notified.close)
        self.notified.bind(self.environment["NOTIFY_SOCKET"])
        self.notified.settimeout(case.WAIT_SECONDS)
        self.log_path = os.path.join(test.folder, "log")

    def _replace_in(self, path):
        with open(path, encoding="utf-8") as file:
            content = file.read()
        for old, new in self.replaced.items():
            content = content.replace(old, new)
        if path.endswith(".yaml"):
            content += "metrics-listen: 127.0.0.1:0\n"  # no fixed ports
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)

    def command(self, unit):
        return unit.command(self.replaced, self.environment)

    def check(self, unit, further=(), environment=None):
        """The exit code of the command with --check-config."""
        done = subprocess.run(
            self.command(unit) + ["--check-config", *further],
            env=self.environment | (environment or {}), capture_output=True,
            text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def start(self, name, prefix=()):
        """Starts a service and waits until it says that it is ready."""
        unit = units.Unit(self.root, f"{name}.service")
        for folder in unit.all("Service", "StateDirectory"):
            os.makedirs(os.path.join(self.replaced["/var/lib/cairn"],
                                     os.path.relpath(folder, "cairn")),
                        mode=0o700, exist_ok=True)
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(
                [*prefix, *self.command(unit)], env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.test.addCleanup(process.wait)
        self.test.addCleanup(process.kill)
        self._await("READY=1")
        return process

    def stop(self, process):
        process.terminate()
        return process.wait(timeout=STOP_SECONDS)

    def _await(self, word):
        while word not in self.notified.recv(4096).decode().splitlines():
            pass

    def client_environment(self, unit):
        """Of what a job's unit starts."""
        environment = dict(self.environment)
        for path in unit.all("Service", "EnvironmentFile"):
            # "-": it need not be there.
            path = path.lstrip("-").replace(
                "/etc/cairn", self.replaced["/etc/cairn"])
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    environment |= dict(
                        line.split("=", 1) for line in
                        file.read().splitlines() if not line.startswith("#"))
        # cairnd's socket is not where `cairn` looks for it by itself.
        environment.setdefault(
            "CAIRN_SERVER", f"unix:{self.replaced['/run/cairn']}/cairnd.sock")
        return environment

    def run_job(self, name):
        """Exit code, result and all output of what a job's unit starts."""
        unit = units.Unit(self.root, f"{name}.service")
        done = subprocess.run(
            self.command(unit), env=self.client_environment(unit),
            capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stdout + done.stderr

    def cairn(self, *arguments, data=b""):
        """stdout of `cairn ARGUMENTS`, as the jobs' user would run it."""
        unit = units.Unit(self.root, f"{units.JOBS[0]}.service")
        return subprocess.run(
            [os.path.join(self.replaced["/usr/bin"], "cairn"), *arguments],
            env=self.client_environment(unit), input=data,
            stdout=subprocess.PIPE, check=True).stdout
