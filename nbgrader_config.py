"""nbgrader's settings for this course; they are made in tema9.classroom.course."""

from pathlib import Path

from tema9.classroom.course import settings

c = get_config()  # noqa: F821, nbgrader defines it
c.merge(settings(Path(__file__).parent / "course"))
