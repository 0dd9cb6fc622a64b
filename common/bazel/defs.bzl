"""The rules that BUILD files of this tree use, with its flags.

  cairn_cc_library, cairn_cc_test, cairn_cc_binary   our own code
  cairn_preludes                                     headers compiled once
  cairn_proto                                        messages and services, C++
  cairn_py_proto                                     the same for Python tests
"""

load("//common/bazel:prelude.bzl", "prelude")

_HARDENING_COPTS = [
    "-fPIE",
    "-fcf-protection",
    "-fstack-clash-protection",
    "-fstack-protector-strong",
    "-ftrivial-auto-var-init=zero",
    "-D_GLIBCXX_ASSERTIONS",
] + select({
    # Fortified calls hide errors from the sanitizers.
    "//common/bazel:sanitizer": ["-U_FORTIFY_SOURCE"],
    "//conditions:default": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"],
})

_WARNING_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wcast-align",
    "-Wextra-semi",
    "-Wformat=2",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wredundant-decls",
    "-Wshadow=local",
    "-Wsuggest-override",
    "-Wvla",
    # Designated initialisers leave the other members at their defaults.
    "-Wno-missing-field-initializers",
    # GCC 12 reports these for correct uses of its own library once inlined.
    "-Wno-array-bounds",
    "-Wno-dangling-pointer",
    "-Wno-free-nonheap-object",
    "-Wno-maybe-uninitialized",
    "-Wno-restrict",
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
]

_COPTS = ["-std=c++20"] + _WARNING_COPTS + _HARDENING_COPTS

# What stands in a test is run once, and compiled more often than that.
_TEST_COPTS = _COPTS + select({
    "//common/bazel:sanitizer": [],
    "//conditions:default": ["-O1"],
})

# Generated code is not ours to correct.
_GENERATED_COPTS = ["-std=c++20", "-w"] + _HARDENING_COPTS

_LINKOPTS = [
    "-pie",
    "-Wl,-z,relro,-z,now,-z,noexecstack",
]

# What every program links besides its own libraries.
_RUNTIME = select({
    "//common/bazel:tsan": ["//common/bazel:tsan_abseil"],
    "//conditions:default": [],
})

_TEST_DATA = select({
    "//common/bazel:tsan": ["//common/bazel:tsan_suppressions.txt"],
    "//conditions:default": [],
})

def cairn_preludes():
    """:library_prelude and :test_prelude, for all files of the tree."""
    prelude(
        name = "library_prelude",
        src = "library_prelude.h",
        copts = _COPTS,
        visibility = ["//:__subpackages__"],
        deps = ["@system//:absl"],
    )
    prelude(
        name = "test_prelude",
        testonly = True,
        src = "test_prelude.h",
        hdrs = ["library_prelude.h"],
        copts = _TEST_COPTS,
        visibility = ["//:__subpackages__"],
        deps = ["@system//:absl", "@system//:gtest"],
    )

def _with_prelude(prelude_name, copts):
    """Flags and deps of files that begin with a prelude.

    None for files with flags of their own, which it would not fit, and for
    sanitizers: that a file includes what it uses is seen there.
    """
    if copts:
        return copts, []
    return select({
        "//common/bazel:sanitizer": [],
        "//conditions:default": [
            "-include",
            "common/bazel/precompiled/%s.h" % prelude_name,
            "-Winvalid-pch",
            "-Wno-error=invalid-pch",
        ],
    }), select({
        "//common/bazel:sanitizer": [],
        "//conditions:default": ["//common/bazel:" + prelude_name],
    })

def cairn_cc_library(name, copts = [], deps = [], **kwargs):
    """cc_library with the flags of this tree."""
    flags, preludes = _with_prelude("library_prelude", copts)
    native.cc_library(
        name = name,
        copts = _COPTS + flags,
        linkstatic = True,
        deps = deps + preludes,
        **kwargs
    )

def cairn_cc_binary(name, copts = [], linkopts = [], deps = [], **kwargs):
    """cc_binary with the flags of this tree."""
    flags, preludes = _with_prelude("library_prelude", copts)
    native.cc_binary(
        name = name,
        copts = _COPTS + flags,
        linkopts = _LINKOPTS + linkopts,
        linkstatic = True,
        deps = deps + preludes + _RUNTIME,
        **kwargs
    )

def cairn_cc_test(
        name,
        copts = [],
        linkopts = [],
        deps = [],
        data = [],
        own_main = False,
        size = "small",
        **kwargs):
    """cc_test with GoogleTest, GoogleMock and the flags of this tree.

    Args:
      name: of the test.
      copts: added to the flags of the tree.
      linkopts: added to the flags of the tree.
      deps: libraries besides GoogleTest.
      data: as in cc_test.
      own_main: True if the sources have a main function.
      size: as in cc_test.
      **kwargs: handed on to cc_test.
    """
    gtest = "@system//:gtest" if own_main else "@system//:gtest_main"
    flags, preludes = _with_prelude("test_prelude", copts)
    native.cc_test(
        name = name,
        size = size,
        copts = _TEST_COPTS + flags,
        linkopts = _LINKOPTS + linkopts,
        linkstatic = True,
        data = data + _TEST_DATA,
        deps = deps + [gtest] + preludes + _RUNTIME,
        **kwargs
    )

# Import paths in .proto files, and in includes of what is generated from
# them, start below this folder.
_PROTO_ROOT = "proto"

# Puts that folder on the include path. Before all other dependencies, so that
# what comes first on the path does not depend on what else a library uses.
_PROTO_INCLUDES = "//proto:includes"

def _label_with_suffix(label, suffix):
    if ":" not in label:
        label = label + ":" + label.split("/")[-1]
    return label + suffix

def _path_from_root(src):
    """Import path of `src`, a .proto file of the calling package."""
    package = native.package_name()
    if package == _PROTO_ROOT:
        return src
    if not package.startswith(_PROTO_ROOT + "/"):
        fail("package %s: .proto files must be below %s/" %
             (package, _PROTO_ROOT))
    return package[len(_PROTO_ROOT) + 1:] + "/" + src

def _protoc(name, src, outs, flags, srcs, visibility = None):
    native.genrule(
        name = name,
        srcs = srcs,
        outs = outs,
        cmd = " ".join([
            "/usr/bin/protoc",
            "--proto_path=" + _PROTO_ROOT,
            "--proto_path=/usr/include",
        ] + flags + [_PROTO_ROOT + "/" + _path_from_root(src)]),
        message = "Generating from",
        visibility = visibility or ["//visibility:private"],
    )

def cairn_proto(name, src, deps = [], grpc = False, visibility = None):
    """C++ for one .proto file below proto/.

    Targets:
      <name>       cc_library of the messages: "cairn/.../<file>.pb.h"
      <name>_grpc  cc_library of the services: "cairn/.../<file>.grpc.pb.h",
                   only with grpc = True; users of messages alone do not
                   compile gRPC headers
      <name>_src   the .proto file and all that it imports

    Args:
      name: of the messages library.
      src: the .proto file, in the calling package.
      deps: cairn_proto targets of the files that `src` imports, other than
        google/protobuf/*.proto, which are always there.
      grpc: whether `src` has services.
      visibility: of all three targets.
    """
    base = src[:-len(".proto")]
    out_root = "$(GENDIR)/" + _PROTO_ROOT
    native.filegroup(
        name = name + "_src",
        srcs = [src] + [_label_with_suffix(dep, "_src") for dep in deps],
        visibility = visibility,
    )
    _protoc(
        name = name + "_gen",
        src = src,
        srcs = [name + "_src"],
        outs = [base + ".pb.h", base + ".pb.cc"],
        flags = ["--cpp_out=" + out_root],
    )
    native.cc_library(
        name = name,
        srcs = [base + ".pb.cc"],
        hdrs = [base + ".pb.h"],
        copts = _GENERATED_COPTS,
        linkstatic = True,
        visibility = visibility,
        deps = [_PROTO_INCLUDES] + deps + ["@system//:protobuf"],
    )
    if not grpc:
        return
    _protoc(
        name = name + "_grpc_gen",
        src = src,
        srcs = [name + "_src"],
        outs = [base + ".grpc.pb.h", base + ".grpc.pb.cc"],
        flags = [
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin",
            "--grpc_out=" + out_root,
        ],
    )
    native.cc_library(
        name = name + "_grpc",
        srcs = [base + ".grpc.pb.cc"],
        hdrs = [base + ".grpc.pb.h"],
        copts = _GENERATED_COPTS,
        linkstatic = True,
        visibility = visibility,
        deps = [_PROTO_INCLUDES, ":" + name, "@system//:grpc++"],
    )

def cairn_py_proto(name, protos, srcs, visibility = None):
    """Python modules for .proto files below proto/, for tests in Python.

    The modules keep their import paths (cairn.model.v1.model_pb2): a test has
    `data = [":<name>"]` and puts the calling package's folder below its
    runfiles on PYTHONPATH. Every file gets a _pb2.py and a _pb2_grpc.py, and
    every folder an __init__.py.

    Args:
      name: of the filegroup of modules.
      protos: labels of the cairn_proto targets, those of imports too.
      srcs: import paths of the same files, as in
        "cairn/model/v1/model.proto".
      visibility: of the filegroup.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    folders = {}
    for src in srcs:
        parts = src.split("/")[:-1]
        for depth in range(len(parts)):
            folders["/".join(parts[:depth + 1])] = True
    inits = [folder + "/__init__.py" for folder in folders]
    modules = (
        [stem + "_pb2.py" for stem in stems] +
        [stem + "_pb2_grpc.py" for stem in stems]
    )
    native.genrule(
        name = name,
        srcs = [_label_with_suffix(proto, "_src") for proto in protos],
        outs = modules + inits,
        cmd = " ".join([
            "/usr/bin/protoc",
            "--proto_path=" + _PROTO_ROOT,
            "--proto_path=/usr/include",
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin",
            "--python_out=$(RULEDIR)",
            "--grpc_out=$(RULEDIR)",
        ] + srcs + ["&& touch"] + ["$(RULEDIR)/" + init for init in inits]),
        message = "Generating Python for",
        visibility = visibility,
    )
