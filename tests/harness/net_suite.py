"""The four services, each on a machine of its own, with mutual TLS."""

import os
import time

import network
from suite import SERVICES
from tcp_suite import TcpSuite

PORT = 9440
# Who speaks to whom: (caller, server).
PAIRS = [(network.CLIENT, "ingest"), (network.CLIENT, "maintenance"),
         ("ingest", "index"), ("ingest", "chunk_storage"),
         ("ingest", "maintenance"), ("maintenance", "index"),
         ("maintenance", "chunk_storage")]


class NetSuite(TcpSuite):
    """On the machines of a network.Network that are named as the services.

    `certificate_seconds`: how long the certificates of the services are good.
    """

    def __init__(self, binaries, data, sockets, machines,
                 certificate_seconds=86400, **options):
        super().__init__(binaries, data, sockets, tls=True, **options)
        self.machines = machines
        self.target = f"{machines.address('ingest')}:{PORT}"
        self.maintenance = f"{machines.address('maintenance')}:{PORT}"
        self.client_environment["CAIRN_SERVER"] = self.target
        self.client_environment["CAIRN_MAINTENANCE_SERVER"] = self.maintenance
        for name in SERVICES:
            self.certify(name, certificate_seconds)

    def certify(self, name, seconds=86400):
        """A new certificate in the place of the service's former one."""
        self.expiry = time.monotonic() + seconds + 1  # it is over by then
        files = self._issue("service", name, seconds=seconds,
                            address=self.machines.address(name))
        self.arguments[name] = [
            f"--tls-{part}-file={file}"
            for part, file in zip(("ca", "cert", "key"), files)]

    def listen(self, name):
        return self.address(name)

    def address(self, name):
        return f"tls:{self.machines.address(name)}:{PORT}"

    def data_dir(self, name):
        return os.path.join(self.data, name)

    def command(self, name):
        return self.machines.prefix(name) + super().command(name)

    def start(self, names=None, wait=True, everything=True):
        """All at once, in any order: addresses are known."""
        super(TcpSuite, self).start(names, wait, everything)
