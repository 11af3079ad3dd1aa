"""Invented classes and what they hand in: names that are hard, in the forms of every platform, with who is who."""

import io
import random
import unicodedata
import zipfile
from dataclasses import dataclass

FIRST = [
    "Ana",
    "Luis",
    "José",
    "Jose",
    "Íñigo",
    "Núria",
    "Xosé",
    "Ane",
    "João",
    "Zoë",
    "Jörg",
    "Mary-Ann",
    "李",
    "Sinéad",
]
LAST = ["García López", "Garcia Lopez", "Pérez", "de la O", "O'Neil", "Núñez", "Müller-Weiß", "Gil", "GIL", "Sørensen",
        "van 't Hof", "Etxeberria", "明", "[/b]", "x\x1b[2J", "a" * 90, "𝒜" * 40, "=1+1"]  # fmt: skip
SYSTEMS = ("folders", "flat", "team", "blind", "canvas", "anonymous", "blackboard", "brightspace", "ilias", "sakai",
           "google", "plain", "users", "exercise", "zips")  # fmt: skip
BY_NAME = ("google", "plain")  # in which nothing tells two students of one name apart
RELEASED = b'{"cells": [{"metadata": {"nbgrader": {"grade_id": "n1-conv-output-size"}}}], "nbformat": 4}'


@dataclass
class Student:
    """An invented student, and how platforms know the person."""

    id: str
    first: str
    last: str
    number: int

    def person(self):
        """The student as `people.read` gives one."""
        return {
            "id": self.id,
            "first_name": self.first,
            "last_name": self.last,
            "email": f"{self.id}@uni.es",
            "lms_user_id": str(self.number),
            "participants": str(self.number),
        }


def students(draw: random.Random, count: int) -> list[Student]:
    """A class in which many names are the same, or nearly."""
    first, last = draw.sample(FIRST, 3), draw.sample(LAST, draw.choice([2, 4]))
    return [Student(f"u{number}", draw.choice(first), draw.choice(last), 70_000 + number) for number in range(count)]


def clean(name):
    """A name as PHP's and Ruby's cleaning leave it."""
    return "".join(one for one in name if one.isprintable() and one not in "&<>\"'`|:\\/*?").replace("_", " ")


def path_of(draw: random.Random, system: str, student: Student, name: str) -> str:
    """The path of a student's file of this name in a delivery of this kind."""
    first, last = clean(student.first), clean(student.last)
    full, number = f"{first} {last}", student.number
    squeezed = "".join(one for one in (last + first).lower() if one.isalnum())
    late = draw.choice(["", "LATE_"])
    return {
        "folders": f"{full}_{number}_assignsubmission_file_/{name}",
        "flat": f"{full}_{number}_assignsubmission_file_{name}",
        "team": f"Grupo {number % 3}-{full}_{number}_assignsubmission_file_/{name}",
        "blind": f"Participante_{number}_assignsubmission_file_/{name}",
        "canvas": f"{squeezed}_{late}{number}_9{number}_{name}",
        "anonymous": f"{late}anon_{number:05}_9{number}_{name}",
        "blackboard": f"Tema 9_{student.id}_attempt_2026-11-26-12-00-00_{name}",
        "brightspace": f"{number}-351 - {full} - Nov 26, 2026 1234 PM/{name}",
        "ilias": f"Tarea/{last.replace(' ', '-')}_{first}_{student.id}_{number}/{name}",
        "sakai": f"Tarea/{last}, {first}({student.id})/Submission attachment(s)/{name}",
        "google": f"{full} - {name}",
        "plain": f"{draw.choice([full, f'{last}, {first}'])}/{draw.choice(['', 'entrega/'])}{name}",
        "users": f"{draw.choice([student.id, f'{student.id}@uni.es'])}/{name}",
        "exercise": f"1_lenet5/{student.id}/{name}",
        "zips": f"{student.id}.zip",
    }[system]


def zipped(entries: list[tuple[str, bytes]]) -> bytes:
    """The bytes of a zip with these entries, in this order; two may have one name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in entries:
            archive.writestr(zipfile.ZipInfo(path, (2026, 11, 26, 12, 0, 0)), content)
    return buffer.getvalue()


def work(draw: random.Random, student: Student, others: list[Student], version: int) -> tuple[str, bytes, bytes]:
    """(name of the file, its bytes, the notebook that it holds) of what a student hands in, which is only theirs."""
    notebook = RELEASED[:-1] + b', "by": "%s %d"}' % (student.id.encode(), version)
    other = draw.choice(others)
    name = draw.choice(
        ["1_lenet5.ipynb", "1_lenet5 (1).ipynb", "entrega.ipynb", "1_lenet5-2.IPYNB", "1_lenet5.ipynb.txt"]
    )
    if draw.random() < 0.2:  # in a zip, perhaps under the name of somebody else
        inside = draw.choice(
            [name, f"{other.id}/1_lenet5.ipynb", path_of(draw, "folders", other, name), f"__MACOSX/._{name}"]
        )
        entries = [(inside, notebook)] if "__MACOSX" not in inside else [(inside, b"x"), (name, notebook)]
        return draw.choice(["1_lenet5.zip", "todo.zip"]), zipped(entries), notebook
    return name, notebook, notebook


def delivery(
    draw: random.Random, class_: list[Student], version: int
) -> tuple[str, list[tuple[str, bytes]], dict[bytes, str]]:
    """(one of SYSTEMS, [(path, content)] of a delivery of it, {notebook: id of the student who handed it in})."""
    system = draw.choice(SYSTEMS)
    entries, owners = [], {}
    for student in class_:
        name, content, notebook = work(draw, student, class_, version)
        if system == "zips":
            content = content if name.endswith(".zip") else zipped([(name, content)])
        path = path_of(draw, system, student, name)
        if draw.random() < 0.1:
            path = unicodedata.normalize("NFD", path)
        entries.append((path, content))
        owners[notebook] = student.id
    if draw.random() < 0.3:
        entries.append((draw.choice(["index.html", "__MACOSX/._x.ipynb", "Thumbs.db", "notas.txt", ""]), b"x"))
    draw.shuffle(entries)
    return system, entries, owners
