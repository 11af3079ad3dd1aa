"""Whose submission counts for whom: teams of the platform, of the list of students and of course.toml."""

import mini
import pytest

from tema9.classroom.course import Course
from tema9.classroom.grading import identities, intake
from tema9.classroom.grading.cohort import open_cohort
from tema9.classroom.grading.identities import HandedIn
from tema9.classroom.rules import Rules


@pytest.fixture(scope="module", autouse=True)
def source(tmp_path_factory):
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        yield


@pytest.fixture
def root(tmp_path):
    """A course folder in which four have handed in, at the times that are given."""

    def hand_in(**said):
        rows = []
        for student, (day, team, content) in said.items():
            path = Course(tmp_path).submitted(student, "1_mini")
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            rows.append(
                HandedIn(student, "1_mini", student, "Moodle", "1", team, when=f"2026-12-0{day}T10:00:00+01:00")
            )
        identities.save(Course(tmp_path), (), rows)
        return tmp_path

    return hand_in


def owners(cohort, *students):
    return [cohort.owner(student, "1_mini") for student in students]


def test_what_moodle_gives_for_each_member_of_a_team_is_one_submission(root):
    made = root(ana=(1, "Grupo 1", b"one"), luis=(1, "Grupo 1", b"one"), eva=(1, "Grupo 2", b"two"), leo=(1, "", b"x"))
    cohort = open_cohort(made)
    assert owners(cohort, "ana", "luis", "eva", "leo") == ["ana", "ana", "eva", "leo"]
    assert cohort.submissions == [("ana", "1_mini"), ("eva", "1_mini"), ("leo", "1_mini")]
    (made / "receipts" / "luis").mkdir(parents=True)
    (made / "receipts" / "luis" / "1_mini.json").write_text("{}")
    assert owners(open_cohort(made), "ana", "luis") == ["luis", "luis"], "that of luis is graded already"


def test_the_newest_of_a_team_counts_and_course_toml_has_the_last_word(root):
    made = root(ana=(2, "A", b"one"), luis=(3, "A", b"other"), eva=(1, "B", b"two"))
    assert owners(open_cohort(made), "ana", "luis", "eva") == ["luis", "luis", "eva"]
    (made / "roster.csv").write_text("id,team\nana,C\neva,c\nzoe,C\n", encoding="utf-8")
    cohort = open_cohort(made)
    assert owners(cohort, "ana", "luis", "eva", "zoe") == ["ana", "luis", "ana", "ana"]
    assert cohort.of_teams["zoe", "1_mini"] == ("ana", "C")
    cohort = open_cohort(made, Rules(teams={"D": ("luis", "zoe")}))
    assert owners(cohort, "ana", "luis", "eva", "zoe") == ["ana", "luis", "ana", "luis"]


def test_a_time_that_somebody_wrote_wrong_is_one_line(root):
    made = root(ana=(2, "", b"one"))
    path = made / "handed_in.csv"
    path.write_text(path.read_text(encoding="utf-8-sig").replace("2026-12-02T10:00:00+01:00", "2 de diciembre"))
    with pytest.raises(ValueError, match=r"handed_in.csv, ana, 1_mini: '2 de diciembre' is no time; expected 2026-12"):
        open_cohort(made)


def test_a_team_of_which_nobody_handed_in_has_no_submission(root):
    made = root(ana=(2, "", b"one"))
    cohort = open_cohort(made, Rules(teams={"D": ("luis", "zoe")}))
    assert owners(cohort, "luis", "zoe") == ["luis", "zoe"] and cohort.of_teams == {}
    with pytest.raises(intake.NothingToGrade):
        open_cohort(made / "nowhere")
