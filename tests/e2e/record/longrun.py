# SPDX-License-Identifier: MIT
"""Long recordings: from when to when, in which files, and what is on the disk at every moment."""
import glob
import json
import os
import pathlib
import signal
import subprocess
import time

from e2e import near

SPIN = ("import sys, time\n"
        "def spin(seconds):\n"
        "    end = time.perf_counter() + seconds\n"
        "    while time.perf_counter() < end: pass\n"
        "def first(): spin(float(sys.argv[1]))\n"
        "def second(): spin(float(sys.argv[2]))\n"
        "first()\n"
        "print('between', flush=True)\n"
        "second()\n")

# Many functions, so that there is much to write; two threads, one of them asleep.
BUSY = ("import sys, threading, time\n"
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True, name='asleep').start()\n"
        "end = time.time() + float(sys.argv[1])\n"
        "n = 0\n"
        "print('ready', flush=True)\n"
        "while time.time() < end:\n"
        "    n += 1\n"
        "    names = {}\n"
        "    exec(f'def function_{n}(k):\\n    return sum(range(2000)) if k == 0 else function_{n}(k - 1)',"
        " names)\n"
        "    for _ in range(5): names[f'function_{n}'](9)\n")


OPEN = "not closed: still being written, or cut off"
EMPTY = "there are no samples in it"


def whole(t, *paths, is_open=False):
    """Nothing about the files is wrong but, with is_open, that they end, and that they may have
    nothing in them yet; the samples in them."""
    done = subprocess.run([t.pyanalyze, "lines", "--merge-threads", "--format", "json", "--limit",
                           "0", *paths], capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if not (is_open and line.endswith(OPEN))]
    if is_open and said and all(line.endswith(EMPTY) for line in said):
        return 0
    assert done.returncode == 0 and not said, (paths, done.returncode, done.stderr)
    return sum(row["samples"] for row in json.loads(done.stdout))


def wall(t, *paths):
    """Seconds that the main thread was seen."""
    rows = json.loads(t.analyze("threads", "--format", "json", "--limit", "0", *paths))
    return sum(row["wall"] for row in rows if row["thread"] == "MainThread")


def watched(t, *paths):
    """The same, and those that nobody watched, because the machine was crowded."""
    info = json.loads(t.analyze("info", "--format", "json", *paths))
    return wall(t, *paths) + sum(process["unobserved"] or 0 for process in info["quality"])


def ticks_of(t, trace):
    return {row["function"]: row["ticks_cum"]
            for row in t.rows("functions", trace, "--merge-threads")}


def test_duration(t):
    """The trace is complete while the command goes on, unrecorded; its status is still ours."""
    process, trace = t.start([t.python, "-c", SPIN + "sys.exit(7)", "0.2", "4"],
                             ["-r", "1k", "--duration", "1.5s"])
    line = process.stderr.readline()
    assert process.poll() is None, "the command has ended"
    assert " samples" in line, line
    seen = wall(t, trace)
    before = os.path.getsize(trace)
    whole(t, trace)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7 and err == "", (process.returncode, err)
    assert os.path.getsize(trace) == before
    assert 0.5 < seen < 1.6, seen


def test_duration_of_a_short_command(t):
    run = t.record("-c", SPIN, "0.2", "0.2", options=["--duration", "1h"])
    # it does not wait for what it was allowed to: t.record would have given up
    assert "second" in ticks_of(t, run.trace)
    assert len(run.err.splitlines()) == 1, run.err


def test_delay(t):
    """What was before does not count, neither as time nor as CPU."""
    run = t.record("-c", SPIN, "1.5", "2.5", options=["--delay", "2s"])
    rows = t.rows("threads", run.trace)
    main = [row for row in rows if row["thread"] == "MainThread"][0]
    assert main["wall"] < 2.6 and main["cpu_time"] < 2.6, main
    assert main["cpu_time"] < main["wall"] + 0.1, main
    ticks = ticks_of(t, run.trace)
    assert "first" not in ticks and ticks.get("second", 0) > 500, ticks


def test_delay_longer_than_the_command(t):
    run = t.record("-c", "pass", options=["--delay", "1h"])
    assert "--delay" in run.err, run.err


def test_delay_and_fork(t):
    """A process that forks while it waits; from 3.12 on no warning, since our thread is away."""
    script = ("import os, sys, time\n"
              "for _ in range(3):\n"
              "    pid = os.fork()\n"
              "    if pid == 0: os._exit(0)\n"
              "    os.waitpid(pid, 0)\n"
              "def late():\n"
              "    end = time.perf_counter() + 1.5\n"
              "    while time.perf_counter() < end: pass\n"
              "late()\n")
    run = t.record("-W", "error", "-c", script, options=["--delay", "500ms"], ok=False)
    assert run.status == 2, "ms is no suffix"
    run = t.record("-W", "error", "-c", script, options=["--delay", "0.5"])
    assert ticks_of(t, run.trace).get("late", 0) > 200, run.err


def test_flush_at_once(t):
    """SIGUSR1: everything is on the disk now, and the recording goes on."""
    process, trace = t.start([t.python, "-c", SPIN, "0.3", "3"], ["-r", "1k"])
    assert process.stdout.readline() == "between\n"
    time.sleep(0.3)
    before = os.path.getsize(trace)
    process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 60
    while "second" not in ticks_of(t, trace) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert os.path.getsize(trace) > before
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (process.returncode, err)
    near(watched(t, trace), 3.3, absolute=0.5, what="wall")


def test_rotate(t):
    """Numbered files: each can be read alone, and together nothing is missing."""
    run = t.record("-c", BUSY, "5", options=["--rotate", "1s"])
    stem = run.trace[:-len(".trace")]
    files = sorted(glob.glob(stem + ".*.trace"))
    assert len(files) >= 4 and files[0].endswith(".0000.trace"), files
    assert not os.path.exists(run.trace)
    assert f"{files[0]} and {len(files) - 1} more: " in run.err, run.err
    parts = [whole(t, file) for file in files]
    assert all(part > 0 for part in parts[:-1]), parts
    assert sum(parts) == whole(t, *files), parts
    near(sum(wall(t, file) for file in files), wall(t, *files), absolute=0.05, what="wall of parts")
    near(watched(t, *files), 5, absolute=0.6, what="wall")
    assert whole(t, *files[1:3]) == parts[1] + parts[2]
    for file in files[:-1]:
        names = {row["thread"] for row in t.rows("threads", file)}
        assert {"MainThread", "asleep"} <= names, (file, names)


def test_rotate_by_size(t):
    run = t.record("-c", BUSY, "5", rate=4000, options=["--rotate", "64K"])
    files = sorted(glob.glob(run.trace[:-len(".trace")] + ".*.trace"))
    assert len(files) >= 2, (files, [os.path.getsize(file) for file in files])
    for file in files[:-1]:
        assert 65536 <= os.path.getsize(file) < 65536 + 600000, os.path.getsize(file)
    assert sum(whole(t, file) for file in files) == whole(t, *files)


def test_keep_time(t):
    """At any moment a whole file; at the end it has the last seconds and not many more."""
    process, trace = t.start([t.python, "-c", BUSY, "7"], ["-r", "1k", "--keep", "3s"])
    assert process.stdout.readline() == "ready\n"
    looks = 0
    while process.poll() is None:
        whole(t, trace, is_open=True)
        looks += 1
    out, err = process.communicate()
    assert process.returncode == 0 and looks > 0, (process.returncode, err)
    seen = watched(t, trace)
    assert 2.9 <= seen <= 5.5, seen
    assert {"MainThread", "asleep"} <= {row["thread"] for row in t.rows("threads", trace)}
    assert not os.path.exists(trace + ".part")


def test_keep_size(t):
    process, trace = t.start([t.python, "-c", BUSY, "600"], ["-r", "4k", "--keep", "150K"])
    assert process.stdout.readline() == "ready\n"
    size = largest = 0
    while size > largest - 20000:  # until something is dropped
        assert process.poll() is None
        size = os.path.getsize(trace)
        largest = max(largest, size)
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    # three fifths of the limit stay, and the last two seconds, however much that is
    assert 150 * 1024 * 3 // 5 <= largest < 400000, largest
    assert whole(t, trace) > 0 and os.path.getsize(trace) < 400000


def test_smallest_and_largest(t):
    """The least and the most that --keep and --rotate take: no storm of files, nothing broken."""
    process, trace = t.start([t.python, "-c", BUSY, "4"], ["-r", "4k", "--keep", "64K"])
    process.communicate(timeout=60)
    assert process.returncode == 0 and whole(t, trace) > 0
    assert wall(t, trace) > 0.5, wall(t, trace)  # a section is there, however small the limit
    run = t.record("-c", BUSY, "3", options=["--keep", "1s"])
    assert whole(t, run.trace) > 0 and 0.9 <= watched(t, run.trace) <= 3.5, watched(t, run.trace)
    for limit in ("87600h", "900000000G"):
        run = t.record("-c", BUSY, "0.5", options=["--keep", limit])
        near(watched(t, run.trace), 0.5, absolute=0.4, what="all of it")
        run = t.record("-c", BUSY, "0.5", options=["--rotate", limit])
        files = glob.glob(run.trace[:-len(".trace")] + ".*.trace")
        assert len(files) == 1 and whole(t, *files) > 0, files


def test_nonsense_limits(t):
    """One line that says what it wants; the program is not even started."""
    for option in ("--rotate", "--keep"):
        for limit in ("0", "1K", "0.9s", "-1m", "10", "1e9G", "0x10M", "99999999999h", "m", "soon"):
            run = t.command([t.python, "-c", "print('ran')"], [option, limit])
            assert run.status == 2 and run.out == "", (limit, run.status, run.out)
            said = run.err.splitlines()
            assert f"{option} wants a time" in said[0] and f"'{limit}'" in said[0], run.err
            assert not os.path.exists(run.trace), limit


def test_keep_snapshot(t):
    """SIGUSR1: what there is goes into a file of its own, which is closed and stays."""
    process, trace = t.start([t.python, "-c", BUSY, "6"], ["-r", "1k", "--keep", "2s"])
    assert process.stdout.readline() == "ready\n"
    snapshot = pathlib.Path(trace[:-len(".trace")] + ".1.trace")
    time.sleep(2.5)
    process.send_signal(signal.SIGUSR1)
    line = process.stderr.readline()
    assert str(snapshot) in line, line
    content = snapshot.read_bytes()
    samples = whole(t, str(snapshot))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert snapshot.read_bytes() == content and samples > 0
    seen = watched(t, str(snapshot))
    assert 1 < seen < 4, seen
    whole(t, trace)


def test_killed_recorders_files_read(t):
    """kill -9 of pyrec: rotated and kept files are as readable as a plain one."""
    for options in (["--rotate", "1s"], ["--keep", "2s"]):
        process, trace = t.start([t.python, "-c", BUSY, "4"], ["-r", "1k", *options])
        assert process.stdout.readline() == "ready\n"
        time.sleep(2.7)
        process.kill()
        process.communicate()
        files = sorted(glob.glob(trace[:-len(".trace")] + ".*.trace")) or [trace]
        assert whole(t, *files, is_open=True) > 500, files


def test_no_ordinary_file(t):
    run = t.record("-c", "print('ran')", options=["--keep", "10m"], trace="/dev/null")
    assert run.out == "ran\n" and "ordinary file" in run.err, run.err
