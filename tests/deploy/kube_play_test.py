"""The pods of the manifests for one node, played by podman: they find each
other by mutual TLS, back up and restore, and the CronJobs do their work."""

import os
import shutil
import tempfile
import unittest

import manifests
import podman
import report
from cluster import Cluster

GROUP = "host/web1"
NOT_ALLOWED = 12
NOT_REACHED = 75


class KubePlayTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        podman.skip_without_podman()
        if manifests.KUSTOMIZE is None:
            podman.skip(manifests.NO_KUSTOMIZE)
        folder = tempfile.mkdtemp(prefix="cairn-kube-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        network = f"cairn-kube-{os.getpid()}"
        engine = podman.Podman(os.path.join(folder, "podman"))
        cls.addClassCleanup(engine.remove, networks=[network])
        cls.cluster = Cluster(engine, folder, network)
        cls.cluster.prepare()
        engine.skip_unless_it_runs("localhost/cairn:test", "/usr/bin/cairn",
                                   "version")
        cls.cluster.start()

    def back_up(self, content, group):
        with open(self.path("in"), "wb") as file:
            file.write(content)
        self.cluster.client("backup", group, "disk.raw:/data/in")

    def assert_restores(self, content, group):
        self.cluster.client("restore", f"{group}/latest", "disk.raw",
                            "/data/out")
        with open(self.path("out"), "rb") as file:
            self.assertTrue(file.read() == content, f"{group} differs")
        os.remove(self.path("out"))

    def path(self, name):
        return os.path.join(self.cluster.data, name)

    def assert_done(self, cron_job, job):
        """The result of a job that succeeded."""
        code, result, text = self.cluster.run_job(cron_job, job)
        self.assertEqual(code, 0, text)
        self.assertIn("succeeded", result, text)
        return result

    def test_pods_have_no_rights(self):
        for name, container in self.cluster.containers.items():
            with self.subTest(name):
                found = self.cluster.podman.inspect(container)
                host = found["HostConfig"]
                self.assertEqual(found["Config"]["User"], "65532:65532")
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertFalse(host["Privileged"])
                self.assertEqual(found["EffectiveCaps"] or [], [])
                self.assertIn("no-new-privileges", host["SecurityOpt"])
                self.assertGreater(host["Memory"], 0)
                self.assertEqual(host["PortBindings"] or {}, {})

    def test_what_is_backed_up_is_restored_and_kept_by_the_jobs(self):
        versions = [os.urandom(1_000_000 + n) for n in range(5)]
        for content in versions:
            self.back_up(content, GROUP)
        self.assert_restores(versions[-1], GROUP)
        # --keep-last=3 of five that were made on one day.
        pruned = self.assert_done("cairn-prune", "cairn-prune-29381040")
        self.assertIn(" 2 forgotten", pruned)
        self.assert_done("cairn-gc", "cairn-gc-29381100")
        verified = self.assert_done("cairn-verify", "cairn-verify-29381220")
        self.assertRegex(verified, r"[1-9]\d* good, 0 damaged")
        listed = self.cluster.client("snapshot", "list", GROUP)
        self.assertEqual(listed.count(GROUP), 3, listed)
        self.assert_restores(versions[-1], GROUP)

    def test_a_pod_of_the_same_job_joins_its_task(self):
        first = self.assert_done("cairn-gc", "cairn-gc-1")
        self.assertEqual(self.assert_done("cairn-gc", "cairn-gc-1"), first)
        self.assertNotEqual(self.assert_done("cairn-gc", "cairn-gc-2"),
                            first)

    def test_pods_that_are_replaced_keep_what_was_stored(self):
        content = os.urandom(2_000_000)
        self.back_up(content, "host/kept")
        self.assertEqual(self.cluster.stop(),
                         {n: 0 for n in self.cluster.names()})
        self.cluster.start()
        self.assert_restores(content, "host/kept")

    def test_another_authority_lets_nobody_in(self):
        stranger = self.cluster.make_client("stranger", "admin")
        self.cluster.client("snapshot", "list", certificate=stranger,
                            code=NOT_REACHED)

    def test_a_backup_forgets_nothing(self):
        self.back_up(b"x" * 1000, "host/stays")
        for command in (["forget", "host/stays/latest"], ["gc"]):
            self.cluster.client(*command, code=NOT_ALLOWED)
        self.assert_restores(b"x" * 1000, "host/stays")


if __name__ == "__main__":
    report.main()
