"""From samples to medians, ratios and tables. Values in, values out."""

import statistics
from typing import NamedTuple

MIB = 1 << 20
GIB = 1 << 30


class Result(NamedTuple):
    """One step of one tool: medians over the rounds, peaks at their most."""
    seconds: float
    cpu_seconds: float
    peaks_mib: dict
    repository_bytes: float
    growth_bytes: float  # over the step before; of a first backup all of it
    rounds: int


def summarize(samples):
    """{row: {step: {tool: Result}}}, each in the order it was first seen."""
    growths, before, grouped = [], {}, {}
    for sample in samples:
        run = (sample["row"], sample["tool"], sample["round"])
        growths.append(sample["repository_bytes"] - before.get(run, 0))
        before[run] = sample["repository_bytes"]
    for sample, growth in zip(samples, growths):
        steps = grouped.setdefault(sample["row"], {})
        tools = steps.setdefault(sample["step"], {})
        tools.setdefault(sample["tool"], []).append(
            sample | {"growth_bytes": growth})
    return {row: {step: {tool: _result(some) for tool, some in tools.items()}
                  for step, tools in steps.items()}
            for row, steps in grouped.items()}


def _result(samples):
    def median(field):
        return statistics.median(sample[field] for sample in samples)

    peaks = {}
    for sample in samples:
        for process, peak in sample["peaks_mib"].items():
            peaks[process] = max(peak, peaks.get(process, 0))
    return Result(median("seconds"), median("cpu_seconds"), peaks,
                  median("repository_bytes"), median("growth_bytes"),
                  len(samples))


def ratio(results, row, step, tool, base, field="seconds"):
    """`field` of `tool` over that of `base`; None if one is not there."""
    tools = results.get(row, {}).get(step, {})
    if tool not in tools or base not in tools:
        return None
    below = getattr(tools[base], field)
    return getattr(tools[tool], field) / below if below else None


def format_peaks(peaks):
    return " ".join(f"{name} {peak:.0f}" for name, peak in peaks.items())


def row_table(steps, bases, size_bytes, missing=()):
    """Lines of one row's table in Markdown.

    `bases`: the tool that the others' times are divided by. `size_bytes`: of
    the source, by step. `missing`: tools that are not installed."""
    lines = ["| step | tool | wall s | ratio | GiB/s | CPU s | peak MiB |"
             " repository MiB | growth MiB | n |",
             "|---|---|---:|---:|---:|---:|---|---:|---:|---:|"]
    for step, tools in steps.items():
        base = tools.get(bases)
        for name, result in tools.items():
            over = (f"{result.seconds / base.seconds:.2f}"
                    if base and name != bases else "")
            speed = size_bytes[step] / GIB / result.seconds
            lines.append(
                f"| {step} | {name} | {result.seconds:.2f} | {over} | "
                f"{speed:.2f} | {result.cpu_seconds:.2f} | "
                f"{format_peaks(result.peaks_mib)} | "
                f"{result.repository_bytes / MIB:.0f} | "
                f"{result.growth_bytes / MIB:.1f} | {result.rounds} |")
    lines += [f"| – | {name} | not installed |" + " |" * 7
              for name in missing]
    return lines
