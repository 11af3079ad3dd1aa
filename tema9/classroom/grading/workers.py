"""Where submissions are judged: in this process, in several of this machine, or on a cluster."""

import contextlib
import hashlib
import itertools
import multiprocessing
import os
import signal
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from dataclasses import replace

from tema9 import hardware
from tema9.classroom.grading.job import Judged
from tema9.classroom.grading.receipt import Receipt

SECONDS_TO_ANSWER = 10  # of a Dask scheduler
MEMORY_OF_A_WORKER = 1.5 * 2**30  # the judge and the warm process, both with torch


def start(workers=None, dask=None):
    """Begin to import what `spread` will need for these, in a process beside this one."""
    if dask is None and (workers or default_workers()) > 1 and _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _context():
    """How processes are started: forked, where they can be, from one that has imported the judge, and torch with it."""
    kind = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(kind)
    if kind == "forkserver":
        context.set_forkserver_preload(["tema9.classroom.grading.preload"])
    return context


def judge(job) -> Judged:
    """`judge.judge`, which is imported where it runs."""
    from tema9.classroom.grading import judge

    return judge.judge(job)


def spread(jobs, count, workers, dask):
    """Yield the jobs' results as they come, from this process, from several or from a cluster."""
    if dask is not None:
        with _cluster(dask) as (executor, width):
            yield from _through(executor, jobs, width, left := [])
            for job in left:
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
    jobs, left = iter(jobs), [None]
    while left:  # a process that dies takes the others with it
        with _pool(workers) as pool:
            yield from _through(pool, jobs, 2 * workers, left := [])
        for job in left:
            yield _alone(lambda: _pool(1), job)


def _alone(executor, job):
    """Judge once more what went wrong among others; only if a notebook without answers goes well is it to blame.

    Raises:
        RuntimeError: that goes wrong as well, so that it is nobody's fault; the message says what happens.
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
    """An executor on the workers of a Dask scheduler, and how many jobs it should have at a time.

    Raises:
        RuntimeError: it is not installed, it does not answer, or it has no workers.
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
    """Processes that judge; they end at once when this is left by Ctrl-C or an error."""
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
    """What a process that judges starts with: one thread, and Ctrl-C is its parent's."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    torch.set_num_threads(1)


def _through(executor, jobs, width, left):
    """Yield the results of an executor that has at most `width` jobs at a time; those that went wrong go to `left`.

    When one of its processes has died, those that it had are all left, and no more are taken.
    """
    waiting, broken = {}, False
    while not broken:
        for job in itertools.islice(jobs, width - len(waiting)):
            try:
                waiting[executor.submit(judge, job)] = job
            except (OSError, EOFError, RuntimeError):  # there is no process, and none can be started
                left.append(job)
                broken = True
                break
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            job = waiting.pop(future)
            try:
                yield future.result()
            except Exception as error:
                left.append(job)
                broken = broken or isinstance(error, BrokenExecutor)
    left += waiting.values()
