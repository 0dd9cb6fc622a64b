#!/usr/bin/env python3
"""Log lines of real processes: their form, and which request they are of."""

import json
import os
import pathlib

import case
from cli_case import CliCase
from suite import SERVICES

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACE_PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SECRET_NAME = "payroll-of-december"


class TraceTest(CliCase):
    split = True
    suite_options = {"extra": ["--log-level=debug"]}

    def setUp(self):
        super().setUp()
        self.cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
            self.suite.socket("maintenance"))

    def lines(self):
        return [json.loads(line) for line in
                pathlib.Path(self.suite.log_path).read_text().splitlines()]

    def traced(self, trace):
        """{service: its lines of the trace}."""
        found = {}
        for line in self.lines():
            if line.get("trace_id") == trace:
                found.setdefault(line["service"], []).append(line)
        return found

    def back_up(self):
        os.makedirs(self.path("tree"), exist_ok=True)
        path = os.path.join("tree", SECRET_NAME)
        self.write(path, self.random.randbytes(1 << 20))
        return self.cairn.json(
            "backup", "host/1", f"root.tar:{self.path('tree')}",
            f"{SECRET_NAME}.img:{self.path(path)}")["snapshot"]["name"]

    def test_one_request_is_found_in_every_service(self):
        self.cairn.environment["TRACEPARENT"] = TRACE_PARENT
        self.back_up()
        found = self.traced(TRACE)
        self.assertEqual(set(found), set(SERVICES))
        spans = set()
        for service, lines in found.items():
            ended = [l for l in lines if l["msg"] == "call finished"]
            self.assertTrue(ended, service)
            for line in ended:
                # Of a session and a group that are not there yet.
                self.assertIn(line["code"], ("OK", "NOT_FOUND"), line)
                self.assertGreaterEqual(line["dur_s"], 0)
                self.assertTrue(line["rpc"].startswith("cairn."), line)
                self.assertTrue(line["principal"], line)
                spans.add(line["span_id"])
        # Each call is a step of its own, below that of who made it.
        calls = [l for lines in found.values() for l in lines
                 if l["msg"] == "call finished"]
        self.assertEqual(len(spans), len(calls))
        asked = {l["span_id"] for lines in found.values() for l in lines
                 if l["msg"] == "peer answered"}
        below = [l for s in ("index", "chunk_storage", "maintenance")
                 for l in found[s] if l["msg"] == "call finished"]
        self.assertTrue({l["parent_span_id"] for l in below} <= asked)
        session = {l["session"] for l in found["ingest"] if "session" in l}
        self.assertEqual(len(session), 1)
        for service in ("index", "chunk_storage"):
            self.assertEqual(
                {l["session"] for l in found[service] if "session" in l},
                session, service)
        self.assertTrue(any("host/1" in l.get("snapshot", "")
                            for l in found["ingest"]))

    def test_every_line_is_whole_and_names_no_file_of_a_user(self):
        self.back_up()
        lines = self.lines()
        self.assertTrue(lines)
        for line in lines:
            self.assertTrue(
                {"ts", "level", "service", "version", "msg"} <= set(line),
                line)
            self.assertRegex(line["ts"],
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
            self.assertIn(line["level"],
                          ("debug", "info", "warning", "error"))
            if line["level"] != "debug":
                self.assertNotIn(SECRET_NAME, json.dumps(line))

    def test_a_command_that_fails_names_its_request(self):
        error = self.cairn.error(None, "restore", "host/none/latest",
                                 "disk.img", self.path("x"))
        trace = error.split("trace: ")[1].split()[0]
        self.assertRegex(trace, r"^[0-9a-f]{32}$")
        self.assertIn("ingest", self.traced(trace))
        self.cairn.environment["TRACEPARENT"] = TRACE_PARENT
        document = json.loads(self.cairn.run(
            "restore", "host/none/latest", "disk.img", self.path("x"),
            "--output-format", "json", code=None)[0])
        self.assertEqual(document["error"]["trace_id"], TRACE)

    def test_a_task_is_a_request_of_its_own(self):
        self.back_up()
        self.cairn.run("gc", "--wait")
        begun = [l for l in self.lines() if l["msg"].startswith("task begun")]
        self.assertEqual(len(begun), 1)
        found = self.traced(begun[0]["trace_id"])
        self.assertEqual(set(found),
                         {"maintenance", "index", "chunk_storage"})
        # Background rounds ask it too, each as a request of its own.
        asked = {l["trace_id"] for l in self.lines()
                 if l.get("rpc", "").endswith("ListDatastores")
                 and l["service"] == "index"}
        self.assertTrue(asked - {begun[0]["trace_id"]})


if __name__ == "__main__":
    case.main()
