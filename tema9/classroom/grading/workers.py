"""The processes that judge submissions: this one, several on this machine, or those of a cluster."""

import contextlib
import hashlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from dataclasses import replace

from tema9 import hardware
from tema9.classroom.grading.job import Job, Judged
from tema9.classroom.grading.receipt import Receipt

SECONDS_TO_ANSWER = 10  # that a Dask scheduler may take
MEMORY_OF_A_WORKER = 1.5 * 2**30  # bytes of the judge and of its warm process, each of which has imported torch


def start(workers: int | None = None, dask: str | None = None) -> None:
    """Begin to import in another process what `spread` will need, so that it is ready when `spread` is called.

    Args:
        workers, dask: as for `spread`.
    """
    if dask is None and (workers or default_workers()) > 1 and _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _context():
    """The way to start processes: forked, where the system can, from one that has imported the judge and torch."""
    kind = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(kind)
    if kind == "forkserver":
        context.set_forkserver_preload(["tema9.classroom.grading.preload"])
    return context


def judge(job: Job) -> Judged:
    """Judge a submission, as `judge.judge` does; the module `judge` is imported only in the process that runs this."""
    from tema9.classroom.grading import judge

    return judge.judge(job)


def spread(jobs: Iterable[Job], count: int, workers: int | None, dask: str | None) -> Iterator[Judged]:
    """Yield the results of jobs in the order in which they are ready.

    Args:
        jobs: the submissions to judge.
        count: how many jobs there are.
        workers: how many processes of this machine judge, with 1 for this process alone; None for as many as there
            are cores, as memory allows.
        dask: the address of a Dask scheduler on whose workers the jobs run instead; None for this machine.

    Raises:
        RuntimeError: grading does not work here at all, not even for a notebook without answers; or the cluster
            cannot be used.
    """
    jobs = iter(jobs)
    if dask is not None:
        with _cluster(dask) as (executor, width):
            failed: list[Job] = []
            yield from _through(executor, jobs, width, failed)
            for job in failed:
                yield _alone(lambda: contextlib.nullcontext(executor), job)
        return
    workers = min(workers or default_workers(), count)
    if workers == 1:
        for job in jobs:
            try:
                judged = judge(job)
            except Exception:
                judged = _alone(lambda: _pool(1), job)
            yield judged
        return
    while True:  # a process that dies ends the others of its pool too, so that another pool goes on
        failed = []
        with _pool(workers) as pool:
            yield from _through(pool, jobs, 2 * workers, failed)
        for job in failed:
            yield _alone(lambda: _pool(1), job)
        if not failed:
            return


def _alone(executor, job):
    """Judge a job that failed once more, with no other job beside it.

    If it fails again, a notebook without answers is judged in its place. If that works, the submission is to blame, and
    its result says that it could not be graded.

    Raises:
        RuntimeError: the notebook without answers fails as well; the message says how.
    """
    try:
        with executor() as pool:
            return pool.submit(judge, job).result()
    except Exception as error:
        ends = isinstance(error, BrokenExecutor)
        why = "it ends the process that judges it" if ends else f"{type(error).__name__} in the judge"
    try:
        with executor() as pool:
            pool.submit(judge, replace(job, content=job.released.encode(), previous=None)).result()
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise RuntimeError(
            f"grading does not work here, not even for a notebook without answers: {type(error).__name__}: {said}"
        ) from None
    sha256 = hashlib.sha256(job.content).hexdigest()
    return Judged(Receipt(job.student, job.notebook, sha256, f"could not be graded: {why}"))


@contextlib.contextmanager
def _cluster(address):
    """Yield an executor on the workers of a Dask scheduler, and how many jobs it should have at a time.

    Raises:
        RuntimeError: Dask is not installed, the scheduler does not answer, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise RuntimeError("distributed is not installed: pip install distributed") from None
    try:
        client = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        said = str(error).partition("\n")[0]
        raise RuntimeError(f"no Dask scheduler answers at {address}: {said}") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise RuntimeError(f"the Dask scheduler at {address} has no workers")
        yield client.get_executor(pure=False), 2 * threads


def default_workers() -> int:
    """Return how many processes judge unless told otherwise: one per core that may be used, as memory allows."""
    return max(1, min(hardware.cores(), int(hardware.available_memory() / MEMORY_OF_A_WORKER)))


@contextlib.contextmanager
def _pool(workers):
    """Yield an executor whose processes judge; Ctrl-C or an error inside the `with` ends them at once."""
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_begin)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _begin():
    """Prepare a process that judges: it computes in one thread, leaves Ctrl-C to its parent, and ends with it.

    When the parent is killed, so that it can end nobody, this process ends itself, and with it its sandbox.
    """
    import torch

    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    torch.set_num_threads(1)


def _through(executor, jobs, width, failed):
    """Yield the results of an executor that has at most `width` jobs at a time; put the jobs that fail into `failed`.

    When a process of the executor has died, all the jobs that the executor has count as failed, and it gets no others.
    """
    waiting, broken = {}, False
    while not broken:
        for job in itertools.islice(jobs, width - len(waiting)):
            try:
                waiting[executor.submit(judge, job)] = job
            except (OSError, EOFError, RuntimeError):  # no process is alive, and none can be started
                failed.append(job)
                broken = True
                break
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            job = waiting.pop(future)
            try:
                yield future.result()
            except Exception as error:
                failed.append(job)
                broken = broken or isinstance(error, BrokenExecutor)
    failed += waiting.values()
