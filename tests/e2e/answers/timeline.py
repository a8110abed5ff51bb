# SPDX-License-Identifier: MIT
"""What happened when, and pictures of it."""
import csv
import io
import shutil
import subprocess

from e2e import Skip, near

PROGRAM = """
import threading, time
def burn():
    end = time.thread_time() + 0.7
    while time.thread_time() < end:
        sum(range(1000))
    stop.append(time.monotonic())
stop = []
time.sleep(0.8)
thread = threading.Thread(target=burn, name="burner `touch backquoted` 'quoted'")
start = time.monotonic()
thread.start()
thread.join()
time.sleep(0.8)
print(stop[0] - start)
"""


def record(t):
    return t.record(t.file("steps.py", PROGRAM), rate=500)


def bins(t, trace, *options):
    return list(csv.DictReader(io.StringIO(
        t.analyze("timeline", "--format", "csv", *options, trace))))


def test_cpu_is_where_it_was(t):
    """Nothing at the beginning and the end, all of it while the thread computed."""
    run = record(t)
    rows = [row for row in bins(t, run.trace, "--bin", "50ms") if row["thread"] != "MainThread"]
    busy = [float(row["start"]) for row in rows if float(row["cpu_time"]) > 0.002]
    near(sum(float(row["cpu_time"]) for row in rows), 0.7, 0.1, 0.02, "CPU of the thread")
    near(max(busy) + 0.05 - min(busy), float(run.out), 0, 0.25, "how long it computed")
    assert min(busy) > 0.7, busy
    main = [row for row in bins(t, run.trace, "--bin", "50ms", "--thread", "MainThread")]
    asleep = [row for row in main if 0.3 < float(row["start"]) < 0.7]
    assert asleep and all(float(row["cpu_time"]) < 0.01 for row in asleep), asleep


def test_lines_of_characters(t):
    run = record(t)
    text = t.analyze("timeline", "--bin", "100ms", run.trace)
    line = next(line for line in text.splitlines() if line.startswith("  burner"))
    assert set(line) & set("▁▂▃▄▅▆▇█"), text  # how high depends on what else runs here
    plain = t.analyze("timeline", "--ascii", "--bin", "100ms", run.trace)
    plain.encode("ascii")


def test_last_bin_is_whole(t):
    """A part of the time that the recording ends in is not less for being shorter."""
    run = t.record("-c", "import time; time.sleep(1.3)", rate=200)
    text = t.analyze("timeline", "--by", "wall", "--bin", "1s", run.trace)
    line = next(line for line in text.splitlines() if line.startswith("  MainThread"))
    rows = [row for row in bins(t, run.trace, "--bin", "1s") if row["thread"] == "MainThread"]
    assert len(rows) > 1 and float(rows[-1]["wall"]) < 1, rows  # how many: to start takes its time, too
    assert line.split()[1] == len(rows) * "\u2588", text


def test_pictures(t):
    """Made by gnuplot; nothing in a name is taken for a command."""
    if shutil.which("gnuplot") is None:
        raise Skip("no gnuplot here (gnuplot-nox)")
    run = record(t)
    for ending, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        path = t.dir / f"picture.{ending}"
        t.analyze("timeline", "--output", str(path), run.trace)
        data = path.read_bytes()
        assert data.startswith(magic) and len(data) > 3000, (ending, len(data), data[:80])
    svg = (t.dir / "picture.svg").read_text()
    assert "MainThread" in svg and "backquoted" in svg, svg[:1000]
    assert "CPUs, threads waiting, threads blocked or idle" in svg, "what the axis counts"
    done = subprocess.run([t.pyanalyze, "timeline", "-o", str(t.dir / "x.png"), run.trace],
                          cwd=t.dir, capture_output=True, text=True)
    assert done.returncode == 0 and not list(t.dir.glob("backquoted")), done


def test_no_gnuplot(t):
    run = record(t)
    done = subprocess.run([t.pyanalyze, "timeline", "-o", str(t.dir / "x.png"), run.trace],
                          env={"PATH": str(t.dir)}, capture_output=True, text=True)
    assert done.returncode == 1 and "gnuplot-nox" in done.stderr, done
    assert not (t.dir / "x.png").exists()
