"""A header that is compiled once, for all files that would begin with it.

Two thirds of the time of a compilation go into reading headers, most of them
the same few. GCC keeps what it has read of them in a precompiled header (GCC
manual, "Using Precompiled Headers"), and takes it up for a file whose options
are the same; where they are not, it says so, and reads the headers again.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _prelude_impl(ctx):
    # The name under which files include it; the compiler finds NAME.gch beside
    # it, and would read the empty file if that did not fit.
    name = "precompiled/%s.h" % ctx.label.name
    empty = ctx.actions.declare_file(name)
    ctx.actions.write(empty, "")
    compiled = ctx.actions.declare_file(name + ".gch")

    toolchain = find_cpp_toolchain(ctx)
    configuration = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    headers = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    variables = cc_common.create_compile_variables(
        feature_configuration = configuration,
        cc_toolchain = toolchain,
        source_file = ctx.file.src.path,
        output_file = compiled.path,
        use_pic = True,
        quote_include_directories = depset(
            [".", ctx.bin_dir.path],
            transitive = [headers.quote_includes],
        ),
        include_directories = headers.includes,
        system_include_directories = headers.system_includes,
        user_compile_flags = (
            ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts +
            ctx.attr.copts + ["-x", "c++-header"]
        ),
    )
    ctx.actions.run(
        mnemonic = "CppPrelude",
        progress_message = "Compiling " + ctx.file.src.short_path,
        executable = cc_common.get_tool_for_action(
            feature_configuration = configuration,
            action_name = ACTION_NAMES.cpp_compile,
        ),
        arguments = cc_common.get_memory_inefficient_command_line(
            feature_configuration = configuration,
            action_name = ACTION_NAMES.cpp_compile,
            variables = variables,
        ),
        env = cc_common.get_environment_variables(
            feature_configuration = configuration,
            action_name = ACTION_NAMES.cpp_compile,
            variables = variables,
        ),
        inputs = depset(
            [ctx.file.src] + ctx.files.hdrs,
            transitive = [headers.headers, toolchain.all_files],
        ),
        outputs = [compiled],
    )
    return [
        DefaultInfo(files = depset([compiled])),
        CcInfo(compilation_context = cc_common.create_compilation_context(
            headers = depset([empty, compiled]),
        )),
    ]

prelude = rule(
    implementation = _prelude_impl,
    doc = """Compiles a header; targets with it in `deps` may include
    precompiled/NAME.h.

    Nothing else of `deps` is handed on: neither include paths nor libraries.
    """,
    attrs = {
        "src": attr.label(allow_single_file = [".h"], mandatory = True),
        "hdrs": attr.label_list(
            doc = "other headers of this tree that `src` includes",
            allow_files = [".h"],
        ),
        "copts": attr.string_list(doc = "those of the files that include it"),
        "deps": attr.label_list(providers = [CcInfo]),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
    },
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    fragments = ["cpp"],
)
