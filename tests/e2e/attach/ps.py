# SPDX-License-Identifier: MIT
"""pyrec ps: which Pythons there are, and why not."""
import ctypes
import json
import os
import time

from dump import BLOCKED, Program, dump, functions, look, named
from e2e import Skip


def rows(t):
    return {row["pid"]: row for row in json.loads(look(t, "ps", "--json").stdout)}


def test_ps(t):
    program = Program(t, BLOCKED)
    row = rows(t)[program.pid]
    assert row["python"].startswith("%d.%d.%d" % t.version) and row["can_attach"] and row["can_dump"]
    assert row["why_not"] is None and program.path in row["command"], row
    assert row["threads"] == len(os.listdir(f"/proc/{program.pid}/task"))
    assert os.getpid() in rows(t)
    table = look(t, "ps", env=dict(os.environ, COLUMNS="80")).stdout.splitlines()
    assert table[0].split() == ["PID", "USER", "PYTHON", "THR", "CPU", "ATTACH", "COMMAND"], table
    assert all(len(line) <= 80 for line in table), max(table, key=len)
    assert [line for line in table if line.split()[0] == str(program.pid) and " yes " in line], table


def test_ps_says_why_not(t):
    program, traced = Program(t, BLOCKED), Program(t, BLOCKED, name="traced.py")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, traced.pid, 0, 0) != 0:  # PTRACE_SEIZE: it goes on
        raise Skip("ptrace is not allowed here")
    row = rows(t)[traced.pid]
    assert not row["can_attach"] and row["can_dump"], row
    assert row["why_not"].startswith(f"is being traced by process {os.getpid()} ("), row
    assert functions(named(dump(t, traced.pid))["t-sleeps"])[0] == "sleeps"
    recorded, _ = t.start([t.python, t.file("recorded.py", "import time; time.sleep(60)")])
    t.at_end.append(lambda: (recorded.terminate(), recorded.communicate()))
    end = time.monotonic() + 30
    found = []
    while not found and time.monotonic() < end:
        found = [row for row in rows(t).values() if "recorded.py" in row["command"] and
                 row["why_not"] == "is being recorded already, by another pyrec" and not row["can_attach"]]
    assert len(found) == 1, found
    assert rows(t)[program.pid]["can_attach"]
