"""The Debian packages that files of this system are of."""

import dataclasses
import subprocess
import sys

FIELDS = ("Package", "Version", "Architecture", "Maintainer",
          "source:Package", "source:Version")


@dataclasses.dataclass(frozen=True, order=True)
class Package:
    name: str
    version: str
    architecture: str
    maintainer: str
    source: str
    source_version: str

    @property
    def stanza(self):
        """As dpkg keeps it, cut to what scanners of images read."""
        return (f"Package: {self.name}\nStatus: install ok installed\n"
                f"Version: {self.version}\n"
                f"Architecture: {self.architecture}\n"
                f"Maintainer: {self.maintainer}\n"
                f"Source: {self.source} ({self.source_version})\n")


class Packages:
    """A set of installed packages, collected by name or by file."""

    def __init__(self):
        self._names = set()
        self._paths = set()

    def add(self, name):
        self._names.add(name)

    def add_owner(self, path):
        """The package that ships `path`."""
        self._paths.add(path)

    def sorted(self):
        return self.find(self._names | self._owners())

    @staticmethod
    def find(names):
        """The installed packages of these names, in order."""
        if not names:
            return []
        form = "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\n"
        listing = _query("-W", f"-f={form}", *sorted(names))
        return sorted({Package(*line.split("\t"))
                       for line in listing.splitlines()})

    @staticmethod
    def files(name):
        return _query("-L", name).splitlines()

    def _owners(self):
        """Of all paths in one call; dpkg may know them with or without the
        /usr that this system has merged."""
        places = {place: path for path in self._paths for place in
                  (path, path.removeprefix("/usr"), f"/usr{path}")}
        found = subprocess.run(["dpkg-query", "-S", *sorted(places)],
                               text=True, capture_output=True, check=False)
        owners = {}
        for line in found.stdout.splitlines():
            package, place = line.split(": ", 1)
            owners[places[place]] = package.split(":")[0]
        missing = self._paths - set(owners)
        if missing:
            sys.exit(f"of no Debian package: {' '.join(sorted(missing))}; "
                     "only what Debian ships goes into an image")
        return set(owners.values())


def _query(*arguments):
    found = subprocess.run(["dpkg-query", *arguments], text=True,
                           capture_output=True, check=False)
    if found.returncode:
        sys.exit(f"dpkg-query {' '.join(arguments)}: {found.stderr.strip()}")
    return found.stdout
