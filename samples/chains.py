"""Two chains of calls in quick alternation: a -> b and c -> d, thousands of times a second.

usage: chains.py [seconds]

What a profile of it must show:
  expect: b is only ever called by a, and d only by c; not one sample to the contrary
"""
import sys
import time

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0


def b(n):
    x = 0
    for i in range(n):
        x += i
    return x


def d(n):
    x = 0
    for i in range(n):
        x -= i
    return x


def a(n):
    return b(n) + 1


def c(n):
    return d(n) - 1


def generator(n):
    for i in range(n):
        yield a(i)


def method(n):
    return sorted(range(n), key=lambda i: c(i & 3))


end = time.perf_counter() + seconds
while time.perf_counter() < end:
    for k in range(200):
        a(k & 15)
        c(k & 15)
        for _ in generator(3):
            c(2)
        method(4)
