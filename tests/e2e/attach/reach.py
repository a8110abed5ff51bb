# SPDX-License-Identifier: MIT
"""pyrec -p, dump and ps: programs in other namespaces, of other users, and such as forbid something."""
import json
import os
import pathlib
import re
import shutil
import subprocess

from attach import need_attaching
from e2e import ROOT, Skip, Started, function_of, wide

SOMEBODY = 24680  # no user of this machine has that number

WORK = """
import os, sys, threading, time
def spin_it():
    while True: sum(range(1000))
def rest():
    sys.stdin.read()
threading.Thread(target=spin_it, name="spin_it", daemon=True).start()
exec(sys.argv[1])
print("ready", flush=True)
rest()
exec(sys.argv[2])
print("done", flush=True)
"""


def need_root():
    need_attaching()
    if os.geteuid() != 0:
        raise Skip("needs to be root")


def need(*command):
    """A command by whose help a program gets somewhere else."""
    try:
        done = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise Skip(f"needs {command[0]}")
    if done.returncode != 0:
        raise Skip(f"{' '.join(command)}: {done.stderr.strip()[:80]}")


def need_their_python(t):
    """An interpreter that other users may execute."""
    try:
        done = subprocess.run([t.python, "-c", ""], capture_output=True, user=SOMEBODY, cwd="/")
    except PermissionError:
        raise Skip("another user may not execute this interpreter")
    if done.returncode != 0:
        raise Skip("another user cannot run this interpreter")


class Elsewhere:
    """The work, run by `prefix`; the first Python below that is it."""

    def __init__(self, t, *prefix, python=None, user=None, does="", undoes=""):
        path = t.file("work.py", WORK)
        os.chmod(t.dir, 0o755)
        self.process = Started(
            [*prefix, python or t.python, path, does, undoes], stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=user, group=user,
            extra_groups=[] if user else None)
        t.at_end.append(self.process.kill)
        line = self.process.stdout.readline()
        assert line == "ready\n", (line, self.process.stderr.read())
        self.pid = self.process.pid
        while (below := self.children(self.pid)):
            self.pid = below[0]

    @staticmethod
    def children(pid):
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(word) for word in text.split()]

    def end(self):
        out, err = self.process.communicate("", timeout=60)
        assert (self.process.returncode, out, err) == (0, "done\n", ""), (out, err)


def copied(t):
    """pyrec where everybody may execute it, and a folder where everybody may write."""
    folder = t.dir / "copy"
    if not folder.exists():
        os.chmod(t.dir, 0o755)
        folder.mkdir()
        for path in (t.pyrec, t.build / "record" / "libpyrec.so"):
            shutil.copy(path, folder)
        (t.dir / "out").mkdir()
        os.chmod(t.dir / "out", 0o777)
    return str(folder / "pyrec")


def run(t, *words, user=None):
    return subprocess.run([copied(t) if user else t.pyrec, *map(str, words)], capture_output=True,
                          text=True, timeout=120, user=user, group=user,
                          extra_groups=[] if user else None, cwd="/")


def check_recorded(t, program, user=None, way=None):
    """Attached to, dumped and listed, by `user`: names are right, and it ends as ever."""
    copied(t)
    for seconds in (0.5, 5):  # on a crowded machine half a second may be over before anybody has looked
        trace = f"{t.trace()}" if user is None else str(t.dir / "out" / f"{t.n}.{user}.trace")
        t.n += 1
        done = run(t, "-p", program.pid, "-o", trace, "-r", "200", "--duration", f"{seconds}s", user=user)
        if "1 process, 2 threads" in done.stderr:
            break
    assert done.returncode == 0 and "1 process, 2 threads" in done.stderr, done
    assert os.stat(trace).st_mode & 0o077 == 0, oct(os.stat(trace).st_mode)
    stacks = t.stacks(trace, "--thread", "spin_it")
    whole = sum(weight for _, weight in stacks)
    own = sum(weight for stack, weight in stacks if "spin_it" in map(function_of, stack))
    assert own == whole > 0, stacks
    if way is not None:
        row, = t.info(trace)["attached"]
        assert row["library"] == way, row
    done = run(t, "dump", "--json", program.pid, user=user)
    threads = {thread["name"]: thread for thread in json.loads(done.stdout)["threads"]}
    assert threads["MainThread"]["stack"]["frames"][0]["function"] == "rest", threads
    row, = [row for row in json.loads(run(t, "ps", "--json", user=user).stdout)
            if row["pid"] == program.pid]
    assert row["can_attach"] and row["can_dump"] and row["why_not"] is None, row


def check_refused(t, program, words, status=4, user=None, can_dump=False):
    """One line that says why, the same of all three; the program does not notice."""
    copied(t)
    trace = str(t.dir / "out" / "refused.trace")
    done = run(t, "-p", program.pid, "-o", trace, user=user)
    assert done.returncode == status and words in done.stderr, done
    assert len(done.stderr.splitlines()) == 1 and not os.path.exists(trace), done
    attach_line = done.stderr
    done = run(t, "dump", program.pid, user=user)
    if can_dump:
        assert done.returncode == 0 and "spin_it" in done.stdout, done
    else:
        assert (done.returncode, done.stderr) == (status, attach_line), done
    rows = [row for row in json.loads(run(t, "ps", "--json", user=user).stdout)
            if row["pid"] == program.pid]
    for row in rows:
        assert f"pyrec: process {program.pid} {row['why_not']}\n" == attach_line, row
        assert not row["can_attach"] and row["can_dump"] == can_dump, row
    assert rows or user is not None, done


# ---- namespaces ----

@wide
def test_each_namespace(t):
    need_root()
    for words in (["-m"], ["-n"], ["-U"], ["-U", "-r"], ["-p", "-f", "--mount-proc"],
                  ["-i", "-u", "-n", "-m", "-p", "-f", "--mount-proc"],
                  ["-U", "-r", "-n", "-m", "-p", "-f", "--mount-proc"]):
        need("unshare", *words)
        program = Elsewhere(t, "unshare", *words)
        check_recorded(t, program)
        program.end()


def test_without_our_files(t):
    """In a mount namespace in which something else lies where the library is: it goes in as bytes."""
    need_root()
    need("unshare", "-m")
    place = str(t.build / "record")
    if t.python.startswith(place):
        raise Skip("the interpreter is below pyrec")
    hide = 'mount -t tmpfs none "$1" && shift && exec "$@"'
    program = Elsewhere(t, "unshare", "-m", "sh", "-c", hide, "sh", place)
    assert not os.path.exists(f"/proc/{program.pid}/root{t.pyrec}")
    check_recorded(t, program, way="as bytes")
    program.end()


def container(t, *more):
    """Other files, network, processes: what bubblewrap makes is what a container is."""
    words = ["bwrap", "--proc", "/proc", "--dev", "/dev"]
    for top in ("/usr", "/bin", "/lib", "/lib64", os.path.dirname(os.path.dirname(t.python)),
                str(t.dir)):
        if os.path.islink(top):
            words += ["--symlink", os.readlink(top), top]
        elif os.path.isdir(top):
            words += ["--ro-bind", top, top]
    return [*words, *more]


def test_containers(t):
    """No file, no abstract name and no process number of ours is seen in there."""
    need_root()
    for more in (["--unshare-all"], ["--unshare-all", "--unshare-user", "--uid", "1000"],
                 ["--unshare-net", "--unshare-user", "--uid", "1000"]):
        words = container(t, *more)
        need(*words)
        program = Elsewhere(t, *words)
        check_recorded(t, program, way="as bytes")
        program.end()


def test_a_container_of_a_users_own(t):
    """Made by a user without rights; recorded by that user, and by root."""
    need_root()
    words = container(t, "--unshare-all")
    become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
    os.chmod(t.dir, 0o755)
    need_their_python(t)
    need(*become, *words)
    program = Elsewhere(t, *become, *words)
    check_recorded(t, program, user=SOMEBODY)
    check_recorded(t, program)
    program.end()


# ---- users ----

@wide
def test_users(t):
    need_root()
    need_their_python(t)
    roots, theirs = Elsewhere(t), Elsewhere(t, user=SOMEBODY)
    check_recorded(t, theirs)
    check_refused(t, roots, "is of user root", user=SOMEBODY)
    check_refused(t, theirs, f"is of user {SOMEBODY}", user=SOMEBODY + 1)
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as scope:
            yama = int(scope.read())
    except OSError:
        yama = 0
    if yama == 0:
        check_recorded(t, theirs, user=SOMEBODY)
    else:
        check_refused(t, theirs, f"ptrace_scope is {yama}", user=SOMEBODY)
    for program in (roots, theirs):
        program.end()


NOT_DUMPABLE = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)"


def test_not_dumpable(t):
    """Root may all the same; its own user may not."""
    need_root()
    t.need_ctypes()
    need_their_python(t)
    program = Elsewhere(t, user=SOMEBODY, does=NOT_DUMPABLE)
    check_refused(t, program, "not even its own user", user=SOMEBODY)
    check_recorded(t, program)
    program.end()


# ---- what it lacks, or forbids ----

def test_no_descriptors(t):
    need_attaching()
    program = Elsewhere(t, does="""
import resource
mine = []
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True: mine.append(os.dup(0))
except OSError: pass
""", undoes="for fd in mine: os.close(fd)")
    assert len(os.listdir(f"/proc/{program.pid}/fd")) == 20
    check_recorded(t, program)
    assert len(os.listdir(f"/proc/{program.pid}/fd")) == 20
    program.end()


def test_no_more_threads(t):
    """Where the kernel gives it no thread, nothing has been loaded, and that is what is said."""
    need_root()
    need_their_python(t)
    program = Elsewhere(t, user=SOMEBODY, does="""
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
""")
    done = run(t, "-p", program.pid, "-o", t.trace())
    assert done.returncode == 7 and "can have no more threads" in done.stderr, done
    assert "libpyrec" not in pathlib.Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8")
    program.end()


# ---- filters of system calls ----

FILTER = """
import ctypes, struct
KILL, REFUSE, ABSENT, ALLOW = 0x80000000, 0x50001, 0x50026, 0x7fff0000
def put(otherwise, **rules):
    code = struct.pack("HBBI", 0x20, 0, 0, 0)
    for action, numbers in rules.items():
        for number in numbers:
            code += struct.pack("HBBIHBBI", 0x15, 0, 1, number, 6, 0, 0, globals()[action])
    code += struct.pack("HBBI", 6, 0, 0, otherwise)
    kept = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    assert libc.syscall(317, 1, 1, program) == 0  # of all threads
"""
FORKS = """
import warnings
warnings.simplefilter("ignore")
def fork_it():
    while True:
        pid = os.fork()
        if pid == 0:
            end = time.monotonic() + 0.02
            while time.monotonic() < end: pass
            os._exit(0)
        os.waitpid(pid, 0)
        time.sleep(0.02)
threading.Thread(target=fork_it, daemon=True).start()
"""


def numbers_of(names):
    """The numbers of system calls; those that this machine lacks are left out."""
    path = pathlib.Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not path.exists():
        raise Skip("the numbers of system calls are not known")
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", path.read_text(encoding="ascii")))
    return sorted({int(known[name]) for name in names if name in known})


def our_calls():
    """What filter.c says that attaching and recording need."""
    text = (ROOT / "record" / "inject" / "filter.c").read_text(encoding="utf-8")
    names = set(re.findall(r"^    (?:CALL|VITAL)\((\w+)", text, re.M))
    assert {"mmap", "clone", "process_vm_readv"} <= names, names
    return names


def test_a_filter_that_lets_us(t):
    """It ends the program for every call that is not on our list: so the list is whole."""
    need_root()
    t.need_ctypes()
    own = {"exit_group", "wait4", "select", "pselect6", "fork", "pause"}
    allowed = numbers_of(our_calls() | own)
    program = Elsewhere(t, does=f"{FILTER}{FORKS}put(KILL, ALLOW={allowed})")
    before = pathlib.Path(f"/proc/{program.pid}/status").read_text(encoding="utf-8")
    assert "Seccomp:\t2" in before, before
    for _ in range(2):
        trace = t.trace()
        done = run(t, "-p", program.pid, "-o", trace, "-r", "500", "--duration", "1s")
        assert done.returncode == 0 and "process" in done.stderr, (done, program.process.poll())
        assert {"spin_it", "fork_it"} <= {row["function"] for row in t.rows("functions", trace)}
        about, = [row for row in t.info(trace)["attached"] if row["process"] == program.pid]
        assert about["hook_exec"] != "all" and about["hook_thread_ends"] == "all", about
    program.end()


def test_a_filter_that_refuses(t):
    """As containers have it by default: some calls fail, which harms nobody."""
    need_root()
    t.need_ctypes()
    refused = numbers_of(["unshare", "setns", "ptrace", "mount", "kcmp", "close_range"])
    absent = numbers_of(["clone3"])
    program = Elsewhere(t, does=f"{FILTER}put(ALLOW, REFUSE={refused}, ABSENT={absent})")
    check_recorded(t, program)
    program.end()


def test_a_filter_that_kills(t):
    """Found out before it is too late: the line names the call."""
    need_root()
    t.need_ctypes()
    copied(t)
    for name in ("process_vm_readv", "clone", "memfd_create"):
        program = Elsewhere(t, does=f"{FILTER}put(ALLOW, KILL={numbers_of([name])})")
        done = run(t, "-p", program.pid, "-o", t.trace())
        assert done.returncode == 5 and done.stderr.endswith(f"It is: {name}\n"), done
        assert len(done.stderr.splitlines()) == 1, done
        maps = pathlib.Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8")
        assert "libpyrec" not in maps, maps
        assert run(t, "dump", program.pid).returncode == 0
        program.end()


@wide
def test_a_filter_that_may_not_be_read(t):
    """Only root may: then nothing is tried."""
    need_root()
    t.need_ctypes()
    need_their_python(t)
    program = Elsewhere(t, user=SOMEBODY, does=f"{FILTER}put(ALLOW)")
    check_refused(t, program, "run pyrec as root", status=5, user=SOMEBODY, can_dump=True)
    check_recorded(t, program)
    program.end()
