"""A rehearsed class: submissions made from the bank of mistakes, with the scores that the tests must give them."""

import csv
import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank as banks
from tema9.classroom.course import Course
from tema9.classroom.grading.scores import EXPECTED
from tema9.classroom.rehearsal import attacks
from tema9.classroom.sources import Source

FREE_TEXT = "Creo que depende del tamaño de la entrada, pero no estoy seguro."


@dataclass
class Submission:
    """What one student hands in for one notebook.

    Args:
        student: the identifier of the student.
        notebook: the name of the notebook.
        what: in a few words, what the submission is made of.
        answers: {exercise: `Answer`} of the exercises with tests; the others stay as they were released.
        texts: {exercise: text} of the answers in prose; the others stay as they were released.
    """

    student: str
    notebook: str
    what: str
    answers: dict[str, banks.Answer] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def machine_score(self, source: Source) -> int:
        """Return the points that the tests must give to the submission.

        Args:
            source: the notebook.
        """
        return sum(
            test.points
            for name, answer in self.answers.items()
            for case, test in zip(source.exercises[name].cases, source.exercises[name].tests, strict=True)
            if case not in answer.fails
        )

    def fill(self, released: str | Path) -> nbformat.NotebookNode:
        """Return the notebook as the student hands it in.

        Args:
            released: the path of the notebook as students receive it.
        """
        notebook = nbformat.read(released, as_version=4)
        for cell in notebook.cells:
            name = cells.name_of(cell)
            if name in self.answers:
                cell.source = self.answers[name].text
            elif name in self.texts:
                cell.source = self.texts[name]
        return notebook


def plan(source: Source, bank: banks.Bank, students: int, seed: int = 0) -> list[Submission]:
    """Return a submission of a notebook for each student of a class.

    The first submission is perfect and the second is blank. The others have, in turn: one mistake, right answers that
    are not the solution, several mistakes, only the first half of the exercises. Each takes other answers of the bank.

    Args:
        source: the notebook.
        bank: the bank of the notebook.
        students: how many students the class has.
        seed: the seed of the draws of answers.
    """
    graded = source.graded
    texts = {exercise.name: exercise for exercise in source.exercises.values() if exercise.by_hand}
    solved = {exercise.name: banks.solution(exercise) for exercise in graded}
    wrong = [answer for exercise in graded for answer in bank.answers[exercise.name] if not answer.right]
    right = {exercise.name: [answer for answer in bank.answers[exercise.name] if answer.right] for exercise in graded}
    draw = random.Random(f"{seed} {source.name}")
    draw.shuffle(wrong)
    one_mistake = itertools.cycle(wrong)
    made = []
    for number in range(students):
        student = f"alumno-{number + 1:03d}"
        if number == 0:
            model = {name: exercise.solution.text for name, exercise in texts.items()}
            submission = Submission(student, source.name, "perfect", dict(solved), model)
        elif number == 1:
            submission = Submission(student, source.name, "blank")
        elif number % 4 == 2:
            answer = next(one_mistake)
            what = f"one mistake: {answer.exercise} {answer.name}"
            submission = Submission(student, source.name, what, solved | {answer.exercise: answer})
        elif number % 4 == 3:
            other = {name: draw.choice(answers) for name, answers in right.items()}
            submission = Submission(student, source.name, "right in other ways", other, dict.fromkeys(texts, FREE_TEXT))
        elif number % 4 == 0:
            several = {answer.exercise: answer for answer in draw.sample(wrong, min(4, len(wrong)))}
            what = f"mistakes in {', '.join(sorted(several))}"
            submission = Submission(student, source.name, what, solved | several, dict.fromkeys(texts, FREE_TEXT))
        else:
            half = dict(itertools.islice(solved.items(), len(solved) // 2))
            submission = Submission(student, source.name, "the first half", half)
        made.append(submission)
    return made


def rehearse(root: str | Path, students: int = 12, seed: int = 0, hostile: int = 0) -> Path:
    """Fill a course folder with a class made from the bank, and return the folder.

    This writes the submissions into submitted/ and the scores that they deserve into expected.csv.

    Args:
        root: the course folder, which must not hold real submissions.
        students: how many students hand in answers of the bank, 2 or more.
        seed: the seed of the draws of answers.
        hostile: how many more students hand in an attack, each of them one of `attacks.ATTACKS`.

    Raises:
        ValueError: fewer than 2 students.
        FileExistsError: the folder holds submissions that no rehearsal made.
    """
    if students < 2:
        raise ValueError(f"students {students} is too few; a class has 2 or more")
    root = Path(root)
    if (root / "submitted").exists() and not (root / EXPECTED).is_file():
        raise FileExistsError(f"{root} holds submissions that no rehearsal made; give another folder with --course")
    course = Course(root)
    course.prepare()
    rows: list[tuple[str, str, float, str]] = []
    for source in sources.all_sources():
        for submission in plan(source, banks.load(source), students, seed):
            path = course.submitted(submission.student, source.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(submission.fill(course.release(source.name)), path)
            rows.append((submission.student, source.name, submission.machine_score(source), submission.what))
    rows += attacks.write(course, hostile)
    with (root / EXPECTED).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("student", "notebook", "machine", "what"))
        writer.writerows(sorted(rows))
    return root
