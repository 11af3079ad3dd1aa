"""The sources obey the rules, and each rule refuses what breaks it."""

import mini
import pytest

from tema9.classroom import sources
from tema9.classroom.authoring import bank, lint

# (what to replace, by what, a word of the complaint)
BREAKS = [
    ("points=60", "points=61", "sum to 101, not to 100; take 1 from"),
    ("points=60", "points=50", "sum to 90, not to 100; give 10 more to"),
    ('# %% explore=true\ntema9.check("n1-size")', '# %%\ntema9.check("n1-size")', "begin it with `# %% explore=true`"),
    ("explore=true", "explora=true", "unknown key"),
    ('points=60 case="values"', 'case="values"', "have points"),
    ('title: "1. Mini"', 'title: "Mini"', "starts with the notebook's number"),
    ("#   minutes: 5\n", "", "minutes"),
    ('locked="n1-why-criteria"', 'locked="n1-why"', "stands twice"),
    ('answer="n1-why"', 'answer="n2-why"', "is not n1-like-this"),
    ("    ### BEGIN SOLUTION\n", "", "do not pair"),
    ('tema9.check("n1-size")', "2 + 2", "no check cell"),
    (' case="whole"', "", "needs its case"),
    ("assert side(32, 5) == 28", "assert side(SIDE, 5) == 28", "SIDE"),
    ("assert side(32, 5) == 28", "assert size(32, 5) == 28", "without its contract"),
    ("side = measuring.answer(size, contracts.plain)\n", "side = measuring.raised_by(size)\n", "own work"),
    ("assert side(32, 5) == 28", "assert abs(side(32, 5) - 28) < 1", "contracts.close"),
    (
        "repr(measuring.answer(size, contracts.plain)",
        "repr(measuring.answer(size, contracts.number)",
        "different contracts",
    ),
    ('assert "." not in text, "un lado es un número entero de píxeles"', "text", "bare expression"),
    ('"." not in text, "un lado es un número entero de píxeles"', '"." not in text', "without a message"),
    ("text = repr(", "import sys; sys.stderr.write('x'); text = repr(", "stderr"),
    ("\\frac{n + 2p - f}{s}", "\\frac{n + 2p - f", "does not parse"),
    ("# ¿Por qué?", "# ¿Por qué cuesta $3?", "dollar"),
    ("# ¿Por qué?", "# ![figura](figuras/no-esta.png)", "missing"),
    ("# ¿Por qué?", "# ```", "fence"),
    ("return (n - f) // s + 1", "return (n - f // s + 1", "not Python"),
    ("# %% [markdown]\n# ¿Por qué?", '# %% [markdown] locked="n1-note"\n# ¿Por qué?', "right after a locked cell"),
]


def problems(folder):
    source = sources.read(folder / "1_mini.py")
    return lint.lint(source, bank.load(source, folder / "mistakes"))


@pytest.mark.slow
def test_the_sources_of_the_course_have_no_problem():
    assert lint.lint_all() == []


def test_the_small_source_has_no_problem(tmp_path):
    assert problems(mini.write(tmp_path)) == []


@pytest.mark.parametrize(("old", "new", "word"), BREAKS, ids=[word for _, _, word in BREAKS])
def test_a_broken_rule_is_found_with_its_line(tmp_path, old, new, word):
    assert old in mini.SOURCE
    found = problems(mini.write(tmp_path, mini.SOURCE.replace(old, new, 1)))
    assert any(word in problem for problem in found), found
    assert all(problem.startswith("1_mini.py") for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("# %%\n", '# %% tests="n0-x" points=1\n', "the start page has no tests cells"),
        ("minutes: 10", "minutes: diez", "needs `minutes`"),
        ("from tema9 import", "from tema9 importa", "not Python"),
        ("(1_lenet5.ipynb)", "(1_lenet5.ipynb) ![x](no-esta.png)", "missing"),
    ],
)
def test_a_broken_start_page_is_found(tmp_path, old, new, word):
    text = sources.start_page().path.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / f"{sources.START}.py").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(word in problem for problem in lint.lint_page(sources.start_page(tmp_path)))


def test_too_few_mistakes_and_missing_probes_are_found(tmp_path):
    bare = mini.BANK[: mini.BANK.index('# %% wrong="n1-size" name="float"')]
    assert any("2 wrong and 2 right" in problem for problem in problems(mini.write(tmp_path, bank=bare)))
    start, end = (mini.BANK.index(mark) for mark in ("# %% probes", '# %% wrong="n1-size" name="forgets-plus-one"'))
    without = mini.BANK[:start] + mini.BANK[end:]
    assert any("no probes" in problem for problem in problems(mini.write(tmp_path, bank=without)))
    silent = mini.BANK.replace("# Cuenta las posiciones.\n", "")
    assert any(
        "no words for the probe size(32, 5)" in problem for problem in problems(mini.write(tmp_path, bank=silent))
    )
    leaning = mini.BANK.replace("# Revisa el paso.\n", "# Lo mismo con otro paso.\n")
    assert any("reads these words alone: Lo mismo" in found for found in problems(mini.write(tmp_path, bank=leaning)))


def test_a_mistake_without_explanation_is_refused(tmp_path):
    folder = mini.write(tmp_path, bank=mini.BANK.replace("# Te falta el +1.\n", ""))
    with pytest.raises(ValueError, match="starts with a comment"):
        problems(folder)


def test_a_bank_for_an_unknown_exercise_is_refused(tmp_path):
    folder = mini.write(tmp_path, bank=mini.BANK.replace('right="n1-size"', 'right="n1-side"'))
    with pytest.raises(ValueError, match="no exercise 'n1-side'"):
        problems(folder)
