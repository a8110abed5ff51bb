# SPDX-License-Identifier: MIT
"""The main job: record a program whose profile is known, and find just that in the tables."""
import json
import math
import os

from e2e import Skip, function_of, line_of, near, wide


def source_line(path, text, after=0):
    """Number of the first line behind line `after` that begins with `text`."""
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if number > after and line.strip().startswith(text):
                return number
    raise AssertionError(f"{text!r} is not in {path}")


def test_fib(t):
    """The expectations that samples/fib.py carries."""
    path = t.sample("fib.py")
    run = t.record(path, "29", rate=1000)
    assert "fib(29) = 514229" in run.out, run.out
    rows = t.rows("lines", run.trace, "--merge-threads")
    own = [row for row in rows if row["file"].endswith("fib.py")]
    self_fib = [row for row in own if row["function"] == "fib"]
    heaviest = max(self_fib, key=lambda row: row["samples"])
    assert heaviest["line"] == source_line(path, "return fib(n - 1)"), heaviest
    module = {row["line"]: row for row in own if row["function"] == "<module>"}
    call = module[source_line(path, "result = fib(n)")]
    call2 = module[source_line(path, "result = fib2(n)")]
    fib_self = sum(row["samples"] for row in self_fib)
    fib2_self = sum(row["samples"] for row in own if row["function"] == "fib2")
    # all that fib did is on the line that called it, once: it was never counted twice. perf_counter
    # and print are called from there, too, but are no Python
    near(call["samples_cum"], fib_self + call["samples"], absolute=2, what="fib's caller")
    near(call2["samples_cum"], fib2_self + call2["samples"], absolute=2, what="fib2's caller")
    assert call["samples"] <= 0.2 * call["samples_cum"] + 2
    recursive = heaviest
    assert recursive["samples_cum"] <= call["samples_cum"]
    loop = {row["line"] for row in own if row["function"] == "fib2" and row["samples"] > 0}
    start = source_line(path, "def fib2")
    assert loop <= set(range(start + 1, start + 20)), loop
    for text in ("while stack:", "n = stack.pop()", "if n > 1:", "stack.append(n - 1)",
                 "stack.append(n - 2)"):
        if t.has_jit():
            continue # what it compiles writes down where it is at some lines only
        assert source_line(path, text, start) in loop, (text, loop)


def test_line_table_text(t):
    """Exactly the table that this project descends from."""
    run = t.record(t.sample("fib.py"), "26")
    lines = t.analyze("lines", run.trace).splitlines()
    assert lines[0].startswith("Thread MainThread ("), lines[0]
    assert lines[0].endswith(" seconds)") and " samples, " in lines[0], lines[0]
    assert lines[1] == "-" * 72
    assert lines[2].split() == ["cpu_time", "(cum)", "ticks", "(cum)", "samples", "(cum)",
                                "filename:lineno", "function"], lines[2]


def test_shares(t):
    """Three lines with known CPU: shares within the sampling error, none counted twice."""
    run = t.record(t.sample("shares.py"), "1.5", rate=1000)
    spent = json.loads(run.out)
    total = sum(spent.values())
    path = t.sample("shares.py")
    rows = {row["line"]: row for row in t.rows("lines", run.trace)
            if row["function"] == "work"}
    for name, seconds in spent.items():
        row = rows[source_line(path, f'spin("{name}"')]
        share, n = seconds / total, total * 1000
        error = 4 * math.sqrt(share * (1 - share) / n) + 0.01
        near(row["cpu_time_cum"] / total, share, absolute=error, what=name)


def test_threads(t):
    """Names, CPU against each thread's own clock, wall, and who was blocked."""
    run = t.record(t.sample("threads.py"), "1.5", rate=1000)
    clocks = json.loads(run.out)
    rows = {row["thread"]: row for row in t.rows("threads", run.trace)}
    for name, cpu in clocks.items():
        assert name in rows, (name, sorted(rows))
        # after it has told its time, the main thread still has to end the interpreter
        after = 0.1 if name == "MainThread" and t.is_debug() else 0.012
        near(rows[name]["cpu_time"], cpu, relative=0.02, absolute=after, what=f"CPU of {name}")
    # it sleeps for 0.75 s, then has to wait for the GIL, and for a CPU, for long when the machine is busy
    sleeper = rows["sleeper"]
    near(sleeper["blocked"], 0.75, absolute=0.1 + t.unobserved(run.trace), what="sleep of sleeper")
    assert sleeper["wall"] - sleeper["blocked"] - sleeper["gil_wait"] - sleeper["ready"] < 0.3, sleeper
    for name in ("burn-1", "burn-2", "burn-3"):
        waited = rows[name]["gil_wait"]
        assert waited > 0.1 * rows[name]["wall"] if t.has_gil() else waited == 0, rows[name]
    # per thread, what its lines account for and what is left over is its clock
    lines = t.rows("lines", run.trace)
    for name, cpu in clocks.items():
        own = sum(row["cpu_time"] for row in lines if row["thread"] == name)
        left = rows[name].get("unattributed") or 0
        near(own + left, rows[name]["cpu_time"], absolute=1e-4, what=f"books of {name}")


def check_chains(t, wanted, options=()):
    """a -> b and c -> d alternate thousands of times a second: never a -> d or c -> b. Zero."""
    samples = runs = 0
    while samples < wanted:
        if runs == 10 + wanted // 10000:
            raise Skip(f"only {samples} samples in {runs} runs: the machine is too busy")
        seconds = max(0.5, min(4, (wanted - samples) / 8000))
        run = t.record(t.sample("chains.py"), str(seconds), rate=10000, options=options)
        runs += 1
        for frames, weight in t.stacks(run.trace):
            names = [function_of(frame) for frame in frames]
            samples += weight
            for caller, callee in zip(names, names[1:]):
                if callee == "b":
                    assert caller == "a", names
                elif callee == "d":
                    assert caller == "c", names
                elif callee in ("a", "c", "generator", "method"):
                    assert caller in ("<module>", "generator", "method.<locals>.<lambda>",
                                      "<lambda>"), names
    print(f"  {samples} samples in {runs} runs")


# As CMakeLists.txt says: 30,000 with the system's interpreter, half of them with each other version, 100,000
# with PYREC_MATRIX=full. A fault in one sample of 10,000 that all versions share shows in the 120,000 of them
# together, always; of one that shows in one version only, every fifth run would miss it. For what comes of
# where an instruction is, tests/step looks at every instruction of every version.
STACKS = int(os.environ.get("STACKS_WANTED", "30000"))


def test_no_impossible_stack(t):
    check_chains(t, STACKS)


@wide
def test_no_impossible_stack_unasked(t):
    """The same where the sampler takes the thread's CPU instead of asking it."""
    check_chains(t, STACKS * 3 // 5, ["--no-signals"])


def test_stacks_add_up(t):
    """Folded stacks, the line table and the function table tell the same story."""
    run = t.record(t.sample("fib.py"), "27")
    stacks = t.stacks(run.trace)
    total = sum(weight for _, weight in stacks)
    rows = t.rows("lines", run.trace, "--merge-threads")
    assert sum(row["samples"] for row in rows) == total
    functions = t.rows("functions", run.trace, "--merge-threads")
    assert sum(row["samples"] for row in functions) == total
    cumulative = {}
    for frames, weight in stacks:
        for place in {(function_of(frame), line_of(frame)) for frame in frames}:
            cumulative[place] = cumulative.get(place, 0) + weight
    for row in rows:
        if row["function"] == "fib":
            assert row["samples_cum"] == cumulative[("fib", row["line"])], row


def test_dump_is_complete(t):
    """dump has every sample, in order of time."""
    run = t.record(t.sample("fib.py"), "25")
    lines = t.analyze("dump", run.trace).splitlines()
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)
    total = sum(weight for _, weight in t.stacks(run.trace))
    assert len(lines) == total, (len(lines), total)
