#!/usr/bin/env python3
"""House rules of the tree, read from its sources.

Which folder may include which, where a library's headers may appear, calls
that belong to one wrapper, and that the four services have one shape.
`tidy.py ROOT` prints each offending line as path:line: rule and exits 1.
"""

import pathlib
import re
import subprocess
import sys

SERVICES = ("chunk_storage", "index", "ingest", "maintenance")
# Whose client/ interfaces a service may use besides its own.
USES = {
    "chunk_storage": (),
    "index": (),
    "ingest": ("chunk_storage", "index", "maintenance"),
    "maintenance": ("chunk_storage", "index"),
}
LAYERS = ("domain", "storage", "engine", "rpc", "client")

# Parts of common/ that rules without I/O, clock or threads may use.
PURE_COMMON = (
    "chunking", "compression", "digest", "model", "page", "prune", "random",
    "schedule", "status", "testing", "text", "token",
)
# Headers of the other parts that are as pure.
PURE_HEADERS = ("common/pack/pack_format.h", "common/time/time_zone.h")
# What the program beside the services may use.
CLIENT_COMMON_BANNED = ("kv", "rocks", "server")

SHAPE = (
    "BUILD.bazel", "README.md", "client", "domain", "engine", "main.cc",
    "metrics.cc", "metrics.h", "options.cc", "options.h", "rpc", "server.cc",
    "server.h",
)

# The offline command of a service that owns something durable.
REBUILD = ("rebuild.cc", "rebuild.h")

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')

# Library headers and the places that may name them.
LIBRARIES = (
    ("rocksdb/", r"^common/rocks/"),
    ("grpcpp/|grpc/|.*\\.grpc\\.pb\\.h$",
     r"^common/(rpc|server)/|^services/[^/]+/(rpc/|client/grpc_|server\.)"
     r"|^client/(.*/)?grpc_|^tests/"),
    ("prometheus/", r"^common/metrics/|^services/[^/]+/metrics\."),
    ("yaml-cpp/", r"^common/config/|^client/cli/"),
    ("CLI/", r"^common/config/|^client/cli/"),
    ("archive.h|archive_entry.h", r"^client/"),
    ("zstd.h", r"^common/compression/"),
    ("openssl/", r"^common/(digest|rpc|server)/"),
)

# Calls that one wrapper owns.
CALLS = (
    (r"\babsl::Now\(|\bsystem_clock::now\(|\bsteady_clock::now\(",
     r"^common/(time|log|testing)/|^common/rpc/.*_test"),
    (r"\babsl::SleepFor\(|\bsleep_for\(|\busleep\(|\bnanosleep\(", r"^$"),
    (r"\bstd::thread\b|\bpthread_create\(",
     r"^common/(concurrency|rpc|server|testing)/"),
    (r"(?<![\w.>:])::open(at)?\(",
     r"^common/(io|server|testing)/|^client/(backup|restore)/"),
    (r"\bstd::rand\(|\bstd::random_device\b|\babsl::BitGen\b",
     r"^common/(random|testing)/"),
    (r"\bABSL_FLAG\(", r"^$"),
    (r"\bthrow\b(?!s)", r"^$"),
)


def is_test(path):
    """Tests and what only tests link may reach across services."""
    name = path.rsplit("/", 1)[-1]
    return (path.startswith(("tests/", "common/testing/"))
            or re.search(r"(_test\.cc|_contract\.h|_benchmark\.cc|_harness\.(h|cc))$", name)
            or re.match(r"(fake_|in_memory_|test_)", name) is not None)


def is_implementation_client(name):
    return re.match(r"(grpc_|local_|fake_|in_memory_)", name) is not None


def include_error(path, included):
    """Why `path` must not include `included`, or None."""
    parts = path.split("/")
    target = included.split("/")
    for library, places in LIBRARIES:
        if re.match(library, included) and not re.search(places, path):
            if is_test(path):
                continue
            return f"{included} belongs to {places}"
    is_proto = included.endswith(".pb.h")
    if is_test(path):
        return None
    if parts[0] == "common":
        if target[0] in ("services", "client"):
            return "common/ knows no service"
        if is_proto and parts[1] not in ("wire", "rpc", "server"):
            return "protos stay in common/wire, rpc and server"
        if parts[1] == "model" and target[0] == "common" and (
                target[1] not in ("model", "status")):
            return "common/model uses nothing above it"
        return None
    if parts[0] == "client":
        if target[0] == "services" and (len(target) < 3
                                        or target[2] != "client"):
            return "the client links services' client/ folders alone"
        if target[0] == "common" and target[1] in CLIENT_COMMON_BANNED:
            return f"the client does not use common/{target[1]}"
        return None
    if parts[0] != "services" or parts[1] not in SERVICES:
        return None
    return service_include_error(parts, target, included, is_proto)


def service_include_error(parts, target, included, is_proto):
    service = parts[1]
    layer = parts[2] if parts[2] in LAYERS else "top"
    if target[0] == "client":
        return "services do not know the client"
    if is_proto:
        allowed = {
            "storage": "cairn/record/",
            "rpc": "cairn/",
            "client": "cairn/",
            "top": "cairn/",
        }.get(layer)
        if allowed is None or not included.startswith(
                (allowed, "google/protobuf/", "google/rpc/")):
            return f"{layer} does not see this proto"
        return None
    if target[0] == "common":
        if (layer == "domain" and target[1] not in PURE_COMMON
                and included not in PURE_HEADERS):
            return f"domain is pure: no common/{target[1]}"
        if target[1] in ("rpc", "server") and layer not in (
                "rpc", "client", "top"):
            return f"{layer} does not speak gRPC"
        if target[1] == "rocks" and parts[2] not in (
                "server.cc", "server.h") + REBUILD:
            return "only server and rebuild name RocksDB"
        return None
    if target[0] != "services":
        return None
    return service_to_service_error(service, layer, parts, target)


def service_to_service_error(service, layer, parts, target):
    other = target[1]
    other_layer = target[2] if len(target) > 3 else "top"
    if other != service:
        if other not in USES[service]:
            return f"{service} does not call {other}"
        if other_layer != "client":
            return f"only {other}'s client/ may be linked"
        if is_implementation_client(target[-1]) and layer != "top":
            return "engines see interfaces, server names implementations"
        return None
    allowed = {
        "domain": ("domain",),
        "storage": ("domain", "storage"),
        "engine": ("domain", "storage", "engine", "client"),
        "rpc": ("domain", "engine", "rpc", "client"),
        "client": ("domain", "engine", "client"),
        "top": LAYERS + ("top",),
    }[layer]
    if layer == "engine" and target[2] in ("metrics.h",):
        return None
    if layer == "engine" and is_implementation_client(target[-1]):
        return "engines see interfaces, server names implementations"
    if layer == "client" and other_layer == "engine" and not (
            is_implementation_client(parts[-1])):
        return "an interface does not know its engine"
    if other_layer not in allowed:
        return f"{layer} does not include {other_layer}"
    return None


def strip_comments(line):
    return re.sub(r'//.*|"(?:[^"\\]|\\.)*"', "", line)


def wants_pragma_once(path):
    """Not a header that is compiled by itself: there GCC takes it for a
    mistake."""
    return path.endswith(".h") and not path.endswith("_prelude.h")


def file_errors(path, text):
    errors = []
    if wants_pragma_once(path) and "#pragma once" not in text:
        errors.append((1, "a header starts with #pragma once"))
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            why = include_error(path, match.group(1))
            if why:
                errors.append((number, why))
            continue
        code = strip_comments(line)
        for pattern, places in CALLS:
            if re.search(pattern, code) and not re.search(places, path):
                errors.append((number, f"{pattern} belongs to {places}"))
        if re.search(r"\bTODO\b(?!\(#\d+\): )", line):
            errors.append((number, "a TODO names its issue"))
    return errors


def shape_errors(files):
    errors = []
    for service in SERVICES:
        prefix = f"services/{service}/"
        entries = {f[len(prefix):].split("/")[0] for f in files
                   if f.startswith(prefix)}
        # ingest owns nothing durable, so it alone has no storage/.
        wanted = set(SHAPE)
        if service != "ingest":
            wanted.add("storage")
        for entry in sorted(wanted - entries):
            errors.append((prefix + entry, 1, "missing; its siblings have it"))
        if service != "ingest":
            entries -= set(REBUILD)
        for entry in sorted(entries - wanted):
            if re.search(r"_test\.cc$|_contract\.h$", entry):
                continue
            errors.append((prefix + entry, 1, "its siblings do not have it"))
    return errors


def check(root):
    """All offences in the tracked files of `root`, as (path, line, why)."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files"], check=True, text=True,
        stdout=subprocess.PIPE).stdout.split()
    files = [f for f in listed if (root / f).is_file()]
    errors = shape_errors(files)
    for name in files:
        if not name.endswith((".h", ".cc")):
            continue
        text = (root / name).read_text(encoding="utf-8")
        errors += [(name, line, why) for line, why in file_errors(name, text)]
    return errors


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    errors = check(root)
    for path, line, why in errors:
        print(f"{path}:{line}: {why}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
