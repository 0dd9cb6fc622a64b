"""compose.yaml without containers: confined, documented, for both tools."""

import pathlib
import re
import unittest

import yaml

import report

DEPLOY = pathlib.Path("deploy")
FILES = ("compose.yaml", "compose/demo.yaml")
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")
# podman-compose 1.0.3 has them not, or otherwise than Compose v2: it hands
# `healthcheck.test` to a shell, which the image has not.
NOT_IN_BOTH = {"profiles", "deploy", "depends_on", "secrets", "configs",
               "extends", "env_file", "container_name", "network_mode"}
ONE_SHOTS = {"setup", "demo"}


def variables(name):
    """{name: its default} of a compose file; each has one default."""
    found = {}
    for key, default in VARIABLE.findall((DEPLOY / name).read_text()):
        assert found.setdefault(key, default) == default, key
    return found


class ComposeFileTest(unittest.TestCase):

    def services(self):
        for name in FILES:
            content = yaml.safe_load((DEPLOY / name).read_text())
            yield from content["services"].items()

    def test_every_variable_is_in_the_example_with_its_default(self):
        example = dict(re.findall(r"^#([A-Z_]+)=(.*)$",
                                  (DEPLOY / ".env.example").read_text(),
                                  re.MULTILINE))
        used = {}
        for name in FILES:
            for key, default in variables(name).items():
                self.assertEqual(used.setdefault(key, default), default, key)
        self.assertEqual(example, used)

    def test_the_command_line_wrapper_has_the_same_defaults(self):
        script = (DEPLOY / "compose/cairn.sh").read_text()
        settings = re.findall(r"\(setting ([A-Z_]+) ([^)]+)\)", script)
        self.assertTrue(settings)
        for key, default in settings:
            self.assertEqual(variables("compose.yaml")[key], default)

    def test_nothing_runs_with_more_than_it_needs(self):
        for name, service in self.services():
            with self.subTest(name):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"],
                                 ["no-new-privileges:true"])
                self.assertEqual(service["networks"], ["cairn"])
                for volume in service["volumes"]:
                    if volume.startswith((".", "$")):
                        self.assertTrue(volume.endswith(":ro"), volume)
                for port in service.get("ports", ()):
                    address = VARIABLE.sub(r"\2", port).split(":")[0]
                    self.assertEqual(address, "127.0.0.1", port)
                if name not in ONE_SHOTS:
                    self.assertIn("mem_limit", service)
                    self.assertEqual(service["restart"], "always")

    def test_both_tools_read_it_alike(self):
        for name, service in self.services():
            with self.subTest(name):
                self.assertFalse(NOT_IN_BOTH & set(service))
                self.assertNotIn("test", service.get("healthcheck", {}))


if __name__ == "__main__":
    report.main()
