# SPDX-License-Identifier: MIT
"""C frames among Python's: those that are there, in their order, and none of Python's lost."""
import json
import platform

from e2e import Skip, near

PROGRAM = """
import ctypes, sys, time, zlib
text = bytes(range(256)) * 4000
libc = ctypes.CDLL(None)
numbers = (ctypes.c_int * 64)(*range(64, 0, -1))
def keyed(x):
    for _ in range(40):
        pass
    return -x
def squeeze():
    zlib.compress(text, 6)
def ordered():
    sorted(range(300), key=keyed)
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
def compared(a, b):
    keyed(1)
    return a[0] - b[0]
def through_closure():
    libc.qsort(numbers, 64, 4, compared)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    squeeze()
    ordered()
    through_closure()
"""

GAP = "<C frames not known>"


def recorded(t, *options):
    if platform.machine() != "x86_64":
        raise Skip("C frames are told on x86-64")
    run = t.command([t.python, t.file("native.py", PROGRAM)], ["-r", "1000", *options])
    assert run.status == 0, (run.status, run.err)
    return run


def is_native(name, file):
    return name == GAP or not (file.endswith(".py") or file.startswith("<") or name.startswith("<"))


def samples(t, run, *options):
    """Stacks, root first, of (name, file); with how many samples each."""
    rows = json.loads(t.analyze("export", "--format", "json", "--by", "samples", *options, run.trace))
    return [([(frame["function"], frame["file"]) for frame in reversed(row["stack"])],
             row["samples"]) for row in rows]


def test_frames(t):
    run = recorded(t, "--native")
    known = squeezing = in_library = 0
    for frames, n in samples(t, run):
        names = [name for name, _ in frames]
        c = [name for name, file in frames if is_native(name, file) and name != GAP]
        if "keyed" in names: # C lies between Python's frames, not before or behind them
            caller = "compared" if "compared" in names else "ordered"
            assert caller in names and names.index(caller) < names.index("keyed"), names
            if c and caller == "ordered":
                between = names[names.index("ordered") + 1:names.index("keyed")]
                assert between, names
        if c and "compared" in names: # libffi's closures have no file behind them
            at = names.index("compared")
            assert names[at - 1] != "through_closure", names
            assert "through_closure" in names[:at], names
        if c:
            known += n
        if c and "squeeze" in names:
            squeezing += n
            in_library += n * any("libz" in file for _, file in frames)
    if t.version < (3, 10):
        assert known == 0, known
        assert any(frames[-1][0] == GAP for frames, _ in samples(t, run))
        return
    assert known > 20, known
    # beside zlib itself there is what makes the result, and the GIL
    assert in_library > squeezing / 2, (in_library, squeezing)
    # no activation of the eval loop is told twice: it is the Python frames that it runs; but the innermost may just
    # begin or end, and run none
    for frames, _ in samples(t, run):
        assert not any(name.startswith("_PyEval_EvalFrame") for name, _ in frames[:-1]), frames


def test_hidden(t):
    """What C took is its caller's."""
    run = recorded(t, "--native")
    total = {}
    for which in ("all", "leaf", "hide"):
        frames = samples(t, run, f"--native={which}")
        total[which] = sum(n for _, n in frames)
        natives = [f for f, _ in frames if any(is_native(*x) for x in f)]
        if which == "hide":
            assert not natives, natives[:3]
        if which == "leaf": # nothing of Python's below C
            for f in natives:
                first = next(i for i, x in enumerate(f) if is_native(*x))
                assert all(is_native(*x) for x in f[first:]), f
    assert total["all"] == total["leaf"] == total["hide"] > 100, total
    lines = t.rows("lines", run.trace)
    assert not any(row["function"] == GAP for row in lines), lines
    both = [sum(row["cpu_time"] for row in t.rows("functions", run.trace, f"--native={which}"))
            for which in ("all", "hide")]
    near(both[0], both[1], absolute=1e-6, what="self times")


def test_without(t):
    """Nothing of C where nobody has asked for it."""
    run = recorded(t)
    assert not any(is_native(*x) for frames, _ in samples(t, run) for x in frames)
