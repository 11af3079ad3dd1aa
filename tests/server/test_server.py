"""A class on a JupyterHub with accounts of its own, from the login to the feedback, and what each may touch."""

import io
import json
import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from conftest import STUDENTS
from hub import COURSE, EXCHANGE
from people import Student, Teacher, solve
from PIL import Image
from world import OWNER, SRV, TEACHERS

from tema9.classroom import sources

NOTEBOOK = "1_lenet5"
INBOUND = EXCHANGE / "tema9" / "inbound"
READS_ANSWERS = """
import json, sys
answers, path = json.load(sys.stdin), sys.argv[1]
notebook = json.load(open(path))
for cell in notebook["cells"]:
    cell["source"] = answers.get(cell["metadata"].get("nbgrader", {}).get("grade_id"), cell["source"])
json.dump(notebook, open(path, "w"))
"""
pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.gate]


@pytest.fixture
def log_in(hub, browser):
    """A function that logs somebody in, in a browser of its own, and returns the page."""
    contexts = []

    def log_in(name, address="/hub/spawn"):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{hub.url}/hub/login?next={address}")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(hub.password)
        page.locator("input[type=submit]").click()
        page.wait_for_url(re.compile(r"^(?!.*(/hub/login|/hub/spawn)).*$"))
        return page

    yield log_in
    for context in contexts:
        context.close()


def collect(world):
    """Take in what was handed in; it says what others have left there, too."""
    assert world.run(OWNER, "tema9", "collect", "--exchange", "--course", COURSE, check=False).returncode < 2


def submitted(student):
    """What was taken in of a student."""
    return f"{COURSE}/submitted/{student}/{NOTEBOOK}/{NOTEBOOK}.ipynb"


def assignment_list(page, hub, student):
    """Open nbgrader's Assignment List in a JupyterLab with nothing else in it."""
    page.goto(f"{hub.url}/user/{student}/lab?reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('nbgrader:open-assignment-list')")
    page.evaluate("async () => { await jupyterapp.restored; }")
    page.evaluate("() => { jupyterapp.commands.execute('nbgrader:open-assignment-list'); }")
    page.get_by_text("Submitted assignments", exact=True).wait_for()


def row(page, which):
    """The row of the notebook in one of the three lists: released, fetched, submitted."""
    return page.locator(f"#{which}_assignments_list > .list_item", has_text=NOTEBOOK)


@pytest.fixture
def picture():
    """A function that keeps a picture of a page for docs/server.md, where the variable PICTURES names a folder."""

    def picture(page, name):
        if folder := os.environ.get("PICTURES"):
            shown = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
            shown.quantize(64).save(Path(folder, f"server_{name}.png"), optimize=True)

    return picture


def test_from_the_login_to_the_feedback(world, hub, log_in, picture):
    student = STUDENTS[0]
    page = log_in(student)
    page.locator(".jp-Notebook").get_by_role("heading", name="Tema 9: AlexNet y ZFNet").wait_for()
    link = page.locator(".jp-Notebook").get_by_role("link", name="1. Repaso: LeNet-5")
    assert f"/{NOTEBOOK}/{NOTEBOOK}.ipynb" in link.get_attribute("href")
    picture(page, "start")
    assignment_list(page, hub, student)
    row(page, "released").get_by_text("Fetch").click()
    submit = row(page, "fetched").get_by_role("button", name="Submit")
    submit.wait_for()
    (source,) = (source for source in sources.all_sources() if source.name == NOTEBOOK)
    answers = {cell.keys[cell.role]: cell.text for cell in source.cells if cell.role in ("solution", "answer")}
    path = f"/home/{student}/{NOTEBOOK}/{NOTEBOOK}.ipynb"
    world.run(student, "python", "-c", READS_ANSWERS, path, input=json.dumps(answers))
    submit.click()
    row(page, "submitted").wait_for()
    picture(page, "submitted")

    collected = world.run(OWNER, "tema9", "collect", "--exchange", "--course", COURSE)
    assert "took in 1 notebook of 1 student" in collected.stdout
    graded = world.run(OWNER, "tema9", "grade", COURSE, "-j", "1", check=False)
    assert "1 graded now" in graded.stdout and re.search(r"Alumna 1 Sanz +90 ", graded.stdout), graded
    assert "1 page -> " in world.run(OWNER, "tema9", "feedback", COURSE, "--exchange").stdout

    assignment_list(page, hub, student)
    row(page, "submitted").get_by_role("button", name="Fetch Feedback").click()
    page.get_by_text("view feedback").wait_for()
    picture(page, "feedback")
    got = world.run(student, "sh", "-c", f"cat ~/{NOTEBOOK}/feedback/*/{NOTEBOOK}.html").stdout
    assert source.title in got and "HIDDEN TESTS" not in got

    for teacher in TEACHERS:  # both in one Formgrader
        page = log_in(teacher, f"/services/tema9/formgrader/manage_submissions/{NOTEBOOK}")
        page.get_by_role("link", name=student).or_(page.get_by_text("Sanz, Alumna 1")).first.wait_for()
        page.get_by_text("needs manual grading").wait_for()  # "needs autograding" would be said of another submission
    picture(page, "formgrader")


# What alu2 tries; no attempt may succeed. ALU1 is a submission of alu1, and its name is known to nobody else.
ATTEMPTS = {
    "read the sources": f"cat {COURSE}/source/{NOTEBOOK}/{NOTEBOOK}.ipynb",
    "read the solutions in the checkout": f"cat {SRV}/checkout/solutions/{NOTEBOOK}.py",
    "read the gradebook": f"cat {COURSE}/gradebook.db",
    "read who is enrolled": f"cat {COURSE}/roster.csv",
    "list the course folder": f"ls {COURSE}",
    "read the hub's folder": f"ls {SRV}/hub",
    "read the hub's configuration": f"cat {SRV}/hub/jupyterhub_config.py",
    "list another's home": "ls /home/alu1",
    "read another's notebook": f"cat /home/alu1/{NOTEBOOK}/{NOTEBOOK}.ipynb",
    "list the submissions": f"ls {INBOUND}",
    "read another's submission": f"cat {INBOUND}/alu1+*/{NOTEBOOK}.ipynb",
    "list the feedback": f"ls {EXCHANGE}/tema9/feedback",
    "write into the feedback": f"touch {EXCHANGE}/tema9/feedback/x.html",
    "change a released notebook": f"sh -c 'echo > {EXCHANGE}/tema9/outbound/{NOTEBOOK}/{NOTEBOOK}.ipynb'",
    "release a notebook": f"mkdir {EXCHANGE}/tema9/outbound/7_resnet",
    "remove a released notebook": f"rm -r {EXCHANGE}/tema9/outbound/{NOTEBOOK}",
    "rename the course": f"mv {EXCHANGE}/tema9 {EXCHANGE}/tema10",
    "rename another's submission": 'mv "$ALU1" "$ALU1-"',
    "remove another's submission": 'rm -r "$ALU1"',
    "change the students' environment": f"touch {SRV}/students/bin/tema9",
    "change the start page of all": f"sh -c 'echo > {SRV}/notebooks/0_empieza_aqui.ipynb'",
    "become the teachers' account": "setpriv --reuid=64100 true",
}


def test_no_student_reads_or_changes_what_is_anothers(world, hub):
    mine = f"{INBOUND}/alu1+{NOTEBOOK}+2026-01-01 00:00:00.000000 UTC+abcdefghijkl"
    world.run("alu1", "mkdir", mine)
    before = world.run("root", "sh", "-c", f"ls -lR {EXCHANGE} {SRV}/notebooks | cksum").stdout
    done = [what for what, tried in ATTEMPTS.items() if not world.run(
        "alu2", "sh", "-c", f"ALU1='{mine}'; {tried}", check=False
    ).returncode]  # fmt: skip
    assert done == []
    assert world.run("root", "sh", "-c", f"ls -lR {EXCHANGE} {SRV}/notebooks | cksum").stdout == before


def test_nobody_hands_in_for_another_and_a_link_leads_nowhere(world, hub):
    forged = f"{INBOUND}/alu3+{NOTEBOOK}+2026-01-01 00:00:00.000000 UTC+abcdefghijkl"
    linked = f"{INBOUND}/alu2+{NOTEBOOK}+2026-01-01 00:00:00.000000 UTC+abcdefghijkl"
    world.run("alu2", "sh", "-c", f"mkdir '{forged}' '{linked}' && echo '{{}}' > '{forged}/{NOTEBOOK}.ipynb'")
    world.run("alu2", "ln", "-s", f"{COURSE}/source/{NOTEBOOK}/{NOTEBOOK}.ipynb", f"{linked}/{NOTEBOOK}.ipynb")
    world.run("alu2", "mkdir", f"{INBOUND}/X+{NOTEBOOK}+not-a-date+z")
    done = world.run(OWNER, "tema9", "collect", "--exchange", "--course", COURSE, check=False)
    assert done.returncode == 1
    assert "its owner is alu2, and nobody hands in under another's name" in done.stdout and "a link" in done.stdout
    there = world.run(OWNER, "ls", f"{COURSE}/submitted", check=False).stdout.split()
    assert not {"alu2", "alu3"} & set(there)


def test_all_hand_in_at_once_and_nothing_is_lost(world, students):
    ready = threading.Barrier(len(students))

    def hand_in(student):
        student.assignment("fetch", NOTEBOOK)
        content = student.open(NOTEBOOK)
        solve(NOTEBOOK, content)
        for time in ("first", "second"):
            content.cells[0].source += f"\n\nThe {time} of {student.name}"
            student.save(NOTEBOOK, content)
            ready.wait(120)
            student.assignment("submit", NOTEBOOK)

    with ThreadPoolExecutor() as pool:
        list(pool.map(hand_in, students))
    collect(world)
    for student in STUDENTS:
        saved = f"/home/{student}/{NOTEBOOK}/{NOTEBOOK}.ipynb"
        assert not world.run("root", "cmp", saved, submitted(student), check=False).stdout


def test_two_teachers_mark_at_once_and_what_postgresql_has_taken_survives_its_end(world, hub, postgres, students):
    for student in students:  # each has handed in, whichever test came before
        student.assignment("fetch", NOTEBOOK)
        content = student.open(NOTEBOOK)
        solve(NOTEBOOK, content)
        student.save(NOTEBOOK, content)
        student.assignment("submit", NOTEBOOK)
    collect(world)
    world.run(OWNER, "tema9", "grade", COURSE, "-j", "1", check=False)
    exercises = ("n1-m1-c5", "n1-m2-slide")
    teachers = [Teacher(hub, name) for name in TEACHERS]
    marks = {(exercise, student): 1 + 2 * number for number, student in enumerate(STUDENTS) for exercise in exercises}
    ready = threading.Barrier(2)

    def mark(teacher, exercise):
        teacher.log_in()
        answers = teacher.answers(NOTEBOOK, exercise)
        ready.wait(120)
        for student in STUDENTS:
            teacher.mark(answers[student], marks[exercise, student])

    with ThreadPoolExecutor() as pool:
        list(pool.map(mark, teachers, exercises))
    postgres.kill()
    graded = world.run(OWNER, "tema9", "grade", COURSE, check=False)
    assert graded.returncode == 2 and len(graded.stderr.splitlines()) == 1 and "gradebook" in graded.stderr
    postgres.start()
    with pytest.raises(RuntimeError, match="500"):  # the first page is an error, and the next one is not
        teachers[0].answers(NOTEBOOK, exercises[0])
    found = {
        (exercise, student): grade["manual_score"]
        for teacher, exercise in zip(reversed(teachers), exercises, strict=True)  # each reads what the other has marked
        for student, grade in teacher.answers(NOTEBOOK, exercise).items()
    }
    assert found == marks


def test_pages_of_others_are_refused(hub, log_in):
    student, other = STUDENTS[1], STUDENTS[0]
    page = log_in(student, "/hub/home")
    for address in (f"/hub/user/{other}/", "/hub/admin", "/services/tema9/formgrader/", f"/hub/spawn/{other}"):
        answer = page.goto(f"{hub.url}{address}")
        assert answer.status in (403, 404), address


def test_what_the_hub_and_a_server_that_are_killed_leave_behind(world, hub, students):
    """The hub and its proxy: the kernels go on. A student's server: what was saved and what was submitted."""
    student = students[2]
    student.assignment("fetch", NOTEBOOK)
    content = student.open(NOTEBOOK)
    content.cells[0].source += "\n\nSaved before the end"
    student.save(NOTEBOOK, content)
    student.assignment("submit", NOTEBOOK)
    one, two = nbformat.v4.new_code_cell("x = 41"), nbformat.v4.new_code_cell("x + 1")
    with student.kernel(NOTEBOOK) as run:
        run(one)
        hub.kill()
    hub.start()
    student = Student(hub, student.name)
    student.log_in()
    with student.kernel(NOTEBOOK) as run:
        run(two)
    assert two.outputs[0].data["text/plain"] == "42"
    for number in world.processes(student.name):
        os.kill(number, signal.SIGKILL)
    student = Student(hub, student.name)
    student.log_in()
    assert "Saved before the end" in student.open(NOTEBOOK).cells[0].source
    collect(world)
    assert "Saved before the end" in world.run(OWNER, "cat", submitted(student.name)).stdout
