# SPDX-License-Identifier: MIT
"""--max-overhead: the rate goes down, the time does not."""
from e2e import near


def check_wall(t, trace):
    """Seconds that somebody watched, or is said not to have, are those from the first tick to the last one. How long
    the process was there before and behind these depends on how crowded the machine is, and how slow the rate."""
    times = sorted({float(line.split()[0]) for line in t.analyze("dump", trace).splitlines()})
    longest = max(end - begin for begin, end in zip(times, times[1:]))
    wall = sum(row["wall"] for row in t.rows("lines", trace)) + t.unobserved(trace)
    near(wall, times[-1] - times[0], absolute=0.05 + longest, what="wall")


def test_stays_below(t):
    """A tenth of what 10,000 wake-ups a second cost on the fastest machine there is."""
    run = t.record(t.sample("fib.py"), "33", rate=10000, options=["--max-overhead", "0.1%"])
    info = t.info(run.trace)
    quality, cost, process = info["quality"][0], info["cost"][0], info["processes"][0]
    # what the sampler misses on a busy machine costs nothing either
    left_out = quality["ticks_spared"] + quality["ticks_missed"]
    assert left_out > 0.6 * quality["ticks_due"], quality
    assert quality["ticks_taken"] < 0.4 * quality["ticks_due"], quality
    assert quality["rate_changes"] >= 1, quality
    # 0.1 % of a CPU; what it costs to start and to end comes on top
    assert cost["sampler_cpu"] < 0.002 * process["duration"] + 0.1, (cost, process)
    # a sample stands for the ticks that were spared before it
    check_wall(t, run.trace)
    rows = t.rows("lines", run.trace)
    ticks = sum(row["ticks"] for row in rows)
    near(ticks + 10000 * t.unobserved(run.trace), quality["ticks_due"], relative=0.05, what="ticks")
    assert sum(row["samples"] for row in rows) < 0.5 * ticks


def test_wrong_numbers(t):
    for wrong in ("0", "-1", "101", "x", "1%%"):
        done = t.command([t.python, "-c", "pass"], options=["--max-overhead", wrong])
        assert done.status == 2 and "--max-overhead" in done.err, (wrong, done)


def test_idle_at_a_low_rate(t):
    """Few ticks are taken of a program that does nothing: it was there all the same."""
    run = t.record("-c", "import time; time.sleep(2)", options=["--max-overhead", "0.01%"])
    info = t.info(run.trace)
    quality = info["quality"][0]
    assert quality["ticks_taken"] < 0.1 * quality["ticks_due"], quality
    check_wall(t, run.trace)
