# SPDX-License-Identifier: MIT
"""Kernels and containers that lack a system call: what can be recorded is, what cannot is said in one line, and
the command runs as it would without pyrec."""
import errno
import os
import platform
import subprocess

from e2e import Skip, wide

# usage: without ERRNO NUMBER... -- COMMAND...: in it and what it starts, these calls fail with that error
WITHOUT = r"""
import ctypes, os, struct, sys
end = sys.argv.index("--")
error, *numbers = map(int, sys.argv[1:end])
def word(code, equal, differ, value):
    return struct.pack("HBBI", code, equal, differ, value)
program = word(0x20, 0, 0, 0)                    # load the call's number
for number in numbers:
    program += word(0x15, 0, 1, number)          # is it that one?
    program += word(0x06, 0, 0, 0x00050000 | error)
program += word(0x06, 0, 0, 0x7fff0000)          # allow
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(program)
class Filter(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
filter = Filter(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(filter), 0, 0):
    sys.exit(77)
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""
# Those that came one after the other, and since which Linux; on x86-64.
CALLS = {
    "process_vm_readv": (310, "3.2"), "kcmp": (312, "3.5"), "sched_setattr": (314, "3.14"),
    "sched_getattr": (315, "3.14"), "renameat2": (316, "3.15"), "seccomp": (317, "3.17"),
    "getrandom": (318, "3.17"), "memfd_create": (319, "3.17"), "execveat": (322, "3.19"), "membarrier": (324, "4.3"),
    "mlock2": (325, "4.4"), "copy_file_range": (326, "4.5"), "preadv2": (327, "4.6"), "pwritev2": (328, "4.6"),
    "pkey_mprotect": (329, "4.9"), "statx": (332, "4.11"), "rseq": (334, "4.18"), "pidfd_send_signal": (424, "5.1"), "pidfd_open": (434, "5.3"), "clone3": (435, "5.3"),
    "close_range": (436, "5.9"), "openat2": (437, "5.6"), "pidfd_getfd": (438, "5.6"),
    "faccessat2": (439, "5.8"), "epoll_pwait2": (441, "5.11"), "futex_waitv": (449, "5.16"),
    "fchmodat2": (452, "6.6"),
}
# A program that has threads and a child, all of which compute a little.
PROGRAM = """
import subprocess, sys, threading, time
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
threads = [threading.Thread(target=burn, args=(0.03,)) for _ in range(2)]
for thread in threads:
    thread.start()
burn(0.05)
for thread in threads:
    thread.join()
child = "import time\\nwhile time.process_time() < 0.05: pass\\nprint('child')"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip(), flush=True)
sys.exit(3)
"""
WAITS = """
import sys, time
print("ready", flush=True)
sys.stdin.readline()
"""


def without(t, error, names, command, **more):
    if platform.machine() != "x86_64":
        raise Skip("the calls' numbers are those of x86-64")
    t.need_ctypes()
    numbers = [str(CALLS[name][0]) for name in names]
    done = subprocess.run([t.python, t.file("without.py", WITHOUT), str(error), *numbers, "--", *command],
                          capture_output=True, text=True, cwd=t.dir, timeout=120, **more)
    if done.returncode == 77:
        raise Skip("no filter of system calls can be put on here")
    return done


def recorded(t, error, names):
    """The program under pyrec, both without these calls: what it does, and what is in the trace."""
    trace = t.trace()
    done = without(t, error, names, [t.pyrec, "-r", "1k", "-o", trace, "--", t.python, t.file("program.py", PROGRAM)])
    assert (done.returncode, done.stdout) == (3, "child\n"), (names, done)
    assert len(done.stderr.splitlines()) == 1 and "cannot" not in done.stderr, (names, done.stderr)
    shown = t.rows("processes", trace)
    assert len(shown) == 2 and all(row["threads"] >= 1 for row in shown), (names, shown)
    rows = t.rows("functions", trace, "--merge-threads")
    assert any(row["function"] == "burn" and row["samples"] > 10 for row in rows), (names, rows)


def not_recorded(t, error, names):
    """Without a file in memory there is nothing to write samples to: one line says so, and the program is unharmed."""
    trace = t.trace()
    done = without(t, error, names, [t.pyrec, "-r", "1k", "-o", trace, "--", t.python, t.file("program.py", PROGRAM)])
    assert (done.returncode, done.stdout) == (3, "child\n"), (names, done)
    assert done.stderr == ("pyrec: nothing was recorded: 2 Python processes not recorded: memfd_create() failed: "
                           f"{os.strerror(error)} (2)\n"), done.stderr


@wide
def test_each_call_unknown(t):
    """As on a kernel that is older than the call."""
    for name in CALLS:
        (not_recorded if name == "memfd_create" else recorded)(t, errno.ENOSYS, [name])


def test_old_kernels(t):
    """All that came later, at once: of Linux 5.10, 4.18 and 3.10."""
    def since(version):
        return tuple(map(int, version.split(".")))
    for kernel in "5.10", "4.18", "3.17", "3.10":
        later = [name for name, (_, began) in CALLS.items() if since(began) > since(kernel)]
        (not_recorded if "memfd_create" in later else recorded)(t, errno.ENOSYS, later)


def test_forbidden(t):
    """Filters that are older than a call forbid it instead: EPERM, as containers have it. (The C library itself cannot
    start a thread then when it is clone3.)"""
    recorded(t, errno.EPERM, [name for name in CALLS if name not in ("clone3", "memfd_create")])


@wide
def test_attached(t):
    """Attaching and looking from there: possible, or a line that names the process and what stands in the way."""
    program = subprocess.Popen([t.python, t.file("waits.py", WAITS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    t.at_end.append(lambda: (program.kill(), program.wait()))
    assert program.stdout.readline() == b"ready\n"
    needed = {"process_vm_readv"}
    for names in [[name] for name in CALLS if name not in ("renameat2", "execveat", "preadv2", "pwritev2")]:
        done = without(t, errno.ENOSYS, names, [t.pyrec, "dump", str(program.pid)])
        if needed & set(names):
            assert done.returncode == 4 and done.stdout == "", (names, done)
            assert done.stderr == f"pyrec: process {program.pid} cannot be read: {os.strerror(errno.ENOSYS)}\n", done
            continue
        assert done.returncode == 0 and "<module> (" in done.stdout and done.stderr == "", (names, done)
    later = [name for name, (number, _) in CALLS.items() if number > CALLS["kcmp"][0]]
    trace = t.trace()
    done = without(t, errno.ENOSYS, later, [t.pyrec, "-o", trace, "-p", str(program.pid), "--duration", "0.3"])
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 1, done
    assert t.rows("functions", trace), "nothing of a program that waits"
    assert program.poll() is None
