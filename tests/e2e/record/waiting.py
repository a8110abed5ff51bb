# SPDX-License-Identifier: MIT
"""Who waits for whom: threads that hold the GIL for a known time while others want it."""
import json

from e2e import line_with, near

HOLD = """
import ctypes, sys, threading, time
libc = ctypes.PyDLL(None)          # calls with the GIL held
held = 0.0
stop = False
def hold_it():
    global held, stop
    for _ in range(6):
        begin = time.monotonic()
        libc.usleep(150000)        # HOLD
        held += time.monotonic() - begin
        time.sleep(0.05)
    stop = True
def want_it():
    n = 0
    while not stop:
        n += 1
threads = [threading.Thread(target=f, name=f.__name__) for f in (want_it, hold_it)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(held)
"""

SORT = """
import threading, time
numbers = list(range(2000000, 0, -1)) * 2
stop = False
def sort_it():
    global stop
    for _ in range(4):
        sorted(numbers)            # HOLD
    stop = True
def want_it():
    while not stop:
        time.sleep(0.001)
threads = [threading.Thread(target=f, name=f.__name__) for f in (want_it, sort_it)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_held_in_a_c_call(t):
    """Six times 150 ms: the waiting thread waited for that thread, in that line, for so long."""
    t.need_gil()
    t.need_ctypes()
    run = t.record(t.file("hold.py", HOLD))
    held = float(run.out)
    process, = json.loads(t.analyze("gil", "--format", "json", run.trace))
    pairs = {(p["waiter"], p["holder"]): p for p in process["pairs"]}
    pair = pairs["want_it", "hold_it"]
    missed = 0.05 + t.unobserved(run.trace)
    near(pair["waited"], held, 0.3, missed, "waited")
    assert 0.1 < pair["longest"] < 0.6 + missed, pair
    line = next(row for row in process["lines"] if row["line"] == line_with(HOLD, "HOLD"))
    assert line is process["lines"][0] and line["holder"] == "hold_it", process["lines"]
    near(line["held"], held, 0.3, missed, "held")
    asleep, = json.loads(t.analyze("gil", "--format", "json", "--state", "blocked", run.trace))
    near(asleep["lines"][0]["held"], held, 0.3, missed, "held while blocked in a call")
    assert asleep["lines"][0]["line"] == line_with(HOLD, "HOLD"), asleep["lines"]
    text = t.analyze("gil", run.trace)
    assert f"hold.py:{line_with(HOLD, 'HOLD')}" in text and "hold_it" in text, text


def test_held_in_a_sort(t):
    """A thread that wakes every millisecond waits while another sorts, whatever that takes."""
    t.need_gil()
    t.need_ctypes()
    run = t.record(t.file("sort.py", SORT))
    rows = t.rows("gil", run.trace)[0]
    pair = next(p for p in rows["pairs"] if (p["waiter"], p["holder"]) == ("want_it", "sort_it"))
    line = next(row for row in rows["lines"] if row["holder"] == "sort_it")
    assert line["line"] == line_with(SORT, "HOLD"), rows["lines"]
    assert pair["waited_share"] > 0.5, pair
