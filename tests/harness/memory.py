"""How much memory a process holds."""

import pathlib
import re
import threading
import time

import case


class PeakMemory:
    """The peak resident bytes of a process while it runs.

    Looked up again and again, since nothing tells it afterwards: the maximum
    that wait4 gives is also that of the parent before exec.
    """

    def __init__(self, pid):
        self._path = pathlib.Path(f"/proc/{pid}/status")
        self._bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def bytes(self):
        self._thread.join(case.WAIT_SECONDS)
        return self._bytes

    def _watch(self):
        while True:
            try:
                found = re.search(r"VmHWM:\s*(\d+) kB",
                                  self._path.read_text())
            except OSError:
                return
            if not found:  # it has ended
                return
            self._bytes = max(self._bytes, int(found[1]) << 10)
            time.sleep(case.POLL_SECONDS)
