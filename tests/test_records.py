"""The records: as printed by the papers where they print them, and what follows from them."""

import pytest

from tema9 import layer_table, records

TABLES = sorted(path.stem for path in records.HERE.glob("*.csv"))


@pytest.mark.parametrize("name", TABLES)
def test_each_says_where_it_comes_from(name):
    head = (records.HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines()[:2]
    assert all(line.startswith("# ") for line in head)
    assert "computerhistory/AlexNet-Source-Code" in head[1] or "CS231n" in head[0] or "table 2" in head[0]


def test_an_unknown_record_or_run_lists_those_there_are():
    with pytest.raises(ValueError, match="unknown record 'losers'; known: results, runs, schedule, winners"):
        records.read("losers")
    with pytest.raises(ValueError, match="no run '999' with views 'multi'; runs: 145, 145-2010"):
        records.run("999")


@pytest.mark.parametrize(
    ("run", "views", "top1", "top5"),
    [
        ("145", "multi", 40.7, 18.2),  # Krizhevsky et al. (2012), table 2
        ("145-2010", "multi", 37.5, 17.0),  # table 1
        ("145-2010", "centre", 39.0, 18.3),  # section 4.1's footnote
        ("146-2012-2011", "multi", 39.0, 16.6),  # table 2, with the asterisk
    ],
)
def test_the_runs_are_those_of_the_paper(run, views, top1, top5):
    row = records.run(run, views)
    assert (round(100 * row["top1_error"], 1), round(100 * row["top5_error"], 1)) == (top1, top5)


@pytest.mark.parametrize(
    ("changed", "base", "views", "top1", "top5"),
    [
        ("148", "145", ("multi", "multi"), 1.4, 1.2),  # normalisation, section 3.3
        ("147", "145", ("multi", "multi"), 0.4, 0.3),  # overlapping pooling, section 3.4
        ("145-half", "145-2010", ("multi", "multi"), 1.7, 1.2),  # two GPUs, section 3.2
        ("145-2010", "145-2010", ("centre", "multi"), 1.5, 1.3),  # ten views: 39.0 - 37.5, 18.3 - 17.0
    ],
)
def test_the_gains_that_the_paper_prints_follow_from_the_runs(changed, base, views, top1, top5):
    for error, printed in (("top1_error", top1), ("top5_error", top5)):
        points, se = records.difference(changed, base, error, views)
        assert points == pytest.approx(printed, abs=0.1 if "centre" in views else 0.0501)  # there both are rounded
        assert 0.1 < se < 0.35


def test_runs_on_other_images_are_not_compared():
    with pytest.raises(ValueError, match="run 145-half was tested on ILSVRC-2010 test and 145 on ILSVRC-2012 val"):
        records.difference("145-half", "145")


def test_the_schedule_goes_down_and_ends_where_the_run_did():
    for run in ("145", "145-2010"):
        rows = [row for row in records.read("schedule") if str(row["run"]) == run]
        assert [row["epoch"] for row in rows] == sorted(row["epoch"] for row in rows)
        assert all(row["to"] < row["from"] for row in rows if row["what"] == "learning_rate")
        assert rows[-1]["what"] == "stop" and rows[-1]["epoch"] == records.run(run)["epoch_stopped"]


def test_the_winners_round_to_the_chart_which_ends_in_2015_and_outside_data_never_hurts():
    winners = records.read("winners")
    assert [row["year"] for row in winners] == [2010, 2011, 2012, 2013, 2014, 2014, 2015, 2016, 2017, None]
    assert [row["chart"] for row in winners if row["year"]] == [28.2, 25.8, 16.4, 11.7, 7.3, 6.7, 3.57, None, None]
    for row in winners:
        assert (row["chart"] is None) == (row["year"] is None or row["year"] > 2015)
        assert row["chart"] is None or row["chart"] == pytest.approx(row["supplied"] or row["official"], abs=0.0501)
        assert row["supplied"] is None or row["supplied"] > row["official"]


def test_a_depth_is_that_of_a_published_network_or_none():
    depths = {row["label"]: row["layers"] for row in records.read("winners") if row["layers"] != "shallow"}
    for name, architecture in (("AlexNet", "alexnet_paper"), ("ZFNet", "zfnet_paper")):
        assert depths.pop(name) == sum(bool(row.weights) for row in layer_table(architecture))
    assert depths == {"VGG": 19, "GoogLeNet": 22, "ResNet": 152, "Shao et al.": None, "SENet": 154, "human": None}
