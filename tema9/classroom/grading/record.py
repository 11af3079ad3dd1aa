"""The record of a class: nbgrader's gradebook, the graded notebooks and the receipts. Only this module writes them.

A submission is one transaction: its scores are in the gradebook as a whole or not at all. The receipt is written last,
so that a run that was cut short grades again each submission that has no receipt.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nbgrader.api import (
    Comment,
    Grade,
    GradeCell,
    InvalidEntry,
    MissingEntry,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import or_
from sqlalchemy.exc import SQLAlchemyError

from tema9 import __version__
from tema9.classroom import rules as course_rules
from tema9.classroom.course import Course, quiet
from tema9.classroom.gradebook import GradebookError, GradeDetail
from tema9.classroom.grading.job import Judged
from tema9.classroom.grading.marks import moment
from tema9.classroom.grading.receipt import Receipt
from tema9.classroom.rules import FULL, NOBODY, Rules
from tema9.classroom.sources import Source
from tema9.files import atomic_write

FINAL = "final mark"  # in the place of a notebook


@dataclass(frozen=True)
class Change:
    """A recorded score that another result would change.

    Args:
        student, notebook: whose score in which notebook; `FINAL` for the final mark.
        before, after: the points that count so far, and those that would; of a final mark, the mark.
        why: the reasons of the change, a line each.
    """

    student: str
    notebook: str
    before: float
    after: float
    why: tuple[str, ...]


class Record:
    """The gradebook of a course, open for writing, and the files beside it.

    Use it as a context manager; only one at a time writes.

    Args:
        course: a `Course`.
        read_only: nothing is written, not even an empty gradebook where there is none.

    Raises:
        GradebookError: on entering or leaving, when the database fails.
    """

    def __init__(self, course: Course, read_only: bool = False) -> None:
        self.course, self.root, self.read_only = course, course.root, read_only

    def __enter__(self) -> Self:
        self.gradebook = self.course.gradebook(self.read_only)
        self.gradebook.db.session_factory.configure(expire_on_commit=False)
        self.gradebook.db.remove()
        self._rules: Rules | None = None
        self._receipts: dict[tuple[str, str], Receipt | None] = {}
        self.cells: dict[str, tuple[dict, dict]] = {}  # {notebook: what `_cells_of` returns}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.gradebook.close()
        if isinstance(error, (SQLAlchemyError, InvalidEntry)):
            raise GradebookError(self.course.url, error) from error

    def is_recorded(self, judged: Judged) -> bool:
        """Return whether this very result is what was last recorded, in this very gradebook."""
        if judged.ran:
            return False
        new = judged.receipt
        before = self.receipt(new.student, new.notebook)
        if before is None or not self.points(new.student, new.notebook):
            return False
        same = ("sha256", "verdicts", "handed_in", "late", "team", "markers", "notes")
        return all(getattr(before, name) == getattr(new, name) for name in same)

    def receipt(self, student: str, notebook: str) -> Receipt | None:
        """Return the receipt that was written when a submission was last recorded; None if it never was."""
        key = student, notebook
        if key not in self._receipts:
            self._receipts[key] = None
            with contextlib.suppress(OSError, ValueError):
                self._receipts[key] = Receipt.from_json(self.receipt_path(*key).read_text(encoding="utf-8"))
        return self._receipts[key]

    def receipt_path(self, student: str, notebook: str) -> Path:
        """Return where the receipt of a submission lies."""
        return self.root / "receipts" / student / f"{notebook}.json"

    def graded_path(self, student: str, notebook: str) -> Path:
        """Return where the notebook lies as it was graded, for Formgrader and for the feedback."""
        return self.root / "autograded" / student / notebook / f"{notebook}.ipynb"

    def rules(self) -> Rules:
        """Return the rules of the course that the recorded scores follow, as `rules.recorded` does."""
        if self._rules is None:
            self._rules = course_rules.recorded(self.root)
        return self._rules

    def enroll(self, people: Iterable[dict[str, str]]) -> None:
        """Add students to the gradebook, or bring what it knows of them up to date.

        Args:
            people: dicts with "id", and any of "first_name", "last_name", "email", "lms_user_id"; what else they have
                is not the gradebook's.
        """
        kept = ("first_name", "last_name", "email", "lms_user_id")
        with self._transaction():
            for person in people:
                rest = {key: value for key, value in person.items() if key in kept}
                self.gradebook.update_or_create_student(person["id"], **rest)

    def as_if(self, new: Receipt, points: Mapping[str, tuple[float, bool]]) -> dict[str, tuple[float, bool]]:
        """Return what `points` would return of a submission, if this receipt of it was recorded.

        Args:
            new: the receipt.
            points: what `points` returns of the submission so far.
        """
        before = self.receipt(new.student, new.notebook)
        old = {verdict.name: verdict.points for verdict in before.verdicts} if before else {}
        now = {verdict.name: verdict.points for verdict in new.verdicts}
        found = dict(points)
        for name, (score, waits) in points.items():
            if name not in old and name not in now:  # an answer in prose
                same = before is not None and before.cells.get(name) == new.cells.get(name)
                blank = not new.was_graded or name in new.unanswered
                found[name] = (0.0, False) if blank else (score, waits or not same)
            elif score == old.get(name, score):
                found[name] = now.get(name, 0.0), False
            else:  # a person gave these points; they are to be seen again, if the result is another one
                found[name] = score, waits or old.get(name) != now.get(name, 0.0)
        return {name: (score, False) for name, score in now.items() if name not in found} | found

    def save(self, judged: Judged) -> None:
        """Record a submission: its notebook, its scores in one transaction, its receipt."""
        receipt = judged.receipt
        before = self.receipt(receipt.student, receipt.notebook)
        path = self.graded_path(receipt.student, receipt.notebook)
        if judged.graded:
            with atomic_write(path) as temporary:
                temporary.write_text(judged.graded, encoding="utf-8")
        else:  # what was graded before is not what was handed in now
            path.unlink(missing_ok=True)
        with self._transaction():
            self._set_scores(receipt, before.cells if before else {})
        dated = replace(receipt, version=__version__, recorded=datetime.now(UTC).isoformat(timespec="seconds"))
        with atomic_write(self.receipt_path(receipt.student, receipt.notebook)) as temporary:
            temporary.write_text(dated.to_json(), encoding="utf-8")
        self._receipts[receipt.student, receipt.notebook] = dated

    def _set_scores(self, receipt, cells_before):
        """Every grade is set anew: none of an earlier submission stays, but marks for an answer that is the same."""
        book, name, student = self.gradebook, receipt.notebook, receipt.student
        book.update_or_create_student(student)
        submission = book.update_or_create_submission(name, student, timestamp=_in_utc(moment(receipt.handed_in)))
        notebook = next(one for one in submission.notebooks if one.name == name)
        verdicts = {verdict.name: verdict for verdict in receipt.verdicts}
        grades = {grade.cell_id: grade for grade in notebook.grades}
        comments = {comment.cell_id: comment for comment in notebook.comments}
        answers, solutions = self._cells_of(name)
        for cell_id, cell_name in answers.items():
            grade = grades.get(cell_id)
            if grade is None:
                grade = Grade(cell_id=cell_id, notebook=notebook)
                book.db.add(grade)
            if cell_name in solutions.values():
                _mark_by_hand(grade, cell_name, receipt, cells_before)
            else:
                verdict = verdicts.get(cell_name)
                score = verdict.points if verdict else 0.0
                # Points that a person gave to this very result stand; to another, they are to be seen again.
                seen_again = grade.manual_score is not None and grade.auto_score != score
                grade.auto_score, grade.needs_manual_grade = score, seen_again
        for cell_id, cell_name in solutions.items():
            comment = comments.get(cell_id)
            if comment is None:
                comment = Comment(cell_id=cell_id, notebook=notebook)
                book.db.add(comment)
            comment.auto_comment = "Sin respuesta." if cell_name in receipt.unanswered else None

    def follow(
        self,
        rules: Rules,
        said: tuple[bytes, Mapping[str, str]] | None,
        sources: Iterable[Source],
        lost: dict[tuple[str, str], float],
    ) -> None:
        """Record the rules of the course, and bring the gradebook in line with them, for Formgrader and for nbgrader.

        These are the deadlines, the days more, the penalties, and the exercises that count otherwise.

        Args:
            rules: the rules.
            said: the content of the file that says them, and the names of students, as `rules.record` takes them;
                None if they are recorded already.
            sources: the notebooks that are graded.
            lost: {(student, notebook): points that lateness takes}.
        """
        book = self.gradebook
        counts: dict[str, tuple[str | None, float]] = {}  # {id of a cell: (its effect, its points)}
        with self._transaction():
            for source in sources:
                assignment = book.find_assignment(source.name)
                assignment.duedate = _in_utc(rules.of(source.name).deadline)
                points = {
                    cell.grade_id: (one.name, cell.points) for one in source.exercises.values() for cell in one.scored
                }
                for cell in book.find_notebook(source.name, source.name).grade_cells:
                    exercise, most = points.get(cell.name, ("", cell.max_score))
                    effect = rules.exercises.get(exercise)
                    counts[cell.id] = effect, most
                    cell.max_score = 0 if effect == NOBODY else most
                submissions = book.db.query(SubmittedAssignment, SubmittedNotebook).join(SubmittedAssignment.notebooks)
                for submission, notebook in submissions.filter(SubmittedAssignment.assignment_id == assignment.id):
                    submission.extension = rules.more_time(source.name, submission.student_id) or None
                    notebook.late_submission_penalty = lost.get((submission.student_id, source.name)) or None
            self._count(counts)
        if said is not None:
            course_rules.record(self.root, *said)
            self._rules = rules

    def _count(self, counts):
        """Give the extra credit by which cells count as {id: (effect, points)} says, and take back what is over."""
        book = self.gradebook.db
        affected = [one for one, (effect, _) in counts.items() if effect]
        grades = book.query(Grade, GradeDetail).outerjoin(GradeDetail, GradeDetail.grade_id == Grade.id)
        for grade, found in grades.filter(or_(Grade.cell_id.in_(affected), GradeDetail.by_rules.isnot(None))).all():
            effect, most = counts.get(grade.cell_id, (None, 0))
            detail = found or GradeDetail(grade_id=grade.id)
            book.add(detail)
            by_person = (grade.extra_credit or 0.0) - (detail.by_rules or 0.0)
            own = (grade.auto_score or 0.0) if grade.manual_score is None else grade.manual_score
            wanted = {FULL: most - own - by_person, NOBODY: -own - by_person}.get(effect)
            grade.extra_credit = (by_person + (wanted or 0.0)) or None
            if effect:
                grade.needs_manual_grade = False
            elif detail.by_rules is not None:
                grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
            detail.by_rules = wanted

    def _cells_of(self, name):
        """({id: name} of the graded cells, {id: name} of the solution cells) of a notebook."""
        if name not in self.cells:
            notebook = self.gradebook.find_notebook(name, name)
            self.cells[name] = (
                {cell.id: cell.name for cell in notebook.grade_cells},
                {cell.id: cell.name for cell in notebook.solution_cells},
            )
            # A cell that is graded by hand is of both kinds, with an identifier for each.
        return self.cells[name]

    @contextlib.contextmanager
    def _transaction(self):
        """nbgrader's methods commit at every step; in here, what they did is committed at the end, or undone."""
        session = self.gradebook.db()
        commit = session.commit
        session.commit = lambda: None  # a query flushes what it needs, the end the rest
        try:
            with quiet():  # SQLAlchemy says that nbgrader flushes early
                yield
        except BaseException:
            session.rollback()
            raise
        else:
            commit()
        finally:
            del session.commit

    def names(self) -> dict[str, str]:
        """Return {student: name} of the students of whom the gradebook has a name."""
        names = {one.id: " ".join(filter(None, [one.first_name, one.last_name])) for one in self.students()}
        return {student: name for student, name in names.items() if name}

    def students(self) -> list:
        """Return the students in the gradebook, enrolled or graded."""
        return list(self.gradebook.students)

    def points(self, student: str, notebook: str) -> dict[str, tuple[float, bool]]:
        """Return {cell: (score, whether it waits for a person)} of a recorded submission; {} if there is none.

        The scores are those that tests and people gave, without what the rules of the course add or take away.
        """
        found = self.all_points(SubmittedAssignment.student_id == student, Notebook.name == notebook)
        return found.get((student, notebook), {})

    def all_points(self, *which: Any) -> dict[tuple[str, str], dict[str, tuple[float, bool]]]:
        """Return {(student, notebook): what `points` returns} of the recorded submissions.

        Args:
            which: conditions of SQLAlchemy on the submissions; none for all of them.
        """
        columns = Grade.score, GradeDetail.by_rules, Grade.needs_manual_grade
        found: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}
        for student, notebook, cell, score, by_rules, waits in self._of_cells(*columns).filter(*which):
            found.setdefault((student, notebook), {})[cell] = (score or 0.0) - (by_rules or 0.0), bool(waits)
        return found

    def all_markers(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return {(student, notebook): {cell: who gave its mark by hand}} of the recorded submissions."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for student, notebook, cell, marker in self._of_cells(GradeDetail.marker).filter(
            GradeDetail.marker.isnot(None)
        ):
            found.setdefault((student, notebook), {})[cell] = marker
        return found

    def pages(self) -> dict[tuple[str, str], str]:
        """Return {(student, notebook): the name of its page in Formgrader} of the recorded submissions."""
        columns = SubmittedAssignment.student_id, Notebook.name, SubmittedNotebook.id
        found = self.gradebook.db.query(*columns).select_from(SubmittedNotebook)
        found = found.join(SubmittedNotebook.assignment).join(SubmittedNotebook.notebook)
        return {(student, notebook): page for student, notebook, page in found}

    def _of_cells(self, *columns):
        """A query for these columns of all graded cells, after the student, the notebook and the cell."""
        keys = SubmittedAssignment.student_id, Notebook.name, GradeCell.name
        cells = self.gradebook.db.query(*keys, *columns).select_from(Grade)
        cells = cells.join(GradeCell, Grade.cell_id == GradeCell.id).outerjoin(
            GradeDetail, GradeDetail.grade_id == Grade.id
        )
        return cells.join(Grade.notebook).join(SubmittedNotebook.assignment).join(SubmittedNotebook.notebook)

    def comments(self, student: str, notebook: str) -> dict[str, str]:
        """Return {cell: what a person wrote to the student about it} of a submission."""
        try:
            found = self.gradebook.find_submission_notebook(notebook, notebook, student)
        except MissingEntry:
            return {}
        names = self._cells_of(notebook)[1]
        return {names[c.cell_id]: c.manual_comment for c in found.comments if c.manual_comment and c.cell_id in names}


def _in_utc(when):
    """A time as nbgrader writes it: in UTC, without a time zone; None for None."""
    return when and when.astimezone(UTC).replace(tzinfo=None)


def _mark_by_hand(grade, name, receipt, cells_before):
    """Set the grade of an answer in prose: nothing written is 0 points, anything else waits for a person."""
    if not receipt.was_graded or name in receipt.unanswered:
        grade.auto_score, grade.manual_score, grade.needs_manual_grade = 0.0, None, False
        return
    same = cells_before.get(name) == receipt.cells.get(name)
    grade.auto_score = None
    grade.needs_manual_grade = grade.manual_score is None or not same or bool(grade.needs_manual_grade)
