# SPDX-License-Identifier: MIT
"""pyrec -p: a program that runs already is recorded for a while, and left as it was."""
import json
import os
import platform
import signal
import subprocess
import time

from e2e import Skip, Started, function_of, wide

WORK = """
import os, subprocess, sys, threading, time
stop = threading.Event()
def spin_it():
    while not stop.is_set(): sum(range(1000))
def sleep_it():
    while not stop.is_set(): time.sleep(0.02)
def child_it():
    while not stop.is_set():
        subprocess.run([sys.executable, "-c", "import time\\ndef in_child():\\n"
                        "    end = time.time() + 0.4\\n"
                        "    while time.time() < end: pass\\nin_child()"], check=True)
workers = [threading.Thread(target=globals()[name], name=name) for name in sys.argv[1:]]
for worker in workers: worker.start()
print("ready", flush=True)
sys.stdin.read()
stop.set()
for worker in workers: worker.join()
print("done", len(os.listdir("/proc/self/fd")), flush=True)
"""


class Program:
    """A program that runs until end(), and never heard of pyrec."""

    def __init__(self, t, *workers, source=WORK):
        self.process = Started(
            [t.python, t.file(f"work{t.n}.py", source), *workers], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        t.at_end.append(self.process.kill)
        assert self.process.stdout.readline() == "ready\n"

    def facts(self):
        """Threads, descriptors, and what it does with signals."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            wanted = ("Threads:", "SigBlk:", "SigIgn:", "SigCgt:")
            lines = [line for line in status if line.startswith(wanted)]
        return lines, sorted(os.listdir(f"/proc/{self.pid}/fd"))

    def check_as(self, before):
        """It is as it was; what is on its way out may take a moment."""
        end = time.monotonic() + 30
        while self.facts() != before and time.monotonic() < end:
            time.sleep(0.02)
        assert self.facts() == before, (before, self.facts())

    def end(self, word=""):
        out, err = self.process.communicate(word, timeout=60)
        assert (self.process.returncode, err) == (0, ""), (self.process.returncode, err)
        assert out.startswith("done"), out


def pyrec(t, *options):
    """Run it with -o; its status, what it said, and its trace."""
    trace = t.trace()
    done = subprocess.run([t.pyrec, "-o", trace, *options], capture_output=True, text=True,
                          timeout=120)
    assert done.stdout == "", done.stdout
    return done.returncode, done.stderr, trace


def need_attaching():
    if platform.machine() != "x86_64":
        raise Skip("pyrec attaches on x86-64 only")


def attached_of(t, trace, pid):
    """What `info` says of how it was attached to."""
    found = [row for row in t.info(trace)["attached"] if row["process"] == pid]
    assert len(found) == 1, found
    return found[0]


def mapped_files(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return {line.split(None, 5)[5].rstrip("\n") for line in maps if "/" in line}


def start_pyrec(t, *options):
    """In the background."""
    trace = t.trace()
    process = Started([t.pyrec, "-o", trace, *options], stderr=subprocess.PIPE, text=True)
    t.at_end.append(process.kill)
    return process, trace


def wait_for_thread(pid, name, there=True):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        names = set()
        for tid in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii") as comm:
                    names.add(comm.read().strip())
            except OSError:
                pass
        if (name in names) == there:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name}: {names}")


def wait_until_recorded(t, process, trace, function):
    """There is a sample of it: pyrec is done with attaching, which is not so when its thread is there."""
    def is_there():
        return f'"{function}"' in t.analyze("functions", "--format", "json", "--limit", "0", trace, ok=(0, 1, 3, 5))
    t.wait_written(process, is_there)


def test_attach_and_leave(t):
    """Stacks are right, and afterwards nothing of it can be seen; twice."""
    need_attaching()
    program = Program(t, "spin_it", "sleep_it")
    before = program.facts()
    for _ in range(2):
        status, err, trace = pyrec(t, "-p", str(program.pid), "-r", "500", "--duration", "1s")
        assert status == 0 and "1 process, 3 threads" in err, (status, err)
        program.check_as(before)
        about = attached_of(t, trace, program.pid)
        assert about["inherited"] == "no" and about["threads_before"] == 3, about
        assert 0 < about["stopped"] <= about["held"] < 10, about
        assert about["library"] == "from its file", about
        assert about["interpreter"] in mapped_files(program.pid), about
        assert {about[f"hook_{name}"] for name in ("thread_ends", "gil", "exec")} == {"all"}, about
        assert about["hook_alone"] in ("all", "not called"), about
        for name in ("spin_it", "sleep_it"):
            stacks = t.stacks(trace, "--thread", name)
            whole = sum(weight for _, weight in stacks)
            own = sum(weight for stack, weight in stacks if name in map(function_of, stack))
            assert own == whole > 20, stacks
        states = {row["thread"]: row for row in t.rows("threads", trace)}
        assert set(states) == {"MainThread", "spin_it", "sleep_it"}, states
    program.end()


def test_interrupt(t):
    """Ctrl-C detaches, with status 0; the program does not notice."""
    need_attaching()
    program = Program(t, "spin_it")
    before = program.facts()
    for end in (signal.SIGINT, signal.SIGTERM):
        process, trace = start_pyrec(t, "-p", str(program.pid))
        wait_for_thread(program.pid, "pyrec-sampler")
        wait_until_recorded(t, process, trace, "spin_it")
        process.send_signal(end)
        err = process.communicate(timeout=60)[1]
        assert process.returncode == 0 and "1 process" in err, err
        program.check_as(before)
        assert t.rows("functions", trace)
    program.end()


def test_program_ends(t):
    """The end of the program is the end of the recording."""
    need_attaching()
    program = Program(t, "spin_it")
    process, trace = start_pyrec(t, "-p", str(program.pid))
    wait_for_thread(program.pid, "pyrec-sampler")
    wait_until_recorded(t, process, trace, "spin_it")
    program.end()
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0, err
    rows = t.rows("processes", trace)
    assert [row["ended"] for row in rows] == ["exit 0"], rows


@wide
def test_several_and_children(t):
    """Two programs, and what one of them starts afterwards."""
    need_attaching()
    one, two = Program(t, "spin_it"), Program(t, "child_it")
    status, err, trace = pyrec(t, "-p", str(one.pid), "-p", str(two.pid), "-r", "200",
                               "--duration", "3s")
    assert status == 0, err
    found = {row["function"] for row in t.rows("functions", trace, "--limit", "0")}
    assert {"spin_it", "in_child"} <= found, found
    for program in (one, two):
        program.end()


FAMILY = '''
import multiprocessing, os, subprocess, sys, time
NAMED = """import os, sys, time
def {0}():
    end = time.monotonic() + .5
    while time.monotonic() < end or not os.path.exists(sys.argv[1]): pass
{0}()
"""
def spinning(name):
    exec(NAMED.format(name), {})
def start(prefix):
    line = [sys.executable, "-c", NAMED.format(prefix + "_run"), sys.argv[1]]
    there = [subprocess.Popen(line).wait]
    line[2] = NAMED.format(prefix + "_below_a_shell")
    there.append(subprocess.Popen(["/bin/sh", "-c", '"$@"; exit $?', "sh"] + line).wait)
    child = os.fork()
    if child == 0:
        spinning(prefix + "_fork")
        os._exit(0)
    there.append(lambda: os.waitpid(child, 0)[1])
    for kind in ("fork", "spawn"):
        p = multiprocessing.get_context(kind).Process(target=kid, args=(f"{prefix}_mp_{kind}", sys.argv[1]))
        p.start()
        there.append(lambda p=p: p.join() or p.exitcode)
    return there
def kid(name, path):
    sys.argv = ["-", path]
    spinning(name)
if __name__ == "__main__":
    there = start("old")
    print("ready", flush=True)
    sys.stdin.readline()
    there += start("new")
    open(sys.argv[1], "w").close()
    for wait in there: assert wait() == 0
    print("done", flush=True)
'''
WAYS = ("run", "below_a_shell", "fork", "mp_fork", "mp_spawn")


def descendants(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        for child in map(int, children.read().split()):
            yield child
            yield from descendants(child)


def cmdline(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as line:
        return line.read()


def wait_for_family(pid, n):
    """Until so many of those below it have got to where they spin."""
    def spins(child):
        with open(f"/proc/{child}/stat", encoding="utf-8") as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[11]) > 20  # its CPU, in 10 ms
    end = time.monotonic() + 60
    while sum(map(spins, descendants(pid))) < n:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_family(t):
    """Who was there before is attached to as well; who comes afterwards comes by itself."""
    need_attaching()
    program = Program(t, str(t.dir / "go"), source=FAMILY)
    wait_for_family(program.pid, len(WAYS))
    family = [pid for pid in descendants(program.pid) if not cmdline(pid).startswith(b"/bin/sh")]
    process, trace = start_pyrec(t, "-p", str(program.pid), "-r", "200")
    for pid in [program.pid] + family:
        wait_for_thread(pid, "pyrec-sampler")
    program.end("go\n")
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0, err
    found = {row["function"] for row in t.rows("functions", trace, "--limit", "0")}
    wanted = {f"{prefix}_{way}" for prefix in ("old", "new") for way in WAYS}
    assert wanted <= found, (wanted - found, err)
    about = attached_of(t, trace, program.pid)
    # those of WAYS, and what multiprocessing keeps for itself
    assert about["children_before"] == len(family) > len(WAYS), (about, family)
    assert t.info(trace)["recordings"][0]["not_recorded"] == 0, t.info(trace)["recordings"]
    inherited = [row["inherited"] for row in t.info(trace)["attached"]]
    assert inherited.count("no") == 1 + len(family) and inherited.count("yes") >= 2, inherited


@wide
def test_family_left(t):
    """When pyrec has ended nobody has a recorder any more, children neither, however rarely it ticks."""
    need_attaching()
    program = Program(t, str(t.dir / "go"), source=FAMILY)
    wait_for_family(program.pid, len(WAYS))
    status, err, _ = pyrec(t, "-p", str(program.pid), "-r", "2", "--duration", "0.7s")
    listed = subprocess.run([t.pyrec, "ps", "--json"], capture_output=True, text=True, check=True)
    assert status == 0 and f"{len(WAYS) + 2} processes" in err, err
    family = {program.pid, *descendants(program.pid)}
    rows = [row for row in json.loads(listed.stdout) if row["pid"] in family]
    assert len(rows) >= len(WAYS) + 1, rows
    assert all(row["can_attach"] for row in rows), [row for row in rows if not row["can_attach"]]
    program.end("go\n")


def test_stopped_while_recorded(t):
    """What gets no CPU cannot leave: pyrec says so, and does not wait for it."""
    need_attaching()
    program = Program(t, "spin_it")
    before = program.facts()
    process, trace = start_pyrec(t, "-p", str(program.pid), "-q")
    wait_for_thread(program.pid, "pyrec-sampler")
    wait_until_recorded(t, process, trace, "spin_it")
    os.kill(program.pid, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert f"process {program.pid} still has a recorder" in err, err
    os.kill(program.pid, signal.SIGCONT)
    program.check_as(before)
    program.end()


def test_family_missing(t):
    """Who cannot be attached to is counted, with the reason; and with --no-children nobody is asked."""
    need_attaching()
    program = Program(t, str(t.dir / "never"), source=FAMILY)
    wait_for_family(program.pid, len(WAYS))
    family = list(descendants(program.pid))
    t.at_end.append(lambda: [os.kill(pid, signal.SIGKILL) for pid in family])
    stopped = next(pid for pid in family if b"old_run" in cmdline(pid))
    os.kill(stopped, signal.SIGSTOP)
    status, err, trace = pyrec(t, "-p", str(program.pid), "--duration", "0.5s")
    assert status == 0, err
    recording = t.info(trace)["recordings"][0]
    assert recording["processes"] == len(WAYS) + 1 and recording["not_recorded"] == 1, recording
    assert any("is stopped" in name for name in recording), recording
    other = next(pid for pid in family if b"below_a_shell" in cmdline(pid) and
                 not cmdline(pid).startswith(b"/bin/sh"))
    status, err, trace = pyrec(t, "-p", str(program.pid), "-p", str(other), "--no-children",
                               "--duration", "0.5s")
    assert status == 0 and "2 processes" in err, err
    assert attached_of(t, trace, program.pid)["children_before"] is None


LATE_COMER = """
import subprocess, sys
line = 'while [ ! -e "$1" ]; do sleep 0.05; done; exec "$0" -c "$2" "$1.over"'
spin = "import os, sys\\ndef spin():\\n    while not os.path.exists(sys.argv[1]): pass\\nspin()"
child = subprocess.Popen(["/bin/sh", "-c", line, sys.executable, sys.argv[1], spin])
print("ready", flush=True)
sys.stdin.readline()
assert child.wait() == 0
print("done", flush=True)
"""


def test_late_comer(t):
    """A shell that was there before and starts a Python later knows nothing of us: it is found."""
    need_attaching()
    go = t.dir / "go"
    program = Program(t, str(go), source=LATE_COMER)
    process, trace = start_pyrec(t, "-p", str(program.pid))
    wait_for_thread(program.pid, "pyrec-sampler")
    go.touch()
    comer = next(descendants(program.pid))
    wait_until_recorded(t, process, trace, "spin")
    (t.dir / "go.over").touch()
    program.end("go\n")
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "2 processes" in err and "not recorded" not in err, err
    assert attached_of(t, trace, comer)["inherited"] == "no"
    assert "spin" in {row["function"] for row in t.rows("functions", trace, "--limit", "0")}


def test_pyrec_killed(t):
    """The recorder takes itself away, and the next pyrec may come."""
    need_attaching()
    program = Program(t, "spin_it")
    before = program.facts()
    process, _ = start_pyrec(t, "-p", str(program.pid))
    wait_for_thread(program.pid, "pyrec-sampler")
    process.kill()
    process.communicate()
    wait_for_thread(program.pid, "pyrec-sampler", False)
    status, err, _ = pyrec(t, "-p", str(program.pid), "--duration", "0.5s")
    assert status == 0, err
    program.check_as(before)
    program.end()


@wide
def test_refusals(t):
    """One line, a status that says which kind, and nothing is written."""
    need_attaching()
    recorded, _ = t.start([t.python, "-c", "import os, sys; print(os.getpid(), flush=True); "
                           "sys.stdin.read()"], stdin=subprocess.PIPE)
    inside = int(recorded.stdout.readline())
    stopped = Program(t)
    os.kill(stopped.pid, signal.SIGSTOP)
    sleeper = subprocess.Popen(["sleep", "60"])
    t.at_end.append(sleeper.kill)
    for pid, wanted, word in ((2 ** 22 + 1, 3, "not there"), (sleeper.pid, 5, "not Python"),
                              (stopped.pid, 6, "stopped"), (inside, 6, "recorded already")):
        status, err, trace = pyrec(t, "-p", str(pid))
        assert status == wanted and word in err and err.count("\n") == 1, (pid, status, err)
        assert not os.path.exists(trace)
    for options in (("-p", "1", "--", "true"), ("-p", "0"), ("-p", "x"), ("-p", "-4"),
                    ("-p", str(sleeper.pid), "--linger", "1s")):
        status, err, trace = pyrec(t, *options)
        assert status == 2 and not os.path.exists(trace), (options, status, err)
    os.kill(stopped.pid, signal.SIGCONT)
    # of several, each that cannot be had is named, and the others are recorded
    status, err, trace = pyrec(t, "-p", str(sleeper.pid), "-p", str(stopped.pid), "-p", str(inside), "--duration", "0.1s")
    assert status == 0 and "not Python" in err and "recorded already" in err and "1 process" in err, (status, err)
    assert os.path.exists(trace)
    stopped.end()
    recorded.communicate("", timeout=60)
    assert recorded.returncode == 0
