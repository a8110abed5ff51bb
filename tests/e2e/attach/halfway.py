# SPDX-License-Identifier: MIT
"""A program that forks while recording begins in it, or ends: whatever the recorder's memory is just then, the
child lives, is recorded if its parent was, loads libraries, and can be attached to.

The recorder's thread is stepped through its instructions. At each that has changed a word of its own data the
program forks: in the middle of it the kernel does so, too, where that word is on a page that others wait for.
"""
import collections
import ctypes
import os
import re
import signal
import subprocess
import time

from attach import need_attaching
from e2e import Skip, Started
from late import BEGIN, DONE, Waiting

STOP_SECONDS = 30  # until a thread that was told to stop has done so
LATER = 10  # of wire.h: it has no CPU yet, for we do not let it

PROGRAM = BEGIN + f"""
import mmap, signal
word, done = threading.Semaphore(0), threading.Semaphore(0)
def begin_and_leave():
    print(threading.get_native_id(), flush=True)
    for work in 2 * [attach, leave]:
        word.acquire()
        assert work() in ({DONE}, {LATER})
        done.release()
    word.acquire()
def sampler():  # how often it has slept; None: there is none
    for tid in os.listdir('/proc/self/task'):
        try:
            text = open('/proc/self/task/%s/status' % tid).read()
        except OSError:
            continue
        if text.startswith('Name:\\tpyrec-sampler\\n'):
            return int(text.split('\\nvoluntary_ctxt_switches:')[1].split()[0])
def live():
    signal.alarm(60)
    while sampler() in (0, 1, 2): time.sleep(0.0005)
    is_recorded = sampler() is not None
    leave()
    ctypes.CDLL(sys.argv[3])
    mine = [mmap.mmap(-1, 1 << 16) for _ in range(400)]  # wherever something was given back
    for one in mine: one[0] = one[-1] = 1
    assert attach() == {DONE} and sampler() is not None
    assert leave() == 0 and sampler() is None
    assert all(one[0] == one[-1] == 1 for one in mine)
    return is_recorded
threading.Thread(target=begin_and_leave, daemon=True).start()
for line in sys.stdin:
    if line == 'fork\\n':
        child = os.fork()
        if child == 0:
            os._exit(10 + live())
        print(os.waitpid(child, 0)[1], flush=True)
    elif line == 'go\\n':
        word.release()
    else:
        done.acquire()
        print('done', flush=True)
"""
UNRECORDED, RECORDED = 10 << 8, 11 << 8

TRACEME, POKEUSER, CONT, SINGLESTEP, GETREGS, DETACH, GETEVENTMSG, SEIZE, INTERRUPT = \
    0, 6, 7, 9, 12, 17, 0x4201, 0x4206, 0x4207
TRACECLONE, EVENT_CLONE, TRAP = 8, 3, 5
WALL = 0x40000000
DEBUG_ADDRESS, DEBUG_CONTROL = 848, 848 + 7 * 8  # in struct user
PC, SP = 16, 19  # in struct user_regs_struct
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def trace(request, tid, data=None, address=None):
    assert libc.ptrace(request, tid, address, data) == 0, (request, os.strerror(ctypes.get_errno()))


def went_on(*_):
    raise AssertionError(f"it did not stop within {STOP_SECONDS} s")


def stop_of(tid):
    """None: it has ended."""
    signal.signal(signal.SIGALRM, went_on)
    signal.alarm(STOP_SECONDS)
    status = os.waitpid(tid, WALL)[1]
    signal.alarm(0)
    return status if os.WIFSTOPPED(status) else None


def break_at(tid, address):
    trace(POKEUSER, tid, address, DEBUG_ADDRESS)  # of this thread alone
    trace(POKEUSER, tid, 1, DEBUG_CONTROL)


def need_breakpoints():
    """A breakpoint of the CPU's stops a thread: in some virtual machines none does."""
    child = os.fork()
    if child == 0:
        libc.ptrace(TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        libc.getppid()
        os._exit(0)
    assert stop_of(child) is not None
    break_at(child, ctypes.cast(libc.getppid, ctypes.c_void_p).value)
    trace(CONT, child)
    if stop_of(child) is None:
        raise Skip("this machine's hardware breakpoints stop nobody")
    os.kill(child, signal.SIGKILL)
    stop_of(child)


class Program:
    """It has loaded the library; a thread of it begins and leaves, each at a word."""

    def __init__(self, t):
        library = str(t.build / "record" / "libpyrec.so")
        waiting = Waiting(t, ["-r", "1000"])
        self.process = Started(
            [t.python, "-Wignore", t.file("halfway.py", PROGRAM), library, str(waiting.settings),
             t.library("other", "int other;")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        t.at_end.append(self.process.kill)
        self.beginner = int(self.process.stdout.readline())
        memory = open(f"/proc/{self.process.pid}/mem", "rb", buffering=0)
        t.at_end.append(memory.close)
        self.memory = memory.fileno()
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as maps:
            areas = re.findall(r"^(\w+)-(\w+) (\S+) .*/libpyrec.so$", maps.read(), re.M)
        base = int(areas[0][0], 16)
        self.code = next(range(int(begin, 16), int(end, 16)) for begin, end, may in areas if "x" in may)
        self.registers = (ctypes.c_ulonglong * 27)()
        symbols = subprocess.run(["nm", "-S", library], capture_output=True, text=True, check=True).stdout
        self.data = {name: (base + int(at, 16), int(size, 16))
                     for at, size, name in re.findall(r"^(\w+) (\w+) [bBdD] (\w+)$", symbols, re.M)}
        begin, end = min(self.data.values())[0], sum(max(self.data.values()))
        names = self.data["names"]
        self.areas = [(begin, names[0]), (sum(names), end)]

    def word(self, name):
        """The first of a variable."""
        return int.from_bytes(os.pread(self.memory, 4, self.data[name][0]), "little")

    def all_data(self):
        """But for the text of what the program has named, which is long."""
        return [os.pread(self.memory, end - at, at) for at, end in self.areas]

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def sampler_begins(self):
        """It stands before its first instruction."""
        trace(SEIZE, self.beginner, TRACECLONE)
        self.say("go")
        status = stop_of(self.beginner)
        while status >> 16 != EVENT_CLONE:
            trace(CONT, self.beginner, 0 if status >> 16 else os.WSTOPSIG(status))
            status = stop_of(self.beginner)
        sampler = ctypes.c_ulong()
        trace(GETEVENTMSG, self.beginner, ctypes.byref(sampler))
        trace(DETACH, self.beginner)
        stop_of(sampler.value)
        return sampler.value

    def sampler_leaves(self, sampler):
        """It stands still, and will leave."""
        trace(INTERRUPT, sampler)
        stop_of(sampler)
        self.say("go")

    def step(self, sampler):
        """One instruction of the recorder's, or a whole function of others that it has called; what became
        of the thread."""
        trace(SINGLESTEP, sampler)
        status = stop_of(sampler)
        if status is None:
            return None
        trace(GETREGS, sampler, self.registers)
        back = int.from_bytes(os.pread(self.memory, 8, self.registers[SP]), "little")
        if self.registers[PC] in self.code or back not in self.code:
            return status
        break_at(sampler, back)
        trace(CONT, sampler)
        status = stop_of(sampler)
        trace(POKEUSER, sampler, 0, DEBUG_CONTROL)
        return status

    def changes(self, sampler):
        """Steps it, and stops behind each step that has changed something, until it has ended."""
        before = self.all_data()
        status = self.step(sampler)
        while status is not None:
            assert os.WSTOPSIG(status) == TRAP, status
            now = self.all_data()
            if now != before:
                yield
                before = now
            status = self.step(sampler)

    def fork(self):
        self.say("fork")
        status = int(self.answer())
        assert status in (UNRECORDED, RECORDED), f"a child ended with {status:#x}"
        return status


def test_forks(t):
    """At each change of its data, as recording begins and as it ends."""
    need_attaching()
    need_breakpoints()
    program = Program(t)
    sampler = program.sampler_begins()
    born = collections.Counter()
    for _ in program.changes(sampler):
        born[program.fork()] += 1
        if program.word("the_agent") == 1:  # its state: it is running
            break
    assert set(born) == {RECORDED} and born[RECORDED] > 20, born
    trace(CONT, sampler)
    program.say("wait")
    assert program.answer() == "done"
    program.sampler_leaves(sampler)
    last = collections.Counter(program.fork() for _ in program.changes(sampler) if program.word("n_walks") == 0)
    assert last[UNRECORDED] > 20, last
    program.say("wait")
    assert program.answer() == "done"


def test_fork_while_the_loader_is_asked(t):
    """It comes when the loader's lock is free again."""
    need_attaching()
    need_breakpoints()
    program = Program(t)
    sampler = program.sampler_begins()
    trace(CONT, sampler)
    program.say("wait")
    assert program.answer() == "done"
    program.sampler_leaves(sampler)
    for _ in program.changes(sampler):
        if program.word("n_walks") > 0:
            break
    program.say("fork")
    end = time.monotonic() + 60
    while program.word("n_forks") == 0:
        assert time.monotonic() < end
        time.sleep(0.001)
    trace(DETACH, sampler)
    assert int(program.answer()) == UNRECORDED
