# SPDX-License-Identifier: MIT
"""A recording that ends before it should: the program goes on, and is told why and what there is of it."""
import re
import subprocess

from e2e import Skip, wide
from package import BEGIN, environment, run

# Names of many, so that the file grows.
GROW = """
import resource, signal
def grow():
    for i in range(200):
        exec(compile("def f_%d(n):\\n  for _ in range(n): pass\\nf_%d(9000)" % (i, i), "made_%d.py" % i, "exec"), {})
def door(): return pyrec._control._state.session.door
def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat: return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError: return False
def wait(gone):
    deadline = time.monotonic() + 30
    while not gone() and time.monotonic() < deadline: time.sleep(0.01)
    assert gone()
"""
# How it is brought about, what is said, and whether something of it stays.
WAYS = {
    "full": ("resource.prlimit(door().pid, resource.RLIMIT_FSIZE, (3000, 3000))\n"
             "end = time.monotonic() + 30\n"
             "while recording.problem is None and time.monotonic() < end: grow(); recording.lines()",
             "File too large", True),
    "removed": ("os.unlink(recording.path)\nrecording._door.ask(2)", "removed", False),
    "killed": ("pid = door().pid; os.kill(pid, signal.SIGKILL); wait(lambda: not alive(pid))", "is gone", True),
    "ended": ("pid = door().pid; os.kill(pid, signal.SIGTERM); wait(lambda: not alive(pid))", "told to end", True),
}


def check_said(said, why, is_there):
    assert "the recording has ended early: " in said and why in said, said
    end = r"what was written until then can be read, [\d.]+ s of it" if is_there else "nothing of it can be read"
    assert re.search(f"; {end}$", said), said


def test_stop_says_why(t):
    """Nothing is raised, by stop() or at the end of a block; the rows that there are can be had; and it can
    begin again."""
    t.need_ctypes()
    for name, (how, why, is_there) in WAYS.items():
        out = run(t, GROW + f"""
with pyrec.record("{name}.trace", rate=500) as recording:
    work(0.1)
    recording.lines()  # so much is written
    {how.replace(chr(10), chr(10) + "    ")}
print(recording.problem)
assert recording.problem == recording.summary and not pyrec.is_recording()
if {is_there}:
    assert recording.lines()
    recording.print(limit=1)
with pyrec.record("next.trace", rate=500) as again: work(0.1)
print(again.problem, again.is_complete())
""")
        check_said(out[0], why, is_there)
        assert out[-1] == "None True", out
        assert not is_there or out[-2] == out[0], out


def test_at_exit(t):
    """A program that asks for nothing is told on standard error, with its own status."""
    t.need_ctypes()
    path = t.file("exit.py", BEGIN + GROW + """
recording = pyrec.start("exit.trace", rate=500)
work(0.1)
recording.lines()
""" + WAYS["removed"][0] + "\nsys.exit(3)")
    done = subprocess.run([t.python, path], capture_output=True, text=True, cwd=t.dir, env=environment(t))
    assert done.returncode == 3 and done.stderr.count("\n") == 1, done
    assert done.stderr.startswith("pyrec: "), done
    check_said(done.stderr.strip(), "removed", False)


def test_joined(t):
    """Under `pyrec --`, too, whose own line says it as well."""
    t.need_ctypes()
    source = BEGIN + """
recording = pyrec.start()
work(0.1)
recording.lines()
os.unlink(recording.path)
try: recording.lines()
except pyrec.Error as error: assert "No such file" in str(error)
print(pyrec.stop().problem)
print(pyrec.is_recording())
"""
    done = t.command([t.python, t.file("joined.py", source)], env=environment(t))
    check_said(done.out.splitlines()[0], "removed", False)
    assert done.out.splitlines()[1] == "False" and "recording stops" in done.err, done.err


def test_a_child_leaves_the_block(t):
    """The end of a block that a child of fork() comes to is its parent's; of a block that has ended its own
    recording, the exception is the program's."""
    t.need_ctypes()
    out = run(t, """
@pyrec.record("function.trace", rate=500)
def function(): return os.fork()
with pyrec.record("fork.trace", rate=500) as recording:
    child = os.fork()
if child == 0: os._exit(5)
print(os.waitpid(child, 0)[1] >> 8, recording.is_complete())
child = function()
if child == 0: os._exit(6)
print(os.waitpid(child, 0)[1] >> 8, function.recorder.recording.is_complete())
try:
    with pyrec.record("own.trace"):
        pyrec.stop()
        raise KeyError("mine")
except KeyError as error: print(error)
def stops():
    with pyrec.record("own.trace"): pyrec.stop()
print(fails(stops))
""")
    assert out == ["5 True", "6 True", "'mine'", "nothing is being recorded: call pyrec.start() first"], out


def test_stopped_after_a_fork(t):
    """Before the recorder is back from making room for the fork: no descriptor is closed but its own."""
    t.need_ctypes()
    run(t, """
def descriptors(): return sorted(os.listdir("/proc/self/fd"))
with pyrec.record("first.trace"): pass
before = descriptors()
for i in range(12):
    with pyrec.record("fork.trace", rate=500):
        child = os.fork()
        if child == 0: os._exit(0)
    assert descriptors() == before, (i, before, descriptors())
    os.waitpid(child, 0)
""")


@wide
def test_tests_and_cells(t):
    """pytest's summary and a cell's output have the line, and what there is."""
    t.need_ctypes()
    if subprocess.run([t.python, "-c", "import pytest, IPython"], capture_output=True).returncode:
        raise Skip("this interpreter has no pytest, or no IPython")
    remove = ("import os, pyrec\nsession = pyrec._control._state.session\nsession.recording.lines()\n"
              "os.unlink(session.recording.path)\nsession.door.ask(2)\n")
    path = t.file("test_it.py", "def test_it():\n    " + remove.replace("\n", "\n    "))
    done = subprocess.run([t.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pyrec.pytest_plugin",
                           "--pyrec", path], capture_output=True, text=True, cwd=t.dir,
                          env=environment(t, PYTHONWARNINGS="ignore"))
    assert done.returncode == 0 and "1 passed" in done.stdout, done
    assert "has ended early: " in done.stdout and "removed" in done.stdout, done.stdout
    cell = t.file("cell.py", f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext pyrec")
shell.run_cell({"%%pyrec -n 0" + chr(10) + remove + "answer = 42"!r})
print("answer", shell.user_ns["answer"])
""")
    done = subprocess.run([t.python, cell], capture_output=True, text=True, cwd=t.dir,
                          env=environment(t, PYTHONWARNINGS="ignore", IPYTHONDIR=str(t.dir / "ipython")))
    assert "answer 42" in done.stdout and "has ended early: " in done.stdout + done.stderr, done
