#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How large and fast pages are, in Chromium: figures for docs/BENCHMARKS.md. Not in the suite.

usage: bench.py BUILD_DIR [days]

days: 48 hours of 16 threads at 100 Hz as well, 280 MB of trace in $TMPDIR, some minutes.
"""
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from browser import BROWSERS, fetch_packages
from run import HERE

CASES = (("10 min, 16 threads, 1 kHz", ["make_gil_trace", "seconds=600"], []),
         ("the same in 1 MB", ["make_gil_trace", "seconds=600"], ["--size", "1M"]),
         ("10 min, 16 of 16 busy", ["make_big_trace", "busy=16"], ["--size", "2500K"]))
DAYS = ("48 h, 16 threads, 100 Hz", ["make_gil_trace", "seconds=172800", "rate=100"], ["--size", "15M"])


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    program = next(filter(None, map(shutil.which, BROWSERS["chromium"])), None)
    work = build / "tests" / "page" / "browser"
    work.mkdir(parents=True, exist_ok=True)
    if not program or not shutil.which("node") or not fetch_packages(work):
        sys.exit("bench.py: needs node, npm and chromium")
    shutil.copy(HERE / "bench.mjs", work / "bench.mjs")
    with tempfile.TemporaryDirectory(prefix="pyrec-bench-") as folder:
        for name, shape, words in CASES + ((DAYS,) if "days" in sys.argv[2:] else ()):
            trace, page = pathlib.Path(folder, "bench.trace"), pathlib.Path(folder, "bench.html")
            subprocess.run([build / "tests/bench" / shape[0], *shape[1:], trace], check=True)
            began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([build / "analyze/pyanalyze", "report", "--source", "no", *words, "-o", page, trace], check=True)
            after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{name}: trace {trace.stat().st_size / 1e6:.1f} MB, page {page.stat().st_size / 1e6:.2f} MB, made in "
                  f"{wall:.1f} s ({cpu:.1f} s CPU, {after.ru_maxrss / 1024:.0f} MiB at most so far)", flush=True)
            subprocess.run(["node", work / "bench.mjs", program, page], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
