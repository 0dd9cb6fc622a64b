#!/usr/bin/env bash
# Runs a Python test with Debian's Python, to which Debian's gRPC belongs.
set -euo pipefail
export PYTHONPATH="tests/harness:${PYTHONPATH:-}"
exec /usr/bin/python3 "$@"
