# SPDX-License-Identifier: MIT
"""pytest --pyrec: which tests are heavy, told by the tests' own clocks."""
import subprocess
import sys

from e2e import Skip, near, wide
from package import environment

SUITE = """
import time, pytest
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(range(100))
@pytest.fixture(scope="module")
def database():
    burn(.2)
    yield 1
@pytest.mark.parametrize("n", [1, 3, "a[b]*"])
def test_param(n): burn(.05 * (n if isinstance(n, int) else 2))
def test_database(database): burn(.02)
def test_sleeps(): time.sleep(.2)
class TestClass:
    def test_method(self, database): burn(.05)
def test_fails(): assert 0
"""
TESTS = {"test_param[1]": 0.05, "test_param[3]": 0.15, "test_param[a[b]*]": 0.1, "test_database": 0.22,
         "test_sleeps": 0, "TestClass::test_method": 0.05, "test_fails": 0}


def run(t, *options, status=1):
    if subprocess.run([t.python, "-c", "import pytest"], capture_output=True).returncode:
        raise Skip("no pytest for this interpreter")
    t.file("test_suite.py", SUITE)
    done = subprocess.run([t.python, "-m", "pytest", "-q", "-p", "pyrec.pytest_plugin", *options, "test_suite.py"],
                          capture_output=True, text=True, timeout=120, cwd=t.dir,
                          env=environment(t, PYTHONWARNINGS="default"))
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check(t, out, trace, again=0.0):
    """`again`: the fixture may be made once more."""
    rows = [row for row in t.rows("phases", trace, "--by", "detail") if row["phase"] == "test"]
    cpu = {row["detail"].partition("::")[2]: row["cpu_time"] for row in rows}
    assert set(cpu) == set(TESTS) and all(row["count"] == 1 for row in rows), rows
    for name, seconds in TESTS.items():
        assert f"test_suite.py::{name}" in out, out
        # a recorded program is pytest, too: what a test costs beside its own work is small
        assert seconds * 0.7 - 0.01 <= cpu[name] <= seconds * 1.3 + 0.15 + again, (name, cpu)
    fixtures = {row["detail"]: row for row in t.rows("phases", trace, "--by", "detail")
                if row["phase"] == "fixture"}  # one of the processes
    database = fixtures["test_suite.py::database"]
    near(database["cpu_time"] / database["count"], 0.2, relative=0.35)
    setup = [row for row in t.rows("phases", trace) if row["phase"] == "setup"]
    call = [row for row in t.rows("phases", trace) if row["phase"] == "call"]
    assert sum(row["count"] for row in setup) == sum(row["count"] for row in call) == len(TESTS)
    assert "of CPU in" in out and "of the time in" in out and "±" in out and "burn" in out, out
    assert "test_suite.py::database" in out, out


def test_suite(t):
    """Heaviest first, with its line; fixtures and parameters told apart; the page."""
    t.need_ctypes()
    out = run(t, "--pyrec", "--pyrec-report=page.html")
    check(t, out, str(t.dir / "pytest.trace"))
    assert (t.dir / "page.html").stat().st_size > 10000
    lines = [line.split()[-1] for line in out.splitlines() if "test_suite.py::test_" in line]
    assert lines.index("test_suite.py::test_database") < lines.index("test_suite.py::test_fails"), out


@wide
def test_workers(t):
    """Of pytest-xdist: in one file."""
    t.need_ctypes()
    if subprocess.run([t.python, "-c", "import xdist"], capture_output=True).returncode:
        raise Skip("no pytest-xdist for this interpreter")
    out = run(t, "-n", "2", "--pyrec=x.trace")
    check(t, out, str(t.dir / "x.trace"), again=0.3)
    assert len({row["process"] for row in t.rows("phases", str(t.dir / "x.trace"))}) == 2


@wide
def test_without(t):
    """Nothing is recorded or said where it was not asked for; what cannot be is said in one line."""
    out = run(t)
    assert "pyrec" not in out and not list(t.dir.glob("*.trace")), out
    out = run(t, "--pyrec=/nonexistent/x.trace", status=4)
    # what stands behind the option is a test, and no file to be replaced
    out = run(t, "-k", "test_database", "--pyrec-report", "test_suite.py::test_database", "--pyrec", status=0)
    assert "test_suite.py::test_database" in out, out
    assert {"pytest.trace", "pytest.html"} <= {path.name for path in t.dir.iterdir()}
    run(t, "--pyrec=test_suite.py", status=4)
    assert (t.dir / "test_suite.py").read_text() == SUITE
    (t.dir / "pytest.html").unlink()
    out = run(t, "-k", "test_sleeps", "--pyrec-report", status=0)  # without any fixture
    assert "nothing can be told" not in out and "pytest.trace: " in out and "fixture" not in out, out
    assert (t.dir / "pytest.html").exists()
    out = run(t, "--pyrec", "-k", "no_such_test", status=5)
    assert "no test was run" in out, out


def test_unittest(t):
    """python -m pyrec -m unittest records as any program."""
    t.file("test_plain.py", "import unittest\nclass T(unittest.TestCase):\n    def test(self): sum(range(10**7))\n")
    done = subprocess.run([t.python, "-m", "pyrec", "-q", "-o", "unit.trace", "-m", "unittest", "test_plain"],
                          capture_output=True, text=True, cwd=t.dir, env=environment(t))
    assert done.returncode == 0, done.stderr
    assert any(row["function"] == "T.test" or row["function"] == "test"
               for row in t.rows("functions", str(t.dir / "unit.trace")))
