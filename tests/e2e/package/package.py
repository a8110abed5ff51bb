# SPDX-License-Identifier: MIT
"""import pyrec: a program that records itself, and has neither child, signal nor descriptor by it."""
import json
import os
import re
import subprocess
import sys

from e2e import ROOT, function_of

# What each program begins with.
BEGIN = """
import os, sys, threading, time
import pyrec
def work(t=0.2):
    end = time.monotonic() + t
    while time.monotonic() < end: sum(range(100))
def fails(call, *args, **more):
    try: call(*args, **more)
    except pyrec.Error as error: return str(error)
    return None
"""


def home(t):
    """As it is installed: bin/ with both programs."""
    place = t.dir / "home" / "bin"
    if not place.exists():
        place.mkdir(parents=True)
        for program in (t.pyrec, t.pyanalyze):
            (place / os.path.basename(program)).symlink_to(program)
    return str(place.parent)


def environment(t, **more):
    return {**os.environ, "PYREC_HOME": home(t), "PYTHONPATH": str(ROOT / "python"),
            "PYTHONWARNINGS": "error", **more}


def run(t, source, *args, status=0, python=(), **more):
    """Run a program in the test's folder; its lines."""
    path = t.file(f"program{t.n}.py", BEGIN + source)
    t.n += 1
    done = subprocess.run([t.python, *python, path, *args], capture_output=True, text=True, timeout=120,
                          cwd=t.dir, env=environment(t, **more))
    assert done.returncode == status and done.stderr == "", f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()


def functions(t, name):
    return {function_of(frame) for stack, _ in t.stacks(str(t.dir / name)) for frame in stack}


def test_start_and_stop(t):
    """Everything that ran in between, of all threads, and nothing else."""
    t.need_ctypes()
    out = run(t, """
def outside(): work()
def inside(): work()
def worker(): work(0.3)
outside()
recording = pyrec.start("run.trace", rate=500)
assert pyrec.is_recording() and recording.path == os.path.abspath("run.trace")
thread = threading.Thread(target=worker, name="helper")
thread.start()
inside()
thread.join()
assert pyrec.stop() is recording and not pyrec.is_recording()
outside()
assert recording.is_complete() and "1 process, 2 threads" in recording.summary, recording.summary
import json
print(json.dumps([recording.lines(), recording.functions(thread="helper"), recording.stalls(),
                  recording.stall_threads()]))
recording.print(thread="helper", match="worker", by="wall")
print(recording.report("page.html"))
""")
    lines, helper, stalls, threads = json.loads(out[0])
    assert sum(row["ticks"] for row in lines if row["thread"] == "helper") > 20, lines
    assert {row["thread"] for row in helper} == {"helper"}
    assert any(row["function"] == "worker" and row["wall_cum"] > 0.1 for row in helper), helper
    assert isinstance(stalls, list) and isinstance(threads, list)
    assert out[1].startswith("Thread helper (") and any("worker" in line for line in out), out
    assert out[-1] == str(t.dir / "page.html") and "<html" in (t.dir / "page.html").read_text()[:200]
    seen = functions(t, "run.trace")
    assert {"inside", "worker"} <= seen and "outside" not in seen, seen


def test_nothing_is_left(t):
    """Again and again: no child for wait(), no SIGCHLD, no descriptor, thread or process more; the environment
    and signals are as they were."""
    t.need_ctypes()
    out = run(t, """
import signal
seen = []
signal.signal(signal.SIGCHLD, lambda *args: seen.append(args))
def state():
    with open("/proc/self/status") as file:
        status = [line for line in file if line.startswith(("SigB", "SigI", "SigC", "Threads", "Umask"))]
    return (status, sorted(os.listdir("/proc/self/fd")), dict(os.environ), os.getcwd(), threading.enumerate())
def childless():
    try: os.waitpid(-1, os.WNOHANG)
    except ChildProcessError: return True
pyrec.start("0.trace")
pyrec.stop()
before, pids = state(), []
for i in range(5):
    pyrec.start("%d.trace" % (i % 2), rate=1000)
    assert childless()
    pids.append(pyrec._control._state.session.door.pid)
    during = state()
    assert during[1:] == before[1:], during
    assert pyrec.stop().is_complete()
    assert childless()
    assert state() == before
deadline = time.monotonic() + 20
while any(os.path.exists("/proc/%d" % pid) for pid in pids) and time.monotonic() < deadline: time.sleep(0.01)
print(seen, [pid for pid in pids if os.path.exists("/proc/%d" % pid)])
""")
    # subprocess, which is_complete() asks pyanalyze by, has children
    assert out[0].endswith(" []"), out
    assert out[0].count("<frame") in (0, 5, 6), out


def test_said_clearly(t):
    """What cannot be is one line that says what to do; nothing is begun, and no file is touched."""
    t.need_ctypes()
    (t.dir / "old.trace").write_text("precious")
    out = run(t, """
print(fails(pyrec.stop))
print(fails(pyrec.start, "old.trace", rate=0))
print(fails(pyrec.start, "/nowhere/run.trace"))
print(fails(pyrec.start, "old.trace", keep="1"))
pyrec.start("new.trace")
print(fails(pyrec.start, "old.trace"))
print(fails(pyrec.record("old.trace").__enter__))
work()
pyrec.stop()
print(fails(pyrec.Recording("missing.trace").lines))
print(fails(pyrec.Recording("new.trace").lines, nonsense=1))
print(fails(pyrec.Recording("new.trace").report, "/nowhere/page.html"))
with open("old.trace") as old: print(repr(old.read()))
print(fails(pyrec.start, ""))
print(fails(pyrec.start, "a\\0b"))
here = os.getcwd()
os.mkdir("gone")
os.chdir("gone")
os.rmdir("../gone")
print(fails(pyrec.start, "x.trace"))
os.chdir(here)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
pyrec._control._loaded()
held = []
try:
    while True: held.append(os.dup(1))
except OSError: pass
print(fails(pyrec.start, "x.trace"))
for one in held: os.close(one)
print(os.path.exists("x.trace"), pyrec.is_recording())
""")
    assert out[0] == "nothing is being recorded: call pyrec.start() first"
    assert out[1] == "--rate wants a number from 1 to 10000, not '0'"
    assert "/nowhere/run.trace: No such file or directory" in out[2]
    assert out[3].startswith("--keep wants ")
    assert out[4] == out[5] == (f"this process is being recorded already, into {t.dir}/new.trace: "
                                "call pyrec.stop() first")
    assert "missing.trace: No such file" in out[6] and "--nonsense" in out[7]
    assert "/nowhere/page.html" in out[8] and out[9] == "'precious'", out
    assert out[10].startswith("'' is no name") and out[11].startswith("'a\\x00b' is no name"), out
    assert "the working directory is gone" in out[12], out
    assert "Too many open files" in out[13] and out[14] == "False False", out


def test_with_and_decorator(t):
    """The block or the call, however it ends; of calls within calls the outermost."""
    t.need_ctypes()
    out = run(t, """
with pyrec.record("with.trace", 500) as recording:
    work()
    half = sum(row["ticks"] for row in recording.lines())
    work()
print(0 < half < sum(row["ticks"] for row in recording.lines()))
try:
    with pyrec.record("raised.trace"): raise KeyError("mine")
except KeyError as error: print(error, pyrec.is_recording())

@pyrec.record("function.trace", rate=500)
def recursive(n):
    'Doc.'
    work(0.05)
    return n + recursive(n - 1) if n else 0
print(recursive(3), recursive.__name__, recursive.__doc__, recursive.recorder.recording.is_complete())
print(recursive(1), pyrec.is_recording())
crowd = [threading.Thread(target=recursive, args=(1,)) for _ in range(8)]
for thread in crowd: thread.start()
for thread in crowd: thread.join()
print(pyrec.is_recording())

@pyrec.record
def bare(n):
    work(0.05)
    return n
print(bare(7), bare.recorder.recording.path == os.path.abspath("run.trace"))

@pyrec.record("generator.trace", rate=500)
def generate():
    yield 1
    work()
    yield 2
print(list(generate()), pyrec.is_recording())

import asyncio
@pyrec.record("coroutine.trace", rate=500)
async def coroutine():
    await asyncio.sleep(0.01)
    work()
    return 5
print(asyncio.run(coroutine()), pyrec.is_recording())
async def bad(): yield
print(fails(pyrec.record(), bad))
class A: pass
print(fails(pyrec.record, A))
""")
    assert out == ["True", "'mine' False", "6 recursive Doc. True", "1 False", "False", "7 True", "[1, 2] False", "5 False",
                   "bad() is an asynchronous generator, which cannot be recorded call by call: use "
                   "`with pyrec.record(..)` where it is consumed",
                   "@pyrec.record is for functions, not for <class '__main__.A'>"], out
    assert "recursive" in functions(t, "function.trace")
    assert "coroutine" in functions(t, "coroutine.trace") and "generate" in functions(t, "generator.trace")


def test_exit(t):
    """The file is complete when the program's exit status is there, whatever that is; a killed one's, too."""
    t.need_ctypes()
    ends = {"returns": ("pass", 0), "exits": ("sys.exit(3)", 3),
            "is_thread": ("threading.Thread(target=work, daemon=True, args=(60,)).start()", 0)}
    for name, (end, status) in ends.items():
        run(t, f"""
import atexit
pyrec.start("{name}.trace", rate=500)
work()
{end}
""", status=status)
        info = t.info(str(t.dir / f"{name}.trace"))["recordings"][0]
        assert info["stop_reason"] == "stopped", (name, info)
    # what was registered before the import runs after it has ended, and is not disturbed
    path = t.file("order.py", "import atexit\natexit.register(print, 'first')\n" + BEGIN + """
atexit.register(print, 'last')
pyrec.start('order.trace')
""")
    done = subprocess.run([t.python, path], capture_output=True, text=True, cwd=t.dir, env=environment(t))
    assert (done.returncode, done.stdout, done.stderr) == (0, "last\nfirst\n", ""), done
    run(t, "pyrec.start('killed.trace', rate=500)\nwork()\nos.kill(os.getpid(), 9)", status=-9)
    wait_complete(t, "killed.trace")
    assert "work" in functions(t, "killed.trace")


def wait_complete(t, name):
    """Its pyrec, which is nobody's child, has seen the end."""
    import time
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if t.info(str(t.dir / name), ok=(0, 1, 3, 4))["recordings"][0].get("stop_reason"):
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} is not complete")


def test_fork(t):
    """A child is recorded, too; only who began can end it; a daemon ends what its parent began."""
    t.need_ctypes()
    out = run(t, """
import subprocess
def in_child(): work(0.3)
pyrec.start("fork.trace", rate=500)
child = os.fork()
if child == 0:
    print(fails(pyrec.stop).replace(str(os.getppid()), "PARENT"), flush=True)
    in_child()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
subprocess.run([sys.executable, "-c", "def by_exec():\\n  for _ in range(30): sum(range(100000))\\nby_exec()"])
recording = pyrec.stop()
print(len({row["process"] for row in recording.lines()}))
child = os.fork()
if child == 0:
    print(fails(pyrec.stop), flush=True)
    pyrec.start("own.trace")
    in_child()
    os._exit(0 if pyrec.stop().is_complete() else 1)
print(os.waitpid(child, 0)[1])
""")
    assert out == ["pyrec.start() was called in process PARENT, which this one was forked from: call "
                   "pyrec.stop() there", "3", "nothing is being recorded: call pyrec.start() first", "0"], out
    assert {"in_child", "by_exec"} <= functions(t, "fork.trace")
    run(t, """
pyrec.start("daemon.trace", rate=500)
def in_daemon(): work()
if os.fork(): os._exit(0)
while os.getppid() == pyrec._control._state.session.pid: time.sleep(0.01)
in_daemon()
print(pyrec.stop().is_complete(), flush=True)
""")
    assert "in_daemon" in functions(t, "daemon.trace")


def test_joined(t):
    """Under `pyrec --` its recording is joined: what lies in between can be asked for while it goes on."""
    t.need_ctypes()
    source = BEGIN + """
def early(): work()
def between(): work()
def late(): work()
early()
recording = pyrec.start("unused.trace", rate=10)
between()
assert pyrec.stop() is recording
late()
print(recording.path, os.path.exists("unused.trace"), sorted({row["function"] for row in recording.functions()}))
with pyrec.record() as again: late()
print(sorted({row["function"] for row in again.functions()}))
"""
    run_ = t.command([t.python, t.file("joined.py", source)], ["-r", "500"], env=environment(t))
    assert run_.status == 0, run_.err
    first, second = run_.out.splitlines()
    path, exists, rows = first.split(" ", 2)
    assert path == run_.trace and exists == "False", first
    assert "'between'" in rows and "'early'" not in rows and "'late'" not in rows, rows
    assert "'late'" in second and "'between'" not in second, second
    split = t.command([t.python, t.file("split.py", BEGIN + "print(fails(pyrec.start))")],
                      ["--rotate", "1h"], env=environment(t))
    assert "into several files" in split.out and "--rotate" in split.out, split.out


def test_threads_and_interpreters(t):
    """Begun in one thread, ended in another; in another interpreter it works, or says why not."""
    t.need_ctypes()
    out = run(t, """
def begin(): pyrec.start("thread.trace", rate=500)
thread = threading.Thread(target=begin)
thread.start()
thread.join()
work()
print(pyrec.stop().is_complete())
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    try: import _interpreters as interpreters
    except ImportError: interpreters = None
if interpreters is None: print("none")
else:
    other = interpreters.create()
    failed = interpreters.run_string(other, '''
import pyrec, time
try:
    pyrec.start("other.trace", rate=500)
    end = time.monotonic() + 0.2
    while time.monotonic() < end: sum(range(100))
    print("1 process" in pyrec.stop().summary, flush=True)
except pyrec.Error as error: print(error, flush=True)
''')
    if failed: print(failed)
    interpreters.destroy(other)
""")
    assert out[0] == "True"
    assert out[1] in ("True", "none") or "call it in the main interpreter" in out[1], out


def test_awaits(t):
    """Suspended tasks are looked at, unless that is not wanted."""
    t.need_gil()  # without one nobody looks
    t.need_ctypes()
    out = run(t, """
import asyncio
async def query(): await asyncio.sleep(.7)
for wanted in (True, False):
    with pyrec.record(f"{wanted}.trace", rate=500, awaits=wanted) as recording: asyncio.run(query())
    print(recording.path)
""")
    chains = [{row["chain"] for row in t.rows("awaits", path)} for path in out[:2]]
    assert chains == [{"query > sleep"}, set()], chains


def test_ends_by_itself(t):
    """With a duration; and children=False follows nobody."""
    t.need_ctypes()
    out = run(t, """
recording = pyrec.start("short.trace", rate=500, duration="0.2s", children=False)
door = pyrec._control._state.session.door
child = os.fork()
if child == 0:
    work(0.3)
    os._exit(0)
deadline = time.monotonic() + 30
while not recording.is_complete() and time.monotonic() < deadline: time.sleep(0.01)
os.waitpid(child, 0)
assert pyrec.stop() is recording
print(len({row["process"] for row in recording.lines()}), recording.problem, recording.summary)
while os.path.exists("/proc/%d" % door.pid) and time.monotonic() < deadline: time.sleep(0.01)
print(os.path.exists("/proc/%d" % door.pid))
""")
    assert re.match(r"1 None .*short.trace: 0\.\d+ s, 1 process", out[0]) and out[1] == "False", out


def test_without_ctypes(t):
    """One clear line; a recording that is there can be read all the same."""
    out = run(t, """
sys.modules["ctypes"] = sys.modules["_ctypes"] = None
print(fails(pyrec.start))
""")
    assert "needs the module ctypes" in out[0] and "pyrec -- python3" in out[0], out


def test_not_found(t):
    """Where the programs are not, it says so."""
    out = run(t, "print(fails(pyrec.start))\nprint(fails(pyrec.Recording('x').lines))", PYREC_HOME="/nowhere")
    assert out == ["the program pyrec is not in /nowhere (PYREC_HOME)",
                   "the program pyanalyze is not in /nowhere (PYREC_HOME)"], out
