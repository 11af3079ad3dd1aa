"""A submission's process that is there again after it has died, without the cell that killed it."""

import contextlib
from typing import Any

from tema9.classroom.sandbox import border, wire
from tema9.classroom.sandbox.sandbox import Sandbox
from tema9.classroom.sandbox.student_process import unanswered


class RestartingProcess:
    """The student's side of the border over several processes, one after another.

    When a process dies, the next one runs the cells of the submission again, but not those that killed a process
    before it. So a cell that ends its process costs the student that cell, and not those around it. All the processes
    together have `Limits.total_seconds`; what is left when these are over has the outcome "timeout" at once.

    Args:
        sandbox: the `Sandbox` in which each process is forked.
        killers: {the index of a cell that is known to kill its process, and is not run: the outcome}.
    """

    def __init__(self, sandbox: Sandbox, killers: dict[int, str] | None = None) -> None:
        self.sandbox = sandbox
        self.process: Any = None  # the `StudentProcess` that runs now, once there is one
        self.cells: list[str] = []  # the code of the cells that have run
        self.killers = dict(killers or {})  # {the index in `cells` of a cell that killed its process: the outcome}
        self.left = sandbox.limits.total_seconds
        self.last: dict[str, int] = {}  # {an exercise: the index in `cells` of its last answer}

    def run(self, code: str, exercise: str = "") -> dict[str, Any]:
        """Run a cell, the answer to an exercise or set-up; return what `StudentProcess.run` does.

        A cell that killed its process has the outcome as the kind of its error.
        """
        number = self.last[exercise] = len(self.cells)
        if number in self.killers:
            self.cells.append(code)
            return unanswered(self.killers[number])
        try:
            answer = self._do(lambda: self.process.run(code))
        except border.Gone as gone:
            self.killers[number] = gone.outcome
            answer = unanswered(gone.outcome)
        except wire.NotPlainData as error:
            answer = unanswered("NotPlainData", str(error))
        self.cells.append(code)
        return answer

    def killed(self, exercise: str) -> str:
        """Return the outcome of the answer to an exercise if it killed its process, and "" if not."""
        return self.killers.get(self.last.get(exercise, -1), "")

    def judge(self, test: str) -> border.Verdict:
        """Do as `border.judge` with this side."""
        try:
            return self._do(lambda: self._judged(test))
        except border.Gone as gone:
            return border.Verdict(gone.outcome)

    def check(self, exercise: str) -> str:
        """Return the line that the check cell of an exercise shows; "" where there is none to be had."""
        try:
            self._ensure_alive()
            with self._within(self._seconds()):
                return self.process.check(exercise)
        except (border.Gone, wire.NotPlainData):
            return ""

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.end()

    def _judged(self, test):
        verdict = border.judge(test, self.process)
        if verdict.outcome == "kernel-died":
            raise border.Gone(verdict.outcome)
        return verdict

    def _do(self, action):
        """Do something with the process; do it again if the process dies of what an earlier cell had left behind."""
        while True:
            self._seconds()
            self._ensure_alive()
            known = len(self.killers)
            try:
                with self._within(self._seconds()):
                    return action()
            except border.Gone as gone:
                if gone.outcome != "kernel-died":
                    raise
            self._ensure_alive()
            if len(self.killers) == known:
                raise border.Gone("kernel-died")

    def _seconds(self):
        """How long the next thing may take; raises `border.Gone` if the time of the submission is over."""
        if self.left <= 0:
            raise border.Gone("timeout")
        return min(self.sandbox.limits.seconds, self.left)

    @contextlib.contextmanager
    def _within(self, seconds):
        try:
            with self.process.within(seconds):
                yield
        finally:
            self.left -= self.process.spent

    def _ensure_alive(self):
        while self.process is None or self.process.pidfd is None:
            self.process = self.sandbox.student_process()
            for number, code in enumerate(self.cells):
                if number in self.killers:
                    continue
                seconds = self._seconds()
                try:
                    with self._within(seconds):
                        self.process.run(code)
                        self.process.still_there()
                except border.Gone as gone:  # it killed the process, perhaps after it had ended; go on without it
                    if seconds == self.sandbox.limits.seconds or gone.outcome != "timeout":
                        self.killers[number] = gone.outcome
                    break
                except wire.NotPlainData:
                    pass
