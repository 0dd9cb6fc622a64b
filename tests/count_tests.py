"""Prints how many tests a `bazel test` ran, from its build events.

    count_tests.py EVENTS_FILE      written by --build_event_json_file

Exits with 1 if no test ran, or if one did not pass.
"""

import collections
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_results(path):
    """Returns {label: [testResult, ...]}, one entry per run and shard."""
    results = collections.defaultdict(list)
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            if "testResult" in event and "testResult" in event["id"]:
                label = event["id"]["testResult"]["label"]
                results[label].append(event["testResult"])
    return results


def count_cases(result):
    """Returns (cases, skipped) of one run, from its XML report."""
    for output in result.get("testActionOutput", []):
        if output["name"] != "test.xml":
            continue
        path = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
        try:
            cases = list(ElementTree.parse(path).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            return 0, 0
        cases = [c for c in cases if c.get("status") != "notrun"]
        skipped = [
            c
            for c in cases
            if c.get("result") == "skipped" or c.find("skipped") is not None
        ]
        return len(cases), len(skipped)
    return 0, 0


def main():
    results = read_results(sys.argv[1])
    runs = [run for label_runs in results.values() for run in label_runs]
    bad = {
        label: run["status"]
        for label, label_runs in sorted(results.items())
        for run in label_runs
        if run["status"] != "PASSED"
    }
    cached = sum(
        1
        for run in runs
        if run.get("cachedLocally")
        or run.get("executionInfo", {}).get("cachedRemotely")
    )
    counts = [count_cases(run) for run in runs]
    for label, status in bad.items():
        print(f"not passed: {label}: {status}")
    print(
        f"tests: {len(results)} targets, {len(runs)} runs ({cached} cached), "
        f"{sum(cases for cases, _ in counts)} cases, "
        f"{sum(skipped for _, skipped in counts)} skipped, "
        f"{len(bad)} targets not passed"
    )
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
