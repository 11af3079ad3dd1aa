"""The sandbox: what a submission sees, what it may use, and that nothing of one is left for the next."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import parts
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

from tema9.classroom import course
from tema9.classroom.sandbox import border, linux, pool, sandbox, stopwatch
from tema9.classroom.sandbox.restarting_process import RestartingProcess

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    made = sandbox.Sandbox(sandbox.Limits(seconds=3, memory=2**30), unsandboxed=parts.UNSANDBOXED)
    made.start()
    yield made
    made.close()


@pytest.fixture
def work(box):
    process = box.student_process()
    yield process
    process.end()


def next_says(box, code):
    """What the submission after the one before prints."""
    process = box.student_process()
    try:
        return said(process, code)
    finally:
        process.end()


def said(work, code):
    answer = work.run(code)
    return answer["stdout"].strip() or answer["error"]


def test_a_test_is_judged_across_the_sandbox(work):
    work.run("def double(x):\n    return 2 * x\nanswer = 3")
    assert border.judge("import torch\nassert double(torch.ones(2)).tolist() == [2, 2]\nassert answer == 3", work)
    assert border.judge("assert double(2) == 5, 'no'", work) == border.Verdict("fail", "no")
    assert border.judge("assert triple(2) == 6", work).message.startswith("NameError")


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 22), 1)", "OSError ConnectionRefusedError"),
        ("import socket; socket.create_connection(('1.1.1.1', 53), 1)", "OSError"),
        ("open('/usr/x', 'w')", "OSError PermissionError"),
        ("open('/x', 'w')", "OSError PermissionError"),
        ("import tema9; open(tema9.__file__, 'a')", "OSError PermissionError"),
        ("b = bytearray(3 << 30)", "MemoryError"),
        ("open('big', 'wb').write(bytes(65 << 20))", "OSError"),
        ("for k in range(9):\n    open(f'big{k}', 'wb').write(bytes(60 << 20))", "OSError"),
    ],
)
def test_what_a_submission_may_not_do(work, code, error):
    kind, message = work.run(code)["error"]
    assert kind in error.split(), message


@pytest.mark.parametrize(
    ("code", "stdout", "error"),
    [
        ("x = 1\nx", "Out[0]: 1", None),
        ("%%capture\nprint(2)", "", None),
        ("!echo shown", "shown", None),
        ("import asyncio\nawait asyncio.sleep(0)\nprint(3)", "3", None),
        ("def shows():\n    display(4)\nshows()\nx = 1", "4", None),
        (
            "import inspect\ndef one():\n    return 1\nprint(inspect.getsource(one), end='')",
            "def one():\n    return 1",
            None,
        ),
        ("import __main__\nx = 5\nprint(__name__, __main__.x)", "__main__ 5", None),
        ("print(6)\nx = (", "", "SyntaxError"),
        ("if True:\n    raise SystemExit(3)", "", "SystemExit"),
        ("if True:\n    raise KeyboardInterrupt", "", "KeyboardInterrupt"),
        ("x = 7\nprint(x)\nreturn x", "7", "SyntaxError"),
    ],
)
def test_a_cell_runs_as_in_a_notebook(work, code, stdout, error):
    """Magics, commands, await and a value at the end are IPython's; plain Python runs without it, to the same end."""
    answer = work.run(code)
    assert (answer["stdout"].strip(), (answer["error"] or [None])[0]) == (stdout, error)


def test_a_future_holds_for_the_cells_after_it(work):
    work.run("from __future__ import annotations\nx = 1")
    assert work.run("def unknown(value: Nowhere): ...\nx = 2")["error"] is None


@pytest.mark.bubblewrap
def test_nothing_of_the_course_is_to_be_seen(work):
    code = (
        f"import os\nprint([n for n in os.listdir('{sandbox.ROOT}') if os.listdir(os.path.join('{sandbox.ROOT}', n))])"
    )
    python = Path(sys.prefix)  # `make` puts it into the repository
    inside = {python.relative_to(sandbox.ROOT).parts[0]} if python.is_relative_to(sandbox.ROOT) else set()
    assert set(ast.literal_eval(said(work, code))) == {"tema9"} | inside


@pytest.mark.bubblewrap
def test_the_python_that_was_started_through_a_link_or_a_folder_above_is_found_in_the_sandbox(tmp_path, monkeypatch):
    """As `../.venv/bin/python -m tema9`, and in a home that is a link to another disk."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "home").symlink_to(Path(sys.executable).parent)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "inside" / ".." / "home" / Path(sys.executable).name))
    assert sandbox.why_not.__wrapped__() == ""
    made = sandbox.Sandbox()
    try:
        assert said(made.student_process(), "import sys; print(sys.prefix)") == sys.prefix
    finally:
        made.close()


@pytest.mark.bubblewrap
def test_where_the_command_was_given_is_not_to_be_seen(tmp_path, monkeypatch):
    """`python -m` puts the working directory into sys.path, a course folder or a home; PYTHONPATH what it likes."""
    (tmp_path / "gradebook.db").touch()
    monkeypatch.syspath_prepend(tmp_path)
    made = sandbox.Sandbox()
    try:
        assert said(made.student_process(), f"import os; os.listdir({str(tmp_path)!r})")[0] == "FileNotFoundError"
    finally:
        made.close()


def test_the_environment_of_the_grader_does_not_come_in(box, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_GRADER", "1")
    fresh = sandbox.Sandbox(unsandboxed=parts.UNSANDBOXED)
    try:
        assert "SECRET" not in said(fresh.student_process(), "import os; print(dict(os.environ))")
    finally:
        fresh.close()


@pytest.mark.bubblewrap
def test_nothing_of_one_submission_is_left_for_the_next(box):
    first = box.student_process()
    first.run(
        "import subprocess, sys, os, pathlib, builtins, torch\n"
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "(pathlib.Path.home() / 'left').write_text('x'); open('/dev/shm/left', 'w').write('x')\n"
        "os.environ['LEFT'] = '1'; builtins.left = 1; torch.left = 1"
    )
    first.end()
    code = (
        "import os, pathlib, builtins, torch\n"
        "print([p for p in os.listdir('/proc') if p.isdigit()], os.listdir('/dev/shm'), os.listdir('/box/work'),\n"
        "      os.listdir('/box/home'), 'LEFT' in os.environ, hasattr(builtins, 'left'), hasattr(torch, 'left'))"
    )
    assert next_says(box, code) == "['1'] [] [] ['matplotlib'] False False False"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("while True: pass", "timeout"),
        ("import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass", "timeout"),
        ("import os; os._exit(0)", "kernel-died"),
        ("import ctypes; ctypes.string_at(0)", "kernel-died"),
        pytest.param("import os\nwhile True: os.fork()", "memory", marks=pytest.mark.bubblewrap),
    ],
)
def test_what_ends_a_process_is_told_and_the_next_one_runs(box, code, outcome):
    with pytest.raises(border.Gone) as gone:
        box.student_process().run(code)
    assert gone.value.outcome == outcome
    assert next_says(box, "print(1)") == "1"


def test_a_process_of_a_sandbox_that_was_closed_ends_without_harm_to_the_next(box):
    before = box.student_process()
    box.close()
    after = box.student_process()
    warm = box.process.pid
    before.end()
    assert said(after, "print(1)") == "1" and box.process.pid == warm
    after.end()


def test_all_the_cells_of_a_submission_together_have_a_limit_of_time(box, monkeypatch):
    monkeypatch.setattr(box, "limits", sandbox.Limits(seconds=2, total_seconds=3))
    side = RestartingProcess(box)
    try:
        assert side.run("a = 1", "first")["error"] is None
        for exercise in ("second", "third", "fourth"):
            assert side.run("while True:\n    pass", exercise)["error"][0] == "timeout"
        assert side.run("b = 2", "fifth")["error"][0] == "timeout"
        assert side.judge("assert a == 1") == border.Verdict("timeout") and side.check("first") == ""
        assert side.killed("fifth") == "timeout" and side.killed("first") == ""
    finally:
        side.end()


@pytest.mark.slow
def test_a_busy_machine_takes_no_time_from_a_submission(box, monkeypatch):
    monkeypatch.setattr(box, "limits", sandbox.Limits(seconds=2, total_seconds=3))
    side = RestartingProcess(box)
    assert side.run("import time\nbegan = time.process_time()")["error"] is None
    core = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(linux.number_of(side.process.pidfd), core)
    spin = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile os.getppid() == int(sys.argv[2]): pass"
    hogs = [subprocess.Popen([sys.executable, "-c", spin, str(*core), str(os.getpid())]) for _ in range(4)]
    try:
        for seconds in (1.2, 2.4):  # some six seconds on the clock, each
            code = f"while time.process_time() < began + {seconds}: pass"
            assert side.run(code)["error"] is None
        assert side.run("while True: pass")["error"][0] == "timeout", "what it computes counts"
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        side.end()


@pytest.mark.parametrize(
    ("clock", "waited", "computed", "seconds"),
    [
        (20, 0, 0, 20),  # asleep
        (20, 15, 5, 5),  # on a busy machine
        (20, 19, 40, 20),  # among processes of its own
        (20, 19.9, 0.1, 2),  # so busy a machine is not waited for
        (20, 0, 40, 20),  # on two cores
    ],
)
def test_a_stopwatch_counts_no_seconds_without_a_core_but_those_computed(clock, waited, computed, seconds, monkeypatch):
    now, waits, total = 100.0, {1: 7.0}, 50.0
    monkeypatch.setattr(stopwatch.linux, "seconds_waited", lambda pid: dict(waits))
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: now)
    watch = stopwatch.Stopwatch(1, lambda: total)
    watch.look()
    now, waits, total = now + clock, {1: 7.0, 2: waited}, total + computed
    watch.look()
    assert watch.seconds() == pytest.approx(seconds) and watch.clock() == clock
    waits.clear()
    assert watch.seconds() == pytest.approx(seconds), "the process has ended, and what it had waited stays known"


TRICKLES = """
import os, socket, time
for number in range(3, 256):
    try:
        link = socket.socket(fileno=os.dup(number))
        link.send((10**6).to_bytes(8, "big"))
        break
    except OSError:
        pass
while True:
    link.send(b"x")
    time.sleep(0.05)
"""


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(box, monkeypatch):
    monkeypatch.setattr(box, "limits", sandbox.Limits(seconds=2))
    process = box.student_process()
    with pytest.raises(border.Gone) as gone:
        process.run(TRICKLES)
    assert gone.value.outcome == "timeout" and process.pidfd is None


def test_the_limit_of_a_submission_follows_that_of_a_cell_unless_it_is_given():
    assert sandbox.Limits(seconds=60).total_seconds == 900
    assert sandbox.Limits(seconds=60, total_seconds=5).total_seconds == 5


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("missing", r"bwrap.*not installed.*apt install bubblewrap.*--no-sandbox"),
        ("refused", r"cannot make a sandbox.*on Ubuntu: sudo sysctl.*--no-sandbox"),
    ],
)
def test_without_bubblewrap_it_refuses_and_says_the_way_out(monkeypatch, reason, said):
    monkeypatch.setattr(sandbox, "why_not", lambda: sandbox.REASONS[reason])
    with pytest.raises(sandbox.NoSandbox, match=said):
        sandbox.Sandbox()


def test_bare_it_works_the_same_without_the_walls():
    unsandboxed = sandbox.Sandbox(sandbox.Limits(seconds=3), unsandboxed=True)
    try:
        work = unsandboxed.student_process()
        work.run("def double(x):\n    return 2 * x\nopen('left', 'w').write('x')")
        assert border.judge("assert double(2) == 4", work)
        work.end()
        assert said(unsandboxed.student_process(), "import os; print(os.listdir('.'))") == "[]"
    finally:
        unsandboxed.close()


def test_one_warm_process_serves_all_courses_and_all_limits_but_that_of_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_open", {})

    def opened(course, **limits):
        with pool.open_sandbox(sandbox.Limits(**limits), parts.UNSANDBOXED, [course]) as made:
            return made, made.limits.seconds

    first, _ = opened(tmp_path)
    assert opened(tmp_path / "other", seconds=2) == (first, 2)
    assert opened(tmp_path, disk_bytes=2**20)[0] is not first


def test_a_folder_is_hidden_only_where_a_sandbox_would_see_it(tmp_path):
    (tmp_path / "course").mkdir()
    inside = (Path(sys.prefix) / "lib").resolve()
    assert sandbox.to_hide([tmp_path / "course", inside, inside / "nowhere"]) == (str(inside),)


def notebook(*codes):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])


@pytest.mark.bubblewrap
def test_a_jupyter_kernel_lives_in_the_sandbox_too(tmp_path):
    course.settings(tmp_path)  # where the kernel is known from
    probe = f"import os; print(os.getcwd(), os.path.exists('{sandbox.ROOT}/solutions/1_lenet5.py')); open('x', 'w')"
    for _ in range(2):  # the second is forked from the same warm process, and finds no x
        run = notebook("import os; print(os.listdir('.'))", probe)
        NotebookClient(run, kernel_name=course.KERNEL, timeout=None).execute()
        assert [cell.outputs[0].text.strip() for cell in run.cells] == ["[]", "/box/work False"]


def test_a_kernel_that_swallows_every_exception_is_killed(tmp_path):
    course.settings(tmp_path)
    endless = notebook("import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass")
    with pytest.raises(CellTimeoutError):
        NotebookClient(endless, kernel_name=course.KERNEL, timeout=2).execute()
