# SPDX-License-Identifier: MIT
"""Programs that do to signals, processes and environments what real ones do: with pyrec they print
the same, leave the same and end the same as without.
"""
import beside
from e2e import Skip


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
    both = beside.same(t, [t.python, "-c", "open('kept').read(); print('same')"],
                       files={"kept": "x"}, status=0)
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
    wall = sum(row["wall"] for row in t.rows("functions", both.recorded[1].trace)
               if row["function"] == "work")
    assert wall > 0.8, wall


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
    for rate in (1000, 4000, 1000, 4000):
        beside.compare(expected, beside.recorded(t, command, rate, ["--duration", "1s"]))
