#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The standard library's own tests as a torture: with pyrec at 1 kHz they end as they do without.

usage: stdlib.py BUILD_DIR PYTHON [TEST...]        e.g. stdlib.py build python3.12 test_threading

Without TESTs: those that fork, signal, thread and wait most. Each is run twice in a folder of its
own; every single result (ok, FAIL, ERROR, skipped) is compared. What fails only under pyrec is run
again, alone, three times on both sides: on a crowded machine tests fail by themselves. Exit status
1 when something fails under pyrec that does not fail without, or nothing could be compared; 77 when
this Python has no such tests.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TESTS = ["test_threading", "test_thread", "test_fork1", "test_signal", "test_subprocess",
         "test_multiprocessing_fork", "test_multiprocessing_spawn",
         "test_multiprocessing_fork.test_processes", "test_multiprocessing_spawn.test_processes",
         "test_asyncio", "test_gc", "test_generators", "test_faulthandler", "test_eintr",
         "test_posix", "test_os", "test_concurrent_futures", "test_sys_settrace"]
# Recurses for ever when its interrupt comes late, as on a crowded machine; without pyrec, too.
IGNORED = ["test_print_exception_gh_102056"]
TIMEOUT = 900
AGAIN = 3

RESULT = re.compile(r"^(\w+) \(([\w.]+?)(?:\.\1)?\)(?: \[.*?\])?(?:\n.*?)?? \.\.\. "
                    r"(?:.*?)(ok|FAIL|ERROR|skipped|expected failure)", re.M)
VERDICT = re.compile(r"^(FAIL|ERROR): (\w+) \(([\w.]+?)(?:\.\2)?\)", re.M)


def resources(python):
    """All but what needs a network, a screen or hours; not every version knows each of them."""
    unwanted = ["largefile", "network", "urlfetch", "gui", "audio", "walltime"]
    code = ("from test.libregrtest import cmdline\n"
            "print(*getattr(cmdline, 'ALL_RESOURCES', None) or cmdline.RESOURCE_NAMES)")
    known = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.split()
    return ",".join(["all"] + [f"-{name}" for name in unwanted if name in known])


def command(python, name, match):
    options = ["-v", "-u", resources(python)]
    for test in IGNORED:
        options += ["-i", test]
    for test in match:
        options += ["-m", test]
    return [python, "-m", "test", *options, name]


def run(prefix, python, name, match=()):
    """{test: bad or not} and the last words of a run."""
    with tempfile.TemporaryDirectory(prefix="pyrec-stdlib-") as folder:
        try:
            done = subprocess.run([*prefix, *command(python, name, match)], cwd=folder,
                                  capture_output=True, text=True, errors="replace",
                                  timeout=TIMEOUT, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return {"(timeout)": "bad"}, {"status": "timeout", "tail": ""}
    text = done.stdout + "\n" + done.stderr
    results = {}
    for verdict in RESULT.finditer(text):
        results[f"{verdict[2]}.{verdict[1]}"] = "good"
    for verdict in VERDICT.finditer(text):
        results[f"{verdict[3]}.{verdict[2]}"] = "bad"
    return results, {"status": done.returncode, "tail": text[-3000:]}


def bad(results):
    return {test for test, verdict in results.items() if verdict == "bad"}


def compare(pyrec, python, name):
    """A list of what is worse under pyrec."""
    prefix = [pyrec, "-q", "-r", "1k", "-o", os.path.join(tempfile.gettempdir(),
                                                          f"stdlib-{os.getpid()}.trace"), "--"]
    plain, plain_end = run([], python, name)
    ours, our_end = run(prefix, python, name)
    print(f"  {name}: {len(plain)} results without, {len(ours)} with pyrec; "
          f"status {plain_end['status']}, {our_end['status']}; "
          f"bad {len(bad(plain))}, {len(bad(ours))}", flush=True)
    worse = []
    if not plain:
        print(plain_end["tail"], flush=True)
        return [f"{name} (nothing to compare: without pyrec there is no result)"]
    for test in sorted(bad(ours) - bad(plain)):
        match = [test.rsplit(".", 1)[-1]]
        fails = [sum(test in bad(run(way, python, name, match)[0]) for _ in range(AGAIN))
                 for way in ([], prefix)]
        print(f"    {test}: again alone it fails {fails[0]} of {AGAIN} times without, "
              f"{fails[1]} of {AGAIN} with pyrec", flush=True)
        if fails[1] > fails[0]:
            worse.append(test)
    if our_end["status"] != plain_end["status"] and not bad(ours) and not bad(plain):
        print(our_end["tail"], flush=True)
        worse.append(f"{name} (status {plain_end['status']} -> {our_end['status']})")
    return worse


def exists(python, name):
    code = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('test.{name}'))"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.split("\n\n")[1])
    build, python, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    pyrec = str(build / "record" / "pyrec")
    if not exists(python, "test_threading") or not exists(python, "libregrtest"):
        print(f"skipped: {python} has no tests of its own (Debian: libpython3-testsuite)")
        sys.exit(77)
    for name in names:
        if not exists(python, name):
            print(f"skipped: {python} has no {name}")
    names = [name for name in names or TESTS if exists(python, name)]
    if not names:
        sys.exit(77)
    print(f"{python}: {' '.join(names)}", flush=True)
    worse = []
    for name in names:
        worse += compare(pyrec, python, name)
    print("the same with pyrec as without" if not worse else
          "worse under pyrec:\n  " + "\n  ".join(worse))
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
