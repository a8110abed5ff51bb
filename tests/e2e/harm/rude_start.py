# SPDX-License-Identifier: MIT
"""Processes that do not start as usual, or do not bear what a recorder is: each is beside pyrec what it
is without, and recorded where that can be."""
import os
import pathlib
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.request

import beside
from e2e import Skip, wide

BURN = """
import sys, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(300))
"""

# Loads the library argv[1], first a plugin that only the program's own RUNPATH leads to.
LAUNCHER = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int how = RTLD_NOW | (strcmp(argv[2], "local") == 0 ? RTLD_LOCAL : RTLD_GLOBAL);
    void *plugin = dlopen("libpyrec_test_plugin.so", RTLD_NOW);
    int (*number)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_number") : NULL;
    printf("plugin %d\n", number ? number() : -1);
    printf("missing %s\n", dlopen("libpyrec_test_missing.so", RTLD_NOW) ? "there" : "not there");
    void *python = dlopen(argv[1], how);
    if (strcmp(argv[3], "again") == 0) { /* as a server does that reads its configuration twice */
        dlclose(python);
        python = dlopen(argv[1], how);
    }
    int (*run)(int, char **) = python ? (int (*)(int, char **))dlsym(python, "Py_BytesMain") : NULL;
    fflush(stdout);
    if (run == NULL)
        return 9;
    if (strcmp(argv[3], "fork") == 0) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            return run(argc - 3, argv + 3);
        waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
    }
    return run(argc - 3, argv + 3);
}
"""

WORKERS = BURN + """
import threading
workers = [threading.Thread(target=burn, args=(0.08,), name=f"arrived-{i}") for i in range(2)]
for worker in workers: worker.start()
for worker in workers: worker.join()
burn(0.05)
print("done", flush=True)
"""


def libpython(t):
    """The interpreter's shared library, and the environment that it finds its modules in."""
    text = "import sysconfig as s, sys; print(s.get_config_var('LIBDIR') or '', " \
           "s.get_config_var('INSTSONAME') or '', s.get_config_var('MULTIARCH') or '', sys.prefix, sep='|')"
    folder, name, arch, prefix = subprocess.run(
        [t.python, "-c", text], capture_output=True, text=True, check=True).stdout.strip().split("|")
    for path in (pathlib.Path(folder) / name, pathlib.Path(folder) / arch / name,
                 pathlib.Path("/usr/lib") / arch / name):
        if ".so" in name and path.is_file():
            return str(path), {"PYTHONHOME": prefix}
    raise Skip("this interpreter has no shared library")


def compiled(t, name, source, *options):
    if shutil.which("gcc") is None:
        raise Skip("no gcc here")
    path = str(t.dir / name)
    done = subprocess.run(["gcc", "-O1", "-o", path, t.file(f"{name}.c", source), *options],
                          capture_output=True, text=True)
    return path if done.returncode == 0 else None


def launcher(t):
    plugins = t.dir / "plugins"
    plugins.mkdir(exist_ok=True)
    assert compiled(t, "plugins/libpyrec_test_plugin.so", "int plugin_number(void) { return 42; }\n",
                    "-shared", "-fPIC")
    path = compiled(t, "launcher", LAUNCHER, "-ldl", "-Wl,--enable-new-dtags",
                    "-Wl,-rpath,$ORIGIN/plugins")
    assert path is not None
    return path


def test_arrives(t):
    """libpython comes by dlopen: for all or for one user only, twice, and in a child."""
    library, environment = libpython(t)
    program = launcher(t)
    script = t.file("workers.py", WORKERS)
    for how in ("global", "local"):
        for what in ("plain", "again", "fork"):
            seen = beside.same(t, [program, library, how, what, script], rates=(1000,), status=0,
                               env=environment)
            assert "plugin 42\nmissing not there\ndone" in seen.bare.out, seen.bare.out
            rows = t.rows("threads", seen.recorded[0].trace)
            assert [row["kind"] for row in rows].count("python") == 3, (how, what, rows)
            cpu = sum(row["cpu_time"] for row in rows)
            assert cpu > 0.1, (how, what, rows)


def test_arrives_in_a_child(t):
    """The same, started by a recorded Python."""
    library, environment = libpython(t)
    command = [launcher(t), library, "local", "plain", t.file("workers.py", WORKERS)]
    code = f"import subprocess; print(subprocess.run({command!r}).returncode)"
    seen = beside.same(t, [t.python, "-c", code], rates=(1000,), status=0, env=environment)
    names = [row["thread"] for row in t.rows("threads", seen.recorded[0].trace)]
    assert names.count("MainThread") >= 2 and len(names) >= 4, names


ALONE = BURN + """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
NEWUSER = 0x10000000
def say(what, result):
    print(what, result, ctypes.get_errno() if result != 0 else 0, flush=True)
def spaces(name):
    say("setns user", libc.setns(os.open("/proc/self/ns/user", os.O_RDONLY), 0))
    for kind in ("mnt", "time", "net"):
        if os.path.exists(f"/proc/self/ns/{kind}"):
            say("setns " + kind, libc.setns(os.open(f"/proc/self/ns/{kind}", os.O_RDONLY), 0))
    if name == "os":
        os.unshare(os.CLONE_NEWUSER)
    elif name == "syscall":
        say("syscall", libc.syscall(272, NEWUSER))
    else:
        say("unshare", libc.unshare(NEWUSER))
    burn(0.05)
burn(0.1)
if sys.argv[1] == "child":
    pid = os.fork()
    if pid == 0:
        spaces("libc")
        os._exit(0)
    os.waitpid(pid, 0)
elif sys.argv[1] != "os" or hasattr(os, "unshare"):
    spaces(sys.argv[1])
burn(0.1)
print("end")
"""


@wide
def test_namespaces(t):
    """A process with one thread of its own is one to the kernel, too."""
    t.need_ctypes()
    for how in ("libc", "syscall", "os", "child"):
        seen = beside.same(t, [t.python, "-c", ALONE, how], rates=(1000,), status=0)
        used = max(row["cpu_time"] for row in t.rows("threads", seen.recorded[0].trace))
        assert used > 0.15, used  # before and after


# A filter that lets through what an ordinary Python does, and kills for the rest.
FILTER = BURN + """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
ALLOWED = [0, 1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 25, 28, 35, 39, 56, 57, 60, 61, 72, 79, 89,
           96, 99, 102, 131, 186, 202, 217, 218, 228, 230, 231, 257, 262, 267, 273, 302, 318, 332, 334,
           435, 439]
def filter_set(shared):
    code = [(0x20, 0, 0, 0)]
    code += [(0x15, len(ALLOWED) - i, 0, number) for i, number in enumerate(ALLOWED)]
    code += [(0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)]
    text = b"".join(struct.pack("HBBI", *one) for one in code)
    keep = ctypes.create_string_buffer(text, len(text))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(keep)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    if shared == "prctl":
        return libc.prctl(22, 2, program, 0, 0)
    return libc.syscall(317, 1, 1 if shared == "shared" else 0, program)
burn(0.1)
print("filter", filter_set(sys.argv[1]), flush=True)
burn(0.1)
if sys.argv[2] == "fork":
    pid = os.fork()
    if pid == 0:
        burn(0.05)
        os._exit(0)
    print("child", os.waitpid(pid, 0)[1])
print("end", flush=True)
"""


@wide
def test_filters(t):
    """System calls are filtered: for one thread it is recorded on, for all it says why not."""
    t.need_ctypes()
    for shared in ("prctl", "own", "shared"):
        for what in ("alone", "fork"):
            command = [t.python, "-W", "error", "-c", FILTER, shared, what]
            seen = beside.same(t, command, rates=(1000,) if what == "alone" else beside.RATES, status=0)
            assert "filter 0" in seen.bare.out, seen.bare.out
            info = t.analyze("info", seen.recorded[-1].trace)
            assert ("stopped: the program has put a filter" in info) == (shared == "shared"), info


def test_libseccomp(t):
    """The same as a program does it that has the library."""
    code = BURN + """
import seccomp
burn(0.1)
f = seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS)
f.set_attr(seccomp.Attr.CTL_TSYNC, 1)
for name in ("read write exit_group rt_sigreturn brk mmap munmap mremap futex close fstat newfstatat lseek "
             "openat ioctl rt_sigaction rt_sigprocmask sigaltstack clock_nanosleep exit madvise clock_gettime "
             "getpid gettid getrandom mprotect").split():
    f.add_rule(seccomp.ALLOW, name)
f.load()
burn(0.1)
print("end", flush=True)
"""
    if subprocess.run([t.python, "-c", "import seccomp"], capture_output=True).returncode != 0:
        raise Skip("no python3-seccomp for this interpreter")
    beside.same(t, [t.python, "-c", code], status=0)


def test_locked_memory(t):
    """mlockall() locks what is ours as well: it is little, whatever the depth."""
    t.need_ctypes()
    code = BURN + """
import ctypes
burn(0.2)
status = ctypes.CDLL(None).mlockall(3)
size = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmLck")]
print(status, *size)
"""
    bare = beside.bare(t, [t.python, "-c", code])
    if not bare.out.startswith("0 "):
        raise Skip("memory cannot be locked here")
    for options in ((), ("--max-depth", "16000")):
        run = beside.recorded(t, [t.python, "-c", code], options=options)
        grown = int(run.out.split()[1]) - int(bare.out.split()[1])
        assert run.status == 0 and grown < 16 << 10, (bare.out, run.out)


LIBRARIES = ("libfaketime.so.1", "libeatmydata.so", "libjemalloc.so.2", "libtcmalloc_minimal.so.4",
             "libmimalloc.so.2.0", "libasan.so.8")


def library_find(name):
    arch = sysconfig.get_config_var("MULTIARCH") or ""
    for folder in ("/usr/lib", f"/usr/lib/{arch}", f"/usr/lib/{arch}/faketime"):
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return None


@wide
def test_preloaded(t):
    """The user has libraries in LD_PRELOAD: they do what they do, and the clocks are the kernel's."""
    code = BURN + """
import multiprocessing, subprocess
def square(n):
    burn(0.03)
    return n * n
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(square, range(4)))
    print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout)
    burn(0.1)
"""
    script = t.file("pool.py", code)
    found = [path for path in map(library_find, LIBRARIES) if path]
    for path in found:
        environment = {"LD_PRELOAD": path, "ASAN_OPTIONS": "detect_leaks=0"}
        seen = beside.same(t, [t.python, script], rates=(1000,), status=0, env=environment)
        functions = t.rows("functions", seen.recorded[0].trace, "--merge-threads")
        burned = sum(row["ticks"] for row in functions if row["function"] == "burn")
        assert burned + t.missed(seen.recorded[0].trace) > 100, (path, functions[:3])
    if not found:
        raise Skip("none of these libraries is here")


def test_faked_time(t):
    """The program is told another time, which runs at another speed; the trace has the real one."""
    path = library_find("libfaketime.so.1")
    if path is None:
        raise Skip("no libfaketime here")
    code = "import time\nx = 0\nfor n in range(2_000_000): x += n\nprint(time.strftime('%Y'))"
    for fake in ("@2001-01-01 00:00:00", "@2001-01-01 00:00:00 x50"):
        seen = beside.same(t, [t.python, "-c", code], rates=(1000,), status=0,
                           env={"LD_PRELOAD": path, "FAKETIME": fake})
        assert seen.bare.out == "2001\n", seen.bare.out
        (row,) = t.rows("threads", seen.recorded[0].trace)
        assert 0.02 < row["cpu_time"] < row["wall"] * 1.2 + 0.02, row


CHILDREN = {  # what it is built with: the compiler, its options
    "32-bit": ("gcc", "-m32"),
    "static": ("gcc", "-static"),
    "musl": ("musl-gcc",),
    "AddressSanitizer": ("gcc", "-fsanitize=address"),
    "ThreadSanitizer": ("gcc", "-fsanitize=thread"),
}
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 3; }\n'


def runs_here(path, says=None):
    """A program that ends with 3, having printed that; not so with 32-bit ones on some kernels."""
    try:
        done = subprocess.run([path], capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 3 and says in (None, done.stdout)


def child_make(t, kind):
    compiler, *options = CHILDREN[kind]
    if shutil.which(compiler) is None:
        return None
    path = str(t.dir / f"hello-{kind}")
    done = subprocess.run([compiler, "-o", path, t.file("hello.c", HELLO), *options],
                          capture_output=True)
    return path if done.returncode == 0 and runs_here(path, "hello\n") else None


def test_commands(t):
    """A command that cannot be given a library, or would end with it, has none of ours."""
    made = 0
    for kind in CHILDREN:
        path = child_make(t, kind)
        if path is not None:
            made += 1
            beside.same(t, [path], rates=(100,), status=3)
    if made == 0:
        raise Skip("no compiler for any of them")


APP = BURN + """
def application(environ, start_response):
    burn(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
"""


def uwsgi_start(t, trace, port):
    command = [t.pyrec, "-q", "-o", trace, "--", "uwsgi", "--plugin", "python3", "--master",
               "--http-socket", f"127.0.0.1:{port}", "--processes", "2", "--threads", "2",
               "--wsgi-file", t.file("app.py", APP), "--die-on-term", "--disable-logging"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@wide
def test_uwsgi(t):
    """A server that has Python as a plugin: each of its workers, and the threads that serve."""
    if shutil.which("uwsgi") is None or not t.python.startswith("/usr/bin/"):
        raise Skip("no uwsgi with a plugin for this interpreter")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    trace = t.trace()
    server = uwsgi_start(t, trace, port)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
                break
            except OSError:
                time.sleep(0.1)
        for _ in range(20):
            page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read()
            assert page == b"served", page
    finally:
        server.terminate()  # pyrec passes it on
        out, _ = server.communicate(timeout=60)
    rows = t.rows("threads", trace)
    workers = [row for row in rows if row["thread"].startswith("uWSGIWorker")]
    assert len(workers) == 4 and len({row["process"] for row in workers}) == 2, (rows, out)
    assert sum(row["cpu_time"] for row in workers) > 0.8, rows


LIMITED = BURN + """
import os, threading
workers = [threading.Thread(target=burn, args=(0.02,)) for _ in range(2)]
for worker in workers:
    try:
        worker.start()
    except RuntimeError as error:
        print(error)
for worker in workers:
    if worker.ident:
        worker.join()
table = "/proc/self/fd"
print(sorted(int(n) for n in os.listdir(table)) if os.path.exists(table) else "no /proc")
pid = os.fork()
if pid == 0:
    burn(0.02)
    os._exit(0)
print("child", os.waitpid(pid, 0)[1])
burn(0.03)
"""


@wide
def test_limits(t):
    """Little of anything, no /proc, somebody else's, none to be read: the program is what it is."""
    shells = ["ulimit -n 32", "ulimit -n 48", "ulimit -n 64", "ulimit -v 300000", "ulimit -l 64",
              "ulimit -f 100", "ulimit -s 256"]
    own = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if own and os.geteuid() == 0:
        shells += ["mount -t tmpfs none /proc"]
    for shell in shells:
        wrap = ["unshare", "-m"] if shell.startswith("mount") else []
        command = [*wrap, "sh", "-c", f'{shell}; exec "$0" "$@"', t.python, "-W", "ignore", "-c", LIMITED]
        beside.same(t, command, rates=(1000,), status=0)
    code = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n" + LIMITED
    beside.same(t, [t.python, "-W", "ignore", "-c", code], rates=(1000,), status=0)
    if own and os.geteuid() == 0:
        foreign = ["unshare", "-p", "--fork", t.python, "-W", "ignore", "-c", LIMITED]
        beside.same(t, foreign, rates=(1000,), status=0)
        some = ["setpriv", "--reuid", "65533", "--clear-groups", "--no-new-privs"]
        for n in (1, 2, 3):
            limit = ["sh", "-c", f'ulimit -u {n} 2>/dev/null || ulimit -p {n}; exec "$0" "$@"']
            if subprocess.run([*some, t.python, "-c", "pass"], capture_output=True).returncode == 0:
                beside.same(t, [*limit, *some, t.python, "-c", BURN + "burn(0.1); print('end')"],
                            rates=(1000,), status=0)
