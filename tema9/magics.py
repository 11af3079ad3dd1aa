"""What a Jupyter front end's magics do where there is no front end: in grading, in *Validate* and in `progress`.

A cell that runs in a student's JupyterLab is run there by IPython alone. A magic that only concerns the front end, the
packages that are installed or what is shown then does nothing, so that it costs an answer nothing.
"""

import re
import subprocess
from types import MethodType
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import LSString, SList

# Line magics on which no answer depends: of a front end, of packages, of the screen, of the session's history.
SILENT = frozenset(
    re.findall(
        r"\w+",
        """
alias alias_magic autoawait autocall automagic autosave bookmark clear cls code_wrap colors conda config connect_info
debug dhist doctest_mode ed edit gui hist history killbgscripts less load load_ext loadpy logoff logon logstart logstate
logstop lsmagic macro magic mamba man matplotlib micromamba more notebook page pastebin pdb pdef pdoc pfile pinfo pinfo2
pip psearch psource pycat qtconsole quickref recall rehashx reload_ext rep rerun reset reset_selective save store tb
unalias unload_ext uv xdel xmode
""",
    )
)
# Commands of a system that install or fetch something: there is no network, and they would wait for it.
NETWORK = re.compile(
    r"\s*(sudo\s+)?(\S*python[\d.]*\s+-m\s+)?(pip[\d.]*|conda|mamba|micromamba|uv|uvx|pipx|poetry|apt|apt-get|brew|npm"
    r"|jupyter|wget|curl|git|gdown|kaggle)\b"
)
SECONDS_OF_A_COMMAND = 10


def prepare(shell: InteractiveShell) -> None:
    """Make a shell of IPython run the magics of a notebook as quietly as they can be run without a front end.

    Afterwards, the magics of SILENT do nothing; so does a line magic that is unknown, since an extension would have
    brought it. An unknown magic of a cell runs the cell as Python. `%timeit` runs its code once. A command of the
    system (`!ls`) prints what it has to say within SECONDS_OF_A_COMMAND, and raises nothing.

    Args:
        shell: IPython's shell, which has no front end; it is changed.
    """
    changed: Any = shell  # its methods are replaced in this one object
    changed.enable_gui = lambda gui=None: None
    changed.enable_matplotlib = lambda gui=None: (None, "agg")  # for %pylab
    changed.system = MethodType(_system, shell)
    changed.getoutput = MethodType(_getoutput, shell)
    changed.run_line_magic = MethodType(_run_line_magic, shell)
    changed.run_cell_magic = MethodType(_run_cell_magic, shell)
    shell.set_hook("show_in_pager", _show)


def _show(shell, data, *args, **kwargs):
    print(data.get("text/plain", "") if isinstance(data, dict) else data)


def _run_line_magic(shell, name, line, _stack_depth=1):
    if name in SILENT or shell.find_line_magic(name) is None:
        return None
    line = _once(line) if name == "timeit" else line
    try:
        return type(shell).run_line_magic(shell, name, line, _stack_depth=_stack_depth + 1)
    except UsageError as error:
        print(error)
        return None


def _run_cell_magic(shell, name, line, cell):
    if name not in SILENT and shell.find_cell_magic(name) is not None:
        line = _once(line) if name == "timeit" else line
        try:
            return type(shell).run_cell_magic(shell, name, line, cell)
        except UsageError as error:
            print(error)
            return None
    exec(compile(shell.transform_cell(cell), f"<%%{name}>", "exec"), shell.user_ns)
    return None


def _once(line):
    """What `%timeit` is told, so that it runs its code once."""
    return "-n1 -r1 " + re.sub(r"(?:^|(?<=\s))-[nr]\s*\d+\s*", "", line)


def _system(shell, command):
    print(_output(shell, command), end="")


def _getoutput(shell, command, split=True, depth=0):
    text = _output(shell, command)
    return SList(text.splitlines()) if split else LSString(text)


def _output(shell, command):
    """What a command of the system prints; "" if it needs the network or cannot be run."""
    if NETWORK.match(command):
        return ""
    try:
        command = shell.var_expand(command, depth=2)
        done = subprocess.run(
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_OF_A_COMMAND,
            errors="replace",
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout
