# Sourced by what measures whole programs, after phases.sh and in the top folder
# of the tree.

# Built before something is measured.
PROGRAMS=(
  //client/cli:cairn
  //services/cairnd
  //services/chunk_storage
  //services/index
  //services/ingest
  //services/maintenance
  //tests/harness:py_proto
)

# measure SCRIPT [ARGUMENT]...: builds the programs and runs the script, which
# gets them by --binaries. Does not return.
measure() {
  bazel build --disk_cache="$DISK_CACHE" -- "${PROGRAMS[@]}" >&2
  local bin script="$1"
  shift
  bin="$(bazel info bazel-bin 2>/dev/null)"
  export PYTHONPATH="tests/harness:$bin/tests/harness"
  export PYTHONDONTWRITEBYTECODE=1
  # Debian's gRPC for Python belongs to Debian's Python.
  exec /usr/bin/python3 "$script" --binaries="$bin" "$@"
}
