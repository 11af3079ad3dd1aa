"""A submission's process as the judge sees it: what it is asked, and how long it may take to answer.

A process that goes beyond a limit is killed from outside, and nothing that it does is waited for.
"""

import contextlib
import os
import select
import signal
import socket
from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any, Self

import torch

from tema9.classroom.sandbox import border, linux, messages, wire
from tema9.classroom.sandbox.stopwatch import Stopwatch

if TYPE_CHECKING:
    from tema9.classroom.sandbox.sandbox import Sandbox

GRACE = 0.05  # seconds in which a process that a cell has started may still end the submission's
SECONDS_BETWEEN_LOOKS = 0.5  # at the memory that a submission uses


class StudentProcess:
    """The student's side of the border in a process of its own, forked in a `Sandbox`.

    Any method may raise `border.Gone`, after which the process is dead.

    Args:
        sandbox: the `Sandbox` that the process runs in.
        link: the socket to its `StudentServer`.
        pidfd, pid: of the process; its number is that inside the sandbox.
    """

    def __init__(self, sandbox: "Sandbox", link: socket.socket, pidfd: int, pid: int) -> None:
        self.sandbox, self.limits, self.link, self.pid, self.number = sandbox, sandbox.limits, link, pid, 0
        self.pidfd: int | None = pidfd  # None when the process has ended
        self.random: torch.Tensor | None = None  # the state of torch's random numbers at the last call
        self.work: tuple[Stopwatch, float] | None = None  # what is being done, and the seconds that it may take
        self.spent = 0.0  # seconds, on the last work

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[Self]:
        """Give the process so many seconds for all that it is asked inside the `with`; they are in `spent` after it."""
        assert self.pidfd is not None, "the process has not been ended"
        watch = Stopwatch(linux.number_of(self.pidfd), self.sandbox.computed)
        self.work = watch, seconds
        try:
            yield self
        finally:
            self.work, self.spent = None, watch.seconds()

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell.

        Returns:
            {"stdout", "stderr": what the cell printed; "dropped": how many characters of each were left out;
            "error": None or [kind, message]}.
        """
        match answer := self._ask({"do": "run", "code": code}):
            case {"stdout": str(), "stderr": str(), "dropped": [int(), int()], "error": None | [str(), str()]}:
                return answer
        return unanswered("ValueError", "what came back is not a cell's result")

    def look(self, names: Set[str]) -> dict[str, tuple[bool, Any]]:
        """Do as `border.SameProcess.look`."""
        match self._ask({"do": "look", "names": sorted(names)}):
            case {"seen": dict(seen)} if all(isinstance(pair, tuple) and len(pair) == 2 for pair in seen.values()):
                return {name: pair for name, pair in seen.items() if name in names}
            case {"unlike": str(message)}:
                raise AssertionError(message)
            case {"not_plain": str(message)}:
                raise wire.NotPlainData(message)
        raise wire.NotPlainData("what came back is not plain data")

    def call(self, name: str, args: Iterable, kwargs: dict[str, Any], measure: str | None = None) -> Any:
        """Do as `border.SameProcess.call`; torch's random numbers go on there from where the test has set them."""
        state = torch.get_rng_state()
        fresh = self.random is None or not torch.equal(state, self.random)
        self.random = state
        request = {"do": "call", "name": name, "args": list(args), "kwargs": kwargs, "measure": measure}
        answer = self._ask(request | {"random": state if fresh else None})
        if isinstance(answer, dict) and "not_plain" in answer:
            raise wire.NotPlainData(str(answer["not_plain"]))
        return wire.result_of(answer)

    def check(self, exercise: str) -> str:
        """Return the line that the check cell of an exercise shows."""
        answer = self._ask({"do": "check", "exercise": exercise})
        return answer[:2000] if isinstance(answer, str) else ""

    def still_there(self) -> None:
        """Raise `border.Gone` if the process is about to be dead."""
        assert self.pidfd is not None, "the process has not been ended"
        if select.select([self.pidfd], [], [], GRACE)[0]:
            self._gone("kernel-died")

    def end(self) -> None:
        """End the process with all that it has started, and wait until it is gone."""
        if self.pidfd is None:
            return
        with contextlib.suppress(ProcessLookupError):
            linux.send_signal(self.pidfd, signal.SIGKILL)
        os.close(self.pidfd)
        self.pidfd = None
        self.link.close()
        self.sandbox.end(self.pid)

    def _ask(self, request):
        self.number += 1
        content = wire.encode(request | {"number": self.number})
        if self.pidfd is None:
            raise border.Gone("kernel-died")
        if self.work is None:
            with self.within(self.limits.seconds):
                return self._answer(content)
        return self._answer(content)

    def _answer(self, content):
        try:
            self.link.settimeout(self.work[1])
            messages.send(self.link, content)
            content = messages.receive(self.link, self.limits.answer_bytes, self._wait)
        except TimeoutError:
            self._gone("timeout")
        except ValueError:
            self._gone("memory")
        except OSError:
            content = None
        if content is None:
            self._gone("kernel-died")
        match wire.decode(content):
            case {"number": self.number, "answer": answer}:
                return answer
        raise wire.NotPlainData("what came back answers no question")

    def _wait(self):
        """Wait for the next bytes of an answer; from time to time, look whether the process uses more than it may."""
        watch, most = self.work
        while True:
            left = most - watch.clock()
            if left <= 0:
                watch.look()
                left = most - watch.seconds()
            if left <= 0:
                raise TimeoutError
            if select.select([self.link], [], [], min(SECONDS_BETWEEN_LOOKS, left))[0]:
                return
            watch.look()
            if self.sandbox.exceeds():
                self._gone("memory")

    def _gone(self, outcome):
        self.end()
        raise border.Gone(outcome) from None


def unanswered(kind: str, message: str = "") -> dict[str, Any]:
    """Return what `StudentProcess.run` returns for a cell that gave no answer: only an error of that kind."""
    return {"stdout": "", "stderr": "", "dropped": [0, 0], "error": [kind, message]}
