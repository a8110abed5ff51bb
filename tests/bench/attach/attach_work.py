# SPDX-License-Identifier: MIT
"""Programs that tell what attaching did to them. Each says "up", works once for each line that it
hears, says the result, and ends with its input.

usage: attach_work.py KIND THREADS        THREADS: how many it has, of which all but one rest

    busy   SECONDS   the longest gap between two looks at the clock, in ns
    timer  SECONDS   by how much the latest of its sleeps of 1 ms was late, in ns
    fixed  TIMES     CPU time of the thread and of the process, and elapsed time, of that much work
    dated  SLOTS     in each millisecond a function of its own: at_0, at_1 ..; when at_0 began
"""
import sys
import threading
import time

SLOTS_MAX = 10000
now_ns, now, sleep = time.perf_counter_ns, time.monotonic, time.sleep


def busy(seconds):
    ends = now_ns() + int(float(seconds) * 1e9)
    worst, last = 0, now_ns()
    while last < ends:
        at = now_ns()
        if at - last > worst:
            worst = at - last
        last = at
    return worst


def timer(seconds):
    ends, worst = now_ns() + int(float(seconds) * 1e9), 0
    while now_ns() < ends:
        begin = now_ns()
        sleep(0.001)
        worst = max(worst, now_ns() - begin - 1000000)
    return worst


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def fixed(times):
    begin = time.thread_time(), time.process_time(), time.perf_counter()
    for _ in range(int(times)):
        fib(22)
    end = time.thread_time(), time.process_time(), time.perf_counter()
    return " ".join(f"{b - a:.9f}" for a, b in zip(begin, end))


def dated(slots):
    at = [globals()[f"at_{k}"] for k in range(int(slots))]
    begin = now()
    for k, slot in enumerate(at, 1):
        slot(begin + k * 0.001)
    return begin


def rest():
    while True:
        sleep(1)


def main():
    kind, threads = sys.argv[1], int(sys.argv[2])
    if kind == "dated":
        exec("\n".join(f"def at_{k}(end):\n    while now() < end:\n        pass"
                       for k in range(SLOTS_MAX)), globals())
    for _ in range(threads - 1):
        threading.Thread(target=rest, daemon=True).start()
    work = {"busy": busy, "timer": timer, "fixed": fixed, "dated": dated}[kind]
    print("up", flush=True)
    for line in sys.stdin:
        print(work(line), flush=True)


if __name__ == "__main__":
    main()
