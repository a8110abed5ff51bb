#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What attaching costs a program: while it happens, and afterwards.

usage: attach.py BUILD_DIR PYTHON [ROUNDS]        default 40; wants a machine that does nothing else,
                                                  or root, for a priority above all others

* The longest gap that a busy loop sees, and by how much a thread that sleeps for 1 ms wakes late:
  in windows of 0.2 s in which pyrec attaches and leaves, each beside one in which nothing happens.
* How long it takes from pyrec's start until its recorder runs in the program.
* A fixed amount of work at 1 kHz: alone, recorded from its start, attached to; one after the other,
  in turns. Ratios of pairs, their median, and where it lies in 95 of 100 cases (order statistics).

py-spy cannot be had here, so nothing of it is measured.
"""
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

WINDOW = 0.2
GAPS = """
import sys, threading, time
threads = int(sys.argv[1])
now, sleep = time.perf_counter_ns, time.sleep
def busy(ends):
    worst, last = 0, now()
    while last < ends:
        at = now()
        if at - last > worst: worst = at - last
        last = at
    return worst
def timer(ends):
    worst = 0
    while now() < ends:
        begin = now()
        sleep(0.001)
        worst = max(worst, now() - begin - 1000000)
    return worst
def rest():
    while True: sleep(1)
for _ in range(threads - 1): threading.Thread(target=rest, daemon=True).start()
work = {"busy": busy, "timer": timer}[sys.argv[2]]
print("up", flush=True)
for line in sys.stdin:
    print(work(now() + int(float(line) * 1e9)), flush=True)
"""
WORK = """
import sys, time
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def work():
    begin = time.perf_counter()
    for _ in range(12): fib(23)
    return time.perf_counter() - begin
work()
print("up", flush=True)
for line in sys.stdin: print(work(), flush=True)
"""


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        assert self.process.stdout.readline() == "up\n"
        self.pid = self.process.pid

    def begin(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def result(self):
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def has_recorder(pid):
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
                if comm.read() == "pyrec-sampler\n":
                    return True
        except OSError:
            pass
    return False


def of(values, unit):
    ordered = sorted(values)
    return (f"median {statistics.median(ordered):.0f}, 90 of 100 below "
            f"{ordered[math.ceil(len(ordered) * 0.9) - 1]:.0f}, worst {ordered[-1]:.0f} {unit}")


def interval(values):
    """The median, and the order statistics between which it lies in 95 of 100 cases."""
    ordered, n = sorted(values), len(values)
    k = max(0, int(n / 2 - 0.98 * math.sqrt(n)))
    return f"{(statistics.median(ordered) - 1) * 100:+.2f} % ({(ordered[k] - 1) * 100:+.2f} to " \
           f"{(ordered[n - 1 - k] - 1) * 100:+.2f})"


def held_us(build, trace):
    """What the trace says of it: until the thread was seen to be back, and of that by the kernel."""
    done = subprocess.run([str(build / "analyze" / "pyanalyze"), "info", "--format", "json", trace],
                          capture_output=True, check=True)
    about = json.loads(done.stdout)["attached"][0]
    return (about["held"] or math.nan) * 1e6, about["stopped"] * 1e6


def gaps(build, python, folder, rounds):
    pyrec, trace = str(build / "record" / "pyrec"), os.path.join(folder, "a.trace")
    for threads, kind, what in ((2, "busy", "busy loop, two threads"),
                                (1, "busy", "busy loop, one thread"),
                                (2, "timer", "sleep of 1 ms, two threads")):
        program = Program(python, "-c", GAPS, str(threads), kind)
        seen, held = {"attached": [], "alone": []}, []
        for i in range(2 * rounds):
            how = ("attached", "alone")[(i + i // 2) % 2]
            program.begin(WINDOW)
            time.sleep(0.05)
            if how == "attached":
                subprocess.run([pyrec, "-q", "-r", "100", "-o", trace, "-p", str(program.pid),
                                "--duration", "0.02s"], check=True)
            seen[how].append(program.result() / 1000)
            if how == "attached":
                held.append(held_us(build, trace))
        program.end()
        for n, name in enumerate(("held, as pyrec measures it", "of that, stopped by the kernel")):
            print(f"{what}, {name}: {of([each[n] for each in held], 'us')}", flush=True)
        for how, values in seen.items():
            print(f"{what}, {how}: {of(values, 'us')}", flush=True)


def latency(pyrec, python, folder, rounds):
    program = Program(python, "-c", GAPS, "2", "busy")
    seen = []
    for _ in range(rounds):
        program.begin(0.4)
        begin = time.monotonic()
        process = subprocess.Popen([pyrec, "-q", "-o", os.path.join(folder, "a.trace"), "-p",
                                    str(program.pid), "--duration", "0.1s"])
        while not has_recorder(program.pid):
            time.sleep(0.0002)
        seen.append((time.monotonic() - begin) * 1000)
        process.wait()
        program.result()
    program.end()
    print(f"from pyrec's start until its recorder runs: {of(seen, 'ms')}", flush=True)


def cost(pyrec, python, folder, rounds):
    rate = ("-q", "-r", "1000", "-o")
    started = Program(pyrec, *rate, os.path.join(folder, "started.trace"), "--", python, "-c", WORK)
    other = Program(python, "-c", WORK)
    seen = {"started": [], "attached": [], "attached to started": []}
    for i in range(rounds):
        took = {}
        for how in ("alone", "started", "attached")[i % 3:] + ("alone", "started", "attached")[:i % 3]:
            program, process = started if how == "started" else other, None
            if how == "attached":
                process = subprocess.Popen([pyrec, *rate, os.path.join(folder, "a.trace"), "-p",
                                            str(program.pid)])
                while not has_recorder(program.pid):
                    time.sleep(0.01)
            program.begin("go")
            took[how] = program.result()
            if process is not None:
                process.terminate()
                process.wait()
        seen["started"].append(took["started"] / took["alone"])
        seen["attached"].append(took["attached"] / took["alone"])
        seen["attached to started"].append(took["attached"] / took["started"])
    for program in (started, other):
        program.end()
    for how, ratios in seen.items():
        print(f"elapsed at 1 kHz, {how}{'' if ' ' in how else ' to alone'}: {interval(ratios)}")


def come_first():
    """On a machine that others use as well: before them, as a process and as a session."""
    try:
        if os.getpid() == os.getpgrp():
            if os.fork():
                sys.exit(os.wait()[1] >> 8)
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        if os.path.exists("/proc/self/autogroup"):
            with open("/proc/self/autogroup", "w", encoding="ascii") as group:
                group.write("-20")
    except OSError as error:
        print(f"at the usual priority ({error}): others that run are in the figures")


def main():
    build, python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    pyrec = str(build / "record" / "pyrec")
    come_first()
    with tempfile.TemporaryDirectory(prefix="pyrec-bench-") as folder:
        gaps(build, python, folder, rounds)
        latency(pyrec, python, folder, rounds)
        cost(pyrec, python, folder, rounds)


if __name__ == "__main__":
    main()
