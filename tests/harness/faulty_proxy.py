"""A proxy whose connections are slow, break off, or lose what is answered."""

import queue
import threading
import time

from proxy import PIECE_BYTES, CountingProxy

# Pieces on their way in one direction: delay is no narrowness.
PIECES = 256


class FaultyProxy(CountingProxy):
    """What is set holds for new connections and for open ones.

    `delay_seconds`: how long each piece is on its way, up and down.
    `cut_after`: a function that draws after how many bytes, up and down
    together, the next connection breaks off; what came before is delivered.
    """

    def __init__(self, test, target, folder, name="proxy"):
        self.delay_seconds = 0
        self.cut_after = None
        self.cuts = 0  # connections that broke off by `cut_after`
        self._muted = False
        self._mute_at = None  # of `down`
        self._left = {}  # by pair of sockets: bytes until it is cut
        super().__init__(test, target, folder, name)

    def mute(self):
        """From now on nothing is answered: what the server says is lost."""
        self._muted = True

    def mute_after(self, more_bytes):
        """Once so many more have been answered."""
        self._mute_at = self.down + more_bytes

    def unmute(self):
        """Who has missed something never hears more of it."""
        self.cut()
        self._muted = False
        self._mute_at = None

    def _pump(self, source, sink, up):
        pieces = queue.Queue(PIECES)
        pair = frozenset((source, sink))
        with self._changed:
            if self.cut_after and pair not in self._left:
                self._left[pair] = self.cut_after()
        threading.Thread(target=self._deliver, daemon=True,
                         args=(pieces, source, sink, up)).start()
        try:
            while piece := source.recv(PIECE_BYTES):
                piece, cut = self._allowed(pair, piece)
                pieces.put((time.monotonic() + self.delay_seconds, piece))
                if cut:
                    break
        except OSError:
            pass
        pieces.put((time.monotonic() + self.delay_seconds, b""))

    def _allowed(self, pair, piece):
        """(what of it is delivered, whether it is the last)"""
        with self._changed:
            if pair not in self._left:
                return piece, False
            piece = piece[:self._left[pair]]
            self._left[pair] -= len(piece)
            if self._left[pair] > 0:
                return piece, False
            self.cuts += 1
            return piece, True

    def _deliver(self, pieces, source, sink, up):
        """Takes all, so that nobody waits for room in vain."""
        while True:
            due, piece = pieces.get()
            time.sleep(max(0, due - time.monotonic()))
            if not piece:
                self._end(source, sink)
                with self._changed:
                    self._left.pop(frozenset((source, sink)), None)
                return
            try:
                if up:
                    self._await_room(len(piece))
                else:
                    self._muted |= (self._mute_at is not None
                                    and self.down >= self._mute_at)
                    if self._muted:
                        continue
                    self.down += len(piece)
                sink.sendall(piece)
            except OSError:
                continue
