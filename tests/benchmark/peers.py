"""The other tools of the comparison, at their own defaults.

A tool is made over an empty folder, or one that it was made over before, backs
up, restores, and is thrown away.
Its methods give the commands of one step; who measures runs them, in the
folder of the source where a path is relative.
"""

import os
import shutil
import subprocess
import sys

from measure import Command, apparent_bytes

PASSWORD = "benchmark"
PIPE_NAME = "src.tar"


class Peer:
    """What the tools have in common: one program, one repository folder."""

    name = ""
    program = ""
    servers = None  # a suite, for a tool that has one
    takes_pipes = True

    def __init__(self, folder):
        self.folder = folder
        self.repository = os.path.join(folder, "repository")
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder,
                            "LANG": "C.UTF-8"} | self.settings()
        if not os.path.exists(self.repository):
            self.prepare()

    @classmethod
    def is_installed(cls):
        return shutil.which(cls.program) is not None

    @classmethod
    def version(cls):
        """One line, or that it is not there."""
        if not cls.is_installed():
            return f"{cls.program}: not installed"
        told = subprocess.run([cls.program, cls.version_argument],
                              capture_output=True, text=True, check=True)
        line = told.stdout.splitlines()[0]
        return line if cls.program in line else f"{cls.program} {line}"

    version_argument = "--version"

    def settings(self):
        """Environment variables of every command."""
        return {}

    def prepare(self):
        """Makes the repository; not measured."""

    def close(self):
        pass

    def repository_bytes(self):
        return apparent_bytes(self.repository)

    def command(self, *arguments):
        return Command(self.program, [self.program, *arguments])

    def warm_up(self):
        """So that no step waits for the program itself to be read."""
        subprocess.run([self.program, self.version_argument], check=True,
                       env=self.environment, capture_output=True)

    def quietly(self, *arguments):
        subprocess.run([self.program, *arguments], env=self.environment,
                       check=True, stdout=sys.stderr)


class Restic(Peer):
    name = "restic"
    program = "restic"
    version_argument = "version"

    def settings(self):
        password = os.path.join(self.folder, "password")
        with open(password, "w", encoding="ascii") as file:
            file.write(PASSWORD)
        return {"RESTIC_PASSWORD_FILE": password,
                "RESTIC_REPOSITORY": self.repository,
                "RESTIC_CACHE_DIR": os.path.join(self.folder, "cache")}

    def prepare(self):
        self.quietly("-q", "init")

    def back_up(self, path, number, again):
        # Without --force it would not read a file whose times are the same.
        force = ["--force"] if again else []
        return [self.command("-q", "backup", "--host=benchmark", *force,
                             path)]

    def back_up_pipe(self, producer, number):
        return [producer, self.command(
            "-q", "backup", "--host=benchmark", "--stdin",
            f"--stdin-filename={PIPE_NAME}")]

    def restore(self, path, number, target):
        return [self.command("-q", "restore", "latest",
                             f"--target={target}")], os.path.join(target, path)

    def restore_pipe(self, number):
        return [self.command("-q", "dump", "latest", PIPE_NAME)]

    def remove_oldest(self, count, total):
        """Commands, one after the other, that give back their space too."""
        return [self.command("-q", "forget", f"--keep-last={total - count}",
                             "--prune")]


class Borg(Peer):
    name = "borg"
    program = "borg"
    encryption = "none"
    options = ()

    def settings(self):
        return {"BORG_BASE_DIR": self.folder, "BORG_REPO": self.repository,
                "BORG_PASSPHRASE": PASSWORD,
                "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}

    def prepare(self):
        self.quietly("init", f"--encryption={self.encryption}")

    def back_up(self, path, number, again):
        read = ["--files-cache=disabled"] if again else []
        return [self.command("create", *self.options, *read, f"::{number}",
                             path)]

    def back_up_pipe(self, producer, number):
        return [producer,
                self.command("create", *self.options, f"::{number}", "-")]

    def restore(self, path, number, target):
        # Borg extracts into the current folder alone.
        return [Command(self.program, [
            "sh", "-c", f'cd "$1" && exec {self.program} extract "$2"',
            "sh", target, f"::{number}"])], os.path.join(target, path)

    def restore_pipe(self, number):
        return [self.command("extract", "--stdout", f"::{number}")]

    def remove_oldest(self, count, total):
        """As Restic's."""
        return [self.command("delete", "::", *map(str, range(count))),
                self.command("compact")]


class BorgRepokey(Borg):
    name = "borg-repokey"
    encryption = "repokey"


class BorgZstd(Borg):
    name = "borg-zstd"
    options = ("--compression=zstd,3",)


class Casync(Peer):
    name = "casync"
    program = "casync"
    # It refuses what is no file, device or folder.
    takes_pipes = False

    def prepare(self):
        os.mkdir(self.repository)

    def index(self, path, number):
        form = "caidx" if path == "tree" else "caibx"
        return os.path.join(self.repository, f"{number}.{form}")

    def store(self):
        return f"--store={self.repository}/store.castr"

    def back_up(self, path, number, again):
        return [self.command("make", self.store(), self.index(path, number),
                             path)]

    def restore(self, path, number, target):
        restored = os.path.join(target, path)
        return [self.command("extract", self.store(),
                             self.index(path, number), restored)], restored


PEERS = {tool.name: tool
         for tool in (Restic, Borg, BorgRepokey, BorgZstd, Casync)}
