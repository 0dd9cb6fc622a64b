"""Bills of materials: SPDX 2.3, as JSON."""

import datetime
import hashlib
import json
import re
import urllib.parse

UNKNOWN = "NOASSERTION"


def document(name, version, epoch, own, packages, compiled_in):
    """The bytes of the bill of image `name`.

    `own`: (path, SHA-1, SHA-256) of the programs that are of no package;
    `packages` are inside, of `compiled_in` the programs hold parts."""
    image = _package(f"image-{name}", name, version, "CONTAINER")
    suite = _package("cairn", "cairn", version, "APPLICATION")
    suite |= {"filesAnalyzed": True, "packageVerificationCode": {
        "packageVerificationCodeValue": _verification_code(own)}}
    suites = [suite] if own else []
    relations = [("DOCUMENT", "DESCRIBES", f"Package-image-{name}")]
    relations += [(f"Package-image-{name}", "CONTAINS", "Package-cairn")
                  for _ in suites]
    relations += [("Package-cairn", "CONTAINS", _file_id(path))
                  for path, _, _ in own]
    relations += [(f"Package-image-{name}", "CONTAINS", f"Package-{p.name}")
                  for p in packages]
    relations += [("Package-cairn", "STATIC_LINK", f"Package-{p.name}")
                  for p in compiled_in if own]
    debian = sorted(set(packages) | set(compiled_in if own else ()))
    content = {
        "packages": [image] + suites + [_debian_package(p) for p in debian],
        "files": [_file(*file) for file in own],
        "relationships": [
            {"spdxElementId": _identity(one), "relationshipType": kind,
             "relatedSpdxElement": _identity(other)}
            for one, kind, other in relations],
    }
    # Another content has another name, the same content the same one.
    digest = hashlib.sha256(_json(content)).hexdigest()
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return _json({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace":
            f"urn:cairn:spdx:{name}-{version}:sha256:{digest}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: cairn-make_root"],
        },
    } | content)


def _identity(text):
    """Of letters, digits, full stops and dashes, as SPDX wants it."""
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def _package(identity, name, version, purpose):
    return {
        "SPDXID": _identity(f"Package-{identity}"),
        "name": name,
        "versionInfo": version,
        "primaryPackagePurpose": purpose,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
    }


def _debian_package(package):
    version = urllib.parse.quote(package.version, safe="~")
    return _package(package.name, package.name, package.version,
                    "LIBRARY") | {
        "supplier": "Organization: Debian",
        "sourceInfo": f"built from source package {package.source} "
                      f"{package.source_version}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator":
                f"pkg:deb/debian/{urllib.parse.quote(package.name)}@{version}"
                f"?arch={package.architecture}&distro=debian-12",
        }],
    }


def _file_id(path):
    return "File" + path


def _file(path, sha1, sha256):
    return {
        "SPDXID": _identity(_file_id(path)),
        "fileName": f".{path}",
        "fileTypes": ["BINARY"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": sha1},
            {"algorithm": "SHA256", "checksumValue": sha256}],
        "licenseConcluded": UNKNOWN,
        "copyrightText": UNKNOWN,
    }


def _verification_code(own):
    """As SPDX defines it: the digest of all digests, sorted."""
    return hashlib.sha1(
        "".join(sorted(sha1 for _, sha1, _ in own)).encode()).hexdigest()


def _json(value):
    return (json.dumps(value, indent=2, ensure_ascii=False)
            + "\n").encode()
