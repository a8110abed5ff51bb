#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run pyrec and pyanalyze on real programs and look at what they say.

usage: python3 e2e.py BUILD_DIR PYTHON MODULE [TEST...]

MODULE is a file in a folder beside this one with functions test_*(t); `t` is a Tool. A test fails by raising.
Run by ctest once per module and interpreter.
"""
import atexit
import functools
import importlib
import io
import json
import os
import re
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WIRE_VERSION = int(re.search(r"#define WIRE_VERSION +(\d+)u",
                             (ROOT / "record/wire/wire.h").read_text()).group(1))
CPU_MOST = 300  # seconds of any one process
MATRIX = os.environ.get("TESTS_MATRIX", "wide")  # how much is tried, see tests/CMakeLists.txt
IS_FULL, IS_WIDE = MATRIX == "full", MATRIX != "short"


class Skip(Exception):
    """This test cannot run here; the text says why."""


def group_is_orphaned():
    """Nobody of our session, outside of our group, has a child in it: then the kernel stops nobody."""
    own, session = os.getpgrp(), os.getsid(0)
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if os.getpgid(pid) != own:
                continue
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
            if parent and os.getsid(parent) == session and os.getpgid(parent) != own:
                return False
        except OSError:
            pass  # it has ended
    return True


def wide(test):
    """Mark a test that tries a thing with more of its kind, or more often: PYREC_MATRIX=short leaves it out."""
    test.is_wide = True
    return test


class Run:
    """What pyrec did: its trace, output and exit status."""

    def __init__(self, trace, process, out, err):
        self.trace, self.status, self.out, self.err = trace, process.returncode, out, err


class Started(subprocess.Popen):
    """A process of whose output readline() takes a line and not a byte more: what a stream has read ahead
    communicate() does not see, and where the test is held up that is all the rest."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        for stream in (self.stdout, self.stderr):
            if isinstance(stream, io.TextIOBase):
                stream.readline = functools.partial(take_line, stream.fileno())


def take_line(descriptor):
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line.decode()


@functools.cache
def facts(python):
    """What an interpreter is, and stays: it is started once for all tests of a module."""
    code = """if True:
        import json, sys
        told = {"version": sys.version_info[:3], "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
                "jit": hasattr(sys, "_jit") and sys._jit.is_enabled(),
                "debug": hasattr(sys, "gettotalrefcount"), "ctypes": True}
        try:
            import ctypes
        except ImportError:
            told["ctypes"] = False
        print(json.dumps(told))"""
    return json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)


class Tool:
    """pyrec and pyanalyze of one build, with one interpreter, in a folder of its own."""

    kept = {}  # of a module, see keep()

    def __init__(self, build, python):
        self.build = pathlib.Path(build).resolve()
        self.pyrec = str(self.build / "record" / "pyrec")
        self.pyanalyze = str(self.build / "analyze" / "pyanalyze")
        self.python = python
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pyrec-e2e-"))
        self.n = 0
        self.at_end = []  # to be called when the test is over, however it ends
        self.version = tuple(facts(python)["version"])

    def keep(self, what, make):
        """What make(folder) returned for the first test that asked for it. For a test's second chance all
        of it is made anew, as it may be what was wrong."""
        if what not in self.kept:
            folder = tempfile.mkdtemp(prefix="pyrec-e2e-kept-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self.kept[what] = make(pathlib.Path(folder))
        return self.kept[what]

    def file(self, name, text):
        """A file in the test's folder."""
        path = self.dir / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def has_gil(self):
        return facts(self.python)["gil"]

    def has_jit(self):
        return facts(self.python)["jit"]

    def is_debug(self):
        return facts(self.python)["debug"]

    def need_gil(self):
        if not self.has_gil():
            raise Skip("this interpreter has no GIL")

    def need_ctypes(self):
        if not facts(self.python)["ctypes"]:
            raise Skip("this interpreter has no ctypes")

    def compile(self, path, source, *options):
        try:
            done = subprocess.run(["gcc", "-O1", "-pthread", *options, "-o", path,
                                   self.file(f"{pathlib.Path(path).name}.c", source)],
                                  capture_output=True, text=True)
        except FileNotFoundError:
            raise Skip("no gcc here")
        assert done.returncode == 0, done.stderr
        return path

    def library(self, name, source):
        """A shared library of this C source, for ctypes."""
        self.need_ctypes()
        return self.compile(str(self.dir / f"{name}.so"), source, "-shared", "-fPIC")

    def program(self, name, source):
        """A program of this C source."""
        path = str(self.dir / name)
        return path if os.path.exists(path) else self.compile(path, source)

    def sample(self, name):
        """A program of samples/."""
        return str(ROOT / "samples" / name)

    def trace(self):
        self.n += 1
        return str(self.dir / f"{self.n}.trace")

    def start(self, command, options=(), trace=None, **more):
        """Start pyrec; returns (Popen, trace)."""
        trace = trace or self.trace()
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        env = dict(os.environ)
        env.update(more.pop("env", {}))
        process = Started([self.pyrec, "-o", trace, *options, "--", *command],
                          text=True, cwd=more.pop("cwd", self.dir), env=env, **more)
        return process, trace

    def wait_written(self, process, is_there, seconds=60):
        """Until the file of a recording says so; what there is goes into it when it is asked for."""
        end = time.monotonic() + seconds
        while not is_there():
            assert time.monotonic() < end and process.poll() is None, process.poll()
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.05)

    def without_curl(self):
        """The environment of one for whom libcurl cannot be loaded."""
        broken = self.dir / "broken"
        broken.mkdir()
        for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
            (broken / name).write_bytes(b"no ELF")
        return {"LD_LIBRARY_PATH": str(broken)}

    def command(self, command, options=(), timeout=120, input=None, **more):
        """Record any command to its end."""
        if input is not None:
            more["stdin"] = subprocess.PIPE
        process, trace = self.start(command, options, **more)
        try:
            out, err = process.communicate(input=input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{command} did not end in {timeout} s: {out} {err}")
        return Run(trace, process, out, err)

    def record(self, *args, rate=1000, options=(), ok=True, **more):
        """Record this interpreter with `args` to its end."""
        run = self.command([self.python, *args], ["-r", str(rate), *options], **more)
        if ok:
            assert run.status == 0, f"status {run.status}\n{run.out}\n{run.err}"
        return run

    def analyze(self, *args, ok=(0,)):
        done = subprocess.run([self.pyanalyze, *args], capture_output=True, text=True, timeout=120)
        assert done.returncode in ok, f"pyanalyze {args}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def rows(self, command, trace, *options, ok=(0, 5)):
        """A table as a list of dicts; it may have none (5)."""
        return json.loads(self.analyze(command, "--format", "json", "--limit", "0", *options, trace,
                                       ok=ok))

    def stalls(self, trace, *options, threads=False):
        """The stalls, longest first; or the threads, with what was found out about each."""
        return self.rows("stalls", trace, *options)["threads" if threads else "stalls"]

    def rows_of(self, command, word, trace, *options):
        """The table of a command that takes a word before its files."""
        return json.loads(self.analyze(command, "--format", "json", *options, word, trace))

    def info(self, trace, ok=(0,)):
        """All facts of `info`, by section."""
        return json.loads(self.analyze("info", "--format", "json", trace, ok=ok))

    def unobserved(self, trace):
        """Seconds in which nobody looked: the machine was too busy. What is compared with a clock may lack them."""
        return sum(row["unobserved"] or 0 for row in self.info(trace)["quality"])

    def missed(self, trace):
        """The same in ticks."""
        return sum(row["ticks_missed"] or 0 for row in self.info(trace)["quality"])

    def stacks(self, trace, *options):
        """[(frames, weight)] with frames root first, "function (file:line)"."""
        folded = self.analyze("export", "--format", "folded", "--frames", "line", *options,
                              trace)
        result = []
        for line in folded.splitlines():
            stack, weight = line.rsplit(" ", 1)
            result.append((stack.split(";"), int(weight)))
        return result


def line_with(program, text):
    """The number of the first line of a program that has it."""
    return next(n for n, line in enumerate(program.splitlines(), 1) if text in line)


def function_of(frame):
    """"f" of "f (file.py:3)"."""
    return frame.split(" (")[0]


def line_of(frame):
    """3 of "f (file.py:3)"; 0 of what is no frame of Python's."""
    found = re.search(r":(\d+)\)$", frame)
    return int(found.group(1)) if found else 0


def knows_cpus():
    """glibc tells from 2.35 on which CPU a thread is on."""
    return [int(n) for n in os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")] >= [2, 35]


def near(value, expected, relative=0.0, absolute=0.0, what=""):
    """Fail unless |value - expected| is within either bound."""
    bound = max(abs(expected) * relative, absolute)
    assert abs(value - expected) <= bound, f"{what}: {value}, expected {expected} +- {bound}"


def run_once(test, build, python):
    """None when it passed, else a Skip or what went wrong."""
    tool = Tool(build, python)
    try:
        test(tool)
        return None
    except Skip as reason:
        return reason
    except Exception:
        return traceback.format_exc(limit=-2)
    finally:
        for call in tool.at_end:
            call()
        shutil.rmtree(tool.dir, ignore_errors=True)


def cpu_used():
    """What makes the suite long where tests run side by side: the CPU of all processes waited for."""
    return sum(os.times()[:4])


def run_test(name, test, build, python):
    """Watching real programs in real time, a test that is right may fail on a machine that is suddenly
    busy with something else. It has a second chance, which is printed; what fails twice has failed."""
    begin, used = time.monotonic(), cpu_used()
    wrong = run_once(test, build, python)
    if isinstance(wrong, str):
        print(f"repeated: {name} (first: {wrong.strip().splitlines()[-1]})", flush=True)
        Tool.kept.clear()
        first, wrong = wrong, run_once(test, build, python)
        if isinstance(wrong, str):
            print(f"{name}, the first time:\n{first}")
    verdict = ("ok" if wrong is None else f"FAILED\n{wrong}" if isinstance(wrong, str) else
               f"skipped: {wrong}")
    print(f"{name}: {verdict} ({time.monotonic() - begin:.1f} s, CPU {cpu_used() - used:.1f} s)",
          flush=True)
    return wrong


def main():
    build, python, module = sys.argv[1:4]
    # A program that waits for a word of its test, and keeps a CPU busy meanwhile, would do so for ever if the
    # test is killed: what a test starts inherits this limit.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_MOST, CPU_MOST))
    wanted = sys.argv[4:]
    # one module may use another of any folder: their names are one another's neighbours
    sys.path[:0] = [str(HERE), *(str(path) for path in sorted(HERE.iterdir()) if path.is_dir())]
    sys.modules["e2e"] = sys.modules["__main__"]  # one Skip for both
    tests = importlib.import_module(module)
    unknown = [name for name in wanted if not hasattr(tests, name)]
    if unknown:
        sys.exit(f"{module} has no {unknown}")
    found = {name: test for name, test in vars(tests).items()
             if name.startswith("test_") and (not wanted or name in wanted)}
    left = [] if IS_WIDE or wanted else [name for name, test in found.items() if hasattr(test, "is_wide")]
    for name in left:
        print(f"{name}: left to PYREC_MATRIX=wide")
    results = [run_test(name, test, build, python) for name, test in found.items() if name not in left]
    failed, ran = sum(isinstance(wrong, str) for wrong in results), results.count(None)
    print(f"{module} on {python}: {ran} passed, {failed} failed")
    sys.exit(1 if failed else 0 if ran else 77)


if __name__ == "__main__":
    sys.modules["e2e"] = sys.modules["__main__"]  # what tests import: one Skip, not two
    main()
