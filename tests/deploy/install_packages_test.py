"""deploy/install_packages.sh: what it calls, where packages are missing."""

import subprocess
import unittest

import report

# The script as it is, but for its last line: root's calls are printed.
DEFINITIONS = """
source <(sed '/^main /d' deploy/install_packages.sh)
as_root() { echo "root: $*"; }
forbid_daemons() { :; }
"""


def calls(words):
    done = subprocess.run(["bash", "-c", DEFINITIONS + words], text=True,
                          capture_output=True, check=True)
    return [line[len("root: "):] for line in done.stdout.splitlines()
            if line.startswith("root: ")]


class InstallPackagesTest(unittest.TestCase):

    def test_a_new_prometheus_is_not_started_at_the_next_boot(self):
        update, install, disable = calls(
            "install_missing all podman prometheus strace")
        self.assertIn("apt-get", update)
        self.assertTrue(install.endswith(
            "--no-install-recommends podman prometheus strace"), install)
        self.assertEqual(disable,
                         "systemctl --quiet disable prometheus.service")

    def test_one_that_was_there_before_stays_as_it_is(self):
        for missing in ("podman strace", "prometheus-cpp-dev"):
            with self.subTest(missing):
                done = calls(f"install_missing all {missing}")
                self.assertEqual([c for c in done if "systemctl" in c], [])
                self.assertEqual(len(done), 2)


if __name__ == "__main__":
    report.main()
