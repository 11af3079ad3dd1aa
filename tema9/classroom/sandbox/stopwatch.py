"""The seconds that a piece of a submission's work takes, on a machine that may have other work to do."""

import time
from collections.abc import Callable

from tema9.classroom.sandbox import linux

SLOWEST = 10  # a machine may take so many times the seconds that a piece of work would take on an idle one


class Stopwatch:
    """Counts the seconds of a piece of work, without those in which its process only waited for a core.

    On a machine with more work than cores, a process stands still through no fault of who wrote what it runs. Nobody
    gains time by keeping the cores busy: the seconds that all the processes of the submission compute, from the first
    `look` on, are counted, and so is a tenth of the seconds on the clock.

    Args:
        pid: of the process that does the work.
        computed: returns the seconds that all the processes of the submission have computed.
    """

    def __init__(self, pid: int, computed: Callable[[], float]) -> None:
        self.pid, self.computed, self.began = pid, computed, time.monotonic()
        self.waits = linux.seconds_waited(pid)
        self.first: float | None = None
        self.busy = self.waited = 0.0

    def look(self) -> None:
        """Look at what the processes have computed."""
        now = self.computed()
        self.first = now if self.first is None else self.first
        self.busy = max(self.busy, now - self.first)

    def clock(self) -> float:
        """Return the seconds on the clock, which are never fewer than those of the work."""
        return time.monotonic() - self.began

    def seconds(self) -> float:
        """Return the seconds of the work until now."""
        for thread, waited in linux.seconds_waited(self.pid).items():  # none, if the process has just ended
            self.waited = max(self.waited, waited - self.waits.get(thread, 0.0))
        clock = self.clock()
        return max(clock - self.waited, min(clock, self.busy), clock / SLOWEST)
