# SPDX-License-Identifier: MIT
"""Programs whose profile is known, because they measure themselves as they run.

usage: truth_work.py CASE NUMBER

Prints a line of JSON: "truth" {function: seconds}, or "lines" {line: seconds}, or what the case
says. A comment `place: X` marks a line by name.
"""
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

clock = time.perf_counter
PLACE = re.compile(r'  # place: ([\w ]+)$')


def this_file():
    """Some profilers leave their own name in __file__."""
    return this_file.__code__.co_filename


def place_lines():
    """{name: line number} of the marks in this file."""
    with open(this_file(), encoding='utf-8') as file:
        found = ((PLACE.search(line), number) for number, line in enumerate(file, 1))
        return {mark[1]: number for mark, number in found if mark}


def timed(functions, seconds, seed=7):
    """Call them in an order and with amounts of chance; {function: seconds}."""
    draw, spent = random.Random(seed), dict.fromkeys((f.__name__ for f in functions), 0.0)
    until = clock() + seconds
    while clock() < until:
        for function in draw.sample(functions, len(functions)):
            amount = draw.uniform(0.5, 1.5)
            begin = clock()
            function(amount)
            spent[function.__name__] += clock() - begin
    return {'truth': spent}


def loop(n):
    x = 1
    for i in range(n):
        x = (x * 3 + i) & 65535
    return x


def lines(seconds):
    """Eight lines that take 1 to 40 % each, six of Python and two of C."""
    draw, spent = random.Random(3), [0.0] * 8
    numbers, x = list(range(20000)), 1
    until = clock() + seconds
    while clock() < until:
        n = draw.randrange(100, 1900)
        t0 = clock()
        for i in range(n): x = (x * 3 + i) & 65535  # place: L0
        t1 = clock()
        for i in range(n * 2): x = (x ^ i) % 99991  # place: L1
        t2 = clock()
        for i in range(n * 4): x += i if x & 1 else -i  # place: L2
        t3 = clock()
        x += len([i * i for i in range(n // 2)])  # place: L3
        t4 = clock()
        x += sum(numbers)  # place: L4
        t5 = clock()
        for i in range(n // 8): x = -x  # place: L5
        t6 = clock()
        numbers.sort(key=abs)  # place: L6
        t7 = clock()
        while n: n -= 1  # place: L7
        t8 = clock()
        ends = (t0, t1, t2, t3, t4, t5, t6, t7, t8)
        for i in range(8):
            spent[i] += ends[i + 1] - ends[i]
    at = place_lines()
    return {'lines': {at[f'L{i}']: spent[i] for i in range(8)}}


def first(until):
    while clock() < until:
        pass


def second(until):
    while clock() < until:
        pass


def periodic(rate):
    """30 % of every period in one function and 70 % in another; the period is 1 / rate."""
    spent = {'first': 0.0, 'second': 0.0}
    begin = clock()
    for k in range(int(rate * (3 if rate < 1000 else 1.5))):
        t0 = clock()
        first(begin + (k + 0.3) / rate)
        t1 = clock()
        second(begin + (k + 1) / rate)
        t2 = clock()
        spent['first'] += t1 - t0
        spent['second'] += t2 - t1
    return {'truth': spent}


NUMBERS = [(i * 7919) % 300007 for i in range(60000)]


def holding(amount):
    """One call of C that never lets the GIL go: about 10 ms."""
    sorted(NUMBERS[:int(35000 * amount)])


def converting(amount):
    """Many short calls of C."""
    for i in range(int(40000 * amount)):
        str(i)


def looping(amount):
    x = 1
    for i in range(int(60000 * amount)):
        x = (x * 3 + i) & 65535


def gil(seconds):
    """Long calls of C that hold the GIL, while another thread wants it."""
    stop = threading.Event()

    def other():
        while not stop.is_set():
            loop(500)
            time.sleep(0.002)
    thread = threading.Thread(target=other)
    thread.start()
    facts = timed([holding, converting, looping], seconds)
    stop.set()
    thread.join()
    return facts


def sleeping(amount):
    time.sleep(0.012 * amount)


def reading(amount):
    PIPE[0].send(b'%f' % (0.008 * amount))
    PIPE[0].recv(1)


PIPE = socket.socketpair()


def blocking(seconds):
    """Sleep, wait for an answer, and compute."""
    def answer():
        while True:
            asked = PIPE[1].recv(64)
            if not asked:
                return
            time.sleep(float(asked))
            PIPE[1].send(b'.')
    thread = threading.Thread(target=answer)
    thread.start()
    facts = timed([sleeping, reading, looping], seconds)
    PIPE[0].shutdown(socket.SHUT_WR)
    thread.join()
    return facts


def thread_a(n):
    x = 1
    for i in range(n):
        x = (x * 3 + i) & 65535


def thread_b(n):
    x = 1
    for i in range(n):
        x = (x * 3 + i) & 65535


def thread_c(n):
    x = 1
    for i in range(n):
        x = (x * 3 + i) & 65535
        if i % 10000 == 0:
            time.sleep(0.003)


def thread_d(n):
    time.sleep(n / 1e7)


def threads(seconds):
    """CPU seconds of four threads: two compute, one computes and sleeps, one sleeps."""
    spent = {}

    def run(function, n):
        begin = time.thread_time()
        function(int(n * seconds))
        spent[function.__name__] = time.thread_time() - begin
    pool = [threading.Thread(target=run, args=job) for job in
            ((thread_a, 7e6), (thread_b, 3e6), (thread_c, 2e6), (thread_d, 1e7))]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return {'truth': spent}


def unit(x, i):
    return (x * 5 + i) & 65535


def called(n):
    x = 1
    for i in range(n):
        x = unit(x, i)
    return x


def inlined(n):
    x = 1
    for i in range(n):
        x = (x * 5 + i) & 65535
    return x


def bias(percent):
    """The same work, `percent` of it by way of a function. Amounts do not depend on clocks."""
    spent = {'called': 0.0, 'inlined': 0.0}
    for _ in range(700):
        t0 = clock()
        called(100 * percent)
        t1 = clock()
        inlined(200 * (100 - percent))
        t2 = clock()
        spent['called'] += t1 - t0
        spent['inlined'] += t2 - t1
    return {'truth': spent}


def red0(n):
    if n:
        return red1(n - 1)  # place: red0
    return 0


def red1(n):
    if n:
        return red2(n - 1)  # place: red1
    return 0


def red2(n):
    if n:
        return red3(n - 1)  # place: red2
    return 0


def red3(n):
    if n:
        return red4(n - 1)  # place: red3
    return 0


def red4(n):
    if n:
        return red5(n - 1)  # place: red4
    return 0


def red5(n):
    if n:
        return red6(n - 1)  # place: red5
    return 0


def red6(n):
    return n


def blue0(n):
    if n:
        return blue1(n - 1)  # place: blue0
    return 0


def blue1(n):
    if n:
        return blue2(n - 1)  # place: blue1
    return 0


def blue2(n):
    if n:
        return blue3(n - 1)  # place: blue2
    return 0


def blue3(n):
    if n:
        return blue4(n - 1)  # place: blue3
    return 0


def blue4(n):
    if n:
        return blue5(n - 1)  # place: blue4
    return 0


def blue5(n):
    if n:
        return blue6(n - 1)  # place: blue5
    return 0


def blue6(n):
    return n


def stacks(seconds):
    """Two towers of calls; which frame can be on which, and at which line, is known."""
    until, n = clock() + seconds, 0
    while clock() < until:
        for n in range(2000):
            red0(n % 7)  # place: to red0
            blue0(n % 5)  # place: to blue0
            red0(6)  # place: to red0 again
    return {'places': place_lines()}


def working(seconds):
    """Also where the other threads are, while this one works."""
    until = clock() + seconds
    while clock() < until:
        loop(2000)


def waiting(stop):
    stop.wait()


def many(count, seconds=2.0):
    """One thread works, the others wait: how long each of the two functions was there, added up."""
    stop, lives = threading.Event(), []

    def idle():
        begin = clock()
        waiting(stop)
        lives.append(clock() - begin)
    pool = [threading.Thread(target=idle) for _ in range(count - 1)]
    for thread in pool:
        thread.start()
    begin = clock()
    working(seconds)
    worked = clock() - begin
    stop.set()
    for thread in pool:
        thread.join()
    return {'worked': worked, 'waited': sum(lives)}


def child(amount):
    looping(amount)


def children(count):
    """Short processes, every other one forked; how many there were."""
    for i in range(count):
        if i % 2:
            pid = os.fork()
            if pid == 0:
                child(8)
                os._exit(0)
            os.waitpid(pid, 0)
        else:
            subprocess.run([sys.executable, this_file(), 'child', '8'], check=True,
                           stdout=subprocess.DEVNULL)
    return {'children': count}


def main():
    number = float(sys.argv[2]) if '.' in sys.argv[2] else int(sys.argv[2])
    begin = clock()
    facts = globals()[sys.argv[1]](number) or {}
    facts = {'seconds': clock() - begin, **facts}
    print('\n' + json.dumps(facts), flush=True)


if __name__ == '__main__':
    main()
