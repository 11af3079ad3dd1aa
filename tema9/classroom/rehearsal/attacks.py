"""Submissions that attack the grading, or that harm it by accident, for rehearsals and tests.

An attack answers the first graded exercise of a notebook in a hostile or a wrong way, and the other exercises honestly.
Grading must not give it the points that it attacks, and must give it the points of its honest answers.
"""

import ast
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import jupytext
import nbformat

from tema9.classroom import cells, sources
from tema9.classroom.authoring import bank as banks
from tema9.classroom.course import Course
from tema9.classroom.sources import Source

FORGED = """class Anything:
    def __eq__(self, other):
        return True
    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
    __hash__ = object.__hash__
    def __bool__(self):
        return True
    def __getattr__(self, name):
        return self
    def __call__(self, *args, **kwargs):
        return self
"""

# What the attacked cell holds, where NAME is the function that is asked for. Each answer is wrong and deserves nothing.
IN_THE_CELL = {
    "display-hook": "import sys\ndef NAME(*args, **kwargs):\n    sys.displayhook(2.0)\n    return -1",
    "drops-asserts": (
        "import ast, builtins\n"
        "class Drop(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n"
        "try:\n    get_ipython().ast_transformers.append(Drop())\nexcept NameError:\n    pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "patches-testing": (
        "import numpy, torch\nfrom tema9 import measuring\n"
        "for module in (numpy.testing, torch.testing):\n    for name in dir(module):\n"
        "        if name.startswith('assert'):\n            setattr(module, name, lambda *a, **k: None)\n"
        "measuring.require_own = lambda work: None\nmeasuring.raised_by = lambda *a, **k: 'ValueError'\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "equals-everything": FORGED + "def NAME(*args, **kwargs):\n    return Anything()",
    "is-everything": FORGED + "NAME = Anything()",
    "not-a-number": "def NAME(*args, **kwargs):\n    return float('nan')",
    "endless": "def NAME(*args, **kwargs):\n    while True:\n        pass",
    "endless-cell": "def NAME(*args, **kwargs):\n    return -1\nwhile True:\n    pass",
    "swallows-everything": (
        "import time\ndef NAME(*args, **kwargs):\n    while True:\n        try:\n            time.sleep(100)\n"
        "        except BaseException:\n            pass"
    ),
    "exits": "import os\ndef NAME(*args, **kwargs):\n    os._exit(0)",
    "exits-in-the-cell": "import os\ndef NAME(*args, **kwargs):\n    return -1\nos._exit(0)",
    "system-exit": "import sys\ndef NAME(*args, **kwargs):\n    sys.exit()",
    "keyboard-interrupt": "def NAME(*args, **kwargs):\n    raise KeyboardInterrupt",
    "segmentation-fault": "import ctypes\ndef NAME(*args, **kwargs):\n    ctypes.string_at(0)",
    "recursion": "def NAME(*args, **kwargs):\n    return NAME(*args, **kwargs)",
    "deep-answer": "def NAME(*args, **kwargs):\n    x = []\n    for _ in range(100000):\n        x = [x]\n    return x",
    "memory-bomb": "def NAME(*args, **kwargs):\n    return len(bytearray(1 << 40)) + len([0] * (1 << 36))",
    "long-answer": "def NAME(*args, **kwargs):\n    return 'x' * (1 << 27)",
    "fork-bomb": "import os\ndef NAME(*args, **kwargs):\n    while True:\n        os.fork()",
    "forks-and-answers": "import os\ndef NAME(*args, **kwargs):\n    os.fork()\n    return -1",
    "fills-the-disk": (
        "def NAME(*args, **kwargs):\n    for number in range(10000):\n"
        "        with open(f'big{number}', 'wb') as file:\n            file.write(bytes(1 << 20))"
    ),
    "one-long-line": "print('x' * 8_000_000)\ndef NAME(*args, **kwargs):\n    return -1",
    "a-million-lines": "for _ in range(1_000_000):\n    print('línea')\ndef NAME(*args, **kwargs):\n    return -1",
    "millions-of-lines": "for n in range(3_000_000):\n    print('línea', n)\ndef NAME(*args, **kwargs):\n    return -1",
    "names-an-error-at-length": (
        "def NAME(*args, **kwargs):\n    raise type('N' * 30_000_000, (ValueError,), {})('M' * 30_000_000)\n"
        "raise type('N' * 30_000_000, (Exception,), {})('M' * 30_000_000)"
    ),
    "reads-the-course": (
        "import os, pathlib\nfound = []\n"
        "for top in sorted(set(os.listdir('/')) - {'proc', 'sys', 'dev', 'usr'}):\n"
        "    for folder, folders, files in os.walk('/' + top):\n"
        "        folders[:] = [name for name in folders if name not in ('lib', 'bin', 'share', 'include', '.pyenv')]\n"
        "        found += [f for f in files if f == 'gradebook.db' or folder.endswith(('/solutions', '/submitted'))]\n"
        "print('SEEN', found)\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "writes-startup": (
        "import pathlib\nfolder = pathlib.Path.home() / '.ipython/profile_default/startup'\n"
        "folder.mkdir(parents=True, exist_ok=True)\n(folder / 'x.py').write_text('PLANTED = 1')\n"
        "pathlib.Path('/dev/shm/planted').write_text('1')\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "outlives": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'], start_new_session=True)\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "kills-all": (
        "import os\nfor name in os.listdir('/proc'):\n    if name.isdigit() and int(name) != os.getpid():\n"
        "        try:\n            os.kill(int(name), 9)\n        except OSError:\n            pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "stops-the-warm-one": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\ndef NAME(*a, **k):\n    return -1",
    "takes-the-socket-of-the-judge": (
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "for pid in range(1, 300):\n"
        "    try:\n        held = os.pidfd_open(pid)\n    except OSError:\n        continue\n"
        "    for fd in range(64):\n        if pid != os.getpid() and libc.syscall(438, held, fd, 0) != -1:\n"
        "            print('LEAK')\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "limits-those-after-it": (
        "import os, resource\nfor pid in [os.getppid(), *range(2, 300)]:\n"
        "    limits = resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE\n"
        "    changes = [lambda limit=limit: resource.prlimit(pid, limit, (0, 0)) for limit in limits]\n"
        "    changes += [lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.sched_setaffinity(pid, {0})]\n"
        "    for change in changes:\n"
        "        try:\n            pid and change()\n        except OSError:\n            pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "leaves-a-queue": (
        "import ctypes, os\ntry:\n    rt = ctypes.CDLL('librt.so.1')\n"
        "    print('LEAK' if rt.mq_open(b'/t9', os.O_RDWR, 0o600, None) != -1 else '')\n"
        "    rt.mq_open(b'/t9', os.O_RDWR | os.O_CREAT, 0o600, None)\n"
        "    print('LEAK' if ctypes.CDLL(None).shmget(99, 0, 0) != -1 else '')\n"
        "    ctypes.CDLL(None).shmget(99, 4096, 0o1600)\nexcept OSError:\n    pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "leaves-a-key": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nfor ring in (-3, -4, -5):\n"
        "    found = libc.syscall(250, 10, ring, b'user', b't9', 0)\n    print('LEAK' if found != -1 else '')\n"
        "    libc.syscall(248, b'user', b't9', b'answers', 7, ring)\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "memory-of-no-process": (
        "import mmap, os\nheld = []\ndef NAME(*args, **kwargs):\n    for _ in range(1000):\n"
        "        held.append(mmap.mmap(-1, 1 << 27)) if len(held) % 2 else held.append(os.memfd_create('x'))\n"
        "        if isinstance(held[-1], int):\n            os.posix_fallocate(held[-1], 0, 1 << 27)\n"
        "        else:\n            held[-1].write(bytes(1 << 27))"
    ),
    "takes-all-its-time-everywhere": (
        "import time\nget_ipython().events.register('pre_run_cell', lambda *_: time.sleep(600))\n"
        "def NAME(*args, **kwargs):\n    time.sleep(600)"
    ),
    "network": (
        "import socket\ntry:\n    socket.create_connection(('1.1.1.1', 53), 2)\n    print('NETWORK')\n"
        "except OSError:\n    print('no network')\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "script": (
        "from IPython.display import HTML, display\ndisplay(HTML('<script>alert(1)</script>'))\n"
        "print('<script>alert(2)</script>')\ndef NAME(*args, **kwargs):\n    return '<script>alert(3)</script>'"
    ),
    "looks-for-the-tests": (
        "import inspect\nprint(In)\ndef NAME(*args, **kwargs):\n    text = ''\n"
        "    frame = inspect.currentframe().f_back\n"
        "    while frame:\n        text += repr(sorted(frame.f_locals)) + repr(frame.f_code.co_consts)\n"
        "        frame = frame.f_back\n    raise ValueError('HIDDEN TESTS' in text and 'LEAK' or 'nothing')"
    ),
    "borrowed-by-hand": "from tema9.arithmetic import output_size as NAME",
    "closes-the-output": "import sys\nsys.stdout.close()\ndef NAME(*args, **kwargs):\n    return -1",
    "not-a-character": "print('\\ud800')\ndef NAME(*args, **kwargs):\n    raise ValueError('\\ud800 \\x00')",
    "named-like-markup": (
        "def NAME(*args, **kwargs):\n"
        "    raise type('<img src=x onerror=alert(1)>', (Exception,), {})('<script>alert(2)</script>')"
    ),
    "talks-to-the-judge": (
        "import os\nfor fd in range(3, 64):\n"
        "    try:\n        os.write(fd, b'\\xff' * 64)\n    except OSError:\n        pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "changes-our-copies": (
        "import gc, types\nfor module in gc.get_objects():\n"
        "    if isinstance(module, types.ModuleType) and module.__name__.startswith('tema9'):\n"
        "        for name in dir(module):\n            if callable(getattr(module, name, None)) and name[0] != '_':\n"
        "                setattr(module, name, lambda *a, **k: True)\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "patches-builtins": (
        "import builtins\nfor name in ('len', 'range', 'isinstance', 'sum', 'zip', 'float', 'int'):\n"
        "    setattr(builtins, name, lambda *a, **k: 0)\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "patches-torch": (
        "import numpy, torch\ntorch.Tensor.__add__ = torch.Tensor.__mul__ = lambda *a: None\n"
        "torch.nn.Module.__call__ = torch.nn.functional.cross_entropy = numpy.asarray = torch.zeros = None\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "patches-later": (
        "import threading, time, torch\ndef later():\n    while True:\n        time.sleep(0.01)\n"
        "        torch.nn.functional.cross_entropy = torch.zeros = torch.stack = None\n"
        "threading.Thread(target=later, daemon=True).start()\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.1)\ndef NAME(*args, **kwargs):\n    return -1",
    "exits-later": (
        "import os, threading\nthreading.Timer(0.2, os._exit, [0]).start()\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "empties-the-namespace": (
        "import threading, time\ndef later(space=globals()):\n    while True:\n        time.sleep(0.01)\n"
        "        for name in [name for name in space if name[:1] != '_']:\n            space.pop(name, None)\n"
        "threading.Thread(target=later, daemon=True).start()\ndef NAME(*args, **kwargs):\n    return -1"
    ),
    "forges-messages": (
        "import json, os, stat\nfor number in range(3, 400):\n"
        "    text = json.dumps({'dict': [['number', number], ['answer', {'dict': [['value', -1]]}]]}).encode()\n"
        "    content = len(text).to_bytes(8, 'big') + text\n    message = len(content).to_bytes(8, 'big') + content\n"
        "    for fd in range(3, 64):\n        try:\n            if stat.S_ISSOCK(os.fstat(fd).st_mode):\n"
        "                os.write(fd, message)\n        except OSError:\n            pass\n"
        "def NAME(*args, **kwargs):\n    return -1"
    ),
    "borrowed-by-getattr": (
        "import sys\ndef NAME(*args, **kwargs):\n"
        "    return getattr(sys.modules['.'.join(['tema9', 'arithmetic'])], 'output_size')(*args, **kwargs)"
    ),
    "borrowed-behind-a-patch": (
        "import tema9.arithmetic as a\nimport tema9.measuring\ntema9.measuring._borrowed = lambda *a: None\n"
        "def NAME(*args, **kwargs):\n    return a.output_size(*args, **kwargs)"
    ),
    "lying-exception": (
        "class AssertionError(Exception):\n    pass\ndef NAME(*args, **kwargs):\n    raise AssertionError('correcto')"
    ),
}


# What is added to a right answer: output for which nbgrader without our settings gives no points.
NOISY = (
    "\nimport sys as _sys, warnings as _warnings\nfrom tqdm import tqdm as _tqdm\n"
    "_warnings.warn('se puede mejorar')\nprint('una nota', file=_sys.stderr)\nlist(_tqdm(range(3)))\n"
)


def _tag_tests(notebook, named):
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", []).append("skip-execution")


def _delete_tests(notebook, named):
    notebook.cells = [cell for cell in notebook.cells if not cells.is_graded(cell)]


def _empty_tests(notebook, named):
    for cell in notebook.cells:
        if cells.is_test(cell):
            cell.source = "pass"


def _more_points(notebook, named):
    for cell in notebook.cells:
        if cells.is_graded(cell):
            cells.change(cell, points=1e9)


def _duplicate_tests(notebook, named):
    notebook.cells += [copy.deepcopy(cell) for cell in notebook.cells if cells.is_graded(cell)]


def _not_graded(notebook, named):
    for cell in notebook.cells:
        cells.change(cell, grade=False, points=0)


def _strip_metadata(notebook, named):
    for number, cell in enumerate(notebook.cells):
        cell.metadata.clear()
        cell.id = f"cell-{number}"


def _rename_cells(notebook, named):
    for number, cell in enumerate(notebook.cells):
        if cells.name_of(cell):
            cell.id = f"otro-{number}"
            cells.change(cell, grade_id=cell.id)


def _negative_points(notebook, named):
    for cell in notebook.cells:
        if cells.is_graded(cell):
            cells.change(cell, points=float("nan") if cells.is_written_by_student(cell) else -5)


def _half_a_character(notebook, named):
    notebook.cells[0].source += "\ud800"
    next(iter(named.values())).source += "\n# \ud800"


def _odd_types(notebook, named):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = 5, "x"
    notebook.metadata = {"kernelspec": [], "language_info": None}
    notebook.cells += [None, 3, [], {"cell_type": "video"}, {"cell_type": "code", "source": 7}]


# What is done to a notebook with one wrong answer; none of it must change the score.
TO_THE_NOTEBOOK = {
    "tags-tests": _tag_tests,
    "deletes-tests": _delete_tests,
    "empties-tests": _empty_tests,
    "more-points": _more_points,
    "duplicates-tests": _duplicate_tests,
    "not-graded": _not_graded,
    "strips-metadata": _strip_metadata,
    "renames-cells": _rename_cells,
    "points-that-are-no-number": _negative_points,
    "half-a-character": _half_a_character,
    "odd-types": _odd_types,
}

# The functions that write a notebook with one wrong answer in another file format.
AS_A_FILE: dict[str, Callable[[nbformat.NotebookNode], bytes]] = {
    "old-format": lambda notebook: nbformat.writes(nbformat.convert(notebook, 3), version=3).encode(),
    "a-script": lambda notebook: jupytext.writes(notebook, fmt="py:percent").encode(),
    "with-a-mark-at-its-start": lambda notebook: b"\xef\xbb\xbf" + json.dumps(notebook).encode(),
}

# Files beside a notebook with one wrong answer; b"<source>" stands for a link to the folder source/ of the course.
SHADOW = b"print('LEAK')\nraise SystemExit\n"
BESIDE = {
    "own-modules": {
        f"{name}.py": SHADOW for name in ("numpy", "torch", "tema9", "ipykernel_launcher", "sitecustomize", "json")
    },
    "date-that-is-none": {"timestamp.txt": b"\xff ayer por la tarde"},
    "early-date": {"timestamp.txt": b"1999-01-01 00:00:00 UTC"},
    "links": {"fuente": b"<source>", "notas.db": b"<gradebook.db>", "otros": b"<submitted>"},
}

# Where the notebook, or its folder, links to: to the solution or to what another student has handed in.
LINKED = {"links-to-the-source": "source/NOTEBOOK/NOTEBOOK.ipynb", "links-to-another": "submitted/alumno-001/NOTEBOOK"}

# Files that are no notebook: they deserve no points, and the rest of the class must be graded.
FILES = {
    "empty-file": b"",
    "cut-off": b'{"cells": [{"cell_type": "code", "source": "def',
    "not-text": bytes(range(128, 256)),
    "a-number": b"42",
    "no-cells": b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "deep-json": b"[" * 100_000,
}

ATTACKS = (*IN_THE_CELL, "noisy", *TO_THE_NOTEBOOK, *AS_A_FILE, *BESIDE, *LINKED, *FILES)


@dataclass(frozen=True)
class Attack:
    """A hostile submission.

    Args:
        name: the name of the attack, one of ATTACKS.
        content: the bytes of the notebook.
        points: the points that the tests must give to the submission.
        beside: {name: bytes} of the files beside the notebook, as in BESIDE.
        link: the path in the course folder to which the notebook or its folder is a link; "" if it is no link.
    """

    name: str
    content: bytes
    points: float
    beside: dict[str, bytes] = field(default_factory=dict)
    link: str = ""


def attack(name: str, source: Source, released: nbformat.NotebookNode) -> Attack:
    """Make a hostile submission of a notebook.

    Args:
        name: the name of the attack, one of ATTACKS.
        source: the source of the notebook.
        released: the notebook as students receive it.

    Raises:
        ValueError: there is no such attack; the message lists the names of all.
    """
    if name in FILES:
        return Attack(name, FILES[name], 0)
    if name in LINKED:
        return Attack(name, b"", 0, link=LINKED[name].replace("NOTEBOOK", source.name))
    if name not in ATTACKS:
        raise ValueError(f"no attack {name!r}; known: {', '.join(ATTACKS)}")
    target, *others = source.graded
    notebook = nbformat.from_dict(json.loads(json.dumps(released)))
    named = cells.by_name(notebook)
    for exercise in others:
        named[exercise.name].source = banks.solution(exercise).text
    asked = next(node.name for node in ast.parse(target.solution.text).body if isinstance(node, ast.FunctionDef))
    earned = sum(test.points for exercise in others for test in exercise.tests)
    named[target.name].source = f"def {asked}(*args, **kwargs):\n    return -1"
    if name == "noisy":
        named[target.name].source = banks.solution(target).text + NOISY
        earned += sum(test.points for test in target.tests)
    elif name in IN_THE_CELL:
        named[target.name].source = IN_THE_CELL[name].replace("NAME", asked)
    elif name in TO_THE_NOTEBOOK:
        TO_THE_NOTEBOOK[name](notebook, named)
    content = AS_A_FILE[name](notebook) if name in AS_A_FILE else json.dumps(notebook).encode()
    return Attack(name, content, earned, BESIDE.get(name, {}))


def hand_in(course: Course, student: str, notebook: str, made: Attack) -> None:
    """Put a hostile submission where the submission of a student belongs."""
    path = course.submitted(student, notebook)
    if made.link:
        link = path if made.link.endswith(".ipynb") else path.parent
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(course.root / made.link)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.content)
    for name, content in made.beside.items():
        if content.startswith(b"<"):
            (path.parent / name).unlink(missing_ok=True)
            (path.parent / name).symlink_to(course.root / content.strip(b"<>").decode())
        else:
            (path.parent / name).write_bytes(content)


def write(course: Course, count: int) -> list[tuple[str, str, float, str]]:
    """Hand in attacks on the first notebook, each by a student of its own.

    Args:
        course: the course in which they are handed in.
        count: how many; after the last of ATTACKS comes the first one again.

    Returns:
        (student, notebook, points that it deserves, what it is) of each attack.
    """
    rows: list[tuple[str, str, float, str]] = []
    if not count:
        return rows
    source = sources.all_sources()[0]
    released = nbformat.read(course.release(source.name), as_version=4)
    for number in range(count):
        made = attack(ATTACKS[number % len(ATTACKS)], source, released)
        student = f"hostil-{number + 1:03d}"
        hand_in(course, student, source.name, made)
        rows.append((student, source.name, made.points, f"attack: {made.name}"))
    return rows
