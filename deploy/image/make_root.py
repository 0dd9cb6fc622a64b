#!/usr/bin/env python3
"""Writes the root of a container image, as tar, from programs of a Debian.

  make_root.py cairn --programs="$(bazel info bazel-bin)" --version=0.1.0 \\
      --epoch=1700000000 >root.tar

  cairn        the programs of the suite: no shell, nothing else to run
  tools        the same with a shell and what scripts of jobs call
  prometheus   Debian's Prometheus and promtool

Inside are the programs, the shared libraries that they load, what these need
of the system (certificate authorities, time zones, a user 65532), and a bill
of materials in SPDX form, /usr/share/cairn/sbom.spdx.json. The same files give
the same tar to the byte: sorted, all of one time and of owners by number.
"""

import argparse
import hashlib
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import sbom
from packages import Packages

# Where Bazel leaves what is in /usr/bin of an image.
SUITE = {
    "cairn": "client/cli/cairn",
    "cairnd": "services/cairnd/cairnd",
    "cairn-chunk-storage": "services/chunk_storage/chunk_storage",
    "cairn-index": "services/index/index",
    "cairn-ingest": "services/ingest/ingest",
    "cairn-maintenance": "services/maintenance/maintenance",
}
# Of which the suite holds what their headers say; no library is loaded.
COMPILED_IN = ("libcli11-dev", "nlohmann-json3-dev")

# What is in /usr/bin of Debian and of an image.
SHELL = ("cat", "cmp", "cp", "cut", "dash", "date", "dd", "df", "diff", "du",
         "env", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mktemp",
         "mv", "rm", "sed", "seq", "sha256sum", "sleep", "sort", "stat", "tail",
         "test", "touch", "tr", "true", "uname", "wc")
IMAGES = {
    "cairn": (SUITE, ()),
    "tools": (SUITE, SHELL),
    "prometheus": ({}, ("prometheus", "promtool")),
}

# What a process of an image writes to, on a volume or a tmpfs.
STATE = {"cairn": "/var/lib/cairn", "tools": "/var/lib/cairn",
         "prometheus": "/prometheus"}

USER = 65532
DIRECTORY_MODE = 0o755
# Where Debian keeps in /usr what programs look for at the root.
MERGED = ("bin", "lib", "lib64", "sbin")

PASSWD = f"""root:x:0:0:root:/root:/sbin/nologin
cairn:x:{USER}:{USER}:cairn:/tmp:/sbin/nologin
"""
GROUP = f"""root:x:0:
cairn:x:{USER}:
"""
NSSWITCH = """passwd: files
group: files
hosts: files dns
"""


class Root:
    """Directories, files and links by path, without what is outside."""

    def __init__(self, epoch):
        self._epoch = epoch
        self._entries = {}  # path without a leading slash: (TarInfo, bytes)
        for name in MERGED:
            self.add_directory(f"/usr/{name}")
            self.add_link(f"/{name}", f"usr/{name}")

    def add_directory(self, path, mode=DIRECTORY_MODE, owner=0):
        self._add_parents(path)
        self._add(path, tarfile.DIRTYPE, mode, owner)

    def add_file(self, path, content, mode=0o644):
        self._add_parents(path)
        self._add(path, tarfile.REGTYPE, mode, content=content)

    def add_link(self, path, target):
        self._add_parents(path)
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def copy_tree(self, folder, left_out=()):
        """Files and links below `folder`, of the paths that they have."""
        for path in sorted(pathlib.Path(folder).rglob("*")):
            relative = path.relative_to(folder)
            if relative.parts[0] in left_out:
                continue
            if path.is_symlink():
                self.add_link(str(path), os.readlink(path))
            elif path.is_file():
                self.add_file(str(path), path.read_bytes())

    def write(self, output, prefix):
        with tarfile.open(fileobj=output, mode="w|",
                          format=tarfile.GNU_FORMAT) as archive:
            for name, (entry, content) in sorted(self._entries.items()):
                entry.name = f"{prefix}{name}"
                archive.addfile(entry, io.BytesIO(content))

    def _add_parents(self, path):
        for parent in reversed(pathlib.PurePosixPath(path).parents[:-1]):
            if str(parent)[1:] not in self._entries:
                self._add(str(parent), tarfile.DIRTYPE, DIRECTORY_MODE)

    def _add(self, path, kind, mode, owner=0, content=b"", target=""):
        entry = tarfile.TarInfo(path[1:])
        entry.type = kind
        entry.mode = mode
        entry.uid = entry.gid = owner
        entry.mtime = self._epoch
        entry.size = len(content)
        entry.linkname = target
        self._entries[entry.name] = (entry, content)


def shared_libraries(program):
    """What the loader of this system loads for `program`, itself included."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True,
                             check=False)
    if listing.returncode:
        if "not a dynamic executable" in listing.stderr:
            return set()
        sys.exit(f"ldd {program}: {listing.stderr.strip()}")
    libraries = set()
    for line in listing.stdout.splitlines():
        words = line.split()
        if "not found" in line:
            sys.exit(f"{program} needs {words[0]}, which this system lacks")
        path = words[2] if "=>" in words else words[0]
        if path.startswith("/"):
            libraries.add(path)
    return libraries


def in_usr(path):
    """Where `path` is on a system that has one /usr."""
    first = path.split("/")[1]
    return f"/usr{path}" if first in MERGED else path


def stripped(program):
    """The bytes of a program without the symbols that no loader needs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "program")
        subprocess.run(["strip", "-o", copy, program], check=True)
        return pathlib.Path(copy).read_bytes()


def add_suite(root, programs, folder):
    """Programs by name, below a build folder; (path, SHA-1, SHA-256) each."""
    files = []
    for name, path in programs.items():
        content = stripped(os.path.join(folder, path))
        root.add_file(f"/usr/bin/{name}", content, 0o755)
        files.append((f"/usr/bin/{name}", hashlib.sha1(content).hexdigest(),
                      hashlib.sha256(content).hexdigest()))
    return files


def add_debian(root, programs, packages):
    """Programs of Debian, by name."""
    for name in programs:
        source = f"/usr/bin/{name}"
        root.add_file(source, pathlib.Path(source).read_bytes(), 0o755)
        packages.add_owner(source)
    if "dash" in programs:
        root.add_link("/usr/bin/sh", "dash")


def add_libraries(root, programs, packages):
    libraries = set().union(*map(shared_libraries, programs))
    for path in sorted(libraries):
        packages.add_owner(path)
        loader = os.path.basename(path).startswith("ld-linux")
        root.add_file(in_usr(path), pathlib.Path(path).read_bytes(),
                      0o755 if loader else 0o644)


def add_system(root, state, packages):
    """What programs and their libraries look for in files."""
    root.add_file("/etc/passwd", PASSWD.encode())
    root.add_file("/etc/group", GROUP.encode())
    root.add_file("/etc/nsswitch.conf", NSSWITCH.encode())
    root.add_file("/usr/lib/os-release",
                  pathlib.Path("/usr/lib/os-release").read_bytes())
    root.add_link("/etc/os-release", "../usr/lib/os-release")
    packages.add("base-files")
    for path, mode, owner in (("/tmp", 0o1777, 0), ("/run", 0o755, 0),
                              ("/etc/cairn", 0o755, 0),
                              (state, 0o700, USER)):
        root.add_directory(path, mode, owner)
    # Of the package, and not what this machine trusts besides.
    authorities = b"".join(
        pathlib.Path(path).read_bytes()
        for path in sorted(packages.files("ca-certificates"))
        if path.endswith(".crt"))
    root.add_file("/etc/ssl/certs/ca-certificates.crt", authorities)
    root.add_link("/usr/lib/ssl/cert.pem",
                  "/etc/ssl/certs/ca-certificates.crt")
    packages.add("ca-certificates")
    root.copy_tree("/usr/share/zoneinfo", left_out=("posix", "right"))
    packages.add("tzdata")


def add_records(root, packages, arguments, own):
    """What says which packages are inside, for people and for scanners."""
    inside = packages.sorted()
    for package in inside:
        root.add_file(f"/var/lib/dpkg/status.d/{package.name}",
                      package.stanza.encode())
        licence = pathlib.Path(f"/usr/share/doc/{package.name}/copyright")
        root.add_file(str(licence), licence.read_bytes())
    root.add_file("/usr/share/cairn/sbom.spdx.json", sbom.document(
        arguments.image, arguments.version, arguments.epoch, own, inside,
        packages.find(COMPILED_IN if own else ())))


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", choices=IMAGES)
    parser.add_argument("--programs", default=".", metavar="DIR",
                        help="a bazel-bin folder with the programs built")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", required=True, type=int,
                        help="seconds since 1970: the time of every file")
    parser.add_argument("--prefix", default="", metavar="DIR/",
                        help="before the names in the tar")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    suite, debian = IMAGES[arguments.image]
    root = Root(arguments.epoch)
    packages = Packages()
    own = add_suite(root, suite, arguments.programs)
    add_debian(root, debian, packages)
    add_libraries(root, [os.path.join(arguments.programs, path)
                         for path in suite.values()]
                  + [f"/usr/bin/{name}" for name in debian], packages)
    add_system(root, STATE[arguments.image], packages)
    add_records(root, packages, arguments, own)
    root.write(sys.stdout.buffer, arguments.prefix)


if __name__ == "__main__":
    main()
