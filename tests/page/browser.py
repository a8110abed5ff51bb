#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `pyanalyze report` in Chromium and Firefox: browser.mjs drives it.

usage: browser.py BUILD_DIR MAKE_OUTPUTS PYTHON

Skipped by name without node, npm's packages or a browser. With PYREC_MATRIX=short in one of them, and not all that
can be done. Pictures are kept in BUILD_DIR/tests/page/shots, most of them with PYREC_MATRIX=full only.
"""
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

from run import DATA, HERE, IS_WIDE, ROOT, THREADS

BROWSERS = {"chromium": ("chromium", "chromium-browser", "google-chrome"), "firefox": ("firefox-esr", "firefox")}


def fetch_packages(work):
    """npm ci into the build folder, once per lock file; False where they cannot be had."""
    lock = (HERE / "package-lock.json").read_bytes()
    digest, mark = hashlib.sha256(lock).hexdigest(), work / "installed"
    for name in ("package.json", "package-lock.json", ".npmrc", "browser.mjs"):
        shutil.copy(HERE / name, work / name)
    if mark.exists() and mark.read_text() == digest:
        return True
    done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
        return False
    mark.write_text(digest)
    return True


def report(pyanalyze, trace, page):
    done = subprocess.run([pyanalyze, "report", "-o", page, trace], capture_output=True, text=True, check=False)
    if done.returncode == 2 and "without the page" in done.stderr:
        return False
    if done.returncode not in (0, 3):
        sys.exit(f"report {trace}: {done.returncode} {done.stderr}")
    return True


def make_pages(build, make_outputs, python, folder):
    """busy.html, halts.html, hostile.html and cut.html; False where pyanalyze has no page."""
    pyanalyze, pyrec = build / "analyze" / "pyanalyze", build / "record" / "pyrec"
    subprocess.run([make_outputs, folder], check=True)
    (folder / "busy.py").write_text(THREADS)
    subprocess.run([pyrec, "-q", "-r", "1k", "-o", folder / "busy.trace", "--", python, folder / "busy.py"], check=True)
    subprocess.run([pyrec, "-q", "-r", "1k", "-o", folder / "stall.trace", "--", python, ROOT / "samples" / "stall.py", "6"],
                   stdout=subprocess.DEVNULL, check=True)
    for name in ("busy", "halts", "hostile", "stall"):
        if not report(pyanalyze, folder / f"{name}.trace", folder / f"{name}.html"):
            return False
    for name, sides in (("diff", ("before", "after")), ("diff_hostile", ("hostile", "hostile_gui"))):
        subprocess.run([pyanalyze, "diff", "--by", "wall", *(folder / f"{side}.trace" for side in sides), "-o", folder / f"{name}.html"], check=True)
    text = (folder / "busy.html").read_text()
    start = text.index('id="data">') + len('id="data">')
    end = text.index("</script>", start)
    (folder / "cut.html").write_text(text[:start + (end - start) // 2] + text[end:])
    shutil.copytree(DATA.parent, folder / "page")
    (folder / "page" / "package.json").write_text('{"type": "module"}')
    return True


def main():
    build, make_outputs, python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    found = {name: path for name, words in BROWSERS.items() if (path := next(filter(None, map(shutil.which, words)), None))}
    if not shutil.which("node") or not shutil.which("npm"):
        print("skipped: node or npm is missing")
        return 77
    if not found:
        print("skipped: neither chromium nor firefox-esr is here")
        return 77
    work = build / "tests" / "page" / "browser"
    shots = build / "tests" / "page" / "shots"
    work.mkdir(parents=True, exist_ok=True)
    shots.mkdir(parents=True, exist_ok=True)
    if not fetch_packages(work):
        print("skipped: npm ci could not fetch puppeteer-core and axe-core")
        return 77
    folder, wrong = pathlib.Path(tempfile.mkdtemp(prefix="pyrec-browser-")), []
    try:
        if not make_pages(build, make_outputs, python, folder):
            print("skipped: pyanalyze was built without the page")
            return 77
        for name in BROWSERS:
            if not IS_WIDE and name != next(iter(found)):
                print(f"{name} is left to PYREC_MATRIX=wide")
                continue
            if name not in found:
                print(f"{name} is missing: not tested in it")
                continue
            done = subprocess.run(["node", work / "browser.mjs", name, found[name], folder, shots], check=False)
            wrong += [name] if done.returncode else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
