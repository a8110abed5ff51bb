# SPDX-License-Identifier: MIT
"""More wants to run than there are CPUs, and the sampler needs one, too."""
import json

from e2e import near

PROGRAM = """\
import json, os, subprocess, sys, time

n = int(sys.argv[1])
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
others = [subprocess.Popen([sys.executable, __file__, "1"], stdout=subprocess.PIPE)
          for _ in range(n - 1)]
begin, used = time.monotonic(), time.thread_time()
while time.monotonic() < begin + 1.5:
    sum(range(100))
own = {"pid": os.getpid(), "cpu": time.thread_time() - used, "wall": time.monotonic() - begin,
       "cpus": len(os.sched_getaffinity(0))}
print(json.dumps([own] + [json.loads(other.communicate()[0])[0] for other in others]))
"""


def check(t, n):
    run = t.record(t.file("crowded.py", PROGRAM), str(n))
    ready = 0
    for own in json.loads(run.out):
        assert own["cpus"] == 1, own
        row = max((row for row in t.rows("threads", run.trace)  # the shorter one: before its exec
                   if row["process"] == own["pid"] and row["kind"] == "python"),
                  key=lambda row: row["wall"])
        running = row["on_cpu"] + row["ready"]
        assert running > 0.9 * own["wall"] - 0.1, (row, own)
        near(row["on_cpu"], row["cpu_time"], relative=0.25, absolute=0.1, what="on_cpu")
        # its own clock: to start, and to wait for the others, is not in that
        near(row["cpu_time"], own["cpu"], absolute=0.25, what="cpu_time")
        ready += row["ready"]
    return ready


def test_one_cpu_for_one(t):
    """The sampler takes the thread's CPU to look at it: that is no waiting."""
    check(t, 1)


def test_one_cpu_for_three(t):
    ready = check(t, 3)
    assert ready > 2.0, ready
