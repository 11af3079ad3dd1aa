"""The judge's hold on a submission's process: what it is asked, and how long it may take to answer.

What goes beyond a limit is killed from outside, and nothing that it does is waited for.
"""

import contextlib
import os
import select
import signal
import time

import torch

from tema9.classroom.sandbox import border
from tema9.classroom.sandbox import inside as warm

GRACE = 0.05  # seconds in which what a cell has started may still end its process


class Work:
    """A submission's process, seen from the judge: the other side of the border.

    Any method may raise `border.Gone`, after which the process is dead.
    """

    def __init__(self, sandbox, link, pidfd):
        self.sandbox, self.link, self.pidfd = sandbox, link, pidfd
        self.limits, self.number, self.random = sandbox.limits, 0, None
        self.deadline = None

    @contextlib.contextmanager
    def within(self, seconds):
        """All that is asked inside must be answered within so many seconds."""
        self.deadline = time.monotonic() + seconds
        try:
            yield self
        finally:
            self.deadline = None

    def run(self, code):
        """Run a cell; return {"stdout", "stderr", "error": None or [kind, message]}."""
        answer = self._ask({"do": "run", "code": code})
        match answer:
            case {"stdout": str(), "stderr": str(), "error": None | [str(), str()]}:
                return answer
        return {"stdout": "", "stderr": "", "error": ["ValueError", "what came back is not a cell's result"]}

    def look(self, names):
        """As `border.Here.look`."""
        match self._ask({"do": "look", "names": sorted(names)}):
            case {"seen": dict(seen)} if all(isinstance(pair, tuple) and len(pair) == 2 for pair in seen.values()):
                return {name: pair for name, pair in seen.items() if name in names}
            case {"not_plain": str(message)}:
                raise border.NotPlainData(message)
        raise border.NotPlainData("what came back is not plain data")

    def call(self, name, args, kwargs, measure=None):
        """As `border.Here.call`; torch's random numbers go on there from where the test has set them."""
        state = torch.get_rng_state()
        fresh = self.random is None or not torch.equal(state, self.random)
        self.random = state
        request = {"do": "call", "name": name, "args": list(args), "kwargs": kwargs, "measure": measure}
        answer = self._ask(request | {"random": state if fresh else None})
        if isinstance(answer, dict) and "not_plain" in answer:
            raise border.NotPlainData(str(answer["not_plain"]))
        return border.result_of(answer)

    def check(self, exercise):
        """The line of the check cell of an exercise."""
        answer = self._ask({"do": "check", "exercise": exercise})
        return answer[:2000] if isinstance(answer, str) else ""

    def still_there(self):
        """Raise `border.Gone` if the process is about to be dead, with the one that it was forked from or alone."""
        if select.select([self.pidfd], [], [], GRACE)[0] or not self.sandbox.answers():
            self._gone("kernel-died")

    def end(self):
        """End the process."""
        if self.pidfd is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        os.close(self.pidfd)
        self.pidfd = None
        self.link.close()

    def _ask(self, request):
        self.number += 1
        content = border.encode(request | {"number": self.number})
        if self.pidfd is None:
            raise border.Gone("kernel-died")
        deadline = self.deadline or time.monotonic() + self.limits.seconds
        try:
            self.link.settimeout(max(0.01, deadline - time.monotonic()))
            warm.send(self.link, content)
            self._wait(deadline)
            self.link.settimeout(max(0.01, deadline - time.monotonic()))
            content = warm.receive(self.link, self.limits.answer_bytes)
        except TimeoutError:
            self._gone("timeout")
        except ValueError:
            self._gone("memory")
        except OSError:
            content = None
        if content is None:
            self._gone("kernel-died")
        match border.decode(content):
            case {"number": self.number, "answer": answer}:
                return answer
        raise border.NotPlainData("what came back answers no question")

    def _wait(self, deadline):
        """Wait for the first byte; from time to time, look whether it uses more than it may."""
        step = 0.5
        while not select.select([self.link], [], [], max(0, min(step, deadline - time.monotonic())))[0]:
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self.sandbox.exceeds():
                self.sandbox.close()
                self._gone("memory")

    def _gone(self, outcome):
        self.end()
        raise border.Gone(outcome) from None
