"""nbgrader's exchange: what students hand in through it, whatever else they write there, and the way back.

Here all accounts are one: the name that its owner has is given by a fixture.
"""

import contextlib
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import default
from nbgrader.utils import notebook_hash, parse_utc
from traitlets.config import Config

from tema9.classroom import sources
from tema9.classroom.course import Course
from tema9.classroom.grading import exchange, identities, intake
from tema9.classroom.grading.delivery import Limits
from tema9.classroom.grading.intake import NothingToGrade

NOTEBOOK = "1_lenet5"
SECRET = "n7Gm5Kk0o_-A"
pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no exchange")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("exchange") / "course")
    course.prepare(source for source in sources.all_sources() if source.name == NOTEBOOK)
    return course.root


@pytest.fixture
def course(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_account", lambda number: "alu1")
    shutil.copytree(prepared, tmp_path / "course")
    course = Course(tmp_path / "course")
    course.use_exchange(tmp_path / "exchange")
    exchange.publish(course)
    return course


@pytest.fixture
def hand_in(course):
    """A function that lays a submission into the inbound folder, as nbgrader does or as somebody does by hand."""

    def hand_in(text="{}", when=None, account="alu1", notebook=NOTEBOOK, file=None, secret=SECRET, name=None):
        when = when or datetime.now(UTC)
        name = name or f"{account}+{notebook}+{when:%Y-%m-%d %H:%M:%S.%f} UTC+{secret}"
        folder = exchange.folder(course) / "inbound" / name
        folder.mkdir()
        (folder / (file or f"{notebook}.ipynb")).write_text(text)
        (folder / "timestamp.txt").write_text(f"{when:%Y-%m-%d %H:%M:%S.%f} UTC")
        (folder / "submission_secret.txt").write_text(f"secret of {text}")
        return folder

    return hand_in


def taken(course, **options):
    return exchange.collect(course.root, **options)


def text_of(course, student="alu1"):
    return course.submitted(student, NOTEBOOK).read_text()


def students(course):
    return sorted(path.name for path in (course.root / "submitted").glob("*"))


def test_a_release_is_put_there_once_with_rights_that_keep_students_apart(course):
    root = exchange.folder(course)
    assert (root / "outbound" / NOTEBOOK / f"{NOTEBOOK}.ipynb").read_bytes() == course.release(NOTEBOOK).read_bytes()
    assert [oct(place.stat().st_mode & 0o7777) for place in (root.parent, root / "inbound")] == ["0o1777", "0o3733"]
    assert exchange.publish(course) == []
    course.release(NOTEBOOK).write_text("newer")
    assert exchange.publish(course) == [NOTEBOOK]
    assert (root / "outbound" / NOTEBOOK / f"{NOTEBOOK}.ipynb").read_text() == "newer"
    assert Course(course.root).api.exchange.ReleaseAssignment(coursedir=course.api.coursedir).root == str(root.parent)


def test_students_cannot_be_sent_into_the_course_folder(course):
    with pytest.raises(ValueError, match="which no student may enter; give another folder"):
        course.use_exchange(course.root / "exchange")


@pytest.fixture
def student(course, tmp_path, monkeypatch):
    """A function that does what nbgrader does for a student: in a home of its own, without the course's settings."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    config = Config()
    config.CourseDirectory.course_id = exchange.COURSE_ID
    config.CourseDirectory.assignment_id = NOTEBOOK
    config.Exchange.root = str(course.exchange)
    config.Exchange.cache = str(home / "cache")
    config.ExchangeSubmit.timezone = config.ExchangeFetchFeedback.timezone = "UTC"
    directory = CourseDirectory(config=config, student_id="alu1")

    def do(kind):
        kind(coursedir=directory, authenticator=Authenticator(config=config), config=config).start()

    do.home = home
    return do


def test_a_student_fetches_hands_in_twice_and_reads_the_page_of_what_counts(course, student):
    student(default.ExchangeFetchAssignment)
    student(default.ExchangeSubmit)
    (student.home / NOTEBOOK / f"{NOTEBOOK}.ipynb").write_text('{"cells": [], "again": true}')
    student(default.ExchangeSubmit)

    done = taken(course)
    assert done.submissions == [("alu1", NOTEBOOK)] and not done.left_out
    assert text_of(course) == '{"cells": [], "again": true}'
    beside = course.submitted("alu1", NOTEBOOK).parent
    secret = (beside / "submission_secret.txt").read_text()

    page = course.root / "feedback" / "alu1" / NOTEBOOK / f"{NOTEBOOK}.html"
    other = course.root / "feedback" / "by-zip" / NOTEBOOK / f"{NOTEBOOK}.html"
    for one in (page, other):
        one.parent.mkdir(parents=True)
        one.write_text(f"the page of {one.parts[-3]}")
    for name in intake.BESIDE:
        shutil.copy(beside / name, page.parent)
    assert exchange.give_back(course, [page, other]) == 1
    given = exchange.folder(course) / "feedback"
    assert [path.name for path in given.iterdir()] == [f"{notebook_hash(secret=secret, notebook_id=NOTEBOOK)}.html"]
    student(default.ExchangeFetchFeedback)
    assert [path.read_text() for path in student.home.glob(f"{NOTEBOOK}/feedback/*/*.html")] == ["the page of alu1"]


def test_formgraders_collect_goes_the_same_way(course, hand_in):
    hand_in('{"mine": 1}')
    hand_in(account="alu2")
    assert course.api.collect(NOTEBOOK)["success"]
    assert students(course) == ["alu1"]


NOW = datetime.now(UTC)
REFUSED = {
    "another's name": (dict(account="alu2"), "nobody hands in under another's name"),
    "in the future": (dict(when=NOW + timedelta(days=1500)), "is to come"),
    "no date": (dict(name=f"alu1+{NOTEBOOK}+not-a-date+z"), "its name has no time"),
    "a date that no clock has": (dict(name=f"alu1+{NOTEBOOK}+0001-01-01 00:00:00 UTC+z"), ""),
    "a name of another form": (dict(name="apuntes"), "no name that nbgrader gives"),
    "nobody": (dict(name=f"+{NOTEBOOK}+2026-01-01 00:00:00.000000 UTC+z"), "nobody hands in under another's name"),
    "no notebook of the course": (dict(notebook="7_resnet"), "no notebook of the course"),
    "a pattern": (dict(notebook="*"), "no notebook of the course"),
    "another notebook in it": (dict(file="6_zfnet.ipynb"), f"holds 6_zfnet, not {NOTEBOOK}"),
    "only text": (dict(file="leeme.md"), "no notebook"),
    "too large": (dict(text="x" * 2000), "the limit is 1,000"),
}


@pytest.mark.parametrize(("what", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_with_a_submission_is_a_line_and_the_one_before_it_counts(course, hand_in, what, why):
    hand_in('{"right": 1}', NOW - timedelta(hours=1), secret="before")
    hand_in(**what)
    done = taken(course, limits=Limits(file_bytes=1000))
    assert why in " ".join(done.left_out) and len(done.left_out) >= 1
    assert students(course) == ["alu1"] and text_of(course) == '{"right": 1}'


def as_a_link(folder, course):
    (folder / f"{NOTEBOOK}.ipynb").unlink()
    (folder / f"{NOTEBOOK}.ipynb").symlink_to(course.source(NOTEBOOK))


def as_a_second_name(folder, course):
    (folder / f"{NOTEBOOK}.ipynb").unlink()
    os.link(course.source(NOTEBOOK), folder / f"{NOTEBOOK}.ipynb")


def as_a_linked_folder(folder, course):
    shutil.rmtree(folder)
    folder.symlink_to(course.source(NOTEBOOK).parent)


def as_a_pipe(folder, course):
    (folder / f"{NOTEBOOK}.ipynb").unlink()
    os.mkfifo(folder / f"{NOTEBOOK}.ipynb")


def as_a_file(folder, course):
    shutil.rmtree(folder)
    shutil.copy(course.source(NOTEBOOK), folder)


def as_many_files(folder, course):
    for number in range(30):
        (folder / f"{number}.txt").write_text("")


def as_a_link_beside(folder, course):
    """The notebook is right; nbgrader's own file beside it leads to the solutions, and would be handed on."""
    (folder / "submission_secret.txt").unlink()
    (folder / "submission_secret.txt").symlink_to(course.source(NOTEBOOK))


@pytest.mark.parametrize(
    "trick", [as_a_link, as_a_second_name, as_a_linked_folder, as_a_pipe, as_a_file, as_many_files]
)
def test_nothing_but_the_students_own_files_is_read(course, hand_in, trick):
    hand_in('{"right": 1}', NOW - timedelta(hours=1), secret="before")
    trick(hand_in('{"trick": 1}'), course)
    done = taken(course, limits=Limits(student_files=20))
    assert done.left_out and text_of(course) == '{"right": 1}'


def test_a_link_beside_a_notebook_is_not_followed(course, hand_in):
    as_a_link_beside(hand_in('{"right": 1}'), course)
    assert taken(course).submissions == [("alu1", NOTEBOOK)]
    beside = sorted(path.name for path in course.submitted("alu1", NOTEBOOK).parent.iterdir())
    assert beside == [f"{NOTEBOOK}.ipynb", "timestamp.txt"]


def test_what_a_student_writes_beside_a_notebook_keeps_nobody_from_their_page(course, hand_in):
    """One byte that is no text, or a file that is not there, ends nbgrader's `release_feedback` for the whole class."""
    folder, there = hand_in('{"right": 1}', NOW), course.submitted("alu1", NOTEBOOK).parent
    times = [b"\xff ayer", b"1999-01-01 00:00:00 UTC", None]
    for secret in (b"\xff\xfe", b"", b"a\0b", b"two\nlines", "clave \u202e".encode(), b"x" * 5000, None):
        said = times[len(secret or b"") % 3]
        for name, content in ((exchange.SECRET, secret), (exchange.TIMESTAMP, said)):
            (folder / name).unlink(missing_ok=True)
            if content is not None:
                (folder / name).write_bytes(content)
        done = taken(course)
        assert done.submissions == [("alu1", NOTEBOOK)]
        assert any("no secret of nbgrader's" in line for line in done.left_out)
        assert not (there / exchange.SECRET).exists()
        assert parse_utc((there / exchange.TIMESTAMP).read_text()) == NOW.replace(tzinfo=None)


def test_a_folder_that_is_gone_when_it_is_looked_at_stops_nobody(course, hand_in, monkeypatch):
    hand_in('{"right": 1}', NOW - timedelta(hours=1))
    gone, scan = hand_in('{"gone": 1}', secret="gone"), os.scandir

    @contextlib.contextmanager
    def listed(place):
        with scan(place) as entries:
            found = list(entries)
        if isinstance(place, int) and gone.exists():
            gone.rename(course.root / "away")
        yield iter(found)

    monkeypatch.setattr(exchange.os, "scandir", listed)
    assert taken(course).submissions == [("alu1", NOTEBOOK)] and text_of(course) == '{"right": 1}'


def test_what_changes_under_the_reader_is_not_read_either(course, hand_in, monkeypatch):
    """The file is one when the folder is listed, and a link when it is opened."""
    folder = hand_in('{"right": 1}')
    listed = exchange._files

    def change(*arguments):
        given = list(listed(*arguments))
        as_a_link(folder, course)
        return given

    monkeypatch.setattr(exchange, "_files", change)
    done = taken(course)
    assert done.submissions == [] and any("cannot be read" in line for line in done.left_out)


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root reads what nobody may read")
def test_what_nobody_may_read_stops_nobody(course, hand_in):
    hand_in('{"right": 1}', NOW - timedelta(hours=1), secret="before")
    folder = hand_in('{"locked": 1}')
    folder.chmod(0)
    done = taken(course)
    folder.chmod(0o700)
    assert text_of(course) == '{"right": 1}' and "cannot be read" in done.left_out[0]


def test_a_thousand_odd_names_of_one_account_are_one_line(course, hand_in):
    hand_in('{"right": 1}')
    for number in range(1000):
        (exchange.folder(course) / "inbound" / f"x{number:04}").mkdir()
    done = taken(course)
    assert len(done.left_out) == 1 and "and 999 more of alu1" in done.left_out[0]


def test_a_name_that_says_long_before_the_folder_changed_is_told(course, hand_in):
    hand_in(when=NOW - timedelta(days=2))
    done = taken(course)
    assert any("its name says" in note for note in done.notes)
    assert done.submissions


def test_an_account_that_no_list_has_waits_for_the_teacher(course, hand_in):
    hand_in()
    people = [{"id": "alu7", "first_name": "Ana", "last_name": "Sanz"}]
    done = taken(course, enrolled=people)
    assert not done.submissions and [row.handed_in_as for row in done.unresolved] == ["alu1"]
    assert "alu1" in (course.root / identities.WHO).read_text()


def test_work_that_came_another_way_later_has_no_secret_of_the_exchange(course, hand_in, tmp_path):
    people = [{"id": "alu1", "first_name": "Ana", "last_name": "Sanz"}]
    hand_in('{"cells": [], "by": "exchange"}', NOW - timedelta(days=1))
    taken(course, enrolled=people)
    assert course.submitted("alu1", NOTEBOOK).with_name("submission_secret.txt").is_file()
    (tmp_path / "zip" / "alu1").mkdir(parents=True)
    (tmp_path / "zip" / "alu1" / f"{NOTEBOOK}.ipynb").write_text('{"cells": [], "by": "zip"}')
    intake.collect(course.root, tmp_path / "zip", people=people)
    assert text_of(course) == '{"cells": [], "by": "zip"}'
    assert not course.submitted("alu1", NOTEBOOK).with_name("submission_secret.txt").exists()
    assert (course.root / "replaced" / "alu1" / f"{NOTEBOOK}-1.ipynb").read_text() == '{"cells": [], "by": "exchange"}'


def test_a_course_that_was_never_published_says_what_to_do(prepared, tmp_path):
    with pytest.raises(NothingToGrade, match="tema9 release --exchange FOLDER"):
        exchange.collect(shutil.copytree(prepared, tmp_path / "course"))
