# SPDX-License-Identifier: MIT
"""docs/CI.md: its steps, run as a job runs them, on a benchmark that is as it was, and on one that got slower."""
import os
import re
import subprocess

from e2e import ROOT

# So many seconds of CPU, by the thread's own clock, however busy the machine is.
BENCHMARK = """
import time
def load():
    end = time.thread_time() + 0.008
    while time.thread_time() < end: sum(range(200))
def check():
    end = time.thread_time() + CHECK
    while time.thread_time() < end: sum(range(200))
for _ in range(40):
    load()
    check()
"""


def steps():
    """[(command, is it run after a failure)]"""
    text = (ROOT / "docs" / "CI.md").read_text(encoding="utf-8")
    block = re.search(r"^```yaml\n(.*?)^```", text, re.M | re.S)[1]
    found = [(re.search(r"^\s+run: (.*)$", step, re.M), "if: always()" in step)
             for step in re.split(r"^ +- (?=\w)", block, flags=re.M)]
    return [(run[1], always) for run, always in found if run]


def run_job(t, check):
    """{step: exit status} of those that were run; what they said. A checkout is always in the same folder."""
    folder = t.dir / "work"
    folder.mkdir(exist_ok=True)
    (folder / "benchmark.py").write_text(BENCHMARK.replace("CHECK", str(check)), encoding="utf-8")
    (folder / "report.html").unlink(missing_ok=True)
    bin_ = t.dir / "bin"
    if not bin_.exists():
        bin_.mkdir()
        for program in (t.pyrec, t.pyanalyze):
            (bin_ / os.path.basename(program)).symlink_to(program)
        (bin_ / "python3").symlink_to(t.python)
    statuses, said = {}, ""
    for command, always in steps():
        if any(statuses.values()) and not always:
            continue
        done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, cwd=folder, timeout=120,
                              env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"})
        statuses[command.split(" -")[0]] = done.returncode
        said += done.stdout + done.stderr
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<html" in page[:4000]
    return statuses, said


def test_recipe(t):
    """0 where nothing changed, 4 and the function where one got slower; the page is written either way."""
    assert [step.split(" -")[0] for step, _ in steps()] == ["pyrec", "pyanalyze diff", "pyanalyze report"], steps()
    first, said = run_job(t, 0.004)
    assert first == {"pyrec": 0, "pyanalyze diff": 1, "pyanalyze report": 0}, (first, said)
    assert "benchmark.trace: No such file" in said
    os.rename(t.dir / "work" / "new.trace", t.dir / "work" / "benchmark.trace")
    same, said = run_job(t, 0.004)
    assert same == {"pyrec": 0, "pyanalyze diff": 0, "pyanalyze report": 0}, (same, said)
    slower, said = run_job(t, 0.010)
    assert slower == {"pyrec": 0, "pyanalyze diff": 4, "pyanalyze report": 0}, (slower, said)
    assert re.search(r"\bmore\b.*\bcheck$", said, re.M), said
