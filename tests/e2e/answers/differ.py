# SPDX-License-Identifier: MIT
"""diff: what was changed in a real program is found, with its size; what was not, is not."""
import json
import shutil

from e2e import Skip, near, wide

# Three lines of known CPU time, by the thread's own clock; argv: how much more the second one takes.
PROGRAM = """import json, sys, time
spent = [0.0, 0.0, 0.0]

def spin(i, cpu):
    start = now = time.thread_time()
    while now - start < cpu:
        sum(range(200))
        now = time.thread_time()
    spent[i] += now - start

def work(factor):
    spin(0, 0.0030)
    spin(1, 0.0030 * factor)
    spin(2, 0.0020)

for i in range(int(sys.argv[2])):
    work(float(sys.argv[1]))
print(json.dumps(spent))
"""
LINE = 13  # of the second spin


def few(t):
    """What is asked here depends little on the interpreter, and takes long."""
    if t.version[:2] not in ((3, 8), (3, 11), (3, 14)):
        raise Skip("3.8, 3.11 and 3.14 will do")


def record(t, factor="1", program=PROGRAM, rate=1000, rounds=100, options=()):
    path = t.keep("folder", lambda folder: folder) / "prog.py"  # the same program in all recordings
    path.write_text(program, encoding="utf-8")
    run = t.record(str(path), factor, str(rounds), rate=rate, options=options)
    return run.trace, json.loads(run.out)


def recorded(t, number, factor="1"):
    """The same as record(), of which several tests use the first, the second, ..: each is made once."""
    def make(folder):
        trace, spent = record(t, factor)
        return shutil.copy(trace, folder / "run.trace"), spent
    return t.keep((factor, number), make)


def diff(t, *words, ok=(0,)):
    return json.loads(t.analyze("diff", "--format", "json", *words, ok=ok))


def row_of(rows, line, function="work"):
    found = [row for row in rows if row["line_a"] == line and row["function"] == function]
    assert len(found) == 1, (line, rows)
    return found[0]


@wide
def test_slower_line(t):
    a, spent_a = recorded(t, 0)
    b, spent_b = recorded(t, 0, "2")
    rows = diff(t, "--key", "line", "--cumulative", a, b)
    row = row_of(rows, LINE)
    truth = spent_b[1] - spent_a[1]
    assert row["real"] == "yes" and row["verdict"] == "more", row
    near(row["difference"], truth, absolute=2 * row["margin"] + 0.01, what="the slower line")
    assert row["margin"] < truth / 2, row
    for i, line in ((0, LINE - 1), (2, LINE + 1)):
        other, truth = row_of(rows, line), spent_b[i] - spent_a[i]
        near(other["difference"], truth, absolute=3 * other["margin"], what=f"line {line}")
    assert rows[0]["function"] == "<all>" and rows[0]["real"] == "yes", rows[0]
    # the functions table says the same of each side
    spin = [row for row in diff(t, a, b) if row["function"] == "spin"][0]
    for side, trace in (("a", a), ("b", b)):
        own = [row for row in t.rows("functions", trace) if row["function"] == "spin"]
        near(spin[side], own[0]["cpu_time"], absolute=1e-6, what=f"spin of {side}")
    t.analyze("diff", "--fail-on", "5%", a, b, ok=(4,))
    t.analyze("diff", "--fail-on", "5%", b, a)
    t.analyze("diff", "--fail-on", "200%", a, b)


def test_same_program(t):
    few(t)
    traces = [recorded(t, number)[0] for number in range(4)]
    for words in (traces[:2], [*traces[:2], "--vs", *traces[2:]]):
        rows = diff(t, "--key", "line", "--cumulative", *words)
        # how spin's time divides into sum and the clock's system call is the machine's affair
        sure = [row for row in rows if row["function"] != "spin" and row["q"] is not None and
                row["q"] < 1e-4 and abs(row["difference"]) > 0.02]
        assert not sure, sure
    same = diff(t, traces[0], traces[0])
    assert all(row["difference"] == 0 and row["real"] == "no" for row in same), same
    t.analyze("diff", "--fail-on", "30%", *traces[:2])


@wide
def test_several(t):
    few(t)
    sides, truth = [], []
    for factor in ("1", "2"):
        runs = [recorded(t, number, factor) for number in range(3)]
        sides.append([trace for trace, _ in runs])
        truth.append(sum(spent[1] for _, spent in runs) / 3)
    row = row_of(diff(t, "-k", "line", "--cumulative", *sides[0], "--vs", *sides[1]), LINE)
    assert row["real"] == "yes", row
    near(row["difference"], truth[1] - truth[0], absolute=2 * row["margin"] + 0.01, what="line")


@wide
def test_rate_and_mode(t):
    """Another rate is no matter, another mode is."""
    few(t)
    a, spent = recorded(t, 0)
    b, _ = record(t, rate=500)
    rows = diff(t, a, b)
    near(rows[0]["a"], rows[0]["b"], relative=0.2, absolute=0.05, what="the same work")
    assert rows[0]["a"] > 0.9 * sum(spent), rows[0]
    t.analyze("diff", "--by", "samples", a, b, ok=(2,))
    c, _ = record(t, options=["--no-signals"])
    t.analyze("diff", a, c, ok=(2,))
    t.analyze("diff", "--force", a, c)
    d, _ = record(t, options=["--no-cumulative"])
    t.analyze("diff", a, d)
    t.analyze("diff", "--cumulative", a, d, ok=(2,))


def test_moved_lines(t):
    """Code above a function comes and goes; its lines are the same lines."""
    a, _ = recorded(t, 0)
    b, _ = record(t, program=PROGRAM.replace("def spin", "\n" * 20 + "def spin"))
    rows = diff(t, "--key", "line", "--cumulative", a, b)
    row = row_of(rows, LINE)
    assert row["line_b"] == LINE + 20 and row["samples_a"] > 100 < row["samples_b"], row


def test_count(t):
    """Twice the work: the same per round."""
    few(t)
    a, _ = record(t, rounds=60)
    b, _ = record(t, rounds=120)
    whole = diff(t, "--count", "60,120", "--per", "60", a, b)[0]
    near(whole["a"], whole["b"], relative=0.15, what="per round")
    whole = diff(t, "--scale", "cpu", a, b)[0]
    assert whole["a"] == whole["b"] == 1, whole
