"""Machines of a test: network namespaces on one bridge, which can be parted.

The test itself moves into a network of its own, where it is the machine
"client": nothing outside sees any of it, and nothing is left behind.
"""

import ctypes
import functools
import os
import shutil
import subprocess

import case

CLIENT = "client"
CLONE_NEWNET = 0x40000000
_NET = "10.77.0."
_CLIENT_ADDRESS = _NET + "1"
# Of a machine that nobody came to close.
_ANCHOR_SECONDS = 14400

# How two machines are parted: nothing passes; what the caller sends is lost;
# what it is answered is lost; each packet is answered by a reset.
BOTH, REQUESTS, REPLIES, RESET = "both", "requests", "replies", "reset"
WAYS = (BOTH, REQUESTS, REPLIES, RESET)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


@functools.cache
def missing():
    """Why there can be no machines here; "" if there can.

    Called first, before the process has a second thread, it moves the process
    into its own network."""
    for program in ("ip", "iptables", "nsenter", "unshare"):
        if shutil.which(program) is None:
            return f"the program {program} is not installed"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return "no network namespace of its own: " + os.strerror(
            ctypes.get_errno())
    try:
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "hub", "type", "bridge")
        _run("ip", "addr", "add", _CLIENT_ADDRESS + "/24", "dev", "hub")
        _run("ip", "link", "set", "hub", "up")
        _run("iptables", "-w", "-A", "INPUT", "-m", "statistic", "--mode",
             "random", "--probability", "0", "-j", "DROP")
        _run("iptables", "-w", "-F")
    except RuntimeError as error:
        return str(error)
    return ""


class Network:
    """`names` are machines besides the client's; each runs what `prefix` of
    it is put before. Closed when the test ends."""

    def __init__(self, test, names):
        if missing():
            test.skipTest("NO FAULTS OF THE NETWORK ARE TRIED: " + missing())
        self._anchors = {}
        self._addresses = {CLIENT: _CLIENT_ADDRESS}
        test.addCleanup(self.close)
        for number, name in enumerate(names, 2):
            self._add(name, number)

    def _add(self, name, number):
        anchor = subprocess.Popen(
            ["unshare", "--net", "sleep", str(_ANCHOR_SECONDS)])
        self._anchors[name] = anchor
        self._addresses[name] = f"{_NET}{number}"
        own = os.readlink("/proc/self/ns/net")
        case.wait_until(
            lambda: os.readlink(f"/proc/{anchor.pid}/ns/net") != own,
            "a namespace is there")
        _run("ip", "link", "add", f"hub{number}", "type", "veth", "peer",
             "name", "eth0", "netns", str(anchor.pid))
        _run("ip", "link", "set", f"hub{number}", "master", "hub", "up")
        self._on(name, "ip", "link", "set", "lo", "up")
        self._on(name, "ip", "addr", "add", self._addresses[name] + "/24",
                 "dev", "eth0")
        self._on(name, "ip", "link", "set", "eth0", "up")

    def close(self):
        self.heal()
        for anchor in self._anchors.values():
            anchor.kill()
            anchor.wait()
        self._anchors.clear()

    def address(self, name):
        return self._addresses[name]

    def prefix(self, name):
        """What runs a command on the machine; its process stays the same."""
        return [] if name == CLIENT else [
            "nsenter", f"--net=/proc/{self._anchors[name].pid}/ns/net"]

    def _on(self, name, *command):
        _run(*self.prefix(name), *command)

    def _refuse(self, at, source, *target):
        self._on(at, "iptables", "-w", "-A", "INPUT", "-p", "tcp", "-s",
                 self.address(source), "-j", *target)

    def part(self, caller, server, way):
        """Until `heal`. `way` is one of WAYS."""
        if way in (BOTH, REQUESTS):
            self._refuse(server, caller, "DROP")
        if way in (BOTH, REPLIES):
            self._refuse(caller, server, "DROP")
        if way == RESET:
            self._refuse(server, caller, "REJECT", "--reject-with",
                         "tcp-reset")

    def lose(self, share):
        """Every machine loses that share of the packets that come to it."""
        for name in self._addresses:
            self._on(name, "iptables", "-w", "-A", "INPUT", "-i",
                     "hub" if name == CLIENT else "eth0", "-m", "statistic",
                     "--mode", "random", "--probability", str(share), "-j",
                     "DROP")

    def narrow(self, bits_per_second):
        """No machine sends more than so much."""
        for name in self._anchors:
            self._on(name, "tc", "qdisc", "replace", "dev", "eth0", "root",
                     "tbf", "rate", f"{bits_per_second}bit", "burst", "32kb",
                     "latency", "200ms")

    def heal(self):
        for name in self._addresses:
            self._on(name, "iptables", "-w", "-F")
        for name in self._anchors:
            subprocess.run([*self.prefix(name), "tc", "qdisc", "del", "dev",
                            "eth0", "root"], stderr=subprocess.DEVNULL)
