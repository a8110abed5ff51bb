# SPDX-License-Identifier: MIT
"""compare: what tracers say of samples/fib.py, beside what was sampled; and what they get wrong."""
import json
import os
import pathlib
import subprocess

from e2e import Skip, near, wide
from basics import source_line

N = 25
CALLS = 242785  # of fib(25): 2 * fib(26) - 1


def few(t):
    if t.version[:2] not in ((3, 8), (3, 11), (3, 14)):
        raise Skip("3.8, 3.11 and 3.14 will do")


def compare(t, *words):
    return json.loads(t.analyze("compare", "--format", "json", *words))


def row_of(rows, name):
    found = [row for row in rows if row["function"] == name]
    assert len(found) == 1, (name, [row["function"] for row in rows])
    return found[0]


def read_pstats(t, path):
    """{name: (calls, own seconds with what is not Python, cumulative)} by Python itself."""
    script = """import json, marshal, sys
stats = marshal.load(open(sys.argv[1], "rb"))
own = {}
for (file, line, name), (cc, nc, tt, ct, callers) in stats.items():
    own.setdefault(name, [0, 0, 0])
    own[name][0] += nc
    own[name][1] += tt
    own[name][2] += ct
    for caller, numbers in callers.items():
        if file == "~":
            own.setdefault(caller[2], [0, 0, 0])[1] += numbers[2]
print(json.dumps(own))"""
    done = subprocess.run([t.python, "-c", script, path], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def record_fib(t, n=29):
    return t.record(t.sample("fib.py"), str(n), rate=2000).trace


def test_cprofile(t):
    trace, path = record_fib(t), str(t.dir / "fib.pstats")
    subprocess.run([t.python, "-m", "cProfile", "-o", path, t.sample("fib.py"), str(N)],
                   capture_output=True, check=True)
    rows, wanted = compare(t, trace, path), read_pstats(t, path)
    functions = t.rows("functions", trace, "--merge-threads")
    total = sum(row["cpu_time"] for row in functions)
    functions = {row["function"]: row for row in functions}
    for name in ("fib", "fib2", "<module>"):
        # several modules are in the trace, but one of the name is in the file
        row = [row for row in rows if row["function"] == name and row["calls"]][0]
        calls, own, cum = wanted[name]
        assert row["calls"] == calls and row["callee"] == "python", row
        near(row["traced"], own, absolute=1e-8, what=f"own time of {name}")
        near(row["traced_cum"], cum, absolute=1e-8, what=f"cumulative time of {name}")
        if name != "<module>":
            near(row["sampled"], functions[name]["cpu_time"], absolute=1e-8, what=name)
            near(row["sampled_share"], row["sampled"] / total, absolute=1e-5, what=name)
    assert row_of(rows, "fib")["calls"] == CALLS, row_of(rows, "fib")
    shares = [row["traced_share"] for row in rows if row["callee"] == "python"]
    near(sum(share for share in shares if share), 1, absolute=0.1, what="all shares")
    # what the tracer took for its calls of append and pop is beside the lines that call them
    lines = t.rows("lines", trace, "--merge-threads")
    start = source_line(t.sample("fib.py"), "def fib2")
    for name, text in (("append", "stack.append"), ("pop", "n = stack.pop")):
        row = [row for row in rows if f"'{name}'" in row["function"]][0]
        assert row["calls"] == CALLS - (name == "append") and row["callee"] == "not python", row
        first = source_line(t.sample("fib.py"), text, start)
        numbers = (first, first + 1) if name == "append" else (first,)
        seen = 0
        for line in lines:
            if line["function"] == "fib2" and line["line"] in numbers:
                seen += line["cpu_time"]
        near(row["sampled"], seen, absolute=1e-8, what=f"lines that call {name}")
    # most distorted first, and what is not known has no difference
    known = [abs(row["traced_share"] - row["sampled_share"]) for row in rows
             if row["callee"] == "python" and row["traced_share"] is not None and
             row["sampled_share"] is not None]
    assert known == sorted(known, reverse=True), known


def test_tracer_costs(t):
    """The same work: every call cost more under the tracer."""
    trace, path = record_fib(t, N), str(t.dir / "fib.pstats")
    subprocess.run([t.python, "-m", "cProfile", "-o", path, t.sample("fib.py"), str(N)],
                   capture_output=True, check=True)
    rows = compare(t, trace, path)
    for name in ("fib", "fib2"):
        assert 0 < row_of(rows, name)["call_cost"] < 20, row_of(rows, name)


def yappi_profiles(t, n, builtins=False):
    script = t.file("traced.py", """import sys, yappi
path, n, builtins = sys.argv[1:]
sys.argv = ["fib.py", n]
code = compile(open(path).read(), path, "exec")
yappi.set_clock_type("cpu")
yappi.start(builtins=builtins == 'True')
exec(code, {"__name__": "__main__"})
yappi.stop()
stats = yappi.get_func_stats()
stats.save("fib.pstat", type="pstat")
stats.save("fib.callgrind", type="callgrind")
""")
    if subprocess.run([t.python, "-c", "import yappi"], capture_output=True).returncode:
        raise Skip("no yappi for this interpreter (python3-yappi)")
    subprocess.run([t.python, script, t.sample("fib.py"), str(n), str(builtins)], cwd=t.dir, capture_output=True,
                   check=True)
    return str(t.dir / "fib.pstat"), str(t.dir / "fib.callgrind")


def true_share(t):
    """fib's share of both, by the thread's own clock, traced and recorded by nobody."""
    script = """import sys, time
names = {}
exec(open(sys.argv[1]).read().partition("n = int(")[0], names)
def cost(name):
    best = 1e9
    for _ in range(5):
        start = time.thread_time()
        names[name](25)
        best = min(best, time.thread_time() - start)
    return best
fib, fib2 = cost("fib"), cost("fib2")
print(fib / (fib + fib2))"""
    done = subprocess.run([t.python, "-c", script, t.sample("fib.py")], capture_output=True,
                          text=True, check=True)
    return float(done.stdout)


@wide
def test_yappi(t):
    """yappi charges recursion for its own cost, and loses append and pop; samples do neither."""
    for _ in range(5):  # where others use the caches, one of the two functions is slowed down more
        before = true_share(t)
        pstat, callgrind = yappi_profiles(t, N)
        trace, truth = record_fib(t, 30), true_share(t)
        if abs(before - truth) < 0.02:
            break
    else:
        raise Skip("the two functions' shares are not the same for as long as this takes")
    for path in (pstat, callgrind):
        rows = compare(t, trace, path)
        fib, fib2 = row_of(rows, "fib"), row_of(rows, "fib2")
        assert fib["calls"] == CALLS, fib  # Python's pstats would say 1 of yappi's file
        sampled = fib["sampled"] / (fib["sampled"] + fib2["sampled"])
        traced = fib["traced"] / (fib["traced"] + fib2["traced"])
        assert abs(sampled - truth) < abs(traced - truth), (truth, sampled, traced)
        near(sampled, truth, absolute=0.08, what="fib's share as sampled")
        assert fib["ratio"] > 1.1 > 0.95 > fib2["ratio"], (fib, fib2)
        assert rows[0]["function"] in ("fib", "fib2"), rows[0]
    text = t.analyze("compare", trace, pstat)
    assert "in each other's place" in text and "in no function's own time" in text, text
    cum = {path: row_of(compare(t, trace, path), "fib2") for path in (pstat, callgrind)}
    # the callgrind file of yappi has nothing of what append and pop took, the pstat in cum only
    assert cum[callgrind]["traced_cum"] < 0.8 * cum[pstat]["traced_cum"], cum


def test_yappi_builtins(t):
    """Asked to, yappi traces append and pop; both of its files say the same then."""
    profiles = yappi_profiles(t, 20, builtins=True)
    trace = record_fib(t, 22)
    tables = [compare(t, trace, path) for path in profiles]
    for name in ("fib", "fib2"):
        pstat, callgrind = (row_of(rows, name) for rows in tables)
        near(pstat["traced"], callgrind["traced"], relative=0.02, absolute=1e-5, what=name)
    for name, calls in (("append", 21890), ("pop", 21891)):
        pstat, callgrind = ([row for row in rows if f"'{name}'" in row["function"]][0]
                            for rows in tables)
        assert pstat["calls"] == callgrind["calls"] == calls, (pstat, callgrind)
        assert pstat["callee"] == callgrind["callee"] == "not python", (pstat, callgrind)
        near(pstat["traced"], callgrind["traced"], relative=0.02, absolute=1e-5, what=name)
    assert "in no function's own time" not in t.analyze("compare", trace, profiles[0])


def test_profile_module(t):
    """`python -m profile` has a code object in its file, and takes it for a function."""
    trace, path = record_fib(t, 22), str(t.dir / "fib.pstats")
    subprocess.run([t.python, "-m", "profile", "-o", path, t.sample("fib.py"), "12"],
                   capture_output=True, check=True)
    rows = compare(t, trace, path)
    assert row_of(rows, "fib")["calls"] == 465 and row_of(rows, "fib2")["calls"] == 1, rows
    assert row_of(rows, "fib")["sampled"] > 0, rows
    code = [row for row in rows if row["function"].startswith("<code object ")]
    assert len(code) == 1 and code[0]["callee"] == "not python", code


def test_paths(t):
    """A file is the same however it was called."""
    few(t)
    (t.dir / "sub").mkdir()
    (t.dir / "progs").mkdir()
    program = pathlib.Path(t.file("progs/fib.py", pathlib.Path(t.sample("fib.py")).read_text()))
    trace = t.record(str(t.dir / "sub" / ".." / "progs" / "." / "fib.py"), "22", rate=1000).trace
    for cwd, name in ((t.dir, "progs/fib.py"), (t.dir, "./progs/fib.py"), (t.dir / "sub",
                      "../progs/fib.py"), (t.dir / "progs", "fib.py"), (t.dir, str(program))):
        path = str(t.dir / "fib.pstats")
        subprocess.run([t.python, "-m", "cProfile", "-o", path, name, "15"], cwd=cwd,
                       capture_output=True, check=True)
        row = row_of(compare(t, trace, path), "fib")
        assert row["calls"] == 1973 and row["sampled"] > 0, (name, row)


def test_not_the_same_program(t):
    few(t)
    trace, path = record_fib(t, 22), str(t.dir / "other.pstats")
    other = t.file("other.py", "def work():\n    return sum(range(100))\nfor i in range(9999): work()\n")
    subprocess.run([t.python, "-m", "cProfile", "-o", path, other], capture_output=True, check=True)
    assert "are they of the same program?" in t.analyze("compare", trace, path)
    subprocess.run([t.python, "-m", "cProfile", "-o", path, t.sample("fib.py"), "12"],
                   capture_output=True, check=True)
    assert "same program" not in t.analyze("compare", trace, path)


def test_what_it_is_instead(t):
    """A file of another kind is called what it is, in one line."""
    few(t)
    trace = record_fib(t, 20)
    exports = {name: str(t.dir / f"x.{name}") for name in ("pprof", "callgrind", "speedscope", "svg")}
    for name, path in exports.items():
        t.analyze("export", "--format", name, "-o", path, trace)
    kinds = [(trace, "pyanalyze diff"), (exports["pprof"], "gzip"), (exports["callgrind"], "diff"),
             (exports["speedscope"], "JSON"), (exports["svg"], "XML"),
             (t.file("empty", ""), "nothing in it"), (t.file("list.json", "[1, 2]\n"), "JSON"),
             (t.file("said.pstats", "pygame 2.5.2 (SDL 2.28.2)\nHello\n"), "pygame 2.5.2"),
             (t.file("hotshot", "\x00\x0ehotshot-version\x031.0"), "hotshot"),
             (t.file("printed", "         465 function calls in 0.0 seconds\n\n   ncalls\n"),
              "what pstats prints"),
             (t.file("ir.callgrind", "events: Ir\nfn=main\n1 2\n"), "Ir"),
             (str(t.dir), "not a plain file"), (str(t.dir / "missing"), "No such file")]
    for path, word in kinds:
        done = subprocess.run([t.pyanalyze, "compare", trace, path], capture_output=True, text=True)
        assert done.returncode == 1 and not done.stdout, (path, done)
        line, = done.stderr.splitlines()
        assert path in line and word in line, (word, line)


def test_no_file_is_waited_for(t):
    """A FIFO that has the name of a source in the trace is let alone; one that is named is read."""
    few(t)
    text = "def add(n):\n    out = []\n    for i in range(n):\n        out.append(i)\n" \
        "for _ in range(300): add(2000)\n"
    program, path = t.file("prog.py", text), str(t.dir / "prog.pstats")
    trace = t.record(program, rate=1000).trace
    subprocess.run([t.python, "-m", "cProfile", "-o", path, program], capture_output=True, check=True)
    known, = [row for row in compare(t, trace, path) if "'append'" in row["function"]]
    os.unlink(program)
    os.mkfifo(program)
    blind, = [row for row in compare(t, trace, path) if "'append'" in row["function"]]
    assert known["sampled"] is not None and blind["sampled"] is None, (known, blind)
    done = subprocess.run(["bash", "-c", f"'{t.pyanalyze}' compare '{trace}' <(cat '{path}')"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "prog.py:1" in done.stdout, done


def test_yappi_threads(t):
    """yappi's callgrind of threads names some callees nowhere; the rest is read."""
    if subprocess.run([t.python, "-c", "import yappi"], capture_output=True).returncode:
        raise Skip("no yappi for this interpreter (python3-yappi)")
    program = t.file("leaves.py", """import sys, threading
def leaf(n): return sum(range(n))
def a(): [leaf(1000) for _ in range(50)]
def b(): [leaf(1000) for _ in range(50)]
def main():
    ts = [threading.Thread(target=f) for f in (a, b)]
    [t.start() for t in ts]
    [t.join() for t in ts]
if len(sys.argv) > 1:
    import yappi
    yappi.start()
    main()
    yappi.stop()
    yappi.get_func_stats().save(sys.argv[1], "callgrind")
else:
    for _ in range(100):
        main()
""")
    path = str(t.dir / "leaves.callgrind")
    trace = t.record(program, rate=1000).trace
    subprocess.run([t.python, program, path], check=True)
    rows = compare(t, trace, path)
    leaf = [row for row in rows if row["function"] == "leaf" and row["traced"]]
    assert leaf and sum(row["calls"] or 0 for row in leaf) > 0, rows


def test_damaged(t):
    few(t)
    trace, path = record_fib(t, 22), str(t.dir / "fib.pstats")
    subprocess.run([t.python, "-m", "cProfile", "-o", path, t.sample("fib.py"), "10"],
                   capture_output=True, check=True)
    with open(path, "rb") as file:
        data = file.read()
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        broken = t.dir / "broken.pstats"
        broken.write_bytes(data[:cut])
        done = subprocess.run([t.pyanalyze, "compare", trace, str(broken)], capture_output=True,
                              text=True)
        assert done.returncode == 1 and str(broken) in done.stderr, (cut, done)
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_styles(t):
    """The tables of cProfile and yappi have the numbers of our own, each by its clock."""
    few(t)
    trace = record_fib(t, 27)
    own = {(row["file"], row["line"], row["function"]): row
           for row in t.rows("functions", trace, "--merge-threads")}
    for style, name, self, cum, metric in (("cprofile", "stdname", "tottime", "cumtime", "wall"),
                                           ("yappi", "name", "tsub", "ttot", "cpu_time")):
        rows = t.rows("functions", trace, "--merge-threads", "--style", style)
        assert len(rows) == len(own), (len(rows), len(own))
        for (file, line, function), row in own.items():
            called = f"{file}:{line}({function})" if style == "cprofile" else \
                f"{file}:{line} {function}"
            shown = [other for other in rows if other[name] == (called if file else function)]
            assert len(shown) == 1, (called, shown)
            near(shown[0][self], row[metric], absolute=1e-9, what=called)
            near(shown[0][cum], row[metric + "_cum"], absolute=1e-9, what=called)
        calls = "ncalls" if style == "cprofile" else "ncall"
        assert all(row[calls] is None for row in rows), rows
        order = [row["tottime" if style == "cprofile" else "ttot"] for row in rows]
        assert order == sorted(order, reverse=True), order
