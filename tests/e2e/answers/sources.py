# SPDX-License-Identifier: MIT
"""annotate reads a source as Python does: codings, line ends, archives, odd names."""

import os
import pathlib
import zipfile

from e2e import Skip

BURN = ("import time as _t\n"
        "def grün(s=0.1):\n"
        "    end = _t.thread_time() + s\n"
        "    text = 'äö\\u3000'; n = [x * x for x in range(200)] # übung\n"
        "    while _t.thread_time() < end: '日本' ; sum(n)\n")
LATIN = BURN.replace("日本", "éß")

# name of the module -> bytes of its file
VARIANTS = {
    "plain": BURN.encode(),
    "latin": ("# -*- coding: latin-1 -*-\n" + LATIN).encode("latin-1"),
    "cp1252": ("#!/usr/bin/python3\n# vim: set fileencoding=cp1252 :\n" +
               LATIN.replace("äö", "€äö")).encode("cp1252"),
    "eucjp": ("# coding=euc_jp\n" + BURN.replace("ü", "u").replace("äö", "日本")).encode("euc_jp"),
    "sjis": ("\n# coding: shift_jis\n" + BURN.replace("ü", "u").replace("äö", "日本"))
            .encode("shift_jis"),
    "marked": b"\xef\xbb\xbf" + BURN.encode(),
    "mac": BURN.replace("\n", "\r").encode(),
    "dos": BURN.replace("\n", "\r\n").encode(),
    "mixed": BURN.replace("\n", "\r", 2).encode(),
    "feed": ("\f\n" + BURN.replace("    text", "\f    text") + "\f").encode(),
    # not in a comment of its own, or too late: no coding
    "third": ("x = 1 # coding: latin-1\n\n# coding: latin-1\n" + BURN).encode(),
}


def annotated(t, name, trace, *options):
    return {row["line"]: row["source"] for row in t.rows_of("annotate", name, trace, *options)
            if row["column"] is None}


def lines_of(path):
    """As Python has them."""
    import tokenize
    with tokenize.open(path) as file:
        return file.read().split("\n")


def test_codings(t):
    for name, data in VARIANTS.items():
        t.dir.joinpath(f"{name}.py").write_bytes(data)
    program = t.file("main.py", "".join(
        f"import {name}\n[f for n, f in vars({name}).items() if n.startswith('gr')][0]()\n"
        for name in VARIANTS))
    run = t.record(program)
    for name in VARIANTS:
        path = str(t.dir / f"{name}.py")
        expected, found = lines_of(path), annotated(t, path, run.trace)
        assert found, name
        for number, text in found.items():
            assert text == expected[number - 1], (name, number, text, expected[number - 1])
        text = t.analyze("annotate", path, run.trace)
        assert "not what was recorded" not in text and "not known here" not in text, (name, text)


def test_marks(t):
    """A column counts bytes of UTF-8: the same carets, whatever the file is written in."""
    if t.version < (3, 11):
        raise Skip("no columns before 3.11")
    text = "def run():\n    for _ in range(40): n = 'äöü'; x = sum([i for i in range(20000)]) + len(n)\n"
    shown = set()
    for name, head, coding in (("wide", "# coding: utf-8\n", "utf-8"),
                               ("narrow", "# coding: latin-1\n", "latin-1")):
        t.dir.joinpath(f"{name}.py").write_bytes((head + text + "run()\n").encode(coding))
        trace = t.record(str(t.dir / f"{name}.py")).trace
        for row in t.rows_of("annotate", f"{name}.py", trace):
            if row["column"] and row["line"] == 3 and row["end_line"] == 3:
                part = row["source"].encode()[row["column"] - 1:row["end_column"] - 1].decode()
                shown.add((name, part))
    for name in ("wide", "narrow"):
        # before 3.12 a comprehension is a call of its own
        assert {(name, "[i for i in range(20000)]"), (name, "sum([i for i in range(20000)])")} & shown, \
            shown


def test_archives(t):
    """zipimport and zipapp, stored and deflated, behind a #! line."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = t.dir / f"app{method}.pyz"
        with open(path, "wb") as out:
            out.write(b"#!/usr/bin/env python3\n")
            with zipfile.ZipFile(out, "w", method) as zip_:
                zip_.writestr("pkg/__init__.py", "")
                zip_.writestr("pkg/deep.py", VARIANTS["latin"])
                zip_.writestr("__main__.py", "from pkg import deep\ndeep.grün()\n")
        trace = t.record(str(path)).trace
        found = annotated(t, "deep.py", trace)
        latin = VARIANTS["latin"].decode("latin-1").split("\n")
        assert found and all(text == latin[n - 1] for n, text in found.items()), found
        assert "changed after" not in t.analyze("annotate", "deep.py", trace)
        data = path.read_bytes()
        damaged = data.replace(b"PK\x03\x04", b"PK\x03\x05")
        path.write_bytes(damaged)
        assert "damaged" in t.analyze("annotate", "deep.py", trace)
        path.write_bytes(data[:len(data) // 2])
        assert "no zip archive" in t.analyze("annotate", "deep.py", trace)
        with zipfile.ZipFile(path, "w") as zip_:
            zip_.writestr("other.py", "")
        assert "pkg/deep.py is not in it" in t.analyze("annotate", "deep.py", trace)


def test_odd_names(t):
    """A path that is not UTF-8 is found as `files` shows it."""
    folder = os.fsencode(t.dir) + b"/odd\xff\xe9"
    os.mkdir(folder)
    with open(folder + b"/m.py", "wb") as file:
        file.write((BURN + "grün()\n").encode())
    trace = t.record(os.fsdecode(folder + b"/m.py")).trace
    shown, = [row["file"] for row in t.rows("files", trace) if row["file"].endswith("/m.py")]
    found = annotated(t, shown, trace)
    expected = lines_of(os.fsdecode(folder + b"/m.py"))
    assert found and all(text == expected[n - 1] for n, text in found.items()), (shown, found)


def test_nowhere(t):
    """What has no file says which and why, in one line."""
    cell = "/tmp/ipykernel_%d/1234567890.py" % os.getpid()
    program = t.file("cells.py", f"""
burn = {BURN!r}
for name in ({cell!r}, "<ipython-input-1-abc>", "<string>", "gone.py"):
    space = {{}}
    exec(compile(burn, name, "exec"), space)
    space["grün"]()
""")
    trace = t.record(program).trace
    for name, words in ((cell, "is a cell of a notebook"), ("<ipython-input-1-abc>", "is a cell"),
                        ("<string>", "not read from a file"), ("gone.py", "No such file")):
        text = t.analyze("annotate", name, trace)
        line, = [line for line in text.splitlines() if "Without its source" in line]
        joined = " ".join(text.split())
        assert words in joined and name in joined, (name, text)
    pathlib.Path(t.dir / "wide").mkdir()
    (t.dir / "wide" / "gone.py").write_bytes("import x\n".encode("utf-16"))
    text = " ".join(t.analyze("annotate", "--source", str(t.dir / "wide"), "gone.py", trace).split())
    assert "UTF-16" in text, text
    (t.dir / "wide" / "gone.py").write_bytes(("# coding: klingon\n" + BURN).encode())
    text = " ".join(t.analyze("annotate", "--source", str(t.dir / "wide"), "gone.py", trace).split())
    assert '"klingon", which is not known here' in text, text
