"""The manifests of deploy/kubernetes: accepted by Kubernetes, and as we
want them. That they run is kube_play_test's to prove."""

import base64
import copy
import os
import shutil
import subprocess
import tempfile
import unittest

import manifest_rules
import manifests
import report
import schemas

# The first release that has all that is used, and the last one known here.
OLDEST = "1.29"
CUSTOM = ("cert-manager.io/v1", "monitoring.coreos.com/v1")
LINT = ("{extends: default, rules: {document-start: disable, "
        "line-length: {max: 80}, indentation: {indent-sequences: false}, "
        "octal-values: enable, truthy: enable, "
        "comments: {min-spaces-from-content: 1}, "
        "braces: {max-spaces-inside: 0}}}")


@unittest.skipUnless(manifests.KUSTOMIZE, manifests.NO_KUSTOMIZE)
class ManifestsTest(unittest.TestCase):

    def deployments(self):
        """(what it is called, its documents)."""
        for folder in [manifests.BASE, *manifests.OVERLAYS]:
            yield folder, manifests.render(folder)
        with tempfile.TemporaryDirectory() as scratch:
            yield "replicas with all components", manifests.render_own(
                manifests.OVERLAYS[1], scratch, manifests.COMPONENTS)

    def test_every_deployment_keeps_the_rules(self):
        for name, documents in self.deployments():
            with self.subTest(name):
                self.assertEqual(manifest_rules.complaints(documents), [])

    def test_components_change_what_they_are_for(self):
        with tempfile.TemporaryDirectory() as scratch:
            documents = manifests.render_own(
                manifests.BASE, scratch, manifests.COMPONENTS)
        kinds = [d["kind"] for d in documents]
        self.assertEqual(kinds.count("Certificate"), 6)
        self.assertEqual(kinds.count("PodMonitor"), 1)
        for document, template in manifests.pod_templates(documents):
            if document["kind"] != "CronJob":
                self.assertEqual(
                    template["metadata"]["annotations"][
                        "prometheus.io/port"], "9464")

    def test_the_example_has_no_rights_either(self):
        documents = manifests.render(manifests.EXAMPLE)
        for rule in (manifest_rules.pods_have_no_rights,
                     manifest_rules.containers_have_no_rights,
                     manifest_rules.containers_have_limits,
                     manifest_rules.images_are_pinned):
            self.assertEqual(list(rule(documents)), [])

    def test_what_the_page_says_renders(self):
        documents = manifests.render_page("deploy/kubernetes/README.md")
        self.assertEqual(manifest_rules.complaints(documents), [])
        text = manifests.yaml.safe_dump_all(documents)
        self.assertNotIn("localhost/cairn", text)
        for changed in ("image: registry.example.org/cairn:0.1.0",
                        "storage: 4Ti", "--keep-monthly=24",
                        "secretName: cairn-authority"):
            self.assertIn(changed, text)

    def test_several_ingest_are_the_autoscalers_to_count(self):
        documents = manifests.render(manifests.OVERLAYS[1])
        ingest, = (d for d in documents if d["kind"] == "Deployment")
        self.assertNotIn("replicas", ingest["spec"])
        scaler, = (d for d in documents
                   if d["kind"] == "HorizontalPodAutoscaler")
        self.assertGreater(scaler["spec"]["minReplicas"], 1)
        self.assertEqual(scaler["spec"]["scaleTargetRef"]["name"],
                         ingest["metadata"]["name"])

    def test_every_deployment_is_what_kubernetes_accepts(self):
        known = self.open_schemas()
        releases = [v for v in known.versions()
                    if v in (OLDEST, known.versions()[-1])]
        self.assertEqual(releases[0], OLDEST)
        for version in releases:
            release = known.release(version)
            for name, documents in [
                    *self.deployments(),
                    ("example", manifests.render(manifests.EXAMPLE))]:
                for document in documents:
                    if document["apiVersion"] in CUSTOM:
                        continue
                    with self.subTest(version=version, deployment=name,
                                      what=manifests.name_of(document)):
                        self.assertEqual(release.complaints(document), [])

    def test_schemas_refuse_what_is_wrong(self):
        release = self.open_schemas().release(OLDEST)
        ingest, = (d for d in manifests.render(manifests.BASE)
                   if d["kind"] == "Deployment")
        for wrong in (_set("replicas", "3"), _set("relpicas", 3),
                      _in_container("readinessProbe",
                                    {"grpc": {"port": "health"}}),
                      _in_container("readynessProbe", {}),
                      _in_container("securityContext",
                                    {"readonlyRootFilesystem": True})):
            document = copy.deepcopy(ingest)
            wrong(document)
            self.assertNotEqual(release.complaints(document), [])
        self.assertNotEqual(
            release.complaints({**ingest, "apiVersion": "apps/v7"}), [])

    def open_schemas(self):
        try:
            return schemas.open_schemas()
        except schemas.NoSchemas as error:
            self.skipTest(f"NOT checked against Kubernetes' schemas: {error}")


@unittest.skipUnless(manifests.KUSTOMIZE, manifests.NO_KUSTOMIZE)
class RulesTest(unittest.TestCase):
    """Each rule finds what it is there for."""

    def test_rules_find_what_is_wrong(self):
        base = manifests.render(manifests.OVERLAYS[2])
        for rule, kind, change in BREAKS:
            documents = copy.deepcopy(base)
            change(next(d for d in documents if d["kind"] == kind))
            with self.subTest(rule.__name__):
                self.assertNotEqual(list(rule(documents)), [])
        self.assertEqual({rule for rule, _, _ in BREAKS},
                         set(manifest_rules.RULES))


class SecretsTest(unittest.TestCase):
    """deploy/kubernetes/secrets.sh"""

    def setUp(self):
        self.pki = tempfile.mkdtemp(prefix="cairn-")
        self.addCleanup(shutil.rmtree, self.pki)
        for folder in ("services/ingest", "services/index",
                       "services/chunk_storage", "services/maintenance",
                       "clients/cairn-job"):
            os.makedirs(os.path.join(self.pki, folder))
            for name in ("ca.crt", "tls.crt", "tls.key"):
                with open(os.path.join(self.pki, folder, name), "w",
                          encoding="ascii") as file:
                    file.write(f"{folder}/{name}\n" * 100)

    def run_script(self, *arguments):
        return subprocess.run(
            ["bash", "deploy/kubernetes/secrets.sh", *arguments, self.pki],
            capture_output=True, text=True, check=False)

    @unittest.skipUnless(manifests.KUSTOMIZE, manifests.NO_KUSTOMIZE)
    def test_they_are_those_that_pods_mount(self):
        done = self.run_script("--namespace=other")
        self.assertEqual(done.returncode, 0, done.stderr)
        secrets = {d["metadata"]["name"]: d
                   for d in manifests.yaml.safe_load_all(done.stdout)}
        mounted = {v["secret"]["secretName"]
                   for _, t in manifests.pod_templates(
                       manifests.render(manifests.BASE))
                   for v in t["spec"]["volumes"] if "secret" in v}
        self.assertEqual(set(secrets), mounted)
        data = secrets["cairn-chunk-storage-tls"]
        self.assertEqual(data["metadata"]["namespace"], "other")
        self.assertEqual(
            base64.b64decode(data["data"]["tls.key"]).decode(),
            "services/chunk_storage/tls.key\n" * 100)

    @unittest.skipUnless(manifests.KUSTOMIZE, manifests.NO_KUSTOMIZE)
    def test_a_client_gets_the_one_that_the_example_mounts(self):
        done = self.run_script("--namespace=shop", "--client=cairn-job")
        secret, = manifests.yaml.safe_load_all(done.stdout)
        job, = manifests.render(manifests.EXAMPLE)
        for document in (secret, job):
            self.assertEqual(document["metadata"]["namespace"], "shop")
        self.assertIn(f"secretName: {secret['metadata']['name']}",
                      manifests.yaml.safe_dump(job))

    def test_what_is_missing_is_said(self):
        os.remove(os.path.join(self.pki, "services/index/tls.key"))
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("services/index/tls.key", done.stderr)


class LintTest(unittest.TestCase):

    def test_files_are_tidy(self):
        done = subprocess.run(
            ["yamllint", "--strict", "-d", LINT, manifests.FOLDER],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_file_is_used(self):
        used = set()
        for folder, _, names in os.walk(manifests.FOLDER):
            if "kustomization.yaml" in names:
                used |= _named_by(folder)
        there = {os.path.join(folder, name)
                 for folder, _, names in os.walk(manifests.FOLDER)
                 for name in names
                 if name.endswith((".yaml", ".env"))
                 and name != "kustomization.yaml"}
        self.assertEqual(there - used, set())


def _named_by(folder):
    """Files that a kustomization names."""
    with open(os.path.join(folder, "kustomization.yaml"),
              encoding="utf-8") as file:
        content = manifests.yaml.safe_load(file)
    names = content.get("resources", [])
    names += [p["path"] for p in content.get("patches", [])]
    for generator in content.get("configMapGenerator", []):
        names += generator.get("files", []) + generator.get("envs", [])
    return {os.path.join(folder, name) for name in names}


def _set(key, value):
    def change(document):
        document["spec"][key] = value
    return change


def _template(document):
    return document["spec"]["template"]["spec"]


def _in_pod(key, value):
    def change(document):
        _template(document)[key] = value
    return change


def _in_container(key, value):
    def change(document):
        _template(document)["containers"][0][key] = value
    return change


def _drop_egress(document):
    document["spec"]["podSelector"] = {}


def _change_job(document):
    container = document["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"][0]
    container["args"].remove("--wait")


def _change_identity(document):
    document["metadata"].setdefault("labels", {})[
        manifest_rules.COMPONENT] = "ingest"


BREAKS = [
    (manifest_rules.pods_have_no_rights, "Deployment",
     _in_pod("hostNetwork", True)),
    (manifest_rules.pods_have_no_rights, "StatefulSet",
     _in_pod("volumes", [{"name": "v", "hostPath": {"path": "/"}}])),
    (manifest_rules.containers_have_no_rights, "Deployment",
     _in_container("securityContext", {"privileged": True})),
    (manifest_rules.containers_have_limits, "StatefulSet",
     _in_container("resources", {"requests": {"cpu": 1, "memory": 1}})),
    (manifest_rules.images_are_pinned, "Deployment",
     _in_container("image", "example.org:5000/cairn:latest")),
    (manifest_rules.images_are_pinned, "Deployment",
     _in_container("image", "example.org:5000/cairn")),
    (manifest_rules.services_are_probed, "Deployment",
     _in_container("livenessProbe", {"tcpSocket": {"port": 9440}})),
    (manifest_rules.services_may_drain, "Deployment",
     _in_pod("terminationGracePeriodSeconds", 30)),
    (manifest_rules.owners_of_data_are_single, "StatefulSet",
     _set("replicas", 2)),
    (manifest_rules.references_lead_somewhere, "Service",
     _set("selector", {manifest_rules.COMPONENT: "ingest2"})),
    (manifest_rules.references_lead_somewhere, "StatefulSet",
     _set("serviceName", "nobody")),
    (manifest_rules.ports_agree, "Service",
     _set("ports", [{"port": 9440, "targetPort": "metrics"}])),
    (manifest_rules.network_is_closed, "NetworkPolicy", _drop_egress),
    (manifest_rules.jobs_are_safe, "CronJob", _change_job),
    (manifest_rules.jobs_are_safe, "CronJob",
     _set("concurrencyPolicy", "Allow")),
    (manifest_rules.nothing_is_null, "Service", _set("type", None)),
    (manifest_rules.names_differ, "Service",
     lambda d: d["metadata"].update(name="cairn-maintenance-pods")),
    (manifest_rules.certificates_say_who, "Certificate", _change_identity),
    (manifest_rules.custom_kinds_are_known, "Certificate",
     _set("dnsName", "x")),
]


if __name__ == "__main__":
    report.main()
