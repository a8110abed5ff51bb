"""Three lines that take 50, 30 and 20 per cent of the CPU time of one function.

usage: shares.py [seconds]

Prints, as JSON, the CPU seconds that each line took, by the thread's own clock.

What a profile of it must show:
  expect: cumulative CPU of the three lines of work() as printed, within the sampling error
"""
import json
import sys
import time

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
spent = {"half": 0.0, "third": 0.0, "fifth": 0.0}


def spin(name, cpu):
    start = time.thread_time()
    now = start
    while now - start < cpu:
        sum(range(200))
        now = time.thread_time()
    spent[name] += now - start


def work():
    spin("half", 0.0050)
    spin("third", 0.0030)
    spin("fifth", 0.0020)


while sum(spent.values()) < seconds:
    work()
print(json.dumps(spent))
