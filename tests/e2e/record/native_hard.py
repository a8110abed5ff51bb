# SPDX-License-Identifier: MIT
"""C frames where they are hard to tell: libraries that come and go, say nothing of themselves, or have other stacks."""
import json
import os
import platform
import subprocess

from e2e import Skip, wide

WORK = """
#include <signal.h>
#include <stdlib.h>
/* Each turn waits for the one before, for as many cycles on whatever machine. */
#define WORK(name) \\
    void name(long n); \\
    __attribute__((noinline)) void name(long n) \\
    { for (long i = 0, x = n; i < n; i++) __asm__ volatile("imul %0, %0" : "+r"(x)); }
#define CALL(call) call; __asm__ volatile("")
WORK(heavy)
WORK(light)
WORK(spun)
void both(long n) { CALL(heavy(3 * n)); CALL(light(n)); }
static long handled_n;
static void in_handler(int signo) { (void)signo; CALL(spun(handled_n)); }
void handled(long n)
{
    static char stack[1 << 16];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&other, NULL);
    sigaction(SIGUSR1, &action, NULL);
    handled_n = n;
    CALL(raise(SIGUSR1));
}
"""
BLIND = """
void blind(void (*called)(void));
void blind(void (*called)(void)) { called(); __asm__ volatile(""); }
"""
STRIPPED = """
__attribute__((noinline)) static void hidden(long n)
{ for (long i = 0, x = n; i < n; i++) __asm__ volatile("imul %0, %0" : "+r"(x)); }
void visible(long n);
void visible(long n) { hidden(n); __asm__ volatile(""); }
"""
ONE_OF_TWO = """
void NAME(long n);
__attribute__((noinline)) void NAME(long n)
{ for (long i = 0, x = n; i < n; i++) __asm__ volatile("imul %0, %0" : "+r"(x)); }
void work(long n);
void work(long n) { NAME(n); __asm__ volatile(""); }
"""

PROGRAM = """
import ctypes, sys, threading, time
work, blind, stripped = (ctypes.CDLL(path) for path in sys.argv[1:4])
def for_a_while(function, seconds=0.6):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        function()
def shares():
    work.both(ctypes.c_long(20000))
def on_other_stack():
    work.handled(ctypes.c_long(50000))
@ctypes.CFUNCTYPE(None)
def inner():
    work.spun(ctypes.c_long(50000))
def outer():
    blind.blind(inner)
def without_symbols():
    stripped.visible(ctypes.c_long(50000))
def small():
    for_a_while(shares_on_small_stack, 0.3)
def shares_on_small_stack():
    work.spun(ctypes.c_long(50000))
for_a_while(shares, 1.2)
for_a_while(on_other_stack)
for_a_while(outer)
for_a_while(without_symbols)
threading.stack_size(32768)
thread = threading.Thread(target=small)
thread.start()
thread.join()
"""
RELOADED = """
import _ctypes, ctypes, sys, time
paths, bases, reused = sys.argv[1:3], {}, 0
def use_one(library):
    library.work(ctypes.c_long(200000))
def use_two(library):
    library.work(ctypes.c_long(200000))
end, i = time.monotonic() + 1.5, 0
while time.monotonic() < end:
    library = ctypes.CDLL(paths[i % 2])
    at = ctypes.cast(library.work, ctypes.c_void_p).value
    reused += bases.get(at, i % 2) != i % 2
    bases[at] = i % 2
    (use_two if i % 2 else use_one)(library)
    _ctypes.dlclose(library._handle)
    i += 1
print(reused)
"""
GREENLETS = """
import ctypes, sys, time
import greenlet
work = ctypes.CDLL(sys.argv[1])
def inside(n):
    work.spun(ctypes.c_long(20000))
def first():
    while True:
        inside(1)
        other.switch()
def second():
    while time.monotonic() < end:
        inside(2)
        one.switch()
end = time.monotonic() + 1.0
one, other = greenlet.greenlet(first), greenlet.greenlet(second)
one.switch()
"""
GAP = "<C frames not known>"


def library(t, name, source, *options):
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    t.need_ctypes()
    return t.compile(str(t.dir / f"lib{name}.so"), source, "-shared", "-fPIC", *options)


def samples(t, run):
    """Names, root first, with how many samples have them."""
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", "--native=all", run.trace))
    return [([frame["function"] for frame in reversed(row["stack"])], row["samples"]) for row in rows]


def known(stacks, function):
    """Those with that Python function whose innermost frame is known."""
    return [(names, n) for names, n in stacks if function in names and names[-1] != GAP]


@wide
def test_hard_places(t):
    paths = [library(t, "hard", WORK),
             library(t, "blind", BLIND, "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",
                     "-fomit-frame-pointer"),
             library(t, "stripped", STRIPPED, "-s")]
    run = t.command([t.python, t.file("hard.py", PROGRAM), *paths], ["-r", "1000", "--native"])
    assert run.status == 0, (run.status, run.err)
    stacks = samples(t, run)
    # functions of known cost: three parts and one, within four times the sampling error
    parts = [sum(n for names, n in known(stacks, "shares") if names[-1] == name) for name in ("heavy", "light")]
    n = sum(parts)
    assert n > 20, parts
    assert abs(parts[0] / n - 0.75) < 4 * (0.75 * 0.25 / n) ** 0.5 + 0.03, parts
    # a handler on a stack of its own: what it interrupted is below
    other = [names for names, _ in known(stacks, "on_other_stack") if "in_handler" in names]
    assert other and all(names.index("on_other_stack") < names.index("handled") < names.index("in_handler")
                         for names in other), other
    # behind code that says nothing of itself Python's frames are whole, and C's go on
    called = [names for names, _ in stacks if "inner" in names]
    assert called and all("outer" in names[:names.index("inner")] for names in called), called
    told = [names for names, _ in known(stacks, "inner")]
    assert told and all(GAP in names[names.index("outer"):names.index("inner")] for names in told), told
    assert any(names[-1] == "spun" for names in told), told
    # no name where there is no symbol
    nameless = [(names[-1], n) for names, n in known(stacks, "without_symbols")]
    own = sum(n for name, n in nameless if name.startswith("libstripped.so+0x"))
    assert own > sum(n for _, n in nameless) / 2, nameless
    # a thread with hardly any stack
    assert any("spun" in names for names, _ in known(stacks, "shares_on_small_stack")), stacks
    quality = t.info(run.trace)["quality"][0]
    missing = sum(n for name, n in quality.items() if name.startswith("no C frames: "))
    assert quality["c_frames_whole"] > 0 and quality["c_frames_with_gap"] > 0, quality
    assert missing == quality["c_frames_with_gap"] + quality["c_frames_none"], quality


def test_reloaded(t):
    """Two libraries that take turns at one address, 10,000 looks a second: never the other one's name."""
    paths = [library(t, name, ONE_OF_TWO.replace("NAME", name)) for name in ("one_alone", "two_alone")]
    run = t.command([t.python, t.file("reloaded.py", RELOADED), *paths], ["-r", "10k", "--native"])
    assert run.status == 0, (run.status, run.err)
    if int(run.out) == 0:
        raise Skip("the loader put them at different addresses")
    stacks = samples(t, run)
    assert not [names for names, _ in stacks if "use_one" in names and "two_alone" in names]
    assert not [names for names, _ in stacks if "use_two" in names and "one_alone" in names]
    assert any("one_alone" in names for names, _ in stacks) or any("two_alone" in names for names, _ in stacks)


def test_greenlets(t):
    """C frames end where a greenlet's stack does."""
    if subprocess.run([t.python, "-c", "import greenlet"], capture_output=True).returncode:
        raise Skip("no greenlet for this interpreter")
    run = t.command([t.python, t.file("greenlets.py", GREENLETS), library(t, "hard", WORK)],
                    ["-r", "1000", "--native"])
    assert run.status == 0, (run.status, run.err)
    stacks = samples(t, run)
    assert not [names for names, _ in stacks if "first" in names and "second" in names]
    for names, _ in known(stacks, "inside"):
        assert "spun" not in names or names.index("inside") < names.index("spun"), names
    assert any("spun" in names for names, _ in known(stacks, "inside")), stacks


CROWD = """
import hashlib, os, sys, threading, time, zlib
text = bytes(range(256)) * 4000
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
def squeezes():
    zlib.compress(text, 6)
def digests():
    hashlib.sha1(text)
def keyed(x):
    return -x
def sorts():
    sorted(range(3000), key=keyed)
def works(*functions):
    while time.process_time() < 1.5:
        for function in functions:
            function()
threads = [threading.Thread(target=works, args=functions)
           for functions in ((squeezes, digests), (digests, squeezes), (squeezes,), (sorts, squeezes))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def late_answers(t, n_cpus, gaps_most, whole_least):
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cpus)[:n_cpus]) # so that they do wait, and the sampler with them
    try:
        run = t.command([t.python, t.file("crowd.py", CROWD), str(n_cpus)], ["-r", "1000", "--native"])
    finally:
        os.sched_setaffinity(0, cpus)
    assert run.status == 0, run.err
    n = n_gaps = n_inside = 0
    for row in json.loads(t.analyze("export", "--format", "json", "--by", "samples", run.trace)):
        names = [frame["function"].rpartition(".")[2] for frame in row["stack"]]
        files = [frame["file"] for frame in row["stack"]]
        if "works" not in names:
            continue
        n += row["samples"]
        n_gaps += row["samples"] * ("<C frames not known>" in names)
        zlib, sha1 = (any(word in file for file in files) for word in ("libz.", "libcrypto"))
        n_inside += row["samples"] * zlib
        # one thread's stack is never put to another one's time
        assert not (zlib and not {"squeezes"} & set(names)), names
        assert not (sha1 and not {"digests"} & set(names)), names
    assert n > 200 and n_inside > n / 20, (n, n_inside)
    assert n_gaps < n * gaps_most, (n_gaps, n)
    quality = t.info(run.trace)["quality"][0]
    taken = sum(quality[name] for name in ("c_frames_whole", "c_frames_with_gap", "c_frames_none"))
    assert sum(count for name, count in quality.items() if name.startswith("no C frames: ")) == \
        taken - quality["c_frames_whole"], quality
    assert quality["c_frames_whole"] > whole_least * taken, quality


def test_late_answers(t):
    """Of threads that wait for a CPU most answer some ticks late: that is their stack in those, too."""
    late_answers(t, 1, 1 / 4, 0.8) # half of the samples had a gap


@wide
def test_late_answers_beside_others(t):
    """Where they have two CPUs, some lose theirs between the question and the answer."""
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("needs two CPUs")
    late_answers(t, 2, 1 / 8, 0.9) # a quarter had one


def test_books_of_a_killed_program(t):
    """What is counted of C frames is what the file has, also of a program that is killed while it answers."""
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    program = CROWD.replace("for thread in threads:\n    thread.join()",
                            "while time.process_time() < 0.7:\n    time.sleep(0.01)\nos.kill(os.getpid(), 9)")
    assert program != CROWD
    run = t.command([t.python, t.file("killed.py", program), "1"], ["-r", "1000", "--native"])
    assert run.status == -9, (run.status, run.err)
    info = t.info(run.trace)
    quality = info["quality"][0]
    whole, part, none = (quality[name] for name in ("c_frames_whole", "c_frames_with_gap", "c_frames_none"))
    missing = {name: n for name, n in quality.items() if name.startswith("no C frames: ")}
    assert whole > 0 and sum(missing.values()) == part + none, quality
    assert all(0 <= n <= quality["samples"] for n in (whole, part, none, *missing.values())), quality


# Workers as a BLAS has them: they spin until there is work, and compute in code that says nothing of itself.
POOL = """
#include <pthread.h>
#include <sched.h>
void computes_blind(long n);
static _Atomic long work;
static _Atomic int is_over;
static pthread_t threads[2];
static __attribute__((noinline)) void *serves(void *x)
{
    while (!is_over) {
        if (work > 0) {
            work--;
            computes_blind(5000000);
        }
        for (int i = 0; i < 100; i++)
            sched_yield();
    }
    return x;
}
void begin(void) { for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, serves, 0); }
void end(void) { is_over = 1; for (int i = 0; i < 2; i++) pthread_join(threads[i], 0); }
void submit(long n) { work += n; while (work > 0 && !is_over) sched_yield(); }
__asm__(".pushsection .text\\n.globl computes_blind\\n.type computes_blind,@function\\ncomputes_blind:\\n"
        "1: dec %rdi\\n jnz 1b\\n ret\\n.size computes_blind, .-computes_blind\\n.popsection");
"""
POOL_PROGRAM = """
import ctypes, sys, time
pool = ctypes.CDLL(sys.argv[1])
pool.begin()
def product():
    pool.submit(ctypes.c_long(20))
while time.process_time() < 1:
    product()
pool.end()
"""


@wide
def test_spinning_workers(t):
    """Who spins is seen to, by name, and code that says nothing of itself is a gap above it and nothing else."""
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    run = t.command([t.python, t.file("pool.py", POOL_PROGRAM), t.library("pool", POOL)],
                    ["-r", "1000", "--native-lines"])
    assert run.status == 0, run.err
    yields = blind = 0
    names = {row["thread"] for row in t.rows("threads", run.trace) if row["kind"] == "native" and row["wall"] is not None}
    assert names == {"serves"}, names
    for row in json.loads(t.analyze("export", "--format", "json", "--by", "samples", run.trace)):
        stack = [frame["function"].rpartition(".")[2] for frame in row["stack"]] # the leaf first
        if "computes_blind" in stack:
            assert stack[:2] == ["computes_blind", "<C frames not known>"] and "submit" not in stack, stack
            blind += row["samples"]
        elif any(name.endswith("sched_yield") for name in stack):
            caller = stack[next(i for i, name in enumerate(stack) if name.endswith("sched_yield")) + 1]
            expected = "serves" if row["thread"] == "serves" else "submit"
            assert caller in (expected, "<C frames not known>"), stack
            yields += row["samples"] * (caller == expected)
    assert yields > 10 and blind > 10, (yields, blind)
    for thread in ("serves", "MainThread"): # and it is in C: of the worker as of who waits for it
        rows = t.rows("lines", run.trace, "--thread", thread, "--columns", "cpu_time,c_time,function")
        total = sum(row["cpu_time"] for row in rows)
        assert sum(row["c_time"] for row in rows) > 0.5 * total, (thread, rows)
