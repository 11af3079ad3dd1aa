"""The processor and the memory that this process may use, on Linux, macOS and Windows; it loads no torch."""

import psutil


def cores() -> int:
    """How many cores this process may run on; where the system sets no such limit, how many the machine has."""
    if hasattr(psutil.Process, "cpu_affinity"):  # macOS lacks it
        return len(psutil.Process().cpu_affinity())
    return psutil.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that the machine has."""
    return psutil.virtual_memory().total


def available_memory() -> int:
    """Bytes of memory that programs could still take without swapping."""
    return psutil.virtual_memory().available
