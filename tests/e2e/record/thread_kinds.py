# SPDX-License-Identifier: MIT
"""Threads that are hard to get: short, foreign, native, on small stacks, deaf; and what became of them."""
import ast
import subprocess

from e2e import Skip, knows_cpus, near, wide
from threads import HEAD, functions, one, threads


def book(t, trace, name):
    """The line of `info` that begins with that word."""
    return [line for line in t.analyze("info", trace).splitlines()
            if line.split()[:1] == [name]][0]


def failed(t, trace):
    """Samples whose stack could not be had."""
    return sum(row["samples"] for row in t.rows("lines", trace, "--merge-threads")
               if row["function"].startswith("<failed") or row["function"].startswith("<lost"))


def test_short_threads(t):
    """Thousands of threads of a millisecond; some are met, none does any harm."""
    script = HEAD + ("for _ in range(3000):\n"
                     "    thread = threading.Thread(target=spin, args=(0.0005,))\n"
                     "    thread.start()\n"
                     "    thread.join()\n"
                     "print('done')\n")
    run = t.record("-c", script)
    assert run.out == "done\n", run
    rows = threads(t, run.trace)
    taken = t.info(run.trace)["quality"][0]["ticks_taken"]  # each could meet one that no other has
    assert len(rows) > min(300, taken / 10), (len(rows), taken)
    total = sum(row["ticks"] for row in rows)
    assert failed(t, run.trace) < 0.02 * total + 5, failed(t, run.trace)


NATIVE = r"""
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
struct job { void (*call)(void); double seconds; pthread_t thread; };
static void *job_run(void *opaque)
{
    struct job *job = opaque;
    const double end = cpu() + job->seconds;
    while (cpu() < end)
        ;
    if (job->call != NULL)
        job->call();
    return NULL;
}
/* A thread that uses so much CPU and then calls back, if it is given something to call. */
void *start(void (*call)(void), double seconds)
{
    struct job *job = calloc(1, sizeof *job);
    job->call = call;
    job->seconds = seconds;
    pthread_create(&job->thread, NULL, job_run, job);
    return job;
}
void finish(void *opaque)
{
    struct job *job = opaque;
    pthread_join(job->thread, NULL);
    free(job);
}
"""


NATIVE_HEAD = HEAD + ("import ctypes\n"
                      "lib = ctypes.CDLL(sys.argv[1])\n"
                      "CALL = ctypes.CFUNCTYPE(None)\n"
                      "lib.start.restype = ctypes.c_void_p\n"
                      "lib.start.argtypes = [ctypes.c_void_p, ctypes.c_double]\n"
                      "lib.finish.argtypes = [ctypes.c_void_p]\n"
                      "def start(call, seconds):\n"
                      "    return lib.start(ctypes.cast(call, ctypes.c_void_p), seconds)\n")


def test_foreign_threads(t):
    """Threads of a C library that enter Python: what they do there is seen, and once each."""
    script = NATIVE_HEAD + ("def callback(): spin(0.5)\n"
                            "call = CALL(callback)\n"
                            "jobs = [start(call, 0.3) for _ in range(3)]\n"
                            "for job in jobs: lib.finish(job)\n")
    run = t.record("-c", script, t.library("native", NATIVE))
    assert functions(t, run.trace).get("callback", 0) > 300
    rows = t.rows("threads", run.trace)
    tids = [row["thread_id"] for row in rows]
    stray = [row for row in rows if row["thread"] in ("", "-", None)]
    assert not stray, stray
    natives = [row for row in rows if row["kind"] == "native" and row["thread_id"] in tids[:4]]
    assert sum(row["cpu_time"] for row in natives) < 1.2, natives  # what they did before, once
    python = sum(row["cpu_time"] for row in rows if row["kind"] == "python")
    assert python < 2.1, rows
    foreign = [row for row in rows if row["kind"] == "python" and row["thread"] != "MainThread"]
    assert len(foreign) == 3, rows


@wide
def test_native_threads(t):
    """Threads without Python: counted, and with them the process's CPU time is whole."""
    script = NATIVE_HEAD + ("jobs = [start(None, 2.0) for _ in range(3)]\n"
                            "spin(1.0)\n"
                            "for job in jobs: lib.finish(job)\n"
                            "import resource\n"
                            "use = resource.getrusage(resource.RUSAGE_SELF)\n"
                            "print(use.ru_utime + use.ru_stime)\n")
    run = t.record("-c", script, t.library("native", NATIVE))
    rows = t.rows("threads", run.trace)
    known = sum(row["cpu_time"] + (row.get("unattributed") or 0) for row in rows
                if row["kind"] == "python")
    natives = sum(row["cpu_time"] for row in rows if row["kind"] == "native")
    near(natives, 6.0, relative=0.01, absolute=0.05, what="CPU of native threads")
    unseen = [row for row in rows if row["thread"] == "(ended unseen)"]
    assert sum(row["cpu_time"] for row in unseen) < 1.0, unseen
    sampler = float(book(t, run.trace, "sampler").split()[1])
    near(known + natives + sampler, float(run.out), relative=0.01, absolute=0.05, what="books")


@wide
def test_books_balance(t):
    """Python threads that come and go: their clocks add up to the process's, within 1 %."""
    script = HEAD + ("def work():\n"
                     "    for _ in range(4):\n"
                     "        inner = threading.Thread(target=spin, args=(0.25,))\n"
                     "        inner.start()\n"
                     "        spin(0.25)\n"
                     "        inner.join()\n"
                     "outer = [threading.Thread(target=work) for _ in range(2)]\n"
                     "for thread in outer: thread.start()\n"
                     "for thread in outer: thread.join()\n"
                     "spin(1)\n")
    run = t.record("-c", script)
    known = book(t, run.trace, "known")
    share = float(known.split("%")[0].split()[-1])
    assert 98.5 <= share <= 101, known


def test_ended_between_ticks(t):
    """Threads of some 25 ms at 100 Hz: what each used until its very end is in its books."""
    script = HEAD + ("used = {}\n"
                     "def burn(seconds):\n"
                     "    end = time.thread_time() + seconds\n"
                     "    while time.thread_time() < end: sum(range(100))\n"
                     "    used[threading.get_native_id()] = time.thread_time()\n"
                     "for i in range(40):\n"
                     "    thread = threading.Thread(target=burn, args=(0.022 + i * 0.0002,))\n"
                     "    thread.start()\n"
                     "    thread.join()\n"
                     "time.sleep(0.1)\n"  # one more tick: it is the sampler that reads the ends
                     "print(used)\n")
    run = t.record("-c", script, rate=100)
    used = ast.literal_eval(run.out)
    rows = {row["thread_id"]: row for row in threads(t, run.trace)}
    seen = [tid for tid in used if tid in rows]
    # a thread may end between two ticks, above all where one of them was missed
    assert len(seen) > max(5, 25 - t.missed(run.trace)), (len(seen), len(used))
    for tid in seen:
        assert rows[tid]["cpu_time"] > used[tid] - 0.0001, (rows[tid], used[tid])
    # to end takes CPU that it cannot tell itself: some 0.3 ms where others use the caches, too
    near(sum(rows[tid]["cpu_time"] for tid in seen), sum(used[tid] for tid in seen), absolute=0.001 * len(seen),
         what="CPU of threads")
    line = book(t, run.trace, "unattributed")
    assert float(line.split()[1]) > 0, line


def test_blocked_signals(t):
    """A thread that blocks every signal cannot be asked; the sampler takes its CPU to read it."""
    script = HEAD + ("import signal\n"
                     "def deaf():\n"
                     "    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))\n"
                     "    end = time.thread_time() + 1\n"
                     "    while time.thread_time() < end:\n"
                     "        for _ in range(100): calls(100)\n"  # a thread loses its CPU behind a system call
                     "def calls(n):\n"
                     "    if n: calls(n - 1)\n"
                     "thread = threading.Thread(target=deaf, name='deaf')\n"
                     "thread.start()\n"
                     "thread.join()\n")
    run = t.record("-c", script)
    row = one(threads(t, run.trace), "deaf")
    found = functions(t, run.trace)
    assert row["wall"] > 0.9 and found["deaf"] > 700 and found["calls"] > 300, (row, found)
    assert failed(t, run.trace) < 50 or not knows_cpus()


@wide
def test_small_stacks(t):
    """64 KiB of stack: ours must fit into what Python leaves."""
    script = HEAD + ("threading.stack_size(64 * 1024)\n"
                     "def work(n):\n"
                     "    if n: work(n - 1)\n"
                     "    else: spin(0.5)\n"
                     "threads = [threading.Thread(target=work, args=(10,)) for _ in range(10)]\n"
                     "for thread in threads: thread.start()\n"
                     "for thread in threads: thread.join()\n"
                     "print('done')\n")
    plain = subprocess.run([t.python, "-c", script], capture_output=True, text=True)
    if plain.returncode != 0:
        raise Skip("Python itself does not fit into 64 KiB here")
    run = t.record("-c", script)
    assert run.out == "done\n" and functions(t, run.trace).get("work", 0) > 300


def test_call_that_holds_the_gil(t):
    """A C call that keeps the GIL: its time is in the line that calls it, the others wait."""
    script = HEAD + ("import ctypes\n"
                     "usleep = ctypes.PyDLL(None).usleep\n"
                     "def keeps(end=time.monotonic() + 2):\n"  # a signal may cut one call short
                     "    while time.monotonic() < end: usleep(500000)\n"
                     "def waits():\n"
                     "    while not stop: sum(range(100))\n"
                     "stop = False\n"
                     "thread = threading.Thread(target=waits, name='waits')\n"
                     "thread.start()\n"
                     "keeps()\n"
                     "stop = True\n"
                     "thread.join()\n")
    t.need_gil()
    t.need_ctypes()
    run = t.record("-c", script)
    rows, missed = threads(t, run.trace), t.unobserved(run.trace)
    assert one(rows, "waits")["gil_wait"] > 1.7 - missed, one(rows, "waits")
    main = one(rows, "MainThread")
    assert main["blocked"] > 1.7 - missed and main["cpu_time"] < 0.5, main
    assert functions(t, run.trace, "--thread", "MainThread").get("keeps", 0) > 1700 - t.missed(run.trace)
    lines = [row for row in t.rows("lines", run.trace) if row["thread"] == "MainThread"
             and row["function"] == "keeps"]
    assert len(lines) == 1 and lines[0]["line"] == 8, lines
