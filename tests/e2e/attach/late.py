# SPDX-License-Identifier: MIT
"""A program that runs already: the library is loaded into it, records, leaves, and comes back."""
import os
import pathlib
import subprocess
import time

from e2e import WIRE_VERSION, Skip, function_of

DONE, SETTINGS, BUSY, NO_PYTHON, UNREADABLE = 0, 1, 2, 3, 5

# What each program begins with. `attach` is called like any C function: without the GIL.
BEGIN = """
import ctypes, os, sys, threading, time
agent = ctypes.CDLL(sys.argv[1])
agent.pyrec_attach.argtypes = [ctypes.c_char_p]
settings = open(sys.argv[2]).read().strip().encode()
def attach(text=settings): return agent.pyrec_attach(text)
def leave(): return agent.pyrec_leave()
def field(name): return next(line.split()[1] for line in open('/proc/self/status')
                             if line.startswith(name))
def threads(): return int(field('Threads'))
"""


class Waiting:
    """A pyrec that waits for somebody to attach to, until end()."""

    def __init__(self, t, options=()):
        self.t, self.go = t, t.dir / f"go{t.n}"
        self.settings = t.dir / f"settings{t.n}"
        hold = (f"echo $PYREC_AGENT > {self.settings}.new; mv {self.settings}.new {self.settings}; "
                f"while [ -e {self.settings} ] && [ ! -e {self.go} ]; do sleep 0.05; done")
        self.process, self.trace = t.start(["/bin/sh", "-c", hold], options)
        t.at_end.append(self.kill)
        while not self.settings.exists():
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.01)

    def kill(self):
        self.go.touch()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def run(self, source, *args, **more):
        """A program that is not recorded before it attaches by itself; what it prints."""
        t = self.t
        path = t.file(f"late{t.n}.py", BEGIN + source)
        done = subprocess.run(
            [t.python, path, str(t.build / "record" / "libpyrec.so"), str(self.settings), *args],
            capture_output=True, text=True, timeout=120, **more)
        assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.splitlines()

    def end(self):
        self.go.touch()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return err


TWO_THREADS = """
end = False
def spin_it():
    while not end: sum(range(100))
def sleep_it():
    while not end: time.sleep(0.05)
workers = [threading.Thread(target=f, name=f.__name__) for f in (spin_it, sleep_it)]
for worker in workers: worker.start()
before = threads(), sorted(os.listdir('/proc/self/fd'))
print(attach(b''), attach(b'9,x'), leave())
print(attach(), agent.pyrec_is_recording(), attach(), threads() - before[0])
time.sleep(1)
print(leave(), leave(), agent.pyrec_is_recording())
print((threads(), sorted(os.listdir('/proc/self/fd'))) == before)
end = True
"""


def test_attach_and_leave(t):
    """It records who runs and who waits, from when it came; and is gone when it has left."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "200"])
    out = waiting.run(TWO_THREADS)
    waiting.end()
    assert out == [f"{SETTINGS} {SETTINGS} 1", f"{DONE} 1 {BUSY} 1", "0 1 0", "True"], out
    threads = {row["thread"]: row for row in t.rows("threads", waiting.trace)}
    assert {"spin_it", "sleep_it"} <= set(threads), threads
    for name in ("spin_it", "sleep_it"):
        stacks = t.stacks(waiting.trace, "--thread", name)
        whole = sum(weight for _, weight in stacks)
        assert sum(weight for stack, weight in stacks
                   if name in map(function_of, stack)) == whole > 20, stacks


AGAIN = """
def work():
    return sum(range(100))
def heap():
    return int(field('VmRSS'))
seen = []
for i in range(int(sys.argv[3])):
    assert attach() == 0, i
    work()
    assert leave() == 0, i
    seen.append((threads(), len(os.listdir('/proc/self/fd')), len(open('/proc/self/maps').readlines())))
    if i == 9: first = heap()
print(len(set(seen[3:])), heap() - first)
"""


def test_again_and_again(t):
    """A hundred times: threads, descriptors and mappings are the same each time, memory nearly."""
    t.need_ctypes()
    waiting = Waiting(t)
    kinds, grown = map(int, waiting.run(AGAIN, "100")[0].split())
    waiting.end()
    assert kinds == 1 and grown < 200, (kinds, grown)
    # each time is a recording of its own, that was stopped and not the end of the program
    rows = [row for row in t.info(waiting.trace)["processes"] if row["command"].startswith(t.python)]
    ends = [row["ended"] for row in rows]  # the program may be gone before pyrec looks at the last ones
    n_seen = ends.index("exited") if "exited" in ends else len(ends)
    assert len(ends) == 100 and n_seen > 0 and ends == n_seen * ["stopped"] + (100 - n_seen) * ["exited"], ends


FORKED = """
print(attach(), leave())
child = os.fork()
if child == 0:
    before = threads()
    there = attach(), threads() - before
    os._exit(0 if there == (0, 1) and leave() == 0 and threads() == before else 1)
print(os.waitpid(child, 0)[1])
"""


def test_forked_afterwards(t):
    """A child of a program that was left is one like any other."""
    t.need_ctypes()
    waiting = Waiting(t)
    out = waiting.run(FORKED)
    waiting.end()
    assert out == ["0 0", "0"], out


def test_not_python(t):
    """A program without Python is told so, and a pyrec that has ended is not waited for."""
    program = t.program("bare", """
        #include <dlfcn.h>
        #include <stdio.h>
        int main(int n, char **args)
        {
            void *lib = dlopen(args[1], RTLD_NOW);
            int (*attach)(const char *) = lib ? (int (*)(const char *))dlsym(lib, "pyrec_attach") : 0;
            return attach ? attach(args[2]) : n + 100;
        }""")
    waiting = Waiting(t)
    library = str(t.build / "record" / "libpyrec.so")
    done = subprocess.run([program, library, waiting.settings.read_text().strip()])
    waiting.end()
    assert done.returncode == NO_PYTHON, done


# ---- children ----

KIDS = """
import multiprocessing as mp, subprocess
code = 'import time\\ndef %s():\\n  t = time.monotonic()\\n  while time.monotonic() - t < .3: sum(range(1000))\\n%s()'
def of(name): return [sys.executable, '-c', code % (name, name)]
def target(name):
    exec(compile(code % (name, name), 'kid.py', 'exec'), {})
def shell_sees():
    return subprocess.run(['/bin/sh', '-c', 'echo ${LD_PRELOAD:-none} ${PYREC_AGENT:-none}'],
                          capture_output=True, text=True).stdout.strip()
def main():
    print(shell_sees())
    assert attach() == 0
    print('libpyrec.so VERSION,' in shell_sees())
    subprocess.run(of('by_run'))
    subprocess.run(of('by_env'), env={'A': '1'})
    subprocess.run(sys.executable + " -c '" + code % ('by_shell', 'by_shell') + "'", shell=True)
    os.waitpid(os.posix_spawn(sys.executable, of('by_spawn'), os.environ), 0)
    child = os.fork()
    if child == 0: os.execv(sys.executable, of('by_execv'))
    os.waitpid(child, 0)
    child = os.fork()
    if child == 0:
        target('by_fork')
        os._exit(0)
    os.waitpid(child, 0)
    for kind in ('fork', 'spawn'):
        child = mp.get_context(kind).Process(target=target, args=('by_mp_' + kind,))
        child.start()
        child.join()
        assert child.exitcode == 0
    print(leave(), shell_sees())
    print('PYREC_AGENT' in os.environ, 'PYREC' in open('/proc/self/environ').read())
if __name__ == '__main__': main()
"""


def test_children(t):
    """What it starts is recorded as well, however it starts it; and is its own again afterwards."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "200"])
    out = waiting.run(KIDS.replace("VERSION", str(WIRE_VERSION)))
    waiting.end()
    assert out == ["none none", "True", "0 none none", "False False"], out
    seen = {function_of(frame) for stack, _ in t.stacks(waiting.trace) for frame in stack}
    kids = {"by_run", "by_env", "by_shell", "by_spawn", "by_execv", "by_fork", "by_mp_fork",
            "by_mp_spawn"}
    assert kids <= seen, kids - seen


def test_no_children(t):
    """--no-children: it is recorded, and what it forks or executes finds nothing of ours."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "200", "--no-children"])
    # pyrec's own child is not to be recorded, and has lost the settings: they say so for this one
    out = waiting.run("""
import subprocess
def work(t=0.3):
    end = time.monotonic() + t
    while time.monotonic() < end: sum(range(100))
settings = b','.join(settings.split(b',')[:8] + [b'4'] + settings.split(b',')[9:])
assert attach(settings) == 0
work()
print(subprocess.run(['/bin/sh', '-c', 'echo ${LD_PRELOAD:-none} ${PYREC_AGENT:-none}'],
                     capture_output=True, text=True).stdout.strip(), flush=True)
child = os.fork()
if child == 0:
    work()
    print(threads(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(leave())
""")
    waiting.end()
    assert out == ["none none", "1", "0"], out
    assert len(t.rows("processes", waiting.trace)) <= 2


# ---- other ends ----

def test_pyrec_is_killed(t):
    """Within two seconds of its end nothing of ours runs, at the slowest rate as well, and another
    pyrec is let in."""
    t.need_ctypes()
    first = Waiting(t, ["-r", "1"])
    t.n += 1
    second = Waiting(t, ["-r", "200"])
    out = first.run("""
import signal
def work(t):
    end = time.monotonic() + t
    while time.monotonic() < end: sum(range(100))
before = threads()
assert attach() == 0
work(0.3)
os.kill(int(settings.split(b',')[3]), signal.SIGKILL)
begin = time.monotonic()
while threads() > before and time.monotonic() - begin < 20: work(0.05)
gone = time.monotonic() - begin
print(threads() - before, agent.pyrec_is_recording())
other = open(sys.argv[3]).read().strip().encode()
print(attach(other))
work(0.5)
print(leave())
print(gone, file=sys.stderr)
""", str(second.settings))
    second.end()
    assert out == ["0 0", "0", "0"], out
    assert any(function_of(frame) == "work" for stack, _ in t.stacks(second.trace) for frame in stack)


def test_program_ends(t):
    """While it is recorded a program returns, exits, is finalized with threads that run, or is killed:
    with its own status, and with what it printed."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "1000"])
    tail = {
        "pass": 0,
        "sys.exit(3)": 3,
        "os._exit(4)": 4,
        "threading.Thread(target=lambda: [time.sleep(0.001) for _ in iter(int, 1)], daemon=True).start()": 0,
        "os.kill(os.getpid(), 9)": -9,
        "import atexit; atexit.register(leave)": 0,
    }
    library = str(t.build / "record" / "libpyrec.so")
    for i, (end, status) in enumerate(tail.items()):
        path = t.file(f"end{i}.py", BEGIN + f"""
assert attach() == 0
def churn():
    for n in range(300): exec(compile('def f%d(): return %d' % (n, n), 'made%d.py' % n, 'exec'), {{}})
churn()
print('said', flush=True)
{end}
""")
        for _ in range(3):
            done = subprocess.run([t.python, path, library, str(waiting.settings)],
                                  capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout, done.stderr) == (status, "said\n", ""), (end, done)
    waiting.end()


SHORT = """
def burn():
    begin = time.thread_time()
    while time.thread_time() - begin < 0.004: pass
assert attach() == 0
used = time.process_time()
for _ in range(150):
    worker = threading.Thread(target=burn)
    worker.start()
    worker.join()
    time.sleep(0.005)
used = time.process_time() - used
assert leave() == 0
print(used)
"""


def test_ends_of_threads(t):
    """What threads of 4 ms used after their last sample is in the books."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "250"])
    used = float(waiting.run(SHORT)[0])
    waiting.end()
    rows = [row for row in t.rows("threads", waiting.trace) if row["kind"] == "python"]
    threads = [row for row in rows if row["thread"] != "MainThread"]
    assert len(threads) > 100, len(threads)
    booked = sum(row["cpu_time"] for row in threads)
    # each used 4 ms; without the ends a third of that and more would be missing
    assert booked > 0.9 * 0.004 * len(threads), (booked, used, len(threads))


def test_idle(t):
    """Where nothing runs the sampler rests, as it does in a program that pyrec started: ticks are
    written down, and the recorder uses next to nothing."""
    t.need_ctypes()
    t.need_gil()
    waiting = Waiting(t, ["-r", "1000"])
    out = waiting.run("""
import threading
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
assert attach() == 0
for _ in range(10): time.sleep(0.01)
def wakes():
    task = next(n for n in os.listdir('/proc/self/task')
                if open('/proc/self/task/%s/comm' % n).read() == 'pyrec-sampler\\n')
    return int(next(line.split()[1] for line in open('/proc/self/task/%s/status' % task)
                    if line.startswith('voluntary')))
told = []
while len(told) < 20 and min(told, default=500) >= 180:
    before = wakes()
    time.sleep(0.5)
    told.append(wakes() - before)
print(*told)
""")
    waiting.end()
    # 500 without; where others want the CPUs, a rest may be taken to have been in vain, and none follows for a second
    assert min(map(int, out[0].split())) < 180, out


def test_filtered(t):
    """Where a filter of system calls keeps a process from reading itself: refused, and left alone."""
    t.need_ctypes()
    if os.uname().machine != "x86_64":
        raise Skip("the filter is for x86-64")
    waiting = Waiting(t)
    out = waiting.run("""
import struct
libc = ctypes.CDLL(None, use_errno=True)
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 310), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(steps), ctypes.addressof(code)))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0) == 0
print(attach(), threads(), leave())
""")
    waiting.end()
    assert out == [f"{UNREADABLE} 1 1"], out


def test_two_at_once(t):
    """Who is recorded already is told so: by another copy of the library, and where pyrec started it. When
    that pyrec is gone, it can be attached to."""
    t.need_ctypes()
    waiting = Waiting(t, ["-r", "200"])
    other = t.dir / "other.so"
    other.write_bytes((t.build / "record" / "libpyrec.so").read_bytes())
    out = waiting.run("""
other = ctypes.CDLL(sys.argv[3])
other.pyrec_attach.argtypes = [ctypes.c_char_p]
print(attach(), other.pyrec_attach(settings), other.pyrec_leave(), leave())
print(other.pyrec_attach(settings), attach(), leave(), other.pyrec_leave())
""", str(other))
    assert out == [f"{DONE} {BUSY} 1 0", f"{DONE} {BUSY} 1 0"], out

    t.n += 1
    path = t.file("started.py", BEGIN + """
import signal
def work(t):
    end = time.monotonic() + t
    while time.monotonic() < end: sum(range(100))
print(attach(), leave(), flush=True)
os.kill(os.getppid(), signal.SIGKILL)
begin = time.monotonic()
while agent.pyrec_is_recording() and time.monotonic() - begin < 20: work(0.05)
print(attach(), flush=True)
work(0.5)
print(leave(), threads(), flush=True)
""")
    library = str(t.build / "record" / "libpyrec.so")
    process, _ = t.start([t.python, path, library, str(waiting.settings)])
    out, err = process.communicate(timeout=60)
    waiting.end()
    assert out.splitlines() == [f"{BUSY} 1", f"{DONE}", "0 1"] and err == "", (out, err)
    assert any(function_of(frame) == "work" for stack, _ in t.stacks(waiting.trace) for frame in stack)
