# SPDX-License-Identifier: MIT
"""%load_ext pyrec and %%pyrec, in IPython and its notebooks.

A cell's code has a name that no file has; IPython keeps the text in linecache, and the recording gets it from
there (_sources.py).
"""
import argparse
import atexit
import html
import linecache
import os
import re
import shlex
import shutil
import tempfile
from typing import Callable, Dict, List, NoReturn, Optional, Protocol

from . import _control
from ._error import Error
from ._recording import Recording, Row

FRAME = ('<iframe sandbox="allow-scripts allow-downloads" srcdoc="{page}" title="pyrec" loading="lazy" '
         'style="width: 100%; height: {height}px; border: 1px solid #8888"></iframe>')
KERNEL = "ipykernel_"
PROSE = {"rate": "samples per second, 1 to 10000; 1k = 1000 (default 1k)",
         "output": "keep the recording in FILE (default: it is thrown away when the kernel ends)",
         "limit": "lines of code outside of cells (default 10)",
         "html": "show the page of pyanalyze report below the cell",
         "height": "of that, in pixels (default 800)"}


class CellResult(Protocol):
    """What run_cell() returns."""
    error_before_exec: Optional[BaseException]
    error_in_exec: Optional[BaseException]


class Shell(Protocol):
    """What is used of IPython's InteractiveShell."""

    def run_cell(self, raw_cell: str) -> CellResult: ...
    def should_run_async(self, raw_cell: str) -> bool: ...

    def register_magic_function(self, func: Callable[[str, str], None], magic_kind: str,
                                magic_name: str) -> None: ...


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Error(f"%%pyrec: {message}")


class _Arguments(argparse.Namespace):
    rate: str
    output: Optional[str]
    limit: int
    html: bool
    height: int


def _parser() -> _Parser:
    parser = _Parser(prog="%%pyrec", add_help=False,
                     description="Record the cell and print where its time went.")
    parser.add_argument("-r", "--rate", default="1k", metavar="HZ", help=PROSE["rate"])
    parser.add_argument("-o", "--output", metavar="FILE", help=PROSE["output"])
    parser.add_argument("-n", "--limit", type=int, default=10, metavar="N", help=PROSE["limit"])
    parser.add_argument("--html", action="store_true", help=PROSE["html"])
    parser.add_argument("--height", type=int, default=800, metavar="PIXELS", help=PROSE["height"])
    return parser


_kept: Dict[str, str] = {}  # a folder for recordings that nobody wants to keep


def _scratch(name: str) -> str:
    if "folder" not in _kept or not os.path.isdir(_kept["folder"]):
        _kept["folder"] = tempfile.mkdtemp(prefix="pyrec-notebook-")
        atexit.register(shutil.rmtree, _kept["folder"], True)
    return os.path.join(_kept["folder"], name)


# ---- the code of cells ----

def _is_cell(file: str) -> bool:
    """By its name; and IPython still has its text."""
    folder = os.path.basename(os.path.dirname(file))
    if not file.startswith("<ipython-input-") and not folder.startswith(KERNEL):
        return False
    lines = linecache.getlines(file)
    return bool(lines) and not lines[0].startswith("get_ipython().run_cell_magic('pyrec'")


def _cell_name(shell: Shell, file: str) -> str:
    """As the notebook calls it, `In [3]`; IPython of old has the number in the file's name."""
    counts: Dict[str, int] = getattr(getattr(shell, "compile", None), "_filename_map", {})
    found = re.match("<ipython-input-([0-9]+)-", file)
    number = counts.get(file) or (int(found[1]) if found else 0)
    return f"In [{number}]" if number else "a cell"


# ---- what is printed ----

def _cell_table(file: str, rows: List[Row], name: str) -> str:
    """The text of a cell with what each of its lines took."""
    by_line = {row["line"]: row for row in rows}
    lines = [f"{name} ({file})", "   wall  cpu_time  line  source"]
    for at, text in enumerate(linecache.getlines(file), 1):
        row = by_line.get(at)
        spent = f"{row['wall_cum']:7.3f}   {row['cpu_time_cum']:7.3f}" if row else " " * 17
        lines.append(f"{spent}  {at:4d}  {text.rstrip()}".rstrip())
    return "\n".join(lines) + "\n"


def _tables(shell: Shell, recording: Recording, limit: int) -> str:
    """Cells first, heaviest first; then the heaviest other lines."""
    rows = recording.lines()
    weight: Dict[str, float] = {}
    for row in rows:
        file = row["file"]
        if _is_cell(file):
            weight[file] = max(weight.get(file, 0.0), row["wall_cum"])
    cells = sorted(weight, key=lambda file: -weight[file])
    parts = [_cell_table(file, recording._lines_of(file), _cell_name(shell, file)) for file in cells]
    others = sorted((row for row in rows if row["file"] not in weight and row["cpu_time"] > 0),
                    key=lambda row: -row["cpu_time"])
    if others[:limit]:
        parts.append("other lines, by CPU of their own\n   wall  cpu_time  place\n" + "\n".join(
            f"{row['wall']:7.3f}   {row['cpu_time']:7.3f}  {row['file']}:{row['line']} {row['function']} "
            f"[{row['thread']}]" for row in others[:limit]) + "\n")
    return "\n".join(parts)


def _show_page(recording: Recording, height: int) -> None:
    from IPython.display import display  # type: ignore
    with open(recording.report(_scratch("report.html")), encoding="utf-8") as file:
        page = html.escape(file.read(), quote=True)
    display({"text/html": FRAME.format(page=page, height=height), "text/plain": "<page of pyrec>"},
            raw=True)


# ---- the magic ----

def _run(shell: Shell, arguments: _Arguments, cell: str) -> Optional[BaseException]:
    """Returns what the cell has raised."""
    path = arguments.output or _scratch("cell.trace")
    recording = _control.begin(path, arguments.rate, True, None, True, None, None, None)
    try:
        result = shell.run_cell(cell)
    finally:
        recording = _control.end()
    print()
    try:
        print(_tables(shell, recording, arguments.limit), end="")
        if arguments.html:
            _show_page(recording, arguments.height)
    except Error as error:  # nothing of it is there; the cell has run all the same
        print(error)
    print(recording.problem or recording.summary.split(": ", 1)[-1])
    return result.error_before_exec or result.error_in_exec


def load(shell: Shell) -> None:
    """Let the shell know %%pyrec."""
    parser = _parser()

    def pyrec(line: str, cell: str) -> None:
        from IPython.core.error import UsageError  # type: ignore
        try:
            arguments = parser.parse_args(shlex.split(line), namespace=_Arguments())
            if shell.should_run_async(cell):
                raise Error("%%pyrec: a cell with `await` outside of functions cannot be recorded like "
                            "this: write `with pyrec.record() as recording:` in it")
            failed = _run(shell, arguments, cell)
        except (Error, ValueError) as error:  # the latter of shlex
            raise UsageError(str(error)) from None
        if failed is not None:
            setattr(failed, "_render_traceback_", list)  # it is on the screen already
            raise failed

    pyrec.__doc__ = parser.format_help()
    shell.register_magic_function(pyrec, "cell", "pyrec")
