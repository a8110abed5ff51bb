# SPDX-License-Identifier: MIT
"""Who attaches to a program that runs: how each is asked for it, and what it has seen."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

UP_S = 1.5  # by then each of them takes samples: the part on latency says when


class ToolFailed(Exception):
    pass


class Tool:
    """It writes the file `out`; `seconds` None: until it is told to end."""

    takes_samples = True
    shortest = 1  # seconds; and how long it takes to come and go, at most
    overhead = 2

    def __init__(self, name, program):
        self.name, self.program = name, program

    def command(self, pid, rate, seconds, out):
        raise NotImplementedError

    def start(self, pid, rate, seconds, out):
        pathlib.Path(out).unlink(missing_ok=True)
        return subprocess.Popen(self.command(pid, rate, seconds, out), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @staticmethod
    def end(process, is_interrupted=False):
        if is_interrupted and process.poll() is None:
            process.send_signal(signal.SIGINT)
        elif is_interrupted:
            raise ToolFailed(f"it ended by itself: {process.communicate()[0].strip()[-200:]}")
        said = process.communicate(timeout=60)[0]
        if process.returncode != 0 and not is_interrupted:
            raise ToolFailed(f"status {process.returncode}: {said.strip()[-200:]}")

    def run(self, pid, rate, seconds, out):
        self.end(self.start(pid, rate, seconds, out))

    def await_up(self, pid):
        time.sleep(UP_S)

    def text(self, out):
        """What it has written, with the names of functions in it."""
        return pathlib.Path(out).read_text(encoding="utf-8", errors="replace")


class Pyrec(Tool):
    shortest = 0.02
    overhead = 0.5

    def __init__(self, program):
        super().__init__("pyrec", program)
        near = pathlib.Path(program).parent
        self.analyze = next((str(path) for path in (near / "pyanalyze",
                                                    near.parent / "analyze" / "pyanalyze")
                             if path.exists()), shutil.which("pyanalyze"))

    def command(self, pid, rate, seconds, out):
        return [self.program, "-q", "-r", str(rate), "-o", out, "-p", str(pid),
                *([] if seconds is None else ["--duration", f"{seconds}s"])]

    def command_started(self, rate, out, words):
        return [self.program, "-q", "-r", str(rate), "-o", out, "--", *words]

    def await_up(self, pid):
        while not self.has_recorder(pid):
            time.sleep(0.005)

    @staticmethod
    def has_recorder(pid):
        for tid in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
                    if comm.read() == "pyrec-sampler\n":
                        return True
            except OSError:
                pass
        return False

    def ask(self, *words):
        return subprocess.run([self.analyze, *words], capture_output=True, check=True,
                              text=True).stdout

    def text(self, out):
        return self.ask("functions", "--limit", "0", out)


class PySpy(Tool):
    def command(self, pid, rate, seconds, out):
        how = "unlimited" if seconds is None else str(max(1, round(seconds)))
        more = ["--nonblocking"] if "nonblocking" in self.name else []
        return [self.program, "record", "-p", str(pid), "-r", str(rate), "-d", how, "-f", "raw",
                "-o", out, *more]


class Sampling(Tool):
    """`program` is the Python, which has to be the one that is looked at."""

    def command(self, pid, rate, seconds, out):
        more = ["--blocking"] if "blocking" in self.name.split() else []
        return [self.program, "-m", "profiling.sampling", "attach", "-r", str(rate), "-a",
                "--collapsed", "-o", out, *more,
                *([] if seconds is None else ["-d", str(max(1, round(seconds)))]), str(pid)]


class Gdb(Tool):
    """What every way of attaching that goes through it costs at least: it comes, and goes."""

    takes_samples = False

    def command(self, pid, rate, seconds, out):
        return [self.program, "-nx", "-batch", "-p", str(pid), "-ex", "detach"]


def find(pyrec, python):
    """pyrec, and those others that are here; and why the rest is not."""
    tools, missing = [Pyrec(pyrec)], []
    py_spy, gdb = shutil.which("py-spy"), shutil.which("gdb")
    if py_spy:
        tools += [PySpy("py-spy", py_spy), PySpy("py-spy nonblocking", py_spy)]
    else:
        missing.append("py-spy: it is not on PATH")
    if gdb:
        tools.append(Gdb("gdb, attach and detach", gdb))
    else:
        missing.append("gdb: it is not on PATH")
    if subprocess.run([python, "-c", "import profiling.sampling"],
                      stderr=subprocess.DEVNULL).returncode == 0:
        tools += [Sampling("profiling.sampling", python),
                  Sampling("profiling.sampling blocking", python)]
    else:
        missing.append(f"profiling.sampling: {python} has none")
    return tools, missing


def first_slot(text):
    """The first function of attach_work.py's "dated" that was seen; None: none was."""
    return min(map(int, re.findall(r"\bat_(\d+)\b", text)), default=None)
