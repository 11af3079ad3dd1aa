"""How long the course takes: the solved notebooks, LeNet-5, and a graded submission.

    python benchmarks/course.py

Prints the machine, the versions and seconds of the wall; one run of each.
"""

import os
import platform
import tempfile
import time

import nbformat
import torch
from nbclient import NotebookClient

from tema9 import data, models, recipes, training
from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.course import Course
from tema9.classroom.grading import grade
from tema9.classroom.rehearsal import rehearse


def seconds(action, *args, **kwargs):
    started = time.perf_counter()
    action(*args, **kwargs)
    return time.perf_counter() - started


def run_solved(source, folder):
    notebook = sources.to_notebook(source)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()


def hand_in_solved(source, folder):
    """Prepare a course in `folder` with one perfect submission."""
    course = Course(folder)
    course.prepare([source])
    (submission,) = rehearse.plan(source, bank.load(source), 1)
    path = course.submitted(submission.student, source.name)
    path.parent.mkdir(parents=True)
    nbformat.write(submission.fill(course.release(source.name)), path)


def main():
    print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    for source in sources.all_sources():
        with tempfile.TemporaryDirectory() as folder:
            print(f"{seconds(run_solved, source, folder):6.1f} s  {source.name}, solved, run as a student")
            hand_in_solved(source, folder)
            print(f"{seconds(grade.grade, folder):6.1f} s  {source.name}, one submission graded, with feedback")
    digits, model = data.digits(), models.build("lenet5")
    recipe = recipes.BY_ARCHITECTURE["lenet5"]
    took = seconds(training.train, model, digits, recipe, progress=False)
    print(f"{took:6.1f} s  LeNet-5, {recipe.epochs} epochs of {len(digits.train):,} digits")


if __name__ == "__main__":
    main()
