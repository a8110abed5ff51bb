# SPDX-License-Identifier: MIT
"""Interpreters without a GIL: threads that really run at the same time."""
import json
import subprocess
import time

from e2e import function_of, line_with, near, Skip

# Four threads compute, write into one dict and make and drop functions; each says what its clock has.
TOGETHER = """
import json, threading, time
shared, clocks = {}, {}
def compute(n):                                         # COMPUTES
    total = 0                                           # COMPUTES
    for i in range(300):                                # COMPUTES
        total += i * n                                  # COMPUTES
    return total                                        # COMPUTES
def worker(n):
    names, rounds = {}, 0
    while time.thread_time() < 0.4:
        for k in range(50):
            shared[n * 50 + k] = compute(k)
        exec(compile(f"def made_{n}_{rounds % 7}(): return sum(range(200))", f"made{n}.py", "exec"), names)
        names.popitem()[1]()
        rounds += 1
    clocks[threading.current_thread().name] = time.thread_time()
threads = [threading.Thread(target=worker, args=(n,), name=f"worker-{n}") for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(shared) == 200
print(json.dumps(clocks))
"""


def need_no_gil(t):
    if t.has_gil():
        raise Skip("this interpreter has a GIL")


def test_together(t):
    """Each thread's CPU is what its own clock says, no stack is impossible, nobody waits for a GIL."""
    need_no_gil(t)
    path = t.file("together.py", TOGETHER)
    run = t.record(path, rate=2000)
    rows = {row["thread"]: row for row in t.rows("threads", run.trace)}
    for name, cpu in json.loads(run.out).items():
        near(rows[name]["cpu_time"], cpu, relative=0.02, absolute=0.012, what=name)
        assert rows[name]["gil_wait"] == 0, rows[name]
    lines = t.rows("lines", run.trace)
    # each thread's bytecode is a copy of its own: what was read of all is where that is
    for name in json.loads(run.out):
        own = [row for row in lines if row["thread"] == name]
        known = sum(row["samples"] for row in own if row["function"] in ("compute", "worker")
                    or row["function"].startswith("made_"))
        assert known > 0.8 * sum(row["samples"] for row in own) > 50, own
        assert not any(row["function"].startswith("<failed: instruction") for row in own), own
    for row in lines:
        name, function, line = row["thread"], row["function"], row["line"]
        if function == "compute":
            assert TOGETHER.splitlines()[line - 1].endswith("# COMPUTES"), row
        elif function.startswith("made_"):
            number = name[-1]
            assert function.startswith(f"made_{number}_") and row["file"].endswith(f"made{number}.py"), row
    assert "built without it" in t.analyze("gil", run.trace, ok=(0, 5))
    assert "without a GIL: nothing waits" in t.analyze("threads", run.trace)


# Who makes code, runs it, and hands it on; who gets it runs it and has the last reference, which its maker must be told
# of, as its count is the maker's (biased); and what is counted by nobody is freed by a collection (deferred), of all
# at once. Addresses are used again: what was there before is another one.
HANDED_ON = """
import gc, json, queue, threading, time
handed, seen, told = queue.Queue(10), {}, {"made": 0, "reused": 0}
def runs(name, names):
    names[f"outer_{name}"]()
def makes(kind):
    number = 0
    while time.thread_time() < 0.5:
        name, names = f"{kind}{number}", {}
        exec(compile(f"def outer_{name}():\\n    inner_{name}()\\n"
                     f"def inner_{name}():\\n    for i in range(15000): pass\\n", f"{name}.py", "exec"), names)
        del names["__builtins__"]
        for function in names.values():
            told["reused"] += seen.setdefault(id(function.__code__), name) != name
        runs(name, names)
        handed.put((name, names))
        function = names = None
        number += 1
        if number % 16 == 0:
            gc.collect()
    told["made"] += number
    handed.put(None)
def ends():
    while (one := handed.get()) is not None:
        runs(*one)
        one = None
makers = [threading.Thread(target=makes, args=(kind,)) for kind in ("a", "b")]
threads = makers + [threading.Thread(target=ends) for maker in makers]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(told))
"""


def test_code_handed_on(t):
    """Code is called what it is called, whichever thread frees it, and whenever."""
    need_no_gil(t)
    run = t.record(t.file("handed.py", HANDED_ON), rate=2000)
    told = json.loads(run.out)
    if t.version >= (3, 14):  # 3.13 makes code immortal when the first thread starts
        assert told["reused"] > told["made"] > 50, told
    found = 0
    for frames, weight in t.stacks(run.trace):
        names = [function_of(frame) for frame in frames]
        for outer, inner in zip(names, names[1:]):
            if not inner.startswith("inner_"):
                continue
            found += weight
            assert outer == inner.replace("inner", "outer"), frames
    assert found > 200, (found, told)


def test_gil_all_the_same(t):
    """PYTHON_GIL=1 brings it back: who waits, and for whom, is told as ever."""
    need_no_gil(t)
    run = t.command(["env", "PYTHON_GIL=1", t.python, t.file("together.py", TOGETHER)], ["-r", "1000"])
    assert run.status == 0, run.err
    process, = t.rows("gil", run.trace)
    assert {pair["waiter"] for pair in process["pairs"]} >= {f"worker-{n}" for n in range(4)}, process
    assert any(pair["holder"].startswith("worker-") for pair in process["pairs"] if pair["holder"]), process
    assert "without a GIL" not in t.analyze("threads", run.trace)


def test_awaits(t):
    """What is not looked at is said to be not, and is no empty table."""
    need_no_gil(t)
    program = """
import asyncio
async def waits(): await asyncio.sleep(0.3)
async def main(): await asyncio.gather(*[waits() for i in range(5)])
asyncio.run(main())
"""
    run = t.record(t.file("waits.py", program))
    said = t.analyze("awaits", run.trace)
    assert said == "This Python was built without a GIL: there nobody looks at suspended tasks.\n", said


# One collects a heap that is worth stopping the others for; two compute, and one waits for a lock all the while.
PAUSES = """
import gc, json, threading, time
gc.disable()
heap = [[[i]] for i in range(300000)]
held, begin, told = threading.Lock(), threading.Barrier(3), {"collecting": 0.0}
held.acquire()
def waits():
    held.acquire()
    held.release()
def collector():
    begin.wait()
    for i in range(20):
        begun = time.monotonic()
        gc.collect()
        told["collecting"] += time.monotonic() - begun
        sum(range(20000))
    held.release()
def computes():
    begin.wait()
    while held.locked():
        sum(i for i in range(100))
first = threading.Thread(target=waits, name="waits")
first.start()
while True:
    with open(f"/proc/self/task/{first.native_id}/syscall") as file:
        if file.read().split()[0] in ("202", "98"):     # it is in futex()
            break
threads = [threading.Thread(target=f, name=name) for f, name in ((collector, "collector"), (computes, "computes-0"),
                                                                  (computes, "computes-1"))]
for thread in threads: thread.start()
for thread in [first, *threads]: thread.join()
print(json.dumps(told))
"""

# A list that is being sorted is locked, for as long as its key function computes.
OBJECT = """
import json, threading, time
shared, told, begins = [1, 2, 3], {"waited": 0.0}, threading.Semaphore(0)
def computes(x):
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    return x
def sorter():
    for i in range(8):
        del shared[3:]
        begins.release()
        shared.sort(key=computes)
def appender():
    for i in range(8):
        begins.acquire()
        time.sleep(0.02)                                # the list is being sorted by now
        begun = time.monotonic()
        shared.append(i)                                # WAITS
        told["waited"] += time.monotonic() - begun
threads = [threading.Thread(target=sorter, name="sorter"), threading.Thread(target=appender, name="appender")]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(told))
"""


def walls(t, trace, state):
    """{thread: seconds in that state}"""
    return {row["thread"]: row["wall"] for row in t.rows("threads", trace, "--state", state) if row["wall"] > 0}


def test_stop_the_world(t):
    """Who stops the world, and who waits for it; who waits for something else meanwhile does that."""
    need_no_gil(t)
    run = t.record(t.file("pauses.py", PAUSES), rate=1000)
    collecting = json.loads(run.out)["collecting"]
    stops, waits = walls(t, run.trace, "stops_world"), walls(t, run.trace, "waits_world")
    unseen = t.unobserved(run.trace)
    assert set(stops) <= {"collector", "MainThread"}, stops  # the main one at the interpreter's end
    assert 0.02 < stops["collector"] < collecting * 1.05 + 0.02 + unseen, (stops, collecting)
    assert {"computes-0", "computes-1"} <= set(waits) and "waits" not in waits, waits
    for name in ("computes-0", "computes-1"):
        assert 0 < waits[name] < collecting * 1.1 + 0.02 + unseen, (waits, collecting)
    rows = {row["thread"]: row for row in t.rows("threads", run.trace, "--state", "waits_world")}
    assert rows["computes-0"]["blocked"] == rows["computes-0"]["wall"], rows["computes-0"]


def test_lock_of_an_object(t):
    """It waits for the list that another thread sorts, for as long as it says itself."""
    need_no_gil(t)
    run = t.record(t.file("object.py", OBJECT), rate=1000)
    waited = json.loads(run.out)["waited"]
    waits = walls(t, run.trace, "waits_object")
    assert set(waits) <= {"appender", "sorter"}, waits  # that one, when it makes the list shorter
    assert waits["appender"] < 1.02 * waited + 0.02, (waits, waited)
    line = line_with(OBJECT, "# WAITS")
    blocked, of_object = (sum(row["wall"] for row in t.rows("lines", run.trace, "--thread", "appender", "--by", "wall",
                                                            "--state", state) if row["line"] == line)
                          for state in ("blocked", "waits_object"))
    near(of_object, blocked, relative=0.05, absolute=0.01, what="waits_object of what is blocked there")
    assert blocked > 0.05, blocked


# A worker is given jobs that want a list which is being sorted.
HELD_UP = """
import queue, threading, time
jobs, shared, begins = queue.Queue(), [1, 2, 3], threading.Semaphore(0)
def key(x):
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        pass
    return x
def sorter():
    for i in range(3):
        del shared[3:]
        begins.release()
        shared.sort(key=key)
        time.sleep(0.2)
def append():
    shared.append(0)                                    # WAITS
def worker():
    while (job := jobs.get()) is not None:
        job()
threads = [threading.Thread(target=f, name=f.__name__) for f in (worker, sorter)]
for thread in threads: thread.start()
for i in range(3):
    begins.acquire()
    time.sleep(0.02)
    jobs.put(append)
threads[1].join()
jobs.put(None)
threads[0].join()
"""


def test_stall_at_an_object(t):
    """Why a worker was slow: the list's lock, and who likely had it."""
    need_no_gil(t)
    run = t.record(t.file("held_up.py", HELD_UP), rate=1000)
    text = t.analyze("stalls", "--thread", "worker", run.trace)
    line = line_with(HELD_UP, "# WAITS")
    why = [row for row in text.splitlines() if row.startswith("why ")]
    assert any("waiting for an object's lock" in row and f"in append (held_up.py:{line})" in row for row in why), text
    assert "likely sorter in key (held_up.py:" in text, text


# A list is sorted for as long as its key function likes, and wanted by another thread; then a call that never looks
# whether it is to stand still keeps the pause of a collection from beginning, which others wait for already.
HALTED = """
import gc, sys, threading
shared, sorts, sorted_enough, over = [1], threading.Event(), [], []
def key(x):
    sorts.set()
    while not sorted_enough:
        pass
def appender():
    sorts.wait()
    shared.append(2)
def counts():
    while not over:
        sum(range(10**8))
def collector():
    while not over:
        gc.collect()
def computes():
    while not over:
        pass
def begin(*functions):
    for function in functions:
        threading.Thread(target=function, name=function.__name__, daemon=True).start()
begin(lambda: shared.sort(key=key), appender)
print("up", flush=True)
sys.stdin.readline()
sorted_enough.append(True)
begin(counts, collector, computes)
print("on", flush=True)
sys.stdin.readline()
over.append(True)
"""


def dump_until(t, pid, wanted):
    """The dump in which these threads are in these states, and whether they stop the world."""
    until = time.monotonic() + 300  # some dumps may find it elsewhere
    while time.monotonic() < until:
        done = subprocess.run([t.pyrec, "dump", "--json", str(pid)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen = {thread["name"]: (thread["state"], thread["stops_world"])
                for thread in json.loads(done.stdout)["threads"]}
        if all(seen.get(name) in states for name, states in wanted.items()):
            return
    raise AssertionError(seen)


def test_dump(t):
    """What pyrec dump says of them; of one that was stopping the world the kernel may say anything else besides."""
    need_no_gil(t)
    program = subprocess.Popen([t.python, t.file("halted.py", HALTED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    t.at_end.append(lambda: (program.kill(), program.wait()))
    assert program.stdout.readline() == "up\n"
    dump_until(t, program.pid, {"appender": [("waits_object", False)]})
    text = subprocess.run([t.pyrec, "dump", str(program.pid)], capture_output=True, text=True, check=True).stdout
    line, = [line for line in text.splitlines() if line.startswith('"appender"')]
    assert ": waits for an object's lock, cpu" in line, text
    program.stdin.write("on\n")
    program.stdin.flush()
    assert program.stdout.readline() == "on\n"
    dump_until(t, program.pid, {"computes": [("waits_world", False)], "collector": [("blocked", True), ("runnable", True)]})
