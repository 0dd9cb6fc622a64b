"""podman with containers, images and limits of a test's own."""

import json
import os
import resource
import shutil
import subprocess
import unittest

COMMAND_SECONDS = 300
# podman starts its own processes with no more than this.
MOST_PROCESSES = 32768
# podman's own failures, and a container that could not be set up; what the
# program inside answers is below or above.
CANNOT_RUN = (125, 126)


class Podman:
    """Everything is below `folder`, but for networks, whose addresses all
    users of a machine share.

    With `folder` gone podman knows nothing of it; `remove` comes first."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.environment = os.environ | {
            "HOME": folder,
            "CONTAINERS_CONF": self._write("containers.conf", _engine(folder)),
            "CONTAINERS_STORAGE_CONF": self._write(
                "storage.conf", _storage(folder))}

    def command(self, *words, code=0, **options):
        """(stdout, stderr) of any program that calls podman in the end."""
        done = subprocess.run(
            list(map(str, words)), env=self.environment, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=COMMAND_SECONDS, **options)
        if code is not None and done.returncode != code:
            raise AssertionError(
                f"{' '.join(map(str, words))}: exit code {done.returncode}, "
                f"expected {code}\n{done.stdout[-2000:]}"
                f"{done.stderr[-4000:]}")
        return done.stdout, done.stderr

    def __call__(self, *words, **options):
        """stdout of `podman WORDS...`."""
        return self.command("podman", *words, **options)[0]

    def succeeds(self, *words):
        return subprocess.run(
            ["podman", *words], env=self.environment, capture_output=True,
            check=False, timeout=COMMAND_SECONDS).returncode == 0

    def inspect(self, name):
        return json.loads(self("inspect", name))[0]

    def mount(self, image):
        """Where the files of an image are, until it is removed."""
        return self("image", "mount", image).strip()

    def skip_unless_it_runs(self, image, *command):
        """Tries a container; unittest.SkipTest where none can run.

        What the container's program itself does wrong is an error."""
        tried = subprocess.run(
            ["podman", "run", "--rm", "--network=none", image, *command],
            env=self.environment, text=True, capture_output=True, check=False,
            timeout=COMMAND_SECONDS)
        if tried.returncode in CANNOT_RUN:
            skip(f"podman can run no container here: {tried.stderr.strip()}")
        if tried.returncode:
            raise AssertionError(f"{command}: exit code {tried.returncode}\n"
                                 f"{tried.stdout}{tried.stderr}")

    def remove(self, networks=()):
        """All containers, volumes and images, and networks by name."""
        self("rm", "--all", "--force", "--time=0")
        self("volume", "rm", "--all", "--force")
        for network in networks:
            self("network", "rm", "--force", network, code=None)
        self("image", "unmount", "--all", "--force", code=None)
        self("rmi", "--all", "--force")
        subprocess.run(["umount", f"{self.folder}/storage/overlay"],
                       capture_output=True, check=False)
        shutil.rmtree(self.folder)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def skip_without_podman():
    """unittest.SkipTest, with the reason, where podman can not be used."""
    if os.geteuid() != 0:
        skip("these containers need root")
    for program in ("podman", "podman-compose", "runc"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed; deploy/install_packages.sh "
                 "test installs it")


def skip(reason):
    print(f"*** NOT TESTED: {reason}", flush=True)
    raise unittest.SkipTest(reason)


def _engine(folder):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Threads count for a user on the whole machine, whatever the container.
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1],
                    MOST_PROCESSES)
    if processes < 0:
        processes = MOST_PROCESSES
    return f"""[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{folder}/tmp"
[network]
network_backend = "netavark"
"""


def _storage(folder):
    return f"""[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""
