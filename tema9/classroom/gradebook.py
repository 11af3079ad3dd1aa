"""nbgrader's gradebook as a database: it is opened and copied to another one here, and its errors become one line.

A table of ours stands beside nbgrader's table of grades. Wherever this module is imported, in Formgrader's process too,
it notes there who gave a mark, a session goes on after its database was away, and a new gradebook takes no seconds.
"""

import contextlib
import getpass
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbgrader.api
from nbgrader.api import Base, Grade, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Column, Float, String, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history

COURSE_ID = "tema9"
MARKER = "TEMA9_MARKER"  # the environment variable with the name of the person who marks


def _newest_revision() -> str:
    """Return the revision of the tables that nbgrader makes; its own function starts a process, which takes seconds."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(ALEMBIC_DIR).get_current_head())


nbgrader.api.get_alembic_version = _newest_revision


class GradeDetail(Base):
    """What nbgrader has no column for: who gave a mark by hand and when, and what the rules of the course add to it.

    The points that the rules add, or take away, are part of the grade's extra credit; None where the rules say nothing
    of the exercise.
    """

    __tablename__ = "tema9_grade"

    grade_id = Column(String(32), primary_key=True)
    marker = Column(String(128))
    marked = Column(String(32))
    by_rules = Column(Float())


def marker() -> str:
    """Return the name of the person who marks in this process: that of `--marker`, or the user's."""
    with contextlib.suppress(Exception):  # a user without an entry in the system has no name
        return (os.environ.get(MARKER) or getpass.getuser())[:128]
    return ""


@event.listens_for(Session, "before_flush")
def _note_who_marks(session: Session, context: Any, instances: Any) -> None:
    for grade in [one for one in session.dirty if isinstance(one, Grade)]:
        if not get_history(grade, "manual_score").has_changes():
            continue
        detail: Any = session.get(GradeDetail, grade.id) or GradeDetail(grade_id=grade.id)
        session.add(detail)
        given = grade.manual_score is not None
        detail.marker = marker() if given else None
        detail.marked = datetime.now(UTC).isoformat(timespec="seconds") if given else None


@event.listens_for(Session, "do_orm_execute")
def _leave_what_failed(state: Any) -> None:
    """Forget a transaction whose connection has ended, as that of a server that has been started again.

    Formgrader keeps one session for all its pages and never does so: each page after that would be an error.
    """
    session = state.session
    if session.in_transaction() and not (session.is_active and not session.connection().invalidated):
        session.rollback()


class GradebookError(RuntimeError):
    """The database of the gradebook fails; the message names the database, without its password, and the reason.

    Args:
        url: SQLAlchemy's URL of the database.
        error: the exception that was raised.
    """

    def __init__(self, url: str, error: Exception) -> None:
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        super().__init__(f"the gradebook {_without_password(url)}: {said}")


def _without_password(url):
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "of this URL"


def exists(url: str) -> bool:
    """Return whether there is a gradebook already; of a database on a server, that there may be one."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:  # whoever opens it is told
        return True
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def open_gradebook(url: str, read_only: bool = False) -> Gradebook:
    """Open nbgrader's gradebook; if the database does not exist, make it.

    Args:
        url: SQLAlchemy's URL of the database.
        read_only: whether to make a database that does not exist in memory only.

    Raises:
        GradebookError: the database cannot be opened.
    """
    try:
        return Gradebook(url if exists(url) or not read_only else "sqlite://", COURSE_ID)
    except (SQLAlchemyError, ImportError) as error:
        raise GradebookError(url, error) from error


def with_driver(url: str) -> str:
    """Return the URL of a database with a driver: psycopg2, if it is a `postgresql://` that names no driver.

    Without that, the driver would depend on the version of SQLAlchemy.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return f"postgresql+psycopg2://{url.partition('://')[2]}"
    return url


def copy(from_url: str, to_url: str) -> bool:
    """Copy all that a gradebook holds into an empty one: students, scores, marks by hand and comments.

    Args:
        from_url, to_url: SQLAlchemy's URLs of the two databases.

    Returns:
        Whether anything was copied. Nothing is if the first gradebook is empty or the second one is not.

    Raises:
        GradebookError: one of the two cannot be opened or written; nothing has changed.
    """
    with (
        contextlib.closing(open_gradebook(from_url, read_only=True)) as before,
        contextlib.closing(open_gradebook(to_url)) as after,
    ):
        try:
            return _copy_tables(before, after)
        except SQLAlchemyError as error:
            raise GradebookError(to_url, error) from error


def back_up(url: str, path: Path) -> None:
    """Copy a gradebook into a file of SQLite that is not there yet; a gradebook that is not there makes no file.

    Raises:
        GradebookError: it cannot be read or written.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        copy(url, f"sqlite:///{path}")
    elif exists(url):
        try:
            with (
                contextlib.closing(sqlite3.connect(parsed.database or "")) as before,
                contextlib.closing(sqlite3.connect(path)) as after,
            ):
                before.backup(after)
        except sqlite3.Error as error:
            raise GradebookError(url, error) from error


def _copy_tables(before, after):
    # Each gradebook has the one row of the table "course" already.
    tables = [table for table in Base.metadata.sorted_tables if table.name != "course"]
    with before.engine.connect() as source, after.engine.begin() as target:
        found = {table: [dict(row) for row in source.execute(table.select()).mappings()] for table in tables}
        if not any(found.values()) or any(target.execute(table.select().limit(1)).first() for table in tables):
            return False
        for table, rows in found.items():
            if rows:
                target.execute(table.insert(), rows)
    return True
