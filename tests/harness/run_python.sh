#!/usr/bin/env bash
# Runs a Python test with Debian's Python, to which Debian's gRPC belongs.
set -euo pipefail
# mkfs and its like are there, which a test's PATH may lack.
export PATH="$PATH:/usr/sbin:/sbin"
export PYTHONPATH="tests/harness:${PYTHONPATH:-}"
exec /usr/bin/python3 "$@"
