# SPDX-License-Identifier: MIT
"""Code that no file has (cells, prompts, doctests): its text is in the recording, and needs the program no more."""
import os
import subprocess

from package import BEGIN, environment, run

# As IPython does it.
REGISTER = """
import linecache
def register(name, text):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"work": work}
    exec(compile(text, name, "exec"), space)
    return space["cell"]
"""


def annotated(t, file, trace, *options):
    done = subprocess.run([t.pyanalyze, "annotate", file, *options, trace], capture_output=True, text=True, cwd=t.dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shown_without_the_program(t):
    """By annotate and on the page, of what ran and of nothing else; through repair and merge."""
    t.need_ctypes()
    run(t, REGISTER + """
one = register("<ipython-input-1-0123456789ab>", "def cell():\\n    work(0.1)  # größer\\n")
two = register("/tmp/ipykernel_%d/1234.py" % os.getpid(), "def cell():\\n    work(0.1)  # two\\n")
register("<ipython-input-2-0123456789ab>", "def cell(): 'never_called' + 1\\n")
with open("gone.py", "w") as file: file.write("def cell():\\n    work(0.1)  # gone\\n")
linecache.getlines(os.path.abspath("gone.py"))
gone = register(os.path.abspath("gone.py"), "".join(linecache.getlines(os.path.abspath("gone.py"))))
os.unlink("gone.py")
with pyrec.record("run.trace", rate=1000) as recording:
    one(); two(); gone()
print(os.getpid())
""")
    trace = str(t.dir / "run.trace")
    for file, text in (("<ipython-input-1-0123456789ab>", "work(0.1)  # größer"), ("1234.py", "work(0.1)  # two"),
                       ("gone.py", "work(0.1)  # gone")):
        out = annotated(t, file, trace)
        assert "2      " + text in out and "Without its source" not in out, out
    assert "# two" in annotated(t, "1234.py", trace, "--to", "0.15s")
    quality = t.info(trace)["quality"][0]
    assert quality["sources_kept"] == 3 and "sources_left_out" not in quality, quality
    assert b"never_called" not in subprocess.run(["zstd", "-dc", trace], capture_output=True).stdout
    subprocess.run([t.pyanalyze, "repair", "-o", "repaired.trace", trace], cwd=t.dir, check=True, capture_output=True)
    subprocess.run([t.pyanalyze, "merge", "-o", "merged.trace", "repaired.trace"], cwd=t.dir, check=True,
                   capture_output=True)
    assert "# two" in annotated(t, "1234.py", "merged.trace")
    done = subprocess.run([t.pyanalyze, "report", "-o", "page.html", trace], cwd=t.dir, capture_output=True, text=True)
    assert "could not be read" not in done.stdout + done.stderr, done


def test_prompt_and_doctest(t):
    """What is typed, where this Python remembers it, and doctest's examples."""
    t.need_ctypes()
    source = "def typed(): sum(range(3000000))\n\nimport pyrec\nr = pyrec.start('typed.trace', 1000)\ntyped()\npyrec.stop()\n"
    subprocess.run([t.python, "-q", "-i"], input=source, capture_output=True, text=True, cwd=t.dir, env=environment(t))
    files = {row["file"] for row in t.rows("files", str(t.dir / "typed.trace"))}
    prompts = sorted(name for name in files if name.startswith(("<stdin", "<python-input")))
    assert prompts, files
    kept = t.info(str(t.dir / "typed.trace"))["quality"][0].get("sources_kept", 0)
    if t.version >= (3, 13):
        assert kept >= 1, files
        assert any("sum(range(3000000))" in annotated(t, name, "typed.trace") for name in prompts), prompts
    else:  # it is in nobody's memory
        assert "Without its source" in annotated(t, prompts[0], "typed.trace")
    run(t, """
import doctest
def example():
    '''
    >>> with pyrec.record("doctest.trace", rate=1000):
    ...     work(0.1)
    '''
doctest.run_docstring_examples(example, {"pyrec": pyrec, "work": work}, name="mine")
""")
    out = annotated(t, "<doctest mine[0]>", "doctest.trace")
    assert "2      work(0.1)" in out and "..." not in out, out


def test_limits_and_names(t):
    """Too many are counted, the newest stay; a name that came to mean something else is said; nothing in
    linecache is an error."""
    t.need_ctypes()
    run(t, REGISTER + """
cells = [register("<cell %d>" % i, "def cell(): work(0.001)\\n# %d\\n" % i) for i in range(300)]
big = register("<big>", "def cell(): work(0.02)\\n" + "# " + "x" * (1 << 20))
again = register("<again>", "def cell(): work(0.02)  # before\\n")
linecache.cache["<odd>"] = (1, None, [3], "<odd>")
linecache.cache[7] = (1, None, ["x"], 7)
linecache.cache["<lazy>"] = (lambda: 1 / 0,)
with pyrec.record("many.trace", rate=1000) as recording:
    for cell in cells: cell()
    big(); again()
    del linecache.cache["<odd>"]
    recording.lines()
    again = register("<again>", "def cell(): work(0.02)  # after\\n")
    again()
""")
    quality = t.info(str(t.dir / "many.trace"))["quality"][0]
    # how many are sampled, and so kept, is a matter of what CPU the recorder gets
    assert quality["sources_kept"] > 20 and quality["sources_left_out"] >= 40, quality
    out = annotated(t, "<again>", "many.trace")
    assert "# after" in out and "several texts of this name" in out, out
    assert "Without its source" in annotated(t, "<big>", "many.trace")
    assert os.path.getsize(t.dir / "many.trace") < 1 << 20


def test_joined_and_kept(t):
    """Under `pyrec --`, and in a flight recorder that has dropped what it was told first."""
    t.need_ctypes()
    source = BEGIN + REGISTER + """
cell = register("<ipython-input-9-0123456789ab>", "def cell():\\n    work(0.1)  # joined\\n")
with pyrec.record(): cell()
"""
    joined = t.command([t.python, t.file("joined.py", source)], env=environment(t))
    assert joined.status == 0, joined.err
    assert "# joined" in annotated(t, "<ipython-input-9-0123456789ab>", joined.trace)
    run(t, REGISTER + """
cell = register("<ipython-input-9-0123456789ab>", "def cell():\\n    work(0.1)  # kept\\n")
with pyrec.record("kept.trace", rate=1000, keep="1s") as recording:
    cell()
    recording.lines()
    for _ in range(30): cell()
""")
    assert "# kept" in annotated(t, "<ipython-input-9-0123456789ab>", "kept.trace")
