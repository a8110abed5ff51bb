# SPDX-License-Identifier: MIT
"""A program that waits: the sampler sleeps through many of its ticks, and nothing is lost by it."""
import os
import pathlib
import random
import signal
import time

from e2e import near

HEAD = """\
import glob, random, sys, threading, time

def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

def begin_it(): spin(0.0005)
def go_on(): spin(0.0035)

def of_sampler(name):
    for task in glob.glob("/proc/self/task/*"):
        with open(task + "/comm") as comm:
            if comm.read() == "pyrec-sampler\\n":
                return open(task + "/" + name).read()

def sampler_switches():
    return int(of_sampler("status").split("nonvoluntary")[0].split()[-1])

def sampler_waited(): # seconds, for a CPU
    return int(of_sampler("schedstat").split()[1]) * 1e-9
"""

WAIT = HEAD + """
time.sleep(0.1)
for n in range(1, 11): # who is held up while it compares clocks takes others to have run, and does not rest
    before = sampler_switches()
    time.sleep(1.0)
    woken = sampler_switches() - before
    if woken < 400: break
print(woken, n)
"""

BURSTS = HEAD + """
waited, before = sampler_waited(), time.thread_time()
for _ in range(60):
    time.sleep(random.uniform(0.03, 0.05))  # or it is in step with the ticks
    begin_it()
    go_on()
print(time.thread_time() - before, sampler_waited() - waited)
"""

LATE = HEAD + """
import ctypes
lib = ctypes.CDLL(sys.argv[1])
lib.nap_and_burn.argtypes = [ctypes.c_double] * 2
def without_gil():
    lib.nap_and_burn(0.3, 0.4)
thread = threading.Thread(target=without_gil, name="late")
thread.start()
thread.join()
"""

NAP_AND_BURN = """\
#include <time.h>
static double used(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
void nap_and_burn(double nap, double burn)
{
    struct timespec left = {0, (long)(nap * 1e9)};
    while (nanosleep(&left, &left) != 0)
        ; /* asked as it began to block */
    for (const double end = used() + burn; used() < end;)
        ;
}
"""


def test_sleeps_through_ticks(t):
    """A second of waiting at 1 kHz: some 50 wake-ups, and still 1,000 samples."""
    t.need_gil()
    run = t.record(t.file("wait.py", WAIT))
    woken, n = map(int, run.out.split())
    assert woken < 400, run.out
    row, = (row for row in t.rows("threads", run.trace) if row["thread"] == "MainThread")
    near(row["blocked"], 0.1 + n, absolute=0.1 * n + t.unobserved(run.trace), what="blocked")
    assert row["samples"] > 1000 * n - t.missed(run.trace), row


def test_work_after_a_rest(t):
    """Work begins in the middle of a rest: its first half millisecond is seen like the others."""
    t.need_gil()
    run = t.record(t.file("bursts.py", BURSTS), rate=2000)
    places = {row["function"]: row for row in t.rows("functions", run.trace)}
    # the CPU time and not the samples: others may want the CPU as well, and the longer work waits more
    first, second = (places[name]["cpu_time_cum"] for name in ("begin_it", "go_on"))
    used, late = map(float, run.out.split())
    # for as long as the sampler waits for a CPU, it is later than the work
    near(first / (first + second), 0.125, absolute=0.05 + late / used, what=f"share of the beginning, {late} s late")
    near(first + second, used, relative=0.15, what="CPU time")


def sampler_of(pid):
    """The folder in /proc of the thread that looks at this process."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text() == "pyrec-sampler\n":
            return task
    raise AssertionError(f"nobody looks at {pid}")


def waited(task):
    """Seconds that a thread has waited for a CPU so far."""
    return int((task / "schedstat").read_text().split()[1]) * 1e-9


def kill_asleep(pid, sampler):
    """End a process while its sampler waits for no CPU: what it has to say by then is said. When."""
    for _ in range(1000):
        if (sampler / "stat").read_text().rsplit(")", 1)[1].split()[0] == "S":
            now = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            return now
        time.sleep(0.001)
    raise AssertionError("the sampler of an idle program does not sleep")


def test_killed_in_a_rest(t):
    """At 100 Hz a rest is 80 ms long: the idle ticks of the last one are not lost with the process."""
    t.need_gil()
    code = ("import os, time; print(os.getpid(), time.monotonic(), flush=True)\n"
            "for _ in range(20): time.sleep(0.01)  # shows how the GIL is taken\n"
            "print('rests', flush=True)\n"
            "time.sleep(600)")
    runs = [t.start([t.python, "-c", code]) for _ in range(5)]
    starts = [process.stdout.readline().split() for process, _ in runs]
    for process, _ in runs:
        assert process.stdout.readline() == "rests\n"
    time.sleep(0.5)
    for (process, trace), (pid, start) in zip(runs, starts):
        sampler = sampler_of(pid)
        before = waited(sampler)
        time.sleep(random.uniform(0.05, 0.15))
        late = waited(sampler) - before  # for its last look, too
        now = kill_asleep(int(pid), sampler)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, process.returncode
        row, = t.rows("threads", trace)
        info = t.info(trace)
        unobserved = info["quality"][0]["unobserved"] or 0
        lived, seen = now - float(start), row["wall"] + unobserved
        assert seen >= lived - 0.03 - late, (seen, lived, late)
        assert seen <= info["processes"][0]["duration"] + 0.03, (seen, info["processes"])


def test_work_without_the_gil(t):
    """A thread that begins to use CPU while nobody holds the GIL does not wake the sampler."""
    t.need_gil()
    run = t.record(t.file("late.py", LATE), t.library("nap", NAP_AND_BURN))
    row, = (row for row in t.rows("threads", run.trace) if row["thread"] == "late")
    near(row["cpu_time"] + (row["unattributed"] or 0), 0.4, absolute=0.05, what="CPU time")
    near(row["on_cpu"], 0.4, relative=0.3, absolute=0.05, what="on CPU")
    ready = row["ready"] or 0  # others may want the CPU as well
    near(row["wall"] - ready, 0.7, relative=0.2, absolute=0.1 + t.unobserved(run.trace), what="wall")
