"""The figures of maintenance to reach, and what a run measured of them."""

from figures import AT_LEAST, AT_MOST, Figure

# The row that measures it, the figure, its value's name, the limit, the unit.
FIGURES = (
    ("mark", "mark and plan, change in runs of 64 chunks", "mark_seconds",
     AT_MOST, 20, "s"),
    ("mark", "the same: peak memory of index and chunk_storage together",
     "mark_peak_mib", AT_MOST, 600, "MiB"),
    ("mark", "the same, evenly spread change: distinct references",
     "spread_references_per_second", AT_LEAST, 1_000_000, "/s"),
    ("mark", "ten times the snapshots over the same pages: times the mark",
     "times_copies", AT_MOST, 1.5, "x"),
    ("sweep", "a sweep that frees nothing, over reading the packs",
     "idle_over_read", AT_MOST, 0.05, "x"),
    ("sweep", "a sweep that frees half, over the copy of what is live",
     "half_over_copy", AT_MOST, 1.2, "x"),
    ("peers", "forget and gc, over restic's forget and prune",
     "over_restic", AT_MOST, 0.3, "x"),
    ("peers", "forget and gc, over borg's delete and compact",
     "over_borg", AT_MOST, 1.0, "x"),
    ("beside", "backup throughput beside a full gc, over that alone",
     "beside_over_alone", AT_LEAST, 0.7, "x"),
    ("beside", "the longest of many small backups beside a full gc",
     "longest_small_seconds", AT_MOST, 1.0, "s"),
    ("prune", "prune of 100,000 snapshots in 10,000 groups: plan",
     "prune_plan_seconds", AT_MOST, 2, "s"),
    ("prune", "the same: execution", "prune_seconds", AT_MOST, 20, "s"),
    ("verify", "deep verify, of read + decompress + SHA-256 on both cores",
     "verify_of_limit", AT_LEAST, 0.8, "x"),
)
ROWS = tuple(dict.fromkeys(figure[0] for figure in FIGURES))


def figures(values):
    """All figures; `values` by name, one that is missing was not measured."""
    return [Figure(f"{row}: {title}", values.get(key), sense, limit, unit)
            for row, title, key, sense, limit, unit in FIGURES]


def mark_values(benchmarks):
    """Of BM_MarkAndPlan: the values of both kinds of change.

    `benchmarks`: as Google Benchmark reports them. Runs of one chunk are
    evenly spread change."""
    values = {}
    for one in benchmarks:
        if "/run:1/" in one["run_name"] + "/":
            values["spread_references_per_second"] = one[
                "references_per_second"]
            continue
        values |= {"mark_seconds": one["seconds"],
                   "mark_peak_mib": one["peak_mib"],
                   "times_copies": one["times_copies"]}
    return values


def mark_table(benchmarks):
    """Lines of a table in Markdown: what both were, and where time went."""
    lines = ["| change in runs of | chunks M | references M | distinct M |"
             " wall s | walk and sort | merge | plan ms | CPU s | peak MiB |"
             " 10 x the snapshots |",
             "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for one in benchmarks:
        run = one["run_name"].split("/run:")[1].split("/")[0]
        lines.append(
            f"| {run} | {one['chunks'] / 1e6:.2f} | "
            f"{one['all_references'] / 1e6:,.0f} | "
            f"{one['references'] / 1e6:.1f} | {one['seconds']:.2f} | "
            f"{one['walk_seconds']:.2f} | {one['merge_seconds']:.2f} | "
            f"{one['plan_seconds'] * 1e3:.1f} | {one['cpu_seconds']:.2f} | "
            f"{one['peak_mib']:.0f} | {one['times_copies']:.2f} |")
    return lines


def throughput_during(samples, start, end):
    """Bytes a second of backups between two moments.

    `samples`: (start, end, bytes) of backups that followed each other; one
    that lies partly in the time counts with that part. None if there is
    none."""
    total_seconds, total_bytes = 0, 0
    for first, last, size in samples:
        seconds = min(last, end) - max(first, start)
        if seconds > 0:
            total_seconds += seconds
            total_bytes += size * seconds / (last - first)
    return total_bytes / total_seconds if total_seconds else None
