# SPDX-License-Identifier: MIT
"""Read exported call graphs and flat forms, strictly, and compare them with pyanalyze's tables.

callgrind and pstats are compared with `lines` and `functions` of all threads together, folded and
csv with the table of stacks (export_check.py). Where the programs that the formats were made for
are installed, they are asked as well.
"""
import csv
import functools
import io
import os
import pstats
import re
import shutil
import subprocess

from export_check import NS, SECONDS, add, column_of, whole

ROOT = "<all stacks>"


HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def escape(match):
    code = ord(match.group())
    return {0x0a: "\\n", 0x09: "\\t"}.get(code, f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


@functools.lru_cache(maxsize=None)  # the same names, in every stack of every format
def visible(text):
    """As names stand in formats of lines: what would not print is an escape."""
    return HIDDEN.sub(escape, text)


def frame_text(frame):
    function, file, line = frame
    return f"{function} ({file}:{line})" if line else f"{function} ({file})" if file else function


def folded(data, threads):
    """{line without its weight: weight}"""
    total = {}
    for line in data.decode("utf-8").splitlines(keepends=True):
        match = re.fullmatch(r"([^\x00-\x1f\x7f]*) ([1-9][0-9]*)\n", line)
        assert match, line[:200]
        assert not threads or match.group(1).count(";") >= 1
        add(total, match.group(1), int(match.group(2)))
    return total


def folded_of(table, by, threads):
    """What folded should be of a table of stacks; times are whole microseconds of all threads."""
    merged, result = {}, {}
    for (thread, stack), weight in table.items():
        texts = ([thread] if threads else []) + [frame_text(frame) for frame in stack]
        add(merged, ";".join(visible(text).replace(";", "\\x3b") for text in texts), weight)
    for key, weight in merged.items():
        number = (weight + 500) // 1000 if by in SECONDS else weight
        if number:
            result[key] = number
    return result


def check_csv(data, rows):
    """The rows of json, one by one."""
    csv.field_size_limit(1 << 30)
    found = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    assert len(found) == len(rows), (len(found), len(rows))
    for got, row in zip(found, rows):
        stack = [(f["function"], f["file"], f["line"]) for f in row["stack"]]
        assert got["stack"] == "; ".join(frame_text(frame) for frame in stack)
        for name, value in row.items():
            if isinstance(value, (int, float)):
                assert abs(float(got[name]) - value) < 1e-9 * (1 + value), (name, got, row)
            elif name != "stack":
                assert got[name] == (value or ""), (name, got[name], value)


def callgrind(data, by):
    """
    (total, {(file, function, line): own}, {(file, function): all of its calls}) by one of the
    events. A function has a number and a name of its own, wherever it is.
    """
    head, _, body = data.decode("utf-8").partition("\n\n")
    assert head.startswith("# callgrind format\nversion: 1\n") and "\npositions: line\n" in head
    assert re.search("^cmd: .", head, re.M) and re.search("^desc: exporter: .", head, re.M)
    events = re.search(r"^events:((?: [a-z_]+)+)$", head, re.M).group(1).split()
    assert events[0] == by and len(set(events)) == len(events) >= 5
    assert re.findall(r"^event: ([a-z_]+) : [a-zA-Z ]+$", head, re.M) == events
    numbers = r"((?: \d+){%d})" % len(events)
    summary = re.search(f"^summary:{numbers}$", head, re.M).group(1)
    names, own, calls, functions = {}, {}, {}, {}
    here = {"ob": None, "fl": None, "fn": None, "cob": None, "cfi": None, "cfn": None}
    called, sums = False, {}
    for line in body.splitlines():
        name = re.fullmatch(r"(ob|fl|fn|cob|cfi|cfn)=\((\d+)\)(?: ([^\x00-\x1f]+))?", line)
        cost = re.fullmatch(rf"(\d+){numbers}", line)
        if name:
            key = (name.group(1)[-2:].replace("fi", "fl"), name.group(2))
            assert (key in names) == (name.group(3) is None), f"{line[:100]}: said twice or never"
            names.setdefault(key, name.group(3))
            here[name.group(1)] = names[key]
            if key[0] == "fn":
                c = "c" if name.group(1) == "cfn" else ""
                where = (here[c + "ob"], here["cfi" if c else "fl"], names[key])
                assert functions.setdefault(name.group(2), where) == where, "in two places"
        elif cost and called:
            # gprof2dot fails at an assertion where calls that weigh nothing close a circle
            assert here["cfn"] == here["fn"] or cost.group(2).strip("0 "), "a call of nothing"
            add(calls, (here["cfi"], here["cfn"]), int(cost.group(2).split()[0]))
            called = False
        elif cost:
            key = (here["fl"], here["fn"], int(cost.group(1)))
            assert key not in own
            own[key] = int(cost.group(2).split()[0])
            for i, value in enumerate(cost.group(2).split()):
                add(sums, i, int(value))
        elif line.startswith("totals:"):
            assert line[7:] == summary
        else:
            assert line == "" or re.fullmatch(r"calls=1 \d+", line), line[:100]
            called = line != ""
    assert list(sums.values()) == [int(n) for n in summary.split()], (sums, summary)
    assert len({name for _, _, name in functions.values()}) == len(functions), "names twice"
    return int(summary.split()[0]), own, calls


def named(label, function, file, line):
    """May the function be called that? As naming.h says."""
    name = function or "???"
    label = re.sub(r" #\d+$", "", label)
    for suffix in (f" ({file})", f":{line}"):
        label = label.removesuffix(suffix)
    return label == name or label.endswith(f".{name}")


def check_callgrind(data, lines, functions, by):
    """Lines by their own weight, functions by all that they call, recursion counted once."""
    _, own, calls = callgrind(data, by)
    column = column_of(by)
    wanted, n_named = {}, {}
    for row in lines:
        if row[column]:
            add(wanted, (visible(row["file"]) or "???", row["line"] or 0), whole(row[column], by))
    found = {}
    for (file, _, line), weight in own.items():
        add(found, (file, line), weight)
    assert found == wanted, sorted(set(found.items()) ^ set(wanted.items()))[:6]
    for row in functions:
        add(n_named, (row["file"], row["function"]), 1)
    for row in functions:
        if n_named[row["file"], row["function"]] > 1 or not row[column + "_cum"]:
            continue
        function, path = visible(row["function"]), visible(row["file"])
        found = [weight for (file, label), weight in calls.items()
                 if file == (path or "???") and named(label, function, path, row["line"])]
        assert whole(row[column + "_cum"], by) in found, (found, row)


def callgrind_annotate(path, functions, by):
    """False when it is not installed."""
    if not shutil.which("callgrind_annotate"):
        return False
    found = {}
    for inclusive in ("yes", "no"):
        # it cuts the folder that it runs in from some names and not from others
        done = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no",
                               f"--show={by}", f"--inclusive={inclusive}", path],
                              capture_output=True, text=True, check=True, cwd="/proc")
        assert "WARNING" not in done.stderr, done.stderr
        for cost, place in re.findall(r"^ *([0-9,]+) (?:\([0-9. ]+%\))? +(\S.*)$", done.stdout, re.M):
            file, _, function = place.partition(":")
            function = re.sub(r" \[[^]]*\]$", "", function.strip())
            found.setdefault((inclusive, file), []).append((function, int(cost.replace(",", ""))))
    column = column_of(by)
    n = 0
    for row in functions:
        if not row["file"] or not row[column + "_cum"]:
            continue
        for inclusive, name in (("yes", column + "_cum"), ("no", column)):
            costs = [cost for label, cost in found.get((inclusive, row["file"]), [])
                     if named(label, row["function"], row["file"], row["line"])]
            assert not row[name] or whole(row[name], by) in costs, (costs, row)
        n += 1
    assert n > 0, done.stdout
    return True


def gprof2dot(path, form, functions, by):
    """Its shares of each function, with and without what it calls. False when it is not installed."""
    if not shutil.which("gprof2dot"):
        return False
    done = subprocess.run(["gprof2dot", "-f", form, "-n0", "-e0", path],
                          capture_output=True, text=True, check=True)
    found = []
    for label in re.findall(r'^\t(?!.* -> ).*? label="((?:[^"\\]|\\.)*)"', done.stdout, re.M):
        *name, cum, own, _ = label.split("\\n")
        found.append((name[-1], float(cum.rstrip("%")), float(own.strip("(%)"))))
    column = column_of(by)
    total = sum(row[column] for row in functions)
    wanted = [row for row in functions if row[column + "_cum"]]
    assert len([name for name, _, _ in found if name != ROOT]) == len(wanted), (found, wanted)
    for row in wanted:
        cum, own = (100 * row[c] / total for c in (column + "_cum", column))
        assert any(name.endswith(visible(row["function"])) and abs(c - cum) < 0.006 and
                   abs(o - own) < 0.006 for name, c, o in found), (row, cum, own, found)
    return True


def go_pprof(path, functions, by):
    """False when it is not installed."""
    if not shutil.which("go"):
        return False
    done = subprocess.run(["go", "tool", "pprof", "-top", f"-sample_index={by}", "-nodecount=100000",
                           "-nodefraction=0", "-edgefraction=0", path],
                          capture_output=True, text=True, check=True)
    found = {function: (int(own), int(all_)) for own, all_, function in
             re.findall(r"^ *(\d+) +[0-9.]+% +[0-9.]+% +(\d+) +[0-9.]+%  (.*)$", done.stdout, re.M)}
    for row in functions:
        assert found.pop(row["function"]) == (row[by], row[by + "_cum"]), (row, done.stdout)
    assert not found, found
    return True


def check_pstats(path, functions, by, python=None):
    """Totals of every function as pstats shows them, by this Python or another one."""
    if python is not None:
        subprocess.run([python, "-c", "import pstats, sys; s = pstats.Stats(sys.argv[1]); "
                        "s.strip_dirs().sort_stats('cumulative').print_stats().print_callers()",
                        path], stdout=subprocess.DEVNULL, check=True, env={**os.environ})
    stats = pstats.Stats(str(path))
    column, unit = column_of(by), NS if by in SECONDS else 1
    wanted = {(row["file"] or "~", row["line"] or 0, row["function"]):
              (whole(row[column], by), whole(row[column + "_cum"], by)) for row in functions
              if row[column + "_cum"]}
    found = {key: (round(tt * unit), round(ct * unit))
             for key, (cc, nc, tt, ct, callers) in stats.stats.items()}
    assert found == wanted, sorted(set(found.items()) ^ set(wanted.items()))[:6]
    for key, (cc, nc, tt, ct, callers) in stats.stats.items():
        assert cc == nc == 0
        assert sum(c[2] for c in callers.values()) <= tt + 1e-9
        for caller, (_, _, own, all_) in callers.items():
            assert caller in stats.stats and own <= all_ + 1e-9 and all_ <= ct + 1e-9, key
