"""The manifests of deploy/kubernetes as they would be applied."""

import atexit
import os
import re
import shutil
import subprocess
import tempfile
import textwrap

import yaml


def _copy():
    """A copy of true files: kustomize refuses links out of its folder."""
    scratch = tempfile.mkdtemp(prefix="cairn-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return shutil.copytree("deploy/kubernetes",
                           os.path.join(scratch, "deploy/kubernetes"))


FOLDER = _copy()
BASE = os.path.join(FOLDER, "base")
OVERLAYS = [os.path.join(FOLDER, "overlays", name)
            for name in ("single-node", "replicas", "tls-cert-manager")]
COMPONENTS = [os.path.join(FOLDER, "components", name)
              for name in ("cert-manager", "pod-monitor",
                           "prometheus-annotations")]
EXAMPLE = os.path.join(FOLDER, "examples", "backup")
KUSTOMIZE = shutil.which("kubectl")
NO_KUSTOMIZE = ("kubectl is not installed, and Debian 12 has none that "
                "renders these manifests: they are NOT checked here")


def render(folder):
    """The documents of `kubectl kustomize FOLDER`."""
    done = subprocess.run([KUSTOMIZE, "kustomize", folder],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl kustomize {folder}: {done.stderr}")
    return list(yaml.safe_load_all(done.stdout))


def render_own(folder, scratch, components=(), image_tag=None):
    """The same from a kustomization of one's own on top, as README.md says:
    with components, or another image."""
    own = os.path.join(scratch, "own")
    os.makedirs(own)
    content = {"apiVersion": "kustomize.config.k8s.io/v1beta1",
               "kind": "Kustomization",
               "resources": [os.path.relpath(folder, own)],
               "components": [os.path.relpath(c, own) for c in components]}
    if image_tag is not None:
        content["images"] = [{"name": "localhost/cairn",
                              "newTag": image_tag}]
    with open(os.path.join(own, "kustomization.yaml"), "w",
              encoding="utf-8") as file:
        yaml.safe_dump(content, file)
    return render(own)


def render_page(page):
    """Of the kustomization that a page puts together: its indented blocks of
    YAML, in a folder beside `deploy`. A key that is there twice would render,
    and the first of the two be lost."""
    with open(page, encoding="utf-8") as file:
        blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", file.read(), re.MULTILINE)
    own = os.path.join(os.path.dirname(os.path.dirname(FOLDER)), "my-cairn")
    os.makedirs(own)
    content = {}
    for block in map(textwrap.dedent, blocks):
        block = block.lstrip("\n")
        if re.match("- target:", block):
            content["patches"] += yaml.safe_load(block)
        elif re.match("(apiVersion|components|patches):", block):
            more = yaml.safe_load(block)
            assert not content.keys() & more.keys(), block
            content |= more
    with open(os.path.join(own, "kustomization.yaml"), "w",
              encoding="utf-8") as file:
        yaml.safe_dump(content, file)
    return render(own)


def pod_templates(documents):
    """(document, pod template) of everything that makes pods."""
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] in ("Deployment", "StatefulSet"):
            yield document, spec["template"]
        elif document["kind"] == "CronJob":
            yield document, spec["jobTemplate"]["spec"]["template"]


def name_of(document):
    return f"{document['kind']}/{document['metadata']['name']}"
