#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What watching costs: CPU, memory and terminal of `pyanalyze top` beside a recording that goes on.

usage: watch.py [--pyrec PATH] [--pyanalyze PATH] [--python PYTHON] [--work NAME]... [--seconds N]
                [--rate HZ] [--threads N] [--batch] [--limit]

Needs nothing but the programs (pyrec with libpyrec.so where it looks for it) and a Python, 3.8 or later. For each kind of
work, one after the other: a program of 16 threads is recorded at 1 kHz, a screen of 160x50 looks at it once a second,
and after ten seconds it is measured for N seconds (60). CPU is the kernel's clock of the whole process, without
those who write what it shows to a terminal; memory is the most it had. "idle" is the same program recorded without a
look, as long: what the recorder itself takes must be the same. --limit: exit 1 above 1 % of a CPU, 20 MB, or 2 kB/s.
A machine that does nothing else has CPUs for all of it: pyrec, the program, the screen, and this script.
"""
import argparse
import fcntl
import os
import pathlib
import pty
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROWS, COLUMNS = 50, 160
SETTLE = 10.0
LIMIT_CPU, LIMIT_BYTES, LIMIT_TERMINAL = 1.0, 20_000_000, 2000

WORK = """
import sys, threading, time
kind, n = sys.argv[1], int(sys.argv[2])
def leaf(i, x):
    return (x * 31 + i) % 65521
def branch(i, depth, x):
    if depth == 0:
        for k in range(200): x = leaf(i + k, x)
        return x
    return branch(i, depth - 1, x + 1) + left(i, depth, x) if depth % 3 else right(i, depth, x)
def left(i, depth, x):
    return sum(leaf(i, x + k) for k in range(depth * 10))
def right(i, depth, x):
    return sorted(leaf(i, x + k) for k in range(depth * 20))[depth] + branch(i, depth - 1, x)
def busy(i):
    x = i
    while True: x = branch(i, 2 + x % 9, x) % 1000003
def requests(i):
    x = i
    while True:
        time.sleep(0.002 + x % 7 / 1000)
        x = branch(i, 2 + x % 5, x) % 1000003
def rest(i):
    while True: time.sleep(0.5)
def mixed(i):
    (busy if i < 2 else requests if i < 10 else rest)(i)
kinds = {"contended": busy, "mixed": mixed, "requests": requests, "resting": rest}
for i in range(n - 1): threading.Thread(target=kinds[kind], args=(i,), name="%s-%d" % (sys.argv[1], i), daemon=True).start()
kinds[kind](n - 1)
"""


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for the CPU clock of a process


def peak_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class Screen:
    """pyanalyze top on a terminal of our own, whose bytes are counted."""

    def __init__(self, command):
        self.bytes, self.begun = 0, b""
        self.fd, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, start_new_session=True,
                                        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        os.close(terminal)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                text = os.read(self.fd, 65536)
            except OSError:  # the other end is closed
                return
            if not text:
                return
            self.bytes += len(text)
            self.begun += text[:max(0, 65536 - len(self.begun))]

    def wait_for(self, word, seconds):
        ends = time.monotonic() + seconds
        while word not in self.begun:
            if time.monotonic() > ends or self.process.poll() is not None:
                sys.exit(f"watch.py: the screen shows no {word.decode()}: {self.end()}")
            time.sleep(0.1)

    def end(self):
        if self.fd < 0:
            return ""
        if self.process.poll() is None:
            os.write(self.fd, b"q")
        try:
            _, error = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, error = self.process.communicate()
        self.reader.join(5)
        os.close(self.fd)
        self.fd = -1
        return error.decode(errors="replace")


class Recording:
    def __init__(self, options, work, folder):
        self.path = pathlib.Path(folder, f"{work}.trace")
        self.process = subprocess.Popen([options.pyrec, "-q", "-r", str(options.rate), "-o", self.path, "--", options.python, "-c", WORK,
                                         work, str(options.threads)], stdin=subprocess.DEVNULL)
        ends = time.monotonic() + 60
        while not (self.path.exists() and self.path.stat().st_size > 0):
            if self.process.poll() is not None or time.monotonic() > ends:
                self.process.kill()
                sys.exit(f"watch.py: {options.pyrec} records nothing")
            time.sleep(0.05)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def wait(seconds, *processes):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for process in processes:
            if process.poll() is not None:
                sys.exit(f"watch.py: {' '.join(map(str, process.args[:3]))} ended too early: {process.returncode}"
                         + (f"; {process.stderr.read().decode(errors='replace')}" if process.stderr else ""))
        time.sleep(min(0.2, max(0.0, ends - time.monotonic())))


def measure(options, work, folder):
    """(what the screen takes, what the recorder takes beside it): CPU in percent of one, bytes, bytes/s."""
    recording = Recording(options, work, folder)
    command = [options.pyanalyze, "top"] + (["--batch", "--delay", "1"] if options.batch else []) + [recording.path]
    screen = Screen(command)
    try:
        screen.wait_for(f"{work}-".encode(), 60)
        wait(options.settle, recording.process, screen.process)
        opened = cpu_seconds(screen.process.pid)
        begin, cpu, recorder = time.monotonic(), opened, cpu_seconds(recording.process.pid)
        shown, size, most, second = screen.bytes, recording.path.stat().st_size, 0.0, opened
        while time.monotonic() < begin + options.seconds:
            wait(1.0, recording.process, screen.process)
            now = cpu_seconds(screen.process.pid)
            most, second = max(most, now - second), now
        took = time.monotonic() - begin
        cpu, recorder = cpu_seconds(screen.process.pid) - cpu, cpu_seconds(recording.process.pid) - recorder
        result = {"cpu": 100 * cpu / took, "most": 100 * most, "opened": opened, "bytes": peak_bytes(screen.process.pid),
                  "terminal": (screen.bytes - shown) / took, "recorder": 100 * recorder / took, "grew": (recording.path.stat().st_size - size) / took}
    finally:
        screen.end()
        recording.end()
    return result


def measure_alone(options, work, folder):
    """What the recorder takes when nobody looks: CPU in percent of one."""
    recording = Recording(options, work, folder)
    try:
        wait(options.settle, recording.process)
        begin, cpu = time.monotonic(), cpu_seconds(recording.process.pid)
        wait(options.seconds, recording.process)
        return 100 * (cpu_seconds(recording.process.pid) - cpu) / (time.monotonic() - begin)
    finally:
        recording.end()


def find(name):
    here = pathlib.Path(__file__).resolve().parent
    beside = [here / name, here.parent.parent / "build" / ("record" if name == "pyrec" else "analyze") / name]
    return next((str(path) for path in beside if path.is_file()), shutil.which(name))


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0], add_help=True)
    parser.add_argument("--pyrec", default=find("pyrec"))
    parser.add_argument("--pyanalyze", default=find("pyanalyze"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--work", action="append", choices=("contended", "mixed", "requests", "resting"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settle", type=float, default=SETTLE)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--limit", action="store_true")
    options = parser.parse_args()
    for name in ("pyrec", "pyanalyze"):
        if not getattr(options, name):
            parser.error(f"there is no {name}: say where by --{name}")
    wrong = []
    print(f"{options.threads} threads at {options.rate} Hz, {options.seconds:.0f} s each, on {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    for work in options.work or ("contended", "mixed", "requests", "resting"):
        with tempfile.TemporaryDirectory(prefix="pyrec-watch-") as folder:
            alone = measure_alone(options, work, folder)
        with tempfile.TemporaryDirectory(prefix="pyrec-watch-") as folder:
            r = measure(options, work, folder)
        print(f"{work:<10} top: {r['cpu']:.2f} % of a CPU (most of a second {r['most']:.1f}; until then {r['opened'] * 1000:.0f} ms), "
              f"{r['bytes'] / 1e6:.1f} MB, {r['terminal']:.0f} bytes/s to the terminal; trace {r['grew'] / 1e3:.1f} kB/s; "
              f"pyrec {r['recorder']:.2f} %, alone {alone:.2f} %", flush=True)
        for what, limit, unit in (("cpu", LIMIT_CPU, "% of a CPU"), ("bytes", LIMIT_BYTES, "bytes"), ("terminal", LIMIT_TERMINAL, "bytes/s")):
            if r[what] > limit:
                wrong.append(f"{work}: {r[what]:.2f} {unit}, {limit} at most")
    for sentence in wrong:
        print(f"too much: {sentence}")
    return 1 if wrong and options.limit else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
