"""nbgrader's gradebook as a database: it is opened and copied to another one here, and its errors become one line."""

import contextlib
from pathlib import Path

from nbgrader.api import Base, Gradebook
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

COURSE_ID = "tema9"


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
