# SPDX-License-Identifier: MIT
"""Whole profiles of real programs: all formats say the same, whatever the names are."""
import json
import pathlib
import subprocess

import export_check
import export_graphs
from e2e import ROOT
from export_made import Maker, check_graphs, check_times, check_trees

# Functions whose names and files are chosen to break formats; each is busy for a while.
HOSTILE = r'''
import sys, time
names = ['"quoted" \\ \'single\'', 'line\nbreak\r\ttab', '\x01\x1b[31m\x7f\x9b', 'wrong \udcff\ud800',
         '</script>]]>&amp;<!--', ' ; a;b ;', '(1) fn=(2)', '\u2028\u202e\ufeff\uffff', '%s%n{0}',
         '\U0001f40d', 'n' * 100000]
def busy(seconds):
    end = time.process_time() + seconds
    n = 0
    while time.process_time() < end:
        n += 1
    return n
def call(rest):
    if not rest:
        return busy(0.03)
    code = busy_and_call.__code__.replace(co_name=rest[0], co_filename=rest[-1] + '.py')
    if sys.version_info >= (3, 11):
        code = code.replace(co_qualname=rest[0])
    return type(call)(code, globals())(rest[1:])
def busy_and_call(rest):
    busy(0.01)
    return call(rest)
for first in range(0, len(names), 3):
    call(names[first:] + names[:first])
'''


def interpreters(t):
    """All that are here."""
    lines = subprocess.run([ROOT / "tests" / "interpreters.sh", t.build], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    assert lines
    return [line.split()[1] for line in lines]


def test_formats_agree(t):
    """Every format has the samples, seconds and calls that the tables have."""
    run = t.record(t.sample("threads.py"), "0.8", rate=500)
    maker = Maker(t.pyanalyze, run.trace, pathlib.Path(t.dir))
    for by in ("samples", "cpu", "gil_wait"):
        table = check_trees(maker, by, [])
        check_graphs(maker, by, [])
    assert {thread for thread, _ in table} >= {"burn-1", "burn-2", "burn-3"}, "no GIL was waited for"
    check_trees(maker, "wall", ["--thread", "burn-*", "--from", "0.2"])


def test_recursion_in_graphs(t):
    """A recursive function weighs what it weighs, once, in pstats and callgrind."""
    run = t.record(t.sample("fib.py"), "26", rate=500)
    maker = Maker(t.pyanalyze, run.trace, pathlib.Path(t.dir))
    check_graphs(maker, "samples", [])
    check_times(maker, late=2 / 500)  # later it is another tick
    functions = maker.rows("functions")
    path = maker.file("fib.pstats", maker.run("export", "--format", "pstats"))
    for python in interpreters(t):
        export_graphs.check_pstats(path, functions, "cpu", python)
    path = maker.file("fib.callgrind", maker.run("export", "--format", "callgrind"))
    if not export_graphs.callgrind_annotate(str(path), functions, "samples"):
        print("  callgrind_annotate skipped: it is not installed")


def test_hostile_names(t):
    """Names that no format is safe from come through all of them."""
    program = t.file("hostile.py", HOSTILE)
    run = t.record(program, rate=1000, env={"PYTHONIOENCODING": "utf-8:surrogatepass"})
    maker = Maker(t.pyanalyze, run.trace, pathlib.Path(t.dir))
    table = check_trees(maker, "samples", [])
    check_graphs(maker, "samples", [])
    check_trees(maker, "cpu", [])
    names = {frame[0] for _, stack in table for frame in stack}
    for name in ('"quoted" \\ \'single\'', "</script>]]>&amp;<!--", " ; a;b ;", "(1) fn=(2)",
                 "%s%n{0}", "\U0001f40d", "line\nbreak\r\ttab", "\u2028\u202e\ufeff\uffff"):
        assert name in names, (name, sorted(name[:50] for name in names))
    assert any(name.startswith("n" * 1000) for name in names), "the long name"
    assert any(name.startswith("wrong ") for name in names), "the name that is no UTF-8"


def test_failed_export_leaves_nothing(t):
    """What cannot be read or written leaves the file that was there."""
    out = pathlib.Path(t.file("out.svg", "what was there"))
    for trace in (t.file("text.trace", "no trace"), str(t.dir / "missing.trace")):
        t.analyze("export", "--format", "svg", "-o", str(out), trace, ok=(1,))
    assert out.read_text() == "what was there"
    run = t.record("-c", "sum(i * i for i in range(3000000))")
    t.analyze("export", "--format", "svg", "-o", str(out), run.trace)
    assert out.read_text().startswith("<?xml")
    assert len(json.loads(t.analyze("export", "--format", "json", run.trace))) > 0
    assert sorted(p.suffix for p in t.dir.iterdir()) == [".svg", ".trace", ".trace"]
    assert export_check.strict_json(t.analyze("export", "--format", "gecko",
                                              run.trace).encode())["threads"]
