#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What --native costs a sample, and how many samples have their C frames: pairs of runs without and with it.

usage: native.py PYREC PYANALYZE [PAIRS [PYTHON]]

The program calls C that calls Python. Times are of the signal handler, on a machine that does other work, too:
compare the two of a pair, and look at the load.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

PROGRAM = """
import json, re, sys, time, zlib
text = json.dumps([{"a": list(range(20))}] * 30)
class Key:
    def __init__(self, x):
        self.x = x
    def __lt__(self, other):
        return self.x < other.x
def work():
    json.loads(text)
    sorted(range(2000), key=lambda x: -x)
    re.sub("a", "b", text)
    zlib.compress(text.encode())
    sorted(Key(i * 7 % 100) for i in range(200))
end = time.process_time() + 3
while time.process_time() < end:
    work()
"""


def run(pyrec, pyanalyze, python, folder, *options):
    program, trace = os.path.join(folder, "mix.py"), os.path.join(folder, "run.trace")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    subprocess.run([pyrec, "-r", "1000", *options, "-o", trace, "--", python, program], check=True,
                   stderr=subprocess.DEVNULL)
    info = json.loads(subprocess.run([pyanalyze, "info", "--format", "json", trace], check=True,
                                     capture_output=True).stdout)
    facts = {}
    for section in info.values():
        facts.update(section[0] if isinstance(section, list) and section else section or {})
    return facts


def main():
    pyrec, pyanalyze = sys.argv[1:3]
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    python = sys.argv[4] if len(sys.argv) > 4 else sys.executable
    columns = {"handler_ns_per_call": "ns in the handler", "bytes_per_sample": "bytes per sample"}
    seen = {which: [] for which in ("", "--native")}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(pairs):
            for which, list_ in seen.items():
                list_.append(run(pyrec, pyanalyze, python, folder, *[which] if which else []))
    for key, title in columns.items():
        for which, list_ in seen.items():
            values = sorted(facts[key] for facts in list_)
            print(f"{title:18}  {which or 'without':9} median {statistics.median(values):8.1f}"
                  f"  from {values[0]:.1f} to {values[-1]:.1f}")
    total = sum(facts[f"c_frames_{part}"] for facts in seen["--native"] for part in ("whole", "with_gap", "none"))
    for name in sorted({name for facts in seen["--native"] for name in facts
                        if name.startswith(("c_frames", "no C frames"))}):
        print(f"{sum(facts.get(name, 0) for facts in seen['--native']) / total:7.1%}  {name}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")


main()
