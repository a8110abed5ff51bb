# SPDX-License-Identifier: MIT
"""Long recordings: from when to when, in which files, and what is on the disk at every moment."""
import glob
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from e2e import near, wide

# What each says at its end is how long it was there: how soon an interpreter starts and ends is the machine's
# affair. With "told" it goes on until its input is closed.
HEAD = """
import os, select, sys, threading, time
begin = time.monotonic()
def goes_on(seconds):
    if seconds == "told": return not select.select([0], [], [], 0)[0]
    return time.monotonic() < begin + float(seconds)
def compute():
    while goes_on(sys.argv[1]): sum(range(2000))
"""
TELL = "print(time.monotonic() - begin, flush=True)\n"

# Many functions, so that there is much to write; two threads, one of them asleep. The second argument: how
# long it rests between two of them.
BUSY = HEAD + """
threading.Thread(target=time.sleep, args=(3600,), daemon=True, name="asleep").start()
n, rest = 0, float(sys.argv[2])
print("ready", flush=True)
while goes_on(sys.argv[1]):
    n += 1
    names = {}
    exec(f"def function_{n}(k):\\n    return sum(range(2000)) if k == 0 else function_{n}(k - 1)", names)
    for _ in range(5): names[f"function_{n}"](9)
    if rest: time.sleep(rest)
""" + TELL
REST = "0.002"


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


def busy(t, options, rate="1k", rest=REST):
    """One that goes on until it is told; it has begun."""
    process, trace = t.start([t.python, "-c", BUSY, "told", rest], ["-r", rate, *options], stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    return process, trace


def end(process):
    """How long it was there, by its own clock; and what pyrec said."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (process.returncode, err)
    return float(out), err


def wait(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def numbered(trace):
    return sorted(glob.glob(trace[:-len(".trace")] + ".*.trace"))


def test_duration(t):
    """The trace is complete while the command goes on, unrecorded; its status is still ours."""
    begin = time.monotonic()
    process, trace = t.start([t.python, "-c", HEAD + "compute()\nsys.exit(7)", "told"], ["-r", "1k", "--duration", "1s"],
                             stdin=subprocess.PIPE)
    line = process.stderr.readline()
    told = time.monotonic() - begin
    assert process.poll() is None, "the command has ended"
    assert " samples" in line, line
    seen = wall(t, trace)
    before = os.path.getsize(trace)
    whole(t, trace)
    time.sleep(0.2)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7 and err == "", (process.returncode, err)
    assert os.path.getsize(trace) == before and 0 < seen <= told, (seen, told)


def test_duration_of_a_short_command(t):
    run = t.record("-c", HEAD + "compute()", "0.2", options=["--duration", "1h"])
    # it does not wait for what it was allowed to: t.record would have given up
    assert "compute" in ticks_of(t, run.trace)
    assert len(run.err.splitlines()) == 1, run.err


def test_delay(t):
    """What was before does not count, neither as time nor as CPU."""
    started = time.monotonic()
    run = t.record("-c", HEAD + "def first():\n"
                   "    while time.monotonic() < float(sys.argv[2]) + 0.6: sum(range(2000))\n"
                   "first()\n"
                   "time.sleep(max(0, float(sys.argv[2]) + 1.1 - time.monotonic()))\n"
                   "begin = time.monotonic()\n"
                   "compute()\n"
                   "print(time.monotonic())\n", "0.5", str(started), options=["--delay", "1s"])
    recorded = float(run.out) - started - 1
    main, = (row for row in t.rows("threads", run.trace) if row["thread"] == "MainThread")
    assert main["wall"] < recorded + 0.1 and main["cpu_time"] < main["wall"] + 0.1, (main, recorded)
    ticks = ticks_of(t, run.trace)
    assert "first" not in ticks and ticks.get("compute", 0) > max(0, 200 - t.missed(run.trace)), ticks


def test_delay_longer_than_the_command(t):
    run = t.record("-c", "pass", options=["--delay", "1h"])
    assert "--delay" in run.err, run.err


def test_delay_and_fork(t):
    """A process that forks while it waits; from 3.12 on no warning, since our thread is away."""
    script = HEAD + ("for _ in range(3):\n"
                     "    pid = os.fork()\n"
                     "    if pid == 0: os._exit(0)\n"
                     "    os.waitpid(pid, 0)\n"
                     "compute()\n")
    run = t.record("-W", "error", "-c", script, "1", options=["--delay", "500ms"], ok=False)
    assert run.status == 2, "ms is no suffix"
    run = t.record("-W", "error", "-c", script, "1", options=["--delay", "0.5"])
    assert ticks_of(t, run.trace).get("compute", 0) > max(0, 200 - t.missed(run.trace)), run.err


def test_flush_at_once(t):
    """SIGUSR1: everything is on the disk now, and the recording goes on."""
    process, trace = busy(t, [])
    before = os.path.getsize(trace)

    def is_there(): # nothing is on the disk before it was asked for something of it
        process.send_signal(signal.SIGUSR1)
        return any(name.startswith("function_") for name in ticks_of(t, trace))
    wait(is_there)
    assert os.path.getsize(trace) > before
    lived, _ = end(process)
    assert watched(t, trace) > lived - 0.1, (watched(t, trace), lived)


def test_rotate(t):
    """Numbered files: each can be read alone, and together nothing is missing."""
    process, trace = busy(t, ["--rotate", "1s"])
    wait(lambda: len(numbered(trace)) >= 4)
    lived, err = end(process)
    files = numbered(trace)
    assert files[0].endswith(".0000.trace"), files
    assert not os.path.exists(trace)
    assert f"{files[0]} and {len(files) - 1} more: " in err, err
    parts = [whole(t, file) for file in files]
    assert all(part > 0 for part in parts[:-1]), parts
    assert sum(parts) == whole(t, *files), parts
    near(sum(wall(t, file) for file in files), wall(t, *files), absolute=0.05, what="wall of parts")
    assert lived - 0.1 < watched(t, *files) < t.info(files[-1])["processes"][0]["duration"] + lived, (lived, watched(t, *files))
    assert whole(t, *files[1:3]) == parts[1] + parts[2]
    for file in files[:-1]:
        names = {row["thread"] for row in t.rows("threads", file)}
        assert {"MainThread", "asleep"} <= names, (file, names)


@wide
def test_rotate_by_size(t):
    process, trace = busy(t, ["--rotate", "64K"], rate="4k", rest="0")
    wait(lambda: len(numbered(trace)) >= 2)
    end(process)
    files = numbered(trace)
    for file in files[:-1]:
        assert 65536 <= os.path.getsize(file) < 65536 + 600000, os.path.getsize(file)
    assert sum(whole(t, file) for file in files) == whole(t, *files)


def test_keep_time(t):
    """At any moment a whole file; at the end it has the last seconds and not many more."""
    process, trace = busy(t, ["--keep", "2s"])
    begin, looks = time.monotonic(), 0
    while time.monotonic() < begin + 6:
        whole(t, trace, is_open=True)
        looks += 1
        time.sleep(0.1)
    lived, _ = end(process)
    seen = watched(t, trace)
    assert 1.9 <= seen <= 4.5 and seen < lived - 1 and looks > 1, (seen, lived)
    assert {"MainThread", "asleep"} <= {row["thread"] for row in t.rows("threads", trace)}
    assert not os.path.exists(trace + ".part")


@wide
def test_keep_size(t):
    process, trace = busy(t, ["--keep", "150K"], rate="4k", rest="0")
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


@wide
def test_smallest_and_largest(t):
    """The least and the most that --keep and --rotate take: no storm of files, nothing broken."""
    process, trace = t.start([t.python, "-c", BUSY, "2.5", "0"], ["-r", "4k", "--keep", "64K"])
    process.communicate(timeout=60)
    assert process.returncode == 0 and whole(t, trace) > 0
    assert watched(t, trace) > 0.5, watched(t, trace)  # a section is there, however small the limit
    run = t.record("-c", BUSY, "2.5", REST, options=["--keep", "1s"])
    seen, missed = watched(t, run.trace), t.missed(run.trace) / 1000  # ticks of the recording, 1000 a second
    assert whole(t, run.trace) > 0 and 0.9 - missed <= seen <= 3.5, (seen, missed)
    for limit in ("87600h", "900000000G"):
        run = t.record("-c", BUSY, "0.3", REST, options=["--keep", limit])
        lived = float(run.out.splitlines()[-1])
        assert watched(t, run.trace) > lived - 0.1, (watched(t, run.trace), lived)
        run = t.record("-c", BUSY, "0.3", REST, options=["--rotate", limit])
        files = numbered(run.trace)
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
    process, trace = busy(t, ["--keep", "2s"])
    snapshot = pathlib.Path(trace[:-len(".trace")] + ".1.trace")
    time.sleep(2.5)
    process.send_signal(signal.SIGUSR1)
    line = process.stderr.readline()
    assert str(snapshot) in line, line
    content = snapshot.read_bytes()
    samples = whole(t, str(snapshot))
    lived, _ = end(process)
    assert snapshot.read_bytes() == content and samples > 0
    seen = watched(t, str(snapshot))
    assert 1 < seen < 4.5, (seen, lived)
    whole(t, trace)


def test_killed_recorders_files_read(t):
    """kill -9 of pyrec: rotated and kept files are as readable as a plain one."""
    for options in (["--rotate", "1s"], ["--keep", "1s"]):
        process, trace = busy(t, options)
        if "--rotate" in options:
            wait(lambda: len(numbered(trace)) >= 2)
        wait(lambda: whole(t, *(numbered(trace) or [trace]), is_open=True) > 500)
        process.kill()
        process.communicate()
        assert whole(t, *(numbered(trace) or [trace]), is_open=True) > 500, options


def test_series(t):
    """--rotate with --keep: parts that nobody changes once they have their names, over restarts, a kill among them."""
    directory = t.dir / "parts"
    directory.mkdir()
    trace = str(directory / "api.trace")
    old = directory / "api-20200101T000000Z-00000000.000000.trace"
    old.write_bytes(b"x")
    os.utime(old, (1577836800, 1577836800))
    seen = {}

    def look():
        for path in directory.glob("*.trace"):
            content = path.read_bytes()
            assert seen.setdefault(path.name, content) == content, f"{path.name} has changed"

    for kill in (True, False):
        process, _ = t.start([t.python, "-c", BUSY, "60" if kill else "2.5", REST],
                             ["-r", "500", "--rotate", "1s", "--keep", "1h"], trace=trace, start_new_session=True)
        assert process.stdout.readline() == "ready\n"
        n = len(seen)
        while process.poll() is None and not (kill and len(seen) >= n + 2):
            look()
            time.sleep(0.05)
        assert list(directory.glob("*.part")) or not kill
        if kill:
            os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        if not kill:
            assert re.search(r"api-\d{8}T\d{6}Z-[0-9a-f]{8}\.000000\.trace and [23] more: ", err), err
    look()
    assert not list(directory.glob("*.part")), "the second recording finished what the first had left"
    assert not old.exists(), "older than an hour"
    names = sorted(seen)
    recordings = {re.fullmatch(r"api-(\d{8}T\d{6}Z-[0-9a-f]{8})\.\d{6}\.trace", name).group(1) for name in names}
    assert len(recordings) == 2, names
    for recording in recordings:
        parts = sorted(str(p) for p in directory.glob(f"*{recording}*"))
        assert len(parts) >= 3
        info = t.info(parts[0])["recordings"][0]
        assert info["option_file"] == "series"
        assert recording.endswith(whole_id(t, parts[0])[:8])
        whole(t, *parts, is_open=recording == min(recordings))


def whole_id(t, trace):
    t.analyze("export", "--format", "tables", "-o", trace + ".tables", trace)
    name, = os.listdir(os.path.join(trace + ".tables", "recordings"))
    return name


def test_no_ordinary_file(t):
    run = t.record("-c", "print('ran')", options=["--keep", "10m"], trace="/dev/null")
    assert run.out == "ran\n" and "ordinary file" in run.err, run.err
