# SPDX-License-Identifier: MIT
"""What processes call themselves, and where they are."""
import os
import re
import subprocess

from e2e import Skip

# As setproctitle does it: over the arguments, padded with blanks or zeros.
OVERWRITE = """
import ctypes, os, sys, time
def area():
    with open("/proc/self/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[45]), int(fields[46])        # arg_start, arg_end
def title(text, pad):
    begin, end = area()
    room = end - begin - 1
    data = text.encode()[:room]
    ctypes.memmove(begin, data + pad * (room - len(data)), room)
"""

WORKERS = OVERWRITE + """
title("server: master", b" ")
pids = []
for i in range(2):
    pid = os.fork()
    if pid == 0:
        title(f"server: worker {i}", b"\\0" if i else b" ")
        time.sleep(0.6)
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
time.sleep(0.2)
print(*pids)
"""

NAMED = """
import ctypes, os, time
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b"the worker", 0, 0, 0)
    time.sleep(0.6)
    os._exit(0)
os.wait()
"""

SETPROCTITLE = """
import os, setproctitle, time
setproctitle.setproctitle("server: master")
if os.fork() == 0:
    setproctitle.setproctitle("server: worker 1")
    time.sleep(0.6)
    os._exit(0)
os.wait()
"""


def titles(t, run):
    return [row["command"] for row in t.rows("processes", run.trace)]


def test_workers(t):
    """Whatever the arguments were, longer than any title; it is the last one, without what pads it."""
    t.need_ctypes()
    run = t.record(t.file("workers.py", WORKERS), *["argument"] * 20, rate=100)
    assert sorted(titles(t, run)) == ["server: master", "server: worker 0", "server: worker 1"], \
        titles(t, run)
    first = run.out.split()[0]
    assert f"{first} (server: worker" in t.analyze("lines", run.trace), t.analyze("lines", run.trace)
    info = t.analyze("info", run.trace)
    assert "server: worker 0" in info and "workers.py argument argument" in info, info


def test_names_for_the_kernel_only(t):
    t.need_ctypes()
    run = t.record(t.file("named.py", NAMED), rate=100)
    assert "the worker" in titles(t, run) and len(titles(t, run)) == 2, titles(t, run)
    assert any("named.py" in title for title in titles(t, run)), titles(t, run)


def test_named_by_the_thread_that_forked(t):
    """Nor its child, which is forked by what is the main thread then. A name of its own counts."""
    t.need_ctypes()
    run = t.record(t.file("forks.py", """
import ctypes, os, threading, time
name = ctypes.CDLL(None).prctl
def fork():
    name(15, b"forker", 0, 0, 0)
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.4)
            if os.fork() == 0:
                name(15, b"the worker", 0, 0, 0)
                time.sleep(0.6)
                os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
thread = threading.Thread(target=fork)
thread.start()
thread.join()
"""), rate=100)
    assert len(titles(t, run)) == 4, titles(t, run)
    assert [title for title in titles(t, run) if "forks.py" not in title] == ["the worker"], \
        titles(t, run)


def test_setproctitle(t):
    if subprocess.run([t.python, "-c", "import setproctitle"], capture_output=True).returncode:
        raise Skip("this interpreter has no setproctitle")
    run = t.record(t.file("set.py", SETPROCTITLE), rate=100)
    assert sorted(titles(t, run)) == ["server: master", "server: worker 1"], titles(t, run)


def test_history(t):
    t.need_ctypes()
    run = t.record(t.file("history.py", OVERWRITE + """
for i in range(4):
    title(f"phase {i}", b" ")
    time.sleep(0.8 if i < 3 else 2.6)
"""), *["argument"] * 20, rate=100)
    assert titles(t, run) == ["phase 3"], titles(t, run)
    text = t.analyze("info", run.trace)
    assert "phase 0" in text and "phase 3" in text, text
    assert "history.py" in text, text


def test_no_titles(t):
    """Arguments are none, a script's name neither, nor what it becomes by exec."""
    script = t.file("script", f"#!{t.python}\nimport time\ntime.sleep(0.4)\n")
    os.chmod(script, 0o755)
    run = t.command([script, "a  b", "c "])
    command, = titles(t, run)
    assert re.search(r"title +-", t.analyze("info", run.trace)), t.analyze("info", run.trace)
    assert command.endswith("script a  b c"), command
    run = t.record("-c", "import os, time; time.sleep(0.3); os.execlp('sleep', 'sleep', '0.7')",
                   rate=100)
    assert all("time.sleep" in title for title in titles(t, run)), titles(t, run)


def test_relative_files(t):
    """The same name in two directories is two files, where Python gives relative names."""
    for name, seconds in (("one", 0.2), ("two", 0.4)):
        (t.dir / name).mkdir()
        t.file(f"{name}/tool.py", f"""
import time
def work():
    end = time.thread_time() + {seconds}
    while time.thread_time() < end:
        pass
work()
""")
    run = t.command(["sh", "-c", f"cd one && {t.python} tool.py && cd ../two && {t.python} tool.py"],
                    ["-r", "500"])
    assert run.status == 0, run.err
    rows = [row for row in t.rows("functions", run.trace) if row["function"] == "work"]
    assert sorted(row["file"] for row in rows) == \
        [str(t.dir / "one" / "tool.py"), str(t.dir / "two" / "tool.py")], rows
    for row in rows:
        expected = 0.2 if "one" in row["file"] else 0.4
        assert abs(row["cpu_time_cum"] - expected) < 0.06, rows
    assert str(t.dir / "one") in t.analyze("info", run.trace)
