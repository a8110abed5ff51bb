# SPDX-License-Identifier: MIT
"""--max-overhead: the rate goes down, the time does not."""
from e2e import near


def test_stays_below(t):
    run = t.record(t.sample("fib.py"), "33", rate=10000, options=["--max-overhead", "1%"])
    info = t.info(run.trace)
    quality, cost, process = info["quality"][0], info["cost"][0], info["processes"][0]
    # on a busy machine the sampler comes late, and those that it misses cost nothing either
    assert quality["ticks_spared"] > 0.2 * quality["ticks_due"], quality
    assert quality["rate_changes"] >= 1, quality
    assert quality["ticks_taken"] < 0.4 * quality["ticks_due"], quality
    # 1 % of a CPU; what it costs to start and to end comes on top
    assert cost["sampler_cpu"] < 0.015 * process["duration"] + 0.02, (cost, process)
    rows = t.rows("lines", run.trace)
    # a sample stands for the ticks that were spared before it
    near(sum(row["wall"] for row in rows), process["duration"], relative=0.05, absolute=0.1)
    ticks = sum(row["ticks"] for row in rows)
    near(ticks, quality["ticks_due"], relative=0.05)
    assert sum(row["samples"] for row in rows) < 0.5 * ticks


def test_wrong_numbers(t):
    for wrong in ("0", "-1", "101", "x", "1%%"):
        done = t.command([t.python, "-c", "pass"], options=["--max-overhead", wrong])
        assert done.status == 2 and "--max-overhead" in done.err, (wrong, done)


def test_idle_at_a_low_rate(t):
    """Few ticks are taken of a program that does nothing: it was there all the same."""
    run = t.record("-c", "import time; time.sleep(2)", options=["--max-overhead", "0.01%"])
    info = t.info(run.trace)
    quality, process = info["quality"][0], info["processes"][0]
    assert quality["ticks_taken"] < 0.1 * quality["ticks_due"], quality
    rows = t.rows("lines", run.trace)
    near(sum(row["wall"] for row in rows), process["duration"], relative=0.15)
