#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything at once for a while: nothing crashes, nothing leaks, the trace is whole.

usage: soak.py BUILD_DIR PYTHON [SECONDS]        default 30; 1800 is the long form

Runs soak_program.py under pyrec at 1 kHz with SIGUSR1 and SIGSTOP/SIGCONT to pyrec now and then,
looks at the memory of both, and reads the trace. SIGUSR1 is for the program: pyrec passes it on.
"""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
WARM = 0.4           # of the time: caches, dictionaries and arenas fill
PYREC_MAX_KB = 80000  # a generation at most, whatever runs
GROWTH = 1.35        # of the memory after warming up; the program makes code all the while
SLACK_KB = 8000


def memory_kb(pid):
    """Resident, of its own: 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def program_of(pid):
    """The child of pyrec that runs the program, once that handles SIGUSR1."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            for child in children.read().split():
                with open(f"/proc/{child}/cmdline", "rb") as line:
                    if b"soak_program.py" not in line.read():
                        continue
                with open(f"/proc/{child}/status", encoding="ascii") as status:
                    caught = int(re.search(r"SigCgt:\s*(\w+)", status.read())[1], 16)
                if caught >> (signal.SIGUSR1 - 1) & 1:
                    return int(child)
        time.sleep(0.05)
    raise AssertionError("the program does not start")


def watch(process, seconds):
    """{"pyrec": [kB, ..], "program": ..} until it ends, and how often SIGUSR1 was sent."""
    seen = {"pyrec": [], "program": []}
    sent = 0
    program = program_of(process.pid)
    begin = time.monotonic()
    while process.poll() is None:
        time.sleep(min(1, seconds / 60))
        chance = random.random()
        if chance < 0.05:
            process.send_signal(signal.SIGUSR1)
            sent += 1
        elif chance < 0.1:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
        for name, pid in (("pyrec", process.pid), ("program", program)):
            kb = memory_kb(pid)
            if kb:
                seen[name].append(kb)
        assert time.monotonic() - begin < seconds * 3 + 120, "it does not end"
    return seen, sent


def check_flat(name, kbs):
    warm = kbs[:max(1, int(len(kbs) * WARM))]
    rest = kbs[len(warm):] or kbs
    print(f"{name}: {max(warm)} kB while it warms up, then at most {max(rest)} kB")
    assert max(rest) <= max(warm) * GROWTH + SLACK_KB, f"the memory of {name} grows: {kbs}"


def analyze(build, *args):
    done = subprocess.run([str(build / "analyze" / "pyanalyze"), *args], capture_output=True,
                          text=True)
    assert done.returncode == 0 and not done.stderr, (args, done.returncode, done.stderr)
    return done.stdout


def main():
    build, python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 30
    with tempfile.TemporaryDirectory(prefix="pyrec-soak-") as folder:
        trace = os.path.join(folder, "soak.trace")
        with open(os.path.join(folder, "out"), "w+", encoding="utf-8") as out:
            process = subprocess.Popen(
                [str(build / "record" / "pyrec"), "-r", "1k", "-o", trace, "--", python,
                 str(HERE / "soak_program.py"), str(seconds)], stdout=out, stderr=out, cwd=folder)
            seen, sent = watch(process, seconds)
            out.seek(0)
            text = out.read()
        print(text, end="")
        assert process.returncode == 0, f"it ended with {process.returncode}"
        came = int(re.search(r"^SIGUSR1 (\d+)$", text, re.M)[1])
        # Two of them sent in quick succession may arrive as one, and the last after the end.
        assert came > 0 or sent < 2, f"{came} of {sent} SIGUSR1 arrived"
        assert came <= sent, f"{came} SIGUSR1 arrived, {sent} were sent"
        for name, kbs in seen.items():
            check_flat(name, kbs)
        assert max(seen["pyrec"]) < PYREC_MAX_KB, seen["pyrec"]
        rows = json.loads(analyze(build, "functions", "--format", "json", "--limit", "0",
                                  "--merge-threads", trace))
        total = sum(row["samples"] for row in rows)
        failed = sum(row["samples"] for row in rows if row["function"].startswith("<")
                     and not row["file"])
        print(f"{total} samples, {os.path.getsize(trace)} bytes")
        assert total > 100 * seconds, total
        document = json.loads(analyze(build, "info", "--format", "json", trace))
        forks = int([line for line in text.splitlines() if line.startswith("forks ")][0].split()[1])
        found = document["recordings"][0]["processes"]
        print(f"{found} processes, {forks} forks; {failed} samples without a stack")
        assert found >= 0.9 * forks, (found, forks)


if __name__ == "__main__":
    main()
