# SPDX-License-Identifier: MIT
"""One side of a comparison: a program of turns.py that works when it is its turn.

Between its turns all its processes are stopped, pyrec, too: nothing of one side runs while the other
is measured. CPU time is read from outside, from the kernel's clocks of the processes.
"""
import json
import os
import selectors
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 4
REQUEST = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'


class Failed(Exception):
    """A program did not do its work."""


def cpu_seconds(pid):
    """CPU time of all threads of a process, to the nanosecond."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of a process, see linux/posix-timers.h


class Clients:
    """Four clients of a server, each with a connection and one request under way."""

    def __init__(self, port):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(CONNECTIONS):
            one = socket.create_connection(('127.0.0.1', port), timeout=30)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(one, selectors.EVENT_READ)
            self.sockets.append(one)
        self.length = self.answer_length()

    def answer_length(self):
        """Every answer has as many bytes as the first."""
        self.sockets[0].sendall(REQUEST)
        answer = b''
        while b'\r\n\r\n' not in answer:
            answer += self.receive(self.sockets[0])
        head = answer.index(b'\r\n\r\n') + 4
        fields = answer[:head].lower().split(b'content-length:')
        length = head + int(fields[1].split(b'\r\n')[0])
        while len(answer) < length:
            answer += self.receive(self.sockets[0])
        return length

    @staticmethod
    def receive(one):
        data = one.recv(65536)
        if not data:
            raise Failed('the server has closed a connection')
        return data

    def work(self, requests):
        begin = time.perf_counter()
        due, missing = requests, {}
        for one in self.sockets[:requests]:
            one.sendall(REQUEST)
            missing[one] = self.length
            due -= 1
        while missing:
            for key, _ in self.selector.select(30) or self.silent():
                one = key.fileobj
                missing[one] -= len(self.receive(one))
                if missing[one] > 0:
                    continue
                if due > 0:
                    due -= 1
                    missing[one] = self.length
                    one.sendall(REQUEST)
                else:
                    del missing[one]
        return time.perf_counter() - begin

    @staticmethod
    def silent():
        raise Failed('the server does not answer')

    def close(self):
        self.selector.close()
        for one in self.sockets:
            one.close()


class Side:
    """A program that is ready and stopped. `command`: what stands before the python;
    `recorder`: the first process is pyrec, the program is a child of its."""

    def __init__(self, command, python, case, cpus, recorder, more_work=1):
        self.recorder, self.more_work = recorder, more_work
        self.stopped_seconds, self.since, self.clients = 0.0, None, None
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cpus)
        try:
            self.process = subprocess.Popen(
                [*command, python, os.path.join(HERE, 'turns.py'), case],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=dict(os.environ, PYTHONHASHSEED='0'), text=True)
        finally:
            os.sched_setaffinity(0, before)
        self.pids = [self.process.pid]
        try:
            hello = json.loads(self.answer())
        except ValueError as error:
            self.end()
            raise Failed(f'{case} said {error}') from error
        self.programs = hello['pids']
        self.pids = self.programs + ([self.process.pid] if recorder else [])
        if hello['port']:
            self.clients = Clients(hello['port'])
        self.last_cpu = self.last_recorder = 0.0
        self.rest()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            raise Failed(f'{" ".join(map(str, self.process.args))}: ended with {status}')
        return line

    def rest(self):
        """Stop; (CPU seconds of the program, of pyrec) since the last time."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        self.since = time.monotonic()
        cpu = sum(map(cpu_seconds, self.programs))
        recorder = cpu_seconds(self.process.pid) if self.recorder else 0.0
        used = cpu - self.last_cpu, recorder - self.last_recorder
        self.last_cpu, self.last_recorder = cpu, recorder
        return used

    def go(self):
        for pid in reversed(self.pids):
            os.kill(pid, signal.SIGCONT)
        self.stopped_seconds += time.monotonic() - self.since
        self.since = None

    def turn(self, parts):
        """(seconds of the work, CPU seconds of the program, CPU seconds of pyrec)"""
        parts = round(parts * self.more_work)
        self.go()
        if self.clients:
            seconds = self.clients.work(parts)
        else:
            self.process.stdin.write(f'{parts}\n')
            self.process.stdin.flush()
            seconds = float(self.answer())
        return (seconds, *self.rest())

    def end(self):
        """To its end, however it is now."""
        for pid in reversed(self.pids):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        if self.since is not None:
            self.stopped_seconds += time.monotonic() - self.since
        if self.clients:
            self.clients.close()
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
