"""A class graded by several processes and by a cluster: the same scores, and one that dies costs one submission."""

import multiprocessing
import shutil
import socket
import time

import mini
import pytest
from running import grade_class, run

from tema9.classroom.grading import scores, workers
from tema9.classroom.sandbox import pool

pytestmark = pytest.mark.sandbox

NAMES = ("ana", "eva", "luis", "zoe")
DESERVED = {"ana": 90, "eva": 30, "luis": 90, "zoe": 0}


@pytest.fixture(scope="module")
def ready(tmp_path_factory, prepared):
    """A class of four that handed in."""
    with mini.as_course(mini.write(tmp_path_factory.mktemp("sources"))):
        opened = prepared(tmp_path_factory.mktemp("course"))
        answers = (
            mini.size(),
            mini.size("return (n - f) // s"),
            mini.size(before="# muere\n"),
            mini.size("return 'x.'  # falla"),
        )
        for student, answer in zip(NAMES, answers, strict=True):
            mini.hand_in(opened, student, answer)
        yield opened.root


@pytest.fixture
def root(ready):
    """That class; nothing of it graded yet."""
    yield ready
    for folder in ("receipts", "autograded"):
        shutil.rmtree(ready / folder, ignore_errors=True)
    (ready / scores.SCORES).unlink(missing_ok=True)


def graded(root, **settings):
    return {row.student: row for row in grade_class(root, **settings).rows}


def points_of(rows):
    return {student: row.machine for student, row in rows.items()}


def test_two_processes_give_the_scores_of_one(root):
    one = graded(root, workers=1)
    shutil.rmtree(root / "receipts")
    two = graded(root, workers=2)
    assert points_of(one) == points_of(two) == DESERVED
    assert {row.outcomes for row in one.values()} == {row.outcomes for row in two.values()}


def test_a_process_that_dies_and_a_bug_of_the_judge_cost_one_submission_each(root, monkeypatch):
    monkeypatch.setattr(workers, "judge", mini.with_bugs)
    rows = graded(root, workers=2)
    assert points_of(rows) == DESERVED | {"luis": 0}
    assert {student: row.status for student, row in rows.items()} == {
        "ana": "graded",
        "eva": "graded",
        "luis": "could not be graded: it ends the process that judges it",
        "zoe": "could not be graded: KeyError in the judge",
    }


def test_a_process_that_dies_by_accident_costs_nothing(root):
    killed = []

    def kill_one(results, total):
        for judged in results:
            if not killed:
                killed.extend(multiprocessing.active_children()[:1])
                killed[0].kill()
            yield judged

    rows = graded(root, workers=2, track=kill_one)
    assert killed and points_of(rows) == DESERVED
    assert {row.status for row in rows.values()} == {"graded"}


@pytest.mark.parametrize("workers", [1, 2])
def test_what_no_process_can_do_is_no_submissions_fault(root, workers, monkeypatch):
    monkeypatch.setattr(pool, "_sandbox", lambda *_: mini.never())
    monkeypatch.setattr("tema9.classroom.grading.workers._begin", mini.never)
    with pytest.raises(RuntimeError, match=r"grading does not work here, not even for a notebook without answers: \w+"):
        graded(root, workers=workers)
    assert not (root / "receipts").exists() and not (root / scores.SCORES).exists(), "nobody is blamed"


def test_a_broken_interpreter_is_one_line_and_nobody_is_blamed(root, monkeypatch):
    from multiprocessing import forkserver, spawn

    monkeypatch.setattr(forkserver, "_forkserver", broken := forkserver.ForkServer())
    for name in ("ensure_running", "connect_to_new_process", "set_forkserver_preload"):
        monkeypatch.setattr(forkserver, name, getattr(broken, name))
    monkeypatch.setattr(spawn, "_python_exe", b"/bin/false")
    result = run("grade", root, "-j", 2)
    assert result.exit_code == 2
    assert result.stderr.startswith("tema9: grading does not work here") and len(result.stderr.splitlines()) == 1
    assert not (root / "receipts").exists()


@pytest.fixture(scope="module")
def cluster():
    """A Dask scheduler of this machine with two worker processes."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40
    ) as made:
        yield made.scheduler_address


@pytest.mark.slow
def test_a_cluster_of_two_gives_the_scores_of_one(root, cluster):
    assert points_of(graded(root, dask=cluster)) == DESERVED


def test_a_wrong_address_of_a_cluster_is_one_line_in_seconds(root, monkeypatch):
    pytest.importorskip("distributed", reason="distributed is not installed")
    monkeypatch.setattr(workers, "SECONDS_TO_ANSWER", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        for wrong in (address, "tcp://127.0.0.1:x", "nowhere"):
            started = time.perf_counter()
            result = run("grade", root, "--dask", wrong)
            assert result.exit_code == 2
            assert f"no Dask scheduler answers at {wrong}" in result.stderr
            assert len(result.stderr.splitlines()) == 1
            assert time.perf_counter() - started < 30
