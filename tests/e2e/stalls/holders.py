# SPDX-License-Identifier: MIT
"""Who holds what a stalled thread waits for: real locks of many kinds, whose holders are known."""
import json
import shutil

from e2e import Skip
from stalls import timestamp

# A loop that is stalled by each kind in turn, while threads make noise: one that sleeps, one that
# runs now and then, one that waits for ever. `begin` starts who holds, `wait` waits for them.
PROGRAM = '''
import asyncio, fcntl, json, logging, os, queue, sys, tempfile, threading, time
HOLD = 0.3
where = tempfile.mkdtemp(dir=os.getcwd())
stop = threading.Event()

def ticker():
    while not stop.is_set():
        time.sleep(0.007)

def now_and_then():
    while not stop.is_set():
        sum(range(2000))
        time.sleep(0.02)

def waiter():
    stop.wait()

for noise in (ticker, now_and_then, waiter):
    threading.Thread(target=noise, name=noise.__name__, daemon=True).start()

has = threading.Semaphore(0)  # whoever holds says so
lock, rlock, cond, room = threading.Lock(), threading.RLock(), threading.Condition(), queue.Queue(1)
sem, ready = threading.Semaphore(1), []

def start(target, *names):
    for name in names:
        threading.Thread(target=target, name=name, daemon=True).start()

def hold_lock():
    with lock:
        has.release()
        time.sleep(HOLD)

def begin_lock():
    start(hold_lock, "lock_1")
    has.acquire()

def wait_lock():
    with lock:
        pass

def busy():
    end = time.thread_time() + HOLD
    while time.thread_time() < end:
        sum(range(1000))

def hold_rlock():
    with rlock:
        with rlock:
            has.release()
            busy()

def begin_rlock():
    start(hold_rlock, "rlock_1")
    has.acquire()

def wait_rlock():
    with rlock:
        pass

def hold_elsewhere():  # acquired in one function, released in another
    Elsewhere.take()
    has.release()
    time.sleep(HOLD)
    sum(range(100000))
    Elsewhere.let_go()

class Elsewhere:
    @staticmethod
    def take():
        lock.acquire()
    @staticmethod
    def let_go():
        lock.release()

def begin_elsewhere():
    start(hold_elsewhere, "elsewhere_1")
    has.acquire()

def wait_elsewhere():
    Elsewhere.take()
    Elsewhere.let_go()

def notify():
    time.sleep(HOLD)
    with cond:
        ready.append(1)
        cond.notify()

def begin_condition():
    start(notify, "condition_1")

def wait_condition():
    with cond:
        while not ready:
            cond.wait()
    ready.clear()

def consume():
    for _ in range(2):
        time.sleep(HOLD)
        room.get()

def begin_put():
    start(consume, "put_1")

def wait_put():
    room.put(1)
    room.put(2)

def hold_sem():
    with sem:
        has.release()
        time.sleep(HOLD)

def begin_semaphore():
    start(hold_sem, "semaphore_1")
    has.acquire()

def wait_semaphore():
    with sem:
        pass

class Slow(logging.Handler):
    def emit(self, record):
        if record.msg == "slow":
            has.release()
            time.sleep(HOLD)

log = logging.getLogger("slow")
log.propagate = False
log.addHandler(Slow())

def begin_logging():
    start(lambda: log.error("slow"), "logging_1")
    has.acquire()

def wait_logging():
    log.error("quick")

sys.path.insert(0, where)
with open(os.path.join(where, "slowly.py"), "w") as file:
    file.write("import time, __main__; __main__.has.release(); time.sleep(__main__.HOLD)\\n")

def import_it():
    import slowly

def begin_import():
    start(import_it, "import_1")
    has.acquire()

def wait_import():
    import slowly

def hold_file():
    with open(os.path.join(where, "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        has.release()
        time.sleep(HOLD)

def begin_file():
    start(hold_file, "file_1")
    has.acquire()

def wait_file():
    with open(os.path.join(where, "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

def work():
    end = time.monotonic() + HOLD
    while time.monotonic() < end:
        time.sleep(0.05)

def in_turn():
    with lock:
        has.release()
        work()

def begin_convoy():
    start(in_turn, "convoy_1")
    has.acquire()
    for name in "convoy_2", "convoy_3":
        start(in_turn, name)
        time.sleep(0.01)  # the order in which they ask

def wait_convoy():
    with lock:
        pass

def hold_two():
    with lock:
        has.release()
        time.sleep(HOLD)

def hold_other():
    with rlock:
        has.release()
        time.sleep(2 * HOLD)

def begin_two():
    start(hold_two, "two_1")
    start(hold_other, "two_2")
    has.acquire()
    has.acquire()

def wait_two():
    with lock:
        pass
    with rlock:
        pass

async def main():
    for kind in KINDS:
        for _ in range(4):
            await asyncio.sleep(0.03)
        globals()["begin_" + kind]()
        await asyncio.sleep(0.02)
        globals()["wait_" + kind]()
    for _ in range(4):
        await asyncio.sleep(0.03)

KINDS = sys.argv[1].split(",")
asyncio.run(main())
stop.set()
'''

KINDS = ("lock", "rlock", "elsewhere", "condition", "put", "semaphore", "logging", "import", "file",
         "convoy", "two")


def kind_of(row):
    """Which wait a stall is of, by the stack; None: it is something else."""
    for part in row["stack"]:
        if part["function"].startswith("wait_"):
            return part["function"][len("wait_"):]
    return None


def test_known_holders(t):
    """Never another one, and nearly always the one."""
    run = t.record(t.file("locks.py", PROGRAM), ",".join(KINDS), rate=200)
    told = set()
    for row in t.stalls(run.trace):
        kind = kind_of(row)
        holders, nobody = {}, 0
        for part in row.get("holders", []):
            if part["other"] is None:
                nobody += part["seconds"]
                assert part["evidence"] == "cannot be told", part
            else:
                holders[part["other"]] = holders.get(part["other"], 0) + part["seconds"]
                assert part["evidence"] and part["function"] and part["doing"], part
        if kind is None or row["blocked"] < 0.2:
            continue
        wrong = sum(s for name, s in holders.items() if not name.startswith(kind))
        assert wrong <= 0.25 * row["blocked"], (kind, row)
        assert abs(sum(holders.values()) + nobody - row["blocked"]) < 0.1 * row["blocked"], row
        right = {name for name in holders if name.startswith(kind)}
        if sum(holders[name] for name in right) > 0.6 * row["blocked"]:
            told.add(kind)
            # who holds comes before all others, those that wait for the same lock above all
            assert row["others"][0]["other"] in right, row
            assert kind not in ("convoy", "two") or len(right) > 1, row
    assert len(told) >= len(KINDS) - 2, (sorted(set(KINDS) - told), t.analyze("stalls", run.trace))
    text = t.analyze("stalls", "--limit", "0", run.trace)
    assert "who   holds it: likely" in text and "who   ended the wait: likely" in text, text
    assert "a semaphore has no owner" in text, text


OTHERS = '''
import asyncio, ctypes, multiprocessing, os, sqlite3, sys, tempfile, threading, time
path = os.path.join(tempfile.mkdtemp(dir=os.getcwd()), "x.db")
HOLD = 0.4

def other(lock, go, has):
    while go.get():
        with lock:
            has.put(1)
            time.sleep(HOLD)

def reader(full):
    while full.get():
        time.sleep(HOLD)

def wait_full():
    for _ in range(3):  # one is read at once, one has room; a thread feeds the pipe meanwhile
        full.put(1)

def begin_sqlite():
    connection = sqlite3.connect(path)
    connection.execute("begin immediate")
    has.set()
    time.sleep(HOLD)
    connection.commit()

def wait_sqlite():
    has.clear()
    threading.Thread(target=begin_sqlite, name="begin").start()
    has.wait()
    db.execute("insert into t values (1)")
    db.commit()

def wait_process():
    go.put(1)
    held.get()
    with lock:
        pass

async def main():
    for wait in wait_process, wait_full, wait_sqlite:
        for _ in range(6):
            await asyncio.sleep(0.03)
        wait()
    for _ in range(6):
        await asyncio.sleep(0.03)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    lock, go, held = context.Lock(), context.SimpleQueue(), context.SimpleQueue()
    kid = context.Process(target=other, args=(lock, go, held))
    kid.start()
    full = context.Queue(1)
    reading = context.Process(target=reader, args=(full,))
    reading.start()
    has, db = threading.Event(), sqlite3.connect(path)
    db.execute("create table t (a)")
    db.commit()
    asyncio.run(main())
    go.put(0)
    full.put(0)
    kid.join()
    reading.join()
    print(kid.pid, reading.pid)
'''


def test_nobody_else_is_claimed(t):
    """A lock or a queue of another process, and one that is asked for by sleeping: whoever is named holds it."""
    run = t.record(t.file("others.py", OTHERS), rate=200)
    kid, reading = map(int, run.out.split())
    rows = {kind_of(row): row for row in t.stalls(run.trace)}
    for kind, holder in (("process", ("MainThread", kid)), ("full", ("MainThread", reading)),
                         ("sqlite", ("begin", rows["sqlite"]["process"]))):
        named = {(part["other"], part["other_process"]) for part in rows[kind]["holders"] if part["other"]}
        assert named <= {holder}, rows[kind]
    text = t.analyze("stalls", "--limit", "0", run.trace)
    assert "another process" in text and "to ask for a lock" in text, text


GIL = '''
import asyncio, ctypes, threading, time
libc = ctypes.PyDLL(None)
go = [threading.Event(), threading.Event()]

def first():
    go[0].wait()
    libc.usleep(400000)

def second():
    go[1].wait()
    libc.usleep(200000)

for f in first, second:
    threading.Thread(target=f, name=f.__name__, daemon=True).start()

def stall():
    go[0].set()
    go[1].set()
    time.sleep(0.05)

async def main():
    for _ in range(10):
        await asyncio.sleep(0.03)
    stall()
    for _ in range(10):
        await asyncio.sleep(0.03)

asyncio.run(main())
'''


ACROSS = """
import fcntl, json, multiprocessing, os, sqlite3, subprocess, sys, threading, time
HOLD, path = 0.4, sys.argv[1]
multiprocessing = multiprocessing.get_context("fork")  # a forkserver, the default of 3.14, would run all of this again
has, go, lock = multiprocessing.Event(), multiprocessing.Queue(), multiprocessing.Lock()

def use_flock(hold):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        hold()

def use_lock(hold):
    with lock:
        hold()

def take_apart(hold):
    file = open(path, "w")
    fcntl.flock(file, fcntl.LOCK_EX)
    hold()
    file.close()

def use_sqlite(hold):
    database = sqlite3.connect(path + ".db", isolation_level=None, timeout=20)
    database.execute("BEGIN IMMEDIATE")
    hold()
    database.execute("COMMIT")

def hold_on():
    has.set()
    time.sleep(HOLD)

def holder():
    threading.current_thread().name = "holder"
    for kind in iter(go.get, None):
        {"apart": take_apart, **USES}[kind](hold_on)

def noise(stop):
    while not stop.wait(0.03):
        sum(range(1000))

USES = {"flock": use_flock, "lock": use_lock, "apart": use_flock, "sqlite": use_sqlite}

def main():
    for kind in list(USES) * 2 + ["not recorded"]:
        for _ in range(5):
            time.sleep(0.05)
        if kind == "not recorded":
            child = subprocess.Popen(["flock", path, "sh", "-c", "echo x; sleep 0.4"],
                                     stdout=subprocess.PIPE)
            child.stdout.read(1)
        else:
            go.put(kind)
            has.wait()
            has.clear()
        begin = time.time()
        USES.get(kind, use_flock)(lambda: None)
        truth.append((kind, begin, time.time()))
    for _ in range(5):
        time.sleep(0.05)

truth, stop = [], multiprocessing.Event()
processes = [multiprocessing.Process(target=holder),
             multiprocessing.Process(target=noise, args=(stop,))]
for process in processes:
    process.start()
main()
stop.set()
go.put(None)
for process in processes:
    process.join()
print(json.dumps([os.getpid(), processes[0].pid, truth]))
"""


def test_across_processes(t):
    """A holder in another process is named where its samples show it; nobody else ever is."""
    if shutil.which("flock") is None:
        raise Skip("no flock(1)")
    run = t.record(t.file("across.py", ACROSS), str(t.dir / "across.lock"), rate=200)
    pid, holder, truth = json.loads(run.out.splitlines()[-1])
    named = dict.fromkeys(kind for kind, _, _ in truth)
    rows = t.stalls(run.trace, "--process", str(pid))
    for kind, begin, end in truth:  # the last one, too, after which the loop is left: not by the lines of 3.8
        seen = any(timestamp(row) < end and timestamp(row) + row["duration"] > begin for row in rows)
        assert seen or (kind == "not recorded" and t.version < (3, 11)), (kind, rows)
    for row in rows:
        kinds = [kind for kind, begin, end in truth
                 if timestamp(row) < end and timestamp(row) + row["duration"] > begin]
        for held in row.get("holders", []):
            if held["other"] is None or held["seconds"] < 0.1:
                continue
            assert "not recorded" not in kinds, row
            assert (held["other"], held["other_process"]) == ("holder", holder), (kinds, row)
            named.update(dict.fromkeys(kinds, True))
    assert sum(named[kind] is True for kind in named) >= 2, named  # a starved sampler sees less
    text = t.analyze("stalls", "--process", str(pid), "--limit", "20", run.trace)
    assert f"likely holder of process {holder}" in text, text
    assert "held by another process perhaps" in text or t.version < (3, 11), text


def test_shares_of_the_gil(t):
    """Who held it is certain: by shares, with lines, in the words as well."""
    t.need_ctypes()
    t.need_gil()
    run = t.record(t.file("gil.py", GIL), rate=200)
    row = t.stalls(run.trace)[0]
    held = {}
    for part in row["gil"]:
        held[part["other"]] = held.get(part["other"], 0) + part["seconds"]
        assert part["other"] not in ("first", "second") or part["line"], part
    # in which order they get it is the interpreter's to decide, the one that stalls among them
    hogs = sorted((name for name in held if name in ("first", "second")), key=held.get)
    assert hogs and sum(map(held.get, hogs)) > 0.8 * row["gil_wait"], json.dumps(row)
    text = t.analyze("stalls", run.trace)
    assert f"who   held the GIL: {hogs[-1]} 0." in text, text
    assert len(hogs) < 2 or f", {hogs[0]} 0." in text, text
