# SPDX-License-Identifier: MIT
"""What threads are said to do where the kernel does not tell everybody: after setuid(), where a
program may not be dumped, without a /proc and with another PID namespace's."""
import json
import os
import re
import shutil
import subprocess

from e2e import Skip, near, wide

PROGRAM = """
import ctypes, os, sys, threading, time
if "setuid" in sys.argv:
    os.setuid(65534)
if "undumpable" in sys.argv:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
def busy():
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        pass
def waits(lock):
    lock.acquire()
lock = threading.Lock()
lock.acquire()
threads = [threading.Thread(target=busy, name=f"busy-{i}") for i in range(3)]
threads += [threading.Thread(target=time.sleep, args=(1.5,), name="sleeps"),
            threading.Thread(target=waits, args=(lock,), name="waits")]
for thread in threads:
    thread.start()
for thread in threads[:4]:
    thread.join()
lock.release()
"""

SHARES = ("on_cpu", "ready", "gil_wait", "blocked", "unknown")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs to be root")


def need_namespaces(*options):
    if shutil.which("unshare") is None:
        raise Skip("no unshare here")
    if subprocess.run(["unshare", *options, "true"], capture_output=True).returncode:
        raise Skip(f"unshare {' '.join(options)} is not allowed here")


def recorded(t, *args, prefix=()):
    """{thread: {state: share of its wall time}}; they add up."""
    program = t.file("states.py", PROGRAM)
    os.chmod(t.dir, 0o755)
    run = t.command([*prefix, t.python, program, *args], ["-r", "500"])
    assert run.status == 0, (run.status, run.out, run.err)
    found = {}
    for row in t.rows("threads", run.trace):
        if row["kind"] != "python":
            continue
        assert abs(sum(row[share] for share in SHARES) - row["wall"]) < 1e-6, row
        found[row["thread"]] = {share: row[share] / row["wall"] for share in SHARES}
    assert {"busy-0", "busy-1", "busy-2", "sleeps", "waits"} <= set(found), found
    return found, run


def samples(t, run, thread):
    lines = t.analyze("dump", "--format", "json", "--thread", thread, run.trace).splitlines()
    return [json.loads(line) for line in lines]


def check_as_ever(t, found, run):
    for name in ("busy-0", "busy-1", "busy-2"):
        assert found[name]["blocked"] < 0.05 and found[name]["unknown"] < 0.05, (name, found)
        assert not t.has_gil() or found[name]["gil_wait"] > 0.2, (name, found)
        assert found[name]["on_cpu"] > 0.02, (name, found)
    for name in ("sleeps", "waits"):
        assert found[name]["blocked"] > 0.8 and found[name]["unknown"] < 0.05, (name, found)
    calls = {row["state"]: row["call"] for row in samples(t, run, "waits")}
    assert calls["blocked"] == "futex", calls


def test_as_ever(t):
    check_as_ever(t, *recorded(t))


def test_after_setuid(t):
    """/proc/self/task/TID/syscall is root's then; what else there is says the same."""
    need_root()
    check_as_ever(t, *recorded(t, "setuid"))


def test_not_to_be_dumped(t):
    t.need_ctypes()
    check_as_ever(t, *recorded(t, "undumpable"))


def test_the_proc_of_another_namespace(t):
    """There threads have other numbers: they are looked up."""
    need_namespaces("-pf")
    check_as_ever(t, *recorded(t, prefix=["unshare", "-pf"]))


def test_without_proc(t):
    """What was not to be looked at is unknown and not blocked; who waits for the GIL is known."""
    need_namespaces("-m")
    hide = t.file("hide.sh", 'mount -t tmpfs none /proc && exec "$@"\n')
    found, run = recorded(t, prefix=["unshare", "-m", "sh", hide])
    for name, shares in found.items():
        assert shares["blocked"] == 0 and shares["ready"] == 0, (name, found)
    for name in ("busy-0", "busy-1", "busy-2"):
        assert not t.has_gil() or found[name]["gil_wait"] > 0.2, (name, found)
    for name in ("sleeps", "waits"):
        assert found[name]["unknown"] > 0.7, (name, found)
    rows = t.rows("threads", run.trace, "--state", "unknown")
    assert all(row["wall"] == row["unknown"] for row in rows) and len(rows) >= 5, rows
    states = {row["state"] for row in samples(t, run, "sleeps")}
    assert "unknown" in states and "blocked" not in states, states
    assert "unknown" in t.analyze("threads", run.trace).splitlines()[0].split()
    timeline = t.rows("timeline", run.trace, "--thread", "sleeps")
    assert sum(row["unknown"] for row in timeline) > 1 and \
        sum(row["blocked"] for row in timeline) == 0, timeline[:3]


def test_a_fake_proc(t):
    """A folder that is no /proc, but looks like one, is not believed."""
    need_namespaces("-m")
    fake = t.file("fake.sh", """
mount -t tmpfs none /proc && mkdir -p /proc/self/task && cd /proc/self/task || exit 1
for n in $(seq 1 400); do echo 0 0x0 >$n; done
cd / && exec "$@"
""")
    found, _ = recorded(t, prefix=["unshare", "-m", "sh", fake])
    assert all(shares["blocked"] == 0 for shares in found.values()), found


def test_columns_only_where_needed(t):
    _, run = recorded(t)
    assert "unknown" not in t.analyze("threads", run.trace).splitlines()[0].split()
    assert "unknown" in t.analyze("threads", "--columns", "thread,unknown_share",
                                  run.trace).splitlines()[0]


def natives_cpu(t, trace):
    rows = json.loads(t.analyze("threads", "--format", "json", trace, ok=(0, 3, 5)) or "[]")
    return sum(row["cpu_time"] for row in rows if row["kind"] == "native" and row["thread_id"])


def check_namespace(t, *unshare):
    """No thread is there twice, and what is known is what the OS says."""
    need_namespaces("-pf", "--mount-proc")
    library = t.library("burn", """
#include <pthread.h>
#include <time.h>
#include <unistd.h>
static volatile int burnt;
static double burnt_seconds;
static void *burn(void *unused) {
    struct timespec now;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec * 1000000000L + now.tv_nsec < 600000000L);
    burnt_seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    burnt = 1;
    pause();
    return unused;
}
void start(void) { pthread_t thread; pthread_create(&thread, 0, burn, 0); }
double finish(void) { while (!burnt) usleep(1000); return burnt_seconds; }
""")
    program = t.file("inside.py", f"""
import ctypes, sys, threading, time
burn = ctypes.CDLL({library!r})
burn.finish.restype = ctypes.c_double
def busy():
    end = time.thread_time() + 0.6
    while time.thread_time() < end:
        pass
    time.sleep(1)
threads = [threading.Thread(target=busy, name=f"busy-{{i}}") for i in range(2)]
burn.start()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(burn.finish(), flush=True)
sys.stdin.read()
""")
    process, trace = t.start([*unshare, t.python, program], ["-r", "200"], stdin=subprocess.PIPE)
    spent = float(process.stdout.readline())
    t.wait_written(process, lambda: natives_cpu(t, trace) >= spent - 0.05)  # pyrec has looked at its clock
    err = process.communicate()[1]
    assert process.returncode == 0, (process.returncode, err)
    rows = t.rows("threads", trace)
    python = [row for row in rows if row["kind"] == "python"]
    native = [row for row in rows if row["kind"] == "native" and row["thread_id"]]
    assert {row["thread"] for row in python} == {"MainThread", "busy-0", "busy-1"}, rows
    assert len(native) == 1, rows
    near(native[0]["cpu_time"], spent, absolute=0.05, what="CPU time of the native thread")
    info = t.analyze("info", trace)
    known = float(re.search(r"known .* s ([0-9.]+)% of what the OS says", info).group(1))
    assert 85 < known <= 101, info
    assert "BALANCE" not in info, info


def test_pid_namespace(t):
    check_namespace(t, "unshare", "-pf", "--mount-proc")


@wide
def test_pid_namespace_in_another(t):
    check_namespace(t, *["unshare", "-pf", "--mount-proc"] * 2)


@wide
def test_pyrec_with_the_proc_of_another_namespace(t):
    """Numbers of others are not looked up: pyrec asks nobody, and records all the same."""
    need_namespaces("-pf")
    trace = t.trace()
    program = t.file("states.py", PROGRAM)
    done = subprocess.run(["unshare", "-pf", t.pyrec, "-q", "-o", trace, "--", t.python, program],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    rows = [row for row in t.rows("threads", trace) if row["kind"] == "python"]
    assert {"busy-0", "busy-1", "busy-2", "sleeps", "waits"} <= {row["thread"] for row in rows}
    assert all(row["wall"] > 1 for row in rows if row["thread"] == "sleeps"), rows
    native = [row for row in t.rows("threads", trace) if row["kind"] == "native"]
    assert not [row for row in native if row["thread_id"]], native
