#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Load a library into programs that run: each goes on as if nothing had been.

usage: inject.py PROBE GUEST PYTHON

In every situation the guest's entry is run once and the program's own result is right; also when the
injector is killed at each of its steps before. What cannot be attached to is refused, untouched.
With PYREC_MATRIX=short it is killed in one situation, and what else may happen meanwhile is left out.
"""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PROBE, GUEST, PYTHON = (os.path.abspath(p) for p in sys.argv[1:4])
IS_WIDE = os.environ.get("TESTS_MATRIX") != "short"  # of PYREC_MATRIX
STEPS = int(subprocess.run([PROBE], capture_output=True, text=True).stdout)
ELSEWHERE = ["unshare", "--mount"]  # there our path may lead to another file: as bytes

PROGRAM = r"""
import os, select, signal, sys, threading, time
what, r, go = sys.argv[1], *os.pipe()
lines = sys.stdin
told = []
ends = ("go\n", "")                   # or nobody is there any more
busy = threading.Event()              # told to rest it waits for the next word
busy.set()
def until_told(work):                 # a thread hears the word; the main one is in the situation
    def hear():
        word = lines.readline()
        while word not in ends:
            busy.clear() if word == "rest\n" else busy.set()
            word = lines.readline()
        told.append(1)
        busy.set()
        os.write(go, b"x")
    if what == "alone":
        word = None
        while word not in ends:
            while not select.select([0], [], [], 0)[0]:
                work()
            word = lines.readline()
            if word == "rest\n":
                word = lines.readline()
    elif what == "alone_blocked":
        lines.readline()
    else:
        threading.Thread(target=hear).start()
        while not told:
            busy.wait()
            work()
count = 0
def compute():
    global count
    before = sum(range(1000))
    assert before == 499500
    count += 1
def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    assert os.waitpid(pid, 0)[1] == 3 << 8
def storm():
    block = [bytes(n) for n in range(1000, 60000, 1000)]
    assert sum(map(len, block)) == 1770000
def load():
    import _ctypes
    _ctypes.dlclose(_ctypes.dlopen("libz.so.1", 2))
def come_and_go():
    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
def read():
    assert os.read(r, 1) == b"x"
def poll():
    p = select.poll()
    p.register(r, select.POLLIN)
    assert p.poll() == [(r, select.POLLIN)]
def epoll():
    with select.epoll() as p:
        p.register(r, select.EPOLLIN)
        assert p.poll() == [(r, select.EPOLLIN)]
def epoll_timed():
    begin = time.monotonic()
    with select.epoll() as p:
        assert p.poll(.3) == [] and time.monotonic() - begin > .29
def sleep():
    begin = time.monotonic()
    time.sleep(.3)
    assert time.monotonic() - begin > .29
def lock():
    held = threading.Lock()
    held.acquire()
    assert not held.acquire(timeout=.3)
def unmapped():                       # a thread whose stack is too large to be kept when it ends
    def briefly():
        end = time.monotonic() + 1
        while time.monotonic() < end:
            compute()
    threading.stack_size(256 << 20)
    try:
        thread = threading.Thread(target=briefly)
        thread.start()
    finally:
        threading.stack_size(0)
    thread.join()
    while not told:
        come_and_go()                 # when the next one ends, libc gives its memory back
        time.sleep(.1)
def signals():
    if not hits:
        signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
        signal.setitimer(signal.ITIMER_REAL, .001, .001)
    compute()
hits = []
taken = []
def no_descriptors():
    import resource
    if not taken:
        come_and_go()  # 3.8 loads what ends a thread when the first one ends, some time after join()
        while len(os.listdir("/proc/self/task")) > 2:
            time.sleep(.001)
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    time.sleep(.1)
def become_another(*_):
    os.execv(sys.executable, [sys.executable, "-c", "print('right')"])
signal.signal(signal.SIGUSR1, become_another)
works = {"alone": compute, "alone_blocked": compute}
print("up", flush=True)
try:
    until_told(works.get(what) or globals()[what])
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
print("right", flush=True)
"""
SITUATIONS = ("alone alone_blocked compute fork storm load come_and_go read poll epoll epoll_timed "
              "sleep lock signals no_descriptors").split()


class Program:
    def __init__(self, what, folder, before=()):
        self.what, self.file = what, folder / what
        self.process = subprocess.Popen([*before, PYTHON, "-Wignore", "-c", PROGRAM, what], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        assert self.process.stdout.readline() == "up\n", what
        self.pid = self.process.pid

    def attach(self, step=0, *nap):
        done = subprocess.run([PROBE, str(self.pid), GUEST, "guest_enter", str(self.file),
                               str(step), *map(str, nap)], text=True, capture_output=True)
        return done.returncode, done.stdout.strip()

    def entered(self):
        return self.file.read_text().splitlines() if self.file.exists() else []

    def say(self, word):
        self.process.stdin.write(word)
        self.process.stdin.flush()

    def end(self):
        out, err = self.process.communicate("go\n", timeout=60)
        assert (self.process.returncode, out, err) == (0, "right\n", ""), \
            (self.what, self.process.returncode, out, err)


MAILBOX = 0x440000  # the length of the mapping that stays, see mailbox.h


def mailboxes(pid):
    areas = (line.split()[0].split("-") for line in open(f"/proc/{pid}/maps", encoding="utf-8"))
    return sum(int(end, 16) - int(begin, 16) == MAILBOX for begin, end in areas)


RAW = 9     # inject_step: our thread is there, and waits
BYTES = 13  # there only where the library goes in as bytes


def attach_surely(program, rests=False):
    """An attaching that is busy may be tried again: an earlier one ends by itself. Between two tries the program
    may rest."""
    for _ in range(120):
        status, text = program.attach()
        if status != 6:
            break
        if rests:
            program.say("rest\n")
        time.sleep(.5)  # each try takes CPU, and the programs that wait may be many
        if rests:
            program.say("busy\n")
    assert status == 0, (program.what, status, text)


def check_situations(folder):
    for what in SITUATIONS:
        program = Program(what, folder)
        attach_surely(program)
        assert program.entered() == ["entered 1"], (what, program.entered())
        program.end()
        print(what, "right")


def check_again(folder):
    """The mapping is taken again, and nothing grows."""
    program = Program("read", folder)
    sizes = []
    program.file.unlink(missing_ok=True)
    for _ in range(30):
        attach_surely(program)
        maps = pathlib.Path(f"/proc/{program.pid}/maps").read_text().count("\n")
        sizes.append((maps, len(os.listdir(f"/proc/{program.pid}/task")),
                      len(os.listdir(f"/proc/{program.pid}/fd"))))
    assert len(program.entered()) == 30
    assert len(set(sizes[5:])) == 1, sizes
    program.end()
    print("30 times: mappings, threads, descriptors", sizes[-1])


def check_killed(folder):
    """All at once: what was begun takes ten seconds to give up by itself. Meanwhile they rest; each is
    in its situation while it is held, and when it is attached to again."""
    programs, died = [], set()
    every = range(1, STEPS + 1)
    ways = [("compute", (), 0, every), ("epoll", (), 0, every), ("alone", (), 0, every),
            ("epoll", (), 1, range(1, BYTES - 4))]
    if subprocess.run([*ELSEWHERE, "true"], capture_output=True).returncode == 0:
        ways.append(("epoll", ELSEWHERE, 0, range(BYTES - 1, BYTES + 2)))
    else:
        print("killed while the library goes in as bytes: left out, as unshare may not")
    if not IS_WIDE:
        del ways[1:4]
    for what, before, n_earlier, steps in ways:
        for step in steps:
            program = Program(what, folder, before)
            program.file = folder / f"{what}.{len(programs)}"
            for _ in range(n_earlier):
                attach_surely(program)
                program.file.unlink()
            if program.attach(step)[1] == "was not attached to":
                died.add(step)
            program.say("rest\n")
            programs.append(program)
    wanted = set(every) - (set() if ELSEWHERE in [way[1] for way in ways] else {BYTES})
    assert died == wanted, wanted - died
    for program in programs:
        program.say("busy\n")
        attach_surely(program, rests=True)
        assert 1 <= len(program.entered()) <= 2, (program.file, program.entered())
        assert mailboxes(program.pid) == 1, (program.file, mailboxes(program.pid))
        program.end()
    print("right, killed at each of", STEPS, "steps,", len(programs), "programs")


def check_slow(folder):
    """The thread that was held ends, with its memory, before it is asked for what it had. The only
    thread of a process goes on when ours has not begun in time, and ours then never begins."""
    program = Program("unmapped", folder)
    while len(os.listdir(f"/proc/{program.pid}/task")) < 3:
        time.sleep(.01)
    assert program.attach(RAW, 1500)[0] == 0
    assert program.entered() == ["entered 1"]
    program.end()
    program = Program("alone", folder)
    program.file.unlink(missing_ok=True)
    status, text = program.attach(RAW, 300, 99)
    assert (status, program.entered()) == (6, []) and "in time: try again" in text, (status, text)
    assert program.attach(RAW, 300)[0] == 0 and program.entered() == ["entered 1"]
    program.end()
    print("right, slow")


def check_abandoned(folder):
    """Nothing is left after ten seconds, by the clock, of a pyrec that was killed, also when it
    shares its CPU with many."""
    crowd, others = ["taskset", "-c", "0"], []
    program = Program("sleep", folder, crowd)
    assert program.attach(RAW)[1] == "was not attached to"
    begin = time.monotonic()
    time.sleep(7)  # who counts turns instead of time is late in what is left as well: it takes seven times as long
    try:
        others += [subprocess.Popen([*crowd, "sh", "-c", "while :; do :; done"]) for _ in range(6)]
        while len(os.listdir(f"/proc/{program.pid}/task")) > 2:
            assert time.monotonic() - begin < 12, "a thread is left"
            time.sleep(.05)
    finally:
        for other in others:
            other.kill()
            other.wait()
    program.end()
    print(f"left to itself it has gone after {time.monotonic() - begin:.1f} s")


def begun_again(program):
    """Whatever became of the first time: it goes on, whole, and can be attached to."""
    attach_surely(program)
    assert mailboxes(program.pid) == 1, program.file
    program.end()


def check_stopped(folder):
    """Somebody stops the program at each of the steps: that is said, and nothing else is wrong."""
    def attach(program, step):
        status, text = program.attach("hurry", 100, step)
        assert status in (0, 6), (step, status, text)
        if status == 6:
            assert "was stopped meanwhile: let it go on (kill -CONT)" in text, (step, text)
        return status
    programs, steps = [], []
    for step in range(1, STEPS + 1):
        programs.append(Program(("epoll", "alone_blocked")[step % 2], folder))
        programs[-1].file = folder / f"stopped.{step}"
        steps.append(step)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(attach, programs, steps))
    n_told = statuses.count(6)
    assert n_told >= STEPS // 2, statuses
    for program in programs:  # all, as what was begun in one takes ten seconds to give up
        os.kill(program.pid, signal.SIGCONT)
    for program in programs:
        begun_again(program)
    print("right, stopped at each of", STEPS, "steps,", n_told, "told so")


def check_gone(folder):
    """It is killed, or executes another program, at each of the steps: that is said, nobody waits for it, and the
    other program is whole."""
    def attach(what, step, signo):
        program = Program(what, folder)
        program.file = folder / f"gone.{step}.{signo}"
        status, text = program.attach("hurry", 100, step, signo)
        out, err = program.process.communicate("go\n", timeout=60)
        ended, said = (program.process.returncode, out, err), text.split("\n")[-1]
        if signo == signal.SIGKILL:
            assert ended == (-signo, "", "") and said in ("has ended meanwhile", "done"), (step, ended, text)
            assert said != "done" or step > BYTES, (step, text)
        else:  # when Python comes to it
            assert ended == (0, "right\n", "") and status in (0, 3, 6, 7), (step, ended, status, text)
    steps = set(range(1, STEPS + 1)) - {BYTES}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(attach, ("epoll", "alone_blocked", "compute")[step % 3], step, signo)
                    for step in steps for signo in (signal.SIGKILL, signal.SIGUSR1)]:
            one.result()
    print("right, killed or become another at each of", len(steps), "steps")


def check_starved(folder):
    """It gets no CPU, as somebody else wants it all: that is told, and waited for, and then said."""
    crowd = ["taskset", "-c", "0"]
    hog = subprocess.Popen([*crowd, "nice", "-n", "-20", "sh", "-c", "while :; do :; done"],
                           stderr=subprocess.DEVNULL)

    def starve(what):
        program, told = Program(what, folder, crowd), False
        program.file = folder / f"starved.{what}"
        for tid in os.listdir(f"/proc/{program.pid}/task"):
            os.sched_setscheduler(int(tid), os.SCHED_IDLE, os.sched_param(0))
        status, text = program.attach("hurry", 20, 0)
        assert status in (0, 6), (what, status, text)
        if status == 6 and "no CPU for it within a minute" in text:
            assert text.startswith("1 gets no CPU\n") and text.count("\n") == 1, text
            told = True
        for tid in os.listdir(f"/proc/{program.pid}/task"):
            os.sched_setscheduler(int(tid), os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(int(tid), os.sched_getaffinity(0))
        begun_again(program)
        return told

    try:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:  # beside one hog for all
            told = sum(pool.map(starve, ("epoll", "alone_blocked", "compute")))
    finally:
        hog.kill()
        hog.wait()
    print("right, starved;", told, "of 3 told so")


def mapped_at(pid, address):
    for line in open(f"/proc/{pid}/maps", encoding="utf-8"):
        begin, end = (int(word, 16) for word in line.split()[0].split("-"))
        if begin <= address < end:
            return line
    return ""


def lingers(program):
    attach_surely(program)
    for _ in range(2):
        _, text = program.attach("linger")
        code = int(text.split("\n")[0].split()[1], 16)
        assert GUEST not in mapped_at(program.pid, code), "in what the program may unload"
        attach_surely(program)
    assert len(program.entered()) == 3, program.entered()
    program.end()


def check_lingering(folder):
    """A thread is in our code still, and pyrec is gone: neither it nor another one is held before it is
    out. Its way back, and the registers that it will need, are where those of the next one go."""
    programs = []
    for what in "compute alone alone_blocked epoll storm come_and_go".split():
        programs.append(Program(what, folder))
        programs[-1].file = folder / f"linger.{what}"
    with concurrent.futures.ThreadPoolExecutor(len(programs)) as pool:
        list(pool.map(lingers, programs))
    print("right, with a thread that was in our code still")


def check_at_once(folder):
    """Several pyrecs at the same moment: one after the other, or told so."""
    program = Program("storm", folder)
    program.file = folder / "at_once"
    n_let_in = 0
    for _ in range(100):
        before = len(program.entered())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _: program.attach(), range(4)))
        assert {status for status, _ in done} <= {0, 6}, done
        statuses = [status for status, _ in done]
        assert len(program.entered()) == before + statuses.count(0), done
        n_let_in += 0 in statuses  # not one, where the program's threads get no CPU to stop in time
        if n_let_in == 10:
            break
    assert n_let_in == 10, n_let_in
    assert mailboxes(program.pid) == 1
    # one that sees the process by another mount of /proc, as a pyrec in a container and one outside do
    own = [*ELSEWHERE, "sh", "-c", 'mount -t proc proc /proc && exec "$@"', "-"]
    if subprocess.run([*own, "true"], capture_output=True).returncode == 0:
        first = subprocess.Popen([PROBE, str(program.pid), GUEST, "guest_enter", str(program.file),
                                  str(RAW), "3000"], stdout=subprocess.PIPE, text=True)
        while len(os.listdir(f"/proc/{program.pid}/task")) < 3:
            time.sleep(.01)
        done = subprocess.run([*own, PROBE, str(program.pid), GUEST, "guest_enter", str(program.file)],
                              text=True, capture_output=True)
        assert first.communicate() == ("done\n", None) and first.returncode == 0
        wanted = "is just being attached to by another pyrec\n"
        assert (done.returncode, done.stdout) == (6, wanted), done
    else:
        print("two mounts of /proc: left out, as unshare may not")
    program.end()
    print("right, at once")


def check_executed(folder):
    """It becomes another program as soon as it is let go, before anybody has seen our thread: that is
    said, at once; and the other program is whole."""
    code = ("import os, sys, time\nprint('up', flush=True)\n"
            "if sys.argv[2:]: sys.stdin.readline(); print('right')\n"
            "else:\n"
            "    while not any(line.split('-')[0] and int(line.split()[0].split('-')[1], 16)"
            " - int(line.split('-')[0], 16) == 0x440000 for line in open('/proc/self/maps')): pass\n"
            "    time.sleep(.05)\n"
            "    os.execv(sys.executable, [sys.executable, '-c', sys.argv[1], sys.argv[1], 'again'])\n")
    process = subprocess.Popen([PYTHON, "-Wignore", "-c", code, code], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    done = subprocess.run([PROBE, str(process.pid), GUEST, "guest_enter", str(folder / "executed"),
                           str(RAW - 1), "2000"], text=True, capture_output=True)
    out, err = process.communicate("go\n", timeout=60)
    assert (out, err, process.returncode) == ("up\nright\n", "", 0), (out, err, process.returncode)
    assert (done.returncode, done.stdout) == (6, "has executed another program meanwhile: try again\n"), done
    print("right, executed meanwhile")


def refused(pid, status, words):
    done = subprocess.run([PROBE, str(pid), GUEST, "guest_enter", "/dev/null"], text=True,
                          capture_output=True)
    assert done.returncode == status and words in done.stdout, (done, status, words)


def check_refusals(folder):
    refused(2 ** 22 - 1, 3, "no process has this number")
    other = subprocess.Popen(["sleep", "60"])
    refused(other.pid, 5, "there is no CPython in its memory")
    other.kill()
    while open(f"/proc/{other.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1][1] != "Z":
        pass
    refused(other.pid, 3, "has ended and waits to be buried")
    other.wait()
    program = Program("sleep", folder)
    os.kill(program.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, program.pid, os.WSTOPPED)
    before = pathlib.Path(f"/proc/{program.pid}/maps").read_text()
    refused(program.pid, 6, "is stopped")
    assert pathlib.Path(f"/proc/{program.pid}/maps").read_text() == before
    os.kill(program.pid, signal.SIGCONT)
    program.end()
    print("refused what must be")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        checks = [check_situations, check_again, check_slow, check_killed, check_at_once, check_executed, check_refusals]
        if IS_WIDE:
            checks += [check_lingering, check_stopped, check_gone, check_starved, check_abandoned]
        for check in checks:
            used = sum(os.times()[:4])
            check(folder)
            print(f"{check.__name__}: CPU {sum(os.times()[:4]) - used:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
