# SPDX-License-Identifier: MIT
"""pyrec dump: what running programs are doing, seen from outside, and nothing left in them."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

import dump_truth
from e2e import Skip, wide

BLOCKED = """
import os, queue, select, socket, subprocess, sys, threading, time
def sleeps():
    time.sleep(1000)
def locks(lock):
    lock.acquire()
def queues():
    queue.Queue().get()
def receives(end):
    end.recv(10)
def polls(end):
    poll = select.poll()
    poll.register(end, select.POLLIN)
    poll.poll()
def reads(fd):
    os.read(fd, 1)
def waits(child):
    child.wait()
def inner():
    while True:
        yield time.sleep(1000)
def generates():
    for _ in inner():
        pass
def deep(n):
    return deep(n - 1) if n else time.sleep(1000)
def starts():
    threading.stack_size(64 << 20)
    threading.Thread(target=deep, args=(1000,), name="deep", daemon=True).start()
lock = threading.Lock()
lock.acquire()
ends, pipe = socket.socketpair() + socket.socketpair(), os.pipe()
child = subprocess.Popen(["sleep", "1000"])
sys.setrecursionlimit(3000)
for target, *args in ((sleeps,), (locks, lock), (locks, lock), (queues,), (receives, ends[0]),
                      (polls, ends[2]), (reads, pipe[0]), (waits, child), (generates,)):
    threading.Thread(target=target, args=args, name=f"t-{target.__name__}", daemon=True).start()
starts()
threading.Thread(target=sleeps, name="caf\\u00e9 \\u65e5\\x1b[31m", daemon=True).start()
print("up", flush=True)
try:
    threading.Event().wait()
finally:
    child.kill()
"""


def standing(task):
    """A thread and how often it has run; None while it runs, or waits for a CPU."""
    try:
        lines = (task / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None  # it has ended
    status = dict(line.split(":\t", 1) for line in lines)
    if status["State"][0] not in "STZ":
        return None
    return task.name, status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"]


class Program:
    """A program that has said "up"; killed when the test is over."""

    def __init__(self, t, source, *args, prefix=(), name="program.py", **more):
        self.path = t.file(name, source)
        self.process = subprocess.Popen([*prefix, t.python, self.path, *args],
                                        stdout=subprocess.PIPE, text=True, **more)
        self.pid = self.process.pid
        t.at_end.append(self.end)
        assert self.process.stdout.readline() == "up\n"

    def rest(self, pid=None):
        """Wait until all threads (of a child) stand still, where they are to be found."""
        end, before = time.monotonic() + 60, None
        while True:
            now = [standing(task) for task in pathlib.Path(f"/proc/{pid or self.pid}/task").iterdir()]
            if now == before and None not in now:
                return self
            assert time.monotonic() < end, (before, now)
            before = now
            time.sleep(0.05)

    def end(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children")
        found = children.read_text().split() if children.exists() else []
        for pid in [*map(int, found), self.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdout.close()


def look(t, *args, status=0, **more):
    done = subprocess.run([t.pyrec, *map(str, args)], capture_output=True, text=True, timeout=120,
                          **more)
    assert done.returncode == status, (args, done.returncode, done.stdout[-500:], done.stderr)
    return done


def dump(t, pid, *options):
    return json.loads(look(t, "dump", "--json", *options, pid).stdout)


def named(document):
    return {thread["name"]: thread for thread in document["threads"] if thread["is_python"]}


def functions(thread):
    return [frame["function"].rsplit(".", 1)[-1] for frame in thread["stack"]["frames"]]


def line_of(program, text):
    for number, line in enumerate(pathlib.Path(program.path).read_text().splitlines(), 1):
        if text in line:
            return number
    raise AssertionError(text)


def test_what_threads_wait_for(t):
    program = Program(t, BLOCKED).rest()
    document = dump(t, program.pid)
    assert document["python"].startswith("%d.%d.%d" % t.version), document["python"]
    assert document["pid"] == program.pid and program.path in document["command"]
    counts = document["counts"]
    assert counts["not_known"] == counts["not_proved"] == 0 and document["is_whole"], counts
    assert counts["proved"] == counts["python"] == len(os.listdir(f"/proc/{program.pid}/task"))
    threads = named(document)
    expected = {  # function, its line, the calls that it may be
        "t-sleeps": ("sleeps", "    time.sleep(1000)", {"clock_nanosleep", "pselect6", "select"}),
        "t-locks": ("locks", "    lock.acquire()", {"futex"}),
        "t-queues": ("queues", "    queue.Queue().get()", {"futex"}),
        "t-receives": ("receives", "    end.recv(10)", {"recvfrom"}),
        "t-polls": ("polls", "    poll.poll()", {"poll", "ppoll"}),
        "t-reads": ("reads", "    os.read(fd, 1)", {"read"}),
        "t-waits": ("waits", "    child.wait()", {"wait4"}),
    }
    for name, (function, text, calls) in expected.items():
        thread = threads[name]
        assert thread["state"] == "blocked" and thread["call"] in calls, thread
        frame = [frame for frame in thread["stack"]["frames"]
                 if frame["file"] == program.path][0]
        assert frame["function"] == function and frame["line"] == line_of(program, text), frame
        assert functions(thread)[-1] == "_bootstrap", functions(thread)  # leaf first
        assert thread["stack"]["is_proved"] and not thread["holds_gil"], thread
    assert functions(threads["t-generates"])[:2] == ["inner", "generates"]
    assert threads["t-reads"]["waits_for"].startswith("fd ") and \
        "pipe:[" in threads["t-reads"]["waits_for"], threads["t-reads"]
    assert "socket:[" in threads["t-receives"]["waits_for"], threads["t-receives"]
    children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    assert threads["t-waits"]["waits_for"] == f"process {children[0]}", threads["t-waits"]
    assert "caf\u00e9 \u65e5\x1b[31m" in threads, list(threads)
    plain = look(t, "dump", program.pid, env={**os.environ, "LC_ALL": "C"}).stdout
    assert '"caf\\xe9 \\u65e5\\x1b[31m" tid ' in plain and plain.isascii(), plain
    text = look(t, "dump", program.pid, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    assert '"caf\u00e9 \u65e5\\x1b[31m" tid ' in text and "\x1b" not in text, text
    assert ("GIL: held by none" if t.has_gil() else "GIL: none is used") in text, text


def test_who_waits_for_the_same_lock(t):
    if t.version >= (3, 13):
        raise Skip("a lock of 3.13 and later has a place to wait for each thread")
    document = dump(t, Program(t, BLOCKED).rest().pid)
    waiting = [thread for thread in document["threads"] if thread["name"] == "t-locks"]
    assert len(waiting) == 2 and waiting[0]["futex"] == waiting[1]["futex"], waiting
    assert all(thread["waiting_there"] == 2 for thread in waiting), waiting


def test_deep_stacks_are_folded(t):
    program = Program(t, BLOCKED).rest()
    stack = named(dump(t, program.pid))["deep"]["stack"]
    assert len(stack["frames"]) == 100 and stack["depth"] == 100 + stack["left_out"], stack["depth"]
    assert stack["left_out_behind"] == 90 and stack["frames"][-1]["function"].endswith("_bootstrap")
    whole = named(dump(t, program.pid, "--max-depth", "0"))["deep"]["stack"]
    assert whole["left_out"] == 0 and len(whole["frames"]) == whole["depth"] == stack["depth"]
    assert sum(frame["function"] == "deep" for frame in whole["frames"]) == 1001
    for wanted in (1, 2, 7):
        few = named(dump(t, program.pid, f"--max-depth={wanted}"))["deep"]["stack"]
        assert len(few["frames"]) == wanted, few
        assert few["left_out"] == stack["depth"] - wanted and few["frames"][0]["function"] == "deep"
    text = look(t, "dump", "--max-depth", "7", program.pid).stdout
    assert f".. {stack['depth'] - 7} frames more (--max-depth 0 shows all) .." in text


HOLDS = r"""
#include <time.h>
#include <unistd.h>
void hold(void)
{
    struct timespec now;
    while (write(1, "up\n", 3) != 3)
        ;
    do clock_gettime(CLOCK_MONOTONIC, &now); while (now.tv_sec);
}
"""


def test_who_holds_the_gil(t):
    """C code that holds it for ever: the others wait for it, and it is known who has it."""
    t.need_gil()
    library = t.library("hold", HOLDS)
    program = Program(t, f"""
import ctypes, threading, time
hold = ctypes.PyDLL({library!r}).hold
there = threading.Semaphore(0)
def wants():
    there.release()
    time.sleep(0.2)
    while True:
        pass
for i in range(2):
    threading.Thread(target=wants, name=f"wants-{{i}}", daemon=True).start()
    there.acquire()
hold()  # says "up" when it has it
""")
    time.sleep(0.5)
    waiting = set()  # who waits wakes up every 5 ms to ask again, and is runnable then
    while len(waiting) < 2:
        threads = named(dump(t, program.pid))
        assert threads["MainThread"]["holds_gil"] and threads["MainThread"]["state"] == "runnable"
        assert functions(threads["MainThread"]) == ["<module>"], threads["MainThread"]
        for name in ("wants-0", "wants-1"):
            assert threads[name]["state"] in ("gil_wait", "runnable"), threads[name]
            assert not threads[name]["holds_gil"] and functions(threads[name])[0] == "wants"
            if threads[name]["state"] == "gil_wait":
                waiting.add(name)
    assert f"GIL: held by MainThread ({program.pid})" in look(t, "dump", program.pid).stdout


def test_a_busy_thread_is_proved(t):
    program = Program(t, dump_truth.source(), "100000", "1", name="truth.py")
    for _ in range(5):
        thread = named(dump(t, program.pid))["MainThread"]
        assert thread["stack"]["is_proved"] and thread["stack"]["not_known"] is None, thread


def test_never_a_stack_that_cannot_be(t):
    path = t.file("truth.py", dump_truth.source())
    for n_threads in (1, 3):
        stacks, not_known, wrong = dump_truth.run(t.pyrec, t.python, path, n_threads, 40)
        assert not wrong, wrong[:5]
        assert stacks >= 40 * (n_threads + 2) and not_known <= stacks // 10, (stacks, not_known)


def left_in(pid):
    """All that a look might leave behind."""
    base = f"/proc/{pid}"
    seen = {"maps": pathlib.Path(f"{base}/maps").read_text(),
            "files": {fd: os.readlink(f"{base}/fd/{fd}") for fd in os.listdir(f"{base}/fd")}}
    for tid in sorted(os.listdir(f"{base}/task")):
        status = pathlib.Path(f"{base}/task/{tid}/status").read_text().splitlines()
        seen[tid] = [line for line in status if line.startswith(
            ("Name", "Tracer", "SigPnd", "SigBlk", "SigIgn", "SigCgt", "ShdPnd", "Cpus_allowed",
             "Mems_allowed", "Threads"))]
        seen[tid].append(os.sched_getscheduler(int(tid)))
    return seen


def test_nothing_is_left_behind(t):
    program = Program(t, BLOCKED).rest()
    before = left_in(program.pid)
    for _ in range(20):
        dump(t, program.pid)
    after = left_in(program.pid)
    for what, was in before.items():
        assert after[what] == was, (what, was, after[what])
    assert set(after) == set(before)


def test_calls_are_not_cut_short(t):
    """Calls that return early when a thread is stopped or signalled last as long as they should."""
    program = Program(t, """
import ctypes, select, signal, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
wrong, enough = [], []
def waits(name, call):
    while not enough:
        begin = time.monotonic()
        result = call()
        if result or time.monotonic() - begin < 0.249:
            wrong.append((name, result, time.monotonic() - begin, ctypes.get_errno()))
poll, epoll = select.poll(), select.epoll()
calls = {"poll": lambda: libc.poll(None, 0, 250), "usleep": lambda: libc.usleep(250000),
         "epoll": lambda: libc.epoll_wait(epoll.fileno(), ctypes.create_string_buffer(64), 4, 250),
         "sigtimedwait": lambda: signal.sigtimedwait([signal.SIGUSR2], 0.25)}
threads = [threading.Thread(target=waits, args=item) for item in calls.items()]
for thread in threads:
    thread.start()
print("up", flush=True)
enough.append(sys.stdin.read())
for thread in threads:
    thread.join()
print(wrong, flush=True)
""", stdin=subprocess.PIPE)
    n = 0
    while program.process.poll() is None:
        done = subprocess.run([t.pyrec, "dump", str(program.pid)], capture_output=True, text=True)
        assert done.returncode in (0, 3, 5), done  # not 0: while it ends
        n += done.returncode == 0
        if n == 20:
            program.process.stdin.close()
    assert program.process.stdout.read() == "[]\n", n


def test_many_threads(t):
    program = Program(t, """
import threading, time
def rest(i):
    time.sleep(1000)
for i in range(300):
    threading.Thread(target=rest, args=(i,), name=f"n-{i}", daemon=True).start()
print("up", flush=True)
time.sleep(1000)
""").rest()
    threads = named(dump(t, program.pid))
    assert set(threads) == {"MainThread", *(f"n-{i}" for i in range(300))}
    assert all(thread["stack"]["is_proved"] for thread in threads.values())


def test_threads_that_come_and_go(t):
    program = Program(t, """
import threading, time
def short():
    time.sleep(0.001)
def starts():
    while True:
        threading.Thread(target=short, name="short").start()
        time.sleep(0.0005)
threading.Thread(target=starts, name="starts", daemon=True).start()
print("up", flush=True)
while True:
    time.sleep(1000)
""")
    for _ in range(15):
        document = dump(t, program.pid)
        for thread in document["threads"]:
            if not thread["is_python"] or thread["stack"]["not_known"]:
                continue
            own = [frame["function"] for frame in thread["stack"]["frames"]
                   if frame["file"] == program.path]
            allowed = {"short": ([], ["short"]), "starts": (["starts"],),
                       "MainThread": (["<module>"],), None: ([], ["short"])}
            assert own in allowed[thread["name"]], thread


def test_native_threads(t):
    library = t.library("native", """
#include <pthread.h>
#include <unistd.h>
static void *rest(void *unused) { for (;;) pause(); return unused; }
void start(void) { pthread_t thread; pthread_create(&thread, 0, rest, 0); }
""")
    program = Program(t, f"""
import ctypes, time
ctypes.CDLL({library!r}).start()
print("up", flush=True)
time.sleep(1000)
""").rest()
    document = dump(t, program.pid)
    native = [thread for thread in document["threads"] if not thread["is_python"]]
    assert len(native) == 1 and native[0]["call"] == "pause" and native[0]["stack"] is None, native
    assert "<no Python> " in look(t, "dump", program.pid).stdout


def test_without_its_first_thread(t):
    """
    The main thread has ended, the process goes on in others. Up to 3.10 its number stood in libc's
    memory only, and is gone with it: then nothing is claimed.
    """
    t.need_ctypes()
    program = Program(t, """
import ctypes, threading, time
def stays():
    print("up", flush=True)
    time.sleep(1000)
threading.Thread(target=stays, name="stays", daemon=True).start()
ctypes.CDLL(None).pthread_exit(None)
""").rest()
    threads = named(dump(t, program.pid))
    assert functions(threads["stays"])[0] == "stays" and threads["stays"]["stack"]["is_proved"]
    gone = threads["MainThread"]
    assert gone["state"] == ("ended" if t.version >= (3, 11) else "unknown"), gone


def test_a_32_bit_program(t):
    code = bytes([0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7])  # pause() for ever
    base = 0x08048000
    head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, base + 84, 52, 0, 0, 52, 32,
                       1, 40, 0, 0)
    part = struct.pack("<IIIIIIII", 1, 0, base, base, 84 + len(code), 84 + len(code), 5, 4096)
    path = t.dir / "small"
    path.write_bytes(head + part + code)
    path.chmod(0o755)
    try:
        small = subprocess.Popen([path])
    except OSError:
        raise Skip("no 32-bit programs run here")
    t.at_end.append(lambda: (small.kill(), small.wait()))
    time.sleep(0.2)
    if small.poll() is not None:
        raise Skip("no 32-bit programs run here")
    assert "32-bit" in look(t, "dump", small.pid, status=5).stderr


def test_coroutines(t):
    program = Program(t, """
import asyncio, threading, time
async def inner():
    print("up", flush=True)
    time.sleep(1000)
async def outer():
    await inner()
asyncio.run(outer())
""").rest()
    names = functions(named(dump(t, program.pid))["MainThread"])
    assert names[:2] == ["inner", "outer"] and names[-1] == "<module>", names


def test_several_interpreters(t):
    program = Program(t, """
import threading, time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
one = interpreters.create()
code = "import time\\ndef inside():\\n    time.sleep(1000)\\ninside()"
threading.Thread(target=interpreters.run_string, args=(one, code), name="guest", daemon=True).start()
print("up", flush=True)
time.sleep(1000)
""").rest()
    document = dump(t, program.pid)
    inside = [thread for thread in document["threads"]
              if thread["is_python"] and "inside" in functions(thread)]
    assert len(inside) == 1 and inside[0]["interpreter"] > 0, document["threads"]
    assert inside[0]["state"] == "blocked" and inside[0]["stack"]["is_proved"], inside


def test_a_stopped_program(t):
    program = Program(t, BLOCKED).rest()
    os.kill(program.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, program.pid, os.WSTOPPED)  # all of it
    threads = named(dump(t, program.pid))
    assert all(thread["state"] == "stopped" and thread["stack"]["is_proved"]
               for thread in threads.values()), threads
    os.kill(program.pid, signal.SIGCONT)


def test_a_long_command(t):
    """A program that is in its arguments does not take the screen; json has all of it."""
    code = "import time\nprint('up', flush=True)\ntime.sleep(1000)\n" + "#" * 3000 + "the end"
    with subprocess.Popen([t.python, "-c", code], stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"up\n"
        text = look(t, "dump", program.pid).stdout
        whole = json.loads(look(t, "dump", "--json", program.pid).stdout)
        program.kill()
    head = text.splitlines()[0]
    assert len(head) < 200 and head.endswith("the end"), head
    assert "#" * 3000 in whole["command"], whole["command"]


def test_after_a_fork(t):
    program = Program(t, """
import os, sys, threading, time
def other():
    time.sleep(1000)
threading.Thread(target=other, name="other", daemon=True).start()
def child():
    time.sleep(1000)
pid = os.fork()
if pid == 0:
    child()
print("up", flush=True)
time.sleep(1000)
""")
    children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    program.rest(children[0])
    threads = [thread for thread in dump(t, int(children[0]))["threads"] if thread["is_python"]]
    assert [thread["name"] for thread in threads] == ["MainThread"], threads
    assert functions(threads[0]) == ["child", "<module>"] and threads[0]["stack"]["is_proved"]


def test_a_real_time_thread(t):
    """It gives way to nobody: what it shows is marked as not proved, or not known."""
    if os.geteuid() != 0 or shutil.which("chrt") is None:
        raise Skip("needs to be root, and chrt")
    program = Program(t, dump_truth.source(), "100000", "1", name="truth.py", prefix=["chrt", "-r", "1"])
    threads = named(dump(t, program.pid))
    stack = threads["MainThread"]["stack"]
    assert not stack["is_proved"] and "real-time" in (stack["not_proved"] or stack["not_known"])
    assert threads["rest"]["stack"]["is_proved"], threads["rest"]


def test_in_namespaces(t):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-pfm", "true"], capture_output=True).returncode:
        raise Skip("needs unshare, and the rights for it")
    program = Program(t, BLOCKED, prefix=["unshare", "-pfm", "--mount-proc"])
    children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    t.at_end.insert(0, lambda: os.kill(int(children[0]), signal.SIGKILL))
    program.rest(children[0])
    threads = named(dump(t, int(children[0])))
    assert functions(threads["t-sleeps"])[0] == "sleeps", threads
    assert threads["MainThread"]["tid"] == int(children[0]), threads["MainThread"]
    assert threads["MainThread"]["tid_inside"] == 1, threads["MainThread"]
    assert "(1 inside)" in look(t, "dump", children[0]).stdout


def test_what_cannot_be_looked_at(t):
    other = subprocess.Popen(["sleep", "1000"])
    t.at_end.append(other.kill)
    zombie = subprocess.Popen(["true"])
    t.at_end.append(zombie.wait)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    program = Program(t, BLOCKED).rest()
    tids = [int(tid) for tid in os.listdir(f"/proc/{program.pid}/task")]
    for pid, status, words in ((other.pid, 5, f"process {other.pid} is not Python"),
                               (zombie.pid, 3, "zombie"), (4194303, 3, "no process has this number"),
                               (max(tids), 3, f"a thread of process {program.pid}"),
                               (2, 5, "kernel's") if os.path.exists("/proc/2/comm") and
                               open("/proc/2/comm").read() == "kthreadd\n" else
                               (other.pid, 5, "is not Python")):
        err = look(t, "dump", pid, status=status).stderr
        assert words in err and len(err.splitlines()) == 1, err
    for words in ((), ("x",), ("12x",), ("-1",), ("0",), ("1", "2"), ("--jsn", "1"),
                  ("--max-depth", "1"), ("--max-depth", "x", "1"), ("99999999999",)):
        err = look(t, "dump", *words, status=2).stderr
        assert err.startswith("pyrec: ") and len(err.splitlines()) == 2, err
    look(t, "ps", "x", status=2)
    assert look(t, "dump", "--help").stdout.startswith("usage: pyrec dump")


def test_without_rights(t):
    if os.geteuid() != 0:
        raise Skip("needs to be root, to become another user")
    program = Program(t, BLOCKED).rest()
    os.chmod(t.dir, 0o755)
    copy = shutil.copy(t.pyrec, t.dir / "pyrec")
    for args, words in ((["dump", str(program.pid)], f"process {program.pid} is of user root"),):
        done = subprocess.run([copy, *args], capture_output=True, text=True, user=65534, cwd="/")
        assert done.returncode == 4 and words in done.stderr, done
        assert len(done.stderr.splitlines()) == 1, done.stderr
    done = subprocess.run([copy, "ps", "--json"], capture_output=True, text=True, user=65534, cwd="/")
    assert done.returncode == 0, done
    assert program.pid not in [row["pid"] for row in json.loads(done.stdout)]


def test_a_program_called_dump(t):
    """Behind "--" or an option it is a command, as ever."""
    path = t.file("dump", "#!/bin/sh\necho ran $1\n")
    os.chmod(path, 0o755)
    env = dict(os.environ, PATH=f"{t.dir}:{os.environ['PATH']}")
    for words in (["--", "dump", "1"], ["-q", "dump", "1"]):
        done = look(t, *words, cwd=t.dir, env=env)
        assert done.stdout == "ran 1\n", done


@wide
def test_programs_that_end_and_begin(t):
    """Looked at while they start, run something else or end: a dump, or one line that says why not."""
    path = t.file("brief.py", """
import os, sys, threading
def work():
    sum(range(20000))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
if sys.argv[1] != "0":
    os.execv(sys.executable, [sys.executable, __file__, str(int(sys.argv[1]) - 1)])
""")
    seen = set()
    for _ in range(4):
        program = subprocess.Popen([t.python, path, "3"])
        t.at_end.append(lambda program=program: (program.kill(), program.wait()))
        while program.poll() is None:
            done = subprocess.run([t.pyrec, "dump", "--json", str(program.pid)],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode in (0, 3, 5), done
            assert len(done.stderr.splitlines()) == (done.returncode != 0), done
            seen.add(done.returncode)
            if done.returncode == 0:
                assert json.loads(done.stdout)["pid"] == program.pid
    assert 0 in seen, seen
