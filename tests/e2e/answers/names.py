# SPDX-License-Identifier: MIT
"""What threads are called: all of them, soon, and without running anything of the program's."""

from e2e import Skip

SHORT = """
import sys, threading, time
seconds, n = float(sys.argv[1]), int(sys.argv[2])
def work():
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
for i in range(n):
    thread = threading.Thread(target=work, name=f"request-{i}")
    thread.start()
    thread.join()
"""

# Whatever of it is run on a thread of nobody's, or with an exception or a line of ours, is counted.
TOUCHY = """
import sys, threading, time
calls = set()
def touched(what):
    calls.add((what, threading.get_ident()))
class Proxy(threading.Thread):
    def __getattribute__(self, name):
        touched(name)
        return super().__getattribute__(name)
    def __getattr__(self, name):
        touched(name)
        raise AttributeError(name)
class Named(threading.Thread):
    @property
    def _name(self):
        touched("property")
        return self.__dict__["_name"]
    @_name.setter
    def _name(self, value):
        self.__dict__["_name"] = value
class Key(int):
    def __hash__(self):
        touched("hash")
        return int.__hash__(self)
    def __eq__(self, other):
        touched("eq")
        return int.__eq__(self, other)
class Active(dict):
    def __getitem__(self, key):
        touched("getitem")
        return dict.__getitem__(self, key)
    def __iter__(self):
        touched("iter")
        return dict.__iter__(self)
stop = False
def work():
    while not stop:
        pass
threads = [Proxy(target=work, name="proxy"), Named(target=work, name="named"),
           threading.Thread(target=work, name="plain")]
threading._active = Active(threading._active)
threading._active["no ident"] = None
threading._active[Key(12345)] = object()
for thread in threads:
    thread.start()
time.sleep(0.3)
own = {threading.get_ident()} | {thread.ident for thread in threads}
calls.clear()
time.sleep(0.25)
foreign = sorted(what for what, ident in calls if ident not in own)
seen = sorted(what for what, _ in calls)
stop = True
for thread in threads:
    thread.join()
print(foreign, seen)
"""

RENAMED = """
import threading, time
def work():
    time.sleep(0.3)
    threading.current_thread().name = "second \\u00e9\\u4e2d\\U0001f40d"
    vars(threading.current_thread())["more"] = 1
    time.sleep(1.5)
thread = threading.Thread(target=work, name="first")
thread.start()
thread.join()
"""

KINDS = """
import threading, time, _thread
class Slots(threading.Thread):
    __slots__ = ("more",)
class Mixed(threading.Thread, dict):
    pass
class Many(threading.Thread):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        for i in range(60):
            setattr(self, f"field_{i}", i)
def nap():
    time.sleep(0.6)
def dummy():
    threading.current_thread()
    nap()
threads = [Slots(target=nap, name="slots"), Many(target=nap, name="many"),
           threading.Thread(target=nap, name="x" * 300),
           threading.Thread(target=nap, name="\\u4e2d" * 50)]
threads += [threading.Thread(target=nap, name=f"crowd-{i}") for i in range(200)]
threads[0].__dict__
for thread in threads:
    thread.start()
_thread.start_new_thread(dummy, ())
_thread.start_new_thread(nap, ())
for thread in threads:
    thread.join()
"""

SUBINTERPRETER = """
import sys, threading, time
try:
    import _interpreters as module
except ImportError:
    import _xxsubinterpreters as module
sub = module.create()
code = '''
import time
def spin():
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        pass
'''
if sys.version_info >= (3, 13):    # before, threading hangs in there, recorded or not
    code += '''
import threading
thread = threading.Thread(target=spin, name="inner")
thread.start()
spin()
thread.join()
'''
else:
    code += "spin()"
def run():
    (getattr(module, "exec", None) or module.run_string)(sub, code)
def work():
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass
outer = threading.Thread(target=run, name="outer")
outer.start()
time.sleep(0.2)
threads = [threading.Thread(target=work, name=f"main-{i}") for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
outer.join()
"""


def rows(t, run):
    return [row for row in t.rows("threads", run.trace) if row["kind"] == "python"]


def names(t, run):
    return {row["thread"] for row in rows(t, run)}


def test_of_short_threads(t):
    """Threads of 50 and 20 ms at 100 Hz: whichever was seen has its name."""
    program = t.file("short.py", SHORT)
    for seconds, allowed in (("0.05", 0), ("0.02", 1)):
        run = t.record(program, seconds, "40", rate=100)
        found = [row["thread"] for row in rows(t, run) if row["thread"] != "MainThread"]
        named = [name for name in found if name.startswith("request-")]
        assert len(found) >= 20 and len(named) + allowed >= len(found), sorted(found)


def test_nobody_is_touched(t):
    """No attribute, property, key or dict of the program's is run or asked."""
    run = t.record(t.file("touchy.py", TOUCHY))
    assert run.out == "[] []\n", run.out
    assert {"proxy", "named", "plain"} <= names(t, run), names(t, run)


def test_renamed(t):
    run = t.record(t.file("renamed.py", RENAMED))
    assert "second \u00e9\u4e2d\U0001f40d" in names(t, run), names(t, run)


def test_kinds(t):
    """Subclasses, attributes in a dict of their own, long names, many at once; and no Thread."""
    run = t.record(t.file("kinds.py", KINDS))
    found = names(t, run)
    assert {"slots", "many"} | {f"crowd-{i}" for i in range(200)} <= found, sorted(found)
    assert "x" * 112 in found and "\u4e2d" * 37 in found, sorted(found)
    assert any(name.startswith("Dummy-") for name in found), sorted(found)


def test_beside_a_busy_interpreter(t):
    """Names do not wait for another interpreter, and its own threads have theirs."""
    if t.version < (3, 12) or not t.has_gil():
        raise Skip("no interpreters with a GIL of their own")
    run = t.record(t.file("subinterpreter.py", SUBINTERPRETER))
    found = names(t, run)
    inner = {"inner"} if t.version >= (3, 13) else set()
    assert {f"main-{i}" for i in range(4)} | {"outer"} | inner <= found, sorted(found)


def test_no_thread_of_ours_takes_the_gil(t):
    """Main blocked, others busy: there is no thread beside the program's and the sampler."""
    program = t.file("alone.py", """
import os, threading, time
def work():
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
threads = [threading.Thread(target=work, name=f"w{i}") for i in range(2)]
for thread in threads:
    thread.start()
seen = set()
while threads[0].is_alive():
    for task in os.listdir("/proc/self/task"):
        try:
            seen.add(open(f"/proc/self/task/{task}/comm").read().strip())
        except OSError:
            pass
    time.sleep(0.002)
for thread in threads:
    thread.join()
print(sorted(name for name in seen if name.startswith("pyrec")))
""")
    run = t.record(program)
    assert run.out == "['pyrec-sampler']\n", run.out
    assert {"w0", "w1"} <= names(t, run)
