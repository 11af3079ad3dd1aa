"""A file is written whole or not at all."""

import csv
import os
import stat

import pytest

from tema9.files import atomic_write, no_formula, write_csv


def test_the_file_appears_once_everything_is_written(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert os.listdir(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_others_may_read_it_as_any_other_file(tmp_path):
    with atomic_write(tmp_path / "whole") as temporary:
        temporary.write_text("")
    (tmp_path / "plain").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("whole", "plain")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1+1",
        "\ufeff=1",
        "＝1+1",
        "|calc",
        "-",
        "-inf",
        "--1",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text, tmp_path):
    write_csv(tmp_path / "a.csv", [["name", "points"], [text, 1]])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["name", "points"], [f"'{text}", "1"]]


@pytest.mark.parametrize(
    "value", [-1, -1.5, "-1", "-1.5", "+3", "-1e-05", 0, "", "Ana", "a=1", "'x", "n1-a", None, 2.0]
)
def test_a_number_and_a_name_stay_as_they_are(value):
    assert no_formula(value) == str(value)
