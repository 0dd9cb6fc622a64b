"""A proxy between a client and a server that counts bytes and may stall."""

import os
import socket
import threading

PIECE_BYTES = 1 << 16
POLL_SECONDS = 0.05


class CountingProxy:
    """Listens on a unix socket of its own and hands on to another's.

    `up` are the bytes that clients sent, `down` those that they were sent.
    With `stall_after` set, no more than that many further bytes go up until
    `go_on` is called. After `hand_on_to` new connections go to other servers,
    to each in turn that is there, as behind a load balancer.
    """

    def __init__(self, test, target, folder, name="proxy"):
        self.path = os.path.join(folder, f"{name}.sock")
        self.target = f"unix:{self.path}"
        self.up = 0
        self.down = 0
        self._servers = []  # paths; the first is the next one's turn
        self._changed = threading.Condition()
        self._up_limit = None
        self._open = set()  # sockets
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self.hand_on_to(target)
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def stall_after(self, more_bytes):
        with self._changed:
            self._up_limit = self.up + more_bytes

    def go_on(self):
        with self._changed:
            self._up_limit = None
            self._changed.notify_all()

    def hand_on_to(self, *targets):
        with self._changed:
            self._servers = [one.removeprefix("unix:") for one in targets]

    def await_up(self, total, is_over):
        """Until `total` bytes have gone up; false: `is_over()` before."""
        with self._changed:
            while self.up < total:
                if is_over():
                    return False
                self._changed.wait(POLL_SECONDS)
            return True

    def cut(self):
        """Ends what is connected."""
        with self._changed:
            sockets = list(self._open)
        for one in sockets:
            _shut(one)

    def counted(self, run):
        """The bytes that went up while `run()` ran, and its result."""
        before = self.up
        result = run()
        return self.up - before, result

    def close(self):
        self.go_on()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            if server is None:
                client.close()
                continue
            with self._changed:
                self._open |= {client, server}
            for source, sink, up in ((client, server, True),
                                     (server, client, False)):
                threading.Thread(target=self._pump, daemon=True,
                                 args=(source, sink, up)).start()

    def _connect(self):
        """To a server that is there; None if none is."""
        with self._changed:
            servers = list(self._servers)
            self._servers = servers[1:] + servers[:1]
        for path in servers:
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(path)
                return server
            except OSError:
                server.close()
        return None

    def _pump(self, source, sink, up):
        try:
            while piece := source.recv(PIECE_BYTES):
                if up:
                    self._await_room(len(piece))
                else:
                    self.down += len(piece)
                sink.sendall(piece)
        except OSError:
            pass
        self._end(source, sink)

    def _end(self, source, sink):
        """The other direction ends by that, and both are closed then."""
        _shut(source)
        _shut(sink)
        with self._changed:
            last = sink not in self._open
            self._open.discard(source)
        if last:
            self._close(source, sink)

    def _close(self, *sockets):
        with self._changed:
            self._open -= set(sockets)
        for one in sockets:
            one.close()

    def _await_room(self, size):
        with self._changed:
            self._changed.wait_for(
                lambda: self._up_limit is None or self.up < self._up_limit)
            self.up += size
            self._changed.notify_all()


def _shut(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
