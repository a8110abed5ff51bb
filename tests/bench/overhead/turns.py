# SPDX-License-Identifier: MIT
"""The programs of overhead.py: they work in turns, as much as they are told.

usage: turns.py CASE

Prints a line of JSON when it is ready: "pids" of all its processes, "port" of the server. For each
line on stdin, a number, it does so many parts of work and prints the seconds that they took; of
a server, others tell. Ends with stdin.
"""
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import overhead_work  # noqa: E402


def busy(parts):
    """A part is some ten microseconds."""
    for _ in range(parts):
        overhead_work.step(100)


def under(depth, parts):
    """The same with so many frames below it."""
    if depth == 0:
        return busy(parts)
    return under(depth - 1, parts)


def recursion(parts):
    """Stacks that grow and shrink all the time."""
    def down(n):
        return 1 if n == 0 else down(n - 1) + 1
    for _ in range(parts):
        down(900)


class Idle:
    """One thread works, 300 wait, as in the pools of a server."""

    def __init__(self):
        stop = threading.Event()
        for _ in range(300):
            threading.Thread(target=stop.wait, daemon=True).start()

    work = staticmethod(busy)


class Pool:
    """Four threads take work from a queue and put down each result under a lock."""

    def __init__(self):
        self.jobs, self.lock, self.results, self.done = queue.Queue(), threading.Lock(), {}, 0
        self.all_done = threading.Event()
        for _ in range(4):
            threading.Thread(target=self.worker, daemon=True).start()

    def worker(self):
        while True:
            n, last = self.jobs.get()
            total = 0
            for i in range(400):
                total += (i * n) & 1023
            with self.lock:
                self.results[n] = total
                if len(self.results) == last:
                    self.all_done.set()

    def work(self, parts):
        self.results.clear()
        self.all_done.clear()
        for n in range(parts):
            self.jobs.put((n, parts))
        self.all_done.wait()


class Threads:
    """Four threads that compete for the GIL."""

    def __init__(self):
        self.begin, self.end = threading.Barrier(5), threading.Barrier(5)
        self.parts = 0
        for _ in range(4):
            threading.Thread(target=self.worker, daemon=True).start()

    def worker(self):
        while True:
            self.begin.wait()
            busy(self.parts // 4)
            self.end.wait()

    def work(self, parts):
        self.parts = parts
        self.begin.wait()
        self.end.wait()


class Processes:
    """Two that work, and one that waits for them."""

    def __init__(self):
        self.pair = [subprocess.Popen([sys.executable, os.path.abspath(__file__), 'busy'],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                     for _ in range(2)]
        for process in self.pair:
            process.stdout.readline()
        self.pids = [process.pid for process in self.pair]

    def work(self, parts):
        for process in self.pair:
            process.stdin.write(f'{parts}\n')
            process.stdin.flush()
        for process in self.pair:
            process.stdout.readline()


class Web:
    """A threading web server; a part of its work is a request."""

    def __init__(self):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), overhead_work.Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.port = server.server_address[1]


class Function:
    def __init__(self, work):
        self.work = work


CASES = {
    'busy': lambda: Function(busy),
    'ten': lambda: Function(lambda parts: under(6, parts)),
    'deep': lambda: Function(lambda parts: under(300, parts)),
    'recursion': lambda: Function(recursion),
    'idle': Idle,
    'threads': Threads,
    'queue': Pool,
    'processes': Processes,
    'web': Web,
}


def main():
    program = CASES[sys.argv[1]]()
    print(json.dumps({'pids': [os.getpid(), *getattr(program, 'pids', [])],
                      'port': getattr(program, 'port', None)}), flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        program.work(int(line))
        print(time.perf_counter() - begin, flush=True)


if __name__ == '__main__':
    main()
