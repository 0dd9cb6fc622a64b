"""deploy/compose.yaml with podman: what its page promises, on containers."""

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import tempfile
import textwrap
import urllib.parse
import urllib.request

import yaml

import case
import podman
from cli import Cli
from suite import binaries_from

PROJECT = f"cairn-compose-{os.getpid()}"
SERVICES = ("index", "chunk-storage", "maintenance", "ingest")
JOBS = {"prune": "nightly-prune", "gc": "nightly-gc", "verify": "daily-verify"}
DOWN_ALERT = "CairnTargetDown"
# Files are looked at once a minute, and SIGHUP says when.
ROTATION_SECONDS = 90
PAYLOAD_BYTES = 3 << 20


class ComposeTest(case.Case):

    @classmethod
    def setUpClass(cls):
        podman.skip_without_podman()
        cls.work = tempfile.mkdtemp(prefix="cairn-compose-")
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.podman = podman.Podman(os.path.join(cls.work, "podman"))
        cls.addClassCleanup(cls.podman.remove, networks=[PROJECT])
        cls.programs = os.environ.get("CAIRN_BINARIES", ".")
        cls.build_images()
        cls.podman.skip_unless_it_runs("localhost/cairn:latest",
                                       "/usr/bin/cairn", "version")
        cls.deploy = os.path.join(cls.work, "deploy")
        # Files and not links to them: containers see this folder.
        shutil.copytree("deploy", cls.deploy)
        cls.hurry_prometheus()
        cls.make_certificates()
        cls.write_settings()
        cls.compose("up", "-d")
        cls.addClassCleanup(cls.tear_down)
        case.wait_until(lambda: cls.state("setup")["Status"] == "exited",
                        "the one-shot `setup` has ended")

    @classmethod
    def build_images(cls):
        cls.podman.environment |= {"SOURCE_DATE_EPOCH": "1700000000",
                                   "CAIRN_REVISION": "test"}
        cls.podman.command("bash", "deploy/build_image.sh", "--engine=podman",
                           f"--programs={cls.programs}",
                           "cairn", "tools", "prometheus")

    @classmethod
    def hurry_prometheus(cls):
        """The tree's own configuration and rules, in seconds not minutes."""
        folder = os.path.join(cls.deploy, "monitoring")
        with edited(os.path.join(folder, "prometheus.yml")) as config:
            config["global"] |= {"scrape_interval": "1s",
                                 "scrape_timeout": "1s",
                                 "evaluation_interval": "1s"}
        with edited(os.path.join(folder, "rules.yml")) as rules:
            alerts = [rule for group in rules["groups"]
                      for rule in group["rules"]
                      if rule.get("alert") == DOWN_ALERT]
            for alert in alerts:
                alert["for"] = "2s"
        assert len(alerts) == 1

    @classmethod
    def make_certificates(cls):
        container = "--owner=65532:65532"
        for words in (("init",),
                      ("client", "operator", "--role=operator", container),
                      ("client", "demo", "--role=backup", container),
                      ("client", "me", "--role=admin")):
            cls.podman.command("bash", f"{cls.deploy}/pki.sh", *words)

    @classmethod
    def write_settings(cls):
        names = ("CAIRN_INGEST_PORT", "CAIRN_MAINTENANCE_PORT",
                 "PROMETHEUS_PORT")
        with open(os.path.join(cls.deploy, ".env"), "w",
                  encoding="ascii") as file:
            file.write(f"CAIRN_NETWORK={PROJECT}\n")
            for name, port in zip(names, free_ports(len(names))):
                file.write(f"{name}={port}\n")

    @classmethod
    def compose(cls, *words):
        """podman-compose answers with 0 whatever becomes of its calls, but
        tells their exit codes."""
        out, err = cls.podman.command("podman-compose", "-p", PROJECT, *words,
                                      cwd=cls.deploy)
        codes = set(re.findall(r"^exit code: (\d+)$", out, re.MULTILINE))
        if codes != {"0"}:
            raise AssertionError(f"podman-compose {words}: {out[-2000:]}{err[-2000:]}")
        return out + err

    @classmethod
    def container(cls, service):
        return f"{PROJECT}_{service}_1"

    @classmethod
    def state(cls, service):
        return cls.podman.inspect(cls.container(service))["State"]

    @classmethod
    def port(cls, service, port):
        host, number = cls.podman("port", cls.container(service),
                                  f"{port}/tcp").strip().split(":")
        assert host == "127.0.0.1", host
        return int(number)

    @classmethod
    def tear_down(cls):
        """As the page says; then nothing is left, and all ended well."""
        for service in SERVICES:
            cls.podman("stop", "--time=60", cls.container(service))
        codes = {s: cls.state(s)["ExitCode"] for s in SERVICES}
        cls.compose("down", "--volumes", "--timeout", "60")
        cls.podman("network", "rm", PROJECT)
        left = [cls.podman(*words).split() for words in (
            ("ps", "--all", "--quiet"), ("volume", "ls", "--quiet"),
            ("network", "ls", "--quiet", "--filter", f"name={PROJECT}"))]
        assert left == [[], [], []], left
        assert not any(codes.values()), codes

    def setUp(self):
        super().setUp()
        self.random = case.make_random()
        self.cairn = Cli(binaries_from(self.programs)["cairn"],
                         f"tls:127.0.0.1:{self.port('ingest', 9440)}",
                         self.folder)
        folder = f"{self.deploy}/tls/clients/me"
        self.cairn.environment |= {
            "CAIRN_MAINTENANCE_SERVER":
                f"tls:127.0.0.1:{self.port('maintenance', 9443)}",
            "CAIRN_TLS_CA": f"{folder}/ca.crt",
            "CAIRN_TLS_CERT": f"{folder}/tls.crt",
            "CAIRN_TLS_KEY": f"{folder}/tls.key"}

    def in_container(self, *words, code=0):
        """`cairn` in the suite's network, as cron calls it."""
        return self.podman.command("env", "PATH=/usr/bin:/bin", "bash",
                                   f"{self.deploy}/compose/cairn.sh", *words,
                                   code=code)

    def back_up(self, group):
        payload = self.random.randbytes(PAYLOAD_BYTES)
        source = os.path.join(self.folder, "source")
        with open(source, "wb") as file:
            file.write(payload)
        self.cairn.run("backup", group, f"data.raw:{source}")
        return payload

    def assert_restored(self, group, payload):
        self.assertTrue(self.cairn.run(
            "restore", f"{group}/latest", "data.raw", "-")[0] == payload)

    def round_trip(self, group):
        self.assert_restored(group, self.back_up(group))

    def prometheus(self, path, **parameters):
        url = (f"http://127.0.0.1:{self.port('prometheus', 9090)}/api/v1/"
               f"{path}?{urllib.parse.urlencode(parameters)}")
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]

    # --- one suite, many looks at it ---

    def test_a_round_trip_through_the_ingest_container(self):
        self.round_trip("host/web1")

    def test_the_demo_backs_up_restores_and_compares(self):
        said = self.compose("-f", "compose.yaml", "-f", "compose/demo.yaml",
                            "run", "--rm", "--no-deps", "-T", "demo")
        self.assertIn("files restored, all the same", said)
        # Its certificate is that of a backup: it deletes nothing.
        self.in_container("--as=demo", "forget", "host/demo/latest", code=12)

    def test_a_scheduler_runs_each_job_once_for_a_request_id(self):
        self.round_trip("host/scheduled")
        self.assertEqual(
            {j["name"].split("/")[-1] for j in self.cairn.json(
                "job", "list")["jobs"]}, set(JOBS.values()))
        for kind, job in JOBS.items():
            with self.subTest(kind):
                words = (kind, "--job", job, "--wait",
                         f"--request-id={kind}-2026-11-22",
                         "--output-format", "json")
                first = json.loads(self.in_container(*words)[0])
                again = json.loads(self.in_container(*words)[0])
                self.assertEqual(first["task"]["state"], "succeeded")
                self.assertEqual(again["task"]["name"], first["task"]["name"])

    def test_maintenance_runs_a_job_by_its_calendar(self):
        self.cairn.run("job", "set", "each-second", "gc",
                       "--schedule=*:*:*")
        self.addCleanup(self.cairn.run, "job", "delete", "each-second")
        case.wait_until(
            lambda: any(t.get("job", "").endswith("each-second")
                        and t["state"] == "succeeded"
                        for t in self.cairn.json("task", "list")["tasks"]),
            "a gc was run by the calendar")

    def test_each_service_is_healthy_by_its_own_command(self):
        # Another test may have taken its peers away a moment ago.
        for service in SERVICES:
            case.wait_until(lambda s=service: self.podman.succeeds(
                "healthcheck", "run", self.container(s)),
                            f"{service} is healthy")

    def test_containers_are_confined(self):
        for service in SERVICES + ("setup", "prometheus"):
            with self.subTest(service):
                found = self.podman.inspect(self.container(service))
                self.assertFalse(found["EffectiveCaps"])
                host = found["HostConfig"]
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertFalse(host["Privileged"])
                self.assertIn("no-new-privileges", host["SecurityOpt"])
                self.assertEqual(found["Config"]["User"], "65532:65532")
                for ports in host["PortBindings"].values():
                    self.assertLessEqual({p["HostIp"] for p in ports or ()},
                                         {"127.0.0.1"})
        for service in SERVICES + ("prometheus",):
            host = self.podman.inspect(self.container(service))["HostConfig"]
            self.assertGreater(host["Memory"], 0)
            self.assertEqual(host["RestartPolicy"]["Name"], "always")

    def test_an_alert_fires_and_resolves(self):
        self._await_targets({f"{s}:9464": "up" for s in SERVICES})
        self.assertEqual(self._firing(), [])
        name = self.container("chunk-storage")
        self.podman("stop", "--time=60", name)
        case.wait_until(lambda: self._firing() == ["cairn-chunk-storage"],
                        "the alert fires")
        self.podman("start", name)
        case.wait_until(lambda: self._firing() == [], "the alert resolves")
        # Its epoch is told to it again; then it takes data.
        case.wait_until(lambda: all(s["ready"] for s in self.cairn.json(
            "status", code=None)["services"]), "all services are ready")
        self.round_trip("host/after-the-alert")

    def test_certificates_are_renewed_without_a_restart(self):
        ports = {"ingest": 9440, "maintenance": 9443}
        pids = {s: self.state(s)["Pid"] for s in SERVICES}
        before = {s: self._served(s, p) for s, p in ports.items()}
        self.podman.command("bash", f"{self.deploy}/pki.sh", "renew")
        for service in SERVICES:
            self.podman("kill", "--signal=HUP", self.container(service))
        for service, port in ports.items():
            case.wait_until(
                lambda s=service, p=port: self._served(s, p) != before[s],
                f"{service} shows its new certificate", ROTATION_SECONDS)
        self.round_trip("host/renewed")
        self.assertEqual(pids, {s: self.state(s)["Pid"] for s in SERVICES})

    def test_lost_databases_are_rebuilt_as_the_page_says(self):
        group = "host/lost-and-found"
        payload = self.back_up(group)
        script = self._page("RECOVERY.md", "Compose")
        stop = script.index("offline()")
        self._follow(script[:stop])
        for service in ("index", "chunk-storage"):
            folder = self.podman("volume", "inspect", "-f", "{{.Mountpoint}}",
                                 f"{PROJECT}_{service}-data").strip()
            shutil.rmtree(os.path.join(folder, service.replace("-", "_"),
                                       "db"))
        self._follow(script[stop:].removesuffix("compose/cairn.sh status\n"))
        case.wait_until(lambda: all(s["ready"] for s in self.cairn.json(
            "status", code=None).get("services", [{"ready": False}])),
                        "all services are ready")
        self.in_container("status")
        self.assert_restored(group, payload)
        self.round_trip(group)

    def _page(self, name, heading):
        """The first commands below a heading of a page, for this project."""
        with open(os.path.join(self.deploy, name), encoding="utf-8") as page:
            section = page.read().split(f"\n## {heading}\n")[1]
        block = re.search(r"(?:^    .*\n)+", section, re.MULTILINE).group()
        return textwrap.dedent(block).replace(
            "cairn_", f"{PROJECT}_").replace("-p cairn", f"-p {PROJECT}")

    def _follow(self, script):
        return self.podman.command("bash", "-euc", script, cwd=self.deploy)

    def _served(self, service, port):
        """The serial number of the certificate that a service shows."""
        folder = f"{self.deploy}/tls/clients/me"
        context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
        context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(
                ("127.0.0.1", self.port(service, port)), timeout=20) as plain:
            with context.wrap_socket(
                    plain, server_hostname="localhost") as secured:
                return secured.getpeercert()["serialNumber"]

    def _await_targets(self, expected):
        def found():
            return {t["labels"]["instance"]: t["health"] for t in
                    self.prometheus("targets")["activeTargets"]} == expected

        case.wait_until(found, f"the targets are {expected}")

    def _firing(self):
        return [a["labels"]["job"] for a in self.prometheus("alerts")["alerts"]
                if a["labels"]["alertname"] == DOWN_ALERT
                and a["state"] == "firing"]


def free_ports(count):
    """Of the kernel's choice: podman takes none that it may choose itself."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class edited:  # noqa: N801, used as a `with` statement
    """The content of a YAML file, written back at the end of the block."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.content = yaml.safe_load(file)

    def __enter__(self):
        return self.content

    def __exit__(self, *_):
        with open(self.path, "w", encoding="utf-8") as file:
            yaml.safe_dump(self.content, file)


if __name__ == "__main__":
    case.main()
