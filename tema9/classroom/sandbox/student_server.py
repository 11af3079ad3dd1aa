"""The student's end of the wire: what a submission's process does when a judge asks it to.

`inside` forks the process and gives it a `StudentServer`, which answers the requests of a
`student_process.StudentProcess`. All of this runs in the same process as the student's code, so that whatever it
answers may be a lie; the judge treats it as one.
"""

import ast
import codecs
import contextlib
import io
import os
from typing import TYPE_CHECKING, Any

from tema9 import magics

if TYPE_CHECKING:
    from socket import socket

    from IPython.core.interactiveshell import InteractiveShell


class StudentServer:
    """Runs a student's cells, and calls what they define.

    Args:
        link: the socket on which requests come.
        shell: IPython's shell, in whose namespace the cells run.
        own: {"measuring", "checks", "wire", "messages"}: copies that the student's code cannot reach by
            name, and so not patch.
    """

    def __init__(self, link: "socket", shell: "InteractiveShell", own: dict[str, Any]) -> None:
        self.link, self.shell, self.process_id = link, shell, os.getpid()
        self.measuring, self.checks = own["measuring"], own["checks"]
        self.wire, self.messages = own["wire"], own["messages"]
        magics.prepare(shell)

    def serve(self) -> None:
        """Answer requests until the link closes."""
        while os.getpid() == self.process_id:  # a fork that a student's code made has no business here
            content = self.messages.receive(self.link)
            if content is None:
                return
            request = self.wire.decode(content)
            answer = getattr(self, "do_" + request["do"])(request)
            try:
                content = self.wire.encode({"number": request["number"], "answer": answer})
            except self.wire.NotPlainData as error:
                content = self.wire.encode({"number": request["number"], "answer": {"not_plain": str(error)}})
            if os.getpid() == self.process_id:
                self.messages.send(self.link, content)

    def do_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a cell; answer with what it printed, how many characters of that were dropped, and its error."""
        out, err = Capped(self.wire.LONGEST_OUTPUT), Capped(self.wire.LONGEST_OUTPUT)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            error = self.execute(request["code"])
        answer = {"stdout": out.getvalue(), "stderr": err.getvalue(), "dropped": [out.dropped, err.dropped]}
        return answer | {
            "error": None
            if error is None
            else [self.measuring.error_name(error)[: self.wire.LONGEST_NAME], _str(error)]
        }

    def execute(self, code: str) -> BaseException | None:
        """Run a cell as IPython does, and return its exception or None.

        IPython itself runs a cell that is not plain Python, or that shows its last value; other cells are compiled and
        executed directly, which takes less time.
        """
        shell, compiled = self.shell, None
        with contextlib.suppress(Exception):  # magics, commands, await, or an error that IPython will find as well
            name = shell.compile.cache(code, shell.execution_count)
            tree = shell.compile.ast_parse(code, name)
            if not (tree.body and isinstance(tree.body[-1], ast.Expr)):
                compiled = shell.compile(tree, name, "exec")
        if compiled is None:
            result = shell.run_cell(code, store_history=False)
            return result.error_before_exec or result.error_in_exec
        try:
            with shell.builtin_trap:
                exec(compiled, shell.user_ns)
        except BaseException as error:  # SystemExit too
            return error
        return None

    def do_look(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer which of the names are defined: callable, or with their value if it is plain data."""
        seen, space = {}, self.shell.user_ns
        for name in request["names"]:
            if name not in space:
                continue
            try:
                if callable(space[name]):
                    seen[name] = (True, None)
                else:
                    seen[name] = (False, self.wire.as_plain(space[name], f"`{name}` es"))
            except AssertionError as error:
                return {"unlike": _str(error)}
            except Exception as error:
                return {"not_plain": f"{name}: {_str(error)}"}
        return {"seen": seen}

    def do_call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call what a name stands for, or a function of `measuring` with it; answer with the outcome of the call."""
        if request["random"] is not None:
            import torch

            torch.set_rng_state(request["random"])
        measure = request["measure"] and getattr(self.measuring, request["measure"])
        work = self.shell.user_ns.get(request["name"])
        return self.wire.call_outcome(work, request["args"], request["kwargs"], measure)

    def do_check(self, request: dict[str, Any]) -> str:
        """Answer with the line that the check cell of an exercise shows; "" where the check fails itself."""
        try:
            return str(self.checks.verdict(request["exercise"], self.shell.user_ns))
        except (Exception, SystemExit):
            return ""


class Capped(io.TextIOWrapper):
    """A stream that keeps its first `most` characters and counts the rest in `dropped`.

    Python's own buffers stand before it, so that printing a line costs what it costs anywhere. What was kept is to be
    had after the student's code has closed the stream, too.
    """

    def __init__(self, most: int) -> None:
        self.kept = _Kept(most)
        super().__init__(io.BufferedWriter(self.kept, 2**16), "utf-8", "replace", newline="")

    @property
    def dropped(self) -> int:
        """How many characters were left out, once `getvalue` has been called."""
        return self.kept.dropped

    def getvalue(self) -> str:
        """Return what was kept."""
        with contextlib.suppress(ValueError, OSError):  # it has been closed
            self.flush()
        return self.kept.text


class _Kept(io.RawIOBase):
    """The end of a `Capped`: it decodes what arrives, and keeps or counts it."""

    def __init__(self, most: int) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.room, self.dropped, self.text = most, 0, ""

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        text = self.decoder.decode(bytes(content))
        self.text += text[: self.room]
        self.dropped += max(0, len(text) - self.room)
        self.room = max(0, self.room - len(text))
        return len(content)


def _str(error):
    try:
        return str(error)[:2000]
    except Exception:  # its own __str__ may do anything
        return ""
