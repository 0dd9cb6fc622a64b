"""Four services, of which each finds each other by a proxy of its own."""

from suite import Suite

# (caller, server)
PAIRS = [("ingest", "index"), ("ingest", "chunk_storage"),
         ("ingest", "maintenance"), ("maintenance", "index"),
         ("maintenance", "chunk_storage")]


class PartedSuite(Suite):
    """`proxies`: "caller-server" -> CountingProxy."""

    proxies = {}

    def command(self, name):
        command = super().command(name)
        for pair, proxy in self.proxies.items():
            caller, _, server = pair.partition("-")
            option = f"--{server.replace('_', '-')}="
            if caller == name:
                command = [option + proxy.target if part.startswith(option)
                           else part for part in command]
        return command


def put_proxies(suite, make_proxy):
    """Between all of a split suite that has not started.

    make_proxy(target, name) -> CountingProxy"""
    suite.__class__ = PartedSuite
    suite.proxies = {
        f"{caller}-{server}": make_proxy(suite.socket(server),
                                         f"{caller}-{server}")
        for caller, server in PAIRS}
