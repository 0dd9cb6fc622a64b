"""The built-in proto rules under the names that Bazel's own files load."""

# buildifier: disable=native-proto
ProtoInfo = ProtoInfo
proto_lang_toolchain = native.proto_lang_toolchain
proto_library = native.proto_library
