#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the pictures of the page in docs/ anew, from a recording of samples/stall.py.

usage: pictures.py BUILD_DIR [PYTHON]      wants what browser.py wants, and chromium
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from browser import BROWSERS, fetch_packages
from run import HERE, ROOT

PICTURES = {"report.png": "#m=wall&th=0&x=stalls"}


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    python = sys.argv[2] if len(sys.argv) > 2 else "/usr/bin/python3"
    chromium = next(filter(None, map(shutil.which, BROWSERS["chromium"])), None)
    work = build / "tests" / "page" / "browser"
    work.mkdir(parents=True, exist_ok=True)
    if not chromium or not fetch_packages(work):
        sys.exit("pictures.py wants chromium, node and npm's packages")
    shutil.copy(HERE / "picture.mjs", work)
    with tempfile.TemporaryDirectory() as name:
        # as somebody would have called it: paths are in the picture
        folder = pathlib.Path(name)
        shutil.copytree(ROOT / "samples", folder / "samples")
        subprocess.run([build / "record" / "pyrec", "-q", "-r", "1k", "-o", "stall.trace", "--", python,
                        "samples/stall.py", "6"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        subprocess.run([build / "analyze" / "pyanalyze", "report", "-o", "stall.html", "stall.trace"],
                       cwd=folder, check=True)
        for picture, state in PICTURES.items():
            subprocess.run(["node", work / "picture.mjs", chromium, folder / "stall.html",
                            ROOT / "docs" / picture, state], check=True)


if __name__ == "__main__":
    main()
