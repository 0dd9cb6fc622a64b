"""Tests of what gc frees and keeps, with an oracle of their own."""

import os
import signal
import threading
import time

from case import wait_until
from cli_case import CliCase
from live_bytes import Packs, check_live

BLOCK_BYTES = 256 << 10  # a chunk of an image
DEFAULT = "datastores/default"
BUSY, NOT_FOUND, DAMAGED, REFUSED = 11, 10, 13, 14
FAILED, CANCELLED, INTERRUPTED, UNREACHABLE = 15, 16, 17, 75


class GcCase(CliCase):
    """Snapshots of images, of which each has a part of the one before.

    `listed` and `trash` are {snapshot: content of its disk.img}, as they
    should be.
    """

    def setUp(self):
        super().setUp()
        self.listed, self.trash = {}, {}
        self._images = {}  # by group: blocks
        self._seconds = 1_700_000_000
        if self.split:
            self.cairn.environment["CAIRN_MAINTENANCE_SERVER"] = (
                self.suite.socket("maintenance"))

    # --- what tests do ---

    def next_image(self, group, fresh=4, size=8):
        """What the group's next snapshot has: `fresh` blocks are new."""
        blocks = self._images.get(group) or [b""] * size
        chosen = range(size) if not blocks[0] else self.random.sample(
            range(size), fresh)
        for at in chosen:
            blocks[at] = self.random.randbytes(BLOCK_BYTES)
        self._images[group] = blocks
        return b"".join(blocks)

    def next_moment(self):
        self._seconds += 1
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._seconds))

    def back_up(self, group="vm/1", content=None, **image):
        """The new snapshot's name."""
        content = self.next_image(group, **image) if content is None else (
            content)
        name = self.cairn.json(
            "backup", group, f"disk.img:{self.write('source', content)}",
            "--backup-time", self.next_moment())["snapshot"]["name"]
        self.listed[name] = content
        return name

    def forget(self, *names, trash_time="0"):
        self.cairn.run("forget", *names, "--trash-time", trash_time)
        for name in names:
            self.trash[name] = self.listed.pop(name)
        if trash_time == "0":
            for name in names:
                del self.trash[name]

    def gc(self, *arguments, code=0):
        """The result of a gc that was waited for; None if it has none."""
        return self.cairn.json("gc", "--wait", *arguments,
                               code=code)["task"]["result"]

    def garbage_in_all_packs(self, group="vm/1", snapshots=4, **image):
        """What a gc has to compact, and to drop: all but the newest go."""
        names = [self.back_up(group, **image) for _ in range(snapshots)]
        self.forget(*names[:-1])
        return names[-1]

    def wait_for_phase(self, task, phase):
        """Until the task is there; returns it as it is then."""

        def reached():
            shown = self.cairn.json("task", "show", task)["task"]
            self.assertIn(shown["state"], ("queued", "running"), shown)
            return shown if shown["phase"] == phase else None

        return wait_until(reached, f"the task comes to {phase}")

    def start_slow_gc(self, *arguments, rate="256KiB"):
        """The name of a gc that has just begun to copy for some seconds."""
        task = self.cairn.json("gc", "--live-percent=100",
                               f"--copy-rate={rate}", *arguments)["task"]
        return self.wait_for_phase(task["name"], "sweep")["name"]

    def end_of(self, task):
        """A task, once it has ended."""

        def ended():
            shown = self.cairn.json("task", "show", task)["task"]
            return shown if shown["end_time"] else None

        return wait_until(ended, "the task ends")

    # --- what must be so ---

    def names_of(self, *options):
        return {s["name"] for s in self.cairn.json(
            "snapshot", "list", "--recursive", *options)["snapshots"]}

    def assert_intact(self):
        """All that is to be there is, byte for byte, and nothing else."""
        self.assertEqual(self.names_of(), set(self.listed))
        self.assertEqual(self.names_of("--trash") & set(self.trash),
                         set(self.trash))
        for name, content in {**self.listed, **self.trash}.items():
            out, _ = self.cairn.run(
                "restore", name.partition("/groups/")[2].replace(
                    "/snapshots", ""), "disk.img", "-")
            self.assertTrue(out == content, f"{name} differs")

    def assert_quiet_gc_is_exact(self, *arguments):
        """A gc leaves just the live bytes; its result."""
        result = self.gc("--live-percent=100", *arguments)
        self.assertEqual(result["missing_records"], 0, result)
        complaints, found = check_live(
            self.suite.data, [*self.listed, *self.trash])
        self.assertEqual(complaints, [], found)
        # Up to where the next record of an open pack will stand.
        self.assertAlmostEqual(result["pack_bytes"],
                               Packs(self.suite.data).bytes(), delta=4096)
        self.assert_intact()
        return result

    # --- processes ---

    def wait_for_peers(self):
        """Until maintenance is there and has found index and chunk_storage:
        a gc that comes earlier waits for them, but not for ever."""

        def finds_both():
            with self.cairn.start("gc", "--dry-run") as plan:
                plan.communicate()
            return plan.returncode in (0, REFUSED)

        wait_until(finds_both, "maintenance finds index and chunk_storage")

    def restart(self, name, number=signal.SIGKILL):
        self.suite.kill([name], number)
        self.suite.start([name])

    def freeze(self, process):
        """Until the test ends, or goes on with it by SIGCONT."""
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(_thaw, process)

    def run_while(self, command, watch, seconds=120):
        """(exit code, stderr) of a command; calls `watch` until it ends."""
        with self.cairn.start(*command, stdout=open(os.devnull, "wb")) as one:
            deadline = time.monotonic() + seconds
            told = []
            reader = threading.Thread(
                target=lambda: told.append(one.stderr.read()), daemon=True)
            reader.start()
            while one.poll() is None:
                watch()
                if time.monotonic() > deadline:
                    one.kill()
                    self.fail(f"cairn {command} does not end")
                time.sleep(0.02)
            reader.join()
        return one.returncode, told[0].decode(errors="replace")


def _thaw(process):
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
