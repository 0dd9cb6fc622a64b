"""What a lab of tests/fault is started with: a lab runs until its end, or a
number of times, and prints the seed that repeats it."""

import argparse
import os
import uuid


def run_lab(lab_class, faults, amount, default):
    """The exit code. `amount` is the option that says how long, a number of
    the kind of `default`; lab_class(options) has run() and close()."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=faults, default=faults[0])
    parser.add_argument(amount, type=type(default), default=default)
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--disk", choices=("ext4", "xfs"), default="ext4")
    parser.add_argument("--seed", type=int, default=int(
        os.environ.get("CAIRN_TEST_SEED", uuid.uuid4().int % (1 << 32))))
    parser.add_argument("--binaries", default=os.environ.get(
        "CAIRN_BINARIES", "bazel-bin"))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    lab = lab_class(options)
    try:
        return lab.run()
    finally:
        lab.close()
