#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pages that were thinned, against exact ones of the same made-up recordings: thin.mjs compares.

usage: thin.py BUILD_DIR MAKE_OUTPUTS
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from run import DATA, HERE

# how it is made, sizes that are asked for, ranges
CASES = (
    (["make_gil_trace", "seed=3", "seconds=60"], ("330K",), 40),
    (["make_gil_trace", "seed=4", "seconds=200", "rate=100"], ("150K",), 40),
    (["make_big_trace", "seed=5", "seconds=40", "busy=4", "stacks=3000"], ("250K",), 40),
    # thinned until bins are nearly as long as all of it, again and again while it was read
    (["make_gil_trace", "seed=6", "seconds=1600", "rate=100"], ("600K",), 30),
    (["make_big_trace", "seed=7", "seconds=400", "busy=2", "rate=100", "stacks=500"], ("170K",), 30),
)


def report(pyanalyze, trace, page, *words):
    done = subprocess.run([pyanalyze, "report", "--source", "no", *words, "-o", page, trace], capture_output=True, text=True, check=False)
    if done.returncode == 2 and "without the page" in done.stderr:
        print("skipped: pyanalyze was built without the page")
        sys.exit(77)
    if done.returncode not in (0, 3):
        sys.exit(f"report {trace} {words}: {done.returncode} {done.stderr}")
    return done.stdout + done.stderr


def compare(pyanalyze, trace, size, ranges):
    exact, thin = trace.with_suffix(".exact.html"), trace.with_suffix(".thin.html")
    said = report(pyanalyze, trace, exact, "--exact")
    if "thinned" in said:
        sys.exit(f"--exact thins: {said}")
    said = report(pyanalyze, trace, thin, "--size", size)
    if "thinned" not in said or ("larger than --size" in said) != (thin.stat().st_size > size_of(size)):
        sys.exit(f"--size {size}: {thin.stat().st_size} bytes; it said: {said}")
    still, still_exact = (re.search(r'id="static">(.*?)</main>', page.read_text(), re.S).group(1) for page in (thin, exact))
    if "What the page shows with scripts was thinned: sums of stacks are exact over" not in still or "thinned" in still_exact:
        sys.exit(f"--size {size}: without scripts the page does not say that it was thinned")
    print(f"{trace.name}, --size {size}: {exact.stat().st_size:,} -> {thin.stat().st_size:,} bytes", flush=True)
    subprocess.run(["node", HERE / "thin.mjs", DATA, exact, thin, str(ranges)], check=True)


def size_of(text):
    return int(text[:-1]) * 1024 if text[-1] == "K" else int(text)


def main():
    build, make_outputs = pathlib.Path(sys.argv[1]), sys.argv[2]
    pyanalyze = build / "analyze" / "pyanalyze"
    if not shutil.which("node"):
        print("skipped: node is missing")
        return 77
    with tempfile.TemporaryDirectory(prefix="pyrec-thin-") as folder:
        for i, (words, sizes, ranges) in enumerate(CASES):
            trace = pathlib.Path(folder, f"{i}.trace")
            subprocess.run([build / "tests/bench" / words[0], *words[1:], trace], check=True)
            for size in sizes:
                compare(pyanalyze, trace, size, ranges)
        # what is small already, several processes, missed ticks: as much as can be given up
        subprocess.run([make_outputs, folder], check=True)
        for name in ("family", "crowd", "odd", "simple"):
            compare(pyanalyze, pathlib.Path(folder, f"{name}.trace"), "1", 0)
        for words in (["--size", "much"], ["--size", "0"], ["--size", "8X"], ["--size", "-1"], ["--size", "1K", "--exact"]):
            done = subprocess.run([pyanalyze, "report", *words, trace], capture_output=True, text=True, check=False)
            if done.returncode != 2 or "--size" not in done.stderr or done.stderr.count("\n") != 1:
                sys.exit(f"{words}: {done.returncode} {done.stderr}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
