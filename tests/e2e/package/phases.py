# SPDX-License-Identifier: MIT
"""pyrec.phase(), set_label(), mark(): what is told of them is what the program's own log says."""
import json
import re
import subprocess

import export_check
import otlp_check
from package import BEGIN, environment
from e2e import near, wide

LOGGED = """
import asyncio, json, random
log = []
class logged:
    def __init__(self, name, detail=""):
        self.name, self.detail, self.phase = name, detail, pyrec.phase(name, detail)
    def __enter__(self):
        self.begin = time.monotonic()
        self.phase.__enter__()
    def __exit__(self, *error):
        self.phase.__exit__(*error)
        log.append((self.name, self.detail, time.monotonic() - self.begin))
def tell():
    print(json.dumps(log))
"""


def record(t, source, rate=1000):
    """Run under pyrec; what it printed, and the trace."""
    path = t.file(f"program{t.n}.py", BEGIN + LOGGED + source)
    t.n += 1
    done = t.record(path, rate=rate, env=environment(t))
    assert done.status == 0 and "Traceback" not in done.err, done.err
    return done.out.splitlines(), done.trace


def ask(t, trace, command, *options):
    return t.rows(command, trace, *options)


def rows_by(rows, *columns):
    return {tuple(row[column] for column in columns): row for row in rows}


def check_log(t, trace, log):
    """Counts are those of the log, durations up to a quantum each, and what the log itself took."""
    rows = rows_by(ask(t, trace, "phases", "--by", "detail"), "phase", "detail")
    want = {}
    for name, detail, seconds in log:
        want.setdefault((name, detail), []).append(seconds)
    assert set(rows) == set(want), (set(rows) ^ set(want))
    for key, seconds in want.items():
        row = rows[key]
        assert (row["count"], row["open"]) == (len(seconds), 0), (key, row)
        # the log is taken outside of the phase: nobody may be asked for it to be quick there
        assert row["total"] <= sum(seconds) + 2e-5 * len(seconds), (key, row, sum(seconds))
        assert row["longest_phase"] <= max(seconds) + 2e-5
        near(row["mean"], row["total"] / len(seconds), absolute=1e-5)
    return rows


def check_sums(t, trace, names):
    """What phases says of samples is what all others say of the same ones."""
    for name in names:
        row = rows_by(ask(t, trace, "phases"), "phase")[(name,)]
        if row["samples"] == 0:
            continue
        threads = ask(t, trace, "threads", "--phase", name)
        for column in ("wall", "gil_wait", "blocked", "samples", "ticks"):
            near(row[column], sum(one[column] for one in threads), absolute=1e-5, what=f"{name} {column}")
        lines = ask(t, trace, "lines", "--phase", name)
        near(row["cpu_time"], sum(line["cpu_time"] for line in lines), absolute=1e-5 + 1e-6 * len(lines))


def check_attributes(t, trace, names):
    """Samples that leave with attributes are those that --phase and tasks have, and are of the thread itself."""
    form = [t.pyanalyze, "export", trace, "--format"]
    (_, profiles), = otlp_check.decode(subprocess.run([*form, "otlp"], capture_output=True, check=True).stdout)
    said = {kind: [(dict(attributes), value) for (attributes, _), value in profile["samples"].items()]
            for kind, profile in profiles.items()}
    rows = rows_by(ask(t, trace, "phases"), "phase")
    for name in names:
        for kind, column in (("wall", "wall"), ("cpu", "cpu_time"), ("blocked", "blocked")):
            got = sum(value for one, value in said.get(kind, ()) if name in one.get("pyrec.phase", "").split(";"))
            near(got / 1e9, rows[(name,)][column], absolute=1e-5, what=f"{name} {kind}")
    for row in ask(t, trace, "tasks"):
        got = sum(value for one, value in said["wall"] if one.get("pyrec.task") == row["task"])
        near(got / 1e9, row["wall"], absolute=1e-5, what=row["task"])
    threads = {row["thread"] for row in ask(t, trace, "threads")}
    assert {one["thread.name"] for one, _ in said["wall"]} <= threads
    pprof = export_check.protoc_decode(subprocess.run([*form, "pprof"], capture_output=True, check=True).stdout)
    texts, number = pprof["string_table"], export_check.number
    labels = {(texts[number(one, "key")], texts[number(one, "str")]) for s in pprof["sample"] for one in s["label"]}
    for key in ("phase", "task"):
        assert {value for name, value in labels if name == key} == {
            one[f"pyrec.{key}"] for one, _ in said["wall"] if f"pyrec.{key}" in one}, labels
    assert {value for name, value in labels if name == "thread"} <= threads


def test_log(t):
    """Nested, overlapping, in threads, tasks and generators, in any order: as the program says."""
    out, trace = record(t, """
random.seed(7)
names = ["read", "parse", "write é", "a=b", "x" * 400]
def nest(depth):
    for _ in range(random.randrange(1, 4)):
        with logged(random.choice(names[:4]), random.choice(["", "one", "two"])):
            work(random.random() / 200)
            if depth: nest(depth - 1)
def overlap():
    a, b = logged("a"), logged("b")
    a.__enter__(); work(.01); b.__enter__(); work(.01); a.__exit__(); work(.01); b.__exit__()
    assert pyrec._phases._current.get() is pyrec._phases._ROOT
def generate():
    for i in range(3):
        with logged("generator", str(i)):
            work(.002)
            yield i
async def task(n):
    with logged("task", str(n)):
        for _ in range(5):
            work(.002 * n)
            await asyncio.sleep(0.001 * (4 - n))
            with logged("within", str(n)):
                work(.001)
                await asyncio.sleep(0)
async def tasks():
    await asyncio.gather(*(task(n) for n in range(1, 4)))
def again():
    same = pyrec.phase("same")
    with same:
        with same:
            work(.01)
    assert pyrec._phases._current.get() is pyrec._phases._ROOT
    log.extend([("same", "", 1.0)] * 2)
again()
threads = [threading.Thread(target=nest, args=(2,)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
nest(3)
overlap()
list(generate())
closed = generate(); next(closed); closed.close()
asyncio.run(tasks())
with logged("x" * 400): work(.01)
tell()
""")
    log = [(("x" * 249 + "…") if len(name) > 252 else name, detail, seconds)
           for name, detail, seconds in json.loads(out[-1])]
    check_log(t, trace, log)
    check_sums(t, trace, ("read", "a=b", "task", "within", "a"))
    check_attributes(t, trace, ("read", "parse", "write é", "a=b", "task", "within", "a", "b", "generator", "same"))
    # in the same phase, what a task does and what it does not
    functions = ask(t, trace, "functions", "--phase", "task=3")
    assert any(row["function"].endswith("task") for row in functions), functions
    assert not any(row["function"].endswith("nest") for row in functions), functions
    inner = ask(t, trace, "phases", "--phase", "task=3", "--by", "detail")
    assert {(row["phase"], row["detail"]) for row in inner} == {("task", "3"), ("within", "3")}, inner


def test_tasks_share_a_thread(t):
    """Each task's CPU is its own, however they take turns; the loop's is nobody's."""
    _, trace = record(t, """
async def task(n):
    with pyrec.phase("task", str(n)):
        for _ in range(20):
            end = time.thread_time() + .004 * n
            while time.thread_time() < end: pass
            await asyncio.sleep(0)
async def tasks(): await asyncio.gather(task(1), task(3))
asyncio.run(tasks())
""")
    rows = rows_by(ask(t, trace, "phases", "--by", "detail"), "detail")
    # one quarter and three quarters, as exact as that many samples tell (four times their deviation)
    count = rows[("1",)]["samples"] + rows[("3",)]["samples"]
    bound = 0.01 + 4 * 0.32 * (0.25 * 0.75 / count) ** 0.5
    near(rows[("1",)]["cpu_time"], 0.08, absolute=bound, what=f"task 1, {count} samples")
    near(rows[("3",)]["cpu_time"], 0.24, absolute=bound, what=f"task 3, {count} samples")


def test_labels(t):
    """Of a thread and of a task; the innermost value holds; those within a phase end with it."""
    out, trace = record(t, """
pyrec.set_label("who", "main")
took = {}
def timed(name, seconds):
    begin = time.monotonic()
    work(seconds)
    took[name] = took.get(name, 0) + time.monotonic() - begin
def worker():
    pyrec.set_label("who", "worker")
    timed("worker", .1)
thread = threading.Thread(target=worker); thread.start(); thread.join()
with pyrec.phase("p"):
    pyrec.set_label("route", "/a"); pyrec.set_label("status", "200"); pyrec.set_label("route", "/b")
    timed("route", .1)
work(.05)
pyrec.set_label("who", None)
work(.05)
async def task(name):
    pyrec.set_label("task", name)
    for _ in range(10):
        timed(name, .004)
        await asyncio.sleep(0)
async def tasks(): await asyncio.gather(task("one"), task("two"))
asyncio.run(tasks())
print(json.dumps(took))
""")
    took = json.loads(out[-1])  # how long something takes is the machine's affair
    missed = t.unobserved(trace)

    def wall(*words):
        return sum(row["wall"] for row in t.rows("threads", trace, *words))
    for name, words in {"worker": ("--label", "who=worker"), "one": ("--label", "task=one"), "two": ("--label", "task=two"),
                        "route": ("--label", "route=/b", "--label", "status=200")}.items():
        near(wall(*words), took[name], relative=0.15, absolute=0.03 + missed, what=name)
    assert 0 < wall("--label", "route=/b", "--label", "who=main") <= took["route"] + 0.03
    assert wall("--label", "route=/b", "--label", "who=worker") == 0
    values = rows_by(ask(t, trace, "phases", "--by", "label"), "phase", "detail")
    assert ("route", "/a") in values and ("route", "/b") in values, values
    done = subprocess.run([t.pyanalyze, "lines", "--label", "route=/nowhere", trace],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "--label: no sample is in" in done.stderr, done


def test_many_names(t):
    """Millions of names would be one too many: they are put together, and the file stays small."""
    out, trace = record(t, """
n = 30000
for i in range(n):
    with pyrec.phase("request", f"GET /{i}"): pass
    if i % 500 == 0: time.sleep(.02)
print(len(pyrec._phases._names))
""")
    assert int(out[-1]) < 8200
    rows = rows_by(ask(t, trace, "phases", "--by", "detail"), "detail")
    assert len(rows) <= 8192 and rows[("<other names>",)]["count"] > 20000, len(rows)
    assert ask(t, trace, "phases")[0]["count"] == sum(row["count"] for row in rows.values()) == 30000


@wide
def test_many_phases(t):
    """Attributes of samples have room for so many: beyond that they are of other phases, and the sum stays."""
    _, trace = record(t, """
for i in range(1500):
    with pyrec.phase(f"p{i}"): work(.003)
""")
    exported = subprocess.run([t.pyanalyze, "export", trace, "--format", "otlp"], capture_output=True, check=True).stdout
    (_, profiles), = otlp_check.decode(exported)
    phases = {}
    for (attributes, _), value in profiles["wall"]["samples"].items():
        phase = dict(attributes).get("pyrec.phase")
        phases[phase] = phases.get(phase, 0) + value
    assert len(phases) > 1000 and ("<other phases>" in phases or len(phases) > 1100), len(phases)
    near(sum(phases.values()) / 1e9, sum(row["wall"] for row in ask(t, trace, "threads")), absolute=1e-5)


def test_nobody_records(t):
    """No error, no output, no file; names that are none; phases that begin before and end within."""
    source = BEGIN + """
class Rude:
    def __str__(self): raise RuntimeError("not to be asked")
early = pyrec.phase("early"); early.__enter__()
for name in ("x", "", "\\0", "\\ud800", "a\\nb", 5, None, Rude(), b"x", ["list"]):
    with pyrec.phase(name, name): pyrec.mark(name)
    pyrec.set_label(name, "v"); pyrec.set_label("k", name)
early.__exit__(None, None, None); early.__exit__(None, None, None)
"""
    path = t.file("quiet.py", source)
    for more in ({}, {"PYREC_HOME": "/nonexistent"}):
        done = subprocess.run([t.python, "-W", "error", path], capture_output=True, text=True, cwd=t.dir,
                              env={**environment(t), **more})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    done = t.record(path, env=environment(t))
    assert done.status == 0 and done.out == "", done
    rows = ask(t, done.trace, "phases")
    assert sum(row["count"] for row in rows) == 11 and not any(row["open"] for row in rows), rows


def test_entry(t):
    """What is called at each end is a function of Python's own, leaves all counts as they are, and survives what is no phase."""
    source = BEGIN + """
import types
pyrec.mark("found")
begin, end = pyrec._phases._begin, pyrec._phases._end
if bytes.__basicsize__ == 33:
    assert isinstance(begin, types.BuiltinFunctionType) and isinstance(end, types.BuiltinFunctionType), begin
    counts = [sys.getrefcount(one) for one in (True, False)]
    for no in (b"", b"x" * 23, b"x" * 25, 7, 1 << 200, None, "x" * 24, object()):
        for call in (begin, end):
            for _ in range(1000): assert call(no) is False
    said = pyrec._phases._pack(1 << 40, 0, 0, 0)
    for _ in range(1000): begin(said), end(said)
    assert all(abs(sys.getrefcount(one) - before) < 50 for one, before in zip((True, False), counts)), counts
print(begin(pyrec._phases._pack(1 << 41, 0, 0, 0)) == 1)
"""
    path = t.file("entry.py", source)
    alone = subprocess.run([t.python, path], capture_output=True, text=True, cwd=t.dir, env=environment(t))
    assert (alone.returncode, alone.stdout, alone.stderr) == (0, "False\n", ""), alone
    recorded = t.record(path, env=environment(t))
    assert (recorded.status, recorded.out) == (0, "True\n"), (recorded.out, recorded.err)


def test_start_and_stop(t):
    """By start() as under pyrec; in two recordings in a row names are told again."""
    t.need_ctypes()
    record_twice = """
for i in range(2):
    with pyrec.record(f"run{i}.trace", rate=500):
        begin = time.monotonic()
        with pyrec.phase("first", str(i)): work(.1)
        print(time.monotonic() - begin, flush=True)
        pid = os.fork()
        if pid == 0:
            with pyrec.phase("child"): work(.1)
            os._exit(0)
        os.waitpid(pid, 0)
"""
    path = t.file("twice.py", BEGIN + record_twice)
    done = subprocess.run([t.python, path], capture_output=True, text=True, cwd=t.dir, env=environment(t))
    assert done.returncode == 0, done.stderr
    for i in range(2):
        rows = rows_by(ask(t, str(t.dir / f"run{i}.trace"), "phases", "--by", "detail"), "phase", "detail")
        assert set(rows) == {("first", str(i)), ("child", "")}, rows
        took = float(done.stdout.split()[i])
        near(rows[("first", str(i))]["wall"], took, relative=0.15, absolute=0.05 + t.unobserved(str(t.dir / f"run{i}.trace")))


def test_killed_and_open(t):
    """What was said before a program was killed is there; what did not end is said to be open."""
    path = t.file("killed.py", BEGIN + """
import signal
for i in range(50):
    with pyrec.phase("done", str(i)): pass
def ends_within():
    pyrec.phase("lost").__enter__()
thread = threading.Thread(target=ends_within); thread.start(); thread.join(); del thread
open_phase = pyrec.phase("open"); open_phase.__enter__()
work(.05)
pyrec.mark("at the end")
os.kill(os.getpid(), signal.SIGKILL)
""")
    done = t.record(path, env=environment(t), ok=False)
    rows = rows_by(ask(t, done.trace, "phases"), "phase")
    assert rows[("done",)]["count"] == 50 and rows[("done",)]["open"] == 0, rows
    assert rows[("open",)]["open"] == 1 and rows[("open",)]["total"] == 0, rows
    assert rows[("lost",)]["count"] == 1 and rows[("lost",)]["open"] == 0, rows


def test_long_phases(t):
    """stalls --phase: each one that took long, in whatever thread, and what was done in it alone."""
    out, trace = record(t, """
def sleeper():
    for i in range(3):
        with logged("job", f"sleep {i}"): time.sleep(.1 * i + .05)
thread = threading.Thread(target=sleeper, name="sleeper"); thread.start(); thread.join()
async def task(n):
    with logged("request", str(n)):
        for _ in range(10):
            end = time.thread_time() + (.03 if n else .001)
            while time.thread_time() < end: pass
            await asyncio.sleep(0)
async def tasks(): await asyncio.gather(task(0), task(1))
asyncio.run(tasks())
tell()
""")
    took = {(name, detail): seconds for name, detail, seconds in json.loads(out[-1])}
    # each but the first took longer than that, on whatever machine; the first did if it was held up
    found = t.rows("stalls", trace, "--phase", "job", "--over", "120ms")["stalls"]
    told = {one["detail"] for one in found}
    assert {"sleep 1", "sleep 2"} <= told <= {"sleep 1", "sleep 2"} | ({"sleep 0"} if took["job", "sleep 0"] > 0.12 else set()), found
    for one in found:
        assert (one["phase"], one["thread"], one["cause"]) == ("job", "sleeper", "blocked"), one
        assert 0.05 <= one["took"] <= took["job", one["detail"]] + 2e-5, (one, took)
    assert one_of(found, "sleep 2")["took"] >= 0.25 and one_of(found, "sleep 1")["took"] >= 0.15, found
    text = t.analyze("stalls", "--phase", "job", "--over", "120ms", trace)
    assert re.search(r"job sleep 2 took \d+\.\d+ s.* in sleeper", text), text
    found = {one["detail"]: one for one in t.rows("stalls", trace, "--phase", "request", "--over", "150ms")["stalls"]}
    assert set(found) == {"0", "1"}, found
    assert found["0"]["cpu_time"] < 0.1 < 0.2 < found["1"]["cpu_time"], found
    assert found["0"]["took"] > 0.2 and found["0"]["unobserved"] <= t.unobserved(trace) + 0.01, found


def test_stalls_of_tasks(t):
    """Of a phase whose task was suspended: what its own tasks waited for, and no other's."""
    out, trace = record(t, """
async def query(): await asyncio.sleep(.6)
async def other(): await asyncio.sleep(.7)
async def suspended():
    with logged("request", "suspended"): await query()
async def mixed():
    with logged("request", "mixed"):
        pyrec.set_label("user", "7")
        work(.05)
        with logged("database"): await query()
async def busy():
    with logged("request", "busy"): work(.3)
async def several():
    with logged("request", "several"): await asyncio.gather(*(query() for _ in range(4)))
async def left():
    with logged("request", "left"):
        task = asyncio.ensure_future(other())
        await asyncio.sleep(.25)
    await task
async def main():
    await asyncio.gather(other(), suspended(), other())
    await asyncio.gather(other(), mixed())
    await asyncio.gather(other(), several())
    await left()
    await busy()
asyncio.run(main())
tell()
""")
    rows = {row["detail"]: row for row in t.rows("stalls", trace, "--phase", "request", "--over", "200ms")["stalls"]}
    log = {detail: seconds for name, detail, seconds in json.loads(out[-1]) if name == "request"}
    assert set(rows) == set(log) == {"suspended", "mixed", "busy", "several", "left"}, (rows, log)
    chains = {detail: {(row["chain"], row["waits_for"]) for row in one.get("awaits", ())
                       if row["waits_for"] not in ("ready to go on", "not begun")} for detail, one in rows.items()}
    query, sleeps = ("query > sleep", "future"), {("other > sleep", "future")}
    assert chains["suspended"] == {("suspended > query > sleep", "future")}, chains
    assert ("mixed > query > sleep", "future") in chains["mixed"], chains
    assert chains["several"] == {query, ("several", "_GatheringFuture")}, chains
    # what was begun in it and goes on behind it counts as long as it is in force
    assert chains["left"] == {("main > left > sleep", "future")} | sleeps, chains
    for detail in ("suspended", "mixed", "several", "left"):
        one = rows[detail]
        assert (one["tasks_of"], one["tasks_seen"]) == ("phase", "in it"), one
        did = sum(one[state] for state in ("on_cpu", "ready", "gil_wait", "blocked", "unknown"))
        near(one["away"] + did, one["duration"] - one["unobserved"], absolute=1e-3, what=detail)
    assert rows["several"]["tasks_suspended"] == 5 and rows["left"]["tasks_suspended"] == 2, rows
    assert rows["suspended"]["cause"] == "suspended", rows["suspended"]
    assert rows["busy"]["cause"] != "suspended" and rows["busy"]["tasks_of"] != "phase", rows["busy"]
    assert rows["mixed"]["away"] > .3 and rows["busy"]["away"] < .1, rows
    inner, = t.rows("stalls", trace, "--phase", "database", "--over", "200ms")["stalls"]
    assert {row["chain"] for row in inner["awaits"]} == {"mixed > query > sleep"}, inner
    text = t.analyze("stalls", "--phase", "request=suspended", trace)
    assert re.search(r"why   suspended for [\d.]+ s, seen waiting for a future for [\d.]+ s of it, in sleep", text), text
    assert "what its tasks waited for" in text, text


def one_of(rows, detail):
    row, = (row for row in rows if row["detail"] == detail)
    return row


def test_gil_of_a_phase(t):
    """What the waiting thread does chooses, not what the one that holds it does."""
    _, trace = record(t, """
stop = False
def hold():
    with pyrec.phase("holds"):
        while not stop: sum(range(100))
def waits(name):
    with pyrec.phase("waits", name): work(.4)
threads = [threading.Thread(target=hold, name="holder")]
for thread in threads: thread.start()
waits("early")
work(.3)
stop = True
for thread in threads: thread.join()
""")
    def waited(*options):
        pairs = [pair for one in t.rows("gil", trace, *options) for pair in one["pairs"]]
        return {(pair["waiter"], pair["holder"]): pair["waited"] for pair in pairs}
    everything, phase, holder = waited(), waited("--phase", "waits"), waited("--phase", "holds")
    assert ("MainThread", "holder") in phase and {waiter for waiter, _ in phase} == {"MainThread"}, phase
    assert 0.01 < phase["MainThread", "holder"] < everything["MainThread", "holder"], (phase, everything)
    assert {pair[0] for pair in holder} == {"holder"}, holder
    assert waited("--phase", "waits=early") == phase
    assert "in what was asked for" in t.analyze("gil", "--phase", "waits", trace)


def test_over_time(t):
    """Marks below the time line; marks, phases and labels for Perfetto."""
    _, trace = record(t, """
pyrec.mark("loaded <b>")
with pyrec.phase("first", "d"):
    pyrec.set_label("k", "v")
    work(.1)
pyrec.mark("later")
work(.1)
""")
    text = t.analyze("timeline", trace)
    loaded, later = map(float, re.search(r"^mark at ([\d.]+) s: loaded <b>\nmark at ([\d.]+) s: later$", text, re.M).groups())
    assert later - loaded > 0.09, text
    events = json.loads(t.analyze("export", "--format", "chrome", trace))["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "i"] == ["loaded <b>", "later"]
    begins = {event["name"]: event for event in events if event["ph"] == "b"}
    ends = {event["id"]: event for event in events if event["ph"] == "e"}
    assert begins["first"]["args"] == {"detail": "d"} and begins["k"]["args"] == {"value": "v"}, begins
    # The phase is all that is between the marks; how long that takes is the machine's affair.
    near((ends[begins["first"]["id"]]["ts"] - begins["first"]["ts"]) / 1e6, later - loaded, relative=0.2, absolute=0.02)
    data = t.analyze("export", "--format", "gecko", trace)
    export_check.gecko(data.encode(), "ticks")
    file = json.loads(data)
    markers = [thread["markers"] for thread in file["threads"] if thread["isMainThread"]][0]
    strings = file["shared"]["stringArray"]
    assert sorted(zip([strings[name] for name in markers["name"]], markers["phase"])) == [
        ("first", 1), ("k", 1), ("later", 0), ("loaded <b>", 0)], markers
    assert markers["data"][:2] == [{"type": "phase", "detail": "d"}, {"type": "label", "value": "v"}], markers
    near((markers["endTime"][0] - markers["startTime"][0]) / 1e3, later - loaded, relative=0.2, absolute=0.02)
