"""The minutes that the notebooks and the documents give are those that their sources take."""

import mini
import pytest

from tema9.classroom import sources
from tema9.classroom.authoring import workload


@pytest.fixture
def source(tmp_path):
    def read(text):
        return sources.read(mini.write(tmp_path, text) / "1_mini.py")

    return read


def test_the_teacher_s_table_has_the_minutes_that_each_notebook_says_of_its_sections():
    page = (sources.ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    for one in sources.all_sources():
        total, parts = workload.stated(one)
        said = ", ".join(f"{section.replace(workload.REST, 'rest')}: {minutes}" for section, minutes in parts.items())
        assert f"| {one.title} | {total} | {said} |" in page
    for rate in ("175 words", "5\nlines", "3 minutes", "one for each point"):
        assert rate in page
    assert (workload.WORDS_A_MINUTE, workload.LINES_A_MINUTE, workload.PREDICTION, workload.POINT) == (175, 5, 3, 1)


def test_the_start_page_says_how_the_minutes_are_made():
    page = " ".join(cell.text for cell in sources.start_page().cells)
    assert (
        "175 palabras y 5 líneas de código\nleídas por minuto, 3 minutos por cada predicción y uno por cada punto"
        in page
    )


@pytest.mark.parametrize(
    ("added", "minutes"),
    [
        ("# %% [markdown]\n# " + "palabra " * 350 + "\n\n", 2),
        ("# %% [markdown]\n# **Predice**: ¿cuánto?\n\n", 3 + 2 / 175),
        ("# %% explore=true\n" + "x = 1\n" * 10 + "\n", 2),
        ("# %% explore=true\nimport os\n\nfrom tema9 import records\n\n", 0),
    ],
    ids=["words", "prediction", "code", "imports"],
)
def test_what_is_added_to_a_section_is_counted_there(source, added, minutes):
    before = workload.estimate(source(mini.SOURCE))
    after = workload.estimate(source(mini.SOURCE.replace("# %% solution", added + "# %% solution", 1)))
    assert after[workload.REST] == before[workload.REST]
    assert after["1"] - before["1"] == pytest.approx(minutes)


def test_what_students_do_not_receive_takes_no_time(source):
    before = workload.estimate(source(mini.SOURCE))
    longer = mini.SOURCE.replace("    return (n - f) // s + 1\n", "    x = 1\n" * 50 + "    return (n - f) // s + 1\n")
    longer = longer.replace("# Porque hay una ventana más", "# " + "palabra " * 300 + "una ventana más")
    longer = longer.replace("# 5 puntos por hablar", "# " + "palabra " * 300 + "por hablar")
    assert longer.count("palabra") == 600
    assert workload.estimate(source(longer)) == before


def test_the_sentence_is_read_back_and_adds_up(source):
    minutes = {workload.REST: 7.0, "1": 1.0, "2": 33.0, "3": 12.4}
    said = workload.sentence(minutes)
    total, parts = workload.stated(
        source(mini.SOURCE.replace("# ## 1. El lado", f"# ## 1. El lado\n# {said}", 1).replace("105", "X", 2))
    )
    assert total == sum(parts.values()) == 55
    assert all(abs(parts[section] - minutes[section]) <= workload.STEP for section in minutes)


def test_every_notebook_s_minutes_are_close_to_the_estimate():
    for one in sources.all_sources():
        total, parts = workload.stated(one)
        estimate = workload.estimate(one)
        assert total == one.minutes == sum(parts.values())
        assert parts.keys() == estimate.keys()
        assert all(abs(parts[section] - estimate[section]) <= workload.STEP for section in parts)
