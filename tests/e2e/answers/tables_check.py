# SPDX-License-Identifier: MIT
"""Read what `pyanalyze export --format tables` writes, and compare it with the other commands."""
import csv
import io
import json
import pathlib
import re
import subprocess

NS = 10 ** 9
STATES = {"running": "on_cpu", "ready": "ready", "gil": "gil_wait", "blocked": "blocked",
          "unknown": "unknown"}
TEXT = {"recording", "pyrec", "host", "os", "machine", "cpu_model", "ended", "redacted", "executable",
        "command", "title", "working_directory", "python_version", "build", "name", "file", "module",
        "package", "service", "service_version", "labels", "path", "state", "cause", "call", "kind", "value", "text"}


class Maker:
    """pyanalyze on some traces."""

    def __init__(self, program, *traces):
        self.program, self.traces = str(program), [str(t) for t in traces]

    def run(self, *words, codes=(0, 3)):
        done = subprocess.run([self.program, *words, *self.traces], capture_output=True, check=False)
        assert done.returncode in codes, (words, done.returncode, done.stderr)
        return done

    def rows(self, command, *words):
        return json.loads(self.run(command, "--format", "json", *words, codes=(0, 3, 5)).stdout)

    def tables(self, directory, *words):
        self.run("export", "--format", "tables", "-o", str(directory), *words)
        return read(directory)


def convert(table, name, value):
    if name in TEXT or (table, name) == ("processes", "python"):
        return value
    return int(value) if value != "" else None


def read_file(table, path):
    text = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout.decode()
    assert text.endswith("\n")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    heading = next(reader)
    rows = []
    for row in reader:
        assert len(row) == len(heading), (path, row)
        rows.append({n: convert(table, n, v) for n, v in zip(heading, row)})
    return heading, rows


def read(directory):
    """{table: rows} of all recordings; what is no table of ours is a mistake."""
    tables = {}
    files = None
    for folder in sorted(pathlib.Path(directory).iterdir()):
        names = sorted(p.name for p in folder.iterdir())
        assert files in (None, names), "each table has the files of all recordings"
        files = names
        assert all(re.fullmatch(r"[0-9a-f]{8,32}(-\d{5})?\.csv\.zst", n) for n in names), names
        headings = set()
        tables[folder.name] = []
        for name in names:
            heading, rows = read_file(folder.name, folder / name)
            headings.add(tuple(heading))
            tables[folder.name] += rows
        assert len(headings) == 1
    return tables


def unique(rows, column):
    found = {}
    for row in rows:
        if row[column] is not None:
            assert found.setdefault(row[column], row) == row, (column, row)
            assert 0 < row[column] < 2 ** 63
    return found


def check_references(tables):
    """What a row refers to is there; stacks are what their paths say."""
    functions, locations = unique(tables["functions"], "function"), unique(tables["locations"], "location")
    stacks, threads = unique(tables["stacks"], "stack"), unique(tables["threads"], "thread")
    processes = unique(tables["processes"], "process")
    recordings = {r["recording"] for r in tables["recordings"]}
    assert {p["recording"] for p in processes.values()} <= recordings
    assert all(t["process"] in processes for t in tables["threads"])
    assert all(l["function"] in functions for l in locations.values())
    for stack in stacks.values():
        path = [int(l) for l in stack["path"].split(" ")]
        assert path[-1] == stack["location"] and len(path) == stack["depth"]
        assert all(l in locations for l in path)
        above = stacks[stack["parent"]]["path"].split(" ") if stack["parent"] else []
        assert above == stack["path"].split(" ")[:-1]
    bins = {r["bin_s"] for r in tables["recordings"]}
    assert len(bins) == 1
    bin_s, = bins
    for w in tables["weights"]:
        assert w["thread"] in threads and w["stack"] in stacks and w["bin"] % bin_s == 0, w
        assert w["samples"] > 0 and w["ticks"] >= w["samples"], w
        assert w["state"] in STATES and (w["kernel"] is None or w["state"] == "running"), w
        assert w["cpu_ns"] == 0 or w["state"] in ("running", "ready"), w
    for g in tables["gil"]:
        assert g["waiter"] in threads and (g["holder"] is None or g["holder"] in threads), g
        assert g["location"] is None or g["location"] in locations
    assert all(s["thread"] in threads and s["location"] in {None, *locations} for s in tables["stalls"])
    assert all(p["process"] in processes and p["thread"] in {None, *threads}
               for p in tables["phases"] + tables["marks"])


def weights_by(tables, key_of):
    """{key: {measure: sum}}; key_of gives the keys that a row counts for."""
    sums = {}
    for w in tables["weights"]:
        for key in set(key_of(w)):
            total = sums.setdefault(key, dict.fromkeys(("samples", "ticks", "wall_ns", "cpu_ns"), 0))
            for name in total:
                total[name] += w[name]
    return sums


def ns(seconds):
    return round(seconds * NS)


def check_places(maker, tables, *words, n_measures=4):
    """lines and functions, themselves and cumulative."""
    columns = "function,file,line," + ",".join(
        f"{n},{n}_cum" for n in ("samples", "ticks", "wall", "cpu_time"))
    functions, locations = unique(tables["functions"], "function"), unique(tables["locations"], "location")
    stacks = unique(tables["stacks"], "stack")
    paths = {s: [int(l) for l in row["path"].split(" ")] for s, row in stacks.items()}

    def numbers(sums, key):
        got = sums.get(key, {})
        return tuple(got.get(n, 0) for n in ("samples", "ticks", "wall_ns", "cpu_ns"))[:n_measures]

    def function(location):
        return locations[location]["function"]

    def show(key, command):
        """As the command calls it. Two may be called the same."""
        f = functions[key if command == "functions" else function(key)]
        line = f["line"] if command == "functions" else locations[key]["line"]
        return f["name"], f["file"], line

    for command, key_of in (("lines", lambda l: l), ("functions", function)):
        own = weights_by(tables, lambda w: [key_of(stacks[w["stack"]]["location"])])
        cumulative = weights_by(tables, lambda w: [key_of(l) for l in paths[w["stack"]]])
        got = sorted((show(key, command), numbers(own, key), numbers(cumulative, key))
                     for key in cumulative)
        wanted = sorted(
            ((row["function"], row["file"] or "", row["line"] or 0),
             *((row["samples" + end], row["ticks" + end], ns(row["wall" + end]),
                ns(row["cpu_time" + end]))[:n_measures] for end in ("", "_cum")))
            for row in maker.rows(command, "--merge-threads", "--native=all", "--limit", "0", "--columns", columns,
                                  *words))
        assert got == wanted, (command, [x for x in zip(got, wanted) if x[0] != x[1]][:3])


def check_threads(maker, tables, *words):
    """threads, with its states."""
    threads = unique(tables["threads"], "thread")
    pids = {p["process"]: p["pid"] for p in tables["processes"]}
    rows = maker.rows("threads", "--limit", "0", *words)
    by_state = weights_by(tables, lambda w: [(w["thread"], w["state"])])
    by_kernel = weights_by(tables, lambda w: [(w["thread"], w["kernel"])])
    whole = weights_by(tables, lambda w: [w["thread"]])

    def key_of(row):
        return row["process"], row["thread_id"], row["thread"], row["kind"] == "python"

    wanted = sorted((*key_of(r), ns(r["cpu_time"])) for r in rows)
    got = sorted((pids[t["process"]], t["os_tid"], t["name"], t["python"] == 1, t["cpu_ns"])
                 for t in tables["threads"] if t["samples"] > 0 or t["python"] == 0)
    assert got == wanted, (got, wanted)
    found = 0
    for t in threads.values():
        same = [r for r in rows if key_of(r) == (pids[t["process"]], t["os_tid"], t["name"], True)]
        if t["samples"] == 0 or len(same) != 1:
            continue
        row, total = same[0], whole[t["thread"]]
        found += 1
        assert (total["samples"], total["ticks"]) == (row["samples"], row["ticks"]) and \
            total["samples"] == t["samples"]
        assert total["wall_ns"] == ns(row["wall"])
        assert total["cpu_ns"] + t["unattributed_cpu_ns"] == t["cpu_ns"] == ns(row["cpu_time"])
        assert t["unattributed_cpu_ns"] == ns(row["unattributed"])
        for state, column in STATES.items():
            assert by_state.get((t["thread"], state), {}).get("wall_ns", 0) == ns(row[column]), state
        for kernel, column in ((1, "kernel"), (None, "kernel_unknown")):
            got = by_kernel.get((t["thread"], kernel), {}).get("cpu_ns", 0)
            assert got == ns(row[column]), (column, got, row)
    return found


def check_bins(maker, tables, start_ns, *words):
    """A bin has what the same range of time has; but CPU that waited for a sample across a border."""
    recording, = tables["recordings"]
    for begin in sorted({w["bin"] for w in tables["weights"]}):
        part = {**tables, "weights": [w for w in tables["weights"] if w["bin"] == begin]}
        limits = []
        for option, at in (("--from", begin * NS), ("--to", (begin + recording["bin_s"]) * NS)):
            if at > start_ns:
                limits += [option, f"{(at - start_ns) / NS:.9f}"]
        check_places(maker, part, *limits, *words, n_measures=3)


def check_gil(maker, tables, *words):
    threads = unique(tables["threads"], "thread")
    functions, locations = unique(tables["functions"], "function"), unique(tables["locations"], "location")
    pids = {p["process"]: p["pid"] for p in tables["processes"]}
    got, wanted = {}, {}
    for g in tables["gil"]:
        waiter, holder = threads[g["waiter"]], threads.get(g["holder"])
        place = locations.get(g["location"])
        key = (pids[waiter["process"]], waiter["os_tid"], holder and holder["os_tid"],
               (functions[place["function"]]["name"], place["line"]) if place else None)
        seen, waited = got.get(key, (0, 0))
        got[key] = seen + g["samples"], waited + g["waited_ns"]
    text = maker.run("gil", "--format", "csv", "--limit", "0", *words, codes=(0, 3, 5)).stdout.decode()
    for row in csv.DictReader(io.StringIO(text)):
        key = (int(row["process"]), int(row["thread_id"]), int(row["holder_id"] or 0) or None,
               (row["function"], int(row["line"] or 0)) if row["function"] else None)
        seen, waited = wanted.get(key, (0, 0))
        wanted[key] = seen + int(row["seen"]), waited + ns(float(row["waited"]))
    assert got == wanted, (got, wanted)
    return len(got)


def check_stalls(maker, tables, *words):
    threads = unique(tables["threads"], "thread")
    pids = {p["process"]: p["pid"] for p in tables["processes"]}
    answer = maker.rows("stalls", "--limit", "0", *words)
    outcome = {(t["process"], t["thread_id"]): t["outcome"] for t in answer["threads"]}
    for t in threads.values():
        said = outcome.get((pids[t["process"]], t["os_tid"]))
        told = {None: None, "cannot tell": 0, "found": 1, "none": 1}[said]
        assert t["samples"] == 0 or t["stalls_told"] == told, (t, said)
    wanted = sorted((s["process"], s["thread_id"], ns(s["duration"]), ns(s["unobserved"]), s["cause"],
                     ns(s["cpu_time"]), ns(s["blocked"]), s["blocked_in"] or "", s["pieces"] != "one",
                     s["line"] or 0) for s in answer["stalls"])
    locations = unique(tables["locations"], "location")
    got = sorted((pids[threads[s["thread"]]["process"]], threads[s["thread"]]["os_tid"],
                  s["end_ns"] - s["start_ns"], s["unobserved_ns"], s["cause"], s["cpu_ns"],
                  s["blocked_ns"], s["call"], s["several"] == 1, locations[s["location"]]["line"] if s["location"] else 0)
                 for s in tables["stalls"])
    assert got == wanted, (got, wanted)
    return len(got)


def check_phases(maker, tables, *words):
    pids = {p["process"]: p["pid"] for p in tables["processes"]}
    wanted = {(r["process"], r["phase"], r["detail"] or ""): (r["count"], r["open"], ns(r["total"]))
              for r in maker.rows("phases", "--by", "detail", "--limit", "0", *words)}
    got = {}
    for p in tables["phases"]:
        if p["kind"] != "phase":
            continue
        key = pids[p["process"]], p["name"], p["value"]
        n, is_open, total = got.get(key, (0, 0, 0))
        got[key] = (n + 1, is_open + (p["end_ns"] is None),
                    total + (0 if p["end_ns"] is None else p["end_ns"] - p["start_ns"]))
    assert got == wanted, (got, wanted)
    return len(got)


def check_all(maker, tables, *words):
    """Everything that other commands say as well; how much of what there was."""
    check_references(tables)
    check_places(maker, tables, *words)
    return {"threads": check_threads(maker, tables, *words), "gil": check_gil(maker, tables, *words),
            "stalls": check_stalls(maker, tables, *words), "phases": check_phases(maker, tables, *words)}
