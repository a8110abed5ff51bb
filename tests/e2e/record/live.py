# SPDX-License-Identifier: MIT
"""Files that are still being written: read as they are, and followed."""
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

BUSY = """
import os, sys, time
def work():
    return sum(i * i for i in range(2000))
end = time.time() + 100
while not os.path.exists(sys.argv[1]) and time.time() < end:
    work()
    time.sleep(0.001)  # a file grows all the same, and others want the CPU
"""


class Live:
    """A program under pyrec that works until stop()."""

    def __init__(self, t, *options):
        self.flag = pathlib.Path(t.dir) / "stop"
        self.process, self.trace = t.start([t.python, "-c", BUSY, str(self.flag)],
                                           ["-r", "1000", "-q", *options])

    def wait_for(self, n_bytes, trace=None):
        deadline = time.monotonic() + 60
        trace = trace or self.trace
        while not os.path.exists(trace) or os.path.getsize(trace) < n_bytes:
            assert time.monotonic() < deadline, "the trace does not grow"
            time.sleep(0.1)

    def stop(self):
        self.flag.touch()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, out + err

    def left(self, t):
        """As much as somebody has who looks before the end: a copy that nobody writes to any more."""
        self.wait_for(3000)
        left = t.dir / "left.trace"
        left.write_bytes(pathlib.Path(self.trace).read_bytes())
        self.stop()
        return left


def test_every_command_reads_a_live_file(t):
    live = Live(t)
    live.wait_for(3000)
    # 3: the last chunk was being written at that moment
    rows = t.rows("lines", live.trace, ok=(0, 3))
    assert sum(row["samples"] for row in rows) > 100, rows
    assert t.rows("threads", live.trace, ok=(0, 3))
    for words in (["info"], ["dump", "--limit", "3"], ["check"], ["functions"]):
        assert t.analyze(*words, live.trace, ok=(0, 3))
    copy = str(t.dir / "copy.trace")
    t.analyze("repair", "-o", copy, live.trace, ok=(0, 3))
    assert '"yes"' in t.analyze("check", "--format", "json", copy)
    live.stop()
    assert '"yes"' in t.analyze("check", "--format", "json", live.trace)


def documents(text):
    """JSON documents one behind the other; the last one may not be whole yet."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        try:
            document, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield document


def total(rows):
    return sum(row["samples"] for row in rows)


def test_follow_appends_to_a_pipe(t):
    live = Live(t)
    live.wait_for(1)
    follow = subprocess.Popen([t.pyanalyze, "lines", "--follow", "--format", "json", live.trace],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text, deadline = b"", time.monotonic() + 60
    while len([d for d in documents(text.decode()) if d]) < 3:
        assert time.monotonic() < deadline, text
        if select.select([follow.stdout], [], [], 1)[0]:
            text += os.read(follow.stdout.fileno(), 65536)
    assert follow.poll() is None
    live.stop()
    rest, err = follow.communicate(timeout=60)
    totals = [total(d) for d in documents((text + rest).decode())]
    assert totals == sorted(totals) and totals[-1] > totals[-2] > 0, totals
    assert totals[-1] == total(t.rows("lines", live.trace)), totals
    assert follow.returncode == 0 and not err, err


def follow_to_the_end(t, live, trace, is_enough):
    """Follow a trace until what was shown is enough; all that was shown until it ended."""
    follow = subprocess.Popen([t.pyanalyze, "lines", "--follow", "--format", "json", trace],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text, deadline = b"", time.monotonic() + 60
    while not is_enough([total(d) for d in documents(text.decode())]):
        assert time.monotonic() < deadline, text
        if select.select([follow.stdout], [], [], 1)[0]:
            text += os.read(follow.stdout.fileno(), 65536)
    live.stop()
    rest, err = follow.communicate(timeout=60)
    assert follow.returncode == 0 and not err, err
    return [total(d) for d in documents((text + rest).decode())]


def test_follow_ends_with_its_reader(t):
    """Also where the file does not grow any more, so that nothing is written that could fail."""
    left = Live(t).left(t)
    for words in (["lines", "--follow"], ["threads", "--follow", "--format", "json"],
                  ["top", "--batch", "--delay", "1000"]):
        reader = subprocess.Popen([str(t.pyanalyze), *words, str(left)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert reader.stdout.readline(), words
        reader.stdout.close()
        assert reader.wait(60) == -signal.SIGPIPE, (words, reader.returncode, reader.stderr.read())


def test_follow_says_that_something_is_damaged(t):
    """In its headline, at once: who ends it by a signal never sees what is said at the end."""
    live = Live(t)
    left = live.left(t)
    whole = pathlib.Path(live.trace).read_bytes()
    follow = subprocess.Popen([str(t.pyanalyze), "lines", "--follow", str(left)], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    headline = follow.stdout.readline()
    assert "left.trace: " in headline and "damaged" not in headline, headline
    with open(left, "ab") as file:
        file.write(bytes(1000) + whole[left.stat().st_size:])
    while "left.trace: " not in (headline := follow.stdout.readline()):
        assert headline, "it ended"
    assert "damaged in 1 place" in headline or "damaged in 2 places" in headline, headline
    follow.terminate()
    follow.wait(60)


def test_follow_goes_on_in_the_next_file(t):
    live = Live(t, "--rotate", "1s")
    parts = pathlib.Path(t.dir)
    first, third = (live.trace.replace(".trace", f".000{n}.trace") for n in (0, 2))
    live.wait_for(1, first)
    totals = follow_to_the_end(t, live, first,
                               lambda totals: len(totals) > 2 and os.path.exists(third))
    assert totals == sorted(totals), totals
    whole = [str(part) for part in sorted(parts.glob("*.0*.trace"))]
    assert len(whole) >= 3 and totals[-1] == total(t.rows("lines", *whole)), (totals, whole)


def test_follow_a_flight_recorder(t):
    """What is shown is what is in the file: the beginning of it goes, and counts no more."""
    live = Live(t, "--keep", "2s")
    live.wait_for(1)
    was = os.stat(live.trace).st_ino
    totals = follow_to_the_end(
        t, live, live.trace,
        lambda totals: len(totals) > 2 and os.stat(live.trace).st_ino != was)
    assert totals[-1] == total(t.rows("lines", live.trace)), totals


def test_follow_redraws_a_terminal(t):
    live = Live(t)
    live.wait_for(3000)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", COLUMNS="100", LINES="20")
        os.execv(t.pyanalyze, [t.pyanalyze, "lines", "--follow", "--limit", "3", live.trace])
    text, deadline, stopped = b"", time.monotonic() + 90, False
    while time.monotonic() < deadline:
        if text.count(b"\033[H\033[2J") >= 2 and not stopped:
            live.stop()
            stopped = True
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        text += data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    frames = text.split(b"\033[H\033[2J")
    assert frames[0] == b"" and len(frames) >= 3, text
    assert all(b"MainThread" in frame for frame in frames[1:]), text
