#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `pyanalyze report`: its own data code, run by node, says what pyanalyze says.

usage: run.py BUILD_DIR MAKE_OUTPUTS PYTHON

Made-up traces, and recorded ones: threads that compete for the GIL, phases and labels, an event loop that is
held up; a program that forks and a deep recursion not with PYREC_MATRIX=short.
"""
import base64
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = ROOT / "analyze" / "page" / "data.js"
IS_WIDE = os.environ.get("TESTS_MATRIX") != "short"  # of PYREC_MATRIX
MADE = ("simple", "expressions", "odd", "halts", "hostile")
MADE_WIDE = ("family", "crowd", "gui", "held_up", "hostile_endless")

THREADS = """
import json, re, threading, time
def parse(n):
    text = json.dumps({str(i): list(range(30)) for i in range(100)})
    for _ in range(n):
        json.loads(text); re.findall(r"\\d+", text); time.sleep(0.002)
def walk(n): return 1 if n == 0 else 1 + walk(n - 1)
def deep(n):
    for _ in range(n): walk(60)
ts = [threading.Thread(target=parse, args=(120,), name=f"parser-{i}") for i in range(4)]
ts += [threading.Thread(target=deep, args=(40000,), name="deep")]
for t in ts: t.start()
for t in ts: t.join()
"""
SAYS = """
import asyncio, pyrec, threading, time
def work(s):
    end = time.thread_time() + s
    while time.thread_time() < end: sum(range(200))
def batch(n):
    for i in range(n):
        with pyrec.phase("batch", f"part {i % 3}"):
            with pyrec.phase("read"):
                time.sleep(0.01); work(0.005)
            pyrec.set_label("user", f"u{i % 2}")
            with pyrec.phase("compute", "a=b*? it's"):
                work(0.02)
async def fetch(i):
    with pyrec.phase("request", f"GET /{i % 2}"):
        pyrec.set_label("status", "200")
        work(0.004); await asyncio.sleep(0.01); work(0.004)
async def main():
    for k in range(3):
        await asyncio.gather(*[asyncio.create_task(fetch(i), name=f"fetch-{i % 2}") for i in range(6)])
pyrec.mark("begin")
threads = [threading.Thread(target=batch, args=(8,), name=f"batch-{i}") for i in range(2)]
for thread in threads: thread.start()
with pyrec.phase("loop"):
    asyncio.run(main())
pyrec.mark("loop is over")
for thread in threads: thread.join()
goes_on = pyrec.phase("goes on")
goes_on.__enter__()
work(0.05)
pyrec.mark("end \u202e<b>")
"""
FORKS = """
import os, time
def work(n):
    total = 0
    for i in range(n): total += i * i
    return total
children = []
for i in range(3):
    pid = os.fork()
    if pid == 0:
        work(2000000 * (i + 1)); time.sleep(0.1); os._exit(0)
    children.append(pid)
work(3000000)
for pid in children: os.waitpid(pid, 0)
"""


def environment(build, folder):
    """import pyrec finds the program that records."""
    place = folder / "home" / "bin"
    place.mkdir(parents=True, exist_ok=True)
    for program in (build / "record" / "pyrec", build / "analyze" / "pyanalyze"):
        if not (place / program.name).exists():
            (place / program.name).symlink_to(program.resolve())
    return {**os.environ, "PYREC_HOME": str(place.parent), "PYTHONPATH": str(ROOT / "python")}


# what is compared, and what it is compared with
DIFFS = (("other", ["before", "after"]), ("same", ["threads", "threads"]),
         ("other", ["--by", "wall", "--cumulative", "--key", "line", "threads", "stall"]),
         ("other", ["--by", "samples", "--match", "parse|load", "before", "--vs", "after", "before"]),
         ("other", ["--from", "1", "--to", "20.5", "--scale", "wall", "--key", "file", "before", "after"]),
         ("other", ["--thread", "MainThread", "--fail-on", "5%", "before", "after"]), ("other", ["--by", "wall", "hostile", "simple"]))


def compare_pages(pyanalyze, folder):
    """Pages of diffs: what diff says, and of damage or nothing no page that hides it."""
    page = folder / "diff.html"
    for kind, words in DIFFS:
        words = [str(folder / f"{word}.trace") if (folder / f"{word}.trace").exists() else word for word in words]
        done = subprocess.run([str(pyanalyze), "diff", *words, "-o", str(page)], capture_output=True, text=True, check=False)
        wanted = 4 if "--fail-on" in words else 0
        if done.returncode != wanted:
            sys.exit(f"diff {words}: {done.returncode} {done.stderr}")
        print(*words, flush=True)
        subprocess.run(["node", str(HERE / "diff.mjs"), str(pyanalyze), str(DATA), str(page), kind, *words], check=True)
    subprocess.run(["node", str(HERE / "damaged.mjs"), str(DATA.with_name("read.js")), str(page)], check=True)
    page.unlink()
    done = subprocess.run([str(pyanalyze), "diff", "--thread", "nobody", str(folder / "before.trace"), str(folder / "after.trace"),
                           "-o", str(page)], capture_output=True, text=True, check=False)
    if done.returncode == 0 or page.exists() or "nobody" not in done.stderr:
        sys.exit(f"a diff of nothing: {done.returncode} {done.stderr}")


def damaged_trace(pyanalyze, folder):
    """A page says what of its trace could not be read: with scripts, and without."""
    trace, page = folder / "cut.trace", folder / "cut.html"
    whole = (HERE.parent / "golden" / "v1-full.trace").read_bytes()
    trace.write_bytes(whole[:len(whole) * 2 // 3])
    done = subprocess.run([str(pyanalyze), "report", "-o", str(page), str(trace)], capture_output=True, text=True, check=False)
    if done.returncode != 3:
        sys.exit(f"report of a trace that is cut: {done.returncode} {done.stderr}")
    static, data = page.read_text().split('id="data">')
    blob = zlib.decompress(base64.b64decode(data.split("<")[0]), -15)
    damages = json.loads(blob[4:4 + int.from_bytes(blob[:4], "little")])["damages"]
    if len(damages) != 1 or f"{trace}: the last chunk is cut" not in damages[0]:
        sys.exit(f"the page does not know what its trace lacks: {damages}")
    if "1 part of what was recorded could not be read and is in no number here: " not in static:
        sys.exit("the page does not say without scripts what its trace lacks")


def main():
    build, make_outputs, python = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    pyanalyze, pyrec = build / "analyze" / "pyanalyze", build / "record" / "pyrec"
    if not shutil.which("node"):
        print("skipped: node is missing")
        return 77
    subprocess.run(["node", str(HERE / "colors.mjs"), str(DATA.with_name("colors.js")),
                    str(DATA.with_name("style.css"))], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pyrec-page-"))
    try:
        subprocess.run([make_outputs, str(folder)], check=True)
        traces = [folder / f"{name}.trace" for name in (*MADE, *(MADE_WIDE if IS_WIDE else ()))]
        samples = ROOT / "samples"
        recorded = [("threads", THREADS, []), ("says", SAYS, []), ("stall", (samples / "stall.py").read_text(), ["2"])]
        if IS_WIDE:
            recorded += [("forks", FORKS, []), ("fib", (samples / "fib.py").read_text(), ["26"])]
        for name, code, words in recorded:
            (folder / f"{name}.py").write_text(code)
            subprocess.run([str(pyrec), "-q", "-r", "1k", "-o", str(folder / f"{name}.trace"), "--",
                            python, str(folder / f"{name}.py"), *words], stdout=subprocess.DEVNULL, env=environment(build, folder), check=True)
            traces.append(folder / f"{name}.trace")
        version = subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, text=True, check=True)
        if platform.machine() == "x86_64" and int(version.stdout) >= 10:
            traces.append(folder / "native.trace")
            subprocess.run([str(pyrec), "-q", "--native", "-r", "1k", "-o", str(traces[-1]), "--", python, "-c",
                            "import json\nfor i in range(400): json.loads(json.dumps(list(range(9999))))"], check=True)
        for trace in traces:
            page = trace.with_suffix(".html")
            done = subprocess.run([str(pyanalyze), "report", "-o", str(page), str(trace)],
                                  capture_output=True, text=True, check=False)
            if done.returncode == 2 and "without the page" in done.stderr:
                print("skipped: pyanalyze was built without the page")
                return 77
            if done.returncode not in (0, 3):
                sys.exit(f"report {trace.name}: {done.returncode} {done.stderr}")
            print(trace.name, flush=True)
            subprocess.run(["node", str(HERE / "numbers.mjs"), str(pyanalyze), str(DATA),
                            str(trace), str(page)], check=True)
            says = trace.stem == "says"
            subprocess.run(["node", str(HERE / "scopes.mjs"), str(pyanalyze), str(DATA), str(trace), str(page),
                            *(["10", "begin", "loop is over", "end \u202e<b>"] if says else ["0"])], check=True)
            if trace.stem in ("odd", "threads", "fib"):
                subprocess.run(["node", str(HERE / "versus.mjs"), str(pyanalyze), str(DATA), str(trace), str(page)], check=True)
        compare_pages(pyanalyze, folder)
        damaged_trace(pyanalyze, folder)
        full, page_of_full = HERE.parent / "golden" / "v1-full.trace", folder / "full.html"
        subprocess.run([str(pyanalyze), "report", "-o", str(page_of_full), str(full)], capture_output=True, check=True)
        subprocess.run(["node", str(HERE / "quality.mjs"), str(pyanalyze), str(DATA.with_name("quality.js")),
                        str(full), str(page_of_full)], check=True)
        subprocess.run(["node", str(HERE / "damaged.mjs"), str(DATA.with_name("read.js")), str(page)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
