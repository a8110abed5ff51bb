# SPDX-License-Identifier: MIT
"""Every process of the tree, however it was started, is in the one file: pid, parent, arguments.

PYREC_MANY: how many short processes to run in a row (default 60; 1000 is the long form).
"""
import json
import os

from e2e import near, wide


MANY = int(os.environ.get("PYREC_MANY", "60"))

# What every script here begins with; `spin` is what must be found. Its seconds are of CPU: however many want
# one, it is seen for as long.
HEAD = ("import os, sys, time\n"
        "def spin(seconds=0.15):\n"
        "    end = time.thread_time() + seconds\n"
        "    while time.thread_time() < end: sum(range(200))\n")


def processes(t, trace):
    """{(pid, image): facts} of `info`."""
    document = json.loads(t.analyze("info", "--format", "json", trace))
    found = {(row["process"], row["image"]): row for row in document["processes"]}
    assert len(found) == document["recordings"][0]["processes"], document
    return found


def spins(t, trace):
    """{pid: ticks in which spin() was on the stack}"""
    found = {}
    for row in t.rows("functions", trace):
        if row["function"].split(".")[-1] == "spin":
            found[row["process"]] = found.get(row["process"], 0) + row["ticks_cum"]
    return found


def by_pid(t, trace):
    """{pid: facts} of the last program that each has run."""
    return {pid: facts for (pid, _), facts in sorted(processes(t, trace).items())}


def check_tree(t, run, n, ticks=20):
    """The first line of the output is the first process's pid, the others are "child parent"."""
    lines = [line.split() for line in run.out.splitlines()]
    root = int(lines[0][0])
    found, seen = by_pid(t, run.trace), spins(t, run.trace)
    pairs = {int(line[0]): int(line[1]) for line in lines[1:]}
    assert len(pairs) == n, run.out
    assert root in found, (root, found)
    for pid, parent in pairs.items():
        assert pid in found, (pid, sorted(found))
        assert found[pid]["parent"] == parent, (pid, found[pid], parent)
        assert seen.get(pid, 0) >= ticks, (pid, seen)
    return root, pairs, found


def test_fork(t):
    script = HEAD + ("print(os.getpid(), flush=True)\n"
                     "for _ in range(6):\n"
                     "    if os.fork() == 0:\n"
                     "        spin()\n"
                     "        if os.fork() == 0:\n"
                     "            spin()\n"
                     "            os.write(1, b'%d %d\\n' % (os.getpid(), os.getppid()))\n"
                     "            os._exit(0)\n"
                     "        assert os.wait()[1] == 0\n"
                     "        os.write(1, b'%d %d\\n' % (os.getpid(), os.getppid()))\n"
                     "        os._exit(0)\n"
                     "    assert os.wait()[1] == 0\n"
                     "spin()\n")
    run = t.record("-W", "error", "-c", script)
    root, pairs, found = check_tree(t, run, 12)
    assert run.err.count("\n") == 1, run.err
    for pid in pairs:
        assert found[pid]["exit_status"] == 0 and "-W error" in found[pid]["command"], found[pid]


@wide
def test_many_forks_at_once(t):
    """Children of children, all at the same time; none dies of us."""
    script = HEAD + ("pids = []\n"
                     "for _ in range(20):\n"
                     "    pid = os.fork()\n"
                     "    if pid == 0:\n"
                     "        spin(0.4)\n"
                     "        os._exit(3)\n"
                     "    pids.append(pid)\n"
                     "print(*pids, *[os.waitpid(pid, 0)[1] for pid in pids])\n")
    run = t.record("-c", script)
    words = [int(word) for word in run.out.split()]
    assert words[20:] == [3 << 8] * 20, words
    assert set(words[:20]) <= set(by_pid(t, run.trace))


def test_fork_with_threads(t):
    """From 3.12 on Python warns when a process with threads forks; but not because of us."""
    script = HEAD + ("import threading, warnings\n"
                     "warnings.simplefilter('ignore', DeprecationWarning)\n"
                     "stop = threading.Event()\n"
                     "others = [threading.Thread(target=stop.wait) for _ in range(3)]\n"
                     "for other in others: other.start()\n"
                     "print(os.getpid(), flush=True)\n"
                     "for _ in range(8):\n"
                     "    pid = os.fork()\n"
                     "    if pid == 0:\n"
                     "        spin()\n"
                     "        os.write(1, b'%d %d\\n' % (os.getpid(), os.getppid()))\n"
                     "        os._exit(0)\n"
                     "    assert os.waitpid(pid, 0)[1] == 0\n"
                     "stop.set()\n"
                     "for other in others: other.join()\n"
                     # now it has one thread again, and there must be no warning
                     "warnings.simplefilter('error')\n"
                     "for _ in range(5):\n"
                     "    pid = os.fork()\n"
                     "    if pid == 0: os._exit(0)\n"
                     "    assert os.waitpid(pid, 0)[1] == 0\n"
                     "    spin(0.02)\n")
    check_tree(t, t.record("-c", script), 8)


def test_fork_in_a_thread(t):
    """The child's only thread is the one that forked."""
    script = HEAD + ("import threading, warnings\n"
                     "warnings.simplefilter('ignore', DeprecationWarning)\n"
                     "def forks():\n"
                     "    for _ in range(5):\n"
                     "        pid = os.fork()\n"
                     "        if pid == 0:\n"
                     "            spin()\n"
                     "            os.write(1, b'%d %d\\n' % (os.getpid(), os.getppid()))\n"
                     "            os._exit(0)\n"
                     "        assert os.waitpid(pid, 0)[1] == 0\n"
                     "print(os.getpid(), flush=True)\n"
                     "thread = threading.Thread(target=forks, name='forks')\n"
                     "thread.start()\n"
                     "spin(1)\n"
                     "thread.join()\n")
    check_tree(t, t.record("-c", script), 5)


def test_last_thread_returns(t):
    """A thread forks and returns: in the child that is the end of the process, with us as without."""
    script = HEAD + ("import threading, warnings\n"
                     "warnings.simplefilter('ignore', DeprecationWarning)\n"
                     "def forks():\n"
                     "    pid = os.fork()\n"
                     "    spin(0.1)\n"
                     "    if pid == 0: return\n"
                     "    begin = time.monotonic()\n"
                     "    while os.waitpid(pid, os.WNOHANG) == (0, 0):\n"
                     "        assert time.monotonic() < begin + 30\n"
                     "        time.sleep(0.01)\n"
                     "    print('ended')\n"
                     "for _ in range(2):\n"
                     "    thread = threading.Thread(target=forks)\n"
                     "    thread.start()\n"
                     "    thread.join()\n")
    run = t.record("-c", script)
    assert run.out == "ended\nended\n", (run.out, run.err)
    run = t.record("-c", script, options=["--delay", "1h"])
    assert run.out == "ended\nended\n", (run.out, run.err)


CHILD = HEAD + ("spin()\n"
                "os.write(1, b'%d %d\\n' % (os.getpid(), os.getppid()))\n")


def test_subprocess_and_spawn(t):
    """subprocess (vfork, fork with preexec_fn, a shell between) and posix_spawn."""
    script = HEAD + (
        "import subprocess\n"
        "child = [sys.executable, sys.argv[1], 'with space', '\\u20ac']\n"
        "print(os.getpid(), flush=True)\n"
        "subprocess.run(child, check=True)\n"
        "subprocess.run(child, check=True, close_fds=False)\n"
        "subprocess.run(child, check=True, preexec_fn=lambda: None)\n"
        "subprocess.run(child, check=True, start_new_session=True)\n"
        "pid = os.posix_spawn(child[0], child, dict(os.environ))\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert os.spawnv(os.P_WAIT, child[0], child) == 0\n")
    child = t.file("child.py", CHILD)
    run = t.record("-c", script, child)
    root, pairs, found = check_tree(t, run, 6)
    for pid, parent in pairs.items():
        assert parent == root
        assert "with space" in found[pid]["command"], found[pid]


def test_shell_between(t):
    """A shell is no Python, but what it starts is."""
    script = HEAD + ("import subprocess\n"
                     "print(os.getpid(), flush=True)\n"
                     "subprocess.run(\n"
                     "    ['/bin/sh', '-c', '\"$0\" \"$1\"; \"$0\" \"$1\"; true', sys.executable,\n"
                     "     sys.argv[1]], check=True)\n")
    run = t.record("-c", script, t.file("child.py", CHILD))
    check_tree(t, run, 2)


POOLS = HEAD + """
import multiprocessing
def work(n):
    spin(0.1)
    return os.getpid(), n * n
def main(method):
    multiprocessing.set_start_method(method)
    with multiprocessing.Pool(2) as pool:
        results = pool.map(work, range(8), chunksize=1)
        pool.close()
        pool.join()
    assert [square for _, square in results] == [n * n for n in range(8)]
    process = multiprocessing.Process(target=work, args=(1,), name='one')
    process.start()
    process.join()
    assert process.exitcode == 0
    print(*sorted({pid for pid, _ in results} | {process.pid}))
if __name__ == '__main__':
    main(sys.argv[1])
"""


def check_pids(t, run, ticks=20):
    pids = [int(word) for word in run.out.split()]
    found, seen = by_pid(t, run.trace), spins(t, run.trace)
    for pid in pids:
        assert pid in found and seen.get(pid, 0) >= ticks, (pid, found.get(pid), seen)


def test_multiprocessing(t):
    path = t.file("pools.py", POOLS)
    for method in ("fork", "spawn", "forkserver"):
        check_pids(t, t.record(path, method))


def test_futures(t):
    path = t.file("futures.py", HEAD + """
import concurrent.futures
def work(n):
    spin(0.1)
    return os.getpid()
if __name__ == '__main__':
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(*set(pool.map(work, range(6))))
""")
    check_pids(t, t.record(path))


def test_exec(t):
    """The same pid runs a second Python: another program, another image."""
    script = HEAD + "spin()\nos.execv(sys.executable, [sys.executable, sys.argv[1], 'second'])\n"
    run = t.record("-c", script, t.file("child.py", CHILD))
    pid = int(run.out.split()[0])
    found = processes(t, run.trace)
    assert set(found) == {(pid, 0), (pid, 1)}, found
    assert "second" in found[(pid, 1)]["command"] and not found[(pid, 0)]["command"].endswith("second")
    assert found[(pid, 0)]["ended"] == "exec", found
    assert spins(t, run.trace)[pid] >= 200


def test_exec_books(t):
    """What the first image used stays the first one's: each has the CPU that it measured itself."""
    burn = ("import os, sys, time\n"
            "def burn(seconds):\n"
            "    end = time.thread_time() + seconds\n"
            "    while time.thread_time() < end: sum(range(100))\n")
    second = t.file("second.py", burn + "burn(0.3)\n"
                                        "print(sys.argv[1], time.thread_time())\n")
    first = t.file("first.py", burn + "burn(1.0)\n"
                                      "os.execv(sys.executable, [sys.executable, sys.argv[1],\n"
                                      "                          str(time.thread_time())])\n")
    run = t.record(first, second)
    at_exec, at_end = [float(word) for word in run.out.split()]  # the clock goes on over an exec
    for command in ("processes", "threads"):
        rows = [row for row in t.rows(command, run.trace) if row.get("kind") != "native"]
        used = [row["cpu_time"] for row in rows]
        assert len(used) == 2, rows
        near(max(used), at_exec, absolute=0.08, what=f"{command}: the first image")
        near(min(used), at_end - at_exec, absolute=0.08, what=f"{command}: the second image")
    books = json.loads(t.analyze("info", "--format", "json", run.trace))["books"]
    assert books[0]["before_recording"] < 0.1, books  # only to load the first image
    near(books[1]["before_recording"], at_exec, absolute=0.05, what="before the second image")
    near(sum(row["os"] - row["sampler"] for row in books), at_end, absolute=0.15, what="the OS")


def test_daemon(t):
    """Double-forked, in a session of its own, all descriptors closed, and it outlives the command."""
    pid_file = t.dir / "pid"
    script = HEAD + ("if os.fork() == 0:\n"
                     "    os.setsid()\n"
                     "    if os.fork() == 0:\n"
                     "        os.closerange(0, 65536)\n"
                     "        os.open('/dev/null', os.O_RDWR), os.dup(0), os.dup(0)\n"
                     "        spin(1.0)\n"
                     "        while sys.argv[2:] and os.path.exists(sys.argv[2]): time.sleep(0.01)\n"
                     "        with open(sys.argv[1], 'w') as file: file.write(str(os.getpid()))\n"
                     "    os._exit(0)\n"
                     "os.wait()\n")
    run = t.record("-c", script, str(pid_file))
    pid = int(pid_file.read_text())
    assert spins(t, run.trace).get(pid, 0) > 500, spins(t, run.trace)
    pid_file.unlink()
    # it does not end before the test does: who followed it all the same would not either
    run = t.record("-c", script, str(pid_file), t.file("goes on", ""), options=["--linger", "0"])
    assert "damage" not in t.analyze("lines", run.trace)


def test_pyrec_in_pyrec(t):
    """The inner one records its part; neither disturbs the other."""
    inner = t.trace()
    path = t.file("child.py", CHILD)
    run = t.command([t.pyrec, "-q", "-r", "1k", "-o", inner, t.python, path, "inner"], ["-r", "1k"])
    assert run.status == 0, run.err
    pid = int(run.out.split()[0])
    assert spins(t, inner).get(pid, 0) >= 100, spins(t, inner)
    script = HEAD + ("import subprocess\n"
                     "spin()\n"
                     "sys.exit(subprocess.call(sys.argv[1:]))\n")
    inner = t.trace()
    run = t.record("-c", script, t.pyrec, "-q", "-o", inner, "-r", "1k", t.python, path)
    pid = int(run.out.split()[0])
    assert spins(t, inner).get(pid, 0) >= 100, spins(t, inner)
    assert pid not in spins(t, run.trace) and len(spins(t, run.trace)) == 1


@wide
def test_many_in_a_row(t):
    """Processes that live some 20 ms: each one is there."""
    script = HEAD + ("import subprocess\n"
                     "for _ in range(int(sys.argv[1])):\n"
                     "    pid = os.fork()\n"
                     "    if pid == 0:\n"
                     "        spin(0.02)\n"
                     "        os._exit(0)\n"
                     "    assert os.waitpid(pid, 0) == (pid, 0)\n"
                     "    print(pid)\n")
    run = t.record("-c", script, str(MANY), timeout=600)
    pids = [int(line) for line in run.out.splitlines()]
    found = processes(t, run.trace)
    assert set(pids) <= {pid for pid, _ in found}, set(pids) - {pid for pid, _ in found}
    assert len(found) == MANY + 1, (len(found), MANY)
    seen = spins(t, run.trace)
    assert sum(pid in seen for pid in pids) > 0.8 * len(set(pids)), (len(seen), len(pids))


@wide
def test_fifty_at_once(t):
    script = HEAD + ("import subprocess\n"
                     "children = [subprocess.Popen([sys.executable, '-S', sys.argv[1]])\n"
                     "            for _ in range(50)]\n"
                     "assert all(child.wait() == 0 for child in children)\n"
                     "print(*(child.pid for child in children))\n")
    child = t.file("child.py", HEAD + "spin(0.05)\n")
    run = t.record("-c", script, child, timeout=300)
    pids = {int(word) for word in run.out.split()}
    assert len(pids) == 50 and pids <= set(by_pid(t, run.trace)), len(pids)
    info = t.analyze("info", run.trace)
    more = len(processes(t, run.trace)) - 20  # up to 3.9 subprocess forks, and then there is an exec
    assert info.count("how well it was recorded") == 20 and f"{more} more processes" in info, info


def test_no_children(t):
    script = HEAD + ("import subprocess\n"
                     "if os.fork() == 0:\n"
                     "    spin()\n"
                     "    os._exit(0)\n"
                     "os.wait()\n"
                     "subprocess.run([sys.executable, '-c', 'sum(range(3000000))'], check=True)\n"
                     "spin()\n")
    run = t.record("-c", script, options=["--no-children"])
    assert len(by_pid(t, run.trace)) == 1
