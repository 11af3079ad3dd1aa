"""The file of a course's rules: what it can say, and that whatever is wrong in it is one line."""

import contextlib
import copy
import itertools
import random
import re
import tomllib
import unicodedata
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import mini
import pytest

from tema9.classroom import rules
from tema9.classroom.rules import Penalty, Rules, RulesError, Scale

HOUR = timedelta(hours=1)
PEOPLE = {name: name for name in ("ana", "luis", "eva.gil")} | {"ana@uni.es": "ana"}
GOOD = """
timezone = "Europe/Madrid"

[scale]
maximum = 10
decimals = 1
rounding = "half even"
letters = { Sobresaliente = 90, Notable = 70, Aprobado = 50, Suspenso = 0 }

[final]
drop_lowest = 0
must_pass = ["1_mini"]
pass_mark = 5
highest_if_not_passed = 4.5

[late]
percent = 10
per = "hour"
of = "score"
at_most = 50
grace_minutes = 15

[extensions]
ana = 2
"eva.gil" = 0.5

[exercises]
n1-size = "full"

[teams]
"Equipo 1" = ["ana", "luis"]

[markers]
marta = ["n1-why"]
jon = 2

[notebooks.1_mini]
weight = 2.5
deadline = 2026-12-01T23:59:00
late = { percent = 100, per = "submission" }
extensions = { luis = 3 }
"""


@pytest.fixture(scope="module", autouse=True)
def source(tmp_path_factory):
    """One small notebook stands for the course."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))) as source:
        yield source


def read(text, students=PEOPLE):
    return rules.parse(text.encode(), "course.toml", students)


def refusal(text, students=PEOPLE):
    """The line that says what is wrong in a file; "" if nothing is."""
    with contextlib.suppress(UnicodeEncodeError):
        try:
            read(text, students)
        except RulesError as error:
            line = str(error)
            assert line.startswith("course.toml") and "\n" not in line and len(line) < 400, line
            return line
    return ""


def test_a_whole_file_says_what_it_says():
    said = read(GOOD)
    letters = (("Sobresaliente", 90), ("Notable", 70), ("Aprobado", 50), ("Suspenso", 0))
    assert said.scale == Scale(10, 1, "half even", letters)
    assert said.late == Penalty(10, "hour", "score", 50, 15)
    assert said.of("1_mini").penalty == Penalty(100, "submission", "score", 50, 15), (
        "what it does not say is the course's"
    )
    assert said.of("1_mini").weight == 2.5 and said.of("another").weight == 1
    assert said.days_more("1_mini", "luis") == 3 and said.days_more("1_mini", "ana") == 2
    assert said.exercises == {"n1-size": "full"} and said.teams == {"Equipo 1": ("ana", "luis")}
    assert said.markers == {"marta": ("n1-why",), "jon": 2}
    assert said.deadline("1_mini", "eva.gil") == datetime(2026, 12, 2, 10, 59, tzinfo=UTC), "of Madrid, and half a day"
    assert rules.differences(said, said) == [] and "weights" in rules.differences(said, Rules())


def test_the_file_is_made_once_and_says_the_default_rules(tmp_path):
    assert rules.write_template(tmp_path)
    made = rules.load(tmp_path)
    assert Rules(notebooks=made.notebooks) == made and made.of("1_mini") == rules.Notebook()
    (tmp_path / rules.RULES).write_text("[scale]\nmaximum = 20\n", encoding="utf-8")
    assert not rules.write_template(tmp_path) and rules.load(tmp_path).scale.maximum == 20
    assert rules.load(tmp_path / "nowhere") == Rules()


def test_every_example_in_the_file_can_be_taken_as_it_stands(tmp_path):
    rules.write_template(tmp_path)
    text = (tmp_path / rules.RULES).read_text(encoding="utf-8")
    examples = re.findall(r"(?m)^# (.* = .*)$", text)
    assert len(examples) >= 11
    text = text.replace("n1-conv-output-size", "n1-size")
    text = text.replace('["n5-m1-why-conv3", "n6-m2-fair-comparison"]', '["n1-why"]')
    seen = 0
    for example in examples:
        example = example.replace("n1-conv-output-size", "n1-size")
        example = example.replace('["n5-m1-why-conv3", "n6-m2-fair-comparison"]', '["n1-why"]')
        assert f"# {example}\n" in text
        seen += rules.parse(text.replace(f"# {example}\n", f"{example}\n", 1).encode()) != rules.load(tmp_path)
    assert seen == len(examples), "every one changes something"


@pytest.mark.parametrize(
    ("line", "where", "what"),
    [
        ("weigth = 2", "top level", "unknown key 'weigth'"),
        ("[notebooks.1_mini]\nweigth = 2", "[notebooks.1_mini]", "expected weight, perhaps"),
        ("[notebooks.1_lenet]\nweight = 2", "[notebooks]", "unknown notebook '1_lenet'; expected one of 1_mini"),
        ("[notebooks.1_mini]\nweight = -1", "[notebooks.1_mini] weight", "-1"),
        ("[notebooks.1_mini]\nweight = 0", "[notebooks]", "every weight is 0"),
        ("[notebooks.1_mini]\nweight = true", "[notebooks.1_mini] weight", "True"),
        ("[notebooks.1_mini]\nweight = nan", "[notebooks.1_mini] weight", "nan"),
        ("[notebooks.1_mini]\ndeadline = 2026-12-01T23:59:00", "deadline", "has no time zone; expected one such as 20"),
        ("[notebooks.1_mini]\ndeadline = 2026-12-01", "deadline", "has no time of day"),
        ("[notebooks.1_mini]\ndeadline = 23:59:00", "deadline", "has no date"),
        ('[notebooks.1_mini]\ndeadline = "2026-12-01T23:59:00+01:00"', "deadline", "without quotes"),
        ("[notebooks.1_mini]\ndeadline = 0026-12-01T23:59:00Z", "deadline", "the year 26"),
        ("[notebooks.1_mini]\ndeadline = 2026-13-01T23:59:00Z", "is no TOML", "correct that line"),
        ('timezone = "Europa/Madrid"', "timezone", "is no time zone; expected one such as"),
        ("timezone = 1", "timezone", "1 is no time zone"),
        ("[late]\npercent = 120", "[late] percent", "a number from 0 to 100"),
        ('[late]\nper = "week"', "[late] per", 'expected "day" or "hour" or "submission"'),
        ("[extensions]\nanna = 3", "[extensions]", "unknown student 'anna'; expected ana, perhaps"),
        ("[extensions]\nana = -3", "[extensions] ana", "-3"),
        ("[extensions]\nana = 99999", "[extensions] ana", "3650"),
        ('[extensions]\nana = 3\n"Ana@uni.es" = 5', "[extensions]", "ana is there twice; expected one line a student"),
        ('[scale.letters]\n" " = 0', "[scale.letters]", "' ' is no name"),
        ('[teams]\n"" = ["ana"]', "[teams]", "'' is no name"),
        ('[markers]\n"mar\\u001bta" = 1', "[markers]", "is no name; expected letters that can be seen"),
        ("[extensions]\neva.gil = 3", "[extensions]", 'a name with a point in quotes: "eva.gil" = 3'),
        ('[exercises]\nn1-siez = "full"', "[exercises]", "unknown exercise 'n1-siez'; expected n1-size, perhaps"),
        ('[exercises]\nn1-size = "none"', "[exercises] n1-size", 'expected "nobody" or "full"'),
        ('[exercises]\nn1-size = "nobody"\nn1-why = "nobody"', "[exercises]", "weight = 0 instead"),
        ("[scale]\nmaximum = 0", "[scale] maximum", "a number from 1 to 1000"),
        ("[scale]\ndecimals = 1.5", "[scale] decimals", "a whole number from 0 to 6"),
        ("[scale.letters]\nA = 90\nB = 50", "[scale.letters]", "the lowest begins at 50 percent"),
        ("[scale.letters]\nA = 50\nB = 50\nC = 0", "[scale.letters]", "two begin at 50 percent"),
        ("scale = 10", "scale", "expected a line [scale]"),
        ("[final]\ndrop_lowest = 1", "[final] drop_lowest", "a whole number from 0 to 0"),
        ('[final]\nmust_pass = "1_mini"', "[final] must_pass", "a list"),
        ('[final]\nmust_pass = ["2_mini"]', "[final]", "unknown notebook"),
        ("[final]\npass_mark = 50", "[final] pass_mark", "a number from 0 to 10"),
        ('[teams]\nA = ["ana"]\nB = ["luis", "ana"]', "[teams]", "ana is in A and in B"),
        ('[teams]\nA = "ana"', "[teams] A", "a list"),
        ('[markers]\nmarta = ["n1-size"]', "[markers]", "unknown exercise in prose 'n1-size'"),
        ('[markers]\nmarta = ["n1-why"]\njon = ["n1-why"]', "[markers]", "n1-why is marta's and jon's"),
        ('[markers]\nmarta = "n1-why"', "[markers] marta", "a list of exercises"),
        ("[scale]\nmaximum = 10\nmaximum = 20", "is no TOML", "a key that is there twice"),
        ("[scale\nmaximum = 10", "is no TOML", "line 1"),
        ("a = " + "[" * 5000, "is no TOML", ""),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where_and_what_is_expected(line, where, what):
    said = refusal(line)
    assert where in said and what in said, said


def test_a_file_that_is_not_in_utf8_says_so(tmp_path):
    (tmp_path / rules.RULES).write_bytes("# año\n".encode("cp1252"))
    with pytest.raises(RulesError, match="save it in UTF-8"):
        rules.load(tmp_path)
    (tmp_path / rules.RULES).write_bytes(b"\xef\xbb\xbf[scale]\r\nmaximum = 20\r\n")
    assert rules.load(tmp_path).scale.maximum == 20, "with the mark of Windows"


def test_nobody_s_name_is_looked_up_before_there_is_a_list():
    assert read("[extensions]\nwhoever = 3", students={}).extensions == {"whoever": 3}
    assert read('[extensions]\n"ANA@uni.es" = 3').extensions == {"ana": 3}


WRONG = (True, -1, 10**400, 1.5, float("inf"), "x", "", [], [1], ["ana"], {}, {"x": 1}, datetime(2026, 1, 1), None)


def leaves(table, path=()):
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


def test_any_value_in_any_place_is_read_or_refused_in_one_line(monkeypatch):
    good, seen = tomllib.loads(GOOD), 0
    for path, value in itertools.product(list(leaves(good)), WRONG):
        table = copy.deepcopy(good)
        inside = table
        for key in path[:-1]:
            inside = inside[key]
        if value is None:  # the key itself is another
            inside[path[-1] + "x"] = inside.pop(path[-1])
        else:
            inside[path[-1]] = value
        monkeypatch.setattr(rules.tomllib, "loads", lambda text, table=table: table)
        seen += bool(refusal(""))
    assert seen > 300


def test_a_file_with_letters_lost_or_doubled_is_read_or_refused_in_one_line():
    draw, refused = random.Random(0), 0
    for _ in range(400):
        text = list(GOOD)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(text))
            text[place] = draw.choice(["", text[place] * 2, draw.choice('="[]{}.,\n #0ñ\0')])
        refused += bool(refusal("".join(text)))
    assert 100 < refused < 400


def test_whoever_s_name_is_written_with_accents_of_their_own_is_found():
    written = unicodedata.normalize("NFD", "peña")
    assert read(f'[extensions]\n" {written}" = 3', {"peña": "peña"}).extensions == {"peña": 3}


@pytest.mark.parametrize("zone", ["Europe/Madrid", "Atlantic/Canary", "America/Santiago", "Australia/Lord_Howe"])
@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("days", [0, 1, 0.5, 30])
def test_nobody_is_late_before_the_clock_has_passed_the_deadline_also_where_clocks_change(zone, offset, days):
    """The deadlines of a year in which clocks change: from eleven in the evening on, in the night in which they do."""
    there = ZoneInfo(zone)
    days_of_year = [datetime(2026, 1, 1, 12, tzinfo=there) + timedelta(days=day) for day in range(365)]
    changes = [one for one, next_ in itertools.pairwise(days_of_year) if one.utcoffset() != next_.utcoffset()]
    assert len(changes) == 2
    for change, minutes in itertools.product(changes, range(11 * 60, 17 * 60, 30)):
        wall = change.astimezone(there).replace(tzinfo=None) + timedelta(minutes=minutes)
        written = wall.replace(tzinfo=there) if offset else wall
        exact = written.astimezone(UTC).isoformat() if offset else wall.isoformat()
        wall = written.astimezone(UTC).astimezone(there).replace(tzinfo=None) if offset else wall  # that there is
        text = f'timezone = "{zone}"\n[notebooks.1_mini]\ndeadline = {exact}\nextensions = {{ ana = {days} }}\n'
        said = read(text)
        last = wall + timedelta(days=days)
        for minute in range(-150, 151, 15):
            when = last.replace(tzinfo=there).astimezone(UTC) + timedelta(minutes=minute)
            clock, late = when.astimezone(there).replace(tzinfo=None), said.seconds_late("1_mini", "ana", when)
            unclear = offset and not days  # the second of two hours that the clock shows alike
            assert not late or clock > last or unclear, (zone, text, when)
            assert late or clock <= last + HOUR, (zone, text, when)
        if offset and not days:
            assert said.deadline("1_mini", "ana").timestamp() == written.timestamp()


@pytest.mark.parametrize("per", ["day", "hour", "submission"])
@pytest.mark.parametrize("of", ["maximum", "score"])
def test_a_late_submission_loses_percent_for_each_interval_that_has_begun(per, of):
    draw = random.Random(per + of)
    length = {"day": 24 * 3600, "hour": 3600, "submission": 10**9}[per]
    for _ in range(200):
        percent, most, score = draw.randint(0, 40), draw.randint(0, 100), draw.randint(0, 100)
        seconds = draw.choice([0, 1, 3600, 86_400, 86_401, draw.randint(1, 10**6)])
        said = Rules(late=Penalty(percent, per, of, most))
        taken, at = Fraction(0), 0
        while at < seconds:  # an interval after the other
            taken, at = taken + percent, at + length
        base = 100 if of == "maximum" else score
        expected = min(Fraction(score), Fraction(base) * min(taken, most) / 100)
        assert said.points_lost("1_mini", score, 100, seconds) == pytest.approx(float(expected))


def test_lateness_begins_after_the_days_more_and_the_grace():
    said = read(GOOD.replace("deadline = 2026-12-01T23:59:00", "deadline = 2026-12-01T23:59:00+01:00"))
    deadline = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
    for student, days in (("eva.gil", 0.5), ("luis", 3), ("otro", 0)):
        limit = deadline + timedelta(days=days)
        assert said.seconds_late("1_mini", student, limit) == 0
        assert said.seconds_late("1_mini", student, limit + timedelta(minutes=15)) == 0, "the grace"
        assert said.seconds_late("1_mini", student, limit + timedelta(minutes=16)) == 16 * 60


def test_what_the_platform_says_counts_where_there_is_no_time():
    said = Rules(late=Penalty(10), extensions={"ana": 2})
    assert said.points_lost("1_mini", 80, 100, said.seconds_late("1_mini", "luis", None, said_late=True)) == 10
    assert said.seconds_late("1_mini", "luis", None) == 0
    assert said.seconds_late("1_mini", "ana", None, said_late=True) == 0, "she has days more"
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert said.seconds_late("1_mini", "luis", now, said_late=True) == rules.UNKNOWN, "without a deadline of ours"


@pytest.mark.parametrize(("rounding", "halves"), [("half up", 1), ("half even", 0), ("up", 1), ("down", 0)])
def test_marks_are_rounded_as_the_numbers_are_written(rounding, halves):
    scale = Scale(10, 2, rounding)
    for thousandths in range(0, 10_001, 5):  # 0.005 is half of the last digit
        whole, half = divmod(thousandths, 10)
        up = whole % 2 if rounding == "half even" and half else bool(half) * halves
        assert scale.mark(thousandths / 10_000) == f"{(whole + up) // 100}.{(whole + up) % 100:02}", thousandths


def test_letters_are_given_from_their_percent_on():
    scale = read(GOOD).scale
    marks = [scale.mark(percent / 100) for percent in (0, 49.99, 50, 69.9, 70, 90, 104)]
    assert marks == ["Suspenso", "Suspenso", "Aprobado", "Aprobado", "Notable", "Sobresaliente", "Sobresaliente"]
    assert Scale(20, 0).mark(0.725) == "15" and Scale(100, 0).mark(0.29) == "29"
