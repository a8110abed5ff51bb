# SPDX-License-Identifier: MIT
"""Interpreters without a GIL: threads that really run at the same time."""
import json

from e2e import near, Skip

# Four threads compute, write into one dict and make and drop functions; each says what its clock has.
TOGETHER = """
import json, threading, time
shared, clocks = {}, {}
def compute(n):                                         # COMPUTES
    total = 0                                           # COMPUTES
    for i in range(300):                                # COMPUTES
        total += i * n                                  # COMPUTES
    return total                                        # COMPUTES
def worker(n):
    names, rounds = {}, 0
    while time.thread_time() < 0.4:
        for k in range(50):
            shared[n * 50 + k] = compute(k)
        exec(compile(f"def made_{n}_{rounds % 7}(): return sum(range(200))", f"made{n}.py", "exec"), names)
        names.popitem()[1]()
        rounds += 1
    clocks[threading.current_thread().name] = time.thread_time()
threads = [threading.Thread(target=worker, args=(n,), name=f"worker-{n}") for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(shared) == 200
print(json.dumps(clocks))
"""


def need_no_gil(t):
    if t.has_gil():
        raise Skip("this interpreter has a GIL")


def test_together(t):
    """Each thread's CPU is what its own clock says, no stack is impossible, nobody waits for a GIL."""
    need_no_gil(t)
    path = t.file("together.py", TOGETHER)
    run = t.record(path, rate=2000)
    rows = {row["thread"]: row for row in t.rows("threads", run.trace)}
    for name, cpu in json.loads(run.out).items():
        near(rows[name]["cpu_time"], cpu, relative=0.02, absolute=0.012, what=name)
        assert rows[name]["gil_wait"] == 0, rows[name]
    lines = t.rows("lines", run.trace)
    # each thread's bytecode is a copy of its own: what was read of all is where that is
    for name in json.loads(run.out):
        own = [row for row in lines if row["thread"] == name]
        known = sum(row["samples"] for row in own if row["function"] in ("compute", "worker")
                    or row["function"].startswith("made_"))
        assert known > 0.8 * sum(row["samples"] for row in own) > 50, own
        assert not any(row["function"].startswith("<failed: instruction") for row in own), own
    for row in lines:
        name, function, line = row["thread"], row["function"], row["line"]
        if function == "compute":
            assert TOGETHER.splitlines()[line - 1].endswith("# COMPUTES"), row
        elif function.startswith("made_"):
            number = name[-1]
            assert function.startswith(f"made_{number}_") and row["file"].endswith(f"made{number}.py"), row
    assert "built without it" in t.analyze("gil", run.trace, ok=(0, 5))


def test_gil_all_the_same(t):
    """PYTHON_GIL=1 brings it back: who waits, and for whom, is told as ever."""
    need_no_gil(t)
    run = t.command(["env", "PYTHON_GIL=1", t.python, t.file("together.py", TOGETHER)], ["-r", "1000"])
    assert run.status == 0, run.err
    process, = t.rows("gil", run.trace)
    assert {pair["waiter"] for pair in process["pairs"]} >= {f"worker-{n}" for n in range(4)}, process
    assert any(pair["holder"].startswith("worker-") for pair in process["pairs"] if pair["holder"]), process
