"""The class that handed in: its course folder, the notebooks concerned and the submissions."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tema9.classroom import rules as course_rules
from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading import identities, marks, people
from tema9.classroom.grading.intake import NothingToGrade
from tema9.classroom.rules import Rules
from tema9.classroom.sources import Source


@dataclass(frozen=True)
class Cohort:
    """A class that has handed in.

    Args:
        course: its `Course`.
        sources: {name: `Source`} of the notebooks that anyone handed in.
        submissions: (student, notebook) of each submission that counts, sorted.
        of_teams: {(student, notebook): (the member of the team whose submission counts, the team)}.
    """

    course: Course
    sources: dict[str, Source]
    submissions: list[tuple[str, str]]
    of_teams: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def owner(self, student: str, notebook: str) -> str:
        """Return whose submission counts for a student: the student's own, or that of a member of the team."""
        return self.of_teams.get((student, notebook), (student, ""))[0]


def open_cohort(root: str | Path, rules: Rules | None = None) -> Cohort:
    """Look at who handed in what in a course folder; nothing is written.

    Args:
        root: the course folder.
        rules: of the course, which name teams; None for those that the recorded scores follow.

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
    course = Course(root)
    of_teams = _of_teams(course, rules or course_rules.recorded(root), submissions, names)
    counting = [(student, notebook) for student, notebook in submissions if _counts(of_teams, student, notebook)]
    return Cohort(course, {name: known[name] for name in names}, counting, of_teams)


def _counts(of_teams, student, notebook):
    return of_teams.get((student, notebook), (student, ""))[0] == student


def _of_teams(course, rules, submissions, names):
    """{(student, notebook): (whose submission counts, team)} of those in teams of which anybody handed in.

    A team is one of course.toml, else of the list of students, else of the platform's delivery. The newest submission
    counts; of several with the same bytes, which a platform gives for each member, one that is graded already.
    """
    handed_in = identities.handed_in(course)
    said = {student: team for team, members in rules.teams.items() for student in members}
    listed = {person["id"]: person["team"] for person in people.roster(course) if person.get("team")}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    there = set(submissions)
    for notebook in names:
        teams: dict[str, dict[str, str]] = defaultdict(dict)  # {key of a team: {member: name of the team}}
        of_platform = {row.student: row.team for row in handed_in.values() if row.notebook == notebook and row.team}
        for student, team in (of_platform | listed | said).items():
            teams[team.strip().casefold()][student] = team.strip()
        for members in teams.values():
            having = sorted(student for student in members if (student, notebook) in there)
            if len(members) == 1 or not having:
                continue
            newest = max(having, key=lambda student: _when(handed_in, student, notebook))
            content = _bytes(course, newest, notebook)
            same = [one for one in having if one == newest or _bytes(course, one, notebook) == content]
            graded = [one for one in same if (course.root / "receipts" / one / f"{notebook}.json").is_file()]
            owner = (graded or same)[0]
            found |= {(student, notebook): (owner, team) for student, team in members.items()}
    return found


def _when(handed_in, student, notebook):
    row = handed_in.get((student, notebook))
    when = marks.moment(row.when) if row else None
    return when.timestamp() if when else 0.0


def _bytes(course, student, notebook):
    path = course.submitted(student, notebook)
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    except OSError:
        return b""
