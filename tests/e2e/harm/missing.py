# SPDX-License-Identifier: MIT
"""Who is recorded wherever it is, who is missing and why, and who is not let in or listened to."""
import errno
import os
import pathlib
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from e2e import IS_FULL, WIRE_VERSION, Skip, Started, wide
from older import WITHOUT

NOBODY = 65534
BURN = "import time\nwhile time.process_time() < {}: pass\n"  # of CPU: others want it, too
# A parent that is recorded, and a child that may not be: words of a command.
PARENT = "import subprocess, sys\nsys.exit(subprocess.run(sys.argv[1:]).returncode)\n"
CALLS = {"socket": 41, "sendmsg": 46, "memfd_create": 319}


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root can do this")


def need(*words):
    """A tool that works here, tried on /bin/true."""
    if shutil.which(words[0]) is None or \
            subprocess.run([*words, "/bin/true"], capture_output=True).returncode != 0:
        raise Skip(" ".join(words) + " does not work here")


def need_python_for_all(t):
    """Another user may not be allowed to run this interpreter."""
    need("setpriv", f"--reuid={NOBODY}", "--clear-groups", t.python, "-c", "")


def pythons(t, trace):
    return t.rows("processes", trace)


def check_recorded(t, words, options=(), **more):
    """A child behind these words is recorded, as one process, without a remark."""
    need(*words)
    child = [*words, t.python, "-c", BURN.format(0.4)]
    run = t.command([t.python, "-c", PARENT, *child], ["-r", "1k", *options], **more)
    assert run.status == 0, run.err
    assert "not recorded" not in run.err, run.err
    busy = [row for row in pythons(t, run.trace) if row["cpu_time"] > 0.15]
    assert len(busy) == 1, (run.err, pythons(t, run.trace))
    return run, busy[0]


def check_missing(t, words, reason, n=1, status=0, before=(), **more):
    """A child of these words runs as without pyrec; it is counted, with this reason."""
    run = t.command([*before, t.python, "-c", PARENT, *words], ["-r", "1k"], **more)
    assert run.status == status, (run.status, run.err)
    text = f"{n} Python process{'es' if n > 1 else ''} not recorded: "
    assert text in run.err and f"{reason} ({n})" in run.err, run.err
    assert text in t.analyze("processes", run.trace), run.trace
    for table in (["lines"], ["functions"], ["tree"], ["hot"], ["diff", run.trace]):
        assert f"In no row: {text}" in t.analyze(*table, run.trace), table
    assert text not in t.analyze("lines", "-t", "MainThread", run.trace)
    info = t.analyze("info", "--format", "csv", run.trace)
    assert f"not_recorded: {reason}" in info, info
    return run


# ---- elsewhere ----

def test_network_namespace(t):
    need_root()
    check_recorded(t, ["unshare", "-n"])


def test_network_namespace_without_rights(t):
    check_recorded(t, ["unshare", "-Urn"])


def test_user_namespace(t):
    check_recorded(t, ["unshare", "-U"])


def test_pid_namespace(t):
    need_root()
    run, row = check_recorded(t, ["unshare", "-pf", "--mount-proc"])
    assert row["process"] != 1, row
    parents = {other["process"] for other in pythons(t, run.trace)}
    assert row["parent"] not in (0, row["process"]) and row["parent"] not in parents, row  # unshare


@wide
def test_everything_at_once(t):
    need_root()
    check_recorded(t, ["unshare", "-pfnmiu", "--mount-proc"])


def test_another_user(t):
    need_root()
    need_python_for_all(t)
    os.chmod(t.dir, 0o755)
    check_recorded(t, ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"])
    check_recorded(t, ["unshare", "-n", "setpriv", f"--reuid={NOBODY}", "--clear-groups"])


def test_bubblewrap(t):
    check_recorded(t, ["bwrap", "--unshare-all", "--bind", "/", "/", "--dev-bind", "/dev", "/dev",
                       "--proc", "/proc"])


def test_hidden_directory(t):
    """pyrec's directory is not there: by the abstract name, or through pyrec's root."""
    need_root()
    for namespaces in ("-m", "-mn"):
        place = t.dir / f"tmp{namespaces}"
        place.mkdir()
        need("unshare", namespaces)
        child = f'mount -t tmpfs none {place} && exec "$@"'
        words = ["unshare", namespaces, "sh", "-c", child, "sh", t.python, "-c", BURN.format(0.4)]
        run = t.command([t.python, "-c", PARENT, *words], ["-r", "1k"],
                        env={"TMPDIR": str(place)})
        assert run.status == 0 and "not recorded" not in run.err, run.err
        assert [row for row in pythons(t, run.trace) if row["cpu_time"] > 0.15], run.err
        assert not list(place.iterdir()), "pyrec has left something behind"


def test_long_and_unsafe_directories(t):
    """Where there is no room or no safety for pyrec's files, they are elsewhere."""
    long = t.dir / ("x" * 100)
    long.mkdir()
    unsafe = t.dir / "unsafe"
    unsafe.mkdir()
    unsafe.chmod(0o777)
    for place in (str(long), str(unsafe), str(t.dir / "not-there"), "", "relative"):
        run = t.command([t.python, "-c", BURN.format(0.2)], ["-r", "1k"], env={"TMPDIR": place})
        assert run.status == 0 and "1 process, " in run.err, run.err
    assert not list(long.iterdir()) and not list(unsafe.iterdir())


# ---- few descriptors ----

MANY = """
import subprocess, sys
child = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
children = []
for i in range(int(sys.argv[1])):
    children.append(subprocess.Popen(child, stdin=0))
sys.stdout.write("all\\n")
sys.stdout.flush()
for child in children:
    child.wait()
"""


@wide
def test_few_descriptors(t):
    """More recorded processes than descriptors, all alive at once."""
    for limit, n in ((64, 60), (28, 40)) if IS_FULL else ((28, 40),):
        process, trace = t.start(
            [t.python, "-c", MANY, str(n)], ["-r", "100"], stdin=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        assert process.stdout.readline() == "all\n"
        out, err = process.communicate(input="", timeout=120)
        assert process.returncode == 0, err
        assert f"{n + 1} processes" in err and "not recorded" not in err, err


def test_no_descriptors(t):
    """The command runs in any case; that it was not recorded is said, with the reason."""
    for limit in (14, 10, 8, 6):
        run = t.command([t.python, "-c", "print('ran')"],
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                              (limit, limit)))
        assert (run.status, run.out) == (0, "ran\n"), (limit, run.status, run.err)
        assert "escriptors used up" in run.err or "Too many open files" in run.err, (limit, run.err)
        assert len(run.err.splitlines()) == 1, run.err
    run = t.command(["sh", "-c", "kill -9 $$"],
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6)))
    assert run.status == -9, run.status


# ---- true reasons ----

@wide
def test_denied_calls(t):
    if os.uname().machine != "x86_64":
        raise Skip("the numbers of system calls are those of x86-64")
    t.need_ctypes()
    deny = [sys.executable, t.file("without.py", WITHOUT), str(errno.EPERM)]
    for call, number in CALLS.items():
        check_missing(t, [*deny, str(number), "--", t.python, "-c", BURN.format(0.1)],
                      f"{call}() failed: Operation not permitted")
        run = t.command([*deny, str(number), "--", t.python, "-c", "print('ran')"])
        assert run.out == "ran\n", run.err


def test_no_thread(t):
    need_root()
    need_python_for_all(t)
    os.chmod(t.dir, 0o755)
    words = ["setpriv", "--reuid=12321", "--clear-groups", "prlimit", "--nproc=1"]
    need(*words)
    check_missing(t, [*words, t.python, "-c", BURN.format(0.1)],
                  "no thread for the recorder: Resource temporarily unavailable")


def test_forked_without_a_thread(t):
    """A child of fork has an agent, but no sampler."""
    need_root()
    need_python_for_all(t)
    os.chmod(t.dir, 0o755)
    text = ("import os, resource, sys, time\n"
            "resource.setrlimit(resource.RLIMIT_NPROC, (3, 3))\n"
            "for i in range(2):\n"
            "    if os.fork() == 0:\n"
            "        time.sleep(0.3)\n"
            "        os._exit(0)\n"
            "    os.wait()\n")
    script = t.file("forks.py", text.replace("(3, 3)", "(2, 2)"))
    words = ["setpriv", "--reuid=12322", "--clear-groups"]
    run = t.command([*words, t.python, script], ["-r", "1k"])
    if "Resource temporarily unavailable" in run.err and "BlockingIOError" in run.err:
        run = t.command([*words, t.python, t.file("forks.py", text)], ["-r", "1k"])
    assert run.status == 0, run.err
    assert "no thread for the recorder" in run.err, run.err


def test_small_files_only(t):
    check_missing(t, ["prlimit", "--fsize=40000", t.python, "-c", BURN.format(0.1)],
                  "limit on the size of files (3.1 MB are needed)")


def test_replaced_environment(t):
    """Recorded or counted, and never missing without a word."""
    script = t.file("kids.py", "import subprocess, sys\n"
                    "a = [sys.executable, '-c', 'import time; time.sleep(5)']\n"
                    "kids = [subprocess.Popen(a, env={}), subprocess.Popen(['env', '-i', *a]),\n"
                    "        subprocess.Popen(a, env={'LD_PRELOAD': 'libm.so.6'})]\n"
                    "for kid in kids: kid.wait()\n")
    run = t.command([t.python, script])
    n = len(pythons(t, run.trace))
    if n < 4:
        kids = "process" if n == 3 else "processes"
        assert f"{4 - n} Python {kids} not recorded: environment replaced ({4 - n})" in run.err, \
            run.err
    else:
        assert "4 processes" in run.err and "not recorded" not in run.err, run.err


# What makes a program a CPython to everybody who looks: what it exports.
NO_PYTHON = ("#include <unistd.h>\nint PyCode_Type = 1;\n"
             "int main(int argc, char **argv)\n{\n    sleep(5);\n"
             "    if (argc > 1)\n        execvp(argv[1], argv + 1);\n    return 0;\n}\n")


def build(t, name, *flags):
    source = t.file(f"{name}.c", NO_PYTHON)
    path = str(t.dir / name)
    try:
        done = subprocess.run(["gcc", "-o", path, source, *flags], capture_output=True, text=True)
    except FileNotFoundError:
        raise Skip("no gcc here")
    if done.returncode != 0:
        raise Skip(f"gcc cannot make {name}: {done.stderr.splitlines()[-1]}")
    return path


def test_static(t):
    program = build(t, "frozen", "-static")
    check_missing(t, [program], STATIC)
    run = t.command([program])
    assert "frozen: statically linked" in run.err, run.err


def not_recorded(t, trace):
    """What info says of who is missing: {reason: count}."""
    facts = t.info(trace, ok=(0, 3))["recordings"][0]
    return facts["not_recorded"], {name[14:]: count for name, count in facts.items()
                                   if name.startswith("not_recorded: ")}


def wait_until_told(t, last, n):
    """`last`: what is now the newest file."""
    end = time.monotonic() + 60
    while (not_recorded(t, last())[0] or 0) < n:
        assert time.monotonic() < end, (last(), n, not_recorded(t, last()))
        time.sleep(0.2)


STATIC = "statically linked: nothing can be loaded into it"


def test_not_waited_for(t):
    """It has ended, but is still there; or it has become something else."""
    program = build(t, "frozen", "-static")
    waits = ("import os, subprocess, sys, time\nchild = subprocess.Popen(sys.argv[1:])\n"
             "os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)\ntime.sleep(4)\n")
    for command in ([program], [build(t, "becomes", "-static"), "sleep", "4"]):
        run = t.command([t.python, "-c", waits, *command], ["-r", "1k"])
        assert f"1 Python process not recorded: {STATIC} (1)" in run.err, run.err


def test_told_before_the_end(t):
    """Who is missing is in the file before it is closed, for it may never be: pyrec is killed."""
    program = build(t, "frozen", "-static")
    children = ("import subprocess, sys, time\n"
                "run = lambda: subprocess.Popen(sys.argv[1:])\n"
                "one = run()\nprint('one', flush=True)\nsys.stdin.readline()\n"
                "other = run()\nprint('other', flush=True)\nsys.stdin.readline()\n"
                "time.sleep(60)\n")
    for options in ([], ["--keep", "2s"], ["--rotate", "2s"]):
        process, trace = t.start([t.python, "-c", children, program], ["-r", "1k", *options],
                                 stdin=subprocess.PIPE, start_new_session=True)
        last = lambda: str(max(t.dir.glob(pathlib.Path(trace).stem + ".*trace")))
        try:
            for n in (1, 2):
                process.stdout.readline()
                wait_until_told(t, last, n)
                process.stdin.write("go\n" * (n == 1))
                process.stdin.flush()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not_recorded(t, last()) == (2, {STATIC: 2}), not_recorded(t, last())
            if options[:1] != ["--rotate"]: # whose last file may have no samples yet
                assert f"2 Python processes not recorded: {STATIC} (2)" in \
                    t.analyze("processes", trace, ok=(0, 3)), options
            if not options:
                whole = t.trace()
                t.analyze("repair", "--output", whole, trace, ok=(0, 3))
                assert not_recorded(t, whole) == (2, {STATIC: 2}), not_recorded(t, whole)
                both = t.trace()
                once = check_missing(t, [program], STATIC).trace
                t.analyze("merge", "--output", both, once, trace, ok=(0, 3))
                assert not_recorded(t, both)[0] == 3, not_recorded(t, both)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_rights_of_its_own(t):
    need_root()
    program = build(t, "gains", "-rdynamic")
    os.chown(program, NOBODY, NOBODY)
    os.chmod(program, 0o4755)
    os.chmod(t.dir, 0o755)
    check_missing(t, [program], "rights of its own (set-user-ID or capabilities): "
                                "the loader lets nobody in")


def test_not_known(t):
    """What belongs to somebody else cannot be looked at: that is said, and no more."""
    need_root()
    need_python_for_all(t)
    program = build(t, "gains", "-rdynamic")
    os.chmod(program, 0o4755)
    os.chmod(t.dir, 0o777)
    words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    need(*words)
    trace = t.trace()
    done = subprocess.run([*words, t.pyrec, "-o", trace, "--", t.python, "-c", PARENT, program],
                          capture_output=True, text=True, cwd=t.dir, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "1 program not recorded, not known whether Python: another user's" in done.stderr, \
        done.stderr
    assert "Python process" not in done.stderr, done.stderr


def test_nobody_missing(t):
    """Programs that are no Python are nobody's business."""
    run = t.command([t.python, "-c", PARENT, "sh", "-c", "sleep 3.5; ls / > /dev/null"])
    assert run.status == 0 and "not recorded" not in run.err, run.err
    assert t.info(run.trace)["recordings"][0]["not_recorded"] == 0
    run = t.command(["sleep", "2.5"])
    assert "nothing was recorded: sleep is not Python, and none was seen in it" in run.err, run.err


# ---- how they ended ----

def test_ends(t):
    script = t.file("ends.py", "import os, signal, subprocess, sys\n"
                    "burn = 'import time\\nwhile time.process_time() < .2: pass\\n'\n"
                    "run = lambda text: subprocess.run([sys.executable, '-c', burn + text])\n"
                    "run('exit(3)'); run('import os; os.kill(os.getpid(), 9)')\n"
                    "run('import os; os.execv(\"/bin/true\", [\"true\"])')\n")
    run = t.command([t.python, script], ["-r", "1k"])
    # one after the other; how late pyrec saw the end of one is another matter
    rows = sorted(pythons(t, run.trace), key=lambda row: row["end_time"] - row["recorded"])
    assert [row["ended"] for row in rows] == ["exit 0", "exit 3", "SIGKILL", "exec"], rows
    for row in rows:
        assert row["cpu_share"] < 1.3, row
    run = t.command([t.python, "-c", BURN.format(1)], ["--duration", "0.3s"])
    assert [row["ended"] for row in pythons(t, run.trace)] == ["running"], run.err


@wide
def test_forks_that_only_exec(t):
    script = t.file("helpers.py", "import subprocess\nfor i in range(20):\n"
                    "    subprocess.run(['/bin/true'], preexec_fn=lambda: None)\n")
    run = t.command([t.python, script], ["-r", "1k"])
    parent, *slow = sorted(pythons(t, run.trace), key=lambda row: row["end_time"] - row["recorded"])
    helpers = t.info(run.trace)["recordings"][0]["helpers"]
    # on a crowded machine one may not have come to its exec at once, and is a process like others then
    assert helpers + len(slow) == 20, (helpers, slow)
    assert all(row["ended"] == "exec" and row["recorded"] > 0.099 for row in slow), slow
    assert slow or "1 process (and 20 forks that only called exec), " in run.err, run.err
    assert parent["ended"] == "exit 0", parent
    again = t.file("again.py", "import os, sys\nif len(sys.argv) < 2:\n"
                   "    os.execv(sys.executable, [sys.executable, *sys.argv, 'again'])\n" +
                   BURN.format(0.2))
    run = t.command([t.python, again], ["-r", "1k"])
    assert "1 process, " in run.err, run.err


# ---- nobody listens in ----

def doors_of(process):
    """What pyrec's environment for the command says: name, directory, cookie."""
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            for child in open(children, encoding="ascii").read().split():
                words = open(f"/proc/{child}/environ", "rb").read().split(b"\0")
                for word in words:
                    if word.startswith(b"PYREC_AGENT="):
                        fields = word[12:].decode().split(",")
                        return fields[1], fields[2], fields[5]
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("pyrec did not start its command")


def as_nobody(text, *args, **more):
    """Start a Python that everybody may run as another user."""
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        raise Skip("no Python that another user may run")

    def become():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    return Started([python, "-c", text, *args], stdout=subprocess.PIPE, text=True,
                   preexec_fn=become, cwd="/", **more)


SQUATTER = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\\0" + sys.argv[1])
s.listen()
s.settimeout(10)
print("listening", flush=True)
got = 0
try:
    while True:
        c, _ = s.accept()
        got += len(c.recvmsg(64, 1000)[0])
        print("knock", got, flush=True)
except OSError:
    pass
"""


def test_squatter(t):
    """pyrec is killed; another user takes its name, and is told nothing by the program's children."""
    need_root()
    child = "import os; secret = 1; print('child', flush=True)"
    text = ("import subprocess, sys\nprint('up', flush=True)\nsys.stdin.readline()\n"
            f"subprocess.run([sys.executable, '-c', {child!r}], check=True)\nprint('done')\n")
    process, trace = t.start([t.python, "-c", text], stdin=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    name, directory, _ = doors_of(process)
    process.kill()
    process.wait()
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o711
    for attack in ("os.rmdir(d)", "os.unlink(d + '/door')", "os.rename(d, d + 'x')",
                   "os.mkdir(d + '/x')", "open(d + '/board').close()", "os.listdir(d)"):
        attacker = as_nobody(f"import os, sys\nd = sys.argv[1]\ntry:\n    {attack}\n"
                             "except PermissionError: print('no')", directory)
        assert attacker.communicate(timeout=30)[0] == "no\n", attack
    squatter = as_nobody(SQUATTER, name)
    assert squatter.stdout.readline() == "listening\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.read() == "child\ndone\n"
    knock = squatter.stdout.readline()
    assert knock in ("knock 0\n", ""), f"the squatter was told something: {knock}"
    squatter.kill()
    squatter.communicate()
    shutil.rmtree(directory)


STRANGER = """
import os, socket, struct, sys
name, directory = sys.argv[1:3]
for address in ("\\0" + name, directory + "/door"):
    for cookie in (b"0" * 32, bytes(32), b"f" * 32):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(address)
        hello = b"pyrecwir" + struct.pack("Ii", VERSION, os.getpid()) + cookie
        socket.send_fds(s, [hello], [0])
with open(directory + "/board", "wb") as board:
    board.write(b"pyrecwir" + bytes(4000))
"""


def test_strangers(t):
    """Another user knocks, guesses and scribbles: it is turned away, and nobody is missing."""
    need_root()
    if sys.version_info < (3, 9):
        raise Skip("this test's own Python is too old")
    process, trace = t.start([t.python, "-c", BURN.format(2)])
    name, directory, _ = doors_of(process)
    stranger = as_nobody(STRANGER.replace("VERSION", str(WIRE_VERSION)), name, directory, stdin=subprocess.DEVNULL)
    stranger.communicate(timeout=30)
    assert stranger.returncode == 0
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "not recorded" not in err and "1 process, " in err, err
    assert t.info(trace)["recordings"][0]["strangers"] >= 7


@wide
def test_replay(t):
    """Who has the cookie, but says another's number, is no guest."""
    process, trace = t.start([t.python, "-c", BURN.format(2)])
    name, directory, cookie = doors_of(process)
    import struct
    if sys.version_info < (3, 9):
        raise Skip("this test's own Python is too old")
    for address in ("\0" + name, directory + "/door"):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(address)
        hello = b"pyrecwir" + struct.pack("Ii", WIRE_VERSION, process.pid) + cookie.encode()
        socket.send_fds(s, [hello], [s.fileno()])
        s.settimeout(20)
        assert s.recv(1) == b"", "it was let in"
    out, err = process.communicate(timeout=60)
    assert "it does not say its own process number" in err and "1 process, " in err, err


def test_files_are_private(t):
    trace = t.trace()
    old_mask = os.umask(0)
    try:
        process, _ = t.start([t.python, "-c", "pass"], trace=trace)
        process.communicate(timeout=60)
        assert stat.S_IMODE(os.stat(trace).st_mode) == 0o600
        os.chmod(trace, 0o666)  # what was there is replaced, not written to
        before = os.open(trace, os.O_RDONLY)
        process, _ = t.start([t.python, "-c", "pass"], trace=trace)
        process.communicate(timeout=60)
        assert stat.S_IMODE(os.stat(trace).st_mode) == 0o600
        assert not os.path.samestat(os.fstat(before), os.stat(trace))
        os.close(before)
    finally:
        os.umask(old_mask)
    victim = t.file("victim", "precious")
    os.unlink(trace)
    os.symlink(victim, trace)
    process, _ = t.start([t.python, "-c", "print('ran')"], trace=trace)
    out, err = process.communicate(timeout=60)
    assert out == "ran\n" and "symbolic link" in err, err
    assert open(victim, encoding="ascii").read() == "precious"
    if os.geteuid() == 0:
        os.unlink(trace)
        os.mkfifo(trace)
        os.chown(trace, NOBODY, NOBODY)
        reader = os.open(trace, os.O_RDONLY | os.O_NONBLOCK)
        process, _ = t.start([t.python, "-c", "print('ran')"], trace=trace)
        out, err = process.communicate(timeout=60)
        assert out == "ran\n" and "another user's pipe" in err, err
        assert os.read(reader, 100) == b""
        os.close(reader)


def test_killed_pyrec_is_tidied_up(t):
    """What a pyrec that was killed has left behind goes with the next one."""
    place = t.dir / "tmp"
    place.mkdir()
    process, _ = t.start([t.python, "-c", BURN.format(1)], env={"TMPDIR": str(place)})
    doors_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    left = list(place.glob("pyrec-door-*"))
    assert len(left) == 1
    os.utime(left[0], (1, 1))
    t.command([t.python, "-c", "pass"], env={"TMPDIR": str(place)})
    assert not list(place.iterdir())
