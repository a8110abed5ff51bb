# SPDX-License-Identifier: MIT
"""Whole profiles of real programs: all formats say the same, whatever the names are."""
import json
import pathlib
import shutil
import subprocess

import export_check
import export_graphs
from e2e import ROOT, near, wide
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


# Functions that call each other in a circle, by two ways.
CIRCLE = r"""
import time
def work():
    sum(range(2000))
def first(depth):
    work()
    if depth:
        left(depth - 1)
        right(depth - 1)
def left(depth):
    back(depth)
def right(depth):
    back(depth)
def back(depth):
    work()
    first(depth)
end = time.thread_time() + 0.4
while time.thread_time() < end:
    first(3)
"""


@wide
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
    run = t.record(t.file("circle.py", CIRCLE), rate=500)
    maker = Maker(t.pyanalyze, run.trace, pathlib.Path(t.dir))
    check_graphs(maker, "samples", [])
    path = maker.file("circle.callgrind", maker.run("export", "--format", "callgrind"))
    if shutil.which("gprof2dot"):
        subprocess.run(["gprof2dot", "-f", "callgrind", path], stdout=subprocess.DEVNULL, check=True)


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


# Functions of one name in files of different names, and of the same; a thread that begins late.
SAME_NAMES = r"""
import importlib.util, sys, threading, time
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
first, second, third, fourth = (load(f"m{i}", path) for i, path in enumerate(sys.argv[1:]))
first.run(0.2)
second.run(0.4)
third.run(0.1)
fourth.run(0.3)
time.sleep(0.3)
late = threading.Thread(target=first.run, args=(0.1,), name="late")
late.start()
late.join()
"""
ONE_OF_THEM = r"""
import time
def busy(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(300))
def run(seconds):
    busy(seconds)
"""


def joined_by_name(t, trace):
    """What those make of it who take functions of the same name for one, by cumulative samples."""
    graph = export_graphs.callgrind(t.analyze("export", "--format", "callgrind",
                                              trace).encode(), "samples")
    callgrind, pprof = {}, {}
    for (_, name), weight in graph[2].items():
        export_check.add(callgrind, name, weight)
    profile = export_check.protoc_decode(subprocess.run(
        [t.pyanalyze, "export", "--format", "pprof", trace], capture_output=True, check=True).stdout)
    texts, number = profile["string_table"], export_check.number
    names = {number(f, "id"): texts[number(f, "name")] for f in profile["function"]}
    functions = {number(place, "id"): names[number(place["line"][0], "function_id")]
                 for place in profile["location"]}
    at = [texts[number(k, "type")] for k in profile["sample_type"]].index("samples")
    for sample in profile["sample"]:
        for name in {functions[int(place)] for place in sample["location_id"]}:
            export_check.add(pprof, name, int(sample["value"][at]))
    return callgrind, pprof


def test_same_names(t):
    """Functions that only their files tell apart are apart for readers that go by names."""
    files = [t.file(f"{name}.py", ONE_OF_THEM) for name in ("alpha", "beta")]
    for folder in ("one", "two", "program"):
        (t.dir / folder).mkdir()
    files += [t.file(f"{folder}/gamma.py", ONE_OF_THEM) for folder in ("one", "two")]
    run = t.record(t.file("program/main.py", SAME_NAMES), *files, rate=500)
    wanted = {}
    for row in t.rows("functions", run.trace, "--merge-threads"):
        for name in ("run", "busy"):
            if row["function"] == name and row["file"] in files:
                module = pathlib.Path(row["file"]).stem
                label = f"{module}.{name}"
                if module == "gamma":
                    label += f" ({row['file']})"
                wanted[label] = row["samples_cum"]
    assert len(wanted) == 8 and len(set(wanted.values())) > 2, wanted
    for found in joined_by_name(t, run.trace):
        for name, weight in wanted.items():
            assert found[name] == weight, (name, weight, found)
        assert not {"run", "busy", "<module>"} & set(found), found
    # each as --frames says; the file is in the frame there
    lines = t.analyze("export", run.trace).splitlines()
    own = {}
    for line in lines:
        for frame in set(line.rsplit(" ", 1)[0].split(";")):
            export_check.add(own, frame, int(line.rsplit(" ", 1)[1]))
    for file in files:
        row, = [row for row in t.rows("functions", run.trace, "--merge-threads")
                if (row["function"], row["file"]) == ("run", file)]
        assert own[f"run ({file})"] == row["samples_cum"], (file, own)


def test_late_thread(t):
    """A thread that began late begins late in what is drawn over time, and a gap stays one."""
    files = [t.file(f"{name}.py", ONE_OF_THEM) for name in "abcd"]
    run = t.record(t.file("main.py", SAME_NAMES), *files, rate=200)
    first = min(json.loads(line)["time"] for line in t.analyze(
        "dump", "--format", "json", "--thread", "late", run.trace).splitlines())
    assert first > 0.5, first
    file = json.loads(t.analyze("export", "--format", "speedscope", run.trace))
    late, = [p for p in file["profiles"] if p["name"] == "late"]
    assert late["samples"][0] == [] and late["startValue"] == 0
    near(late["weights"][0], first, absolute=0.05, what="where speedscope has it")
    # selected stacks do not close up
    words = ("--match", r"^time\.sleep$|^run$", "--thread", "MainThread", "--from", "0.1")
    file = json.loads(t.analyze("export", "--format", "speedscope", *words, run.trace))
    profile, = file["profiles"]
    # the first sample stands for the time since the tick before, which the machine may have made long
    assert 0 <= profile["startValue"] <= 0.1, profile["startValue"]
    length = sum(profile["weights"])
    near(profile["endValue"], profile["startValue"] + length, absolute=1e-6, what="the end")
    shown = [w for sample, w in zip(profile["samples"], profile["weights"]) if sample]
    rows = json.loads(t.analyze("export", "--format", "json", *words, run.trace))
    near(sum(shown), sum(row["wall"] for row in rows), absolute=1e-6, what="what is shown")
    maker = Maker(t.pyanalyze, run.trace, pathlib.Path(t.dir))
    check_times(maker, late=2 / 200)


def test_origin(t):
    """Every file that can says of which recording it is."""
    program = t.file("the program.py", "sum(i * i for i in range(3000000))\n")
    run = t.record(program, "--an-option", rate=300)
    for name in ("svg", "speedscope", "gecko", "chrome", "callgrind"):
        text = t.analyze("export", "--format", name, run.trace)
        assert "the program.py --an-option" in text, (name, text[:500])
        for what in ("300 per second", "ticks missed", "duration", "exporter"):
            assert what in text, (name, what)
    pprof = subprocess.run([t.pyanalyze, "export", "--format", "pprof", run.trace],
                           capture_output=True, check=True).stdout
    texts = export_check.protoc_decode(pprof)["string_table"]
    assert "rate: 300 per second" in texts and any(s.startswith("ticks missed: ") for s in texts)
    text = t.analyze("export", "--format", "callgrind", "--from", "0", "--match", "genexpr",
                     run.trace)
    assert "desc: selected: --from 0 --match genexpr" in text, text[:800]


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
