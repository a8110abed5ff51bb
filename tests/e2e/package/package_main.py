# SPDX-License-Identifier: MIT
"""python -m pyrec, python -m pyrec.analyze."""
import re
import subprocess

from e2e import ROOT
from package import environment


def python(t, *args, **more):
    return subprocess.run([t.python, *args], capture_output=True, text=True, timeout=120, cwd=t.dir,
                          env=environment(t), **more)


SCRIPT = """
import sys
def work(): return sum(range(2000000))
work()
print(__name__, sys.argv[1:], sys.flags.optimize)
sys.exit(3)
"""


def test_script_and_module(t):
    """With this interpreter, its flags and the program's own words and status; -m and -c as well."""
    t.file("script.py", SCRIPT)
    (t.dir / "parts").mkdir()
    (t.dir / "parts" / "__init__.py").write_text("")
    (t.dir / "parts" / "mine.py").write_text(SCRIPT)
    for words in (["script.py"], ["-m", "parts.mine"], ["--", "script.py"], ["-c", SCRIPT]):
        done = python(t, "-O", "-m", "pyrec", "-qr", "500", "--output", "x.trace", *words, "-o", "--rate", "x")
        assert (done.returncode, done.stdout, done.stderr) == (
            3, "__main__ ['-o', '--rate', 'x'] 1\n", ""), (words, done)
        rows = t.rows("functions", str(t.dir / "x.trace"))
        assert any(row["function"] == "work" for row in rows), rows
        (t.dir / "x.trace").unlink()


def test_other_words(t):
    """What is no script of Python's is pyrec's own; so are its errors."""
    assert python(t, "-m", "pyrec", "--version").stdout.startswith("pyrec ")
    assert python(t, "-m", "pyrec", "ps", "--json").stdout.startswith(("[", "{"))
    for words in ([], ["-x", "a.py"], ["--rate", "0", "a.py"], ["-p", "0"]):
        done = python(t, "-m", "pyrec", *words)
        assert done.returncode == 2 and done.stderr.startswith("pyrec: "), done
    done = python(t, "-m", "pyrec.analyze", "--version")
    assert done.returncode == 0 and done.stdout.startswith("pyanalyze "), done
    done = python(t, "-m", "pyrec.analyze", "lines", "missing.trace")
    assert done.returncode != 0 and "missing.trace" in done.stderr, done


def test_options_known(t):
    """The options with an argument are those that pyrec says it has."""
    help_ = subprocess.run([t.pyrec, "--help"], capture_output=True, text=True).stdout
    named = set(re.findall(r"^\s+(?:-\w, )?--([a-z-]+) [A-Z]", help_, re.M))
    letters = set(re.findall(r"^\s+-(\w), --[a-z-]+ [A-Z]", help_, re.M))
    done = python(t, "-c", "from pyrec import _exec; print(*_exec.NAMES); print(*_exec.LETTERS)")
    names, ours = done.stdout.splitlines()
    assert set(names.split()) == named and set(ours.split()) == letters, (named, letters, done)


def test_outcomes_known(t):
    """Whatever pyrec_attach() says has its words, and no words where it is recorded, or will be."""
    wire = (ROOT / "record" / "wire" / "wire.h").read_text(encoding="utf-8")
    names = re.findall(r"^    X\((\w+),", wire[wire.index("#define WIRE_ATTACH_LIST"):
                                               wire.index("enum wire_attach {")], re.M)
    done = python(t, "-c", "from pyrec import _agent; print([a is None for a in _agent._ATTACH])")
    assert done.stdout.strip() == str([name in ("DONE", "LATER") for name in names]), (names, done)
