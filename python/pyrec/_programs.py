# SPDX-License-Identifier: MIT
"""Where pyrec, pyanalyze and libpyrec.so are.

Looked for, in this order: in $PYREC_HOME, in the package itself (a wheel), where the package is
installed beside them (PREFIX/share/pyrec/python, PREFIX/lib/pythonX.Y/site-packages), in PATH.
"""
import os
import shutil
from typing import Dict, Iterator, Optional

from ._error import Error

LIBRARY = "libpyrec.so"


def _homes() -> Iterator[str]:
    given = os.environ.get("PYREC_HOME")
    if given:
        yield given
        return
    here = os.path.dirname(os.path.abspath(__file__))
    yield os.path.join(here, "programs")
    yield os.path.normpath(os.path.join(here, "..", "..", "..", ".."))


def find(program: str) -> str:
    """The path of `pyrec` or `pyanalyze`."""
    for home in _homes():
        for path in (os.path.join(home, "bin", program), os.path.join(home, program)):
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    given = os.environ.get("PYREC_HOME")
    found = _outside_of_python(program) if not given else None
    if found:
        return found
    raise Error(f"the program {program} is not in {given} (PYREC_HOME)" if given else
                f"the program {program} is neither beside the package, nor in PATH: "
                "install pyrec, or set PYREC_HOME to where it is installed")


def _outside_of_python(program: str) -> Optional[str]:
    """In PATH, but not the script of that name which a wheel puts there: that one asks us."""
    for directory in os.get_exec_path():
        found = shutil.which(program, path=directory)
        if found:
            with open(found, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    return found
    return None


def find_library(pyrec: str) -> str:
    """libpyrec.so of that pyrec: beside it, or where it is installed."""
    home = os.path.dirname(os.path.realpath(pyrec))
    places = [".", "agent", os.path.join("..", "lib", "pyrec"), os.path.join("..", "lib64", "pyrec")]
    lib = os.path.join(home, "..", "lib")
    if os.path.isdir(lib):
        places += [os.path.join(lib, name, "pyrec") for name in sorted(os.listdir(lib))
                   if name.endswith("-linux-gnu")]
    for place in places:
        path = os.path.realpath(os.path.join(home, place, LIBRARY))
        if os.path.isfile(path):
            return path
    raise Error(f"{LIBRARY} is not where {pyrec} is: install both together")


def environment() -> Dict[bytes, bytes]:
    """What these programs are started with: they are not to be recorded themselves."""
    return {key: value for key, value in os.environb.items()
            if key not in (b"LD_PRELOAD", b"PYREC_AGENT")}


def complaint(program: str, said: bytes, otherwise: str) -> str:
    """Why `program` did not do it: the last line of its own, without its name."""
    lines = said.decode(errors="surrogateescape").splitlines()
    own = [line[len(program) + 2:] for line in lines if line.startswith(f"{program}: ")]
    return own[-1] if own else " ".join(lines) or otherwise
