#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How large pages are: bytes of made-up recordings, which are the same on every machine.

usage: size.py BUILD_DIR
"""
import pathlib
import subprocess
import sys
import tempfile

# a recording, words for report, bytes at most
BUDGETS = (("10 min of 16 threads at 1 kHz that share a GIL", ["seconds=600"], [], 2_000_000),)


def main():
    build = pathlib.Path(sys.argv[1])
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="pyrec-size-") as folder:
        trace, page = pathlib.Path(folder, "gil.trace"), pathlib.Path(folder, "gil.html")
        for name, shape, words, most in BUDGETS:
            subprocess.run([build / "tests/bench/make_gil_trace", *shape, trace], check=True)
            done = subprocess.run([build / "analyze/pyanalyze", "report", *words, "-o", page, trace],
                                  capture_output=True, text=True, check=False)
            if done.returncode == 2 and "without the page" in done.stderr:
                print("skipped: pyanalyze was built without the page")
                return 77
            if done.returncode:
                sys.exit(f"report {name}: {done.returncode} {done.stderr}")
            size = page.stat().st_size
            print(f"{name}: {size:,} bytes, {most:,} at most")
            wrong += size > most
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
