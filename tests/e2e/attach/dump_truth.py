# SPDX-License-Identifier: MIT
"""A program of which every stack is known: sixteen functions in two families that call each other in a
fixed order, so that a stack put together from two moments shows. Its threads: busy ones, one that blinks,
one that sleeps."""
import json
import subprocess


def source():
    lines = ["import sys, threading, time"]
    for family in "ab":
        for i in range(1, 9):
            following = f"{family}{i + 1}" if i < 8 else "leaf"
            lines += [f"def {family}{i}(n):", f"    return {following}(n) + n"]
    lines += ["def leaf(n):", "    return n + 1"]
    return "\n".join(lines) + """
def work(end):
    while time.monotonic() < end:
        for i in range(200):
            a1(i)
            b1(i)
def rest():
    time.sleep(100000)
def blink():
    while True:
        time.sleep(0.0007)
end = time.monotonic() + float(sys.argv[1])
threading.Thread(target=rest, name="rest", daemon=True).start()
threading.Thread(target=blink, name="blink", daemon=True).start()
for i in range(int(sys.argv[2]) - 1):
    threading.Thread(target=work, name=f"work-{i}", args=(end,), daemon=True).start()
print("up", flush=True)
work(end)
"""


def lines_of(path):
    """{function: lines that it may be in}"""
    found, name = {}, None
    with open(path, encoding="utf-8") as program:
        for number, line in enumerate(program, 1):
            if line.startswith("def "):
                name = line[4:line.index("(")]
                found[name] = {number}
            elif line.startswith(" "):
                found.setdefault(name, set()).add(number)
            else:
                name = None
    return found


def wrong_with(path, lines, thread):
    """What cannot be in a thread's stack, else None."""
    if thread["stack"]["not_known"] is not None:
        return None
    frames = thread["stack"]["frames"]
    own = [frame for frame in frames if frame["file"] == path][::-1]  # root first
    for frame in own:
        if frame["function"] != "<module>" and frame["line"] not in lines.get(frame["function"], ()):
            return f"{frame['function']} has no line {frame['line']}"
    names = [frame["function"] for frame in own]
    if thread["name"] in ("rest", "blink"):
        return None if names == [thread["name"]] else f"{thread['name']} in {names}"
    if "work" not in names:
        return None if names in ([], ["<module>"]) else f"no work: {names}"
    calls = names[names.index("work") + 1:]
    family = calls[0][0] if calls else "a"
    chain = [f"{family}{i}" for i in range(1, 9)] + ["leaf"]
    return None if family in "ab" and calls == chain[:len(calls)] else f"impossible: {names}"


def run(pyrec, python, path, n_threads, dumps):
    """Dump it so often: (stacks, of which not known, examples of wrong ones)."""
    lines = lines_of(path)
    program = subprocess.Popen([python, path, "100000", str(n_threads)], stdout=subprocess.PIPE,
                               text=True)
    stacks = not_known = 0
    wrong, names = [], {"MainThread", "rest", "blink"} | {f"work-{i}" for i in range(n_threads - 1)}
    try:
        assert program.stdout.readline() == "up\n"
        for _ in range(dumps):
            done = subprocess.run([pyrec, "dump", "--json", str(program.pid)], capture_output=True,
                                  text=True, timeout=60)
            assert done.returncode == 0, (done.returncode, done.stderr)
            threads = [thread for thread in json.loads(done.stdout)["threads"] if thread["is_python"]]
            if {thread["name"] for thread in threads} != names:
                wrong.append([thread["name"] for thread in threads])
            for thread in threads:
                stacks += 1
                not_known += thread["stack"]["not_known"] is not None
                what = wrong_with(path, lines, thread)
                if what:
                    wrong.append(what)
        assert program.poll() is None, "it ended"
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    return stacks, not_known, wrong
