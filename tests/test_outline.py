"""The outline that students hold, and the start page, say what the sources say."""

import re

from tema9 import outline
from tema9.classroom import sources
from tema9.classroom.authoring import timing
from tema9.tables import Table


def test_the_start_page_lists_the_notebooks_with_their_minutes_and_points():
    text = "\n".join(cell.text for cell in sources.start_page().cells)
    listed = re.findall(r"^\| \[(.+)\]\((.+)\.ipynb\) \| (\d+) \| (\d+) \|$", text, flags=re.M)
    assert listed == [(s.title, s.name, str(s.minutes), str(s.points)) for s in sources.all_sources()]


def test_the_outline_has_the_points_of_the_sources():
    for source, notebook in zip(sources.all_sources(), outline.notebooks().values(), strict=True):
        assert (notebook.name, notebook.title, notebook.minutes) == (source.name, source.title, source.minutes)
        assert notebook.points == source.points == 100
        assert [one.name for one in notebook.exercises if one.by_hand] == [
            one.name for one in source.exercises.values() if one.by_hand
        ]


def test_the_measured_times_keep_to_the_budget():
    seconds = [notebook.seconds for notebook in outline.notebooks().values()]
    assert all(0 < one <= timing.SECONDS_EACH for one in seconds)
    assert sum(seconds) <= timing.SECONDS_ALL


def test_a_table_escapes_what_it_shows():
    shown = Table(("a",), (("<b>&",),), note="<i>")._repr_html_()
    assert "&lt;b&gt;&amp;" in shown and "&lt;i&gt;" in shown and "<b>" not in shown


def test_what_is_kept_of_a_measured_run_is_what_is_read(tmp_path):
    timed = [timing.Timed("1_lenet5", 12.4, 900 * 2**20, ((3.0, "fit()"),))]
    timing.save(timed, tmp_path / "times.csv")
    assert (tmp_path / "times.csv").read_text().splitlines()[1:] == ["notebook,seconds,mebibytes", "1_lenet5,12,900"]
