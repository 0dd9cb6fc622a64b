#!/usr/bin/env python3
"""`cairn diff` and DiffArchives, against cairnd and four processes."""

import json
import os

import case
from chunks import read_entries
from cli_case import CliCase
from client import backup, restore

MIB = 1 << 20
NOT_FOUND = 10


class Diff(CliCase):

    def back_up(self, image):
        """The snapshot's name."""
        return self.cairn.json(
            "backup", "vm/100", f"disk.img:{image}")["snapshot"]["name"]

    def diff(self, *arguments):
        """(offset, length) of each line, alike as text and as JSON."""
        text = self.cairn.text("diff", *arguments)
        ranges = [tuple(map(int, line.split())) for line in text.splitlines()]
        lines = self.cairn.text("diff", *arguments, "--output-format", "json")
        self.assertEqual([(line["offset"], line["length"])
                          for line in map(json.loads, lines.splitlines())],
                         ranges)
        return ranges

    def changed_chunks(self, archive, before, after):
        """Joined ranges of the chunks of `archive` whose bytes changed."""
        ranges = []
        for entry in read_entries(self.client, archive):
            if entry.hole:
                continue
            for at in range(entry.offset,
                            entry.offset + entry.length * entry.repeat,
                            entry.length):
                end = at + entry.length
                if before[at:end] == after[at:end]:
                    continue
                if ranges and sum(ranges[-1]) == at:
                    ranges[-1] = (ranges[-1][0], end - ranges[-1][0])
                else:
                    ranges.append((at, entry.length))
        return ranges

    def test_ranges_are_the_chunks_that_changed(self):
        image = os.path.join(self.folder, "disk")
        with open(image, "wb") as file:
            file.truncate(48 * MIB)
            file.write(self.random.randbytes(32 * MIB))
            file.seek(44 * MIB)
            file.write(self.random.randbytes(4 * MIB))
        with open(image, "rb") as file:
            before = file.read()
        first = self.back_up(image)
        with open(image, "r+b") as file:
            for at in (5 * MIB + 17, 20 * MIB - 1, 46 * MIB):
                file.seek(at)
                old = file.read(3)
                file.seek(at)
                file.write(bytes(byte ^ 255 for byte in old))
        with open(image, "rb") as file:
            after = file.read()
        second = self.back_up(image)
        archive = f"{second}/archives/disk.img"
        expected = self.changed_chunks(archive, before, after)
        self.assertEqual(len(expected), 3, expected)
        self.assertLess(sum(length for _, length in expected), 20 * MIB)
        self.assertEqual(self.diff(first, "disk.img", "vm/100/latest"),
                         expected)
        self.assertEqual(
            self.diff(second, "disk.img", first, "disk.img"), expected)
        # Nothing changed, and the same one.
        third = self.back_up(image)
        self.assertNotEqual(second, third)
        self.assertEqual(self.diff(second, "disk.img", third), [])
        self.assertEqual(self.diff(third, "disk.img", third), [])
        self.cairn.error(NOT_FOUND, "diff", first, "other.img", second)
        # From an offset, as other programs ask.
        answers = list(self.client.restore.DiffArchives(
            restore.DiffArchivesRequest(
                base=f"{first}/archives/disk.img", name=archive,
                offset=expected[1][0] + 1), timeout=30))
        self.assertEqual(
            [(found.offset, found.length)
             for answer in answers for found in answer.ranges],
            [(expected[1][0] + 1, expected[1][1] - 1), expected[2]])
        self.assertEqual(answers[-1].compared_bytes, 48 * MIB)
        self.assertIn("diff", self.client.backup.GetCapabilities(
            backup.GetCapabilitiesRequest(), timeout=30).features)
        self.stop(self.suite)


class SplitDiff(Diff):
    split = True


if __name__ == "__main__":
    case.main()
