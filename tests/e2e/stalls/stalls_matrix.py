#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every loop x freezes x depth x what blocks x idle or busy: all stalls found, none invented.

usage: python3 stalls_matrix.py BUILD_DIR PYTHON [--all] [--jobs N] [--loops NAME,..] [--keep]

As a module of e2e.py it runs a part that covers every pair of values, of loops with each other by
the family that a loop belongs to, and each loop once, or twice with PYREC_MATRIX=full; with short
every value, and every number of freezes with a loop of each family;
--all runs the whole product (hours). Loops whose library is not here are skipped, by name. The truth
is the program's own log: of its freezes, and of when it was called, so that a machine that was busy
with something else is no fault of anybody's.
"""
import concurrent.futures
import contextlib
import datetime
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # where it is a program of its own
from e2e import MATRIX, Skip
from screen import screen
import stalls_servers  # it adds to LOOPS
from stalls_loops import LOOPS, PRELUDE

FREEZES, DEPTHS, BUSY = (1, 2, 3, 5, 20), (1, 2, 3, 4), (0, 1)
BLOCKS = ("sleep", "cpu", "socket", "poll", "lock", "sqlite", "read", "subprocess",
          "semaphore", "future")
LOOP_TIMES = {"short": 0, "full": 2}.get(MATRIX, 1)
OVER = 0.2
SLEEPS = ("clock_nanosleep", "nanosleep", "select", "pselect6")
CALLS = {"sleep": SLEEPS, "socket": ("poll", "ppoll"), "poll": ("poll", "ppoll"),
         "lock": ("futex",) + SLEEPS, "sqlite": SLEEPS, "read": ("read",),
         "subprocess": ("wait4", "waitid", "vfork", "read", "poll", "futex"),
         "semaphore": ("futex",), "future": ("futex",)}
# Which of its arguments are modules that are here; gtk: what has to be asked for by its version.
FIND = """
import importlib.util, sys
for name in sys.argv[1:]:
    try:
        if name == "gtk":
            import gi
            gi.require_version("Gtk", "3.0")
        elif importlib.util.find_spec(name) is None:
            continue
        print(name)
    except (ImportError, ValueError):
        pass
"""


def timestamp(row):
    return datetime.datetime.strptime(row["date"], "%Y-%m-%d %H:%M:%S.%f").timestamp()


class Matrix:
    """Runs cases at the same time, each in a folder of its own."""

    def __init__(self, build, python, jobs, keep=False):
        build = pathlib.Path(build).resolve()
        self.pyrec = str(build / "record" / "pyrec")
        self.pyanalyze = str(build / "analyze" / "pyanalyze")
        self.python = shutil.which(python)  # absolute, if it was not: cases have folders of their own
        self.python, self.jobs, self.keep = os.path.abspath(self.python), jobs, keep
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pyrec-matrix-"))
        self.display = None
        self.missing, self.there = {}, self.modules_here()
        for loop in LOOPS.values():
            why = self.lacks(loop)
            if why:
                self.missing[loop["name"]] = why

    def lacks(self, loop):
        if loop.get("display") and shutil.which("Xvfb") is None:
            return "Xvfb"
        return next((need for need in loop["needs"] if not self.has(need)), None)

    def modules_here(self):
        """Found, and not imported, in one process: that would take seconds of CPU."""
        needs = sorted({need for loop in LOOPS.values() for need in loop["needs"]})
        done = subprocess.run([self.python, "-c", FIND, *needs], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    def has(self, need):
        return need in self.there or need == "redis-server" and shutil.which(need) is not None

    def command(self, loop, base, log, values):
        program = PRELUDE + loop["text"]
        (base / "program.py").write_text(program, encoding="utf-8")
        if "gunicorn" not in loop:
            return [self.python, str(base / "program.py"), str(log), *values]
        (base / "conf.py").write_text(
            "def post_worker_init(worker):\n    import program\n    program.start(worker)\n",
            encoding="utf-8")
        return [self.python, "-m", "gunicorn.app.wsgiapp", "-c", str(base / "conf.py"), "-w", "1",
                "-b", "127.0.0.1:0", *loop["gunicorn"], "program:app"]

    def run(self, case):
        """The faults of a case as a list of texts; empty: right."""
        loop = LOOPS[case[0]]
        base = pathlib.Path(tempfile.mkdtemp(dir=self.dir, prefix="-".join(map(str, case)) + "."))
        log, trace = base / "log", base / "run.trace"
        values = [str(v) for v in case[1:]]
        env = dict(os.environ, MATRIX=" ".join([str(log), *values]), **loop["env"])
        if loop.get("display"):
            env["DISPLAY"] = self.display
        try:
            done = subprocess.run([self.pyrec, "-q", "-o", str(trace), "--",
                                   *self.command(loop, base, log, values)],
                                  env=env, cwd=base, timeout=120, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return ["the program did not end"]
        if not log.exists():
            return ["the program failed: " + done.stderr[-300:]]
        truth = json.loads(log.read_text())
        rows = self.rows(loop, trace, truth)
        faults = self.compare(case, truth, rows, 0)
        unseen = self.unseen(trace)
        if faults and unseen > 0:  # what nobody saw may have cut a stall short
            pieces = self.rows(loop, trace, truth, "--over", "20ms")
            faults = self.compare(case, truth, pieces, unseen)
        if faults:
            lead = self.stalls(loop, trace, truth, "--limit", "1").split("\n\n")[0]
            doubts = loop.get("may_doubt") and not rows and "cannot tell" in lead
            faults = [] if doubts else faults + [lead]
        if not self.keep:
            shutil.rmtree(base)
        return faults

    def stalls(self, loop, trace, truth, *options):
        words = [self.pyanalyze, "stalls", "--process", str(truth["pid"]), *options, str(trace)]
        if "thread" in loop:
            words[2:2] = ["--thread", loop["thread"]]
        return subprocess.run(words, capture_output=True, text=True).stdout

    def rows(self, loop, trace, truth, *options):
        text = self.stalls(loop, trace, truth, *options, "--format", "json")
        return json.loads(text)["stalls"] if text else []

    def unseen(self, trace):
        text = subprocess.run([self.pyanalyze, "info", str(trace)], capture_output=True,
                              text=True).stdout
        return sum(float(line.split()[1]) for line in text.splitlines()
                   if line.split()[:1] == ["unobserved"])

    def compare(self, case, truth, rows, unseen):
        """`unseen`: seconds of the recording in which nobody looked; short stalls are in rows, too."""
        _, freezes, depth, blocks, _ = case
        faults = []
        if len(truth["freezes"]) != freezes:
            return [f"the program froze {len(truth['freezes'])} times"]
        used, told = set(), [row["duration"] >= OVER - 0.001 for row in rows]
        for begin, end in truth["freezes"]:
            near = [i for i, row in enumerate(rows)
                    if timestamp(row) < end and timestamp(row) + row["duration"] > begin]
            used.update(near)
            seen = sum(rows[i]["duration"] for i in near)
            if end - begin < OVER or seen < OVER < seen + unseen:
                continue
            near = self.surest(rows, [i for i in near if told[i]])
            if len(near) != 1:
                faults.append(f"{len(near)} stalls for a freeze of {end - begin:.3f} s")
        for i, row in enumerate(rows):
            inside = [f for f in truth["freezes"]
                      if timestamp(row) < f[1] and timestamp(row) + row["duration"] > f[0]]
            beside = [k for k in used if told[k] and inside and timestamp(rows[k]) < inside[-1][1]
                      and timestamp(rows[k]) + rows[k]["duration"] > inside[0][0]]
            if told[i] and inside and i not in self.surest(rows, beside):
                continue
            if told[i] and inside:
                faults += self.check_row(row, inside[-1][1] - inside[0][0], depth, blocks, unseen)
            elif told[i] and row["cause"] != "ready" and not self.was_late(truth["ticks"], row):
                faults.append(f"invented: {row['duration']:.3f} s {row['cause']} in "
                              f"{row['blocked_in']} {row['function']}")
        return faults

    @staticmethod
    def surest(rows, numbers):
        """Without those that say that they may be something else, if there are others."""
        return [i for i in numbers if rows[i]["pieces"] == "one"] or numbers

    @staticmethod
    def was_late(ticks, row):
        """Did the program itself find that it was not called then, or not yet, or no more?"""
        begin, end = timestamp(row), timestamp(row) + row["duration"]
        ticks = [0, *ticks, end + 1e9]
        return any(a < end and b > begin and b - a > 0.6 * row["duration"]
                   for a, b in zip(ticks, ticks[1:]))

    @staticmethod
    def check_row(row, seconds, depth, blocks, unseen):
        faults = []
        functions = [part["function"] for part in row["stack"]]
        slack = 0.1 + 0.4 * seconds + unseen + row["ready"]
        if row["ready"] + row["unobserved"] > 0.3 * row["duration"]:
            return faults  # the machine was at fault as well
        if abs(row["duration"] - seconds) > slack:
            faults.append(f"{row['duration']:.3f} s for a freeze of {seconds:.3f} s")
        if f"step_{depth}" not in functions:
            faults.append(f"step_{depth} is not in {functions}")
        if blocks == "cpu":
            if row["cause"] not in ("cpu", "ready"):
                faults.append(f"{row['cause']} for computing")
        elif row["cause"] != "blocked" or row["blocked_in"] not in CALLS[blocks]:
            faults.append(f"{row['cause']} in {row['blocked_in']} for {blocks}")
        return faults

    def run_all(self, cases):
        """{case: faults}"""
        with contextlib.ExitStack() as stack:
            if any(LOOPS[case[0]].get("display") for case in cases):
                self.display = stack.enter_context(screen("-noreset", "-maxclients", "256"))
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(self.jobs))
            return dict(zip(cases, pool.map(self.run, cases)))


def family_of(loop):
    """Families of one loop or a few count as one, unless each loop has its turn twice: to go through all values
    takes as many cases for one loop as for twenty."""
    family = LOOPS[loop]["family"]
    n = sum(other["family"] == family for other in LOOPS.values())
    return family if LOOP_TIMES > 1 or n > 5 else "few"


def pairs_of(case):
    """What a case covers: pairs of values; a loop's with what blocks count by its family."""
    loop, freezes, depth, blocks, busy = case
    family = family_of(loop)
    values = [("freezes", freezes), ("depth", depth), ("blocks", blocks), ("busy", busy)]
    if LOOP_TIMES == 0:
        return {*values, (family, values[0])}
    return {frozenset(pair) for pair in itertools.combinations(values, 2)} | \
        {(family, value) for value in values} | {(loop, n) for n in range(LOOP_TIMES)}


def cover(loops, seed=1):
    """Few cases in which every pair occurs, and every loop LOOP_TIMES; cheap ones first."""
    rng = random.Random(seed)
    whole = list(itertools.product(loops, FREEZES, DEPTHS, BLOCKS, BUSY))
    wanted = set().union(*(pairs_of(case) for case in whole))
    times, cases = dict.fromkeys(loops, 0), []
    while wanted:
        best, most = None, -1.0
        for case in rng.sample(whole, min(len(whole), 600)):
            loop, freezes, _, blocks, _ = case
            turns = {(loop, n) for n in range(LOOP_TIMES)}
            covers = {p for p in pairs_of(case) & wanted
                      if p not in turns or p == (loop, times[loop])}
            value = len(covers) / (1 + freezes * (0.15 if blocks == "cpu" else 0.05))
            if value > most:
                best, most, news = case, value, covers
        if most <= 0:
            continue
        wanted -= news
        times[best[0]] += 1
        cases.append(best)
    return cases


def table(results):
    """Loops down, what blocks across: cases that were right, of how many."""
    lines = ["%-18s" % "loop" + "".join("%11s" % b for b in BLOCKS)]
    for loop in LOOPS:
        cells = []
        for blocks in BLOCKS:
            faults = [f for case, f in results.items() if case[0] == loop and case[3] == blocks]
            right = sum(not f for f in faults)
            cells.append("%11s" % (f"{right}/{len(faults)}" if faults else "."))
        if any(c.strip() != "." for c in cells):
            lines.append("%-18s" % loop + "".join(cells))
    return "\n".join(lines)


def report(matrix, results):
    print(table(results))
    for name, why in matrix.missing.items():
        print(f"skipped: {name} (no {why} for this interpreter)")
    wrong = {case: faults for case, faults in results.items() if faults}
    for case, faults in wrong.items():
        print("wrong:", *case, *("\n    " + f for f in faults))
    print(f"{len(results) - len(wrong)} of {len(results)} right")
    return wrong


def test_matrix(t):
    matrix = Matrix(t.build, t.python, jobs=8)
    loops = [name for name in LOOPS if name not in matrix.missing]
    if not loops:
        raise Skip("no loop's library is here")
    try:
        results = matrix.run_all(cover(loops))
        again = {case: faults for case, faults in results.items() if faults}
        if 0 < len(again) <= 5:  # they run in real time, on a machine that others use as well
            matrix.jobs = 1
            results.update(matrix.run_all(list(again)))
        assert not report(matrix, results)
    finally:
        shutil.rmtree(matrix.dir)


def main(argv):
    options = [a for a in argv if a.startswith("--")]
    build, python = [a for a in argv if not a.startswith("--")][:2]
    value = dict(o[2:].split("=", 1) for o in options if "=" in o)
    matrix = Matrix(build, python, int(value.get("jobs", 8)), "--keep" in options)
    loops = [name for name in LOOPS if name not in matrix.missing and
             ("loops" not in value or name in value["loops"].split(","))]
    if "case" in value:
        loop, freezes, depth, blocks, busy = value["case"].split(",")
        cases = [(loop, int(freezes), int(depth), blocks, int(busy))]
    elif "--all" in options:
        cases = list(itertools.product(loops, FREEZES, DEPTHS, BLOCKS, BUSY))
    elif "each" in value:  # every loop with one kind of freeze: a quick look
        cases = [(loop, 3, 2, value["each"], 0) for loop in loops]
    else:
        cases = cover(loops, int(value.get("seed", 1)))
    print(f"{len(cases)} cases")
    wrong = report(matrix, matrix.run_all(cases))
    print(matrix.dir if matrix.keep else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
