"""nbgrader's gradebook as a database: opened, moved to another one, and its errors in one line."""

import contextlib
from pathlib import Path

from nbgrader.api import Base, Gradebook
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

COURSE_ID = "tema9"


class GradebookError(RuntimeError):
    """The database of the gradebook fails; the message says which, without its password, and why.

    Args:
        url: SQLAlchemy's URL of the database.
        error: what went wrong.
    """

    def __init__(self, url, error):
        said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        super().__init__(f"the gradebook {_without_password(url)}: {said}")


def _without_password(url):
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "of this URL"


def open_gradebook(url, read_only=False) -> Gradebook:
    """Open nbgrader's gradebook; make it where there is none.

    Args:
        url: SQLAlchemy's URL of the database.
        read_only: where there is none, make it in memory only.

    Raises:
        GradebookError: the database cannot be opened.
    """
    try:
        place = make_url(url)
        made = place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()
        return Gradebook(url if made or not read_only else "sqlite://", COURSE_ID)
    except (SQLAlchemyError, ImportError) as error:
        raise GradebookError(url, error) from error


def with_driver(url) -> str:
    """Return the URL of a database with its driver: psycopg2 for a `postgresql://` that names none.

    Otherwise the driver would depend on the version of SQLAlchemy.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return f"postgresql+psycopg2://{url.partition('://')[2]}"
    return url


def copy(from_url, to_url) -> bool:
    """Copy what a gradebook holds into an empty one, all or nothing: students, scores, marks by hand and comments.

    Returns:
        Whether anything was copied: the first holds something, and the other one nothing.

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


def _copy_tables(before, after):
    tables = [table for table in Base.metadata.sorted_tables if table.name != "course"]  # each has that one row already
    with before.engine.connect() as source, after.engine.begin() as target:
        found = {table: [dict(row) for row in source.execute(table.select()).mappings()] for table in tables}
        if not any(found.values()) or any(target.execute(table.select().limit(1)).first() for table in tables):
            return False
        for table, rows in found.items():
            if rows:
                target.execute(table.insert(), rows)
    return True
