#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recipes of samples/fleet in an engine, on 50 made-up hosts, say what pyanalyze says of their recordings.

usage: run.py ENGINE BUILD_DIR MAKE_FLEET

ENGINE is duckdb or clickhouse; npm has both as libraries, DuckDB for node, ClickHouse as libchdb. Skipped by name
without node, npm, npm's packages, or where the engine does not start.
"""
import csv
import hashlib
import io
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENGINES = {"duckdb": (["node", HERE / "duckdb" / "query.mjs"], ROOT / "samples" / "fleet"),
           "clickhouse": ([sys.executable, HERE / "clickhouse" / "query.py"], ROOT / "samples" / "fleet" / "clickhouse")}
RECIPES = ("hottest", "before_after", "slowest_minutes", "stalls_by_host", "gil_convoys")
CHANGED, SINCE = 25, 1714979280 + 86400


def fetch_packages(engine, work):
    """npm ci into the build folder, once per lock file; False where they cannot be had."""
    lock = (HERE / engine / "package-lock.json").read_bytes()
    digest, mark = hashlib.sha256(lock).hexdigest(), work / "installed"
    if mark.exists() and mark.read_text() == digest:
        return True
    for name in (HERE / engine / "package.json", HERE / engine / "package-lock.json", HERE / ".npmrc"):
        shutil.copy(name, work)
    done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
        return False
    mark.write_text(digest)
    return True


def near(got, wanted, what, relative=1e-9):
    assert math.isclose(got, wanted, rel_tol=relative, abs_tol=1e-9), (what, got, wanted)


class Fleet:
    def __init__(self, pyanalyze, traces):
        self.pyanalyze, self.traces = pyanalyze, traces

    def json(self, *words, traces=None):
        return json.loads(subprocess.run([self.pyanalyze, *words, "--format", "json", *(traces or self.traces)],
                                         capture_output=True, check=True).stdout)


def check_hottest(fleet, rows):
    """Sums are those of all recordings together; the error is that between recordings."""
    wanted = {(r["function"], r["file"] or ""): r for r in fleet.json(
        "functions", "--merge-threads", "--limit", "0", "--columns", "function,file,cpu_time,samples")}
    got = {(r["name"], r["file"]): r for r in rows}
    assert set(got) == {key for key, r in wanted.items() if r["samples"] > 0} and len(got) >= 5
    whole = sum(r["cpu_time"] for r in wanted.values())
    for key, r in got.items():
        near(r["cpu_s"], wanted[key]["cpu_time"], key)
        near(r["share"], wanted[key]["cpu_time"] / whole, key)
        assert r["samples"] == wanted[key]["samples"], key
    assert [r["cpu_s"] for r in rows] == sorted((r["cpu_s"] for r in rows), reverse=True)
    own = [{(r["function"], r["file"]): r["cpu_time"] for r in fleet.json(
        "functions", "--merge-threads", "--limit", "0", traces=[trace])} for trace in fleet.traces]
    for key in (("price", "/srv/shop/price.py"), ("report", "/srv/shop/report.py")):
        share, n = got[key]["share"], len(own)
        squares = sum((host.get(key, 0) - share * sum(host.values())) ** 2 for host in own)
        near(got[key]["error"], 2 * math.sqrt(squares * n / (n - 1)) / whole, key, 1e-7)
        assert got[key]["error"] > 0


def check_before_after(fleet, rows):
    """Differences, q and what is real are those of diff."""
    wanted = fleet.json("diff", "--limit", "0", traces=[
        *fleet.traces[:CHANGED], "--vs", *fleet.traces[CHANGED:]])
    wanted = {(r["function"], r["file"] or ""): r for r in wanted if r["function"] != "<all>"}
    got = {(r["name"], r["file"]): r for r in rows}
    assert set(got) == set(wanted) and len(got) >= 4, set(got) ^ set(wanted)
    for key, r in got.items():
        w = wanted[key]
        near(r["difference"], w["difference"], (key, r, w), 1e-6)
        near(r["before"], w["a"], key, 1e-6)
        near(r["after"], w["b"], key, 1e-6)
        assert r["samples"] == w["samples_a"] + w["samples_b"], (key, r, w)
        assert r["real"] == (w["real"] == "yes"), (key, r, w)
        assert (r["p"] is None) == (w["verdict"] == "few"), (key, r, w)
        if r["p"] is not None:
            assert math.isclose(r["p"], w["p"], rel_tol=0.01, abs_tol=1e-9), (key, r, w)
            assert math.isclose(r["q"], w["q"], rel_tol=0.01, abs_tol=1e-9), (key, r, w)
    real = [r["name"] for r in rows if r["real"]]
    assert real == ["price"], real


def check_slowest(fleet, rows):
    """Waits for the GIL and stalls of all minutes of a host are its own."""
    for number in (0, 7, 30):
        host = f"host-{number:02}"
        mine = [r for r in rows if r["host"] == host]
        assert len(mine) >= 2 and all(r["bin"] % 60 == 0 for r in mine)
        threads = fleet.json("threads", traces=[fleet.traces[number]])
        near(sum(r["gil_wait_s"] for r in mine), sum(t["gil_wait"] for t in threads), host)
        stalls = fleet.json("stalls", traces=[fleet.traces[number]])["stalls"]
        near(sum(r["stalled_s"] for r in mine), sum(s["duration"] for s in stalls), host)
    assert int(rows[0]["host"][5:]) % 5 == 0 and rows[0]["stalled_s"] > 0.5, rows[0]


def check_stalls(fleet, rows):
    assert len(rows) == len(fleet.traces)
    for r in rows:
        stalls = fleet.json("stalls", traces=[fleet.traces[int(r["host"][5:])]])
        assert r["stalls"] == len(stalls["stalls"]), r
        near(r["stalled_s"], sum(s["duration"] for s in stalls["stalls"]), r)
        for cause in ("cpu", "gil", "blocked"):
            assert r[cause] == sum(s["cause"] == cause for s in stalls["stalls"]), r
        assert r["not_told"] == sum(t["outcome"] == "cannot tell" for t in stalls["threads"]), r
    assert sum(r["stalls"] > 0 for r in rows) >= 10


def check_convoys(fleet, rows):
    for number in (3, 40):
        text = subprocess.run([fleet.pyanalyze, "gil", "--format", "csv", "--limit", "0", fleet.traces[number]],
                              capture_output=True, check=True, text=True).stdout
        wanted = {}
        for row in csv.DictReader(io.StringIO(text)):
            key = row["holder"] or None, row["function"] or None, row["line"] or None
            wanted[key] = wanted.get(key, 0) + float(row["waited"])
        got = {}
        for r in rows:
            if r["host"] == f"host-{number:02}":
                key = r["holder"], r["function"], r["line"] and str(r["line"])
                got[key] = got.get(key, 0) + r["waited_s"]
        assert got.keys() == wanted.keys() and got, (got, wanted)
        for key, seconds in got.items():
            near(seconds, wanted[key], key)
    assert rows[0]["holder"] == " 'packer', \"first\" " and rows[0]["waiters"] == 1


def main():
    engine, build, make_fleet = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    if not shutil.which("node") or not shutil.which("npm"):
        print("skipped: node or npm is missing")
        return 77
    work = build / "tests" / "fleet" / engine
    work.mkdir(parents=True, exist_ok=True)
    if not fetch_packages(engine, work):
        print(f"skipped: npm ci could not fetch the packages of tests/fleet/{engine}/package.json")
        return 77
    query, recipes = ENGINES[engine]
    started = subprocess.run([*query, work, "{}"], capture_output=True, text=True, check=False)
    if started.returncode:
        print(f"skipped: {engine} does not start on this machine: {started.stderr.strip()[-300:]}")
        return 77
    with tempfile.TemporaryDirectory(prefix="pyrec-fleet-") as name:
        folder = pathlib.Path(name)
        subprocess.run([make_fleet, folder], check=True)
        traces = sorted(map(str, folder.glob("*.trace")))
        fleet = Fleet(build / "analyze" / "pyanalyze", traces)
        # of some hosts together, of the others in a directory each, as they come
        (folder / "fleet").mkdir()
        for number, part in enumerate([traces[:40], *([trace] for trace in traces[40:])]):
            subprocess.run([fleet.pyanalyze, "export", "--format", "tables", "-o", folder / "fleet" / str(number),
                            *part], check=True)
        files = [recipes / f"{recipe}.sql" for recipe in ("tables", *RECIPES)]
        settings = json.dumps({"tables": str(folder / "fleet" / "*"), "since": SINCE})
        done = subprocess.run([*query, work, settings, *files], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        answers = json.loads(done.stdout)
        for recipe, check in zip(RECIPES, (check_hottest, check_before_after, check_slowest, check_stalls,
                                           check_convoys)):
            check(fleet, answers[recipe])
            print(f"{recipe}: {len(answers[recipe])} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
