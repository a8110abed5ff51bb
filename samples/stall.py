"""An event loop that is held up: why was it slow at that moment?

usage: stall.py [seconds]

The main thread runs an asyncio loop with something to do every 20 ms. Three times something comes in
its way: a report that is computed on the main thread, a file that is read from a slow disk, and
another thread that holds the GIL. Prints, as JSON, when each began and how long it took.

What `pyanalyze stalls` must show:
  expect: three stalls of the main thread and no others
  expect: one computed in make_report, one was blocked in read_slowly, one waited for the GIL
  expect: the one that waited names the thread "exporter" and its line in export
"""
import asyncio
import json
import os
import sys
import threading
import time

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
begin = time.monotonic()
log = []


def note(kind, start):
    log.append({"kind": kind, "at": round(start - begin, 3),
                "took": round(time.monotonic() - start, 3)})


def make_report():
    start = time.monotonic()
    total = 0
    while time.monotonic() < start + 0.3:
        total += sum(i * i for i in range(300))
    note("cpu", start)
    return total


def read_slowly():
    start = time.monotonic()
    there, here = os.pipe()
    threading.Timer(0.25, os.write, (here, b"at last")).start()
    os.read(there, 100)
    note("read", start)


def export(numbers):
    """One call into C that keeps the GIL."""
    numbers.sort()


def exporter():
    numbers = []
    while len(numbers) < 2_500_000:
        numbers += [(i * 7919 + len(numbers)) % 1000003 for i in range(10000)]
        time.sleep(0.001)
    time.sleep(max(0, begin + seconds * 0.7 - time.monotonic()))
    start = time.monotonic()
    export(numbers)
    note("gil", start)


async def main():
    threading.Thread(target=exporter, name="exporter").start()
    loop = asyncio.get_running_loop()
    loop.call_later(seconds * 0.2, make_report)
    loop.call_later(seconds * 0.5, read_slowly)
    while time.monotonic() < begin + seconds or len(log) < 3:
        await asyncio.sleep(0.02)


asyncio.run(main())
print(json.dumps(log))
