"""What checks and tests say of some answers, on a processor with fewer instructions.

`python other_processor.py ANSWERS` prints a line for each of the first wrong answers to each exercise and for its
solution: what the check says, and the tests that fail. Torch chooses its kernels by the processor; the test that runs
this sets the variables that make it choose those of an old one.
"""

import sys

import torch

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.sandbox import border


def said(answers):
    """Yield a line for each answer."""
    torch.set_num_threads(1)
    for source in sources.all_sources():
        known = bank.load(source)
        for exercise in source.graded:
            wrong = [answer for answer in known.answers[exercise.name] if not answer.right][:answers]
            for answer in (bank.solution(exercise), *wrong):
                space = bank.namespace_of(answer, source)
                failed = [cell.grade_id for cell in exercise.tests if not border.judge(cell.text, space)]
                yield f"{answer.name} {checks.verdict(exercise.name, space)} {failed}"


if __name__ == "__main__":
    print(torch.backends.cpu.get_cpu_capability())
    for line in said(int(sys.argv[1])):
        print(line)
