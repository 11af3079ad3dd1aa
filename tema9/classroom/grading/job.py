"""What goes into the judge and what comes out of it: plain data, for any process of any machine."""

from dataclasses import dataclass, field

from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.sandbox.sandbox import Limits


@dataclass(frozen=True)
class Job:
    """A submission to judge.

    Args:
        student, notebook: whose submission of which notebook.
        content: the bytes of the file, as it was handed in.
        source, released: the notebook with hidden tests and without, as JSON.
        limits, unsandboxed, hide: as for `sandbox.Sandbox`.
        previous: the receipt of the last time, whose verdicts stand where nothing that they depend on has changed.
        refused: why there is no content; "" if there is.
    """

    student: str
    notebook: str
    content: bytes
    source: str
    released: str
    limits: Limits = field(default_factory=Limits)
    unsandboxed: bool = False
    hide: tuple[str, ...] = ()
    previous: Receipt | None = None
    refused: str = ""


@dataclass(frozen=True)
class Judged:
    """What judging a submission gives: its receipt, and the notebook as it was graded.

    Args:
        receipt: the `Receipt`, not yet recorded.
        graded: the notebook, as JSON; "" where the submission could not be graded.
        ran: whether anything was run; if not, every verdict is that of the earlier receipt.
    """

    receipt: Receipt
    graded: str = ""
    ran: bool = True
