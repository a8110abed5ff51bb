#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Export made-up traces in all formats, and find the same in every file.

usage: export_made.py PYANALYZE MAKE_OUTPUTS GOLDEN_DIR

Ground truth are the tables `lines`, `functions` and the rows of `export --format json`.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import export_check
import export_graphs
import export_svg
from export_graphs import visible

FORMATS = ["folded", "speedscope", "gecko", "chrome", "pprof", "callgrind", "pstats", "svg", "csv",
           "json"]
COLUMNS = "file,line,function," + ",".join(
    f"{name},{name}_cum" for name in ("samples", "ticks", "cpu_time", "wall", "gil_wait"))
ROOT = pathlib.Path(__file__).resolve().parents[3]
AT_LEAST = {"simple": 5, "odd": 6, "hostile": 80}  # stacks, so that nothing is compared with nothing
METRICS = ["samples", "cpu", "wall", "gil_wait", "ticks"]


class Maker:
    """pyanalyze on one trace, or several together."""

    def __init__(self, program, trace, directory, *more):
        self.program, self.trace, self.directory = program, trace, directory
        self.traces = [str(trace), *map(str, more)]

    def run(self, *words):
        done = subprocess.run([self.program, *words, *self.traces], capture_output=True,
                              check=False)
        assert done.returncode in (0, 3), (words, done.returncode, done.stderr)
        return done.stdout

    def rows(self, command, *words):
        return json.loads(self.run(command, "--format", "json", "--limit", "0", "--merge-threads",
                                   "--columns", COLUMNS, *words))

    def file(self, name, data):
        path = self.directory / name
        path.write_bytes(data)
        return path


def check_trees(maker, by, words):
    """Formats that know threads and stacks."""
    data = maker.run("export", "--format", "json", "--by", by, *words)
    table = export_check.table(data, by)
    for name, read in export_check.READERS.items():
        by_line = ["--frames", "line"] if name == "speedscope" else []
        got = read(maker.run("export", "--format", name, "--by", by, *by_line, *words), by)
        wanted = export_check.inner_lines_dropped(table) if name == "chrome" else table
        if name == "speedscope":  # whose labels tell threads apart
            got, wanted = merged(got), merged(wanted)
        assert got == wanted, (name, by, words, sorted(set(got.items()) ^ set(wanted.items()))[:4])
    check_functions(maker, by, words, table)
    for threads in (False, True):
        option = ["--threads"] if threads else []
        got = export_graphs.folded(maker.run("export", "--frames", "line", "--by", by, *option,
                                             *words), threads)
        wanted = export_graphs.folded_of(table, by, threads)
        if threads:
            assert sum(got.values()) == sum(wanted.values()), (by, words)
        else:
            assert got == wanted, (by, sorted(set(got.items()) ^ set(wanted.items()))[:4])
        export_svg.check(maker.run("export", "--format", "svg", "--by", by, *option, *words), table,
                         by, threads)
    rows = json.loads(data)
    export_graphs.check_csv(maker.run("export", "--format", "csv", "--by", by, *words), rows)
    return table


def check_functions(maker, by, words, table):
    """What has a frame for each function, whatever line it is at."""
    wanted = merged(export_check.lines_dropped(table))
    named = export_check.labels(maker.run("export", "--format", "chrome", "--by", by, *words))
    got = {}
    for stack, weight in merged(export_check.lines_dropped(export_check.speedscope(
            maker.run("export", "--format", "speedscope", "--by", by, *words), by))).items():
        export_check.add(got, tuple((named[f[0]],) + f[1:] for f in stack), weight)
    assert got == wanted, (by, words, sorted(set(got.items()) ^ set(wanted.items()))[:4])
    frames = json.loads(maker.run("export", "--format", "speedscope", "--by", by, *words))
    names = [frame["name"] for frame in frames["shared"]["frames"]]
    assert len(set(names)) == len(names), "frames that look the same"
    for name, words_more in (("folded", []), ("svg", ["--frames", "function"])):
        data = maker.run("export", "--format", name, "--by", by, *words_more, *words)
        if name == "svg":
            got = {}
            for stack, weight in export_svg.stacks_of(export_svg.tree_of(data.decode())).items():
                export_check.add(got, tuple(f[:2] for f in stack), weight)
            seen = {}
            for stack, weight in wanted.items():
                export_check.add(seen, tuple((visible(f[0]), visible(f[1])) for f in stack), weight)
            assert got == seen, (by, words)
            continue
        for line in data.decode().splitlines():
            assert "\n" not in line and line.rsplit(" ", 1)[1].isdigit()
        got = export_graphs.folded(data, False)
        seen = export_graphs.folded_of(export_check.lines_dropped(table), by, False)
        n_named = {}
        for row in maker.rows("functions"):
            export_check.add(n_named, (row["file"], row["function"]), 1)
        if all(n == 1 for n in n_named.values()):
            assert got == seen, (by, words, sorted(set(got.items()) ^ set(seen.items()))[:4])
        elif by not in export_check.SECONDS:  # whose rounding differs where stacks are told apart
            assert sum(got.values()) == sum(seen.values()), (by, words)


def merged(table):
    total = {}
    for (_, stack), weight in table.items():
        export_check.add(total, stack, weight)
    return total


def check_graphs(maker, by, words):
    """Formats of functions and calls; and that the table of stacks is that of lines."""
    lines, functions = maker.rows("lines", "--native=all", *words), maker.rows("functions", *words)
    stacks = json.loads(maker.run("export", "--format", "json", "--by", by, *words))
    column = export_check.column_of(by)
    own = {}
    for row in stacks:
        leaf = row["stack"][0]
        export_check.add(own, (leaf["file"], leaf["line"] or 0, leaf["function"]),
                         export_check.whole(row[column], by))
    wanted = {}
    for row in lines:
        if row[column]:
            export_check.add(wanted, (row["file"], row["line"] or 0, row["function"]),
                             export_check.whole(row[column], by))
    assert own == wanted, sorted(set(own.items()) ^ set(wanted.items()))[:4]
    data = maker.run("export", "--format", "callgrind", "--by", by, *words)
    export_graphs.check_callgrind(data, lines, functions, by)
    path = maker.file("made.pstats", maker.run("export", "--format", "pstats", "--by", by, *words))
    if functions and any(row[export_check.column_of(by) + "_cum"] for row in functions):
        export_graphs.check_pstats(path, functions, by)


def check_selections(maker):
    """Threads, processes and places are chosen for every format alike."""
    everything = check_trees(maker, "samples", [])
    main = check_trees(maker, "samples", ["--thread", "MainThread"])
    assert main == {key: w for key, w in everything.items() if key[0] == "MainThread"} != everything
    fib = check_trees(maker, "samples", ["--match", "^fib$", "--exclude", "nothing"])
    assert fib == {key: w for key, w in everything.items()
                   if any(frame[0] == "fib" for frame in key[1])} != everything
    check_nothing(maker)
    check_graphs(maker, "cpu", ["--thread", "MainThread"])
    parts = {}
    for words in (["--to", "0.3"], ["--from", "0.3", "--to", "1.2"], ["--from", "1.2"]):
        assert check_trees(maker, "cpu", words)
        check_graphs(maker, "cpu", words)
        for key, weight in check_trees(maker, "wall", words).items():
            export_check.add(parts, key, weight)
    assert parts == check_trees(maker, "wall", []), "the parts are not the whole"
    parts = {}
    for state in ("running", "gil", "blocked"):
        by = "cpu" if state == "running" else "samples"  # the others have none
        check_trees(maker, by, ["--state", state])
        check_graphs(maker, by, ["--state", state])
        for key, weight in check_trees(maker, "wall", ["--state", state]).items():
            export_check.add(parts, key, weight)
    assert parts == check_trees(maker, "wall", []), "the states are not the whole"


def check_nothing(maker):
    """What is not there is said, by every format, and no file is made."""
    out = maker.directory / "nothing"
    for name in FORMATS:
        for words in (["--process", "1"], ["--thread", "nosuch"], ["--match", "nosuch"]):
            for where in ([], ["-o", str(out)]):
                done = subprocess.run([maker.program, "export", "--format", name, *words, *where,
                                       *maker.traces], capture_output=True, check=False)
                assert done.returncode == 5 and not done.stdout and not out.exists(), (name, done)
                assert len(done.stderr.splitlines()) == 1 and words[0].encode() in done.stderr


def check_times(maker, late=0):
    """What is said to have been when; ticks may have been so late, in seconds. Where some were
    missed, their time is the next one's: a part that begins among them shows that much later."""
    samples = [json.loads(line) for line in maker.run("dump", "--format", "json").splitlines()]
    times = sorted(sample["time"] for sample in samples)
    end = times[-1]
    missed = max(0, *(b - a - late for a, b in zip(times, times[1:]))) if late else 0
    ranges = [(end * i / 7, end * k / 7) for i in range(7) for k in range(i + 1, 8)]
    export_check.gecko_ranges(maker.run("export", "--format", "gecko"), samples, ranges,
                              2 if late else 1)
    for part in ([], ["--from", "0.05", "--to", "0.58"]):
        samples = [json.loads(line)
                   for line in maker.run("dump", "--format", "json", *part).splitlines()]
        assert samples
        named = export_check.labels(maker.run("export", "--format", "chrome", *part))
        export_check.speedscope_times(maker.run("export", "--format", "speedscope", *part),
                                      samples, named, late, missed)
        export_check.chrome_times(maker.run("export", "--format", "chrome", "--by", "wall", *part),
                                  samples, late, missed)


def check_defaults(maker):
    """What is weighed when nobody says so, and where files go."""
    for name, by in (("speedscope", "wall"), ("pstats", "cpu"), ("folded", "samples")):
        assert maker.run("export", "--format", name) == \
            maker.run("export", "--format", name, "--by", by), name
    for name in FORMATS:
        path = maker.directory / f"out.{name}"
        maker.run("export", "--format", name, "-o", str(path))
        assert path.read_bytes() == maker.run("export", "--format", name), name
        assert maker.run("export", "--format", name, "--jobs", "1") == path.read_bytes(), name


def check_tools(maker):
    """The programs that the formats are made for."""
    functions = maker.rows("functions")
    path = maker.file("made.callgrind", maker.run("export", "--format", "callgrind"))
    if not export_graphs.callgrind_annotate(str(path), functions, "samples"):
        print("  callgrind_annotate skipped: it is not installed")
    for form, by in (("callgrind", "samples"), ("pstats", "cpu")):
        for words in ([], ["--from", "0.3", "--to", "1.2"], ["--thread", "MainThread"]):
            path = maker.file("made." + form, maker.run("export", "--format", form, *words))
            asked = export_graphs.gprof2dot(str(path), form, maker.rows("functions", *words), by)
    if not asked:
        print("  gprof2dot skipped: it is not installed")
    path = maker.file("made.pprof", maker.run("export", "--format", "pprof"))
    if not export_graphs.go_pprof(str(path), functions, "samples"):
        print("  go tool pprof skipped: it is not installed")
    path = maker.file("made.svg", maker.run("export", "--format", "svg"))
    if not export_svg.in_browser(path, "main", "^fib$", "^Queue.get$"):
        print("  chromium skipped: it is not installed")


def check_page(maker):
    """The command lines of docs/EXPORT.md, one for each format."""
    page = (ROOT / "docs" / "EXPORT.md").read_text(encoding="utf-8")
    (maker.directory / "run.trace").write_bytes(maker.trace.read_bytes())
    shown = set()
    for line in re.findall("^    pyanalyze (.*)$", page, re.M):
        words = line.split()
        out = maker.directory / words[words.index("-o") + 1]
        done = subprocess.run([maker.program, *words], cwd=maker.directory, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0 and not done.stderr, (line, done.stderr)
        assert out.stat().st_size > 100, line
        shown.add(words[words.index("--format") + 1])
    rows = re.findall(r"^\| ([a-z]+) \| .* \| .* \|$", page.partition("The web pages")[0],
                      re.M)
    assert shown == {*FORMATS, "otlp"} == set(rows[1:]), (shown, rows)  # otlp: see ship.py
    if shutil.which("jq"):
        command, = re.findall("^    (jq .*)$", page, re.M)
        done = subprocess.run(command, shell=True, cwd=maker.directory, capture_output=True,
                              check=True)
        assert sum(json.loads(done.stdout).values()) > 0


def main():
    program, make, golden = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    if not shutil.which("protoc"):
        sys.exit("export_made: protoc is missing")
    with tempfile.TemporaryDirectory(prefix="pyrec-export-") as name:
        directory = pathlib.Path(name)
        subprocess.run([str(make), name], check=True)
        traces = [directory / f"{trace}.trace" for trace in ("simple", "family", "odd", "hostile", "hostile_endless", "native")]
        traces += [golden / f"v1-{trace}.trace" for trace in ("tiny", "full", "busy", "damaged")]
        for trace in traces:
            maker = Maker(str(program), trace, directory)
            for by in METRICS if trace.stem == "simple" else METRICS[:2]:
                check_trees(maker, by, [])
                check_graphs(maker, by, [])
            n = len(json.loads(maker.run("export", "--format", "json")))
            assert n >= AT_LEAST.get(trace.stem, 1), (trace.stem, n)
            print(f"{trace.name}: ok, {n} stacks", flush=True)
        simple = Maker(str(program), traces[0], directory)
        check_selections(simple)
        check_page(simple)
        check_times(simple)
        check_times(Maker(str(program), directory / "asleep.trace", directory))
        odd = Maker(str(program), traces[2], directory)
        for state in ("running", "ready"):
            check_trees(odd, "cpu", ["--state", state])
        # two recordings at the same time, of processes with the same number
        together = Maker(str(program), traces[2], directory, traces[3])
        for by in ("samples", "wall"):
            check_trees(together, by, [])
            check_graphs(together, by, [])
        check_defaults(simple)
        check_tools(simple)
    print(f"export_made: {len(traces)} traces, {len(FORMATS)} formats, all equal")


if __name__ == "__main__":
    main()
