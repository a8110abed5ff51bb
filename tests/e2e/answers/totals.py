# SPDX-License-Identifier: MIT
"""Tables say what their 100 % leaves out: programs whose CPU is known, by their own clock."""
import re
import subprocess

from e2e import near, wide
from thread_kinds import NATIVE, NATIVE_HEAD

# Every program says at its end what the kernel counted of it so far.
USED = "import resource as _r; _u = _r.getrusage(_r.RUSAGE_SELF); print(_u.ru_utime + _u.ru_stime)\n"

BURN = ("import threading, time\n"
        "def burn(seconds):\n"
        "    end = time.thread_time() + seconds\n"
        "    while time.thread_time() < end: pass\n")

TABLES = ["lines", "functions", "files", "modules", "tree", "hot"]


def missing(text):
    """(seconds, share, the rest of the line) that a table says to be in none of its rows."""
    found = re.search(r"^In no row: ([0-9.]+) s of CPU, ([0-9.]+)% of what the process(?:es)? "
                      r"used(.*)$", text, re.M)
    return (float(found.group(1)), float(found.group(2)) / 100, found.group(3)) if found else None


def used(run):
    return float(run.out.split()[-1])


def check_whole(t, run):
    """processes and timeline have what the kernel counted, but for what the recorder's thread took."""
    row, = t.rows("processes", run.trace)
    total = sum(row["cpu_time"] or 0 for row in t.rows("timeline", run.trace))
    sampler = t.info(run.trace)["cost"][0]["sampler_cpu"]  # more where others use the caches, too
    near(row["cpu_time"] + sampler, used(run), 0.03, 0.05, "processes")
    near(total + sampler, used(run), 0.1, 0.1, "timeline")
    return row


@wide
def test_native_pool(t):
    """Two threads of C do nearly everything: said under every table, and in the totals."""
    script = NATIVE_HEAD + BURN + (
        "def solve():\n"
        "    jobs = [start(None, 0.3) for _ in range(2)]\n"
        "    for job in jobs: lib.finish(job)\n"
        "for _ in range(2):\n"
        "    burn(0.05)\n"
        "    solve()\n") + USED
    run = t.record("-c", script, t.library("native", NATIVE))
    row = check_whole(t, run)
    assert row["cpu_time"] > 1.2, row
    assert row["other_cpu"] > 1.1, row
    for table in TABLES:
        seconds, share, rest = missing(t.analyze(table, run.trace))
        near(seconds, row["other_cpu"], 0.05, 0.05, table)
        near(share, seconds / row["cpu_time"], 0.02, 0.02, table)
        assert rest.endswith("see threads; pyrec --native samples those that run no Python."), rest
    for words in (["callers", "burn"], ["callees", "burn"]):
        assert missing(t.analyze(*words, run.trace)), words
    assert "other CPU" in t.analyze("timeline", run.trace)
    ranged = missing(t.analyze("lines", "--from", "0.1", run.trace))
    assert ranged and "from start to end" in ranged[2], ranged
    assert missing(t.analyze("lines", "--thread", "MainThread", run.trace)) is None
    sides = re.findall(r"^In no row of ([AB]): ([0-9.]+) s of CPU, [0-9.]+% of",
                       t.analyze("diff", run.trace, run.trace), re.M)
    assert [side for side, _ in sides] == ["A", "B"], sides
    near(float(sides[0][1]), row["other_cpu"], 0.05, 0.05, "diff")
    assert "In no row of" not in t.analyze("diff", "-t", "MainThread", run.trace, run.trace)
    profile = str(t.dir / "burn.pstats")
    subprocess.run([t.python, "-m", "cProfile", "-o", profile, t.file("burn.py", BURN + "burn(0.1)")],
                   check=True, capture_output=True)
    assert missing(t.analyze("compare", run.trace, profile))


def test_short_threads(t):
    """A thread per request, each too short to be looked at."""
    script = BURN + ("for _ in range(400):\n"
                     "    thread = threading.Thread(target=burn, args=(0.002,))\n"
                     "    thread.start()\n"
                     "    thread.join()\n") + USED
    run = t.record("-c", script, rate=50)
    row = check_whole(t, run)
    seen = sum(r["cpu_time"] for r in t.rows("lines", run.trace, "--merge-threads"))
    seconds, share, rest = missing(t.analyze("lines", "--merge-threads", run.trace))
    near(seen + seconds, row["cpu_time"], 0.05, 0.03, "table and the line below it")
    assert "ended unseen" in rest and share > 0.2, (share, rest)


def test_how_it_ended(t):
    """A large memory is given back when it ends, by no thread: none is shown that there was not."""
    script = BURN + "memory = [bytes(1000) for _ in range(300000)]\nburn(0.3)\n"
    for end in ("import os; os._exit(0)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ""):
        run = t.record("-c", script + end, ok=False)
        rows = t.rows("threads", run.trace)
        assert [row["thread"] for row in rows] == ["MainThread"], (end, rows)


def test_nothing_missing(t):
    """One thread, all of it Python: there is nothing to say."""
    run = t.record("-c", BURN + "burn(1)\n" + USED)
    check_whole(t, run)
    for table in TABLES:
        text = t.analyze(table, run.trace)
        assert missing(text) is None, text
        assert "<truncated>" not in text and "could not be read" not in text, text


def test_cut_stacks(t):
    """Frames that were not kept: how many samples, and what to ask for instead."""
    script = ("import sys\nsys.setrecursionlimit(5000)\n" + BURN +
              "def down(n):\n"
              "    if n: down(n - 1)\n"
              "    else: burn(0.5)\n"
              "down(1500)\n")
    run = t.record("-c", script)
    for table in TABLES:
        said = re.search(r"^Of (\d+) samples (\d+) \(.*innermost 1024 frames.*--max-depth (\d+)",
                         t.analyze(table, run.trace), re.M)
        rows = t.rows("functions", run.trace)
        cut = sum(row["samples_cum"] for row in rows if row["function"] == "<truncated>")
        assert said and int(said.group(2)) == cut > 100, (table, said, cut)
    deeper = t.record("-c", script, options=["--max-depth", said.group(3)])
    assert "<truncated>" not in t.analyze("functions", deeper.trace)


def parts(t, trace):
    """What <no Python frames> was: in all, before the program, after it, between."""
    found = re.search(r"^<no Python frames>, wall ([0-9.]+): ([0-9.]+) before .* ([0-9.]+) after .*"
                      r" ([0-9.]+) in between", t.analyze("functions", "--by", "wall", trace), re.M)
    return [float(n) for n in found.groups()] if found else None


@wide
def test_compiling(t):
    """A long script is compiled before its first frame; behind those of the start, if one of them was sampled."""
    script = t.file("long.py", "def f():\n" + "    x = [1, 2, (3, 4), 'a' + 'b']\n" * 40000 + BURN + "burn(0.1)\n")
    run = t.record(script)
    whole, before, after, between = parts(t, run.trace)
    compiling = max(before, between)        # one stretch: it is all of it on one side of the first sample
    assert compiling > 0.6 * whole and compiling > 0.05, (whole, before, after, between)
    near(before + after + between, whole, 0, 0.002, "sum of the parts")
    unseen = t.record(t.file("short.py", "def f():\n" + "    x = [1, 2, (3, 4), 'a' + 'b']\n" * 40000))
    text = t.analyze("functions", "--by", "wall", unseen.trace)
    assert "in between" in text or "of which neither is known" in text, text


@wide
def test_freeing(t):
    """What a large heap takes at the end is the end; and a range of time does not know."""
    script = ("x = [(str(i), [i]) for i in range(1500000)]\n")
    run = t.record("-c", script)
    whole, before, after, between = parts(t, run.trace)
    assert after > 0.5 * whole and after > 0.05, (whole, before, after, between)
    near(before + after + between, whole, 0, 0.002, "sum of the parts")
    text = t.analyze("functions", "--by", "wall", "--from", "0.05", run.trace)
    assert "of which neither is known" in text, text
