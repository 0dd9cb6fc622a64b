"""Runs stage_benchmark and finds in it what the figures are about."""

import json
import os
import re
import subprocess

# The figure's name in figures.STAGES, benchmarks by a pattern, the counter,
# its unit, and which of several benchmarks counts.
PICKED = (
    ("sha256", r"BM_Sha256Batch/messages:4/KiB:(256|1024|4096)(/.*)?",
     "bytes_per_second", 1e9, min),
    # Whatever is cut.
    ("chunker", r"BM_(?!Fixed)\w+Chunker/.*", "bytes_per_second", 1e9, min),
    # The best number of calls at one time, over either kind of socket.
    ("pin", r"BM_PinOverGrpc/.*", "items_per_second", 1, max),
    ("place_bytes", r"BM_PlacesOnDisk.*", "bytes_per_place", 1, max),
    ("prune_plan", r"BM_PrunePlan/groups:10000(/.*)?", "items_per_second", 1,
     min),
    ("memory_copy", r"BM_MemoryCopy.*", "bytes_per_second", 1e9, max),
)
FILTER = ("Sha256|Chunker|PinOverGrpc|PlacesOnDisk|PrunePlan|MemoryCopy|"
          "IsAllZero")


def run(binary, folder, repetitions, pattern=FILTER, environment=None):
    """Benchmarks as stage_benchmark reports them, medians of repetitions.

    `pattern`: of their names. `environment`: variables that they read."""
    done = subprocess.run(
        [binary, f"--benchmark_filter={pattern}", "--benchmark_format=json",
         "--benchmark_min_time=0.2",
         f"--benchmark_repetitions={repetitions}"],
        check=True, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": folder} | (environment or {}))
    found = json.loads(done.stdout)["benchmarks"]
    if repetitions == 1:
        return found
    return [one for one in found if one.get("aggregate_name") == "median"]


def pick(benchmarks):
    """Values for figures.STAGES; without a benchmark there is none."""
    values = {}
    for key, pattern, counter, unit, choose in PICKED:
        found = [one[counter] / unit for one in benchmarks
                 if re.fullmatch(pattern, one["run_name"])
                 and counter in one]
        if found:
            values[key] = choose(found)
    return values


def table(benchmarks):
    lines = ["| stage | speed | other |", "|---|---:|---|"]
    for one in benchmarks:
        if "bytes_per_second" in one:
            speed = f"{one['bytes_per_second'] / 1e9:.2f} GB/s"
        elif "items_per_second" in one:
            speed = f"{one['items_per_second']:,.0f}/s"
        else:
            speed = ""
        others = [one.get("label", "")] + [
            f"{name} {one[name]:.4g}" for name in one
            if name in ("bytes_per_place", "times_limit", "mean_chunk_bytes")]
        lines.append(f"| {one['run_name']} | {speed} | "
                     f"{' '.join(o for o in others if o)} |")
    return lines
