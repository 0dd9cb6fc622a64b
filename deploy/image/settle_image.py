#!/usr/bin/env python3
"""Takes out of a saved image what only the moment of its build put there.

  settle_image.py SAVED NAME:TAG... >settled

SAVED is what `podman save --format docker-archive` or `docker save` wrote.
Builders note the identity of a container in which they built, and of images
in between: with these gone, an image of the same content has the same
identity. What comes out is for `podman load` and `docker load`.
"""

import hashlib
import io
import json
import sys
import tarfile

# Of the configuration, and of each step of its history.
DROPPED = ("container", "container_config", "docker_version")
DROPPED_STEPS = ("comment",)


def settled(config):
    """The configuration without what differs from build to build."""
    kept = {k: v for k, v in config.items() if k not in DROPPED}
    kept["config"].pop("Hostname", None)
    kept["history"] = [
        {k: v for k, v in step.items() if k not in DROPPED_STEPS}
        for step in config.get("history", ())]
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


def add(archive, name, content, size):
    entry = tarfile.TarInfo(name)
    entry.size = size
    archive.addfile(entry, content)


def main():
    saved, names = sys.argv[1], sys.argv[2:]
    with tarfile.open(saved) as image, tarfile.open(
            fileobj=sys.stdout.buffer, mode="w|") as archive:
        (manifest,) = json.load(image.extractfile("manifest.json"))
        config = settled(json.load(image.extractfile(manifest["Config"])))
        manifest["Config"] = hashlib.sha256(config).hexdigest() + ".json"
        manifest["RepoTags"] = names
        add(archive, manifest["Config"], io.BytesIO(config), len(config))
        for name in manifest["Layers"]:
            layer = image.getmember(name)
            add(archive, name, image.extractfile(layer), layer.size)
        content = json.dumps([manifest]).encode()
        add(archive, "manifest.json", io.BytesIO(content), len(content))


if __name__ == "__main__":
    main()
