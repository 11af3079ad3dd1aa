"""What the checks and the tests say of the solutions and of known mistakes on a processor with fewer instructions.

`python other_processor.py EXERCISE ...` prints a line for each answer that is not judged as it deserves. Torch chooses
its kernels by the processor; the test that runs this sets the variables that make it choose those of an old one.
"""

import sys

import torch

from tema9 import checks
from tema9.classroom import sources
from tema9.classroom.authoring import bank
from tema9.classroom.sandbox import border

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(torch.backends.cpu.get_cpu_capability(), file=sys.stderr)
    for source in sources.all_sources():
        for exercise in source.graded:
            if exercise.name not in sys.argv[1:]:
                continue
            for answer in (bank.solution(exercise), *bank.load(source).answers[exercise.name]):
                space = bank.namespace_of(answer, source)
                said = checks.verdict(exercise.name, space)
                if answer.right:
                    failed = [test.case for test in exercise.tests if not border.judge(test.text, space)]
                    if failed or not said.startswith("✔"):
                        print(f"{exercise.name} {answer.name}: {said} {failed}")
                elif said.startswith("✔") or checks.explanations(exercise.name, said) != [answer.explanation]:
                    print(f"{exercise.name} {answer.name}: {said}")
