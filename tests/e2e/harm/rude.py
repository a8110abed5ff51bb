# SPDX-License-Identifier: MIT
"""Programs that do to signals, processes and environments what real ones do: with pyrec they print
the same, leave the same and end the same as without.
"""
import os

import beside
from e2e import Skip, wide


def test_differences_are_seen(t):
    """The comparison itself: each of these programs can tell that it is recorded."""
    tell = "import os, sys; told = 'PYREC_AGENT' in os.environ\n"
    for tail in ("print(told)", "sys.stderr.write(str(told))", "sys.exit(told)",
                 "open('left', 'w').write(str(told))", "told and open('left', 'w')"):
        command = [t.python, "-c", tell + tail]
        one, other = beside.bare(t, command), beside.recorded(t, command)
        try:
            beside.compare(one, other)
        except AssertionError:
            continue
        raise AssertionError(f"not noticed: {tail}")
    longer = "open('kept').read(); print('same'); import time; time.sleep(0.5)"  # than a tick
    both = beside.same(t, [t.python, "-c", longer], files={"kept": "x"}, status=0)
    assert both.bare.out == "same\n" and both.bare.left == {"kept": b"x"}, both.bare.out
    assert t.rows("threads", both.recorded[0].trace), "nothing was recorded"


# ---- signals ----

OWN_HANDLER = """
import os, signal, sys, threading, time
number = signal.SIGRTMAX - 3
class Interrupted(Exception): pass
def on(signo, frame): raise Interrupted
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(range(100))
busy(0.2)
signal.signal(number, on)
print(signal.getsignal(number) is on)
main = threading.main_thread().ident
def send():
    time.sleep(0.3)
    signal.pthread_kill(main, number)
threading.Thread(target=send).start()
try:
    os.read(os.pipe()[0], 1)
except Interrupted:
    print('interrupted')
busy(0.2)
signal.signal(number, signal.SIG_DFL)
print('default')
busy(0.2)
sys.stdout.flush()
os.kill(os.getpid(), number)
"""


def test_own_handler_interrupts(t):
    """A handler for the number that we would like to have ends a system call, with and without
    signals of ours; and without a handler it ends the program."""
    for options in ((), ("--no-signals",)):
        both = beside.same(t, [t.python, "-c", OWN_HANDLER], options=options)
        assert both.bare.out == "True\ninterrupted\ndefault\n" and both.bare.status < -31, both.bare.out


@wide
def test_all_numbers_taken(t):
    """Every real-time signal is the program's: nobody is asked, and the recording is as good."""
    script = """
import os, signal, time
def work():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: sum(range(100))
work()
got = []
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    signal.signal(number, lambda signo, frame: got.append(signo))
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    os.kill(os.getpid(), number)
work()
print(got == list(range(signal.SIGRTMIN, signal.SIGRTMAX + 1)))
"""
    both = beside.same(t, [t.python, "-c", script], status=0)
    assert both.bare.out == "True\n", both.bare.out
    trace = both.recorded[-1].trace
    wall = sum(row["wall"] for row in t.rows("functions", trace) if row["function"] == "work")
    assert wall + t.unobserved(trace) > 0.8, (wall, t.unobserved(trace))


VFORK = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
int run_helper(void)
{
    int status;
    const pid_t child = vfork();
    if (child == 0) {
        for (int i = 1; i < 32; i++)
            signal(i, SIG_DFL);
        execl("/bin/true", "true", (char *)0);
        _exit(127);
    }
    return waitpid(child, &status, 0) == child ? status : -1;
}
"""


def test_vfork_child_resets(t):
    """What a child of vfork does to its dispositions does not change its parent's."""
    if t.version >= (3, 14):
        raise Skip("faulthandler says more there, and not twice the same")
    library = t.library("helper", VFORK)
    script = ("import ctypes, faulthandler, sys\n"
              "faulthandler.enable()\n"
              "print(ctypes.CDLL(sys.argv[1]).run_helper(), flush=True)\n"
              "ctypes.string_at(0)\n")
    thread = lambda text: text.split("0x")[0]  # the thread's number is another one each time
    both = beside.same(t, [t.python, "-c", script, library], normal=thread, status=-11)
    assert both.bare.out == "0\n" and "Segmentation fault" in both.bare.err, both.bare.err


SMALL_STACK = """
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static int run(int which)
{
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        if (which == 0)
            execl("/bin/sh", "sh", "-c", "exit 3", (char *)0);
        else if (which == 1)
            execlp("sh", "sh", "-c", "exit 4", (char *)0);
        else
            execle("/bin/sh", "sh", "-c", "exit $PLACE", (char *)0, (char *[]){"PLACE=5", 0});
        _exit(127);
    }
    waitpid(child, &status, 0);
    return status;
}
static void *all(void *unused)
{
    for (int i = 0; i < 3; i++)
        printf("%d\\n", run(i));
    return unused;
}
int main(void)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    if (pthread_attr_setstacksize(&small, 32768) != 0 || pthread_create(&thread, &small, all, 0) != 0)
        return 1;
    pthread_join(thread, 0);
    return 0;
}
"""


def test_execl_from_a_small_stack(t):
    both = beside.same(t, [t.python, "-c", "import subprocess, sys; "
                           "sys.exit(subprocess.run(sys.argv[1:]).returncode)",
                           t.program("small", SMALL_STACK)], status=0)
    assert both.bare.out == "768\n1024\n1280\n", both.bare.out


TORN = """
import time
def inner():
    while True:
        try:
            yield
        except ValueError:
            end = time.monotonic() + 0.2
            while time.monotonic() < end: sum(range(50))
def outer():
    yield from inner()
it = outer()
next(it)
end = time.monotonic() + 1.4
while time.monotonic() < end: it.throw(ValueError)
print('ends well')
"""


def test_recording_ends_while_torn(t):
    """Where a stack cannot be read, its thread's timer asks again and again. What it sends last
    may come when nobody records any more."""
    command = [t.python, "-c", TORN]
    expected = beside.bare(t, command)
    assert expected.status == 0 and expected.out == "ends well\n", expected.err
    for rate in (1000, 4000, 1000):
        beside.compare(expected, beside.recorded(t, command, rate, ["--duration", "1s"]))


# ---- masks ----

EXEC_BLOCKED = """
import os, signal, sys, time
every = [signal.SIGINT, signal.SIGTERM, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)] \\
    if sys.argv[2] == 'each' else signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
if sys.argv[2] == 'each':
    for number in every: signal.pthread_sigmask(signal.SIG_BLOCK, [number])
else:
    signal.pthread_sigmask(signal.SIG_BLOCK, every)
print(all(number in signal.pthread_sigmask(signal.SIG_BLOCK, []) for number in every), flush=True)
end = time.monotonic() + 0.3
while time.monotonic() < end: sum(range(100))
os.execv(sys.argv[1], sys.argv[1:2])
"""

UNBLOCK = """
#include <signal.h>
#include <stdio.h>
int main(void)
{
    sigset_t set, pending, before;
    sigfillset(&set);
    sigpending(&pending);
    sigprocmask(SIG_SETMASK, NULL, &before);
    for (int i = 1; i < 65; i++)
        if (sigismember(&pending, i) == 1)
            printf("pending %d\\n", i);
    for (int i = 34; i < 65; i++)
        printf("%d", sigismember(&before, i));
    fflush(stdout);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf(" alive\\n");
    return 0;
}
"""


@wide
def test_exec_with_all_blocked(t):
    """The new program has the mask of the old one, and nothing pending."""
    program = t.program("unblock", UNBLOCK)
    for how in ("all", "each"):
        both = beside.same(t, [t.python, "-c", EXEC_BLOCKED, program, how], rates=(1000, 1000), status=0)
        assert both.bare.out == "True\n" + "1" * 31 + " alive\n", both.bare.out


WAITS_FOR_SIGNALS = """
import os, signal, sys, threading, time
every = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, every)
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(range(100))
busy(0.2)
print(signal.sigtimedwait(every, 0), signal.sigtimedwait(every, 0.1), signal.sigpending())
os.kill(os.getpid(), signal.SIGUSR1)
print(signal.sigwait(every), signal.sigpending())
def send(*numbers):
    busy(0.1)
    for number in numbers: os.kill(os.getpid(), number)
def wait():
    for i in range(3): print(signal.sigwaitinfo(every).si_signo)
threads = [threading.Thread(target=wait), threading.Thread(target=send, args=(10, 15, 62))]
for thread in threads: thread.start()
for thread in threads: thread.join()
# the very number that pyrec likes best, sent by others
for number in (signal.SIGRTMAX - 3, signal.SIGRTMAX - 4):
    busy(0.05)
    os.kill(os.getpid(), number)
    print(signal.sigwaitinfo(every).si_signo)
busy(0.1)
print(signal.sigpending(), len(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
"""


def test_waits_for_all_signals(t):
    both = beside.same(t, [t.python, "-c", WAITS_FOR_SIGNALS], status=0)
    assert both.bare.out.startswith("None None set()\n"), both.bare.out


SIGNALFD = """
import ctypes, os, select, signal, struct, time
libc = ctypes.CDLL(None, use_errno=True)
every = signal.valid_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, every)
bits = ctypes.c_uint64 * 16
fd = libc.signalfd(-1, ctypes.byref(bits(~0)), os.O_NONBLOCK)
def look():
    try: print(struct.unpack_from('I', os.read(fd, 128))[0])
    except BlockingIOError: print('nothing')
for number in (None, signal.SIGUSR1, signal.SIGRTMAX - 3, signal.SIGRTMAX):
    end = time.monotonic() + 0.15
    while time.monotonic() < end: sum(range(100))
    if number: os.kill(os.getpid(), number)
    look()
print(select.select([fd], [], [], 0.1))
"""


def test_signalfd_on_all_signals(t):
    t.need_ctypes()
    both = beside.same(t, [t.python, "-c", SIGNALFD], status=0)
    assert both.bare.out == "nothing\n10\n61\n64\n([], [], [])\n", both.bare.out


# ---- calls that signals cut short ----

WAITS = """
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
/* How many of n calls ended before their time, or with EINTR; a little work between them. */
long cut(int which, long n)
{
    const struct timespec wait = {0, 20000};
    int sockets[2];
    long cut = 0;
    sem_t never;
    sem_init(&never, 0, 0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    const struct timeval moment = {0, 20};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    for (long i = 0; i < n; i++) {
        struct timeval time = {0, 20};
        struct timespec until;
        char byte;
        volatile long work = 0;
        while (work < 5000 + i % 777)
            work++;
        const long long begin = now();
        errno = 0;
        if (which == 0)
            nanosleep(&wait, NULL);
        else if (which == 1)
            usleep(20);
        else if (which == 2)
            select(0, NULL, NULL, NULL, &time);
        else if (which == 3)
            poll(NULL, 0, 1);
        else if (which == 4)
            recv(sockets[0], &byte, 1, 0);
        else {
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += 20000;
            if (until.tv_nsec >= 1000000000)
                until.tv_nsec -= 1000000000, until.tv_sec++;
            sem_timedwait(&never, &until);
        }
        cut += errno == EINTR || (which < 5 && now() - begin < 20000);
    }
    close(sockets[0]);
    close(sockets[1]);
    return cut;
}
"""

CALLS = ("nanosleep", "usleep", "select", "poll", "recv", "sem_timedwait")
N_CALLS = int(os.environ.get("PYREC_CALLS", "500"))


def test_nothing_is_cut_short(t):
    """PYREC_CALLS: how many of each (100000 is the long form)."""
    script = ("import ctypes, sys\n"
              "lib = ctypes.CDLL(sys.argv[1])\n"
              "lib.cut.argtypes, lib.cut.restype = [ctypes.c_int, ctypes.c_long], ctypes.c_long\n"
              "print(*[lib.cut(i, int(sys.argv[2]) // (1 + 7 * (i in (3, 4)))) for i in range(6)])\n")
    command = [t.python, "-c", script, t.library("waits", WAITS), str(N_CALLS)]
    both = beside.same(t, command, rates=(1000,), status=0, timeout=3000)
    assert both.bare.out == "0 0 0 0 0 0\n", both.bare.out
    assert t.rows("threads", both.recorded[0].trace), "it was not recorded"


# What a signal cuts short with less done than was asked for; allocating, undone and begun anew.
PARTS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
zero, size, memory = os.open('/dev/zero', os.O_RDONLY), 1 << 20, libc.memfd_create(b'', 0)
room = [bytearray(size)]
calls = {
    'read': lambda: len(os.read(zero, size)) == size,
    'readv': lambda: os.readv(zero, room) == size,
    'pread': lambda: len(os.pread(zero, size, 0)) == size,
    'preadv': lambda: os.preadv(zero, room, 0) == size,
}
for name, call in calls.items():
    print(name, sum(not call() for i in range(3000)))
at = ctypes.c_int64
def once(function, *mode):
    status = function(memory, *mode, at(0), at(32 << 20))
    os.ftruncate(memory, 0)
    return status != 0
for name in 'fallocate', 'fallocate64', 'posix_fallocate', 'posix_fallocate64':
    mode = () if 'posix' in name else (0,)
    print(name, sum(once(getattr(libc, name), *mode)
                    for i in range(8)))
"""


def test_nothing_is_done_in_part(t):
    t.need_ctypes()
    both = beside.same(t, [t.python, "-c", PARTS], rates=(1000,), status=0)
    assert [line.split()[1] for line in both.bare.out.splitlines()] == ["0"] * 8, both.bare.out
    assert t.rows("threads", both.recorded[0].trace), "it was not recorded"


# ---- signals in other dresses ----

DRESSES = """
import ctypes, faulthandler, os, resource, signal, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(range(100))
got = []
def on(signo, frame): got.append(signo)
# all handlers reset, one by one, as daemons do it; then all ignored, then all set
for number in sorted(signal.valid_signals()):
    if number in (signal.SIGKILL, signal.SIGSTOP, 32, 33): continue
    signal.signal(number, signal.SIG_DFL)
busy(0.1)
for number in sorted(signal.valid_signals()):
    if number in (signal.SIGKILL, signal.SIGSTOP, 32, 33): continue
    signal.signal(number, signal.SIG_IGN)
busy(0.1)
os.kill(os.getpid(), signal.SIGSEGV)
os.kill(os.getpid(), signal.SIGRTMAX - 3)
print('ignored')
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    signal.signal(number, on)
    signal.siginterrupt(number, number % 2 == 0)
signal.signal(signal.SIGALRM, on)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
faulthandler.enable()
busy(0.3)
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(got) >= 3, set(got))
del got[:]
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1): os.kill(os.getpid(), number)
busy(0.05)
print(len(got))
faulthandler.disable()
print(faulthandler.is_enabled())
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
signal.signal(signal.SIGUSR1, on)
signal.pause()
print(got[-1])
print([signal.getsignal(number) is on for number in (signal.SIGRTMIN, signal.SIGRTMAX - 3)])
"""


def test_signals_in_other_dresses(t):
    t.need_ctypes()
    both = beside.same(t, [t.python, "-c", DRESSES], status=0)
    assert "31\n" in both.bare.out, both.bare.out


ALTSTACK = """
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static char room[65536];
static volatile sig_atomic_t n_alt, n_once, n_timer, n_usual;
static int on_alt(void)
{
    char here;
    return &here >= room && &here < room + sizeof room;
}
static void on_segv(int signo, siginfo_t *info, void *context)
{
    (void)signo; (void)info; (void)context;
    n_alt += on_alt();
    dprintf(1, "alt %d once %d timer %d usual %d\\n", n_alt, n_once, n_timer >= 5, n_usual);
    _exit(7);
}
static void once(int signo) { (void)signo; n_once++; }
static void tick(int signo) { (void)signo; n_timer++; }
static void usual(int signo) { (void)signo; n_usual += !on_alt(); }
int odd_signals(void)
{
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    sigaltstack(&stack, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_segv;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, NULL);
    memset(&action, 0, sizeof action);
    action.sa_handler = once;
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGRTMAX - 3, &action, NULL);
    raise(SIGRTMAX - 3);
    sigaction(SIGRTMAX - 3, NULL, &action);
    n_once += action.sa_handler == SIG_DFL;
    action.sa_handler = usual;
    action.sa_flags = 0;
    sigaction(SIGRTMAX - 4, &action, NULL);
    raise(SIGRTMAX - 4);
    for (int i = 0; i < 3; i++) {
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + i};
        struct itimerspec often = {{0, 2000000}, {0, 2000000}};
        timer_t timer;
        signal(SIGRTMIN + i, tick);
        timer_create(CLOCK_MONOTONIC, &event, &timer);
        timer_settime(timer, 0, &often, NULL);
    }
    sigset_t before;
    sigprocmask(SIG_BLOCK, NULL, &before);
    while (n_timer < 10)
        sigsuspend(&before);
    *(volatile char *)8 = 0;
    return 0;
}
"""


def test_stacks_and_timers(t):
    """A handler on its alternate stack, one for one time, timers with signals of their own."""
    library = t.library("odd", ALTSTACK)
    script = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).odd_signals()"
    both = beside.same(t, [t.python, "-c", script, library], status=7)
    assert both.bare.out == "alt 1 once 2 timer 1 usual 1\n", both.bare.out


# ---- environments ----

BUSY = "import time\nend = time.monotonic() + 0.05\nwhile time.monotonic() < end: sum(range(100))\n"

ENVIRONMENTS = """
import os, signal, subprocess, sys
work = [sys.executable, '-c', sys.argv[1]]
env = lambda **more: {'PATH': os.environ['PATH'], **more}
runs = [
    lambda: subprocess.run(work, env={}).returncode,
    lambda: subprocess.run(work, env=env(LD_PRELOAD='libm.so.6')).returncode,
    lambda: subprocess.run(['env', '-i', *work]).returncode,
    lambda: subprocess.run(['env', '-i', 'sh', '-c', '"$0" -c "$1"', sys.executable, sys.argv[1]]).returncode,
    lambda: subprocess.run(['env', '-u', 'LD_PRELOAD', *work]).returncode,
    lambda: os.waitpid(os.posix_spawn(work[0], work, {}), 0)[1],
    lambda: os.waitpid(os.posix_spawnp(work[0], work, env(LD_PRELOAD='')), 0)[1],
]
stopped = os.getppid() if sys.argv[2:] else 0  # our parent is pyrec
if stopped: os.kill(stopped, signal.SIGSTOP)
print([run() for run in runs])
pid = os.fork()
if pid == 0: os.execve(work[0], work, {})
print(os.waitpid(pid, 0)[1])
os.environ.clear()
print(os.spawnv(os.P_WAIT, work[0], work))
if stopped: os.kill(stopped, signal.SIGCONT)
"""


def test_replaced_environments(t):
    """Who is started with another environment, or another LD_PRELOAD, is recorded all the same."""
    both = beside.same(t, [t.python, "-c", ENVIRONMENTS, BUSY], status=0)
    assert both.bare.out == "[0, 0, 0, 0, 0, 0, 0]\n0\n0\n", both.bare.out
    def ends_of(run):  # without those that were to exec
        return sorted(row["ended"] for row in t.rows("processes", run.trace) if row["ended"] != "exec")
    for run in both.recorded:
        ended = ends_of(run)
        assert len(ended) == 10 and set(ended) <= {"exit 0", "ended"}, (run.how, run.err, t.rows("processes", run.trace))
    # how it is not known of those that begin and are buried while pyrec gets no CPU
    run = beside.recorded(t, [t.python, "-c", ENVIRONMENTS, BUSY, "stop"])
    assert ends_of(run) == ["ended"] * 9 + ["exit 0"], (run.err, t.rows("processes", run.trace))


def test_replaced_environment_of_children_that_are_not_wanted(t):
    run = beside.recorded(t, [t.python, "-c", ENVIRONMENTS, BUSY], options=["--no-children"])
    assert run.status == 0 and len(t.rows("processes", run.trace)) == 1, (run.out, run.err)


def test_environment_is_the_programs(t):
    """What a program says of its environment, and what others who are executed have, is what it
    set: but for the two variables, and these not where nothing of ours could be loaded."""
    script = ("import os, subprocess\n"
              "show = lambda text: sorted(line for line in text.split('\\n')\n"
              "    if line and not line.startswith(('PYREC_AGENT=', 'LD_PRELOAD=')))\n"
              "for env in ({}, {'A': '1'}, {'A': 'x' * 20000, **{f'V{i}': str(i) for i in range(3000)}}):\n"
              "    run = subprocess.run(['/usr/bin/env'], env=env, capture_output=True, text=True)\n"
              "    print(run.returncode, show(run.stdout), run.stderr)\n")
    both = beside.same(t, [t.python, "-c", script], status=0)
    assert "V2999=2999" in both.bare.out, both.bare.out
