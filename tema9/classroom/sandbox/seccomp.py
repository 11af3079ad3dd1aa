"""The filter of system calls that each submission gets: what is refused, as a program for the kernel (seccomp).

The filter is the last of the walls. The namespaces leave a submission nothing of others that it could name; the filter
keeps from it the calls that make namespaces, that look into processes, and that take memory for which no process is
charged. All else is allowed, since which calls an honest notebook makes depends on the C library. The program is in
the language of the Berkeley Packet Filter, as the manual page seccomp(2) describes it.
"""

import ctypes
import errno
import platform
import struct

from tema9.classroom.sandbox import linux

# The kernel's names of the processors (linux/audit.h), and where their numbers stand in the tables below.
PROCESSORS = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# System calls that fail as if the process had no right to them: {name: (number on x86-64, number on arm64)}.
REFUSED = {
    # looking into a process, and taking what it holds
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "perf_event_open": (298, 241),
    # keys
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # the kernel itself
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "syslog": (103, 116),
    "personality": (135, 92),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    # memory that belongs to no process, and that the size of /box does not limit
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
CLONE, CLONE3, SOCKET, MMAP, IOCTL = (56, 220), (435, 435), (41, 198), (9, 222), (16, 29)
# Calls with larger numbers are younger than this list (mseal, Linux 6.10), or of x32; a program takes them for missing.
LAST_KNOWN = 462
NEW_NAMESPACES = (
    linux.NEW_MOUNTS
    | linux.NEW_CGROUP
    | linux.NEW_HOSTNAME
    | linux.NEW_IPC
    | linux.NEW_USERS
    | linux.NEW_PROCESSES
    | linux.NEW_NETWORK
)
FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16}  # of sockets; vsock would lead out of the machine
SHARED_ANONYMOUS = 0x21  # MAP_SHARED | MAP_ANONYMOUS: memory of no process
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX write into the terminal of whoever grades
# Instructions of BPF, and what a program answers.
LOAD, JUMP_IF_EQUAL, JUMP_IF_GREATER, AND, ANSWER = 0x20, 0x15, 0x25, 0x54, 0x06
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
FILTER_MODE = 2
# Where the number of a call, its processor and the lower half of each argument lie in what a program is given.
NUMBER, PROCESSOR, ARGUMENTS = 0, 4, 16


class _Program(ctypes.Structure):
    _fields_ = [("instructions", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def install() -> None:
    """Put the filter on this process and on all that it starts; it cannot be taken off.

    Raises:
        OSError: the kernel refuses it, or the processor is not known.
    """
    code = program()
    linux.prctl(linux.SECCOMP, FILTER_MODE, ctypes.byref(_Program(len(code) // 8, code)))


def program(machine: str | None = None) -> bytes:
    """Return the filter as the kernel reads it, 8 bytes an instruction.

    Args:
        machine: the processor as `platform.machine` calls it; this one by default.

    Raises:
        OSError: the processor is not known.
    """
    machine = machine or platform.machine()
    if machine not in PROCESSORS:
        raise OSError(f"the numbers of the system calls of {machine} are not known")
    processor, column = PROCESSORS[machine]
    code = [(LOAD, 0, 0, PROCESSOR), (JUMP_IF_EQUAL, 1, 0, processor), (ANSWER, 0, 0, KILL)]
    code += [(LOAD, 0, 0, NUMBER), (JUMP_IF_GREATER, 0, 1, LAST_KNOWN), _fail(errno.ENOSYS)]
    # The flags of clone3 lie behind a pointer, where no filter sees them; the C library uses clone in its place.
    code += [(JUMP_IF_EQUAL, 0, 1, CLONE3[column]), _fail(errno.ENOSYS)]
    code += _only(CLONE[column], 0, NEW_NAMESPACES, [], errno.EPERM)
    code += _only(SOCKET[column], 0, None, [*FAMILIES.values()], errno.EAFNOSUPPORT)
    code += _never(MMAP[column], 3, SHARED_ANONYMOUS, [SHARED_ANONYMOUS], errno.ENOMEM)
    code += _never(IOCTL[column], 1, None, [*TERMINAL_INPUT], errno.EPERM)
    for numbers in REFUSED.values():
        code += [(JUMP_IF_EQUAL, 0, 1, numbers[column]), _fail(errno.EPERM)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in [*code, (ANSWER, 0, 0, ALLOW)])


def _only(number, argument, mask, allowed, error):
    """A call fails unless its argument is one of the allowed values; with a mask, unless that leaves nothing of it."""
    values = [0] if mask else allowed
    tests = [(JUMP_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return _with_argument(number, argument, mask, [*tests, _fail(error)])


def _never(number, argument, mask, refused, error):
    """A call fails if its argument, or what the mask leaves of it, is one of the refused values."""
    last = len(refused) - 1
    tests = [(JUMP_IF_EQUAL, last - place, int(place == last), value) for place, value in enumerate(refused)]
    return _with_argument(number, argument, mask, [*tests, _fail(error)])


def _with_argument(number, argument, mask, tests):
    """For one call, load an argument and go through tests; after them, or for another call, its number is loaded."""
    seen = [(LOAD, 0, 0, ARGUMENTS + 8 * argument), *([(AND, 0, 0, mask)] if mask else []), *tests]
    return [(JUMP_IF_EQUAL, 0, len(seen) + 1, number), *seen, (LOAD, 0, 0, NUMBER)]


def _fail(error):
    return (ANSWER, 0, 0, FAIL | error)
