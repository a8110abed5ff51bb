# SPDX-License-Identifier: MIT
"""pyrec as somebody's main process: whoever signals it, or its group, or every process, or PID 1, the
command gets what it would have got in its place, as often."""
import contextlib
import fcntl
import os
import pathlib
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
import time

from e2e import Skip, group_is_orphaned, wide

PATIENCE = 30  # seconds, for what happens at once on a machine that has time
ALL = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP)]
ENDS = [n for n in ALL if n not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH,
                                    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)]
MARK = 40   # sent last: what comes before it has come

# Says which signals it gets, with what they carry, until MARK comes. Nothing is merged but by the
# kernel, and nothing is left out, also not what the C library keeps to itself.
LISTEN = r"""
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    const uint64_t all = UINT64_MAX;
    siginfo_t info;
    int signal = 0;
    if (argc > 1 && strcmp(argv[1], "group") == 0)
        setpgid(0, 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
    if (argc > 1 && strcmp(argv[1], "others") == 0) {
        kill(getppid(), SIGUSR2);
        kill(0, SIGHUP);
    }
    printf("ready %d\n", getpid());
    fflush(stdout);
    while (signal != 40) {
        signal = (int)syscall(SYS_rt_sigtimedwait, &all, &info, NULL, 8);
        if (info.si_code == SI_QUEUE)
            printf("%d value %d of %d\n", signal, info.si_value.sival_int, info.si_pid);
        else
            printf("%d\n", signal);
        fflush(stdout);
    }
    return 7;
}
"""

# usage: queue PID SIGNAL COUNT: so many, numbered; a full queue is waited for.
QUEUE = r"""
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    (void)argc;
    for (int i = 0; i < atoi(argv[3]); i++) {
        const union sigval value = {.sival_int = i};
        while (sigqueue(atoi(argv[1]), atoi(argv[2]), value) != 0) {
            if (errno != EAGAIN)
                return 1;
            sched_yield();
        }
    }
    return 0;
}
"""


def wait_for(is_so, what):
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


def status(pid, name):
    """A line of /proc/PID/status; "" when there is no such process."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith(name + ":"):
                return line.split(":")[1].strip()
    return ""


def children(pid):
    with contextlib.suppress(OSError):
        return [int(n) for n in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def witness_of(pid):
    return [n for n in children(pid) if status(n, "Name") == "group-witness"]


class Service:
    """A command as the leader of its own session, as service managers start it; `bare`: without
    pyrec. main is whom they signal."""

    def __init__(self, t, command, bare=False, options=(), under=(), **more):
        line = [str(word) for word in command]
        self.trace = t.trace()
        if not bare:
            line = [t.pyrec, "-q", "-o", self.trace, *options, "--", *line]
        self.process = subprocess.Popen([*under, *line], stdout=subprocess.PIPE, bufsize=0,
                                        start_new_session=True, cwd=t.dir, **more)
        self.main = self.process.pid
        t.at_end.append(self.kill)
        self.said = []   # lines
        self.rest = b""  # of what was read: a part of a line

    def lines(self):
        """As they come; fails when none does."""
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                self.said.append(line.decode())
                yield self.said[-1]
            assert select.select([self.process.stdout], [], [], PATIENCE)[0], (
                f"nothing after {self.said}")
            data = self.process.stdout.read(65536)
            if not data:
                return
            self.rest += data

    def until(self, word):
        """Read what it says up to a line that begins so; the line."""
        for line in self.lines():
            if line.startswith(word):
                return line
        raise AssertionError(f"no {word} in {self.said}")

    def end(self):
        """Its exit status, and all it has said."""
        for _ in self.lines():
            pass
        return self.process.wait(timeout=PATIENCE), self.said

    def kill(self):
        """Whatever is left of it."""
        for pid in [*children(self.main), -self.main]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def send_as_parent(number, pid):
    os.kill(pid, number)


def send_as_stranger(number, pid):
    """From a process that nobody descends from; there are hundreds, so it starts without site."""
    code = "import os, sys; os.kill(int(sys.argv[1]), int(sys.argv[2]))"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(pid), str(number)], check=True)


SENDERS = (send_as_parent, send_as_stranger)


def listener(t):
    return [t.program("listen", LISTEN)]


def heard(t, send, target, bare=False):
    """What a listener says of every signal, each sent when the one before has come."""
    service = Service(t, listener(t), bare)
    service.until("ready")
    for number in ALL:
        if number != MARK:
            send(number, target(service.main))
            service.until(f"{number}")
    send(MARK, target(service.main))
    ended, said = service.end()
    assert ended == 7, (ended, said)
    return said[1:]


def test_each_signal(t):
    """To pyrec alone: passed on, once, whatever it is."""
    for send in SENDERS:
        said = heard(t, send, lambda pid: pid)
        assert said == [str(n) for n in ALL if n != MARK] + [str(MARK)], said


@wide
def test_each_signal_to_the_group(t):
    """The command has it already."""
    for send in SENDERS:
        said = heard(t, send, lambda pid: -pid)
        assert said == [str(n) for n in ALL if n != MARK] + [str(MARK)], said


def test_python(t):
    """The same with handlers of Python's, and the agent in the program: as without."""
    code = ("import signal, sys\n"
            "def on(n, frame):\n"
            "    print(n, flush=True)\n"
            "    if n == 64: sys.exit(7)\n"
            "for n in range(1, 65):\n"
            "    try: signal.signal(n, on)\n"
            "    except (OSError, ValueError): pass\n"
            "print('ready', flush=True)\n"
            "while True: signal.pause()\n")
    left_out = (signal.SIGKILL, signal.SIGSTOP, 32, 33)  # Python has no handlers for these
    for sign in (1, -1):
        service = Service(t, [t.python, "-c", code], options=["-r", "1k"])
        service.until("ready")
        for number in ALL:
            if number not in left_out:
                os.kill(sign * service.main, number)
                service.until(f"{number}")
        ended, said = service.end()
        assert said[1:] == [str(n) for n in ALL if n not in left_out], said
        assert ended == 7, ended


def test_unhandled(t):
    """Default actions are the command's, and pyrec ends as it did. USR1 asks for a flush: it is
    passed on only to those who know it."""
    for number in ENDS:
        if number == signal.SIGUSR1:
            continue
        service = Service(t, ["sleep", "100"])
        wait_for(lambda: witness_of(service.main), "started")
        os.kill(service.main, number)
        ended, _ = service.end()
        assert ended == -number, (number, ended)


def signal_one_by_one(t, order):
    """As systemd's KillMode=control-group does; what the command got."""
    for _ in range(20):
        service = Service(t, listener(t))
        service.until("ready")
        wait_for(lambda: witness_of(service.main), "started")
        pids = order([service.main, *children(service.main)])
        begin = time.monotonic()
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.01)  # so that nobody has it by chance before it is looked at
        took = time.monotonic() - begin
        service.until("15")
        time.sleep(0.15)  # what is held back would come now
        send_as_stranger(MARK, service.main)
        said = service.end()[1][1:]
        if took < 0.08:  # else we were held up, which is not what is looked at
            return said
    raise Skip("no time for 20 times")


def test_one_by_one(t):
    for order in (lambda pids: pids, lambda pids: pids[1:] + pids[:1], lambda pids: pids[::-1]):
        said = signal_one_by_one(t, order)
        assert said == ["15", str(MARK)], said


def test_values(t):
    """sigqueue(): every one, in its order, with its value and its sender."""
    queue = t.program("queue", QUEUE)
    service = Service(t, listener(t))
    service.until("ready")
    sender = subprocess.Popen([queue, str(service.main), "50", "3000"])
    assert sender.wait(timeout=PATIENCE) == 0
    os.kill(service.main, 51)
    service.until("51")
    os.kill(service.main, MARK)
    service.end()
    got = [line for line in service.said if " value " in line]
    assert got == [f"50 value {i} of {sender.pid}" for i in range(3000)], len(got)


def test_storm(t):
    """Of a storm to the group each comes once at most; to pyrec, at least one after the last."""
    service = Service(t, listener(t))
    service.until("ready")
    for _ in range(300):
        os.killpg(service.main, signal.SIGHUP)
        os.killpg(service.main, 45)
    os.kill(service.main, 46)
    service.until("46")
    said = list(service.said)
    for _ in range(300):
        os.kill(service.main, signal.SIGUSR2)
    os.kill(service.main, MARK)
    said_last = service.end()[1][len(said):]
    assert said.count("45") == 300, said.count("45")
    assert 1 <= said.count("1") <= 300, said.count("1")
    assert 1 <= said_last.count("12") <= 300, said_last


def test_own_group(t):
    """Had the command been there instead of pyrec, it would have led the group it now leaves."""
    service = Service(t, listener(t) + ["group"])
    service.until("ready")
    for send in SENDERS:
        send(signal.SIGHUP, -service.main)
        service.until("1")
    os.kill(service.main, signal.SIGINT)
    service.until("2")
    os.kill(service.main, MARK)
    assert service.end()[1][1:] == ["1", "1", "2", str(MARK)], service.said


def test_own_signals(t):
    """What the command sends to its own group, it has; what to its parent, is not for it."""
    service = Service(t, listener(t) + ["others"])
    service.until("1")
    send_as_parent(MARK, service.main)
    assert service.end()[1][1:] == ["1", str(MARK)], service.said


def test_terminal(t):
    """What its terminal sends: Ctrl-C to the group; that it is gone, to the leader of the session,
    which the command would have been."""
    said = []
    for bare in (True, False):
        ours, theirs = pty.openpty()
        service = Service(t, listener(t), bare, stdin=theirs,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        service.until("ready")
        os.close(theirs)
        os.write(ours, b"\x03")
        service.until("2")
        os.write(ours, b"\x1c")
        service.until("3")
        os.close(ours)
        service.until("1")
        os.kill(service.main, MARK)
        ended, lines = service.end()
        said.append((ended, sorted(lines[1:])))
    assert said[0] == said[1] == (7, sorted(["2", "3", "1", "18", str(MARK)])), said


# ---- PID 1 ----

def namespace():
    under = ["unshare", "-pf", "--mount-proc", "--kill-child"]
    try:
        done = subprocess.run([*under, "true"], capture_output=True)
    except FileNotFoundError:
        raise Skip("no unshare here")
    if done.returncode != 0:
        raise Skip("no rights to make a PID namespace")
    return under


def first_of(t, service):
    """The process that is PID 1 in there."""
    wait_for(lambda: children(service.main), "PID 1")
    return children(service.main)[0]


SAYS = """
import os, signal, sys, time
def on(n, frame): print('got', n, flush=True)
signal.signal(signal.SIGHUP, on)
try:
    print('ready', flush=True)
    while True:
        time.sleep(60)
except KeyboardInterrupt:
    print('interrupted', flush=True)
    sys.exit(3)
"""


def test_first_process(t):
    """PID 1 gets what it handles, and nothing else."""
    results = []
    for bare in (True, False):
        service = Service(t, [t.python, "-c", SAYS], bare, under=namespace())
        service.until("ready")
        first = first_of(t, service)
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTSTP, signal.SIGHUP):
            os.kill(first, number)
        service.until("got 1")
        os.kill(first, signal.SIGINT)
        service.until("interrupted")
        results.append(service.end())
    assert results[0] == results[1], results
    assert results[0][0] == 3, results


ORPHANS = """
import os, sys, time
for i in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.01 * i)
            os._exit(i)
        os._exit(0)
    os.wait()
def parent(n):
    try:
        with open(f'/proc/{n}/stat') as stat:
            return stat.read().rsplit(')', 1)[1].split()[1]
    except OSError: # it has ended since it was listed
        return None
while True: # without pyrec they would be our own children: here they are somebody else's
    parents = [parent(n) for n in os.listdir('/proc') if n.isdigit()]
    if parents.count('1') == 2: break # this one and the witness
    time.sleep(0.01)
print('no zombies', flush=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
sys.exit(5)
"""


@wide
def test_first_process_buries(t):
    """What is left to PID 1 is buried, and does not keep the container up."""
    service = Service(t, [t.python, "-c", ORPHANS], under=namespace())
    service.until("no zombies")
    assert service.end()[0] == 5
    ends = t.info(service.trace)["processes"]
    assert len(ends) >= 21, len(ends)


# ---- asking for a flush ----

def test_flush(t):
    """SIGUSR1 makes everything so far readable, and is the command's all the same if it knows it."""
    for handles in (True, False):
        code = ("import signal, time\n" +
                ("signal.signal(signal.SIGUSR1, lambda *_: print('got USR1', flush=True))\n"
                 if handles else "") +
                "print('ready', flush=True)\n"
                "time.sleep(1000)\n")
        service = Service(t, [t.python, "-c", code], options=["-r", "1k", "--keep", "1h"])
        service.until("ready")
        os.kill(service.main, signal.SIGUSR1)
        if handles:
            service.until("got USR1")
        copy = pathlib.Path(service.trace.replace(".trace", ".1.trace"))
        wait_for(copy.exists, "a snapshot")
        wait_for(lambda: t.rows("processes", str(copy), ok=(0, 1, 5)), "a process in it")
        assert service.process.poll() is None
        os.kill(service.main, signal.SIGTERM)
        assert service.end()[0] == -signal.SIGTERM


# ---- stopping ----

def test_stop(t):
    """Stop signals to pyrec stop the command."""
    if group_is_orphaned():
        raise Skip("this is an orphaned process group, in which these signals do nothing")
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        # not in a session of its own, where nobody could wake it
        process, _ = t.start(["sleep", "1000"])
        wait_for(lambda: witness_of(process.pid), "started")
        command = children(process.pid)[0]
        os.kill(process.pid, number)
        wait_for(lambda: status(command, "State").startswith("T"), f"stopped by {number}")
        os.kill(process.pid, signal.SIGCONT)
        wait_for(lambda: not status(command, "State").startswith("T"), "continued")
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGTERM


# ---- before and after ----

def test_before(t):
    """Whenever it comes while pyrec starts: nobody is left behind."""
    stray = []
    for i in range(40):
        mark = f"{1000 + i / 1000}"
        service = Service(t, ["sleep", mark])
        time.sleep(i * 0.001)
        os.kill(service.main, signal.SIGTERM)
        ended, _ = service.end()
        assert ended == -signal.SIGTERM, (i, ended)
        stray += [line for line in command_lines() if mark in line]
    assert not stray, stray


def command_lines():
    for pid in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if pid.isdigit():
                yield pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def lingering(t):
    """A service whose command has ended, but not what that has left behind."""
    code = ("import os, time\n"
            "if os.fork() == 0:\n"
            "    print('ready', flush=True)\n"
            "    time.sleep(1000)\n"
            "os._exit(4)\n")
    service = Service(t, [t.python, "-c", code], options=["-r", "1k"])
    service.until("ready")
    wait_for(lambda: children(service.main) == witness_of(service.main), "the command's end")
    return service


def test_after(t):
    """Four signals end the recording of what was left behind; the others find nobody."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        service = lingering(t)
        for other in ALL:
            if other not in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                os.kill(service.main, other)
        os.kill(service.main, number)
        assert service.process.wait(timeout=PATIENCE) == 4, number
        reason = t.info(service.trace)["recordings"][0]["stop_reason"]
        assert reason == "stopped", (number, reason)


# ---- what an exec keeps ----

def test_timers(t):
    """An alarm that was set before pyrec was started is the command's."""
    code = ("import os, signal, sys\n"
            "signal.setitimer(signal.ITIMER_REAL, 1)\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n")
    for bare in (True, False):
        service = Service(t, ["sleep", "1000"], bare, under=[sys.executable, "-c", code])
        if bare:
            service.kill()
            line = ["/bin/sleep", "1000"]
            service = Service(t, line, bare, under=[sys.executable, "-c", code])
        assert service.end()[0] == -signal.SIGALRM


def test_pending(t):
    """A signal that was sent before pyrec was started, and blocked, is the command's."""
    code = ("import os, signal, sys\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])\n"
            "os.kill(os.getpid(), signal.SIGUSR2)\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n")
    said = []
    for bare in (True, False):
        service = Service(t, listener(t), bare, under=[sys.executable, "-c", code])
        service.until("12")
        os.kill(service.main, MARK)
        said.append(service.end()[1][1:])
    assert said[0] == said[1] == ["12", str(MARK)], said


# ---- the witness ----

def test_witness(t):
    """It is nobody whom one would signal by name, has nothing open, and never outlives pyrec."""
    service = Service(t, listener(t))
    service.until("ready")
    wait_for(lambda: witness_of(service.main), "a witness")
    witness = witness_of(service.main)[0]
    words = pathlib.Path(f"/proc/{witness}/cmdline").read_text().strip("\0")
    wait_for(lambda: len(os.listdir(f"/proc/{witness}/fd")) == 2, "its two descriptors")
    assert words == "group-witness", words
    os.kill(witness, signal.SIGKILL)  # another one takes its place
    wait_for(lambda: witness_of(service.main) not in ([], [witness]), "another witness")
    os.killpg(service.main, signal.SIGHUP)
    service.until("1")
    another = witness_of(service.main)[0]
    os.kill(another, signal.SIGSTOP)  # no harm
    os.killpg(service.main, signal.SIGINT)
    service.until("2")
    os.kill(service.main, signal.SIGTERM)
    service.until("15")
    last = witness_of(service.main)[0]
    command = [n for n in children(service.main) if n != last][0]
    os.kill(service.main, signal.SIGKILL)
    service.process.wait()
    wait_for(lambda: status(last, "State")[:1] in ("", "Z"), "its end")
    os.kill(command, MARK)  # which goes on
    for _ in service.lines():
        pass
    assert service.said[1:] == ["1", "2", "15", str(MARK)], service.said


def test_no_room(t):
    """Where pyrec cannot have a child or a descriptor, the command takes its place."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))

    service = Service(t, ["sh", "-c", "echo ran; exit 6"], preexec_fn=few, stderr=subprocess.PIPE)
    out, err = service.process.communicate(timeout=PATIENCE)
    assert (out, service.process.returncode) == (b"ran\n", 6), (out, err)
    assert b"the command runs unrecorded" in err, err
