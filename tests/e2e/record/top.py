# SPDX-License-Identifier: MIT
"""The live screen on a terminal, in tmux: keys, sizes, suspending, files that change, the end."""
import os
import pathlib
import shutil
import subprocess
import time

from e2e import Skip
from live import Live


class Screen:
    """pyanalyze top in a shell in tmux, with a server of its own."""

    def __init__(self, t, words, cols=100, rows=30):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed")
        self.socket = f"pyrec-{os.getpid()}-{time.monotonic_ns()}"
        env = {key: value for key, value in os.environ.items() if key not in ("TMUX", "NO_COLOR")}
        env.update(LC_ALL="C.UTF-8", TERM="screen-256color", PS1="$ ", ENV="", TMPDIR=str(t.dir / "temporary"))
        os.makedirs(env["TMPDIR"], exist_ok=True)
        self.env = env
        t.at_end.append(lambda: self.tmux("kill-server", check=False))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(cols), "-y", str(rows),
                  "-c", str(t.dir), "sh", "-i")
        self.keys(" ".join(words) + "; echo left: $?\n")

    def tmux(self, *words, check=True):
        return subprocess.run(["tmux", "-L", self.socket, *words], env=self.env, text=True,
                              check=check, capture_output=True).stdout

    def keys(self, *keys):
        for key in keys:
            if key.endswith("\n"):
                self.tmux("send-keys", "-l", key[:-1])
                key = "Enter"
            self.tmux("send-keys", key)

    def text(self):
        return self.tmux("capture-pane", "-p")

    def wait(self, *texts, without=None, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            shown = self.text()
            if all(text in shown for text in texts) and (without is None or without not in shown):
                return shown
            assert time.monotonic() < deadline, f"{texts} without {without}:\n{shown}"
            time.sleep(0.1)

    def shell(self):
        return self.tmux("list-panes", "-F", "#{pane_pid}").strip()

    def wait_for_foreground(self, pid):
        """Until it has the terminal, and is not stopped: a key that is pressed before is somebody else's, or comes
        while the terminal is given back, and Enter is no end of a line yet."""
        deadline = time.monotonic() + 30
        while True:
            state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], text=True, capture_output=True).stdout
            if "+" in state and "T" not in state:
                return
            assert time.monotonic() < deadline, (state, self.text())
            time.sleep(0.05)

    def wait_for_shell(self, without):
        """Its prompt, without the blank, which tmux does not show at the end of a line; and it has the terminal."""
        self.wait("$", without=without)
        self.wait_for_foreground(self.shell())

    def pids(self, name):
        """Of processes below the pane's shell."""
        out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", self.shell()], text=True,
                             capture_output=True).stdout
        return [int(line.split()[0]) for line in out.splitlines() if line.split()[1] == name]


def top(t, trace, **size):
    return Screen(t, [str(t.pyanalyze), "top", trace], **size)


def test_keys_and_sizes(t):
    live = Live(t)
    live.wait_for(2000)
    screen = top(t, live.trace)
    shown = screen.wait("LIVE", "MainThread", "work", "thread (1)")
    assert shown.startswith("pyrec top"), shown
    screen.keys("Space")
    screen.wait("PAUSED at")
    screen.keys("Left")
    screen.wait("PAUSED at")
    screen.keys("End")
    screen.wait("LIVE", without="PAUSED")
    screen.keys("m")
    screen.wait("(on CPU, last")
    screen.keys("w")
    screen.wait("m on CPU  w 30 s")
    screen.keys("Enter")
    screen.wait("tid ", "lines of this thread", "<module>")
    screen.keys("Escape")
    screen.wait("thread (1)")
    screen.keys("/", "n", "o", "n", "e", "Enter")
    screen.wait("/none", "thread (0)", "nothing is called so")
    screen.keys("Escape")
    screen.wait("thread (1)", without="/none")
    screen.keys("?")
    screen.wait("quit; the program")
    screen.keys("?")
    for cols, rows, words in ((30, 8, "too small"), (60, 15, "MainThread"), (160, 50, "waits for")):
        screen.tmux("resize-window", "-x", str(cols), "-y", str(rows))
        screen.wait(words)
    screen.keys("W", "a")
    deadline = time.monotonic() + 30
    while not list(t.dir.glob("*.html")):
        assert time.monotonic() < deadline, screen.text()
        time.sleep(0.1)
    live.stop()
    screen.wait("ended: exit 0")
    screen.keys("q")
    screen.wait("left: 0")


def test_suspend_and_continue(t):
    live = Live(t)
    live.wait_for(2000)
    screen = top(t, live.trace)
    screen.wait("LIVE", "thread (1)")
    screen.keys("C-z")
    screen.wait_for_shell(without="thread (1)")
    screen.keys("fg\n")
    screen.wait("LIVE", "thread (1)")
    screen.keys("C-c")
    screen.wait_for_shell(without="thread (1)")
    screen.keys("echo code: $?\n")
    screen.wait("code: 0")
    live.stop()


def test_file_replaced_and_removed(t):
    live = Live(t)
    live.wait_for(2000)
    screen = top(t, live.trace)
    screen.wait("LIVE", "work")
    copy = live.trace + ".copy"
    shutil.copy(live.trace, copy)
    os.rename(copy, live.trace)
    screen.wait("another file stands there")
    with open(live.trace + ".none", "w", encoding="utf-8") as file:
        file.write("no trace")
    os.rename(live.trace + ".none", live.trace)
    screen.wait("has no chunk header", "waiting for a trace")
    screen.keys("q")
    screen.wait("left: 0")
    live.flag.touch()  # its file is gone, and it says so: that is not looked at here
    live.process.communicate(timeout=60)


def test_terminal_gone(t):
    live = Live(t)
    live.wait_for(2000)
    screen = top(t, live.trace)
    screen.wait("LIVE")
    pids = screen.pids("pyanalyze")
    assert len(pids) == 1, pids
    screen.tmux("kill-server", check=False)
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{pids[0]}"):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.1)
    live.stop()
    assert '"yes"' in t.analyze("check", "--format", "json", live.trace)


def test_batch(t):
    live = Live(t)
    live.wait_for(2000)
    out = t.analyze("top", "--batch", "-n", "2", "-d", "1", live.trace)
    assert out.count("pyrec top") == 2 and "\033" not in out and "MainThread" in out, out
    live.stop()
    out = t.analyze("top", "--batch", live.trace)
    assert out.count("pyrec top") == 1 and "ended: exit 0" in out, out
    for words, said in ((["--window", "0"], "--window 0"), (["--window", "61"], "--window 61"),
                        (["-d", "0"], "--delay 0")):
        done = subprocess.run([t.pyanalyze, "top", "--batch", *words, live.trace], text=True,
                              capture_output=True)
        assert done.returncode == 2 and said in done.stderr, done


def test_batch_of_a_file_that_goes(t):
    """What was a trace and is none any more ends a log with a word, and not as if it had ended."""
    left = Live(t).left(t)
    log = subprocess.Popen([str(t.pyanalyze), "top", "--batch", "--delay", "1", str(left)], text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert log.stdout.readline().startswith("pyrec top")
    os.truncate(left, 0)
    err = log.communicate(timeout=60)[1]
    assert log.returncode == 1 and "left.trace is empty" in err, (log.returncode, err)


def test_no_stall_is_not_unknown(t):
    """A loop that is known has none; of a program that computes it cannot be told."""
    loop = "import asyncio\nasync def main():\n    for _ in range(30): await asyncio.sleep(0.05)\nasyncio.run(main())"
    for script, said in ((loop, "stalls 0"), ("sum(range(30000000))", "stalls: cannot tell")):
        out = t.analyze("top", "--batch", "-n", "1", t.record("-c", script).trace)
        assert [line for line in out.splitlines() if line.startswith("stalls")] == [said], out
