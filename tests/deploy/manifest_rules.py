"""What we ask of our manifests beyond what Kubernetes accepts.

Each rule takes the documents of one deployment and yields complaints."""

import re

from manifests import name_of, pod_templates

SERVICES = ("ingest", "index", "chunk-storage", "maintenance")
# Who calls whom: {service: callers}.
CALLS = {"ingest": None,  # anybody
         "index": {"ingest", "maintenance"},
         "chunk-storage": {"ingest", "maintenance"},
         "maintenance": {"ingest", "job"}}
PORTS = {"ingest": 9440, "index": 9441, "chunk-storage": 9442,
         "maintenance": 9443}
COMPONENT = "app.kubernetes.io/component"
PART_OF = {"app.kubernetes.io/part-of": "cairn"}


def _containers(documents):
    for document, template in pod_templates(documents):
        spec = template["spec"]
        for container in spec["containers"] + spec.get("initContainers", []):
            yield f"{name_of(document)}: {container['name']}", container


def pods_have_no_rights(documents):
    for document, template in pod_templates(documents):
        spec = template["spec"]
        security = spec.get("securityContext", {})
        for key, value in {
                "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"}}.items():
            if security.get(key) != value:
                yield f"{name_of(document)}: {key} is {security.get(key)}"
        for key in ("hostNetwork", "hostPID", "hostIPC",
                    "shareProcessNamespace"):
            if spec.get(key):
                yield f"{name_of(document)}: {key}"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name_of(document)}: gets a token of the API server"
        if spec.get("enableServiceLinks") is not False:
            yield (f"{name_of(document)}: variables of services would be "
                   "read as settings")
        for volume in spec.get("volumes", []):
            kinds = set(volume) - {"name"}
            if not kinds <= {"configMap", "secret", "emptyDir",
                             "persistentVolumeClaim"}:
                yield f"{name_of(document)}: volume of {sorted(kinds)}"
            if "emptyDir" in volume and not volume["emptyDir"].get(
                    "sizeLimit"):
                yield f"{name_of(document)}: {volume['name']} has no limit"


def containers_have_no_rights(documents):
    for where, container in _containers(documents):
        security = container.get("securityContext", {})
        for key, value in {"allowPrivilegeEscalation": False,
                           "readOnlyRootFilesystem": True,
                           "capabilities": {"drop": ["ALL"]}}.items():
            if security.get(key) != value:
                yield f"{where}: {key} is {security.get(key)}"
        if security.get("privileged") or "runAsUser" in security:
            yield f"{where}: has rights of its own"


def containers_have_limits(documents):
    for where, container in _containers(documents):
        resources = container.get("resources", {})
        for part, names in {"requests": ("cpu", "memory"),
                            "limits": ("memory",)}.items():
            for name in names:
                if name not in resources.get(part, {}):
                    yield f"{where}: no {part} of {name}"


def images_are_pinned(documents):
    for where, container in _containers(documents):
        image = container["image"]
        tag = re.fullmatch(r"[^:@]+(?::\d+)?(?:/[^:@]+)*:([^:/@]+)", image)
        digest = re.fullmatch(r".+@sha256:[0-9a-f]{64}", image)
        if not digest and (not tag or tag.group(1) == "latest"):
            yield f"{where}: image {image} may be another one tomorrow"
        if container.get("imagePullPolicy") != "IfNotPresent":
            yield f"{where}: asks the registry at each start"


def services_are_probed(documents):
    for document, template in pod_templates(documents):
        if document["kind"] == "CronJob":
            continue
        for container in template["spec"]["containers"]:
            where = f"{name_of(document)}: {container['name']}"
            ports = {p["containerPort"] for p in container["ports"]}
            for probe, service in {"startupProbe": "liveness",
                                   "livenessProbe": "liveness",
                                   "readinessProbe": "readiness"}.items():
                grpc = container.get(probe, {}).get("grpc", {})
                if grpc.get("service") != service:
                    yield f"{where}: {probe} asks {grpc}"
                elif grpc["port"] not in ports:
                    yield f"{where}: {probe} asks a port that is not there"
            start = container.get("startupProbe", {})
            allowed = (start.get("periodSeconds", 10)
                       * start.get("failureThreshold", 3))
            if allowed < 600:
                yield f"{where}: a start may take {allowed} s only"


def services_may_drain(documents):
    for document, template in pod_templates(documents):
        if document["kind"] == "CronJob":
            continue
        grace = template["spec"].get("terminationGracePeriodSeconds", 30)
        if grace < 120:
            yield f"{name_of(document)}: is killed after {grace} s"


def owners_of_data_are_single(documents):
    for document, template in pod_templates(documents):
        component = template["metadata"]["labels"][COMPONENT]
        stateful = document["kind"] == "StatefulSet"
        if component in SERVICES and stateful == (component == "ingest"):
            yield f"{name_of(document)}: wrong kind"
        if not stateful:
            continue
        spec = document["spec"]
        if spec["replicas"] != 1:
            yield f"{name_of(document)}: two processes for one directory"
        if spec.get("persistentVolumeClaimRetentionPolicy") != {
                "whenDeleted": "Retain", "whenScaled": "Retain"}:
            yield f"{name_of(document)}: backups go with their service"
        modes = [mode for claim in spec["volumeClaimTemplates"]
                 for mode in claim["spec"]["accessModes"]]
        if not modes or set(modes) - {"ReadWriteOncePod", "ReadWriteOnce"}:
            yield f"{name_of(document)}: volume may be mounted {modes}"


def references_lead_somewhere(documents):
    """Selectors find pods, and what pods name is there or is a Secret."""
    pods = [t["metadata"]["labels"] for _, t in pod_templates(documents)]
    there = {(d["kind"], d["metadata"]["name"]) for d in documents}
    for document in documents:
        spec = document.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector is not None:
            labels = selector.get("matchLabels", selector)
            if not any(labels.items() <= pod.items() for pod in pods):
                yield f"{name_of(document)}: selects no pod"
    for document, template in pod_templates(documents):
        spec = template["spec"]
        named = [("ServiceAccount", spec.get("serviceAccountName")),
                 ("PriorityClass", spec.get("priorityClassName"))]
        named += [("ConfigMap", v["configMap"]["name"])
                  for v in spec["volumes"] if "configMap" in v]
        named += [("ConfigMap", e["configMapRef"]["name"])
                  for c in spec["containers"] for e in c.get("envFrom", [])]
        if "serviceName" in document["spec"]:
            named.append(("Service", document["spec"]["serviceName"]))
        for one in named:
            if one not in there:
                yield f"{name_of(document)}: there is no {one[0]}/{one[1]}"
        volumes = {v["name"] for v in spec["volumes"]} | {
            c["metadata"]["name"]
            for c in document["spec"].get("volumeClaimTemplates", [])}
        mounts = {m["name"] for c in spec["containers"]
                  for m in c["volumeMounts"]}
        if volumes != mounts:
            yield (f"{name_of(document)}: volumes {sorted(volumes)}, "
                   f"mounted {sorted(mounts)}")


def ports_agree(documents):
    """The port of a Service is a port of the pod, and the one agreed on."""
    pods = {t["metadata"]["labels"][COMPONENT]: t["spec"]["containers"][0]
            for d, t in pod_templates(documents) if d["kind"] != "CronJob"}
    for document in documents:
        if document["kind"] != "Service":
            continue
        component = document["spec"]["selector"][COMPONENT]
        named = {p["name"]: p["containerPort"]
                 for p in pods[component]["ports"]}
        for port in document["spec"]["ports"]:
            found = named.get(port["targetPort"]), port["port"]
            if found != (PORTS[component], PORTS[component]):
                yield f"{name_of(document)}: leads to {found}"


def network_is_closed(documents):
    """All is denied, and what is allowed is who calls whom."""
    policies = [d for d in documents if d["kind"] == "NetworkPolicy"]
    deny = [p for p in policies
            if p["spec"]["podSelector"].get("matchLabels") == PART_OF
            and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}
            and "ingress" not in p["spec"] and "egress" not in p["spec"]]
    if not deny:
        yield "no policy denies everything"
    for document, template in pod_templates(documents):
        if not PART_OF.items() <= template["metadata"]["labels"].items():
            yield f"{name_of(document)}: no policy holds for it"
    allowed = {"in": set(), "out": set()}
    for policy in policies:
        here = policy["spec"]["podSelector"].get("matchLabels", {}).get(
            COMPONENT)
        for way, key, peers in (("in", "ingress", "from"),
                                ("out", "egress", "to")):
            for rule in policy["spec"].get(key, []):
                allowed[way] |= _pairs(here, rule, peers)
    expected = {(callee, caller, PORTS[callee])
                for callee, callers in CALLS.items()
                for caller in callers or {"*"}}
    got = {pair for pair in allowed["in"] if pair[0] in SERVICES}
    if got != expected:
        yield f"let in: {sorted(got ^ expected)} differ"
    expected = {(caller, callee, PORTS[callee])
                for callee, callers in CALLS.items()
                for caller in callers or {"job"}}
    got = {pair for pair in allowed["out"] if pair[0] is not None}
    if got != expected:
        yield f"let out: {sorted(got ^ expected)} differ"


def _pairs(here, rule, peers):
    """(component here, component there or "*", port), a rule's meaning."""
    ports = [p["port"] for p in rule.get("ports", [{"port": "any"}])]
    there = []
    for peer in rule.get(peers, [{}]):
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        there.append("*" if not peer
                     else labels.get(COMPONENT, "elsewhere"))
    return {(here, other, port) for other in there for port in ports}


def jobs_are_safe(documents):
    found = set()
    for document, template in pod_templates(documents):
        if document["kind"] != "CronJob":
            continue
        spec, job = document["spec"], document["spec"]["jobTemplate"]["spec"]
        container = template["spec"]["containers"][0]
        where = name_of(document)
        found.add(container["command"][1])
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{where}: two may run at one time"
        for key in ("startingDeadlineSeconds", "successfulJobsHistoryLimit",
                    "failedJobsHistoryLimit", "timeZone"):
            if key not in spec:
                yield f"{where}: no {key}"
        for key in ("backoffLimit", "activeDeadlineSeconds",
                    "podFailurePolicy"):
            if key not in job:
                yield f"{where}: no {key}"
        if template["spec"].get("restartPolicy") != "Never":
            yield f"{where}: restartPolicy"
        if not {"--wait", "--request-id=$(JOB_NAME)"} <= set(
                container["args"]):
            yield f"{where}: a second pod would start a second task"
        names = {e["name"]: e.get("valueFrom", {}).get("fieldRef", {}).get(
            "fieldPath") for e in container["env"]}
        if names.get("JOB_NAME") != (
                "metadata.labels['batch.kubernetes.io/job-name']"):
            yield f"{where}: JOB_NAME is not the Job's name"
    if found != {"prune", "gc", "verify"}:
        yield f"jobs of {sorted(found)}"


def nothing_is_null(documents):
    def nulls(value, path):
        if value is None:
            yield path
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from nulls(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield from nulls(inner, f"{path}[{number}]")
    for document in documents:
        for path in nulls(document, name_of(document)):
            yield f"{path}: null"


def names_differ(documents):
    seen = set()
    for document in documents:
        name = name_of(document)
        if name in seen:
            yield f"{name}: twice"
        seen.add(name)


# What we set of cert-manager's and the Prometheus operator's kinds, of which
# no schema is at hand: {kind: keys of spec}.
CUSTOM_KEYS = {
    "Issuer": {"ca", "selfSigned"},
    "Certificate": {"commonName", "dnsNames", "duration", "isCA", "issuerRef",
                    "privateKey", "renewBefore", "secretName", "uris",
                    "usages"},
    "PodMonitor": {"podMetricsEndpoints", "selector"},
}
IDENTITIES = {"ingest": "service/ingest", "index": "service/index",
              "chunk-storage": "service/chunk_storage",
              "maintenance": "service/maintenance",
              "job": "operator/cairn-job"}


def certificates_say_who(documents):
    """Where there are Certificates: one for each Secret that pods mount."""
    leaves = {d["metadata"].get("labels", {}).get(COMPONENT): d["spec"]
              for d in documents if d["kind"] == "Certificate"}
    if not leaves:
        return
    issuers = {d["metadata"]["name"] for d in documents
               if d["kind"] == "Issuer"}
    if not leaves.pop(None, {}).get("isCA"):
        yield "there is no authority's certificate"
    for document, template in pod_templates(documents):
        component = template["metadata"]["labels"][COMPONENT]
        leaf = leaves.get(component)
        if leaf is None:
            yield f"{name_of(document)}: no certificate"
            continue
        mounted = [v["secret"]["secretName"]
                   for v in template["spec"]["volumes"] if "secret" in v]
        if mounted != [leaf["secretName"]]:
            yield f"{name_of(document)}: mounts {mounted}"
        if leaf["uris"] != [f"spiffe://cairn/{IDENTITIES[component]}"]:
            yield f"{component}: is {leaf['uris']}"
        if component in SERVICES and (
                f"cairn-{component}" not in leaf["dnsNames"]
                or not {"server auth", "client auth"} <= set(leaf["usages"])):
            yield f"{component}: cannot serve and call under its name"
        if leaf["issuerRef"]["name"] not in issuers:
            yield f"{component}: nobody issues it"


def custom_kinds_are_known(documents):
    for document in documents:
        known = CUSTOM_KEYS.get(document["kind"])
        if known is not None and set(document["spec"]) - known:
            yield f"{name_of(document)}: {sorted(set(document['spec']))}"


RULES = [pods_have_no_rights, containers_have_no_rights,
         containers_have_limits, images_are_pinned, services_are_probed,
         services_may_drain, owners_of_data_are_single,
         references_lead_somewhere, ports_agree, network_is_closed,
         jobs_are_safe, nothing_is_null, names_differ, certificates_say_who,
         custom_kinds_are_known]


def complaints(documents):
    return [f"{rule.__name__}: {text}"
            for rule in RULES for text in rule(documents)]
