"""The manifests for one node, as pods that podman plays."""

import json
import os
import time

import grpc
import yaml

import manifests
from kube_pods import Playable

READY_SECONDS = 60
POLL_SECONDS = 0.1
STOP_SECONDS = 60
IMAGE = "localhost/cairn:test"
SERVING = b"\x08\x01"  # of grpc.health.v1.HealthCheckResponse


class Cluster:
    """`network`: a name that nobody else on the machine uses."""

    def __init__(self, podman, folder, network):
        self.podman = podman
        self.folder = folder
        self.network = network
        self.data = os.path.join(folder, "data")  # clients see it as /data
        self.containers = {}  # of a workload that runs: its one container
        self._pki = os.path.join(folder, "pki")
        self._certificate = None  # of the client web1: a folder
        self._playable = None
        os.makedirs(self.data)

    def prepare(self):
        """What README.md tells to do before `kubectl apply`."""
        self.podman.environment |= {"SOURCE_DATE_EPOCH": "1700000000",
                                    "CAIRN_REVISION": "test"}
        programs = os.environ.get("CAIRN_BINARIES", ".")
        self._script("build_image.sh", "--engine=podman",
                     f"--programs={programs}", "--tag=test", "cairn")
        self._script("pki.sh", f"--dir={self._pki}", "init")
        self.make_client("cairn-job", "operator", self._pki)
        self._certificate = self.make_client("web1", "backup", self._pki)
        secrets = self._script("kubernetes/secrets.sh", self._pki)
        documents = manifests.render_own(manifests.OVERLAYS[0], self.folder,
                                         image_tag="test")
        self._playable = Playable(
            documents + list(yaml.safe_load_all(secrets)))
        self.podman("network", "create", self.network)

    def make_client(self, name, role, pki=None):
        """The folder of its certificate; of an authority that nobody knows
        unless `pki` is given."""
        pki = pki or os.path.join(self.folder, "strange-pki")
        self._script("pki.sh", f"--dir={pki}", "client", name,
                     f"--role={role}")
        return os.path.join(pki, "clients", name)

    def _script(self, name, *arguments):
        return self.podman.command("bash", f"deploy/{name}", *arguments)[0]

    def names(self):
        return list(self._playable.workloads())

    def start(self):
        """All pods, in the order of the manifests: ingest comes first."""
        for name in self.names():
            self._play(self._playable.workload(name), f":alias={name}")
            self.containers[name] = f"{name}-cairn"
        for probe in ("startupProbe", "readinessProbe"):
            for name in self.names():
                self._await(name, probe)

    def _play(self, documents, alias=""):
        path = os.path.join(self.folder, "play.yaml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump_all(
                (d for d in documents if not self._is_bound(d)), file)
        self.podman("kube", "play", "--network", self.network + alias, path)

    def _is_bound(self, document):
        """A claim is bound once, and stays; podman would refuse it."""
        return (document["kind"] == "PersistentVolumeClaim"
                and document["metadata"]["name"] in self.podman(
                    "volume", "ls", "--quiet").split())

    def _await(self, name, probe):
        """What the kubelet does, until it is content."""
        port, service = self._playable.probe(name, probe)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            answer = self._ask_health(f"{self._address(name)}:{port}", service)
            if answer == SERVING:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{name}: {probe} says {answer}\n"
                                     + self.log(name))
            time.sleep(POLL_SECONDS)

    def _address(self, name):
        pod = self.podman.inspect(self.containers[name])["Pod"]
        infra = json.loads(self.podman("pod", "inspect", pod))[
            "InfraContainerID"]
        return self.podman.inspect(infra)["NetworkSettings"]["Networks"][
            self.network]["IPAddress"]

    @staticmethod
    def _ask_health(target, service):
        """The answer of grpc.health.v1, or the error."""
        with grpc.insecure_channel(
                target, options=[("grpc.enable_http_proxy", 0)]) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=lambda s:
                    b"\x0a" + bytes([len(s)]) + s.encode(),
                response_deserializer=bytes)
            try:
                return check(service, timeout=2, wait_for_ready=True)
            except grpc.RpcError as error:
                return error

    def stop(self):
        """Ends the pods as kubelets do, at one time; {workload: exit code}."""
        self.podman("stop", f"--time={STOP_SECONDS}",
                    *self.containers.values())
        codes = {name: self.podman.inspect(container)["State"]["ExitCode"]
                 for name, container in self.containers.items()}
        self.podman("pod", "rm", "--force", *self.containers)
        self.containers = {}
        return codes

    def log(self, name):
        return "".join(self.podman.command(
            "podman", "logs", self.containers[name], code=None))[-3000:]

    def client(self, *arguments, certificate=None, code=0):
        """What `cairn ARGUMENTS` prints as the client web1, or with another
        certificate. `code`: the exit code that it must have."""
        return self.podman(
            "run", "--rm", "--no-healthcheck", "--network", self.network,
            "--user=0:0", "--read-only", "--cap-drop=all",
            "--volume", f"{certificate or self._certificate}:/pki:ro",
            "--volume", f"{self.data}:/data",
            "--env", "CAIRN_TLS_CA=/pki/ca.crt",
            "--env", "CAIRN_TLS_CERT=/pki/tls.crt",
            "--env", "CAIRN_TLS_KEY=/pki/tls.key",
            "--env", "CAIRN_SERVER=cairn-ingest:9440",
            "--env", "CAIRN_MAINTENANCE_SERVER=cairn-maintenance:9443",
            IMAGE, "/usr/bin/cairn", *arguments, code=code)

    def run_job(self, cron_job, job):
        """Runs the Job `job` of a CronJob: (exit code, result, all)."""
        self._play(self._playable.job(cron_job, job))
        code = int(self.podman("wait", f"{job}-cairn"))
        logs = self.podman.command("podman", "logs", f"{job}-cairn")
        self.podman("pod", "rm", "--force", job)
        return code, logs[0], "".join(logs)
