"""What was promised, remembered outside of the system under test."""

import random
import threading

BLOCK_POOL = 64


def content(seed, size):
    """`size` bytes that `seed` decides; about half recur in other contents."""
    source = random.Random(seed)
    pieces = []
    left = size
    while left > 0:
        length = min(left, source.randrange(1 << 10, 1 << 18))
        kind = source.random()
        if kind < 0.1:
            pieces.append(bytes(length))
        elif kind < 0.5:
            shared = random.Random(source.randrange(BLOCK_POOL))
            pieces.append(shared.randbytes(length))
        else:
            pieces.append(source.randbytes(length))
        left -= length
    return b"".join(pieces)


class Attempt:
    """One backup that a writer tried."""

    def __init__(self, snapshot, session, archives):
        self.snapshot = snapshot
        self.session = session
        self.archives = archives  # name -> (seed, size)
        self.finish_called = False
        self.acknowledged = False
        self.aborted = False

    def sizes(self):
        return {name: size for name, (_, size) in self.archives.items()}


class Oracle:
    """Three distinct failures: lost, partial or early, and wrong bytes."""

    def __init__(self):
        self._mutex = threading.Lock()
        self._attempts = {}

    def begin(self, attempt):
        with self._mutex:
            self._attempts[attempt.snapshot] = attempt

    def attempts(self):
        with self._mutex:
            return list(self._attempts.values())

    def unsettled(self):
        """Attempts whose outcome the writer does not know."""
        return [a for a in self.attempts()
                if not a.acknowledged and not a.aborted]

    def check_listing(self, listed):
        """`listed`: names. Returns complaints, empty when all is well."""
        complaints = []
        listed = set(listed)
        attempts = {a.snapshot: a for a in self.attempts()}
        for name, attempt in attempts.items():
            if attempt.acknowledged and name not in listed:
                complaints.append(f"acknowledged and lost: {name}")
        for name in listed:
            attempt = attempts.get(name)
            if attempt is None:
                complaints.append(f"listed, never begun: {name}")
            elif attempt.aborted or not attempt.finish_called:
                complaints.append(f"listed without a finish: {name}")
        return complaints

    def check_content(self, client, name):
        """Restores every archive of a listed snapshot and compares."""
        complaints = []
        attempt = {a.snapshot: a for a in self.attempts()}[name]
        for archive, (seed, size) in attempt.archives.items():
            got = client.read(f"{name}/archives/{archive}")
            if got != content(seed, size):
                complaints.append(
                    f"wrong bytes: {name}/archives/{archive}: {len(got)} bytes,"
                    f" {size} written")
        return complaints
