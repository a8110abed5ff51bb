# SPDX-License-Identifier: MIT
"""What suspended tasks wait for is what Python itself says of their coroutines."""
import collections
import json
import re
import subprocess

from e2e import Skip, near

# A program that knows what its tasks wait for, and writes it down.
PROGRAM = """
import asyncio, json, sys, threading, time, types
async def a(f): return await b(f)
async def b(f):
    x = [1, 2, 3]
    for i in x:
        await c(f)
async def c(f):
    return await f
async def steps(f):
    yield 1
    await c(f)
async def walks(f):
    async for x in steps(f):
        pass
@types.coroutine
def old(f):
    return (yield from c(f))
async def by_old(f): await old(f)
async def gathers(f): await asyncio.gather(a(f), b(f))
async def awaits(task): await task
async def queued(q): await q.get()
async def sleeps(): await asyncio.sleep(1000)
async def holds(lock, f):
    async with lock:
        await f
async def limited(f): await asyncio.wait_for(asyncio.shield(f), 1000)
async def event(e): await asyncio.wait([asyncio.ensure_future(e.wait())])
def deep(n):
    source = "async def deep_0(f): await f\\n"
    for i in range(1, n):
        source += f"async def deep_{i}(f):\\n    await deep_{i - 1}(f)\\n"
    exec(source, globals())
    return globals()[f"deep_{n - 1}"]
class Mine(asyncio.Future):
    pass

def fold(name):
    out = ""
    for c in name:
        c = "#" if c.isdigit() else c
        out += "" if c == "#" and out.endswith("#") else c
    return "" if out == "Task-#" else out

def chain(coroutine):
    frames = []
    while coroutine is not None:
        for kind in ("cr", "gi", "ag"):
            code = getattr(coroutine, kind + "_code", None)
            if code is None:
                continue
            frame = getattr(coroutine, kind + "_frame")
            frames.append([getattr(code, "co_qualname", code.co_name), frame.f_lineno])
            coroutine = getattr(coroutine, "gi_yieldfrom" if kind == "gi" else kind + "_await")
            break
        else:
            if type(coroutine).__name__ in ("async_generator_asend", "coroutine_wrapper"):
                frames.append("?") # Python does not tell more
            break
    return frames

def waits(task):
    on = task._fut_waiter
    if on is None or on.done():
        return "ready to go on"
    if isinstance(on, asyncio.Task):
        return "task " + (fold(on.get_name()) or on.get_coro().__qualname__)
    return "future" if type(on) is asyncio.Future else type(on).__name__

def truth(loop):
    told = [{"chain": chain(t.get_coro()), "waits": waits(t), "name": fold(t.get_name())}
            for t in asyncio.all_tasks(loop)]
    with open(sys.argv[1], "w") as out:
        json.dump(told, out)

async def main():
    loop = asyncio.get_running_loop()
    f, e, lock, done = loop.create_future(), asyncio.Event(), asyncio.Lock(), loop.create_future()
    tasks = [asyncio.ensure_future(x) for x in (
        a(f), b(f), walks(f), by_old(f), gathers(f), queued(asyncio.Queue()), sleeps(),
        holds(lock, f), holds(lock, f), holds(lock, f), limited(f), event(e), deep(100)(f),
        awaits(Mine()), a(Mine()))]
    tasks += [asyncio.ensure_future(awaits(tasks[0])) for i in range(3)]
    for i in range(40):
        tasks.append(asyncio.ensure_future(awaits(tasks[i % 3])))
        tasks[-1].set_name(f"request {i} of {i // 7}")
    tasks[1].set_name("the second")
    tasks += [asyncio.ensure_future(a(f)) for i in range(500)]
    await asyncio.sleep(0.1)
    loop.call_later(0.05, truth, loop)
    loop.call_later(0.5, time.sleep, 0.7) # blocked in a callback
    loop.call_later(2.2, done.set_result, None)
    await done
    for t in tasks:
        t.cancel()
if "uvloop" in sys.argv:
    import uvloop
    uvloop.install()
if "thread" in sys.argv: # and one that runs Python beside it
    other = threading.Thread(target=lambda: asyncio.run(main()))
    other.start()
    while other.is_alive():
        sum(range(1000))
        time.sleep(0.002)
else:
    asyncio.run(main())
"""


def agrees(told, row):
    """Is a row what the program says of a task?"""
    frames = [[frame["function"], frame["line"]] for frame in reversed(row["stack"])]
    if told["waits"] != row["waits_for"] or told["name"] != (row["task_name"] or ""):
        return False
    want = told["chain"]
    if len(want) > 64: # only the innermost are kept
        if frames.pop(0)[0] != "<truncated>":
            return False
        want = want[-64:]
    if want[-1] == "?":
        return frames[:len(want) - 1] == want[:-1] and len(frames) >= len(want)
    return frames == want


def check(t, *args):
    program, truth = t.file("waits.py", PROGRAM), str(t.dir / "truth.json")
    run = t.command([t.python, program, truth, *args], ["-r", "1000"])
    assert run.status == 0, (run.status, run.err)
    with open(truth) as file:
        told = json.load(file)
    rows = [row for row in t.rows("awaits", run.trace) if row["time_share"] > 0.5]
    left = list(told)
    for row in rows:
        same = [task for task in left if agrees(task, row)]
        # on a slow machine a look ends before it has read all, and others are taken for those it read
        spare = 0 if row["tasks_unread_share"] == 0 else 1 + 0.2 * len(same) + 2 * len(same) ** 0.5
        assert abs(len(same) - row["tasks_most"]) <= spare, (row, len(same), left[:5])
        for task in same:
            left.remove(task)
    assert not left, left
    assert len(told) > 550, len(told)
    return run


def test_chains(t):
    t.need_gil()
    run = check(t)
    # what is together in a row is what its rows are
    rows = t.rows("awaits", run.trace)
    for by, column in (("coroutine", "coroutine"), ("wait", "waits_for")):
        sums = collections.Counter()
        for row in rows:
            sums[row[column]] += row["tasks"]
        for row in t.rows("awaits", run.trace, "--by", by):
            near(row["tasks"], sums[row[column]], absolute=0.05, what=row)
    assert t.rows("awaits", run.trace, "--thread", "MainThread") == rows
    assert not t.rows("awaits", run.trace, "--to", "0.001")


def test_beside_a_thread(t):
    """Others run Python meanwhile: each task is read twice."""
    t.need_gil()
    check(t, "thread")


def test_loops_in_threads(t):
    """A table for each, the one with more tasks first."""
    program = t.file("loops.py", """
import asyncio, threading
async def waits(): await asyncio.sleep(0.6)
async def main(n): await asyncio.gather(*[waits() for i in range(n)])
threads = [threading.Thread(target=asyncio.run, args=(main(n),), name=f"loop of {n}") for n in (2, 7)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""")
    run = t.command([t.python, program], ["-r", "1000"])
    assert run.status == 0, (run.status, run.err)
    text = t.analyze("awaits", run.trace)
    assert re.findall(r"^(loop of \d) of process", text, re.M) == ["loop of 7", "loop of 2"], text
    for column in ("tasks_most", "known_time", "coroutine", "chain", "function", "file"):
        assert {row["thread"] for row in t.rows("awaits", run.trace, "--sort", column)} == {"loop of 2", "loop of 7"}


def test_uvloop(t):
    if subprocess.run([t.python, "-c", "import uvloop"], capture_output=True).returncode:
        raise Skip("no uvloop for this interpreter")
    check(t, "uvloop")


# Tasks that live for a millisecond, while other threads make and collect garbage. Whoever is called
# step_N awaits step_N-1, in line 10 * N + 2.
CHURN = """
import asyncio, gc, sys, threading, time
END = time.monotonic() + 2.5
source = "async def step_0(f):\\n    await f\\n" + 8 * "\\n"
for i in range(1, 12):
    source += f"async def step_{i}(f):\\n    await step_{i - 1}(f)\\n" + 8 * "\\n"
exec(compile(source, "steps.py", "exec"))
steps = [globals()[f"step_{i}"] for i in range(12)]
def litter():
    while time.monotonic() < END:
        x = [[object() for i in range(50)] for k in range(50)]
        x.append(x)
        gc.collect(0)
        time.sleep(0.0005)
def drop(loop): # tasks that only the collector finds
    f = loop.create_future()
    task = loop.create_task(steps[5](f))
    f.me = task if hasattr(f, "__dict__") else None
async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *x: None)
    n = 0
    while time.monotonic() < END:
        f = loop.create_future()
        tasks = [loop.create_task(steps[(n + i) % 12](f)) for i in range(30)]
        drop(loop)
        n += 1
        await asyncio.sleep(0.001)
        if n % 3 == 0:
            time.sleep(0.001)
        f.set_result(None)
        await asyncio.gather(*tasks)
threads = [threading.Thread(target=litter) for i in range(2)]
for t in threads: t.start()
asyncio.run(main())
for t in threads: t.join()
"""


def test_no_impossible_chain(t):
    t.need_gil()
    run = t.command([t.python, t.file("churn.py", CHURN)], ["-r", "1000"])
    assert run.status == 0, (run.status, run.err)
    rows = t.rows("awaits", run.trace)
    seen = 0
    for row in rows:
        frames = [(frame["function"], frame["line"]) for frame in reversed(row["stack"])]
        if not frames[0][0].startswith("step_"):
            assert frames[0][0] == "main", row
            continue
        seen += row["tasks"]
        first = int(frames[0][0][len("step_"):])
        if row["waits_for"] == "not begun":
            assert len(frames) == 1, row
            continue
        assert row["waits_for"] in ("future", "ready to go on"), row
        assert frames == [(f"step_{i}", 10 * i + 2) for i in range(first, -1, -1)], row
    assert seen > 1, rows


def test_stalls(t):
    """While the loop was held up: what its tasks waited for, seen in a stall that blocks, before one that computes."""
    program = t.file("stalls.py", """
import asyncio, sys, time
async def query(f): await f
async def handle(f): await query(f)
async def held(f): pass
async def blocks():
    await asyncio.sleep(0.5)
    new = [asyncio.ensure_future(held(None)) for i in range(3)]
    time.sleep(1)
    await asyncio.gather(*new)
async def computes():
    end = time.thread_time() + 0.5
    while time.thread_time() < end: pass
async def main():
    f = asyncio.get_running_loop().create_future()
    tasks = [asyncio.ensure_future(handle(f)) for i in range(12)]
    tasks[3].set_name("request 17")
    await blocks()
    await asyncio.sleep(1)
    await computes()
    await asyncio.sleep(0.3)
    f.set_result(None)
    await asyncio.gather(*tasks)
if "uvloop" in sys.argv:
    import uvloop
    uvloop.install()
asyncio.run(main())
""")
    for word in ["", "uvloop"]:
        if word and subprocess.run([t.python, "-c", "import uvloop"], capture_output=True).returncode:
            continue
        run = t.command([t.python, program, word], ["-r", "200"])
        assert run.status == 0, (run.status, run.err)
        found = t.rows("stalls", run.trace, "--over", "400ms")["stalls"]
        blocked, = (one for one in found if one["function"] == "blocks")
        computed, = (one for one in found if one["function"] == "computes")
        # main itself runs in its own task: it is none of those that wait while it blocks
        wanted = {("handle > query", "future", None): 11, ("handle > query", "future", "request #"): 1,
                  ("held", "not begun", None): 3}
        rows = {(r["chain"], r["waits_for"], r["task_name"]): r["tasks"] for r in blocked["awaits"]}
        assert (rows, blocked["tasks_seen"]) == (wanted, "in it"), (rows, blocked)
        assert (blocked["tasks_suspended"], blocked["tasks_ready"], blocked["tasks_unknown"]) == (15, 3, 0), blocked
        assert blocked["tasks_seen_off"] < 1 + t.unobserved(run.trace), blocked
        rows = {(r["chain"].split(" > ")[0], r["task_name"]): r["tasks"] for r in computed["awaits"]}
        assert rows == {("handle", None): 11, ("handle", "request #"): 1, ("main", None): 1}, computed
        assert (computed["tasks_seen"], computed["tasks_ready"]) == ("before", 0), computed
        text = t.analyze("stalls", "--over", "400ms", run.trace)
        assert "tasks 15 of its loop waited, 3 of them for nothing but the loop, seen 0." in text, text
        assert "tasks 13 of its loop waited, seen last " in text, text


def test_no_awaits(t):
    """Nobody looks where nobody is to."""
    program = t.file("sleeps.py", "import asyncio\nasyncio.run(asyncio.sleep(1))\n")
    for options in ([], ["--no-awaits"]):
        run = t.command([t.python, program], ["-r", "200", *options])
        assert run.status == 0, (run.status, run.err)
        assert bool(t.rows("awaits", run.trace)) == (not options), options
    assert "--no-awaits" in t.analyze("awaits", run.trace)
    assert re.search("awaits +no", t.analyze("info", run.trace)), t.analyze("info", run.trace)


def test_many(t):
    """Of many tasks some are read, and stand for the others; how many there are is known all the same."""
    program = t.file("many.py", """
import asyncio
async def wait(f): await f
async def main():
    f = asyncio.get_running_loop().create_future()
    tasks = [asyncio.ensure_future(wait(f)) for i in range(5000)]
    await asyncio.sleep(0)
    await asyncio.sleep(2)
    f.set_result(None)
    await asyncio.gather(*tasks)
asyncio.run(main())
""")
    run = t.command([t.python, program], ["-r", "100"])
    assert run.status == 0, (run.status, run.err)
    rows = t.rows("awaits", run.trace)
    row = max(rows, key=lambda row: row["tasks"])
    assert row["chain"] == "wait" and row["waits_for"] == "future", row
    assert 4900 < row["tasks_most"] <= 5001, row
    assert 0.5 < row["tasks_unread_share"] < 0.9, row
