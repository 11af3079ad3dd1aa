"""Images that threads read from the disk ahead of the loop that wants them, batch by batch and in the loop's order."""

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from tema9.prepared import Batches

SLOTS = 4  # batches in memory at a time: one that the loop works on, and those that are being read and copied


def ahead(
    images: Batches, parts: Sequence[torch.Tensor], device: torch.device, threads: int, slots: int = SLOTS
) -> Generator[torch.Tensor]:
    """Yield some batches of images while threads read those that come after.

    The batches and the order of the images in each are those of `parts`, whatever the number of threads. A batch
    may be used until the next one is asked for: its memory then takes another one. What a thread raises reaches
    the loop with the batch that it was reading; when the loop ends, in whatever way, the threads end too.

    On a GPU each batch goes through pinned memory and a stream of its own, so that it is copied while the GPU computes
    with an earlier one, and the loop waits for neither.

    Args:
        images: on the disk.
        parts: the indices of the images of each batch.
        device: CUDA, where the batches then are; for any other device they stay on the CPU.
        threads: that read, 1 or more.
        slots: batches that have memory at the same time.

    Shape: (len(part), 3, 256, 256) each, uint8, in channels-last memory.
    """
    shape = max(map(len, parts), default=0), *(images.shape[axis] for axis in (2, 3, 1))
    copies = torch.cuda.Stream(device) if device.type == "cuda" else None
    ring = [CudaSlot(shape, device, copies) if copies else Slot(shape) for _ in range(min(slots, len(parts)))]
    pool = ThreadPoolExecutor(threads, "reading")
    lock, pending = threading.Lock(), [0] * len(ring)

    def fill(number: int, at: int, which: torch.Tensor) -> None:
        slot = ring[number % len(ring)]
        slot.wait()
        images.read_into(which, slot.here[at : at + len(which)])
        with lock:
            pending[number % len(ring)] -= 1
            last = not pending[number % len(ring)]
        if last:
            slot.send()

    def begin(number: int) -> list[Future[None]]:
        most = -(-len(parts[number]) // images.together)  # a call takes time from the loop too: Python runs one thread
        pieces = parts[number].tensor_split(max(1, min(most, 2 * threads)))
        pending[number % len(ring)], at, jobs = len(pieces), 0, []
        for piece in pieces:
            jobs.append(pool.submit(fill, number, at, piece))
            at += len(piece)
        return jobs

    try:
        jobs = [begin(number) for number in range(len(ring))]
        for number, part in enumerate(parts):
            slot = ring[number % len(ring)]
            for job in jobs[number % len(ring)]:
                job.result()
            yield slot.take(len(part)).permute(0, 3, 1, 2)
            slot.used()
            if number + len(ring) < len(parts):
                jobs[number % len(ring)] = begin(number + len(ring))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if copies:
            torch.cuda.current_stream(device).wait_stream(copies)  # whoever gets the memory next comes after the copies


class Slot:
    """The memory of a batch on its way to the loop.

    A thread waits until the memory is free, fills `here` and sends it; the loop takes it, and says when it was used.

    Args:
        shape: (N, H, W, C) of the largest batch.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.here = torch.empty(*shape, dtype=torch.uint8)

    def wait(self) -> None:
        """Return when `here` may be written to."""

    def send(self) -> None:
        """Begin to copy `here` to where the loop wants it."""

    def take(self, count: int) -> torch.Tensor:
        """Return the first `count` images where the loop wants them: it may use them without waiting."""
        return self.here[:count]

    def used(self) -> None:
        """Note that the loop has asked for all that it wants to do with the images."""


class CudaSlot(Slot):
    """Pinned memory, memory of the GPU, and the two events that say when each is free.

    Args:
        shape: as for `Slot`.
        device: the GPU.
        copies: the stream that copies.
    """

    def __init__(self, shape: Sequence[int], device: torch.device, copies: torch.cuda.Stream) -> None:
        self.here = torch.empty(*shape, dtype=torch.uint8, pin_memory=True)
        self.there = torch.empty(*shape, dtype=torch.uint8, device=device)
        self.device, self.copies = device, copies
        self.copied, self.free = torch.cuda.Event(), torch.cuda.Event()
        self.used()  # by whoever had this memory before

    def wait(self) -> None:
        """Return when the last copy out of `here` has ended."""
        self.copied.synchronize()  # the thread waits, not the loop

    def send(self) -> None:
        """Have the other stream copy `here`, once the loop has used what was copied before."""
        with torch.cuda.stream(self.copies):
            self.copies.wait_event(self.free)
            self.there.copy_(self.here, non_blocking=True)
            self.copied.record(self.copies)

    def take(self, count: int) -> torch.Tensor:
        """Return the first `count` images on the GPU, whose stream waits for the copy."""
        torch.cuda.current_stream(self.device).wait_event(self.copied)  # the GPU waits, not the loop
        return self.there[:count]

    def used(self) -> None:
        """Note where in the stream of the loop the images are used for the last time."""
        self.free.record(torch.cuda.current_stream(self.device))
