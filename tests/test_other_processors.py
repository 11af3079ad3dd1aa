"""Another processor adds in another order: no verdict may depend on it."""

import os
import platform
import subprocess
import sys

import other_processor
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.gate]
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these variables are known on x86-64 only")
def test_checks_and_tests_say_the_same_on_an_old_processor():
    command = [sys.executable, other_processor.__file__, "1"]
    there = subprocess.run(command, env=os.environ | OLD, capture_output=True, text=True, check=True).stdout
    capability, *lines = there.splitlines()
    assert capability == "DEFAULT"
    assert lines == [line for text in other_processor.said(1) for line in text.splitlines()]
    assert all("✔" in line and line.endswith("[]") for line in lines if line.startswith("solution "))
