"""Which snapshots there may be, where outcomes may be unknown.

Remembered outside of the system under test: of each snapshot what it holds
and the states that it may be in, after what was asked for and answered. An
operation that was begun and never answered leaves both states possible, until
`settle` is told at a quiet moment which it is.
"""

import threading
import time

ABSENT, LISTED, TRASH, GONE = "absent", "listed", "trash", "gone"


class Snapshot:
    """Guarded by its oracle."""

    def __init__(self, name, archives):
        self.name = name
        self.archives = archives  # name -> (size, SHA-256)
        self.states = {ABSENT}
        # No sweep may let it go before; of the forget that ends first.
        self.trash_ends = None

    def may_be(self, now=None):
        """The states it may be in: trash ends without a word."""
        now = time.time() if now is None else now
        if TRASH in self.states and self.trash_ends <= now:
            return self.states | {GONE}
        return self.states


class TrashOracle:
    """Thread-safe. Whoever changes a snapshot is alone with it meanwhile.

    Time in trash may end by `slack_seconds` early: what the answer leaves out
    and, where index's clock is set back, how long it stays so.
    """

    def __init__(self, slack_seconds=1):
        self.slack_seconds = slack_seconds
        self._mutex = threading.Lock()
        self._snapshots = {}

    def begin_backup(self, name, archives):
        with self._mutex:
            one = self._snapshots[name] = Snapshot(name, archives)
            one.states = {ABSENT, LISTED}

    def acknowledged(self, name):
        with self._mutex:
            self._snapshots[name].states = {LISTED}

    def begin_forget(self, names, trash_seconds):
        """Returns what `forgot_nothing` needs."""
        ends = time.time() + trash_seconds
        with self._mutex:
            before = {}
            for name in names:
                one = self._snapshots[name]
                before[name] = (one.states, one.trash_ends)
                if LISTED in one.states:
                    held = one.trash_ends if TRASH in one.states else None
                    one.trash_ends = ends if held is None else min(held, ends)
                    one.states = one.states | {TRASH}
            return before

    def forgot(self, names):
        with self._mutex:
            for name in names:
                self._snapshots[name].states = {TRASH}

    def forgot_nothing(self, before):
        """A definite refusal."""
        with self._mutex:
            for name, (states, ends) in before.items():
                self._snapshots[name].states = states
                self._snapshots[name].trash_ends = ends

    def begin_undelete(self, name):
        with self._mutex:
            one = self._snapshots[name]
            if TRASH in one.states:
                # It may be gone by then: `may_be` does not tell once listed.
                one.states = one.states | {LISTED}

    def undeleted(self, name):
        with self._mutex:
            self._snapshots[name].states = {LISTED}

    def may_be(self, name):
        with self._mutex:
            return self._snapshots[name].may_be()

    def archives(self, name):
        return self._snapshots[name].archives

    def names(self, *states, group=None):
        """Of snapshots that are in one of these states for sure."""
        with self._mutex:
            return [one.name for one in self._snapshots.values()
                    if one.may_be() <= set(states)
                    and (group is None or f"/groups/{group}/" in one.name)]

    def settle(self, listed, trash):
        """At a quiet moment: takes what there is, returns complaints.

        `listed`: names; `trash`: name -> when its time ends.
        """
        complaints = []
        now = time.time()
        with self._mutex:
            for name in (set(listed) | set(trash)) - set(self._snapshots):
                complaints.append(f"there, and never begun: {name}")
            for one in self._snapshots.values():
                complaints += self._settle(one, listed, trash, now)
        return complaints

    def _settle(self, one, listed, trash, now):
        allowed = one.may_be(now)
        if one.name in listed:
            found = LISTED
        elif one.name in trash:
            found = TRASH
        else:
            found = GONE if GONE in allowed else ABSENT
        if found not in allowed:
            return [f"{one.name} is {found}, may be {sorted(allowed)}"
                    + (f", in trash for {one.trash_ends - now:.1f} s"
                       if one.trash_ends else "")]
        one.states = {found}
        if (found == TRASH
                and trash[one.name] < one.trash_ends - self.slack_seconds):
            return [f"{one.name} ends {one.trash_ends - trash[one.name]} s "
                    "before its time in trash is over"]
        if found == TRASH:
            one.trash_ends = trash[one.name]
        return []
