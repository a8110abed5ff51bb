# SPDX-License-Identifier: MIT
"""import pyrec, for who checks types: the package is typed, and its functions say what they take and give."""
import os
import shutil
import subprocess

from e2e import ROOT, Skip, wide

USER = """
import pyrec
from typing import List
@pyrec.record("a.trace", rate="1k")
def double(n: int) -> int: return 2 * n
reveal_type(double(3))
with pyrec.record() as recording:
    reveal_type(recording.lines()[0]["cpu_time"])
names: List[str] = [row["function"] for row in pyrec.stop().functions(thread="MainThread", limit=3)]
double("3")
pyrec.start(rate=None)
"""


def mypy(t, *args):
    program = shutil.which("mypy")
    if program is None:
        raise Skip("no mypy here")
    done = subprocess.run([program, "--strict", "--cache-dir", str(t.dir / "cache"), *args],
                          capture_output=True, text=True, cwd=t.dir,
                          env={**os.environ, "MYPYPATH": str(ROOT / "python")})
    return done.stdout.splitlines()


@wide
def test_package(t):
    """Nothing in it is left open."""
    out = mypy(t, str(ROOT / "python" / "pyrec"))
    assert out[-1].startswith("Success: no issues found"), out


def test_user(t):
    """A decorated function keeps its type, rows have columns; what is wrong is found."""
    out = mypy(t, t.file("user.py", USER))
    text = "\n".join(out)
    assert 'Revealed type is "builtins.int"' in text and 'Revealed type is "builtins.float"' in text, text
    errors = [line for line in out if "error:" in line]
    assert len(errors) == 2 and "double" in errors[0] and "start" in errors[1], errors
