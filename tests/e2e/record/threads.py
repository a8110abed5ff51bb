# SPDX-License-Identifier: MIT
"""Every thread: many, short, nameless, foreign, deep, blocked; whatever runs is what is shown."""
import subprocess

from e2e import Skip, function_of, wide

# `spin` is seen for as long, however many want the CPU: its seconds are of CPU.
HEAD = ("import os, sys, threading, time\n"
        "def spin(seconds=0.3):\n"
        "    end = time.thread_time() + seconds\n"
        "    while time.thread_time() < end: sum(range(200))\n")


def functions(t, trace, *options):
    """{function: ticks in which it was on the stack}, all threads and processes together."""
    found = {}
    for row in t.rows("functions", trace, "--merge-threads", *options):
        name = row["function"].split(".")[-1]
        found[name] = max(found.get(name, 0), row["ticks_cum"])
    return found


def threads(t, trace):
    """[rows of Python threads]"""
    return [row for row in t.rows("threads", trace) if row["kind"] == "python"]


def one(rows, name):
    rows = [row for row in rows if row["thread"] == name]
    assert len(rows) == 1, (name, rows)
    return rows[0]


def test_idle_and_busy(t):
    """1,000 threads that wait and one that works: all are there, and one has the time."""
    script = HEAD + ("threading.stack_size(128 * 1024)\n"
                     "stop = threading.Event()\n"
                     "idle = [threading.Thread(target=stop.wait, name=f'idle-{i}')\n"
                     "        for i in range(1000)]\n"
                     "for thread in idle: thread.start()\n"
                     "time.sleep(0.3)\n"
                     "busy = threading.Thread(target=spin, args=(1.5,), name='busy')\n"
                     "busy.start()\n"
                     "busy.join()\n"
                     "stop.set()\n"
                     "for thread in idle: thread.join()\n")
    run = t.record("-c", script, rate=500)
    rows = threads(t, run.trace)
    names = {row["thread"] for row in rows}
    assert {f"idle-{i}" for i in range(1000)} <= names, (len(names), sorted(names)[:5])
    busy = one(rows, "busy")
    assert busy["wall"] > 1.0 - t.unobserved(run.trace) and busy["on_cpu"] + busy["ready"] > 0.9 * busy["wall"], busy
    idle = [row for row in rows if row["thread"].startswith("idle-")]
    assert len(idle) == 1000
    awake = [row for row in idle  # all at once wait for the GIL when they are to end
             if row["blocked"] + row["gil_wait"] <= 0.9 * row["wall"] - 0.1]
    assert not awake, (len(awake), awake[:3])
    assert max(row["cpu_time"] for row in idle) < 0.3


def test_names(t):
    """Names given late, changed, not ASCII, and none at all."""
    script = HEAD + ("import _thread\n"
                     "def renamed():\n"
                     "    spin(0.5)\n"
                     "    threading.current_thread().name = 'after'\n"
                     "    spin(2.5)\n"
                     "thread = threading.Thread(target=renamed, name='before')\n"
                     "thread.start()\n"
                     "umlaut = threading.Thread(target=spin, args=(1,), name='\\u00fcml\\u00e4ut \\U0001f40d')\n"
                     "umlaut.start()\n"
                     "_thread.start_new_thread(spin, (1,))\n"
                     "thread.join(); umlaut.join()\n")
    run = t.record("-c", script)
    names = {row["thread"] for row in threads(t, run.trace)}
    assert "after" in names and "before" not in names, names
    assert "\u00fcml\u00e4ut \U0001f40d" in names and "MainThread" in names, names
    assert len(names) == 4, names


def test_names_of_many(t):
    """More than are looked at in one tick: all that are renamed are known by the new name."""
    script = HEAD + ("stop = threading.Event()\n"
                     "some = [threading.Thread(target=stop.wait, name=f'before-{i}') for i in range(300)]\n"
                     "for thread in some: thread.start()\n"
                     "time.sleep(0.5)\n"
                     "for i, thread in enumerate(some): thread.name = f'after-{i}'\n"
                     "time.sleep(5)\n"
                     "stop.set()\n"
                     "for thread in some: thread.join()\n")
    run = t.record("-c", script, rate=1000)
    names = {row["thread"] for row in threads(t, run.trace)}
    assert {f"after-{i}" for i in range(300)} <= names, sorted(names)


def test_deep_recursion(t):
    """10,000 deep: the stack is whole when asked for, else cut and marked."""
    script = HEAD + ("sys.setrecursionlimit(20000)\n"
                     "threading.stack_size(256 * 1024 * 1024)\n"
                     "def deep(n):\n"
                     "    if n: return deep(n - 1)\n"
                     "    spin(1.0)\n"
                     "thread = threading.Thread(target=deep, args=(10000,), name='deep')\n"
                     "thread.start()\n"
                     "thread.join()\n")
    run = t.record("-c", script, options=["--max-depth", "16000"])
    stacks = [frames for frames, weight in t.stacks(run.trace)
              if frames and function_of(frames[-1]) == "spin" and len(frames) > 9000]
    assert stacks, "no deep stack"
    assert all(sum(function_of(frame) == "deep" for frame in frames) == 10001
               for frames in stacks), [len(frames) for frames in stacks]
    row = [row for row in t.rows("functions", run.trace) if row["function"] == "deep"][0]
    assert 500 < row["ticks_cum"] <= one(threads(t, run.trace), "deep")["ticks"], row  # once in each, however deep
    run = t.record("-c", script)
    for frames, _ in t.stacks(run.trace):
        assert len(frames) <= 1025, len(frames)


def test_generators(t):
    """The stack of what runs: through generators, yield from, coroutines."""
    script = HEAD + ("def inner():\n"
                     "    for _ in range(20):\n"
                     "        spin(0.02)\n"
                     "        yield 1\n"
                     "def outer():\n"
                     "    yield from inner()\n"
                     "def consume():\n"
                     "    return sum(outer())\n"
                     "consume()\n")
    run = t.record("-c", script)
    seen = 0
    for frames, weight in t.stacks(run.trace):
        names = [function_of(frame) for frame in frames]
        if names and names[-1] == "spin":
            assert names[-4:] == ["consume", "outer", "inner", "spin"], names
            seen += weight
    assert seen > max(0, 100 - t.missed(run.trace)), seen


def check_left_and_right(t, script):
    """Who called leaf() is one of the two that take turns, and never both."""
    run = t.record("-c", script)
    counts = {"left": 0, "right": 0}
    for frames, weight in t.stacks(run.trace):
        names = [function_of(frame) for frame in frames]
        if names and names[-1] == "spin":
            assert names[-2] == "leaf" and names[-3] in counts, names
            assert names[-3] in names and not ("left" in names and "right" in names), names
            counts[names[-3]] += weight
    assert min(counts.values()) > max(0, 100 - t.missed(run.trace)), counts


def test_asyncio(t):
    """The frames of the task that runs."""
    script = HEAD + ("import asyncio\n"
                     "async def leaf(name):\n"
                     "    for _ in range(15):\n"
                     "        spin(0.01)\n"
                     "        await asyncio.sleep(0)\n"
                     "async def left(): await leaf('left')\n"
                     "async def right(): await leaf('right')\n"
                     "async def main():\n"
                     "    await asyncio.gather(left(), right(), left(), right())\n"
                     "asyncio.run(main())\n")
    check_left_and_right(t, script)


GREEN = HEAD + """
import {module}
def leaf():
    spin(0.01)
def left():
    for _ in range(30):
        leaf()
        {switch}
def right():
    for _ in range(30):
        leaf()
        {switch}
"""


def test_greenlet(t):
    if subprocess.run([t.python, "-c", "import greenlet"], capture_output=True).returncode:
        raise Skip("no greenlet for this interpreter")
    check_left_and_right(t, GREEN.format(module="greenlet", switch="hub.switch()") + """
hub = greenlet.getcurrent()
greens = [greenlet.greenlet(left), greenlet.greenlet(right)]
while any(not green.dead for green in greens):
    for green in greens:
        if not green.dead: green.switch()
""")


@wide
def test_gevent(t):
    if subprocess.run([t.python, "-c", "import gevent"], capture_output=True).returncode:
        raise Skip("no gevent for this interpreter")
    check_left_and_right(t, GREEN.format(module="gevent", switch="gevent.sleep(0)") +
                         "gevent.joinall([gevent.spawn(left), gevent.spawn(right)])\n")
