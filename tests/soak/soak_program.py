# SPDX-License-Identifier: MIT
"""A program that does everything at once, for so many seconds: threads that come and go, forks,
execs, generators, recursion, garbage, code that is made and thrown away, blocking calls.

usage: soak_program.py SECONDS

Prints "KIND COUNT" for what it did; exits with 1 when anything was not as it should be.
"""
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

END = time.monotonic() + float(sys.argv[1])
counts = {}
lock = threading.Lock()
failures = []


def count(kind):
    with lock:
        counts[kind] = counts.get(kind, 0) + 1


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def recursion():
    def down(n):
        return down(n - 1) + 1 if n else 0
    assert down(500) == 500


def generators():
    def inner(n):
        for i in range(n):
            yield i

    def outer(n):
        yield from inner(n)
    assert sum(outer(200)) == 19900


def code():
    """Functions whose code dies, and whose address the next one gets."""
    n = random.randrange(1000000)
    names = {}
    exec(f"def made_{n}(x):\n    return [y + {n} for y in range(x)]", names)
    assert len(names[f"made_{n}"](50)) == 50


def garbage():
    class Node:
        pass
    for _ in range(50):
        a, b = Node(), Node()
        a.other, b.other = b, a
    gc.collect(random.choice((0, 0, 0, 1, 2)))  # asked for by hand, it comes no more by itself


def short_threads():
    results = []
    threads = [threading.Thread(target=lambda: results.append(recursion())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 5


def blocking():
    read, write = os.pipe()
    thread = threading.Thread(target=lambda: (time.sleep(0.002), os.write(write, b"x")))
    thread.start()
    assert os.read(read, 1) == b"x"
    thread.join()
    os.close(read)
    os.close(write)


def exceptions():
    def raises(n):
        try:
            if n == 0:
                raise ValueError
            raises(n - 1)
        except ValueError:
            if n < 10:
                raise
    raises(20)


def forks():
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            spin(0.005)
            generators()
            recursion()
            status = 7
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status == 7 << 8, status


def execs():
    done = subprocess.run([sys.executable, "-S", "-c", "print(sum(range(1000)))"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "499500\n"), done


def signals():
    got = []
    before = signal.signal(signal.SIGUSR2, lambda *_: got.append(1))
    os.kill(os.getpid(), signal.SIGUSR2)
    end = time.monotonic() + 10
    while not got and time.monotonic() < end:
        time.sleep(0.001)
    signal.signal(signal.SIGUSR2, before)
    assert got, "a signal was lost"


def repeat(*kinds):
    while time.monotonic() < END and not failures:
        kind = random.choice(kinds)
        try:
            kind()
        except BaseException as error:
            failures.append(f"{kind.__name__}: {error!r}")
            raise
        count(kind.__name__)


def main():
    warnings.simplefilter("ignore", DeprecationWarning)  # we do fork with threads
    asked = []
    signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))
    light = (recursion, generators, code, garbage, short_threads, blocking, exceptions)
    idle = threading.Event()
    threads = [threading.Thread(target=repeat, args=light, name=f"light-{i}") for i in range(4)]
    threads.append(threading.Thread(target=repeat, args=(forks,), name="forks"))
    threads.append(threading.Thread(target=repeat, args=(execs,), name="execs"))
    sleepers = [threading.Thread(target=idle.wait, name=f"idle-{i}") for i in range(30)]
    for thread in threads + sleepers:
        thread.start()
    repeat(signals, *light)
    idle.set()
    for thread in threads + sleepers:
        thread.join()
    for kind, n in sorted(counts.items()):
        print(kind, n)
    print("SIGUSR1", len(asked))
    print(*failures, sep="\n", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
