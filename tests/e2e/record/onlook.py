# SPDX-License-Identifier: MIT
"""pyrec top: a program, its recording and the screen, in tmux; whatever happens to one of them, the
program and its recording are as with pyrec alone."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from top import Screen

BUSY = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
print("begun", sys.stdin.read().split(), flush=True)
def work():
    return sum(i * i for i in range(2000))
end = time.time() + 100
while not os.path.exists(sys.argv[1]) and time.time() < end:
    work()
    time.sleep(0.001)  # the screen shows it all the same, and others want the CPU
print("over", flush=True)
sys.exit(3)
"""


class Shown(Screen):
    """A program below pyrec top that works until it may end, in a shell."""

    def __init__(self, t, options=(), behind="", **size):
        self.t, self.flag = t, pathlib.Path(t.dir) / "stop"
        script = t.file("busy.py", BUSY)
        super().__init__(t, [t.pyrec, "top", "-r", "1000", *options, "--", t.python, script,
                             str(self.flag), behind], **size)

    def end(self):
        self.flag.touch()

    def tree(self):
        """{name: pid} of the screen, both pyrecs and the program."""
        shown = self.pids("pyrec")
        pids = {"top": shown[0]} if shown else {}
        out = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], text=True,
                             capture_output=True).stdout
        for line in out.splitlines():
            pid, parent, name = line.split(None, 2)
            if int(parent) == pids.get("top") and name in ("pyrec", "pyanalyze"):
                pids[name] = int(pid)
        return pids


def gone(t, pid):
    deadline = time.monotonic() + 30
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.05)


def whole(t, trace):
    deadline = time.monotonic() + 30
    while '"yes"' not in t.analyze("check", "--format", "json", trace, ok=(0, 3)):
        assert time.monotonic() < deadline, "the recording does not end"
        time.sleep(0.1)
    assert sum(row["samples"] for row in t.rows("lines", trace)) > 100


def stashes(t):
    return sorted((t.dir / "temporary").glob("pyrec-top-*"))


def test_program_ends(t):
    screen = Shown(t, cols=80, rows=24)
    screen.wait("LIVE", "MainThread", "work")
    assert len(stashes(t)) == 1, stashes(t)
    recorder = pathlib.Path(f"/proc/{screen.tree()['pyrec']}/cmdline").read_bytes().split(b"\0")
    assert recorder[1:3] == [b"--flush", b"0.5"], f"what is shown is late: {recorder}"
    screen.keys("o")
    screen.wait("output so far", "begun []")
    screen.keys("o", "K")
    screen.wait("will be kept")
    screen.end()
    screen.wait("ended: exit 3", "MainThread")
    assert "begun" not in screen.text(), screen.text()
    screen.keys("q")
    screen.wait("begun []", "over", "recorder", "is kept: run.trace", "left: 3")
    whole(t, str(t.dir / "run.trace"))
    assert not stashes(t), "its folder is still there"


def test_stopped_left_and_interrupted(t):
    """Ctrl-Z with the screen and without; the program goes on when the screen is left."""
    trace = t.trace()
    screen = Shown(t, ["-o", trace])
    screen.wait("LIVE", "MainThread")
    for without in (False, True):
        screen.keys("C-z")
        screen.wait("Stopped", without="MainThread")
        screen.wait_for_foreground(screen.shell())
        screen.keys("clear; fg\n")
        if without:
            screen.wait_for_foreground(screen.tree()["top"])
            break
        screen.wait("LIVE", "MainThread")
        screen.keys("q")
        screen.wait("begun []", without="MainThread")
    screen.keys("C-c")
    screen.wait("KeyboardInterrupt", "samples")
    screen.wait_for_foreground(screen.shell())
    screen.keys("echo code: $?\n")
    screen.wait("code: 130")
    whole(t, trace)


def test_streams_that_are_no_terminal(t):
    """They are the program's; a screen interrupted stays until it has been seen."""
    trace = t.trace()
    t.file("in", "some words\n")
    screen = Shown(t, ["-o", trace], "< in > out")
    screen.wait("LIVE", "MainThread")
    screen.keys("C-c")
    screen.wait("ended: SIGINT")
    screen.keys("C-c")
    screen.wait_for_shell(without="MainThread")
    screen.keys("echo code: $?\n")
    screen.wait("code: 130")
    assert (t.dir / "out").read_text() == "begun ['some', 'words']\n"
    whole(t, trace)


def test_top_killed(t):
    trace = t.trace()
    screen = Shown(t, ["-o", trace])
    screen.wait("LIVE", "MainThread")
    pids = screen.tree()
    os.kill(pids["top"], signal.SIGKILL)
    gone(t, pids["pyanalyze"])
    # what the shell said of it may have come while the screen was still there, and have gone with it
    screen.wait_for_foreground(screen.shell())
    screen.keys("clear; echo again: $?\n")
    screen.wait("again: 0", without="MainThread")
    screen.end()
    whole(t, trace)


def test_leftover_of_one_that_was_killed(t):
    """Its folder stays while the recorder writes into it, and is removed by the next one."""
    def look():
        subprocess.run([t.pyrec, "top", "--batch", "-q", "--", t.python, "-c", "pass"], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60, check=True, env={**os.environ, "TMPDIR": str(folder)})
        return sorted(path.name for path in folder.glob("pyrec-top-*"))
    folder = t.dir / "tmp"
    folder.mkdir()
    (folder / "pyrec-top-of-others").mkdir(mode=0o755)
    (folder / "pyrec-top-file").touch()
    foreign = sorted(path.name for path in folder.glob("pyrec-top-*"))
    flag, script = t.dir / "stop", t.file("busy.py", BUSY)
    top = subprocess.Popen([t.pyrec, "top", "--batch", "--", t.python, script, str(flag)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "TMPDIR": str(folder)})
    assert top.stdout.readline() == "begun []\n"
    assert len(look()) == len(foreign) + 1, "that of one that lives was removed"
    writer, *_ = (int(path.read_text().split()[0]) for path in folder.glob("pyrec-top-*/writer"))
    top.kill()
    top.wait()
    assert len(look()) == len(foreign) + 1, "the recorder still writes into it"
    flag.touch()
    top.stdout.read()
    gone(t, writer)
    assert look() == foreign


def test_screen_killed(t):
    trace = t.trace()
    screen = Shown(t, ["-o", trace])
    screen.wait("LIVE", "MainThread")
    os.kill(screen.tree()["pyanalyze"], signal.SIGKILL)
    screen.wait("begun []")
    screen.end()
    screen.wait("left: 3")
    whole(t, trace)


def test_terminal_gone(t):
    trace = t.trace()
    screen = Shown(t, ["-o", trace])
    screen.wait("LIVE", "MainThread")
    pids = screen.tree()
    screen.tmux("kill-server", check=False)
    gone(t, pids["pyanalyze"])
    assert os.path.exists(f"/proc/{pids['pyrec']}")
    screen.end()
    whole(t, trace)
    gone(t, pids["top"])


def test_told_to_end(t):
    """As a service manager ends a process: the program gets it, and nobody waits for a key."""
    screen = Shown(t, ["-o", t.trace()])
    screen.wait("LIVE", "MainThread")
    os.kill(screen.tree()["top"], signal.SIGTERM)
    screen.wait("left: 143")


def test_attach(t):
    flag = pathlib.Path(t.dir) / "stop"
    program = subprocess.Popen([t.python, t.file("busy.py", BUSY), str(flag)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    t.at_end.append(program.kill)
    assert program.stdout.readline() == "begun []\n"
    trace = t.trace()
    screen = Screen(t, [t.pyrec, "top", "-r", "1000", "-o", trace, "-p", str(program.pid)])
    screen.wait("LIVE", "MainThread", "work")
    screen.keys("q")
    screen.wait("samples", "left: 0")
    assert program.poll() is None
    whole(t, trace)
    shown = subprocess.run([t.pyrec, "top", "--batch", "--every", "1", "--duration", "2s", "-p",
                            str(program.pid)], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0 and "MainThread" in shown.stdout, shown
    flag.touch()
    assert program.wait(timeout=60) == 3


def test_batch(t):
    """Where there is no terminal: the program has its streams, screens go to standard error."""
    flag = pathlib.Path(t.dir) / "stop"
    words = [t.pyrec, "top", "-q", "--every", "1", "-o", t.trace(), "--", t.python,
             t.file("busy.py", BUSY), str(flag)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as shown:
        shown.stdin.write(b"word")
        shown.stdin.close()
        text = b""
        while b"MainThread" not in text:
            line = shown.stderr.readline()
            assert line, text
            text += line
        flag.touch()
        assert shown.stdout.read() == b"begun ['word']\nover\n"
        text += shown.stderr.read()
        assert shown.wait(timeout=60) == 3 and b"ended: exit 3" in text and b"\033" not in text, text


def test_what_cannot_be(t):
    """In one line, and without a screen."""
    def run(*words):
        return subprocess.run([t.pyrec, "top", *words], capture_output=True, text=True, timeout=60,
                              cwd=t.dir, start_new_session=True)
    for words, status, said in (
            (["--", "no-such-program"], 127, "not found"),
            (["-p", "4194303"], 3, "4194303"),
            (["--keep", "2s", "--", "true"], 2, "-o FILE"),
            (["--window", "0", "--", "true"], 2, "--window"),
            (["--by-itself", "-p", "1"], 2, "--by-itself")):
        done = run(*words)
        assert done.returncode == status and said in done.stderr, (words, done)
    assert not shutil.which("pyanalyze"), "this test wants none on PATH"
    alone = t.dir / "bin"
    alone.mkdir()
    shutil.copy(t.pyrec, alone / "pyrec")
    done = subprocess.run([alone / "pyrec", "top", "--", "true"], capture_output=True, text=True)
    assert done.returncode == 1 and "pyanalyze" in done.stderr, done
