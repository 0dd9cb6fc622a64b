#!/usr/bin/env python3
"""What deploy/monitoring holds fits together: rules, their tests, runbooks,
the dashboard and the table of metrics. No server runs here.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

import report
from promql import metrics

FOLDER = pathlib.Path("deploy/monitoring").resolve()
TESTS = ("rules_test.yml", "rules_days_test.yml")
SEVERITIES = {"critical", "warning"}
# What every runbook says, in this order.
HEADINGS = ["Meaning", "At risk", "Look", "Do", "Over when"]
COLUMNS = 24


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)


def load(name):
    with open(FOLDER / name, encoding="utf-8") as file:
        return yaml.safe_load(file)


def rules():
    return [rule for group in load("rules.yml")["groups"]
            for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def tests_of_rules():
    return [test for name in TESTS for test in load(name)["tests"]]


def named_in(test):
    return {case["alertname"] for case in test.get("alert_rule_test", [])}


def write(path, content):
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def documented_metrics():
    """Names of the first column of the tables in metrics.md."""
    text = (FOLDER / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `([a-z_]+)", text, re.MULTILINE))


def is_documented(name, documented):
    """Histograms are documented by the name without a suffix; `up` and its
    like are Prometheus' own."""
    own = {"up", "ALERTS"}
    return (name in documented or name in own
            or re.sub("_(bucket|sum|count)$", "", name) in documented)


class Promtool(unittest.TestCase):

    def passes(self, *arguments):
        done = promtool(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_configurations_and_rules_are_right(self):
        # Rules too: the configurations name them.
        for name in ("prometheus.yml", "prometheus-cairnd.yml"):
            self.passes("check", "config", FOLDER / name)

    def test_the_configuration_for_kubernetes_is_right(self):
        """But for its discovery, which Debian's promtool does not know."""
        changed = load("prometheus-kubernetes.yml")
        scrape, = changed["scrape_configs"]
        self.assertEqual(scrape.pop("kubernetes_sd_configs"),
                         [{"role": "pod"}])
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            write(folder / "prometheus.yml", changed)
            write(folder / "rules.yml", load("rules.yml"))
            self.passes("check", "config", folder / "prometheus.yml")

    def test_the_tests_of_the_rules_pass(self):
        self.passes("test", "rules", *[FOLDER / name for name in TESTS])


class Alerts(unittest.TestCase):

    def test_each_says_what_is_wrong_and_where_to_read_on(self):
        for name, alert in alerts().items():
            with self.subTest(name):
                self.assertRegex(name, "^Cairn[A-Za-z]+$")
                self.assertIn(alert["labels"]["severity"], SEVERITIES)
                said = alert["annotations"]
                self.assertEqual(set(said), {"summary", "description",
                                             "runbook_url"})
                self.assertEqual(said["runbook_url"], f"runbooks/{name}.md")
                self.assertNotIn("{{", said["summary"])
                self.assertIn("$value", said["description"])

    def test_each_has_tests_that_fire_and_that_do_not(self):
        fires, silent = set(), set()
        for test in tests_of_rules():
            for case in test.get("alert_rule_test", []):
                (fires if case.get("exp_alerts") else silent).add(
                    case["alertname"])
        self.assertEqual(fires, set(alerts()))
        self.assertEqual(silent, set(alerts()))

    def test_each_waits_as_long_as_a_test_says(self):
        """An alert that fires at once where it should wait turns one red."""
        for name, alert in alerts().items():
            if "for" in alert:
                with self.subTest(name), tempfile.TemporaryDirectory() as at:
                    self.assert_red_without_waiting(name, pathlib.Path(at))

    def assert_red_without_waiting(self, name, folder):
        changed = load("rules.yml")
        for group in changed["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") == name:
                    del rule["for"]
        write(folder / "rules.yml", changed)
        output = ""
        for file in TESTS:
            tests = load(file)
            tests["tests"] = [test for test in tests["tests"]
                              if name in named_in(test)]
            write(folder / file, tests)
            output += promtool("test", "rules", folder / file).stdout
        self.assertIn("FAILED", output)
        self.assertIn(f"alertname: {name}", output)

    def test_each_recorded_series_is_tested(self):
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        tested = {name for test in tests_of_rules()
                  for case in test.get("promql_expr_test", [])
                  for name in metrics(case["expr"])}
        self.assertEqual(tested, recorded)


class Runbooks(unittest.TestCase):

    def test_each_alert_has_one_and_each_one_an_alert(self):
        pages = {path.stem for path in (FOLDER / "runbooks").glob("*.md")}
        self.assertEqual(pages, set(alerts()))

    def test_each_has_the_same_parts(self):
        for path in sorted((FOLDER / "runbooks").glob("*.md")):
            with self.subTest(path.name):
                text = path.read_text(encoding="utf-8")
                self.assertEqual(text.splitlines()[0], f"# {path.stem}")
                self.assertEqual(
                    re.findall("^## (.*)$", text, re.MULTILINE), HEADINGS)


class Dashboard(unittest.TestCase):

    def setUp(self):
        self.dashboard = json.loads(
            (FOLDER / "dashboard.json").read_text(encoding="utf-8"))

    def test_it_is_what_the_script_writes(self):
        written = subprocess.run(
            [sys.executable, FOLDER / "make_dashboard.py"], check=True,
            stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(
            (FOLDER / "dashboard.json").read_text(encoding="utf-8"), written,
            "make_dashboard.py > dashboard.json was not run")

    def test_panels_have_places_of_their_own(self):
        taken = collections.Counter()
        for panel in self.dashboard["panels"]:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], COLUMNS, panel["title"])
            taken.update((x, y) for x in range(at["x"], at["x"] + at["w"])
                         for y in range(at["y"], at["y"] + at["h"]))
        self.assertEqual([c for c, n in taken.items() if n > 1], [])
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_every_panel_asks_the_chosen_data_source(self):
        for panel in self.dashboard["panels"]:
            if panel["type"] == "row":
                continue
            with self.subTest(panel["title"]):
                self.assertTrue(panel["targets"])
                for asked in (panel, *panel["targets"]):
                    self.assertEqual(asked["datasource"]["uid"],
                                     "${datasource}")
                self.assertTrue(panel["description"])


class Metrics(unittest.TestCase):
    """Whatever is asked for is in the table of all metrics."""

    def asked(self):
        for rule in rules():
            yield rule.get("alert") or rule["record"], rule["expr"]
        dashboard = json.loads(
            (FOLDER / "dashboard.json").read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield panel["title"], target["expr"].replace(
                    "$__rate_interval", "5m")

    def test_each_is_documented(self):
        documented = documented_metrics()
        documented |= {r["record"] for r in rules() if "record" in r}
        self.assertGreater(len(documented), 50)
        for place, expression in self.asked():
            for name in metrics(expression):
                with self.subTest(place):
                    self.assertTrue(is_documented(name, documented), name)


if __name__ == "__main__":
    report.main()
