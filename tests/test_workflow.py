"""The workflow that runs the tests on other machines, and the versions of Python that everything speaks of."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tema9 import doctor

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))["jobs"]
FIRST, BEYOND = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups())
VERSIONS = [f"3.{minor}" for minor in range(FIRST, BEYOND)]


@pytest.mark.parametrize("job", sorted(JOBS.keys() - {"lowest"}))
def test_the_workflow_runs_every_python_that_the_package_takes(job):
    assert JOBS[job]["strategy"]["matrix"]["python"] == VERSIONS


def test_the_workflow_runs_the_first_python_with_the_lowest_versions():
    setup = next(step for step in JOBS["lowest"]["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == VERSIONS[0]


@pytest.mark.parametrize("job", sorted(JOBS.keys() - {"lowest"}))
def test_the_targets_of_make_that_the_workflow_calls_are_there(job):
    commands = "\n".join(step.get("run", "") for step in JOBS[job]["steps"])
    called = set(re.findall(r"^make (\w+)", commands, flags=re.M))
    assert called and called <= set(re.findall(r"^(\w+):", MAKEFILE, flags=re.M))


def test_the_gate_runs_what_make_test_leaves_to_it():
    recipes = {name: MAKEFILE.partition(f"\n{name}:")[2].partition("\n\n")[0] for name in ("test", "gate")}
    assert "-m '$(or $(ONLY),not gate)'" in recipes["test"]
    assert recipes["gate"].endswith(" -m gate") and "make gate" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_where_there_is_no_make_the_workflow_runs_the_same_quick_tests():
    marks = re.search(r"-m '([^']+)'", MAKEFILE.partition("\nquick:")[2]).group(1)
    for job in ("others", "lowest"):
        assert f'-m "{marks}"' in "".join(step.get("run", "") for step in JOBS[job]["steps"])


def test_the_workflow_s_actions_are_pinned_to_a_major_version():
    used = {step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step}
    assert used and all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in used)


def test_everything_that_speaks_of_python_s_versions_speaks_of_the_same(monkeypatch):
    assert f"Python {VERSIONS[0]} to {VERSIONS[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")
    spanish = f"{', '.join(VERSIONS[:-1])} o {VERSIONS[-1]}"
    leeme = ROOT / "tema9" / "classroom" / "authoring" / "LEEME.md"
    assert f"Python {spanish}" in leeme.read_text(encoding="utf-8")
    assert f"(3, {FIRST}) <= v < (3, {BEYOND})" in MAKEFILE and f"is not {VERSIONS[0]} to {VERSIONS[-1]};" in MAKEFILE
    named = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Programming Language")]
    assert named == VERSIONS
    for minor in range(FIRST - 1, BEYOND + 1):
        monkeypatch.setattr(doctor.sys, "version_info", (3, minor, 99, "final", 0))
        assert doctor.python().right == (FIRST <= minor < BEYOND)
        assert spanish in doctor.python().fix
