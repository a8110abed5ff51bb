#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How large pages are, and how much memory making them takes: of made-up recordings, the same on every machine.

usage: size.py BUILD_DIR
"""
import os
import pathlib
import subprocess
import sys
import tempfile

# a recording, words for report, bytes at most, MB of memory at most. The second is thinned: it took 225 MB while waits for
# the GIL were counted holder by holder, and a bin had a table of its parts far behind the end of the recording; now 87.
BUDGETS = (("10 min of 16 threads at 1 kHz that share a GIL", ["seconds=600"], [], 2_000_000, 200),
           ("66 min of them at 100 Hz", ["seconds=4000", "rate=100", "seed=11"], ["--size", "2M"], 2 << 20, 130))


def main():
    build = pathlib.Path(sys.argv[1])
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="pyrec-size-") as folder:
        trace, page = pathlib.Path(folder, "gil.trace"), pathlib.Path(folder, "gil.html")
        for name, shape, words, most, most_mb in BUDGETS:
            subprocess.run([build / "tests/bench/make_gil_trace", *shape, trace], check=True)
            done = subprocess.Popen([build / "analyze/pyanalyze", "report", *words, "-o", page, trace], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
            error = done.stderr.read()
            _, status, usage = os.wait4(done.pid, 0)
            done.returncode = os.waitstatus_to_exitcode(status)
            if done.returncode == 2 and "without the page" in error:
                print("skipped: pyanalyze was built without the page")
                return 77
            if done.returncode:
                sys.exit(f"report {name}: {done.returncode} {error}")
            size, memory = page.stat().st_size, usage.ru_maxrss / 1024
            print(f"{name}: {size:,} bytes, {most:,} at most; {memory:.0f} MB of memory, {most_mb} at most")
            wrong += size > most or memory > most_mb
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
