"""Makes of rendered manifests what `podman kube play` of Debian 12 can start.

It knows Pod, ConfigMap and PersistentVolumeClaim, and not all of these. What
it does not know is changed here, and only here:

  Deployment, StatefulSet  one Pod with the template's very content
  CronJob                  the Pod of a Job, on request
  $(JOB_NAME) in args      the Job's name: it fills in no variables
  volumeClaimTemplates     a PersistentVolumeClaim each
  Secret                   a ConfigMap: both become files
  fsGroup                  the owner of the claim's volume
  emptyDir                 a name for each pod: it shares those of one name
  Service                  the network alias under which the Pod is played
  Namespace, ServiceAccount, PriorityClass, NetworkPolicy,
  PodDisruptionBudget      left out: there is no cluster

  containerPort            left out: it would be published on the host

It passes over probes that ask gRPC: `probe` tells the test what to ask.
"""

import base64
import copy

WORKLOADS = ("Deployment", "StatefulSet")
LEFT_OUT = ("Namespace", "ServiceAccount", "PriorityClass", "NetworkPolicy",
            "PodDisruptionBudget", "Service")
JOB_LABEL = "batch.kubernetes.io/job-name"


class Playable:
    """`documents`: what `kubectl kustomize` rendered, and Secrets."""

    def __init__(self, documents):
        self._by_kind = {}
        for document in documents:
            self._by_kind.setdefault(document["kind"], []).append(document)
        unknown = set(self._by_kind) - {*WORKLOADS, *LEFT_OUT, "CronJob",
                                        "ConfigMap", "Secret"}
        if unknown:
            raise ValueError(f"no rule for what to make of {sorted(unknown)}")

    def workloads(self):
        return {document["metadata"]["name"]: document
                for kind in WORKLOADS
                for document in self._by_kind.get(kind, [])}

    def cron_jobs(self):
        return {document["metadata"]["name"]: document
                for document in self._by_kind.get("CronJob", [])}

    def probe(self, name, kind):
        """What a probe of the workload `name` asks: (port, service)."""
        container, = self.workloads()[name]["spec"]["template"]["spec"][
            "containers"]
        return container[kind]["grpc"]["port"], container[kind]["grpc"][
            "service"]

    def workload(self, name):
        """The documents that play the workload `name`."""
        document = self.workloads()[name]
        template = copy.deepcopy(document["spec"]["template"])
        claims = document["spec"].get("volumeClaimTemplates", [])
        for claim in claims:
            template["spec"]["volumes"].append(
                {"name": claim["metadata"]["name"],
                 "persistentVolumeClaim":
                     {"claimName": f"{name}-{claim['metadata']['name']}"}})
        return (self._claims(name, claims, template["spec"])
                + self._pod(name, template))

    def job(self, cron_job, job):
        """The documents that play the Job `job` of a CronJob."""
        document = self.cron_jobs()[cron_job]
        template = copy.deepcopy(
            document["spec"]["jobTemplate"]["spec"]["template"])
        # The job controller adds it.
        template["metadata"]["labels"][JOB_LABEL] = job
        for container in template["spec"]["containers"]:
            container["args"] = [word.replace("$(JOB_NAME)", job)
                                 for word in container["args"]]
        return self._pod(job, template)

    def _claims(self, workload, claims, pod_spec):
        owner = str(pod_spec["securityContext"]["fsGroup"])
        return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                 "metadata": {
                     "name": f"{workload}-{claim['metadata']['name']}",
                     "annotations": {"volume.podman.io/uid": owner,
                                     "volume.podman.io/gid": owner}},
                 "spec": claim["spec"]}
                for claim in claims]

    def _pod(self, name, template):
        """The Pod, after the ConfigMaps that it names."""
        spec = template["spec"]
        self._tell_empty_dirs_apart(name, spec)
        configs = []
        for volume in spec["volumes"]:
            secret = volume.pop("secret", None)
            if secret is not None:
                volume["configMap"] = {"name": secret["secretName"]}
            if "configMap" in volume:
                configs.append(volume["configMap"])
        for container in spec["containers"]:
            container.pop("ports", None)
            configs += [source["configMapRef"]
                        for source in container.get("envFrom", [])]
        maps = {}
        for reference in configs:
            config = self._config_map(reference["name"], f"{name}-")
            reference["name"] = config["metadata"]["name"]
            maps[reference["name"]] = config
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {**template["metadata"], "name": name},
               "spec": spec}
        return [*maps.values(), pod]

    def _tell_empty_dirs_apart(self, name, spec):
        empty = {v["name"] for v in spec["volumes"] if "emptyDir" in v}
        mounts = [m for c in spec["containers"] for m in c["volumeMounts"]]
        for named in spec["volumes"] + mounts:
            if named["name"] in empty:
                named["name"] = f"{name}-{named['name']}"

    def _config_map(self, name, prefix):
        """A ConfigMap of the content of a ConfigMap or Secret.

        Its name is the pod's alone, for podman makes a volume of it."""
        source, = (d for kind in ("ConfigMap", "Secret")
                   for d in self._by_kind.get(kind, [])
                   if d["metadata"]["name"] == name)
        data = source["data"]
        if source["kind"] == "Secret":
            data = {key: base64.b64decode(value).decode()
                    for key, value in data.items()}
        return {"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": prefix + name}, "data": data}
