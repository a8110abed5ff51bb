# SPDX-License-Identifier: MIT
"""A program that repeats itself in exactly the interval of the ticks, or a simple part of it."""
import json

from e2e import Skip, near

RATE = 250
PROGRAM = """\
import json, sys, time

period, a_share, b_share = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
spent = {"a": 0, "b": 0}


def a(until):
    while time.monotonic_ns() < until:
        pass


def b(until):
    while time.monotonic_ns() < until:
        pass


end = time.monotonic_ns() + 4 * 10 ** 9
while True:
    start = (time.monotonic_ns() // period + 1) * period  # on the clock's own grid
    if start > end:
        break
    if a_share + b_share < 1:
        time.sleep(max(0, start - time.monotonic_ns()) / 1e9)
    else:
        start -= period
    first = time.thread_time_ns()
    a(start + int(a_share * period))
    second = time.thread_time_ns()
    b(start + int((a_share + b_share) * period))
    spent["a"] += second - first
    spent["b"] += time.thread_time_ns() - second
print(json.dumps(spent))
"""


def check(t, intervals, a_share, b_share, within):
    period = round(intervals * 10 ** 9 / RATE)
    run = t.record(t.file("regular.py", PROGRAM), str(period), str(a_share), str(b_share),
                   rate=RATE)
    spent = json.loads(run.out)
    used = spent["a"] + spent["b"]
    if used < 0.8 * (a_share + b_share) * 4e9:
        raise Skip(f"the machine is too busy: the program had a CPU for {used / 1e9:.1f} s of 4")
    rows = {row["function"]: row for row in t.rows("functions", run.trace)}

    def share(column):
        return rows["a"][column] / (rows["a"][column] + rows["b"][column])

    if within is not None:
        near(share("samples"), spent["a"] / used, absolute=within, what="samples")
    near(share("cpu_time"), share("samples"), absolute=0.05, what="cpu_time by samples")
    near(share("wall"), share("ticks"), absolute=0.01, what="wall by ticks")


def test_busy_all_the_time(t):
    """Every sample weighs the same, so that nothing but the samples can be off."""
    check(t, 1, 0.38, 0.62, within=0.06)


def test_sleeps_between(t):
    """Where others want the CPU, too, ticks come late, and late ones see what comes later: then the
    samples are not the truth, but CPU is as they are all the same. The truth is in test_truth.c."""
    check(t, 1, 0.3, 0.3, within=None)
    check(t, 1.5, 0.3, 0.3, within=None)
