# SPDX-License-Identifier: MIT
"""Tables of real recordings: the commands say the same, also of parts and of several processes."""
import glob
import os
import time

from e2e import ROOT, wide
from tables_check import Maker, check_all, check_references, read, weights_by

PROGRAM = r'''
import os, sys, threading, time
sys.path.insert(0, os.environ["PACKAGE"])
import pyrec
def burn(seconds):
    end = time.thread_time() + seconds
    n = 0
    while time.thread_time() < end:
        n += sum(range(100))
def pause():
    time.sleep(0.3)
pyrec.mark("it begins")
pool = [threading.Thread(target=burn, args=(0.3,), name=f"burn-{i}") for i in range(3)]
for thread in pool:
    thread.start()
with pyrec.phase("load", "all of it"):
    with pyrec.phase("parse"):
        burn(0.2)
    pause()
if os.fork() == 0:
    burn(0.1)
    os._exit(0)
os.wait()
for thread in pool:
    thread.join()
'''


def test_recorded(t):
    """A program with threads, phases and a child."""
    run = t.record("-c", PROGRAM, rate=500,
                   env={**os.environ, "PACKAGE": str(ROOT / "python")})
    maker = Maker(t.pyanalyze, run.trace)
    tables = maker.tables(t.dir / "tables")
    found = check_all(maker, tables)
    assert found["threads"] >= 4 and found["gil"] > 2 and found["phases"] == 2, found
    recording, = tables["recordings"]
    assert len(recording["recording"]) == 32 and recording["host"] == os.uname().nodename
    assert recording["processes"] == 2 == len(tables["processes"])
    assert abs(recording["start_ns"] / 1e9 - time.time()) < 600
    mark, = tables["marks"]
    assert mark["text"] == "it begins"
    load, parse = sorted((p for p in tables["phases"]), key=lambda p: p["number"])
    assert (load["name"], load["value"], parse["parent"]) == ("load", "all of it", load["number"])
    assert load["start_ns"] <= parse["start_ns"] <= parse["end_ns"] <= load["end_ns"]
    names = {row["thread"]: row["name"] for row in tables["threads"]}
    assert {names[load["thread"]], names[mark["thread"]]} == {"MainThread"}
    child = [p for p in tables["processes"] if p["parent_pid"] in {q["pid"] for q in tables["processes"]}]
    assert len(child) == 1 and child[0]["ended"] == "exit 0", tables["processes"]
    only = maker.tables(t.dir / "child", "--process", str(child[0]["pid"]))
    check_references(only)
    whole = weights_by(tables, lambda w: [(w["thread"], w["stack"], w["state"])])
    part = weights_by(only, lambda w: [(w["thread"], w["stack"], w["state"])])
    assert part and all(whole[key] == value for key, value in part.items())


@wide
def test_parts(t):
    """Parts of a recording one by one are as much as all of them, and have names of their own."""
    run = t.record("-c", "import time\nend = time.time() + 2.5\nwhile time.time() < end: sum(range(99))",
                   options=["--rotate", "1s"])
    parts = sorted(glob.glob(run.trace[:-len(".trace")] + ".*.trace"))
    assert len(parts) >= 2
    whole = Maker(t.pyanalyze, *parts).tables(t.dir / "whole")
    together = t.dir / "together"
    for n, part in enumerate(parts):
        out = t.dir / f"part-{n}"
        Maker(t.pyanalyze, part).tables(out)
        for file in out.glob("*/*"):
            (together / file.parent.name).mkdir(parents=True, exist_ok=True)
            place = together / file.parent.name / file.name
            assert not place.exists()
            file.rename(place)
    rows = read(together)
    recording, = whole["recordings"]
    assert [r["recording"] for r in rows["recordings"]] == [recording["recording"]] * len(parts)
    assert sorted(r["segment"] for r in rows["recordings"]) == list(range(len(parts)))

    def samples(tables):
        sums = weights_by(tables, lambda w: [(w["bin"], w["thread"], w["stack"], w["state"])])
        return {key: (value["samples"], value["wall_ns"]) for key, value in sums.items()}

    assert samples(rows) == samples(whole)
