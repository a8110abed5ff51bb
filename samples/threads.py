"""Three threads that burn CPU in known proportions, and one that sleeps.

usage: threads.py [seconds]

Prints, as JSON, what each thread's own CPU clock says at its end.

What a profile of it must show:
  expect: threads named burn-1, burn-2, burn-3, sleeper and MainThread
  expect: CPU of burn-1 : burn-2 : burn-3 is 1 : 2 : 3, each what its own clock says
  expect: sleeper and MainThread use next to no CPU, and are blocked
"""
import json
import sys
import threading
import time

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
clocks = {}


def burn(share):
    end = seconds * share / 6
    while time.thread_time() < end:
        sum(i * i for i in range(1000))
    clocks[threading.current_thread().name] = time.thread_time()


def sleep():
    time.sleep(seconds / 2)
    clocks["sleeper"] = time.thread_time()


threads = [threading.Thread(target=burn, args=(n,), name=f"burn-{n}") for n in (1, 2, 3)]
threads.append(threading.Thread(target=sleep, name="sleeper"))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
clocks["MainThread"] = time.thread_time()
print(json.dumps(clocks))
