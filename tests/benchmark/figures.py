"""The figures to reach, and whether a run of the comparison reached them."""

from typing import NamedTuple

from summary import GIB, ratio

OUR_PROCESSES = ("cairn", "cairnd", "index", "chunk_storage", "ingest",
                 "maintenance")
MAX_PEAK_MIB = 256
AT_LEAST, AT_MOST = ">=", "<="


class Figure(NamedTuple):
    name: str
    value: float  # None: not measured
    sense: str
    limit: float
    unit: str = "x"

    @property
    def holds(self):
        """None if it was not measured."""
        if self.value is None:
            return None
        return (self.value >= self.limit if self.sense == AT_LEAST
                else self.value <= self.limit)


# (row, step, peer, at least, a stretch); the peer's wall over Cairn's.
FASTER_THAN = (
    ("image", "first", "restic", 1.7, ""),
    ("image", "first", "restic", 2.0, " (stretch)"),
    ("image", "first", "borg", 1.5, ""),
    ("image", "again", "restic", 2.0, ""),
    ("image", "changed", "restic", 2.0, ""),
    ("image", "restore", "restic", 1.5, ""),
    ("tar", "first", "restic", 1.3, ""),
    ("tar", "again", "restic", 2.0, ""),
    ("tar", "restore", "restic", 1.3, ""),
)
# (row, step, tool, base, at most); walls of two forms of Cairn.
FORMS = (
    *(("split", step, "split", "cairnd", 1.35)
      for step in ("first", "again", "restore")),
    ("split-stream", "first", "split", "cairnd", 1.8),
    *(("tls", step, "tls", "plaintext", 1.4)
      for step in ("first", "again", "restore")),
    ("tls-stream", "first", "tls", "plaintext", 1.4),
)
# (row, step, GiB/s at least)
SPEEDS = (("image", "again", 1.0), ("stream", "first", 0.5))
# Names of what `stages` measures, with units and the limit.
STAGES = (
    ("SHA-256, chunks of 256 KiB and more", "sha256", AT_LEAST, 2.5, "GB/s"),
    ("chunker, average of 1 MiB", "chunker", AT_LEAST, 3.0, "GB/s"),
    ("pin over gRPC, 1 million warm places", "pin", AT_LEAST, 150_000,
     "ids/s"),
    ("places on disk", "place_bytes", AT_MOST, 100, "bytes a chunk"),
    ("prune, plan of 100,000 snapshots in 10,000 groups", "prune_plan",
     AT_LEAST, 50_000, "snapshots/s"),
)


def peak_figure(results):
    peaks = [(peak, f"{process}, {row} {step}")
             for row, steps in results.items()
             for step, tools in steps.items() for result in tools.values()
             for process, peak in result.peaks_mib.items()
             if process.split("-")[0] in OUR_PROCESSES]
    value, where = max(peaks, default=(None, "every process"))
    return Figure(f"peak memory: {where}", value, AT_MOST, MAX_PEAK_MIB,
                  "MiB")


def figures(results, sizes, stages):
    """All figures. `sizes`: of the source in bytes, by row and step.

    `stages`: values by the names of STAGES; one that is missing was not
    measured."""
    found = []
    for row, step, peer, limit, note in FASTER_THAN:
        found.append(Figure(f"{row} {step}: times {peer}{note}",
                            ratio(results, row, step, peer, "cairn"),
                            AT_LEAST, limit))
    for row, step, limit in SPEEDS:
        result = results.get(row, {}).get(step, {}).get("cairn")
        found.append(Figure(
            f"{row} {step}: speed",
            result and sizes[row][step] / GIB / result.seconds,
            AT_LEAST, limit, "GiB/s"))
    found.append(Figure(
        "image changed: growth over restic's",
        ratio(results, "image", "changed", "cairn", "restic",
              "growth_bytes"), AT_MOST, 0.5))
    for row in ("image", "tar"):
        found.append(Figure(
            f"{row} first: size over restic's",
            ratio(results, row, "first", "cairn", "restic",
                  "repository_bytes"), AT_MOST, 1.05))
    for row, step, tool, base, limit in FORMS:
        found.append(Figure(f"{row} {step}: {tool} over {base}",
                            ratio(results, row, step, tool, base), AT_MOST,
                            limit))
    found.append(peak_figure(results))
    for name, key, sense, limit, unit in STAGES:
        found.append(Figure(name, stages.get(key), sense, limit, unit))
    return found


def figure_table(found):
    lines = ["| figure | measured | limit | holds |", "|---|---:|---:|---|"]
    for figure in found:
        value = "" if figure.value is None else _number(figure.value)
        verdict = {None: "not measured", True: "yes", False: "NO"}
        lines.append(f"| {figure.name} | {value} | {figure.sense} "
                     f"{_number(figure.limit)} {figure.unit} | "
                     f"{verdict[figure.holds]} |")
    return lines


def _number(value):
    return f"{value:,.0f}" if value >= 50 else f"{value:.2f}"
