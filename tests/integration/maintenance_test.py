#!/usr/bin/env python3
"""prune, gc, verify, tasks and jobs by `cairn`, against both forms."""

import pathlib
import signal

import case
from chunks import read_entries
from cli_case import CliCase
from pack_file import flip_bit, pack_files, records_of

MIB = 1 << 20
USAGE, BUSY, DAMAGED, REFUSED = 2, 11, 13, 14
CANCELLED, INTERRUPTED, STOPPED = 16, 17, 130
# So slow that a verify of a MiB takes a minute.
SLOWLY = "--read-rate=16KiB"


class Maintenance(CliCase):

    def setUp(self):
        super().setUp()
        if self.split:
            self.cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
                self.suite.socket("maintenance"))

    def back_up(self, group, time, content):
        """A snapshot with one image; the resource name of it."""
        path = self.write("disk", content)
        return self.cairn.json("backup", group, f"disk.img:{path}",
                               "--backup-time", time)["snapshot"]["name"]

    def listed(self):
        return [s["name"] for s in self.cairn.json(
            "snapshot", "list", "--recursive")["snapshots"]
            if s["state"] == "listed"]

    def pack_bytes(self):
        return sum(path.stat().st_size for path in pack_files(self.suite.data))

    def gc(self, *arguments, code=0):
        """The result of a gc that was waited for."""
        return self.cairn.json("gc", "--wait", *arguments,
                               code=code)["task"]["result"]

    def prune_all_but_newest(self, *arguments):
        return self.cairn.json(
            "prune", "--recursive", "--keep-last=1", "--allow-last-good",
            "--allow-share", "--trash-time=0", "--wait", *arguments)["task"]

    def restart_maintenance(self):
        name = "maintenance" if self.split else "cairnd"
        self.suite.kill([name])
        self.suite.start([name])

    def days(self, count, size=MIB):
        """Snapshots of vm/1 without a chunk in common: {name: content}."""
        contents = {}
        for day in range(1, count + 1):
            content = self.random.randbytes(size)
            contents[self.back_up("vm/1", f"2026-01-0{day}T00:00:00Z",
                                  content)] = content
        return contents

    def test_a_plan_is_told_kept_to_and_done_once(self):
        names = sorted(self.days(4))
        rules = ("prune", "--group", "vm/1", "--keep-last=2")
        plan = self.cairn.json(*rules, "--dry-run")
        self.assertEqual(
            {d["snapshot"]: d["action"] for d in plan["decisions"]},
            dict(zip(names, ["remove", "remove", "keep", "keep"])))
        self.assertTrue(all(d["reason"] for d in plan["decisions"]))
        self.assertEqual(plan["result"]["forgotten"], 2)
        self.assertEqual(sorted(self.listed()), names)
        text = self.cairn.text(*rules, "--dry-run")
        self.assertIn(f"plan {plan['plan_hash']}", text)
        # What has changed since is not what was looked at.
        names.append(self.back_up("vm/1", "2026-01-05T00:00:00Z", b"x"))
        stale = (*rules, "--plan", plan["plan_hash"], "--request-id=stale",
                 "--wait")
        self.assertIn("--dry-run", self.cairn.error(REFUSED, *stale))
        self.assertEqual(sorted(self.listed()), names)
        # That, and why, outlives a restart.
        for _ in range(2):
            told = self.cairn.json(*stale, code=REFUSED)
            self.assertEqual(told["error"]["reason"], "PLAN_CHANGED")
            self.restart_maintenance()
        # Three of five are more than half.
        refused = self.cairn.json(*rules, "--wait", code=REFUSED)
        self.assertGreater(refused["task"]["result"]["refused"], 0)
        self.assertEqual(sorted(self.listed()), names)
        plan = self.cairn.json(*rules, "--allow-share", "--dry-run")
        task = self.cairn.json(*rules, "--allow-share", "--wait", "--plan",
                               plan["plan_hash"])["task"]
        self.assertEqual(task["state"], "succeeded")
        self.assertEqual(task["result"]["forgotten"], 3)
        self.assertEqual(task["result"]["plan_hash"], plan["plan_hash"])
        self.assertEqual(sorted(self.listed()), names[3:])
        self.stop(self.suite)

    def test_without_a_rule_nothing_is_forgotten(self):
        names = sorted(self.days(2, size=1000))
        task = self.cairn.json("prune", "--wait")["task"]
        self.assertEqual(task["result"]["forgotten"], 0)
        self.assertEqual(sorted(self.listed()), names)

    def test_gc_frees_what_is_forgotten_and_nothing_else(self):
        contents = self.days(4)
        newest = max(contents)
        before = self.pack_bytes()
        idle = self.gc()
        self.assertEqual(idle["dropped_records"], 0)
        self.assertEqual(
            self.prune_all_but_newest()["result"]["forgotten"], 3)
        planned = self.gc("--dry-run")
        self.assertGreater(planned["freed_bytes"], 2 * MIB)
        self.assertGreaterEqual(self.pack_bytes(), before)
        done = self.gc("--live-percent=100")
        self.assertGreater(done["freed_bytes"], 2 * MIB)
        self.assertEqual(done["missing_records"], 0)
        # Of an open pack: up to where its next record will stand.
        self.assertAlmostEqual(done["pack_bytes"], self.pack_bytes(),
                               delta=4096)
        self.assertLess(self.pack_bytes(), before - 2 * MIB)
        self.assert_restores(
            self.client,
            {f"{newest}/archives/disk.img": contents[newest]})
        self.assertEqual(
            self.cairn.json("verify", "--wait")["task"]["result"]
            ["verified_failed"], 0)
        self.stop(self.suite)

    def test_gc_says_what_is_free_later_and_why(self):
        contents = self.days(2)
        base = max(contents)
        session = self.client.open_session("datastores/default/groups/vm/1")
        self.client.write(session.name, "other.raw",
                          self.random.randbytes(MIB))
        # In trash for a week, by default.
        self.cairn.json("prune", "--recursive", "--keep-last=1", "--wait")
        later = self.gc("--live-percent=100")["later"]
        trash = [entry for entry in later if entry["reason"] == "trash"]
        self.assertEqual(len(trash), 1, later)
        self.assertGreater(trash[0]["bytes"], MIB // 2)
        self.assertIsNotNone(trash[0]["until"])
        held = [entry for entry in later if entry["reason"] == "session"]
        self.assertEqual(len(held), 1, later)
        self.assertIn(session.name.rsplit("/", 1)[1], held[0]["holder"])
        self.assertIn("an open backup may need it",
                      self.cairn.text("gc", "--wait"))
        self.client.abort(session.name)
        again = self.gc("--live-percent=100")
        self.assertGreater(again["freed_bytes"], MIB // 2)
        self.assertNotIn("session", [e["reason"] for e in again["later"]])
        self.assert_restores(
            self.client, {f"{base}/archives/disk.img": contents[base]})
        self.stop(self.suite)

    def test_a_job_runs_once_for_each_request(self):
        names = sorted(self.days(3, size=1000))
        job = self.cairn.json(
            "job", "set", "nightly", "prune", "--keep-last=2",
            "--trash-time=0", "--schedule", "mon..fri 02:30", "--timezone",
            "Europe/Vienna")["job"]
        self.assertIsNotNone(job["next_run"])
        run = ("prune", "--job", "nightly", "--wait", "--request-id",
               "prune-2026-11-22")
        first = self.cairn.json(*run)
        self.assertFalse(first["attached"])
        self.assertEqual(first["task"]["result"]["forgotten"], 1)
        self.assertEqual(sorted(self.listed()), names[1:])
        # What came meanwhile is not touched by the same request.
        names.append(self.back_up("vm/1", "2026-01-04T00:00:00Z", b"x"))
        second = self.cairn.json(*run)
        self.assertTrue(second["attached"])
        self.assertEqual(second["task"], first["task"])
        self.assertEqual(sorted(self.listed()), names[1:])
        self.assertEqual(len(self.cairn.json(
            "task", "list", "--job", "nightly")["tasks"]), 1)
        job = self.cairn.json("job", "show", "nightly")["job"]
        self.assertEqual(job["last_task"], first["task"]["name"])
        self.assertEqual(job["last_state"], "succeeded")
        # Durable, the result and the job.
        self.suite.kill()
        self.suite.start()
        self.assertEqual(self.cairn.json(*run)["task"], first["task"])
        other = self.cairn.json("job", "run", "nightly", "--wait")["task"]
        self.assertNotEqual(other["name"], first["task"]["name"])
        self.assertEqual(other["result"]["forgotten"], 1)
        self.assertIn("another --request-id", self.cairn.error(
            USAGE, "gc", "--request-id", "prune-2026-11-22"))
        off = self.cairn.json("job", "disable", "nightly")["job"]
        self.assertIsNone(off["next_run"])
        self.cairn.json("job", "delete", "nightly")
        self.cairn.error(10, "job", "show", "nightly")
        self.stop(self.suite)

    def test_verify_names_the_bytes_that_are_damaged(self):
        contents = self.days(2)
        good, bad = sorted(contents)
        archive = f"{bad}/archives/disk.img"
        entry = read_entries(self.client, archive)[1]
        self.assertEqual(self.cairn.json("verify", "--wait")["task"]["result"]
                         ["verified_ok"], 2)
        record, = [r for r in records_of(self.suite.data)
                   if r.digest == entry.digest.hex()]
        flip_bit(record.path, record.payload[1000])
        result = self.cairn.json("verify", "--wait",
                                 code=DAMAGED)["task"]["result"]
        self.assertEqual(result["verified_ok"], 1)
        self.assertEqual(
            result["damage"],
            [{"snapshot": bad,
              "ranges": [{"archive": "disk.img", "offset": entry.offset,
                          "length": entry.length}],
              "damaged_bytes": entry.length}])
        text = self.cairn.text("verify", bad, "--wait", code=DAMAGED)
        self.assertIn(str(entry.offset), text)
        self.cairn.text("verify", good, "--wait")
        # What was proved is passed over, what failed is not.
        again = self.cairn.json("verify", "--outdated-after=30d", "--wait",
                                code=DAMAGED)["task"]["result"]
        self.assertEqual(again["snapshots"], 1)
        debt = self.cairn.json("verify", "--debt")
        self.assertGreater(debt["pack_bytes"], 2 * MIB)
        self.assertLess(debt["never_proved_bytes"], MIB)
        # The next backup of the same bytes heals the chunk.
        self.back_up("vm/1", "2026-01-09T00:00:00Z", contents[bad])
        self.cairn.text("verify", "--wait")
        self.stop(self.suite)

    def test_a_task_is_watched_stopped_and_outlives_who_waits(self):
        self.days(1, size=4 * MIB)
        with self.cairn.start("verify", SLOWLY, "--wait",
                              "--output-format=json") as waiting:
            task = case.wait_until(
                lambda: self.cairn.json("task", "list", "--active")["tasks"],
                "the task is listed")[0]
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=60)
        self.assertEqual(waiting.returncode, STOPPED, err)
        self.assertIn(task["name"].encode(), out)
        self.assertIn(b"cairn task cancel", err)
        uuid = task["name"].rsplit("/", 1)[1]
        shown = self.cairn.json("task", "show", uuid[:8])["task"]
        self.assertEqual(shown["state"], "running")
        # One of a kind at a time, in a datastore.
        self.assertIn(uuid, self.cairn.error(BUSY, "verify"))
        self.gc()
        self.cairn.text("task", "pause", uuid)
        case.wait_until(
            lambda: self.cairn.json("task", "show", uuid)["task"]["state"]
            == "paused", "the task is paused")
        self.cairn.text("task", "resume", uuid)
        with self.cairn.start("task", "watch", uuid) as watching:
            self.cairn.text("task", "cancel", uuid)
            watching.communicate(timeout=60)
        self.assertEqual(watching.returncode, CANCELLED)
        self.cairn.error(REFUSED, "task", "cancel", uuid)
        self.assertTrue(self.cairn.text("task", "log", uuid))
        self.stop(self.suite)

    def test_a_restart_interrupts_and_harms_nothing(self):
        contents = self.days(1, size=4 * MIB)
        task = self.cairn.json("verify", SLOWLY, "--request-id=v1")["task"]
        with self.cairn.start("task", "watch", task["name"]) as watching:
            self.restart_maintenance()
            watching.communicate(timeout=120)
        self.assertEqual(watching.returncode, INTERRUPTED)
        # The same request is the same task, another one starts anew.
        self.cairn.error(INTERRUPTED, "verify", SLOWLY, "--request-id=v1",
                         "--wait")
        self.cairn.text("verify", "--request-id=v2", "--wait")
        name, content = next(iter(contents.items()))
        self.assert_restores(self.client, {f"{name}/archives/disk.img": content})
        self.stop(self.suite)


class SplitMaintenance(Maintenance):
    split = True

    def test_ingest_says_where_to_ask(self):
        del self.cairn.environment["CAIRN_MAINTENANCE_SERVER"]
        for command in (["gc"], ["job", "list"], ["task", "list"]):
            self.assertIn("--maintenance-server",
                          self.cairn.error(USAGE, *command))
        pathlib.Path(self.folder, ".config/cairn").mkdir(parents=True)
        pathlib.Path(self.folder, ".config/cairn/profile.yaml").write_text(
            "default:\n"
            f"  server: {self.suite.target}\n"
            f"  maintenance_server: {self.suite.socket('maintenance')}\n",
            encoding="utf-8")
        del self.cairn.environment["CAIRN_SERVER"]
        self.assertIn("no jobs", self.cairn.text("job", "list"))
        self.stop(self.suite)


if __name__ == "__main__":
    case.main()
