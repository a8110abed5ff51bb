"""The classic: Fibonacci numbers by recursion and with a stack of one's own.

usage: fib.py [n]

What a profile of it must show (n = 27 and more):
  expect: the line `return fib(n - 1) + fib(n - 2)` has the most self time of fib's lines
  expect: the two lines at module level that call fib and fib2 have the cumulative time
  expect: fib is counted once per sample, however deep it recurses
  expect: in fib2 the time is spread over its while loop's lines
"""
import sys
import time


def fib(n):
    if n > 1:
        return fib(n - 1) + fib(n - 2)
    return n


def fib2(n):
    result = 0
    stack = [n]
    while stack:
        n = stack.pop()
        if n > 1:
            stack.append(n - 1)
            stack.append(n - 2)
        else:
            result += n
    return result


n = int(sys.argv[1]) if len(sys.argv) > 1 else 30

start = time.perf_counter()
result = fib(n)
print(f"fib({n}) = {result}, {time.perf_counter() - start:.2f} s")

start = time.perf_counter()
result = fib2(n)
print(f"fib2({n}) = {result}, {time.perf_counter() - start:.2f} s")
