"""A proxy between a client and a server that counts bytes and may stall."""

import os
import socket
import threading

PIECE_BYTES = 1 << 16


class CountingProxy:
    """Listens on a unix socket of its own and hands on to another's.

    `up` are the bytes that clients sent, `down` those that they were sent.
    With `stall_after` set, no more than that many further bytes go up until
    `go_on` is called. After `hand_on_to` new connections go to another server,
    as behind a load balancer.
    """

    def __init__(self, test, target, folder, name="proxy"):
        self.path = os.path.join(folder, f"{name}.sock")
        self.target = f"unix:{self.path}"
        self.up = 0
        self.down = 0
        self._server = target.removeprefix("unix:")
        self._changed = threading.Condition()
        self._up_limit = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def stall_after(self, more_bytes):
        with self._changed:
            self._up_limit = self.up + more_bytes

    def go_on(self):
        with self._changed:
            self._up_limit = None
            self._changed.notify_all()

    def hand_on_to(self, target):
        self._server = target.removeprefix("unix:")

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
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._server)
            except OSError:
                client.close()
                continue
            for source, sink, up in ((client, server, True),
                                     (server, client, False)):
                threading.Thread(target=self._pump, daemon=True,
                                 args=(source, sink, up)).start()

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
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _await_room(self, size):
        with self._changed:
            self._changed.wait_for(
                lambda: self._up_limit is None or self.up < self._up_limit)
            self.up += size
