#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What attaching costs a program: while it happens, and afterwards. Beside others that are here.

usage: attach.py [--pyrec PROGRAM] [--python PYTHON] [--rounds N] [--part NAME]...

It wants a machine that does nothing else, or root, for a priority above all others; and nothing but the
programs, this folder and a python3. PROGRAM is build/record/pyrec if there is one, else that on
PATH; pyanalyze lies beside it.

    gaps      the longest gap that a busy loop sees, and by how much a thread that sleeps for 1 ms wakes
              late: in windows of 0.2 s in which pyrec attaches and leaves, each beside one in which
              nothing happens
    latency   from a tool's start until its first sample, by a program that has another function in
              each millisecond
    cost      a fixed amount of work: alone, recorded from its start, attached to; in turns, as CPU time
              of the process (our thread in it included) and as elapsed time
    others    the same gaps and costs of those that are here: windows of 3 s, 100 samples per second

Ratios are of pairs: their median, and where it lies in 95 of 100 cases (order statistics). Each round of
`cost` has programs of its own, as two processes of one program differ by some percent.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import attach_tools

HERE = pathlib.Path(__file__).resolve().parent
PARTS = ("gaps", "latency", "cost", "others")
WINDOW = 0.2
LONG_WINDOW = 3.0
TIMES = 40      # of the work: some 0.2 s
PAIRS = 3       # in a round
CPU, WALL = 1, 2
KINDS = ((2, "busy", "busy loop, two threads"), (1, "busy", "busy loop, one thread"),
         (2, "timer", "sleep of 1 ms, two threads"))


class Program:
    def __init__(self, python, *words, under=None):
        line = [python, str(HERE / "attach_work.py"), *words]
        self.process = subprocess.Popen(
            under(line) if under else line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, PYTHONHASHSEED="0"))
        assert self.process.stdout.readline() == "up\n"
        self.pid = self.process.pid

    def begin(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def result(self):
        return [float(word) for word in self.process.stdout.readline().split()]

    def work(self, word):
        self.begin(word)
        return self.result()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


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


def turned(words, i):
    """In another order each time."""
    return words[i % len(words):] + words[:i % len(words)]


class Bench:
    def __init__(self, tools, python, folder, rounds):
        self.tools, self.python, self.rounds = tools, python, rounds
        self.pyrec = tools[0]
        self.out = os.path.join(folder, "out")

    def windows(self, tool, threads, kind, window, seconds, rounds):
        """Gaps with it and without, and what the trace says of how long the thread was held."""
        program = Program(self.python, kind, str(threads))
        seen, held = {"attached": [], "alone": []}, []
        for i in range(2 * rounds):
            how = ("attached", "alone")[(i + i // 2) % 2]
            program.begin(window)
            if how == "attached":
                time.sleep(0.05)
                tool.run(program.pid, 100, seconds, self.out)
            seen[how].append(program.result()[0] / 1000)
            if how == "attached" and tool is self.pyrec and tool.analyze:
                about = json.loads(tool.ask("info", "--format", "json", self.out))["attached"][0]
                held.append(((about["held"] or math.nan) * 1e6, about["stopped"] * 1e6))
        program.end()
        return seen, held

    def gaps(self):
        for threads, kind, what in KINDS:
            seen, held = self.windows(self.pyrec, threads, kind, WINDOW, 0.02, self.rounds)
            for n, name in enumerate(("held, as pyrec measures it", "of that, stopped by the kernel")):
                if held:
                    print(f"{what}, {name}: {of([each[n] for each in held], 'us')}", flush=True)
            for how, values in seen.items():
                print(f"{what}, {how}: {of(values, 'us')}", flush=True)

    def each(self, tools, work):
        """One that fails does not end it all."""
        for tool in tools:
            try:
                work(tool)
            except attach_tools.ToolFailed as error:
                print(f"{tool.name}: {error}", flush=True)

    def latency(self):
        self.each([tool for tool in self.tools if tool.takes_samples and
                   (tool is not self.pyrec or tool.analyze)], self.latency_of)

    def latency_of(self, tool):
        program, seen, n_none = Program(self.python, "dated", "2"), [], 0
        seconds = max(0.3, tool.shortest)
        for _ in range(max(5, self.rounds // 4)):
            program.begin(int((seconds + tool.overhead) * 1000))
            time.sleep(0.05)
            begin = time.monotonic()
            tool.run(program.pid, 1000, seconds, self.out)
            base = program.result()[0]
            slot = attach_tools.first_slot(tool.text(self.out))
            n_none += slot is None
            if slot is not None:
                seen.append((base + (slot + 0.5) * 0.001 - begin) * 1000)
        program.end()
        none = f", {n_none} times none" if n_none else ""
        print(f"{tool.name}, from its start to its first sample: "
              f"{of(seen, 'ms') if seen else 'there was none'}{none}", flush=True)

    def recorded(self, tool, program, rate):
        """The work, while somebody is attached."""
        process = tool.start(program.pid, rate, None, self.out)
        tool.await_up(program.pid)
        took = program.work(TIMES)
        tool.end(process, is_interrupted=True)
        return took

    def round_of_cost(self, i, rate):
        programs = {"alone": Program(self.python, "fixed", "1"), "started": Program(
            self.python, "fixed", "1",
            under=lambda line: self.pyrec.command_started(rate, f"{self.out}.started", line))}
        for program in programs.values():
            program.work(TIMES)
        took = {how: [0, 0, 0] for how in ("alone", "started", "attached")}
        for k in range(PAIRS):
            for how in turned(list(took), i + k):
                if how == "attached":
                    result = self.recorded(self.pyrec, programs["alone"], rate)
                else:
                    result = programs[how].work(TIMES)
                took[how] = [a + b for a, b in zip(took[how], result)]
        for program in programs.values():
            program.end()
        return took

    def cost(self):
        for rate in (100, 1000):
            rounds = [self.round_of_cost(i, rate) for i in range(self.rounds)]
            for one, other in (("started", "alone"), ("attached", "alone"), ("attached", "started")):
                for what, n in (("CPU time", CPU), ("elapsed", WALL)):
                    ratios = [took[one][n] / took[other][n] for took in rounds]
                    print(f"{what} of the work at {rate} per second, {one} to {other}: "
                          f"{interval(ratios)}", flush=True)

    def others(self):
        self.each(self.tools, self.gaps_of)
        self.each([tool for tool in self.tools if tool.takes_samples], self.cost_of)

    def gaps_of(self, tool):
        for threads, kind, what in KINDS:
            seen, _ = self.windows(tool, threads, kind, LONG_WINDOW, 1, max(5, self.rounds // 4))
            for how, values in seen.items():
                by = tool.name if how == "attached" else f"without {tool.name}"
                print(f"{what}, {by}: {of(values, 'us')}", flush=True)

    def cost_of(self, tool):
        program, ratios = Program(self.python, "fixed", "1"), []
        program.work(TIMES)
        for i in range(self.rounds):
            took = {}
            for how in turned(["alone", tool.name], i):
                took[how] = (program.work(TIMES) if how == "alone" else
                             self.recorded(tool, program, 100))
            ratios.append([a / b for a, b in zip(took[tool.name], took["alone"])])
        program.end()
        for what, n in (("CPU time", CPU), ("elapsed", WALL)):
            print(f"{what} of the work at 100 per second, {tool.name} to alone: "
                  f"{interval([each[n] for each in ratios])}", flush=True)


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


def arguments():
    built = HERE.parents[2] / "build" / "record" / "pyrec"
    parser = argparse.ArgumentParser(description="What attaching costs a program.")
    parser.add_argument("--pyrec", default=str(built) if built.exists() else shutil.which("pyrec"))
    parser.add_argument("--python", default=sys.executable, help="that runs the programs")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--part", action="append", choices=PARTS)
    given = parser.parse_args()
    if not given.pyrec or not os.access(given.pyrec, os.X_OK):
        parser.error("--pyrec: where is it?")
    return given


def main():
    given = arguments()
    come_first()
    tools, missing = attach_tools.find(os.path.abspath(given.pyrec), given.python)
    version = subprocess.run([given.python, "--version"], capture_output=True, text=True).stdout
    print(f"{version.strip()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, "
          f"{given.rounds} rounds; not here: {'; '.join(missing) or 'nobody'}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pyrec-bench-") as folder:
        bench = Bench(tools, given.python, folder, given.rounds)
        for part in given.part or PARTS:
            getattr(bench, part)()


if __name__ == "__main__":
    main()
