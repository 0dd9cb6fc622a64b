"""The schemas of Kubernetes' own API, from a package that carries them.

deploy/install_packages.sh puts it there; nothing of it is imported."""

import glob
import json
import os
import re
import zipfile

import jsonschema

# Where deploy/install_packages.sh puts the wheel `kubernetes-validate`.
WHEELS = "/usr/local/share/cairn-test/kubernetes_validate-*.whl"
_DEFINITIONS = re.compile(
    r".*/v(1\.\d+)\.0-local-strict/_definitions\.json")


class NoSchemas(Exception):
    """The package is not there."""


def _version_key(version):
    return [int(part) for part in version.split(".")]


def open_schemas(pattern=WHEELS):
    wheels = sorted(glob.glob(pattern))
    if not wheels:
        raise NoSchemas(f"no {os.path.basename(pattern)} in "
                        f"{os.path.dirname(pattern)}: "
                        "deploy/install_packages.sh fetches it from PyPI")
    return Schemas(wheels[-1])


class Schemas:
    """Of several releases; what a schema does not name is an error in all."""

    def __init__(self, wheel):
        self._wheel = zipfile.ZipFile(wheel)
        self._members = {
            found.group(1): name for name in self._wheel.namelist()
            if (found := _DEFINITIONS.fullmatch(name))}

    def versions(self):
        """Releases of Kubernetes, the oldest first."""
        return sorted(self._members, key=_version_key)

    def release(self, version):
        with self._wheel.open(self._members[version]) as file:
            return Release(json.load(file))


class Release:

    def __init__(self, definitions):
        self._root = {"$schema": definitions["$schema"],
                      "$id": definitions["$id"],
                      "$defs": definitions["$defs"]}
        self._names = {}
        for name, schema in definitions["$defs"].items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                prefix = f"{kind['group']}/" if kind["group"] else ""
                self._names[prefix + kind["version"], kind["kind"]] = name

    def complaints(self, document):
        """What is wrong with a document, a line each."""
        key = document.get("apiVersion"), document.get("kind")
        if key not in self._names:
            return [f"there is no {key[1]} of {key[0]}"]
        schema = {**self._root, "$ref": f"#/$defs/{self._names[key]}"}
        validator = jsonschema.Draft202012Validator(schema)
        return sorted(
            ".".join(map(str, error.absolute_path)) + ": " + error.message
            for error in validator.iter_errors(document))
