# SPDX-License-Identifier: MIT
"""The name of the running task of each sample is that of the task that ran the function on its stack."""
import json
import subprocess

from e2e import Skip, near

# Whatever runs a function work_NAME is called NAME.
PROGRAM = """
import asyncio, sys, time
END = time.monotonic() + 0.9
source = ""
for i in range(4):
    source += f'''
def work_t{i}(n):
    s = 0
    for k in range(n):
        s += k
async def leaf_{i}():
    await asyncio.sleep(0.0001)
    work_t{i}(2000)
async def steps_{i}():
    for k in range(3):
        work_t{i}(300)
        yield k
        await asyncio.sleep(0)
async def top_{i}():
    while time.monotonic() < END:
        await asyncio.sleep(0)
        work_t{i}(3000)
        await leaf_{i}()
        async for k in steps_{i}():
            pass
'''
exec(source)
def work_plain():
    s = 0
    for k in range(3000):
        s += k
async def plain():
    while time.monotonic() < END:
        await asyncio.sleep(0)
        work_plain()
def work_sleeper():
    time.sleep(2.3) # over the end of a chunk
async def sleeper():
    work_sleeper()
async def main():
    tasks = [asyncio.ensure_future(plain())]
    for i in range(4):
        tasks.append(asyncio.ensure_future(globals()[f"top_{i}"]()))
        tasks[-1].set_name(f"t{i}")
    await asyncio.gather(*tasks)
    await asyncio.ensure_future(sleeper())
if "uvloop" in sys.argv:
    import uvloop
    uvloop.install()
if "python" in sys.argv: # tasks that are not asyncio's written in C
    asyncio.tasks.Task = asyncio.Task = asyncio.tasks._PyTask
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_task_factory(lambda loop, coro, **more: asyncio.tasks._PyTask(coro, loop=loop, **more))
    loop.run_until_complete(main())
else:
    asyncio.run(main())
"""


def samples(t, run, *options):
    return [json.loads(line) for line in
            t.analyze("dump", "--format", "json", *options, run.trace).splitlines()]


def check(t, run, names, missing=0):
    """Returns how many samples each task had."""
    counts, lost = {}, 0
    for sample in samples(t, run):
        work = [frame["function"] for frame in sample["stack"]
                if frame["function"].startswith("work_")]
        if not work:
            continue
        name = names(work[0][len("work_"):])
        if sample["task"] is None:
            lost += 1
            continue
        assert sample["task"] == name, sample
        counts[name] = counts.get(name, 0) + 1
    assert lost <= missing, (lost, counts)
    return counts


def recorded(t, *args):
    run = t.command([t.python, t.file("loop.py", PROGRAM), *args], ["-r", "1000"])
    assert run.status == 0, (run.status, run.err)
    return run


def late(t):
    """Up to 3.13 asyncio is looked for when a coroutine was seen; up to 3.10 a little later."""
    return 250 if t.version < (3, 11) else 3 if t.version < (3, 14) else 0


def test_names(t):
    run = recorded(t)
    counts = check(t, run, lambda name: name, late(t))
    assert set(counts) == {"t0", "t1", "t2", "t3", "plain", "sleeper"}, counts
    sleeps = [s for s in samples(t, run, "--task", "sleeper") if s["state"].startswith("blocked")]
    assert len(sleeps) > max(0, 500 - t.missed(run.trace)), len(sleeps)
    rows = {row["task"]: row for row in t.rows("tasks", run.trace)}
    assert set(counts) <= set(rows) and rows["sleeper"]["blocked"] > 2.2 - t.unobserved(run.trace), rows
    assert rows["sleeper"]["function"] == "work_sleeper", rows["sleeper"]
    # parts of a thread are together what it is
    whole, = [row for row in t.rows("threads", run.trace) if row["thread"] == "MainThread"]
    parts = [row for row in t.rows("threads", run.trace, "--tasks")
             if row["thread"].startswith("MainThread")]
    assert len(parts) == len(rows) + 1, (parts, rows)
    for column in ("samples", "ticks", "wall", "cpu_time", "blocked"):
        near(sum(row[column] for row in parts), whole[column], absolute=1e-6, what=column)
    # the same weights by --task, as a thread of its own, and in an export
    for name in ("t1", "sleeper"):
        lines = t.rows("lines", run.trace, "--task", name)
        near(sum(row["wall"] for row in lines), rows[name]["wall"], absolute=1e-6, what=name)
        folded = t.analyze("export", "--format", "csv", "--tasks", "--by", "samples", run.trace)
        assert f"MainThread: {name}," in folded, folded[:500]
    chosen = t.rows("tasks", run.trace, "--task", "t[12]", "--sort", "task")
    assert sorted(row["task"] for row in chosen) == ["t1", "t2"], chosen


def test_tasks_in_python(t):
    """They have no name that can be read: they are called like their coroutines."""
    coroutine = {f"t{i}": f"top_{i}" for i in range(4)}
    check(t, recorded(t, "python"), lambda name: coroutine.get(name, name), late(t))


def test_uvloop(t):
    if subprocess.run([t.python, "-c", "import uvloop"], capture_output=True).returncode:
        raise Skip("no uvloop for this interpreter")
    check(t, recorded(t, "uvloop"), lambda name: name, late(t))


def test_other_loops(t):
    """Who drives coroutines without asyncio: the outermost one is the task."""
    program = t.file("own.py", """
import sys, types
sys.modules["curio"] = types.ModuleType("curio") # up to 3.10 only known loops are looked for
import time
@types.coroutine
def switch():
    yield
def work(n):
    return sum(range(n))
class Server:
    async def fetch(self):
        for _ in range(2000):
            work(2000)
            await switch()
async def parse():
    for _ in range(2000):
        work(2000)
        await switch()
time.sleep(0.4)
tasks = [Server().fetch(), parse()]
while tasks:
    for task in list(tasks):
        try:
            task.send(None)
        except StopIteration:
            tasks.remove(task)
""")
    run = t.command([t.python, program], ["-r", "1000"])
    seen = set()
    for sample in samples(t, run):
        functions = {frame["function"] for frame in sample["stack"]}
        want = ("Server.fetch" if functions & {"Server.fetch", "fetch"} else
                "parse" if "parse" in functions else None)
        assert sample["task"] == want, sample
        seen.add(want)
    assert {"Server.fetch", "parse"} <= seen, seen


def test_a_name_for_each_request(t):
    """What a program calls its requests does not fill the trace."""
    program = t.file("requests.py", """
import asyncio
async def request():
    await asyncio.sleep(0)
    sum(range(30000))
async def main():
    for i in range(4000):
        task = asyncio.ensure_future(request())
        task.set_name(f"request {i}")
        await task
asyncio.run(main())
""")
    run = t.command([t.python, program], ["-r", "5000"])
    names = {row["task"] for row in t.rows("tasks", run.trace)}
    assert len(names) <= 512 + 4, len(names)
    assert "request" in names or len(names) < 512, sorted(names)[:5]
