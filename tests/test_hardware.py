"""Cores and memory, with what each system lacks taken away."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tema9 import hardware


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot limit a process to some cores")
def test_the_cores_are_those_that_the_process_may_use():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    code += "from tema9 import hardware; print(hardware.cores())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "1"


@pytest.mark.parametrize(("found", "cores"), [(8, 8), (None, 1)])
def test_where_no_process_can_be_limited_the_cores_are_the_machine_s(found, cores, monkeypatch):
    """As on macOS; psutil may not know how many there are."""
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)
    monkeypatch.setattr(psutil, "cpu_count", lambda: found)
    assert hardware.cores() == cores


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="only Linux has /proc/meminfo")
def test_the_memory_is_that_of_the_kernel_s_table():
    table = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert hardware.memory() == int(table["MemTotal"].split()[0]) * 1024
    assert 0 < hardware.available_memory() <= hardware.memory()


def test_asking_loads_no_torch():
    code = "import sys; from tema9 import hardware; hardware.cores(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
