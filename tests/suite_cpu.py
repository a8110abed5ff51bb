#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the suite's time goes: the seconds of CPU that each test takes, dearest first.

usage: suite_cpu.py BUILD_DIR [CTEST ARGUMENTS...]      e.g. suite_cpu.py build -R e2e

tests/run.sh keeps all CPUs busy, so the suite is as long as its CPU; and a test takes about as much of it
beside other work as alone. Each test is in a control group of its own, so that daemons and what is killed
count: that needs version 2 of them, and usually root. What each test said is in BUILD_DIR/suite_cpu/.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def names_of(build, *words):
    """The tests that there are, or those that these words for ctest choose; run or not."""
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1", *words], check=True,
                            capture_output=True, text=True)
    return [test["name"] for test in json.loads(listed.stdout)["tests"]]


def own_group():
    """The folder of the control group that this process is in."""
    own = re.search("^0::/(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.M)
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    places = [pathlib.Path(words[1], own.group(1)) for words in mounts if words[2] == "cgroup2" and own]
    if not places:
        sys.exit("suite_cpu.py: no control groups of version 2 here")
    return places[0]


def measure(build, parent, name):
    """Run one test of ctest's: (seconds of CPU, elapsed, whether it passed)."""
    group = parent / f"suite_cpu-{os.getpid()}-{name}"
    try:
        group.mkdir()
    except OSError as error:
        sys.exit(f"suite_cpu.py: {error}")
    begin = time.monotonic()
    done = subprocess.run(["ctest", "--test-dir", build, "-V", "-R", f"^{re.escape(name)}$"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                          preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
    elapsed = time.monotonic() - begin
    (pathlib.Path(build, "suite_cpu") / f"{name}.log").write_text(done.stdout)
    used = int(re.search(r"usage_usec (\d+)", (group / "cpu.stat").read_text()).group(1)) / 1e6
    try:
        group.rmdir()
    except OSError as error:
        print(f"{name}: something of it still runs ({error})", file=sys.stderr)
    print(f"{name}: {used:.1f} s", file=sys.stderr)
    return used, elapsed, done.returncode == 0


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    build, *words = sys.argv[1:]
    if not pathlib.Path(build, "CTestTestfile.cmake").is_file():
        sys.exit(f"suite_cpu.py: {build}: no build folder with tests; tests/build.sh makes one")
    names = names_of(build, *words)
    pathlib.Path(build, "suite_cpu").mkdir(exist_ok=True)
    parent = own_group()
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # as in run.sh
    with ThreadPoolExecutor(os.cpu_count() * 2) as pool:  # some wait, as in tests/run.sh
        found = dict(zip(names, pool.map(lambda name: measure(build, parent, name), names)))
    print("  CPU s  elapsed")
    for name, (used, elapsed, passed) in sorted(found.items(), key=lambda item: -item[1][0]):
        print(f"{used:7.1f} {elapsed:8.1f}  {name}{'' if passed else '  FAILED'}")
    print(f"{sum(used for used, _, _ in found.values()):7.1f}  of {len(found)} tests")


if __name__ == "__main__":
    main()
