# SPDX-License-Identifier: MIT
"""The text of code that no file has, of a program that knows nothing of pyrec: found in linecache's memory."""
import os
import re
import subprocess

from e2e import wide

# As IPython does it. Turns of a loop instead of seconds: enough to be seen on any machine.
REGISTER = """
import linecache, os, sys, threading
def register(name, text):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return run(name, text)
def run(name, text):
    space = {}
    exec(compile(text, name, "exec"), space)
    return space["cell"]
def body(remark, turns=1500000):
    return "def cell():\\n    for i in range(%d): pass  # %s\\n" % (turns, remark)
"""


def annotated(t, file, trace, *options):
    done = subprocess.run([t.pyanalyze, "annotate", file, *options, trace], capture_output=True, text=True, cwd=t.dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def quality(t, trace, i=0):
    return t.info(trace)["quality"][i]


def test_cells(t):
    """Of every kind of str; what nobody has registered, files and what never ran are not there."""
    run = t.record(t.file("cells.py", REGISTER + """
register("<ipython-input-1-0123456789ab>", body("größer \\u20ac \\U0001f40d"))()
register("/tmp/ipykernel_77/1234.py", body("two"))()
run("<nowhere>", body("nowhere"))()
register("<never>", body("never"))
"""))
    for file, remark in (("<ipython-input-1-0123456789ab>", "größer \u20ac \U0001f40d"), ("/tmp/ipykernel_77/1234.py", "two")):
        out = annotated(t, file, run.trace)
        assert f"2      for i in range(1500000): pass  # {remark}" in out and "Without its source" not in out, out
    assert "Without its source" in annotated(t, "<nowhere>", run.trace)
    assert quality(t, run.trace)["sources_kept"] == 2, quality(t, run.trace)
    assert "sources_left_out" not in quality(t, run.trace)


def test_prompt_and_doctest(t):
    """What is typed, where this Python remembers it, and an example of doctest while it runs."""
    source = "def typed():\n    for i in range(3000000): pass\n\ntyped()\n"
    typed = t.command([t.python, "-q", "-i"], ["-r", "1k"], input=source)
    if t.version >= (3, 13):
        names = {row["file"] for row in t.rows("files", typed.trace) if row["file"].startswith(("<stdin", "<python"))}
        assert any("range(3000000)" in annotated(t, name, typed.trace) for name in names), names
    run = t.record(t.file("examples.py", REGISTER + """
import doctest
def example():
    '''
    >>> x = 1
    >>> for _ in range(2):
    ...     for i in range(1500000): pass
    '''
doctest.run_docstring_examples(example, {}, name="mine[0].of")
"""))
    out = annotated(t, "<doctest mine[0].of[1]>", run.trace)
    assert "2      for i in range(1500000): pass" in out and "..." not in out, out


def test_name_used_again(t):
    """Another text under a name is another text; the same one is told once."""
    run = t.record(t.file("again.py", REGISTER + """
for round in range(6): register("<again>", body("before" if round < 3 else "after"))()
"""))
    out = annotated(t, "<again>", run.trace)
    assert "# after" in out and "several texts of this name" in out, out
    assert quality(t, run.trace)["sources_kept"] == 2, quality(t, run.trace)


def test_entries_that_are_none(t):
    """What else a program may have put there is no text, and no harm; one that is too long is counted."""
    run = t.record(t.file("odd.py", REGISTER + """
odd = [None, 3, (), (1, None), (1, None, 7, "x"), (1, None, [], "x"), (1, None, [3], "x"), (1, None, ["a", b"b"], "x"),
       (1, None, "text", "x"), [1, None, ["x"], "x"], (lambda: 1 / 0,)]
for i, entry in enumerate(odd):
    linecache.cache["<odd %d>" % i] = entry
    run("<odd %d>" % i, body("odd", 300000))()
linecache.cache[7] = linecache.cache[None] = (1, None, ["x"], 7)
register("<big>", body("big") + "# " + "x" * 200000)()
register("<many>", body("many") + "#\\n" * 200000)()
register("<good>", body("good"))()
linecache.cache = 7
register = run
register("<lost>", body("lost"))()
"""))
    assert "# good" in annotated(t, "<good>", run.trace)
    assert quality(t, run.trace)["sources_kept"] == 1, quality(t, run.trace)
    assert quality(t, run.trace)["sources_left_out"] == 2, quality(t, run.trace)


def test_changed_while_it_is_read(t):
    """A text is one that was there, whatever another thread does to the cache meanwhile."""
    run = t.record(t.file("race.py", REGISTER + """
sys.setswitchinterval(1e-5)
texts = [("".join("# %s %d\\n" % (letter * 40, i) for i in range(300))).splitlines(True) for letter in "abcdef"]
done = []
def change():
    while not done:
        for lines in texts:
            linecache.cache["<race>"] = (1, None, list(lines), "<race>")
            linecache.cache.pop("<other %d>" % len(linecache.cache), None)
            linecache.cache["<other>"] = (1, None, ["x" * 40 + "\\n"] * 300, "<other>")
            linecache.cache["<race>"] = (1, None, ["y" * 44 + "\\n"] * 300, "<race>")
            del linecache.cache["<other>"]
thread = threading.Thread(target=change)
thread.start()
for i in range(60): run("<race>", body("race", 100000))()
done.append(1)
thread.join()
"""))
    raw = subprocess.run(["zstd", "-dc", run.trace], capture_output=True).stdout
    texts = re.findall(rb"(?:# [a-f]{40} \d+\n|y{44}\n|x{40}\n)+", raw)
    for text in texts:
        lines = text.splitlines()
        kinds = {line[2:3] if line.startswith(b"# ") else line[:1] for line in lines}
        assert len(lines) == 300 and len(kinds) == 1, text[:200]
    info = quality(t, run.trace)
    assert len(texts) == info.get("sources_kept", 0) and len(texts) + info.get("sources_left_out", 0) > 0, info


def test_children_and_attached(t):
    """Of a child of fork(), and of a program that runs already."""
    run = t.record(t.file("fork.py", REGISTER + """
register("<shared>", body("shared"))()
child = os.fork()
if child == 0:
    register("<child>", body("child"))()
    linecache.cache["<shared>"] = (1, None, body("shared").splitlines(True), "<shared>")
    run("<shared>", body("shared"))()
    os._exit(0)
os.waitpid(child, 0)
"""))
    assert "# child" in annotated(t, "<child>", run.trace) and "# shared" in annotated(t, "<shared>", run.trace)
    assert [quality(t, run.trace, i)["sources_kept"] for i in range(2)] == [1, 2]


def test_attached(t):
    """A program that runs already, as `pyrec -p` finds it."""
    source = t.file("runs.py", REGISTER + """
cell = register("<cell>", body("cell", 100000))
print("ready", flush=True)
while not os.path.exists("enough"): cell()
""")
    with subprocess.Popen([t.python, source], stdout=subprocess.PIPE, text=True, cwd=t.dir) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            done = subprocess.run([t.pyrec, "-r", "1k", "-o", "attached.trace", "--duration", "0.5s", "-p",
                                   str(program.pid)], capture_output=True, text=True, cwd=t.dir)
        finally:
            (t.dir / "enough").touch()
    assert done.returncode == 0, done.stderr
    assert "# cell" in annotated(t, "<cell>", "attached.trace")


@wide
def test_in_every_file(t):
    """Numbered files have it each; a flight recorder still has what it was told first."""
    program = t.file("long.py", REGISTER + """
import time
cell, end = register("<cell>", body("cell", 100000)), time.monotonic() + 3.2
while time.monotonic() < end: cell()
""")
    kept = t.record(program, options=["--keep", "1s"])
    assert "# cell" in annotated(t, "<cell>", kept.trace)
    rotated = t.record(program, options=["--rotate", "1s"])
    files = sorted(str(path) for path in t.dir.glob("*trace*") if str(path) != kept.trace)
    told = [file for file in files if "<cell>" in {row["file"] for row in t.rows("files", file)}]
    assert len(told) >= 2, files
    for file in told:
        assert "# cell" in annotated(t, "<cell>", file), file
