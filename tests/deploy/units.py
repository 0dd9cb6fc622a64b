"""systemd units as an installation has them, for a machine without systemd."""

import glob
import os
import re
import shlex
import shutil
import subprocess

UNITS = "usr/lib/systemd/system"
SYSTEM_UNITS = "/usr/lib/systemd/system"
SERVICES = {"embedded": ["cairnd"],
            "split": ["cairn-index", "cairn-chunk-storage",
                      "cairn-maintenance", "cairn-ingest"]}
JOBS = ["cairn-prune", "cairn-gc", "cairn-verify"]


def install(form, root, programs):
    os.makedirs(root, exist_ok=True)
    done = subprocess.run(
        ["bash", "deploy/systemd/install.sh", form, f"--programs={programs}",
         f"--root={root}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"install.sh {form}: {done.stderr}")
    return done.stdout


def add_system(root):
    """What the units refer to: the targets of systemd, and kill."""
    shutil.copytree(SYSTEM_UNITS, os.path.join(root, UNITS), symlinks=True,
                    dirs_exist_ok=True,
                    ignore=lambda folder, names: [
                        n for n in names if not n.endswith(".target")
                        and not os.path.isdir(os.path.join(folder, n))])
    os.symlink("usr/bin", os.path.join(root, "bin"))
    shutil.copy("/bin/kill", os.path.join(root, "usr/bin/kill"))


class Unit:
    """A unit with its drop-ins; a later line adds to a former one."""

    def __init__(self, root, name, further=()):
        self.name = name
        folders = [os.path.join(root, UNITS, f"{name}.d")]
        if "-" in name:
            suffix = name.rsplit(".", 1)[1]
            folders.append(os.path.join(
                root, UNITS, f"{name.split('-')[0]}-.{suffix}.d"))
        self._values = {}
        for path in [os.path.join(root, UNITS, name),
                     *sorted(path for folder in folders
                             for path in glob.glob(f"{folder}/*.conf")),
                     *further]:
            self._read(path)

    def _read(self, path):
        section = None
        with open(path, encoding="utf-8") as file:
            for line in file.read().replace("\\\n", " ").splitlines():
                if line.startswith("["):
                    section = line.strip("[]")
                elif line and line[0] not in "#;":
                    key, value = line.split("=", 1)
                    self._values.setdefault((section, key), []).append(value)

    def all(self, section, key):
        return self._values.get((section, key), [])

    def get(self, section, key):
        """The one value; None if there is none."""
        values = self.all(section, key)
        if len(values) > 1:
            raise ValueError(f"{self.name}: {key} has {values}")
        return values[0] if values else None

    def command(self, replaced, environment):
        """ExecStart as a list: paths replaced, ${VARIABLES} filled in."""
        words = shlex.split(self.get("Service", "ExecStart"))
        for old, new in replaced.items():
            words = [re.sub(f"(^|[=:]){old}", rf"\g<1>{new}", word)
                     for word in words]
        return [re.sub(r"\$\{(\w+)\}", lambda m: environment[m.group(1)],
                       word) for word in words]

    def environment(self, specifiers):
        """Environment=, with %d and the like filled in."""
        values = dict(line.split("=", 1)
                      for line in self.all("Service", "Environment"))
        for old, new in specifiers.items():
            values = {k: v.replace(old, new) for k, v in values.items()}
        return values


def verify(root, name):
    """What systemd says against a unit."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={root}", name],
        capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def exposure(root, name):
    """systemd's figure: 0 is shut off, 10 is open."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager",
         f"--root={root}", name], capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+ ([0-9.]+)",
                      done.stdout)
    if not found:
        raise RuntimeError(f"security {name}: {done.stdout}{done.stderr}")
    return float(found.group(1))


def system_calls(unit):
    """The calls that the filter of a unit lets through."""
    allowed = set()
    for value in unit.all("Service", "SystemCallFilter"):
        denies = value.startswith("~")
        for group in value.lstrip("~").split():
            calls = _group(group)
            allowed = allowed - calls if denies else allowed | calls
    return allowed


def _group(name):
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter",
                           name], capture_output=True, text=True, check=True)
    calls = set()
    for line in done.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= _group(word)
    return calls
