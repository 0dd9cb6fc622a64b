"""The units of deploy/systemd: what systemd says of them, without running,
and that the settings are right that they start services with."""

import os
import shutil
import subprocess
import unittest

import case
import units
from authority import Authority
from unit_machine import Machine, install

# systemd calls 0 to 2 "safe" and "ok".
MOST_EXPOSURE = 2.0
CONFIG_EXIT_CODE = 78


class UnitsCase(case.Case):

    def services(self):
        for form, names in units.SERVICES.items():
            root = install(self, form)
            for name in names:
                yield root, units.Unit(root, f"{name}.service")


@unittest.skipUnless(shutil.which("systemd-analyze"),
                     "systemd-analyze is not installed: the units are NOT "
                     "checked by systemd here")
class SystemdTest(UnitsCase):

    def test_systemd_takes_every_unit(self):
        for form in units.SERVICES:
            root = install(self, form)
            units.add_system(root)
            ours = [n for n in os.listdir(os.path.join(root, units.UNITS))
                    if n.startswith("cairn") and not n.endswith(".d")]
            self.assertGreaterEqual(len(ours), 7)
            for name in ours:
                with self.subTest(name, form=form):
                    self.assertEqual(units.verify(root, name), "")

    def test_systemd_sees_a_wrong_line(self):
        root = install(self, "split")
        units.add_system(root)
        name = "cairn-index.service"
        with open(os.path.join(root, units.UNITS, name), "a",
                  encoding="ascii") as file:
            file.write("[Service]\nMemoryMaximum=1G\n")
        self.assertIn("MemoryMaximum", units.verify(root, name))
        os.remove(os.path.join(root, "usr/bin/cairn-index"))
        self.assertIn("not executable", units.verify(root, name))

    def test_services_are_shut_off(self):
        for form, names in units.SERVICES.items():
            root = install(self, form)
            units.add_system(root)
            for name in names + units.JOBS:
                with self.subTest(name):
                    self.assertLessEqual(
                        units.exposure(root, f"{name}.service"),
                        MOST_EXPOSURE)

    def test_the_user_is_made(self):
        root = install(self, "embedded")
        subprocess.run(["systemd-sysusers", f"--root={root}"], check=True,
                       capture_output=True)
        with open(os.path.join(root, "etc/passwd"), encoding="ascii") as file:
            self.assertIn("cairn:", file.read())


    def test_what_units_name_as_their_page_is_there(self):
        for form in ("embedded", "split"):
            root = install(self, form)
            for name in units.JOBS:
                url = units.Unit(root, f"{name}.service").get(
                    "Unit", "Documentation")
                self.assertTrue(os.path.isfile(
                    root + url.removeprefix("file://")), url)


class RulesTest(UnitsCase):

    def test_services_end_and_start_again_as_they_should(self):
        expected = {("Service", "Type"): "notify",
                    ("Service", "Restart"): "on-failure",
                    ("Service", "RestartPreventExitStatus"):
                        str(CONFIG_EXIT_CODE),
                    ("Service", "TimeoutStopSec"): "120",
                    ("Service", "WatchdogSec"): "2min",
                    # The first start, and three more after a failure.
                    ("Unit", "StartLimitBurst"): "4",
                    ("Unit", "StartLimitIntervalSec"): "15min"}
        for _, unit in self.services():
            with self.subTest(unit.name):
                self.assertEqual({key: unit.get(*key) for key in expected},
                                 expected)
                for key in ("MemoryMax", "TasksMax", "LimitNOFILE"):
                    self.assertIsNotNone(unit.get("Service", key), key)

    def test_of_two_that_exclude_each_other_one_ends_first(self):
        root = install(self, "split")
        for name in [*(f"{n}.service" for n in units.SERVICES["split"]),
                     "cairn.target"]:
            unit = units.Unit(root, name)
            with self.subTest(name):
                self.assertEqual(unit.get("Unit", "Conflicts"),
                                 "cairnd.service")
                self.assertIn("cairnd.service",
                              " ".join(unit.all("Unit", "After")).split())

    def test_what_tells_jobs_of_the_four_goes_with_them(self):
        root = install(self, "split")
        path = os.path.join(root, "etc/cairn/client.env")
        programs = os.environ.get("CAIRN_BINARIES", ".")
        with open(path, "a", encoding="ascii") as file:
            file.write("CAIRN_TLS_CA=/etc/cairn/tls/ca.crt\n")
        self.assertIn("client.env", units.install("embedded", root, programs))
        self.assertTrue(os.path.exists(path))
        os.remove(path)
        units.install("split", root, programs)
        self.assertIn("client.env", units.install("embedded", root, programs))
        self.assertFalse(os.path.exists(path))

    def test_jobs_catch_up_and_do_not_meet(self):
        root = install(self, "split")
        times = set()
        for name in units.JOBS:
            timer = units.Unit(root, f"{name}.timer")
            self.assertEqual(timer.get("Timer", "Persistent"), "true")
            self.assertIsNotNone(timer.get("Timer", "RandomizedDelaySec"))
            times.add(timer.get("Timer", "OnCalendar"))
            job = units.Unit(root, f"{name}.service")
            self.assertEqual(job.get("Service", "Type"), "oneshot")
            self.assertIn("${INVOCATION_ID}", job.get("Service", "ExecStart"))
        self.assertEqual(len(times), len(units.JOBS))

    def test_settings_that_are_there_stay(self):
        root = install(self, "embedded")
        path = os.path.join(root, "etc/cairn/cairnd.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write("log-level: debug\n")
        self.assertIn("stays", units.install(
            "embedded", root, os.environ.get("CAIRN_BINARIES", ".")))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "log-level: debug\n")


class SettingsTest(UnitsCase):

    def test_settings_of_every_service_are_right(self):
        for form in units.SERVICES:
            machine = Machine(self, form)
            for name in machine.names:
                unit = units.Unit(machine.root, f"{name}.service")
                with self.subTest(name):
                    code, text = machine.check(unit)
                    self.assertEqual(code, 0, text)
                    code, text = machine.check(unit, ["--no-such-flag"])
                    self.assertEqual(code, CONFIG_EXIT_CODE, text)

    def test_credentials_of_systemd_are_those_of_the_service(self):
        machine = Machine(self, "split")
        unit = units.Unit(machine.root, "cairn-ingest.service",
                          ["deploy/systemd/tls.conf"])
        credentials = os.path.join(self.folder, "credentials")
        os.makedirs(credentials)
        authority = Authority(self.folder)
        authority.issue("ingest", "spiffe://cairn/service/ingest")
        made = {"ca.crt": "ca.pem", "tls.crt": "ingest.pem",
                "tls.key": "ingest.key"}
        loaded = [line.split(":")[0]
                  for line in unit.all("Service", "LoadCredential")]
        self.assertEqual(loaded, list(made))
        for name in loaded:
            shutil.copy(authority.path(made[name]),
                        os.path.join(credentials, name))
        environment = unit.environment({"%d": credentials})
        listen = ["--listen=tls:0.0.0.0:0"]
        code, text = machine.check(unit, listen, environment)
        self.assertEqual(code, 0, text)
        code, text = machine.check(unit, listen)
        self.assertEqual(code, CONFIG_EXIT_CODE, text)


if __name__ == "__main__":
    case.main()
