# SPDX-License-Identifier: MIT
"""Stalls of known kinds at known times in a server: all found, none invented."""
import datetime
import json
import subprocess

OVER = 0.2

INJECT = '''
import ctypes, json, os, socket, subprocess, sys, threading, time
libc = ctypes.PyDLL(None)
lock, lock_go, gil_go = threading.Lock(), threading.Event(), threading.Event()
connect_go = threading.Event()
full = socket.socket(socket.AF_UNIX)  # more than one client must wait until somebody is let in
full.bind("")
full.listen(0)
early = []

def locker():
    lock_go.wait()
    with lock:
        time.sleep(0.7)

def hog():
    gil_go.wait()
    libc.usleep(700000)

def listener():
    connect_go.wait()
    time.sleep(0.6)
    for client in early:
        full.accept()

for f in (locker, hog, listener):
    threading.Thread(target=f, name=f.__name__, daemon=True).start()

def burn():
    end = time.thread_time() + 0.5
    while time.thread_time() < end:
        sum(range(1000))

def stall_cpu():
    burn()

def stall_sleep():
    time.sleep(0.6)

def stall_read():
    with subprocess.Popen(["sh", "-c", "sleep 0.6; echo x"], stdout=subprocess.PIPE) as child:
        os.read(child.stdout.fileno(), 1)

def stall_connect():
    try:
        while True:
            early.append(socket.socket(socket.AF_UNIX))
            early[-1].setblocking(False)
            early[-1].connect(full.getsockname())
    except BlockingIOError:
        early.pop().close()
    with socket.socket(socket.AF_UNIX) as client:
        connect_go.set()
        client.connect(full.getsockname())

def stall_lock():
    lock_go.set()
    while not lock.locked():
        time.sleep(0.001)
    with lock:
        pass

def stall_gil():
    gil_go.set()
    time.sleep(0.05)

def stall_not():
    time.sleep(0.03)

def inject(kind):
    begin = time.time()
    globals()["stall_" + kind]()
    truth.append((kind, begin, time.time() - begin))

truth = []
KINDS = sys.argv[1].split(",")
'''

ASYNCIO = INJECT + '''
import asyncio
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        inject(line.decode().strip())
        writer.write(b"ok\\n")
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for kind in KINDS:
        writer.write(kind.encode() + b"\\n")
        await reader.readline()
        for _ in range(10):
            await asyncio.sleep(0.03)
    writer.close()
    await asyncio.sleep(0.05)
    server.close()

asyncio.run(main())
print(json.dumps(truth))
'''

SLEEPS = ("clock_nanosleep", "nanosleep", "select", "pselect6")


def kinds_for(t):
    kinds = ["not", "cpu", "sleep", "not", "read", "connect", "lock", "gil", "not"]
    if not t.has_gil():
        kinds.remove("gil")
    t.need_ctypes()
    return kinds


def timestamp(row):
    return datetime.datetime.strptime(row["date"], "%Y-%m-%d %H:%M:%S.%f").timestamp()


def check_kind(kind, row):
    """Is it told what the thread did, and where?"""
    functions = [part["function"] for part in row["stack"]]
    assert "stall_" + kind in functions, (kind, row)
    if kind == "cpu":
        assert row["cause"] in ("cpu", "ready"), row
        assert "burn" in functions and row["cpu_time"] > 0.3, row
    elif kind == "gil":
        assert row["cause"] == "gil", row
        assert row["gil"][0]["other"] == "hog" and row["gil"][0]["function"] == "hog", row
    else:
        calls = {"sleep": SLEEPS, "read": ("read",), "connect": ("connect",),
                 "lock": ("futex",)}[kind]
        assert row["cause"] == "blocked" and row["blocked_in"] in calls, row
        assert row["function"].endswith("stall_" + kind), row
    if kind == "lock":
        holder, = [other for other in row["others"] if other["other"] == "locker"
                   and other["blocked_in"] in SLEEPS]
        assert holder["seconds"] > 0.25, row


def check(t, run, truth, *options):
    """Each stall that was made is found once, where it was; no other but for want of a CPU."""
    rows = t.stalls(run.trace, *options)
    found = set()
    for kind, begin, seconds in truth:
        near = [i for i, row in enumerate(rows)
                if row["start"] is not None and timestamp(row) < begin + seconds and
                timestamp(row) + row["duration"] > begin]
        if seconds < OVER:
            continue
        assert len(near) == 1, (kind, begin, seconds, near, rows)
        row = rows[near[0]]
        found.add(near[0])
        # a sampler that is starved itself sees beginning and end late, or not at all
        slack = 0.3 + row["unobserved"]
        assert abs(timestamp(row) - begin) < slack, (kind, begin, row)
        assert 0.6 * seconds - 0.1 < row["duration"] < seconds + slack, (kind, seconds, row)
        check_kind(kind, row)
    for i, row in enumerate(rows):
        assert i in found or row["cause"] == "ready" or \
            any(kind == "not" and seconds >= OVER for kind, _, seconds in truth), row
    return rows


def record(t, name, program, **more):
    kinds = kinds_for(t)
    run = t.record(t.file(name, program), ",".join(kinds), rate=200, **more)
    truth = json.loads(run.out.splitlines()[-1])
    assert [kind for kind, _, _ in truth] == kinds, truth
    return run, truth


def test_asyncio(t):
    run, truth = record(t, "server.py", ASYNCIO)
    check(t, run, truth)
    text = t.analyze("stalls", run.trace)
    assert "idle in epoll_wait" in text and "stall_sleep" in text, text
    named = check(t, run, truth, "--idle", "run_forever")
    assert named == t.stalls(run.trace)
    asked = [row["blocked_in"] for row in t.stalls(run.trace, "--state", "connect")]
    assert asked == ["connect"], asked
    assert "blocked in connect (connecting)" in text, text
    waited = t.stalls(run.trace, "--by", "gil_wait")[0]
    assert waited["cause"] == "gil" or "gil" not in [kind for kind, _, _ in truth], waited
    over = t.stalls(run.trace, "--over", "100s")
    assert over == [], over
    found, = t.stalls(run.trace, threads=True)
    none, = t.stalls(run.trace, "--over", "100s", threads=True)
    assert (found["outcome"], none["outcome"]) == ("found", "none"), (found, none)
    assert found["stalls"] == len(named) and found["places"] == none["places"], (found, none)
    place = found["places"][0]
    assert (place["taken_for"], place["blocked_in"]) == ("idle", "epoll_wait"), place
    assert named == t.stalls(run.trace, *place["option"].split()), place
    done = subprocess.run([t.pyanalyze, "stalls", "--idle", "no_such_function", run.trace],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "no_such_function" in done.stderr, done


BACKLOG = """
import json, queue, threading, time
jobs, done = queue.Queue(), []
def query(seconds):
    time.sleep(seconds)
def export(seconds):
    time.sleep(seconds)
def work(seconds):
    begin = time.time()
    (export if seconds > 0.3 else query)(seconds)
    done.append((begin, time.time()))
def worker():
    while True:
        seconds = jobs.get()
        if seconds is None:
            break
        work(seconds)
def feed():
    for seconds in (0.03,) * 5:
        while jobs.qsize():
            time.sleep(0.01)
        time.sleep(0.1)
        jobs.put(seconds)
    for seconds in (0.03,) * 20 + (0.5,) + (0.03,) * 20 + (None,):
        jobs.put(seconds)
threading.Thread(target=feed).start()
worker()
print(json.dumps(done))
"""


def test_backlog(t):
    """One job after the other is not one long stall; the long one among them is found."""
    run = t.record("-c", BACKLOG)
    done = json.loads(run.out.splitlines()[-1])
    rows = t.stalls(run.trace)
    sure = [row for row in rows if row["pieces"] == "one"]
    for row in sure:
        inside = [b - a for a, b in done
                  if a < timestamp(row) + row["duration"] and b > timestamp(row)]
        assert max(inside) > OVER - 0.05, (row, inside)
    begin, end = max(done, key=lambda job: job[1] - job[0])
    found = [row for row in sure if timestamp(row) < end and timestamp(row) + row["duration"] > begin]
    assert len(found) == 1 and found[0]["function"] == "export", (found, rows)
    assert rows.index(found[0]) < len(sure), rows
    thread, = t.stalls(run.trace, threads=True)
    assert thread["may_be_several"] == len(rows) - len(sure), (thread, rows)
    if len(rows) > len(sure):
        text = t.analyze("stalls", run.trace)
        assert "may be several" in text and "several things in a row" in text, text


def test_hangs_to_the_end(t):
    """The worst one: killed while it hangs."""
    program = ASYNCIO.replace("asyncio.run(main())",
                              "import signal\n"
                              "signal.setitimer(signal.ITIMER_REAL, 1.5)\n"
                              "signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
                              "asyncio.run(main())").replace("time.sleep(0.6)", "time.sleep(60)")
    run = t.record(t.file("hang.py", program), "not,sleep", rate=200, ok=False)
    row, = [row for row in t.stalls(run.trace) if row["cause"] != "ready"]
    assert row["end"] == "recording ended" and row["function"] == "stall_sleep", row
    assert row["duration"] > 0.5, row


FORKED = """
import asyncio, multiprocessing, os, time
def worker(queue, ready):
    ready.set()
    queue.get()
def by_hand(end):
    os.read(end, 1)
    os._exit(0)
async def main():
    context = multiprocessing.get_context("fork")
    queue, ready = context.Queue(), context.Event()
    child = context.Process(target=worker, args=(queue, ready))
    child.start()
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        by_hand(theirs)
    while not ready.is_set():
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.5)
    queue.put(None)
    os.write(ours, b"x")
    while child.is_alive() or os.waitpid(pid, os.WNOHANG) == (0, 0):
        await asyncio.sleep(0.05)
asyncio.run(main())
"""


def test_forked_in_a_loop(t):
    """A child that was forked by what a loop called never comes back to that loop, and does not hang."""
    run = t.record(t.file("forked.py", FORKED), rate=200)
    rows, text = t.stalls(run.trace), t.analyze("stalls", run.trace)
    assert all(row["cause"] == "ready" for row in rows), text  # but for want of a CPU
    assert "never seen waiting" not in text, text
    outcomes = [thread["outcome"] for thread in t.stalls(run.trace, threads=True)
                if thread["thread"] == "MainThread"]
    assert sorted(outcomes) == ["cannot tell", "cannot tell", "found" if rows else "none"], text


def test_no_idle_place(t):
    """A program that just computes has none; it is said what to do."""
    run = t.record("-c", "sum(i * i for i in range(5000000))")
    text = t.analyze("stalls", run.trace)
    assert "no idle place" in text and "--idle" in text, text
    assert t.stalls(run.trace) == []
    thread, = t.stalls(run.trace, threads=True)
    assert thread["outcome"] == "cannot tell" and thread["why"], thread
