# SPDX-License-Identifier: MIT
"""Trees, callers, annotated source and ranges of a real program whose shares are known."""
import json

from e2e import near

PROGRAM = '''\
import json, time

spent = {"heavy": 0.0, "light": 0.0, "deep": 0.0}


def spin(name, cpu):
    start = now = time.thread_time()
    while now - start < cpu:
        sum(range(200))
        now = time.thread_time()
    spent[name] += now - start
    return now


def heavy():
    return spin("heavy", 0.006)


def light():
    return spin("light", 0.002)


def both():
    return heavy() + light()


def deep(n):
    return deep(n - 1) if n > 0 else spin("deep", 0.002)


while sum(spent.values()) < 1.5:
    both()
    deep(5)
time.sleep(0.3)
print(json.dumps(spent))
'''


def line_of(text):
    """The number of the first line with that text."""
    lines = PROGRAM.splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


def by_function(rows):
    return {row["function"]: row for row in rows}


def record(t):
    path = t.file("parts.py", PROGRAM)
    run = t.record(path, rate=1000)
    spent = json.loads(run.out)
    total = sum(spent.values())
    return run.trace, {name: seconds / total for name, seconds in spent.items()}


def check_calls(t, trace, shares):
    """What a function takes is what it spent, from above and from below, recursion once."""
    tree = by_function(t.rows("tree", trace, "--merge-threads", "--match", "spin"))
    callees = by_function(t.rows_of("callees", "both", trace))
    callers = t.rows_of("callers", "spin", trace)
    for name in ("heavy", "light", "deep"):
        row = tree[name]
        near(row["share_cum"], shares[name], absolute=0.03, what=f"tree {name}")
    assert tree["deep"]["samples_cum"] > 0 and "both" in tree
    near(tree["both"]["share_cum"], shares["heavy"] + shares["light"], absolute=0.03, what="both")
    near(callees["heavy"]["cpu_time_cum"] / callees["both"]["cpu_time_cum"],
         shares["heavy"] / (shares["heavy"] + shares["light"]), absolute=0.04, what="callees")
    first = callers[0]
    assert first["function"] == "spin" and first["depth"] == 0, first
    below = [row for row in callers if row["depth"] == 1]
    assert {row["function"] for row in below} == {"heavy", "light", "deep"}, below
    near(sum(row["cpu_time_cum"] for row in below), first["cpu_time_cum"], absolute=1e-6,
         what="callers add up")
    assert sum(row["function"] == "deep" for row in callers) == 1, callers
    levels = t.rows_of("callers", "spin", trace, "--levels")
    assert sum(row["function"] == "deep" for row in levels) == 6, levels


def check_annotate(t, trace, shares):
    """The line of both() is told apart into its two calls, where the interpreter says which."""
    rows = t.rows_of("annotate", str(t.dir / "parts.py"), trace, "--match", "spin")
    number = line_of("return heavy() + light()")
    line = [row for row in rows if row["line"] == number]
    assert line and line[0]["column"] is None and "heavy() + light()" in line[0]["source"], rows
    near(line[0]["share_cum"], shares["heavy"] + shares["light"], absolute=0.03, what="line")
    text = t.analyze("annotate", str(t.dir / "parts.py"), trace)
    assert "not what was recorded" not in text and "Without its source" not in text, text
    if t.version < (3, 11):
        assert all(row["column"] is None for row in rows), rows
        return
    source = PROGRAM.splitlines()[number - 1]
    for name in ("heavy", "light"):
        call = name + "()"
        column = source.index(call) + 1
        part = [row for row in line if row["column"] == column
                and row["end_column"] == column + len(call)]
        assert len(part) == 1, (name, line)
        near(part[0]["share_cum"], shares[name], absolute=0.03, what=name)
    assert "^" * len("heavy()") in text, text


def check_ranges(t, trace):
    """Two ranges that meet are the whole; the sleep at the end is in the last one."""
    whole = t.rows("threads", trace, "-t", "MainThread")[0]
    parts = [t.rows("threads", trace, "-t", "MainThread", *words)[0]
             for words in (("--to", "0.9345"), ("--from", "0.9345"))]
    for name in ("samples", "ticks"):
        assert parts[0][name] + parts[1][name] == whole[name], (name, parts, whole)
    for name in ("wall", "cpu_time", "on_cpu", "blocked"):
        near(parts[0][name] + parts[1][name], whole[name], absolute=2e-6, what=name)
    end = t.rows("threads", trace, "-t", "MainThread", "--from", "-100ms")
    assert end == [] or end[0]["wall"] < 0.5, end
    asleep = t.rows("lines", trace, "-t", "MainThread", "--state", "blocked", "--by", "wall")
    assert asleep[0]["line"] == line_of("time.sleep(0.3)"), asleep
    near(asleep[0]["wall"], 0.3, relative=0.5, what="asleep")


def test_explore(t):
    """All of it on one recording."""
    trace, shares = record(t)
    check_calls(t, trace, shares)
    check_annotate(t, trace, shares)
    check_ranges(t, trace)
