# SPDX-License-Identifier: MIT
"""%load_ext pyrec and %%pyrec, in a notebook that is executed and in IPython's shell."""
import json
import re
import subprocess

from e2e import Skip
from package import environment

CELLS = ("%load_ext pyrec",
         "def helper(n):\n    return sum(i * i for i in range(n))\n",
         "%%pyrec -r 2k -o kept.trace --html --height 300\nfor i in range(30):\n    helper(30000)\nanswer = 42\nanswer",
         "import pyrec, subprocess\n"
         "rows = pyrec.Recording('kept.trace').lines(thread='MainThread')\n"
         "file = [row['file'] for row in rows if row['function'] == 'helper'][0]\n"
         "print(subprocess.run([ANALYZE, 'annotate', file, 'kept.trace'], capture_output=True, text=True).stdout)",
         "%%pyrec --nonsense\n1",
         "%%pyrec\n1 / 0")


def notebook(t):
    def cell(text, i):
        text = text.replace("ANALYZE", repr(t.pyanalyze))
        return {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None,
                "id": f"cell-{i}"}
    return t.file("book.ipynb", json.dumps({
        "cells": [cell(text, i) for i, text in enumerate(CELLS)], "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}}))


def need(t, *modules):
    for module in modules:
        if subprocess.run([t.python, "-c", f"import {module}"], capture_output=True).returncode:
            raise Skip(f"this interpreter has no {module}")


def text_of(cell):
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def test_notebook(t):
    """The cell's text with its times, the page in a frame, files that annotate finds; an error is one."""
    need(t, "IPython", "ipykernel", "nbconvert")
    done = subprocess.run([t.python, "-m", "nbconvert", "--to", "notebook", "--execute", "--allow-errors",
                           "--output", "done.ipynb", notebook(t)], capture_output=True, text=True,
                          timeout=300, cwd=t.dir, env=environment(t, PYTHONWARNINGS="ignore"))
    assert done.returncode == 0, done.stderr
    cells = json.loads((t.dir / "done.ipynb").read_text())["cells"]
    text = text_of(cells[2])
    for line in ("    helper(30000)", "    return sum(i * i for i in range(n))"):
        assert re.search(r"^ +\d+\.\d{3} +\d+\.\d{3} +2  " + re.escape(line) + "$", text, re.M), text
    assert "run_cell_magic" not in text and "1 process" in text, text
    caller, called = (float(re.search(r"^ +(\S+) +\S+ +2  +" + start, text, re.M)[1]) for start in ("helper", "return"))
    assert called <= caller, text  # what a generator in the line took is once in it
    assert sorted(re.findall(r"^(.+) \(/.+\.py\)$", text, re.M)) == ["In [2]", "In [3]"], text
    kinds = [output["output_type"] for output in cells[2]["outputs"]]
    assert kinds.count("execute_result") == 1, kinds
    pages = [output["data"]["text/html"] for output in cells[2]["outputs"]
             if "text/html" in output.get("data", {})]
    assert len(pages) == 1, kinds
    page = "".join(pages[0])
    assert page.startswith('<iframe sandbox="allow-scripts allow-downloads" srcdoc="') and "height: 300px" in page
    assert page.count('"') == 10 and "&lt;html" in page, page[:200]
    assert "return sum(i * i for i in range(n))" in text_of(cells[3]), text_of(cells[3])
    assert "%%pyrec: unrecognized arguments: --nonsense" in text_of(cells[4]), cells[4]
    errors = [output for output in cells[5]["outputs"] if output["output_type"] == "error"]
    assert {error["ename"] for error in errors} == {"ZeroDivisionError"}, errors
    assert sum(bool(error["traceback"]) for error in errors) == 1, errors


def test_shell(t):
    """Where cells have no names of files."""
    need(t, "IPython")
    done = subprocess.run([t.python, "-c", """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in %r[:2] + ("%%%%pyrec -n 0\\nfor i in range(30):\\n    helper(30000)", "%%%%pyrec\\nawait f()"):
    shell.run_cell(cell)
""" % (CELLS,)], capture_output=True, text=True, timeout=120, cwd=t.dir,
                          env=environment(t, PYTHONWARNINGS="ignore", IPYTHONDIR=str(t.dir / "ipython")))
    assert done.returncode == 0 and re.search(r"^ +\d+\.\d{3} +\d+\.\d{3} +2      helper", done.stdout, re.M), done
    assert "other lines" not in done.stdout and "`await` outside of functions" in done.stderr, done
