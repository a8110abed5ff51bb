# SPDX-License-Identifier: MIT
"""pyrec -p: programs that have something of their own: another allocator, no descriptors, hardly any
memory, workers of the kernel's among their threads, a Python that they have loaded themselves."""
import errno
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

from attach import need_attaching
from e2e import Skip, Started, function_of, wide
from reach import SOMEBODY, WORK, Elsewhere, check_recorded, need, run

ALLOCATORS = ("libjemalloc.so.2", "libtcmalloc.so.4", "libtcmalloc_minimal.so.4", "libmimalloc.so.2.0")


def still_right(t, program, times=5):
    """Attached to again and again."""
    for _ in range(times):
        done = run(t, "-p", program.pid, "-o", t.trace(), "-r", "1000", "--duration", "0.05s")
        assert done.returncode == 0, done


@wide
def test_other_allocators(t):
    """In a process with two threads, and in one with a single one."""
    need_attaching()
    tried = 0
    for name in ALLOCATORS:
        done = subprocess.run([t.python, "-c", ""], env=dict(os.environ, LD_PRELOAD=name),
                              capture_output=True, text=True)
        if done.stderr or done.returncode:
            continue  # not here, or not for this interpreter
        tried += 1
        program = Elsewhere(t, "env", f"LD_PRELOAD={name}")
        assert name in pathlib.Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8")
        check_recorded(t, program)
        still_right(t, program)
        program.end()
    if not tried:
        raise Skip("no other allocator is here")


@wide
def test_other_ways_to_start(t):
    need_attaching()
    for words in (["setarch", "-R"], ["env", "MALLOC_ARENA_MAX=1"],
                  ["env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0"], ["env", "PYTHONMALLOC=debug"]):
        need(*words)
        program = Elsewhere(t, *words)
        check_recorded(t, program)
        still_right(t, program)
        program.end()


@wide
def test_hardly_any_descriptors(t):
    need_attaching()
    program = Elsewhere(t, does="import resource; hard = "
                                "resource.getrlimit(resource.RLIMIT_NOFILE)[1]; "
                                "resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))",
                        undoes="resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))")
    check_recorded(t, program)
    program.end()


CLOSED = """
import os, sys, threading, time
def spin_it():
    while not os.path.exists(sys.argv[1]): sum(range(1000))
thread = threading.Thread(target=spin_it, name="spin_it")
thread.start()
print("ready", flush=True)
os.closerange(0, 1000)
thread.join()
os._exit(42 if not os.listdir("/proc/self/fd")[1:] else 1)
"""


def test_no_descriptors_at_all(t):
    """All of them closed, and all still closed afterwards: none of ours has become its 0, 1 or 2."""
    need_attaching()
    go = t.dir / "go"
    process = Started([t.python, t.file("closed.py", CLOSED), str(go)], text=True,
                      stdout=subprocess.PIPE)
    t.at_end.append(process.kill)
    assert process.stdout.readline() == "ready\n" and process.stdout.read() == ""
    for _ in range(3):
        trace = t.trace()
        done = run(t, "-p", process.pid, "-o", trace, "-r", "500", "--duration", "1s")
        assert done.returncode == 0 and "1 process, 2 threads" in done.stderr, done
        assert "spin_it" in {row["function"] for row in t.rows("functions", trace)}
        assert os.listdir(f"/proc/{process.pid}/fd") == []
    go.touch()
    assert process.wait(60) == 42


NO_MORE_MEMORY = """
import resource
with open("/proc/self/statm") as statm: own = int(statm.read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (own + {more}, resource.RLIM_INFINITY))
"""


def test_hardly_any_memory(t):
    """Where there is no room for it: one line, nothing is loaded, and the program goes on."""
    need_attaching()
    for more in (0, 3 << 20, 6 << 20):
        program = Elsewhere(t, does=NO_MORE_MEMORY.format(more=more),
                            undoes="import resource; resource.setrlimit(resource.RLIMIT_AS, "
                                   "(resource.RLIM_INFINITY, resource.RLIM_INFINITY))")
        for _ in range(2):
            done = run(t, "-p", program.pid, "-o", t.trace(), "--duration", "0.2s")
            assert done.returncode == 7 and len(done.stderr.splitlines()) == 1, done
            assert "no memory" in done.stderr or "no thread" in done.stderr, done
        maps = pathlib.Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8")
        assert "libpyrec" not in maps or more > 4 << 20, maps
        program.end()


def test_a_limit_on_the_size_of_files(t):
    """It holds for memory shared with pyrec, too: the line says so, and SIGXFSZ ends nobody."""
    need_attaching()
    program = Elsewhere(t, does="""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
""")
    for _ in range(2):
        done = run(t, "-p", program.pid, "-o", t.trace(), "--duration", "0.2s")
        assert done.returncode == 7 and done.stderr == (
            f"pyrec: process {program.pid} has a limit on the size of files (3.1 MB are needed)\n"), done
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    check_recorded(t, program)
    program.end()


@wide
def test_programs_that_start_others(t):
    """By vfork, as fast as it can: what it holds is never a child that borrows its memory."""
    need_attaching()
    program = Elsewhere(t, does="""
import subprocess
counts = [0, 0]
def starts(n):
    while True:
        assert subprocess.run(["/bin/sh", "-c", "exit 3"], close_fds=False).returncode == 3
        counts[n] += 1
for n in range(2): threading.Thread(target=starts, args=(n,), daemon=True).start()
""", undoes="assert min(counts) > 0")
    for _ in range(15):
        done = run(t, "-p", program.pid, "-o", t.trace(), "-r", "500", "--duration", "0.05s")
        assert done.returncode == 0 or "try again" in done.stderr, done
    program.end()


# ---- workers of the kernel's ----

RING = """
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
/* A read of an empty pipe that a worker is to wait for; 0, or that it cannot be had here. */
int ask(void)
{
    static struct io_uring_params params;
    static char byte;
    int ends[2];
    const int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
    if (ring < 0 || pipe(ends) != 0)
        return 1;
    char *rings = mmap(NULL, params.sq_off.array + 64, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
    struct io_uring_sqe *entry = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (rings == MAP_FAILED || (void *)entry == MAP_FAILED)
        return 1;
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_READ;
    entry->flags = IOSQE_ASYNC;
    entry->fd = ends[0];
    entry->addr = (unsigned long)&byte;
    entry->len = 1;
    *(unsigned *)(rings + params.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(rings + params.sq_off.tail), 1, __ATOMIC_RELEASE);
    return syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) == 1 ? 0 : 1;
}
"""
ALONE = """
import ctypes, select, sys
if ctypes.CDLL(sys.argv[1]).ask(): print("none", flush=True); sys.exit()
print("ready", flush=True)
count = 0
while not select.select([0], [], [], 0)[0]:
    blocks = [bytes(n) for n in range(1000, 60000, 1000)]
    assert sum(map(len, blocks)) == 1770000
    count += 1
print("done" if count else "never")
"""


def workers_of(pid):
    return [tid for tid in os.listdir(f"/proc/{pid}/task") if pathlib.Path(
        f"/proc/{pid}/task/{tid}/comm").read_text(encoding="utf-8").startswith("iou-wrk")]


@wide
def test_workers_of_the_kernels(t):
    """io_uring's are among its threads, but run nothing of it: the process has one thread, in which
    libc takes no locks, and that one is held. They are called what they are."""
    need_attaching()
    t.need_ctypes()
    program = Started([t.python, t.file("alone.py", ALONE), t.library("ring", RING)], text=True,
                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t.at_end.append(program.kill)
    if program.stdout.readline() != "ready\n":
        raise Skip("io_uring may not be used here")
    end = time.monotonic() + 30
    while not workers_of(program.pid) and time.monotonic() < end:
        time.sleep(0.01)
    worker, = workers_of(program.pid)
    for _ in range(5):
        trace = t.trace()
        done = run(t, "-p", program.pid, "-o", trace, "--duration", "0.1s")
        assert done.returncode == 0, done
        assert "its only thread" in t.analyze("info", trace)
    text = run(t, "dump", program.pid).stdout
    assert f"<worker of the kernel's> iou-wrk-{program.pid} tid {worker}" in text, text
    out, err = program.communicate("go\n", timeout=60)
    assert (program.returncode, out, err) == (0, "done\n", ""), (out, err)


# ---- traced ----

@wide
def test_traced_by_somebody(t):
    """Refused: the line names who traces it. Afterwards it can be had."""
    need_attaching()
    try:
        subprocess.run(["gdb", "--version"], capture_output=True, check=True)
    except FileNotFoundError:
        raise Skip("needs gdb")
    program = Elsewhere(t)
    gdb = subprocess.Popen(["gdb", "-nx", "-q", "-iex", "set auto-solib-add off", "-p",
                            str(program.pid)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, text=True)
    t.at_end.append(gdb.kill)
    status, end = pathlib.Path(f"/proc/{program.pid}/status"), time.monotonic() + 60
    while f"TracerPid:\t{gdb.pid}\n" not in status.read_text(encoding="utf-8"):
        assert time.monotonic() < end and gdb.poll() is None
        time.sleep(0.02)
    done = run(t, "-p", program.pid, "-o", t.trace())
    assert done.returncode == 6 and f"is being traced by process {gdb.pid} (gdb)" in done.stderr, done
    gdb.communicate("detach\nquit\n", timeout=60)
    check_recorded(t, program)
    program.end()


# ---- Pythons that a program has loaded itself ----

LOADER = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    int (*run)(const char *);
    void (*begin)(void);
    void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *begins = library ? dlsym(library, "Py_Initialize") : NULL;
    void *runs = library ? dlsym(library, "PyRun_SimpleString") : NULL;
    if (!begins || !runs) { puts(dlerror()); return 1; }
    memcpy(&begin, &begins, sizeof begin);
    memcpy(&run, &runs, sizeof run);
    begin();
    return run(argv[2]);
}
"""
LIBRARY = """
import os, sysconfig
folder, name, prefix = map(sysconfig.get_config_var, ("LIBDIR", "INSTSONAME", "prefix"))
print(os.path.join(folder, name), prefix)
"""


# What a paused container is: where its group is, what freezes and thaws it, and what it says then.
FREEZERS = (("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED", "freezer.state", "FROZEN"),
            ("/sys/fs/cgroup", "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"),
            ("/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"))


def freezer_of(root, switch, pid):
    group = pathlib.Path(root, f"frozen-{pid}")
    if not (group.parent / "cgroup.procs").exists():
        return None
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        assert switch in os.listdir(group)
        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except (OSError, AssertionError):
        group.rmdir()
        return None
    return group


def check_frozen(t, root, switch, on, off, sign, frozen):
    """Refused as long as it is frozen, and not waited for."""
    program = Elsewhere(t)
    group = freezer_of(root, switch, program.pid)
    if group is None:
        program.end()
        return False
    try:
        (group / switch).write_text(on, encoding="ascii")
        while frozen not in (group / sign).read_text(encoding="ascii"):
            time.sleep(0.005)
        done = run(t, "-p", program.pid, "-o", t.trace())
        assert done.returncode == 6 and done.stderr == \
            f"pyrec: process {program.pid} is frozen (a container that is paused): let it go on first\n", done
    finally:
        (group / switch).write_text(off, encoding="ascii")
    check_recorded(t, program)
    program.end()
    while (group / "cgroup.procs").read_text(encoding="ascii"):
        time.sleep(0.005)
    group.rmdir()
    return True


def test_frozen(t):
    need_attaching()
    if not sum(check_frozen(t, *freezer) for freezer in FREEZERS):
        raise Skip("no group may be frozen here")


def test_a_python_that_was_loaded(t):
    """As launchers and servers do: nobody else finds its symbols, and there is one thread."""
    need_attaching()
    done = subprocess.run([t.python, "-c", LIBRARY], capture_output=True, text=True, check=True)
    library, prefix = done.stdout.split()
    if not os.path.exists(library) or not library.endswith((".so", ".so.1.0")):
        raise Skip(f"{library} is not there")
    loader = t.program("loader", LOADER)
    path = t.file("work.py", WORK)
    source = f"import sys; sys.argv = ['-', '', '']; exec(compile(open({path!r}).read(), {path!r}, 'exec'))"
    process = Started([loader, library, source], text=True, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                      env=dict(os.environ, PYTHONHOME=prefix))
    t.at_end.append(process.kill)
    line = process.stdout.readline()
    assert line == "ready\n", (line, process.stderr.read())
    check_recorded(t, process)
    out, err = process.communicate("", timeout=60)
    assert (process.returncode, out, err) == (0, "done\n", ""), (out, err)


FIRST_ENDS = """
import ctypes
def live():
    rest()
    print("done", flush=True)
    os._exit(0)
print("ready", flush=True)
threading.Thread(target=live, name="live").start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_the_first_thread_has_ended(t):
    """Under the number of the process the kernel finds no memory then; other threads run on."""
    need_attaching()
    t.need_ctypes()
    program = Elsewhere(t, does=FIRST_ENDS)
    stat = pathlib.Path(f"/proc/{program.pid}/stat")
    while ") Z " not in stat.read_text(encoding="utf-8"):
        time.sleep(0.005)
    for _ in range(2):
        trace = t.trace()
        done = run(t, "-p", program.pid, "-o", trace, "-r", "200", "--duration", "0.5s")
        assert done.returncode == 0, done
        for name, place in (("spin_it", "spin_it"), ("live", "rest")):
            stacks = t.stacks(trace, "--thread", name)
            own = sum(weight for stack, weight in stacks if place in map(function_of, stack))
            assert own == sum(weight for _, weight in stacks) > 0, stacks
    program.end()


APPLICATION = """
import threading
def spin_it():
    while True: sum(range(1000))
threading.Thread(target=spin_it, name="spin_it", daemon=True).start()
def application(environ, start):
    start("200 OK", [])
    return [b""]
"""


@wide
def test_uwsgi(t):
    """Its plugin's Python. (Its own threads wait in calls that are not cut short: one of Python's is held.)"""
    need_attaching()
    if shutil.which("uwsgi-core") is None:
        raise Skip("needs uwsgi-core")
    log = t.dir / "log"
    with open(log, "w", encoding="utf-8") as to:
        server = subprocess.Popen(
            ["uwsgi-core", "--plugin", "python3", "--socket", str(t.dir / "socket"), "--enable-threads",
             "--master", "--wsgi-file", t.file("app.py", APPLICATION)],
            stdout=to, stderr=to, start_new_session=True)

    def end_all():
        try:
            os.killpg(server.pid, signal.SIGKILL) # a worker outlives its master
        except ProcessLookupError:
            pass
        server.wait()
    t.at_end.append(end_all)
    end = time.monotonic() + 60
    while "spawned uWSGI worker 1" not in (text := log.read_text(encoding="utf-8")):
        if "plugin" in text and server.poll() is not None:
            raise Skip("uWSGI has no plugin for Python here")
        assert time.monotonic() < end and server.poll() is None, text
        time.sleep(0.02)
    while "spin_it" not in run(t, "dump", server.pid).stdout:
        assert time.monotonic() < end, log.read_text(encoding="utf-8")
    trace = t.trace()
    done = run(t, "-p", server.pid, "-o", trace, "-r", "200", "--duration", "0.5s")
    assert done.returncode == 0, done
    assert "spin_it" in {row["function"] for row in t.rows("functions", trace)}
    assert server.poll() is None, log.read_text(encoding="utf-8")
    server.send_signal(signal.SIGINT)
    try:
        assert server.wait(15) == 0, log.read_text(encoding="utf-8")
    except subprocess.TimeoutExpired:
        pass # with a thread that computes it now and then does not end, also where nobody attached


def test_nothing_to_attach_to(t):
    """Programs that nothing can be loaded into, or may be: one line that says why, and nothing else happens."""
    need_attaching()
    source = t.file("idle.c", "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    kinds = [(["gcc", "-static"], 5, "is statically linked"), (["gcc", "-static-pie"], 5, "is statically linked"),
             (["musl-gcc"], 5, "is not Python"), (["gcc", "-m32"], 5, "is a 32-bit program")]
    programs = []
    for words, status, why in kinds:
        path = str(t.dir / f"idle{len(programs)}")
        if shutil.which(words[0]) and subprocess.run([*words, "-o", path, source],
                                                     capture_output=True).returncode == 0:
            programs.append(([path], None, status, why))
    if os.geteuid() == 0 and os.path.realpath(t.python).startswith("/usr/bin/"):
        with_rights = str(t.dir / "rights")
        shutil.copy(os.path.realpath(t.python), with_rights)
        os.chmod(t.dir, 0o755)
        os.chmod(with_rights, 0o4755)
        programs.append(([with_rights, "-c", "import time; time.sleep(600)"], SOMEBODY, 5, "has rights of its own"))
    if not programs:
        raise Skip("neither a compiler nor root")
    for command, user, status, why in programs:
        try:
            program = subprocess.Popen(command, user=user, cwd="/")
        except OSError as error:  # some kernels run no 32-bit programs
            assert error.errno == errno.ENOEXEC and why == "is a 32-bit program", error
            continue
        t.at_end.append(program.kill)
        done = run(t, "-p", program.pid, "-o", t.trace(), "--duration", "0.1s")
        assert done.returncode == status and why in done.stderr and done.stderr.count("\n") == 1, (command, done)
        assert program.poll() is None
