"""Tests in Python over what people run."""

# The five servers; and with them the command line.
SERVERS = ["//tests/harness:servers"]
PROGRAMS = ["//tests/harness:programs"]

def cairn_python_test(
        name,
        size,
        data = [],
        main = None,
        harness = ["//tests/harness:py_proto", "//tests/harness:python"],
        tags = ["local"],
        soak = False,
        args = []):
    """A test that Debian's Python runs.

    Args:
      name: of the target.
      size: as of every test.
      data: what it needs besides `main` and the harness.
      main: the file beside the BUILD file; NAME.py if it is not given.
      harness: the part of tests/harness that it imports.
      tags: "local" for sockets, processes that are killed, root's rights.
      soak: whether NAME_soak is the same at full length (tests/soak.sh), of
        which the test run takes a slice.
      args: of `main`.
    """
    main = main or name + ".py"
    twins = [("", [])] + ([("_soak", ["soak"])] if soak else [])
    for suffix, more_tags in twins:
        native.sh_test(
            name = name + suffix,
            size = size,
            srcs = ["//tests/harness:run_python.sh"],
            data = [main] + harness + data,
            tags = tags + more_tags,
            args = ["%s/%s" % (native.package_name(), main)] + args,
        )
