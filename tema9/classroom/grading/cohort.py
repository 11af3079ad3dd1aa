"""The class that handed in: its course folder, the notebooks concerned and the submissions."""

from dataclasses import dataclass
from pathlib import Path

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading.intake import NothingToGrade
from tema9.classroom.sources import Source


@dataclass(frozen=True)
class Cohort:
    """A class that has handed in.

    Args:
        course: its `Course`.
        sources: {name: `Source`} of the notebooks that anyone handed in.
        submissions: (student, notebook) of each submission, sorted.
    """

    course: Course
    sources: dict[str, Source]
    submissions: list[tuple[str, str]]


def open_cohort(root: str | Path) -> Cohort:
    """Look at who handed in what in a course folder; nothing is written.

    Raises:
        NothingToGrade: submitted/ holds no notebook of the course.
    """
    submitted = Path(root) / "submitted"
    known = {source.name: source for source in sources.all_sources()}
    paths = [path for path in submitted.glob("*/*/*.ipynb") if path.stem == path.parent.name and path.stem in known]
    submissions = sorted((path.parts[-3], path.stem) for path in paths)
    if not submissions:
        raise NothingToGrade(f"no submissions in {submitted}/STUDENT/NOTEBOOK/NOTEBOOK.ipynb")
    names = sorted({notebook for _, notebook in submissions})
    return Cohort(Course(root), {name: known[name] for name in names}, submissions)
