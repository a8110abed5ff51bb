# SPDX-License-Identifier: MIT
"""C frames among Python's: those that are there, in their order, and none of Python's lost."""
import json
import platform
import shutil
import subprocess

from e2e import Skip, near

PROGRAM = """
import ctypes, sys, time, zlib
text = bytes(range(256)) * 4000
libc = ctypes.CDLL(None)
numbers = (ctypes.c_int * 64)(*range(64, 0, -1))
def keyed(x):
    for _ in range(40):
        pass
    return -x
def squeeze():
    zlib.compress(text, 6)
def ordered():
    sorted(range(300), key=keyed)
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def compared(a, b):
    keyed(1)
    return a[0] - b[0]
def through_closure():
    libc.qsort(numbers, 64, 4, compared)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    squeeze()
    ordered()
    through_closure()
"""

GAP = "<C frames not known>"


def recorded_as(t, option, *command):
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    run = t.command([t.python, *command], ["-r", "1000", *([option] if option else [])])
    assert run.status == 0, (run.status, run.err)
    return run


def recorded(t, option=None):
    return recorded_as(t, option, t.file("native.py", PROGRAM))


def is_native(name, file):
    return name == GAP or not (file.endswith(".py") or file.startswith("<") or name.startswith("<"))


def samples(t, run, *options):
    """Stacks, root first, of (name, file); with how many samples each."""
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", *options, run.trace))
    return [([(frame["function"], frame["file"]) for frame in reversed(row["stack"])],
             row["samples"]) for row in rows]


def test_frames(t):
    run = recorded(t, "--native")
    known = squeezing = in_library = 0
    for frames, n in samples(t, run):
        names = [name for name, _ in frames]
        c = [name for name, file in frames if is_native(name, file) and name != GAP]
        if "keyed" in names: # C lies between Python's frames, not before or behind them
            caller = "compared" if "compared" in names else "ordered"
            assert caller in names and names.index(caller) < names.index("keyed"), names
            if c and caller == "ordered":
                between = names[names.index("ordered") + 1:names.index("keyed")]
                assert between, names
        if c and "compared" in names: # libffi's closures have no file behind them
            at = names.index("compared")
            assert names[at - 1] != "through_closure", names
            assert "through_closure" in names[:at], names
        if c:
            known += n
        if c and "squeeze" in names:
            squeezing += n
            in_library += n * any("libz" in file for _, file in frames)
    quality = t.info(run.trace)["quality"][0]
    asked = sum(quality[name] for name in ("c_frames_whole", "c_frames_with_gap", "c_frames_none"))
    assert asked > 0 and sum(n for name, n in quality.items() if name.startswith("no C frames: ")) == \
        asked - quality["c_frames_whole"], quality
    uncounted = quality.get("no C frames: frames of the eval loop that do not add up (3.8, 3.9)", 0)
    assert uncounted <= (asked / 20 if t.version < (3, 10) else 0), quality
    assert known > 20, known
    # beside zlib itself there is what makes the result, and the GIL
    assert in_library > squeezing / 2, (in_library, squeezing)
    # no activation of the eval loop is told twice: it is the Python frames that it runs; but the innermost may just
    # begin or end, and run none
    for frames, _ in samples(t, run):
        at = next((i for i, (name, _) in enumerate(frames) if name.startswith("_PyEval_EvalFrame")), len(frames))
        assert all(is_native(*x) for x in frames[at:]), frames
        if t.version >= (3, 10): # before, it looks at what it returns when its frame is none any more
            assert at >= len(frames) - 1, frames


def time_in_c(rows):
    """CPU seconds of stacks that end in known C below Python, or in what is not known below that."""
    seconds = 0.0
    for row in rows:
        frames = [(frame["function"], frame.get("native", False), frame["file"]) for frame in row["stack"]]
        below = [native and file != "" for _, native, file in frames]
        inner = next((i for i, (_, native, _) in enumerate(frames) if not native), None)
        if inner is not None and any(below[:inner]):
            seconds += row["cpu_time"]
    return seconds


def test_hidden(t):
    """What C took is its caller's."""
    run = recorded(t, "--native")
    total = {}
    for which in ("all", "leaf", "hide"):
        frames = samples(t, run, f"--native={which}")
        total[which] = sum(n for _, n in frames)
        natives = [f for f, _ in frames if any(is_native(*x) for x in f)]
        if which == "hide":
            assert not natives, natives[:3]
        if which == "leaf": # nothing of Python's below C
            for f in natives:
                first = next(i for i, x in enumerate(f) if is_native(*x))
                assert all(is_native(*x) for x in f[first:]), f
    assert total["all"] == total["leaf"] == total["hide"] > 100, total
    lines = t.rows("lines", run.trace)
    assert not any(row["function"] == GAP for row in lines), lines
    # lines says how much of that it was
    parts = t.rows("lines", run.trace, "--columns", "cpu_time,c_time,function")
    assert all(0 <= row["c_time"] <= row["cpu_time"] for row in parts), parts
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "cpu", run.trace))
    near(sum(row["c_time"] for row in parts), time_in_c(rows), absolute=1e-6, what="time in C")
    squeeze = [row for row in parts if row["function"] == "squeeze"]
    assert sum(row["c_time"] for row in squeeze) > 0, squeeze
    both = [sum(row["cpu_time"] for row in t.rows("functions", run.trace, f"--native={which}"))
            for which in ("all", "hide")]
    near(both[0], both[1], absolute=1e-6, what="self times")


def test_without(t):
    """Nothing of C where nobody has asked for it."""
    run = recorded(t)
    assert not any(is_native(*x) for frames, _ in samples(t, run) for x in frames)


# Python that is called by C in many ways; each `by_X` calls its `of_X` through one function of C.
STORM = """
import ctypes, functools, re, sys, time
try:
    import greenlet
except ImportError:
    greenlet = None
def spin(n=60):
    for _ in range(n):
        pass
def of_sorted(x):
    spin()
    return -x
def by_sorted():
    sorted(range(20), key=of_sorted)
def of_partial(x, y):
    spin()
partial = functools.partial(of_partial, 1)
def by_partial():
    partial(2)
def of_reduce(a, b):
    spin()
    return a
def by_reduce():
    functools.reduce(of_reduce, range(10))
def of_sub(found):
    spin()
    return "b"
def by_sub():
    re.sub("a", of_sub, "a" * 10)
def of_map(x):
    spin()
    return x
def by_map():
    list(map(of_map, range(10)))
class Dying:
    def __del__(self):
        of_del()
def of_del():
    spin()
def by_del():
    Dying()
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def of_qsort(a, b):
    spin()
    return 0
numbers = (ctypes.c_int * 20)()
def by_qsort():
    ctypes.CDLL(None).qsort(numbers, 20, 4, of_qsort)
def counts(n):
    for i in range(n):
        spin()
        yield i
def delegates(n):
    yield from counts(n)
async def waits(n):
    for _ in range(n):
        spin()
def generators():
    sum(delegates(10))
    try:
        waits(5).send(None)
    except StopIteration:
        pass
    g = delegates(3)
    next(g)
    try:
        g.throw(KeyError)
    except KeyError:
        pass
def raises(depth):
    if depth == 0:
        raise ValueError
    try:
        raises(depth - 1)
    finally:
        spin(5)
def exceptions():
    try:
        raises(20)
    except ValueError:
        pass
def of_greenlet():
    spin()
    greenlet.getcurrent().parent.switch()
    by_sorted()
def by_greenlet():
    g = greenlet.greenlet(of_greenlet)
    g.switch()
    g.switch()
all = [by_sorted, by_partial, by_reduce, by_sub, by_map, by_del, by_qsort, generators, exceptions]
if greenlet is not None:
    all.append(by_greenlet)
while time.process_time() < 1.5:
    for function in all:
        function()
"""
# What only C between those two has in its name, or its file's; nothing of it may lie anywhere else.
BETWEEN = {"sorted": "list_sort", "partial": "partial", "reduce": "reduce", "map": "map_next", "qsort": "qsort"}


def test_storm(t):
    """C that calls Python is between those two frames of Python's, and nowhere else."""
    run = recorded_as(t, "--native", t.file("storm.py", STORM))
    seen = dict.fromkeys(BETWEEN, 0)
    wrong = []
    for frames, n in samples(t, run):
        python = [name for name, file in frames if not is_native(name, file)]
        if any(not (is_native(name, file) or file.endswith("storm.py")) for name, file in frames):
            continue # importing
        assert not any(name.startswith("of_") and "by_" + name[3:] not in python[:at] and name != "of_greenlet"
                       for at, name in enumerate(python)), python
        inside = None # the innermost Python frame so far
        for at, (name, file) in enumerate(frames):
            if not is_native(name, file):
                inside = name
                continue
            for kind, word in BETWEEN.items():
                if word in name.rpartition(".")[2] and name != GAP:
                    seen[kind] += n
                    if inside != "by_" + kind:
                        wrong.append((name, inside))
    assert not wrong, wrong[:3]
    assert sum(n > 0 for n in seen.values()) >= 2, seen # a stripped file has not all names
    quality = t.info(run.trace)["quality"][0]
    asked = sum(quality[name] for name in ("c_frames_whole", "c_frames_with_gap", "c_frames_none"))
    assert quality["c_frames_whole"] > asked / 2, quality


# Threads that are blocked, each in its own way.
BLOCKED = """
import fcntl, os, queue, select, signal, socket, subprocess, sys, tempfile, threading, time
here, program_waits = tempfile.mkdtemp(dir=os.getcwd()), len(sys.argv) > 2
empty, pair, listening = os.pipe()[0], socket.socketpair(), socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(1)
lock, condition, event, items = threading.Lock(), threading.Condition(), threading.Event(), queue.Queue()
lock.acquire()
locked = open(os.path.join(here, "lock"), "w")
fcntl.flock(locked, fcntl.LOCK_EX)
child = subprocess.Popen(["/bin/sleep", "100"])
class Waits:
    def sleeps(): time.sleep(100)
    def selects(): select.select([empty], [], [], 100)
    def polls():
        p = select.poll()
        p.register(empty)
        p.poll(100000)
    def epolls():
        e = select.epoll()
        e.register(empty)
        e.poll(100)
    def reads(): os.read(empty, 1)
    def writes():
        b = os.pipe()[1]
        while True:
            os.write(b, bytes(1 << 16))
    def receives(): pair[0].recv(1)
    def accepts(): listening.accept()
    def locks(): lock.acquire()
    def locks_for_a_while(): lock.acquire(True, 100)
    def queues(): items.get()
    def events(): event.wait(100)
    def conditions():
        with condition:
            condition.wait()
    def waits_for_a_child(): os.waitpid(child.pid, 0)
    def sorts(): sorted([2, 1], key=lambda x: time.sleep(100))
    def signals(): signal.sigtimedwait([signal.SIGUSR2], 100)
    def locks_a_file():
        with open(locked.name, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
ways = {name: what for name, what in vars(Waits).items() if name[0] != "_"}
try:
    import ctypes
    own = ctypes.CDLL(sys.argv[1])
    ways["calls_c"] = lambda: ctypes.CDLL(None).usleep(100000000)
    ways["calls_own"] = lambda: own.waits_outside(empty)
except (ImportError, OSError):
    pass
for name, what in ways.items():
    threading.Thread(target=what, name=name, daemon=True).start()
def runs(thread):
    with open("/proc/self/task/%d/stat" % thread.native_id) as file:
        return file.read().rpartition(")")[2].split()[0] == "R"
while any(runs(t) for t in threading.enumerate() if t is not threading.current_thread()):
    time.sleep(0.01)
if program_waits:
    print(os.getpid(), flush=True)
    sys.stdin.read()
else:
    time.sleep(0.5)
child.kill()
os._exit(0)
"""
# Of frames that are found by frame pointers only.
OWN = """
#include <unistd.h>
static int sink;
__attribute__((noinline)) void waits_inside(int fd) { char c; sink += (int)read(fd, &c, 1); }
__attribute__((noinline)) void waits_outside(int fd)
{
    volatile char room[fd + 1];
    room[0] = 1;
    waits_inside(fd);
    sink += room[0];
}
"""


def blocked(t, trace):
    """{name of a thread: (OS id, the stack it stood in, leaf first, as (function, file)s)}"""
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", trace))
    most = {}
    for row in rows:
        if row["samples"] > most.get(row["thread"], {"samples": 0})["samples"]:
            most[row["thread"]] = row
    return {name: (row["thread_id"], [(frame["function"], frame["file"]) for frame in row["stack"]])
            for name, row in most.items() if name != "MainThread"}


def own_library(t):
    try:
        return t.library("own", OWN)
    except Skip:
        return "none"


def test_blocked(t):
    """Where in C a thread waits: without a signal to it, and none of Python's frames lost."""
    run = recorded_as(t, "--native", t.file("blocked.py", BLOCKED), own_library(t))
    threads = blocked(t, run.trace)
    assert len(threads) >= 17, sorted(threads)
    n_gaps = 0
    for name, (_, frames) in threads.items():
        names = [function.rpartition(".")[2] for function, _ in frames]
        assert name in names or "<lambda>" in names, (name, names)
        assert "_bootstrap" in names, names
        assert not any(file.endswith("libpyrec.so") for _, file in frames), frames
        assert "libc" in frames[0][1], (name, frames)
        n_gaps += GAP in names
        if name == "sorts": # C between the two of Python's
            between = names[names.index("<lambda>") + 1:names.index("sorts")]
            assert between, names
        if name == "calls_own":
            at = names.index("waits_inside")
            assert names[at + 1] == "waits_outside" and all("libc" in file for _, file in frames[:at]), frames
    # from 3.15 on its frames are found by frame pointers, and calls that pyrec is not between save none
    assert n_gaps <= (len(threads) // 4 if t.version >= (3, 15) else 1), threads


GDB = """
import gdb, os
gdb.execute("set pagination off")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame, libraries = gdb.newest_frame(), []
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            libraries.append(gdb.solib_name(frame.pc()) or "/")
        try:
            frame = frame.older()
        except gdb.error:
            break
    print("THREAD", thread.ptid[1], *(os.path.basename(os.path.realpath(library)) or "-" for library in libraries))
"""


def test_blocked_as_gdb_has_it(t):
    """The C frames of a blocked thread, by the files that they are in, against a debugger's."""
    if not shutil.which("gdb"):
        raise Skip("needs gdb")
    trace = t.trace()
    program, _ = t.start([t.python, t.file("blocked.py", BLOCKED), own_library(t), "wait"], ["--native"], trace,
                         stdin=subprocess.PIPE)
    pid = program.stdout.readline().strip()
    seen = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set debug-file-directory /dev/null", "-p", pid, "-x", t.file("frames.py", GDB)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    program.communicate()
    expected = {int(words[1]): words[2:] for words in map(str.split, seen.splitlines())
                if words[:1] == ["THREAD"]}
    if not expected:
        raise Skip("gdb may not look at the program")
    compared = 0
    for name, (tid, frames) in blocked(t, trace).items():
        own = []
        for function, file in frames: # up to the first of Python's, or to what is not known
            if function == GAP or not is_native(function, file):
                break
            own.append(file.rpartition("/")[2])
        theirs = [library for library in expected[tid] if library != "libpyrec.so"]
        theirs = [library if library != "-" else own[i] if i < len(own) else "" for i, library in enumerate(theirs)]
        assert own == theirs[:len(own)], (name, own, theirs)
        compared += len(own)
    assert compared > 3 * 17, compared


# Threads of C that compute and wait for as long as they are to, and one that comes into Python after a while.
C_THREADS = """
#include <pthread.h>
#include <unistd.h>
static volatile double sink;
static _Atomic int is_over, may_call;
static pthread_t threads[3];
static int pipes[2];
static void (*call)(void);
__attribute__((noinline)) void computes_inside(void) { for (int i = 0; i < 100000; i++) sink += 1.0 / (i + 1); }
__attribute__((noinline)) void *computes(void *x) { while (!is_over) { computes_inside(); sink += 1; } return x; }
__attribute__((noinline)) void *waits(void *x) { char c; sink += (double)read(pipes[0], &c, 1); return x; }
__attribute__((noinline)) void *calls(void *x)
{
    while (!may_call)
        computes_inside();
    call();
    return x;
}
void begin(void (*function)(void))
{
    void *(*const routines[])(void *) = {computes, waits, calls};
    call = function;
    if (pipe(pipes) == 0)
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, routines[i], NULL);
}
void let_call(void) { may_call = 1; pthread_join(threads[2], NULL); }
void end(void)
{
    is_over = 1;
    if (write(pipes[1], "x", 1) == 1)
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
}
"""
C_THREADS_PROGRAM = """
import ctypes, resource, sys, time
library = ctypes.CDLL(sys.argv[1])
def in_python():
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass
function = ctypes.CFUNCTYPE(None)(in_python)
library.begin(function)
time.sleep(1)
library.let_call()
library.end()
use = resource.getrusage(resource.RUSAGE_SELF)
print(use.ru_utime + use.ru_stime)
"""


def test_threads_of_c(t):
    """Threads that never run Python: what of C they run and wait in, and their CPU time once."""
    run = recorded_as(t, "--native", t.file("c_threads.py", C_THREADS_PROGRAM), t.library("c_threads", C_THREADS))
    if t.version < (3, 10):
        assert all(row["kind"] == "native" or row["thread"] for row in t.rows("threads", run.trace))
        return
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", run.trace))
    threads = {} # by what is at the root of their own code: {function: samples with it}
    for row in rows:
        names = [frame["function"] for frame in row["stack"]]
        for routine in ("computes", "waits", "calls"):
            if routine in names:
                seen = threads.setdefault(routine, {"tids": set(), "names": {}})
                seen["tids"].add(row["thread_id"])
                for name in set(names):
                    seen["names"][name.rpartition(".")[2]] = seen["names"].get(name, 0) + row["samples"]
    assert sorted(threads) == ["calls", "computes", "waits"], threads
    assert all(len(seen["tids"]) == 1 for seen in threads.values()), threads
    computes, waits = threads["computes"]["names"], threads["waits"]["names"]
    assert computes["computes_inside"] > 0.9 * computes["computes"], computes
    assert waits["waits"] > 50 and waits.get("read", 0) + waits.get("__libc_read", 0) > 0.9 * waits["waits"], waits
    table = t.rows("threads", run.trace)
    called = {row["thread_id"]: row["thread"] for row in table if row["wall"] is not None}
    for routine in ("computes", "waits"): # that nobody has named
        assert [called[tid] for tid in threads[routine]["tids"]] == [routine], (routine, called)
    # what they used before they were found is not another thread's
    found_later = [row for row in table if row["wall"] is None and row["thread_id"] in called]
    assert all(row["thread"] == "<until it was found>" for row in found_later), table
    # with C hidden, where they are is told and not how all threads begin
    lines = {row["function"] for row in t.rows("lines", run.trace, "--thread", "computes") if row["cpu_time"] > 0}
    assert lines & {"computes", "computes_inside"} and not any("libc" in name for name in lines), lines
    kinds = {row["thread_id"]: row["kind"] for row in table if row["wall"] is not None}
    calls = threads["calls"]["tids"].pop()
    for routine, kind in (("computes", "native"), ("waits", "native")):
        assert kinds[threads[routine]["tids"].pop()] == kind, (routine, kinds)
    assert kinds[calls] == "python", kinds # it is one thread, before and after
    in_python = [row for row in rows if any(f["function"].endswith("in_python") for f in row["stack"])]
    assert {row["thread_id"] for row in in_python} == {calls}, in_python
    books = t.info(run.trace)["books"][0]
    near(books["known"], float(run.out), relative=0.02, absolute=0.05, what="CPU of all threads, counted once")
