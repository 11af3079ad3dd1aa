"""With this folder in PYTHONPATH, our modules find nothing of what macOS or Windows lacks, in any process.

The libraries find it all the same: they ask what system they are on, and do without it in their own ways.
"""

import builtins
import types

import psutil

LACKING = {
    "os": ("fork", "geteuid", "getuid", "killpg", "pidfd_open", "sched_getaffinity", "setsid", "sysconf", "waitpid"),
    "signal": ("SIGALRM", "SIGKILL", "pidfd_send_signal", "pthread_sigmask", "setitimer"),
    "socket": ("AF_UNIX", "SOCK_SEQPACKET", "recv_fds", "send_fds"),
    "select": ("poll",),
}
NO_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "triton")

psutil.LINUX = False
del psutil.Process.cpu_affinity

found = builtins.__import__
poorer = {}


def import_elsewhere(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__`, which gives our modules a poorer `os`, and no `resource`."""
    module = found(name, globals, locals, fromlist, level)
    if not str((globals or {}).get("__package__")).startswith("tema9"):
        return module
    if name in NO_MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if name not in LACKING:
        return module
    if name not in poorer:
        poorer[name] = types.ModuleType(name)
        vars(poorer[name]).update({key: value for key, value in vars(module).items() if key not in LACKING[name]})
    return poorer[name]


builtins.__import__ = import_elsewhere
