"""A submission can name nothing that is not its own: no process, no socket, no object of the kernel; nor leave one."""

import errno
import os
import re
import shutil
import stat
import struct
import sys

import psutil
import pytest

from tema9.classroom.sandbox import isolation, sandbox, seccomp

# What the cells below share: system calls by number, and what became of an attempt.
PREAMBLE = """
import contextlib, ctypes, errno, mmap, os, resource, signal, socket, time
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    libc.syscall(number, *arguments)
    return errno.errorcode.get(ctypes.get_errno(), "done")
def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"
"""
X86 = os.uname().machine == "x86_64"


@pytest.fixture(scope="module")
def box():
    made = sandbox.Sandbox(sandbox.Limits(seconds=10, memory=2**30))
    made.start()
    yield made
    made.close()


def said(box, code):
    """What a cell prints in a submission of its own; its error where it has one."""
    process = box.student_process()
    try:
        answer = process.run(PREAMBLE + code)
        return answer["error"] or answer["stdout"].strip()
    finally:
        process.end()


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print(os.getpid(), os.getppid(), [n for n in os.listdir('/proc') if n.isdigit()])", "1 0 ['1']"),
        ("print([line.split()[1] for line in open('/proc/self/status') if line[:3] == 'Cap'])", f"{['0' * 16] * 5}"),
        ("print(tried(lambda: os.kill(2, 9)), tried(lambda: os.kill(-1, 9)))", "ESRCH ESRCH"),
        ("print({tried(lambda: os.pidfd_open(number)) for number in range(2, 300)})", "{'ESRCH'}"),
        ("print(tried(lambda: resource.prlimit(2, resource.RLIMIT_FSIZE, (0, 0))))", "ESRCH"),
        ("print(tried(lambda: os.setpriority(os.PRIO_PROCESS, 2, 19)))", "ESRCH"),
        ("print(tried(lambda: os.sched_setaffinity(2, {0})), tried(lambda: os.sched_getscheduler(2)))", "ESRCH ESRCH"),
        ("print(tried(lambda: os.getpgid(2)), tried(lambda: os.getsid(2)))", "ESRCH ESRCH"),
        ("print(len([fd for fd in os.listdir('/proc/self/fd') if int(fd) > 3]))", "1"),  # the folder that is listed
        ("print(tried(lambda: socket.socket(40, socket.SOCK_STREAM)))", "EAFNOSUPPORT"),  # vsock leads to the host
        ("print(tried(lambda: socket.socket(17, socket.SOCK_RAW)))", "EAFNOSUPPORT"),
        ("print(tried(lambda: open('/proc/sys/kernel/core_pattern', 'w')))", "EROFS"),
        ("print(tried(lambda: open('/proc/sys/kernel/hostname', 'w')))", "EROFS"),
        ("print(tried(lambda: open('/proc/self/uid_map', 'w')))", "EROFS"),
        ("print(repr(open('/proc/keys').read()))", "''"),
        ("print(tried(lambda: os.mkdir('/new')), tried(lambda: os.mkdir('/dev/new')))", "EROFS EROFS"),
        ("print(tried(lambda: mmap.mmap(-1, 1 << 20)))", "ENOMEM"),  # shared memory of no process
        ("print(tried(lambda: mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)))", "done"),
        ("print(tried(lambda: os.memfd_create('hidden')))", "EPERM"),
        ("import fcntl, pty\nprint(tried(lambda: fcntl.ioctl(pty.openpty()[1], 0x5412, b'x')))", "EPERM"),
        ("os.kill(os.getpid(), 9)\nprint('process 1 cannot kill itself')", "process 1 cannot kill itself"),
    ],
)
def test_what_a_submission_finds_of_the_machine(box, code, printed):
    assert said(box, code) == printed


@pytest.mark.bubblewrap
@pytest.mark.skipif(not X86, reason="the numbers of the system calls are those of x86-64")
@pytest.mark.parametrize("name", seccomp.REFUSED)
def test_a_refused_system_call_is_refused(box, name):
    arguments = "b'x', 0" if name == "memfd_create" else "0, 0, 0, 0, 0"
    assert said(box, f"print(call({seccomp.REFUSED[name][0]}, {arguments}))") == "EPERM"


@pytest.mark.bubblewrap
@pytest.mark.skipif(not X86, reason="the numbers of the system calls are those of x86-64")
@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("print(call(56, 0x10000000 | 17, 0, 0, 0, 0))", "EPERM"),  # clone into a new namespace of users
        ("print(call(435, ctypes.create_string_buffer(88), 88))", "ENOSYS"),  # clone3, whose flags no filter sees
        ("print(call(0x40000000 + 39))", "ENOSYS"),  # getpid of x32
        ("print(call(39), call(5000))", "done ENOSYS"),
    ],
)
def test_no_other_way_to_a_call_is_open(box, code, printed):
    assert said(box, code) == printed


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("leaves", "looks", "printed"),
    [
        (
            "s = socket.socket(socket.AF_UNIX); s.bind('\\0left'); s.listen()\nif os.fork() == 0: time.sleep(600)",
            "s = socket.socket(socket.AF_UNIX)\nprint(tried(lambda: s.connect('\\0left')))",
            "ECONNREFUSED",
        ),
        (
            "s = socket.socket(); s.bind(('127.0.0.1', 5000)); s.listen()\nif os.fork() == 0: time.sleep(600)",
            "s = socket.socket()\nprint(tried(lambda: s.connect(('127.0.0.1', 5000))))",
            "ECONNREFUSED",
        ),
        (
            "for folder in ('/box', '/box/work', '/box/home', '/dev/shm', '/tmp'): open(folder + '/left', 'w')",
            "print([f for f in ('/box', '/box/work', '/box/home', '/dev/shm', '/tmp') if os.path.exists(f + '/left')])",
            "[]",
        ),
        (
            "os.umask(0o777)\nos.nice(5)",
            "print(os.umask(0o22) == 0o777, os.nice(0))",
            "False 0",
        ),
        (
            "import subprocess\nfor _ in range(30): subprocess.Popen(['sleep', '600'], start_new_session=True)",
            "print([n for n in os.listdir('/proc') if n.isdigit()])",
            "['1']",
        ),
        (
            "resource.setrlimit(resource.RLIMIT_CPU, (2, 2)); os.sched_setaffinity(0, {0})\n"
            "os.setpriority(os.PRIO_USER, 0, 19); os.setpriority(os.PRIO_USER, os.getuid(), 19)",
            "print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_CPU)[0] > 2)",
            "0 True",
        ),
    ],
)
def test_what_a_submission_leaves_the_next_one_does_not_find(box, leaves, looks, printed):
    said(box, leaves)
    assert said(box, looks) == printed


@pytest.mark.bubblewrap
def test_when_a_submission_ends_all_that_it_started_has_ended(box):
    process = box.student_process()
    process.run(
        "import os, signal, time\n"
        "for _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.getpid() != 1:\n    time.sleep(3600)"
    )
    below = psutil.Process(box.process.pid).children(recursive=True)
    assert len(below) > 5  # of 32, as many as have begun by now
    process.end()
    assert len(psutil.Process(box.process.pid).children(recursive=True)) == 1  # the warm process


# What honest notebooks do, and what it prints.
HONEST = {
    "a pool of processes": (
        """
import multiprocessing
context = multiprocessing.get_context("fork")
with context.Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
value, queue = context.Value("i", 3), context.Queue()
context.Process(target=queue.put, args=(value.value,)).start()
print(queue.get())
""",
        "[1, 2]\n3",
    ),
    "a loader with workers": (
        """
import torch
from torch.utils.data import DataLoader, TensorDataset
images = TensorDataset(torch.randn(64, 3, 8, 8), torch.arange(64))
print(sum(len(labels) for _, labels in DataLoader(images, 8, num_workers=2)))
""",
        "64",
    ),
    "tensors that are shared and saved": (
        """
import torch
tensor = torch.zeros(1000, 1000).share_memory_()
torch.save(tensor, "x.pt")
print(tensor.is_shared(), torch.load("x.pt").shape, float(torch.jit.script(torch.nn.ReLU())(torch.ones(1))))
""",
        "True torch.Size([1000, 1000]) 1.0",
    ),
    "files mapped into memory": (
        """
import numpy as np
a = np.memmap("a", dtype="f4", mode="w+", shape=(100, 100))
a[:] = 1
a.flush()
np.save("b.npy", a)
print(float(np.load("b.npy", mmap_mode="r").sum()))
""",
        "10000.0",
    ),
    "figures": (
        """
import io
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2])
axes.set_title("$x^2$ ñ")
content = io.BytesIO()
figure.savefig(content)
figure.savefig("x.pdf")
print(len(content.getvalue()) > 1000)
""",
        "True",
    ),
    "commands": (
        """
import subprocess
print(subprocess.run("echo hola | tr a-z A-Z", shell=True, capture_output=True, text=True).stdout)
""",
        "HOLA",
    ),
    "coroutines": (
        """
import asyncio
async def code():
    process = await asyncio.create_subprocess_shell("true")
    return await process.wait()
print(asyncio.run(code()))
""",
        "0",
    ),
    "an alarm": (
        """
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
""",
        "alarm",
    ),
    "threads": (
        """
import threading, torch
threads = [threading.Thread(target=lambda: torch.ones(9, 9) @ torch.ones(9, 9)) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(threads))
""",
        "20",
    ),
    "a database and a folder of its own": (
        """
import sqlite3, tempfile
sqlite3.connect("d").execute("create table t (a)")
print(tempfile.mkdtemp().startswith("/box/work"))
""",
        "True",
    ),
    "looking at the machine": (
        """
import psutil
print(psutil.cpu_count() > 0, psutil.Process().memory_info().rss > 0, psutil.virtual_memory().total > 0)
""",
        "True True True",
    ),
}


@pytest.mark.bubblewrap
@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
def test_what_honest_notebooks_do_works(box, name):
    code, printed = HONEST[name]
    assert said(box, code) == printed


@pytest.mark.bubblewrap
def test_more_processes_than_allowed_end_a_submission_and_the_warm_process_goes_on(box):
    warm = box.process.pid
    process = box.student_process()
    with pytest.raises(BaseException, match="memory"):
        process.run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")
    assert said(box, "print(1)") == "1" and box.process.pid == warm


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("option", "instead", "step"),
    [
        ("--cap-add CAP_SYS_ADMIN", "", "make a namespace of processes"),  # as AppArmor's profile takes rights away
        ("--cap-add CAP_SETFCAP", "", "make a namespace of users"),
        ("--new-session", "--disable-userns", "go back to its own namespace|mount /proc"),  # none inside of another
        ("--as-pid-1", "--nonsense", "Unknown option --nonsense"),
    ],
)
def test_a_machine_that_cannot_part_submissions_is_refused_with_the_step_that_fails(
    tmp_path, monkeypatch, option, instead, step
):
    program = tmp_path / "bwrap"
    replaced = f"' '.join(sys.argv[1:]).replace({option!r}, {instead!r}).split()"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.execv({shutil.which('bwrap')!r}, ['bwrap', *{replaced}])\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    sandbox.why_not.cache_clear()
    try:
        assert re.search(step, sandbox.why_not()), sandbox.why_not()
        with pytest.raises(sandbox.NoSandbox, match=step):
            sandbox.Sandbox()
    finally:
        monkeypatch.undo()
        sandbox.why_not.cache_clear()


# A machine for the filter, as the kernel's documentation of BPF describes it.
def answer(machine, number, arguments=(0, 0, 0, 0, 0, 0), processor=None):
    """What the filter of a processor answers to a system call: "allowed", "killed", or the name of the error."""
    data = struct.pack("IIQ6Q", number, processor or seccomp.PROCESSORS[machine][0], 0, *arguments)
    code = list(struct.iter_unpack("HBBI", seccomp.program(machine)))
    place = loaded = 0
    while True:
        kind, if_so, if_not, value = code[place]
        place += 1
        match kind:
            case seccomp.LOAD:
                (loaded,) = struct.unpack_from("I", data, value)
            case seccomp.AND:
                loaded &= value
            case seccomp.JUMP_IF_EQUAL:
                place += if_so if loaded == value else if_not
            case seccomp.JUMP_IF_GREATER:
                place += if_so if loaded > value else if_not
            case seccomp.ANSWER if value == seccomp.ALLOW:
                return "allowed"
            case seccomp.ANSWER if value == seccomp.KILL:
                return "killed"
            case seccomp.ANSWER:
                assert value & 0xFFFF0000 == seccomp.FAIL
                return errno.errorcode[value & 0xFFFF]


@pytest.mark.parametrize("machine", seccomp.PROCESSORS)
def test_the_filter_answers_as_it_says(machine):
    column = seccomp.PROCESSORS[machine][1]
    assert {answer(machine, numbers[column]) for numbers in seccomp.REFUSED.values()} == {"EPERM"}
    assert answer(machine, 0, processor=0x40000003) == "killed"  # a call of 32 bits, which has other numbers
    assert answer(machine, seccomp.CLONE3[column]) == answer(machine, seccomp.LAST_KNOWN + 1) == "ENOSYS"
    thread, process, user = 0x3D0F00, 17, 0x10000011
    said = [answer(machine, seccomp.CLONE[column], (flags, 0, 0, 0, 0, 0)) for flags in (thread, process, user)]
    assert said == ["allowed", "allowed", "EPERM"]
    families = [answer(machine, seccomp.SOCKET[column], (family, 1, 0, 0, 0, 0)) for family in range(46)]
    assert {n for n, what in enumerate(families) if what == "allowed"} == set(seccomp.FAMILIES.values())
    shared, private, of_a_file = (0, 0, 3, 0x21), (0, 0, 3, 0x22), (0, 0, 3, 0x01)
    said = [answer(machine, seccomp.MMAP[column], (*args, 0, 0)) for args in (shared, private, of_a_file)]
    assert said == ["ENOMEM", "allowed", "allowed"]
    said = [answer(machine, seccomp.IOCTL[column], (0, request, 0, 0, 0, 0)) for request in (0x5412, 0x541C, 0x5413)]
    assert said == ["EPERM", "EPERM", "allowed"]


@pytest.mark.parametrize("machine", seccomp.PROCESSORS)
def test_the_filter_lets_all_other_calls_pass(machine):
    column = seccomp.PROCESSORS[machine][1]
    refused = {numbers[column] for numbers in seccomp.REFUSED.values()}
    looked_at = {
        table[column] for table in (seccomp.CLONE, seccomp.CLONE3, seccomp.SOCKET, seccomp.MMAP, seccomp.IOCTL)
    }
    others = set(range(seccomp.LAST_KNOWN + 1)) - refused - looked_at
    assert {answer(machine, number, (7,) * 6) for number in others} == {"allowed"}


def test_a_processor_whose_calls_are_not_known_is_named():
    with pytest.raises(OSError, match="riscv64"):
        seccomp.program("riscv64")


def test_a_step_that_fails_is_named():
    with (
        pytest.raises(isolation.NotIsolated, match="could not mount /proc: No such device"),
        isolation._step("mount /proc"),
    ):
        raise OSError(errno.ENODEV, "No such device")
