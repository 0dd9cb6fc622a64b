"""The four services on loopback, in plaintext or with mutual TLS."""


import grpc

from authority import Authority
from suite import SERVICES, Suite

ADDRESS = "127.0.0.1"


class TcpSuite(Suite):
    """Four processes that find each other by TCP, on ports of their choice.

    With `tls` each has a certificate that says which service it is; ours says
    that we are an administrator. `client_environment` is what `cairn` needs
    to reach the suite.
    """

    def __init__(self, binaries, data, sockets, tls=False, **options):
        super().__init__(binaries, data, sockets, split=True, **options)
        self._scheme = "tls" if tls else "plaintext"
        self._ports = {}
        self.authority = Authority(sockets) if tls else None
        self.target = None  # known once ingest listens
        self.client_environment = {}
        if tls:
            files = self._issue("admin", "benchmark")
            self.client_environment = dict(zip(
                ("CAIRN_TLS_CA", "CAIRN_TLS_CERT", "CAIRN_TLS_KEY"), files))
            self.credentials = grpc.ssl_channel_credentials(
                *(_content(files[i]) for i in (0, 2, 1)))

    def _issue(self, role, name, **options):
        """Paths of the authority, the certificate and its key."""
        self.authority.issue(name, f"spiffe://cairn/{role}/{name}",
                              **options)
        return [self.authority.path(file)
                for file in ("ca.pem", f"{name}.pem", f"{name}.key")]

    def listen(self, name):
        return f"{self._scheme}:{ADDRESS}:0"

    def address(self, name):
        return f"{self._scheme}:{ADDRESS}:{self._ports[name]}"

    def target_of(self, name):
        """For a channel to the service `name`."""
        return f"{ADDRESS}:{self._ports[name]}"

    def start(self, names=None, wait=True, everything=True):
        """One after the other: the next is told where the former listen."""
        for name in names or SERVICES:
            if self.authority is not None:
                files = self._issue("service", name)
                self.arguments[name] = [
                    f"--tls-{part}-file={file}"
                    for part, file in zip(("ca", "cert", "key"), files)]
            super().start([name], wait=False)
            self._ports[name] = self.await_port(name)
        self.target = f"{ADDRESS}:{self._ports['ingest']}"
        if wait:
            self.wait_ready(everything)

    def credentials_of(self, role, name):
        """Of a client whose certificate says that it has that role."""
        files = self._issue(role, name)
        return grpc.ssl_channel_credentials(
            *(_content(files[i]) for i in (0, 2, 1)))


def _content(path):
    with open(path, "rb") as file:
        return file.read()
