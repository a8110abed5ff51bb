# SPDX-License-Identifier: MIT
"""Children of a recorded Python that cannot, or should not, carry our library: they are what they are
without pyrec, and whoever of them is a Python is counted with the true reason."""
import difflib
import os
import shutil
import signal
import subprocess

import beside
from e2e import IS_FULL, Skip, wide
from missing import NOBODY, NO_PYTHON, check_missing, need_root
from rude_start import library_find, runs_here

KINDS = {  # what they are built with: the compiler, its options
    "usual": ("gcc",),
    "32-bit": ("gcc", "-m32"),
    "static": ("gcc", "-static"),
    "musl": ("musl-gcc",),
    "musl-static": ("musl-gcc", "-static"),
    "address": ("gcc", "-fsanitize=address"),
    "address-inside": ("gcc", "-fsanitize=address", "-static-libasan"),
    "thread": ("gcc", "-fsanitize=thread"),
    "undefined": ("gcc", "-fsanitize=undefined"),
}
LOADERS = ("usual", "32-bit", "static", "musl", "address")  # one of each that loads its libraries in a way of its own
HELLO = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
extern char **environ;
int main(int argc, char **argv)
{
    char *text = malloc(100);
    int n = 0;
    for (char **at = environ; *at; at++) /* but for those two it is what the parent gave */
        n += strncmp(*at, "LD_PRELOAD=", 11) && strncmp(*at, "PYREC_AGENT=", 12) && strncmp(*at, "_=", 2);
    snprintf(text, 100, "hello %d %d %s", argc, n, getenv("WORD") ? getenv("WORD") : "none");
    puts(text);
    free(text);
    return 3;
}
"""

# Starts each of its arguments in every way that there is.
PARENT = r"""
import os, subprocess, sys
def say(*words): print(*words, flush=True)
def run(how, command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    say(how, done.returncode, done.stdout, done.stderr)
for path in sys.argv[1:]:
    say(os.path.basename(path))
    folder, name = os.path.split(path)
    run('run', [path])
    run('fork', [path], preexec_fn=lambda: None)
    run('empty', [path], env={})
    run('other', [path], env={'WORD': 'x', 'LD_PRELOAD': ''})
    run('searched', [name], env=dict(os.environ, PATH=folder + ':/bin'))
    run('relative', ['./' + name], cwd=folder)
    run('script', [path + '.sh'])
    run('shell', path + '; ' + path, shell=True)
    run('shell of a shell', ['sh', '-c', 'sh -c "exec $0"', path])
    run('env', ['env', '-i', path])
    say('spawn', os.waitpid(os.posix_spawn(path, [path], {'WORD': 'y'}), 0)[1])
    say('spawnp', os.waitpid(os.posix_spawnp(path, [path], os.environ), 0)[1])
    say('system', os.system(path))
    say('popen', os.popen(path).read())
    fd = os.open(path, os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        os.execve(fd, [path], {'WORD': 'z'})
    say('descriptor', os.waitpid(pid, 0)[1])
    os.close(fd)
"""


def build(folder, kind, source, *options):
    """None when there is no compiler for it."""
    compiler, *more = KINDS[kind]
    if shutil.which(compiler) is None:
        return None
    text, path = folder / f"{kind}.c", str(folder / kind)
    text.write_text(source, encoding="ascii")
    done = subprocess.run([compiler, "-o", path, text, *more, *options], capture_output=True)
    return path if done.returncode == 0 else None


def hello(folder, kind):
    """None when it does not run here either."""
    path = build(folder, kind, HELLO)
    if path is None or not runs_here(path):
        return None
    script_make(path)
    return path


def script_make(path):
    """Its name with .sh: a script that it is the interpreter of."""
    with open(path + ".sh", "w", encoding="ascii") as file:
        file.write(f"#! {path}\n")
    os.chmod(path + ".sh", 0o755)


def hellos(t):
    """{kind: program} of all that can be had here, compiled once."""
    found = t.keep("hellos", lambda folder: {kind: path for kind in KINDS for path in [hello(folder, kind)] if path})
    if not found:
        raise Skip("no compiler for any of them")
    return found


def hello_usual(t):
    if "usual" not in hellos(t):
        raise Skip("no gcc here")
    return hellos(t)["usual"]


@wide
def test_children(t):
    """Same output, same status, no word on standard error, however they are started."""
    found = hellos(t).values()
    seen = beside.same(t, [t.python, "-c", PARENT, *found], rates=(1000,), status=0, timeout=300)
    assert seen.bare.out.count("hello") >= 16 * len(found) and seen.bare.err == "", seen.bare.err
    rows = t.rows("processes", seen.recorded[0].trace)
    assert rows[0]["samples"] > 0, rows
    assert t.info(seen.recorded[0].trace)["recordings"][0]["not_recorded"] == 0


@wide
def test_pypy(t):
    """Another Python: it runs as without pyrec, and one line says what it is, also when it is looked at from outside."""
    pypy = shutil.which("pypy3")
    if pypy is None:
        raise Skip("no PyPy here")
    run = t.command([pypy, "-c", "import sys; print('unharmed'); sys.exit(3)"])
    assert (run.status, run.out) == (3, "unharmed\n"), run.err
    line, = run.err.splitlines()
    assert line.startswith("pyrec: nothing was recorded: pypy") and line.endswith("is PyPy; only CPython can be recorded"), line
    program = subprocess.Popen([pypy, "-c", "print('ready', flush=True); input()"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    t.at_end.append(lambda: (program.kill(), program.wait()))
    assert program.stdout.readline() == b"ready\n"
    for options in ["dump", str(program.pid)], ["-o", t.trace(), "-p", str(program.pid), "--duration", "1"]:
        done = subprocess.run([t.pyrec, *options], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (5, ""), done
        assert done.stderr == f"pyrec: process {program.pid} is a PyPy: pyrec knows CPython\n", done.stderr
    assert program.poll() is None


@wide
def test_set_user_id(t):
    """A program with rights of its own: its loader takes nothing, and says nothing."""
    need_root()
    path = shutil.copy(hello_usual(t), str(t.dir / "own-rights"))
    script_make(path)
    os.chmod(t.dir, 0o755)
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o6755)
    beside.same(t, [t.python, "-c", PARENT, path], rates=(1000,), status=0)


def chroot_make(t, path):
    """A root with a program, its libraries and its loader, and without ours."""
    root = t.dir / "root"
    lines = subprocess.run(["ldd", path], capture_output=True, text=True).stdout.splitlines()
    files = {word for line in lines for word in line.split() if word.startswith("/")}
    for file in {path, "/bin/sh", *files}:
        place = root / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(file), place)
    return str(root)


CHROOTED = """
import os, subprocess, sys
root, path = sys.argv[1:]
for how in (lambda: os.chroot(root), None):
    command = [path] if how else ['chroot', root, path]
    for command in (command, ['chroot', root, 'sh', '-c', path] if not how else ['sh', '-c', path]):
        done = subprocess.run(command, preexec_fn=how, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, PATH='/bin:/usr/bin:/usr/sbin:/sbin'))
        print(done.returncode, done.stdout, done.stderr, flush=True)
"""


def test_in_a_chroot(t):
    """Our library is not there."""
    need_root()
    path = hello_usual(t)
    if shutil.which("chroot", path="/usr/sbin:/usr/bin") is None:
        raise Skip("no chroot here")
    root = chroot_make(t, path)
    seen = beside.same(t, [t.python, "-c", CHROOTED, root, path], rates=(1000,), status=0)
    assert seen.bare.out.count("hello") == 4, seen.bare.out


@wide
def test_counted(t):
    """Those that are a Python as far as anybody can see: not recorded, for this reason."""
    reasons = {
        "32-bit": "a 32-bit program, or one for another machine",
        "static": "statically linked: nothing can be loaded into it",
        "musl": "its C library is not glibc",
        "address": "built with a sanitizer, whose library has to be the first",
        "thread": "built with a sanitizer, whose library has to be the first",
    }
    made = 0
    for kind, reason in reasons.items():
        path = build(t.dir, kind, NO_PYTHON, "-rdynamic")
        if path is not None and kind in hellos(t):
            made += 1
            check_missing(t, [path], reason)
    if made == 0:
        raise Skip("no compiler for any of them")


def test_counted_in_a_chroot(t):
    need_root()
    path = build(t.dir, "usual", NO_PYTHON, "-rdynamic")
    if path is None:
        raise Skip("no gcc here")
    root = chroot_make(t, path)
    check_missing(t, ["chroot", root, path], "the recorder's library is not in its file system")


# Waits for a word, and starts its arguments when pyrec is no more.
LATER = "import sys\nprint('up', flush=True)\nsys.stdin.readline()\n" + PARENT
# libc's system() and popen() execute the shell past us; without our library its loader says so.
LATER_REMOVED = "\n".join(line for line in LATER.split("\n")
                          if "os.system" not in line and "os.popen" not in line)


def test_pyrec_is_gone(t):
    """Killed, and then its library removed as well: nobody notices either."""
    found = [path for kind, path in hellos(t).items() if IS_FULL or kind in LOADERS]
    for is_removed in (False, True):
        command = [t.python, "-c", LATER_REMOVED if is_removed else LATER, *found]
        expected = beside.bare(t, command, input="go\n", timeout=300)
        bin = t.dir / f"own-{is_removed}"
        bin.mkdir()
        for file in ("pyrec", "libpyrec.so"):
            shutil.copy(t.build / "record" / file, bin / file)
        process = subprocess.Popen(
            [str(bin / "pyrec"), "-o", t.trace(), "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)
        if is_removed:
            shutil.rmtree(bin)
        process.stdin.write("go\n")
        process.stdin.close()
        out, err = process.stdout.read(), process.stderr.read()
        process.wait()
        differ = list(difflib.unified_diff(expected.out.splitlines(), ("up\n" + out).splitlines()))
        assert not differ and err == expected.err, (is_removed, differ, err)


PLACES = ("{1}", "{0}:{1}", "{1}:{0}")
SPELLINGS = ("{1} {0}", "{0}:{1}:{0}")
PRELOADS = """
import os, subprocess, sys
library, work, *hows = sys.argv[1:]
ours = os.environ.get('LD_PRELOAD', '')
commands = [[sys.executable, '-c', work], ['sh', '-c', '"$0" -c "$1"', sys.executable, work]]
for how in hows:
    env = dict(os.environ, LD_PRELOAD=how.format(ours, library).strip(': '), ASAN_OPTIONS='detect_leaks=0')
    for command in commands if len(hows) > 3 else commands[:1]:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        print(how, done.returncode, done.stdout, done.stderr, flush=True)
"""
WORK = """
import time
end = time.process_time() + 0.02
while time.process_time() < end: sum(range(100))
print('worked')
"""
LIBRARIES = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libfaketime.so.1", "libeatmydata.so",
             "libasan.so.8")


@wide
def test_preloaded_before_and_behind(t):
    """A parent puts a library of its own before ours, behind it, or in its place: each library in each place,
    and one, with a shell between as well, also by other spellings."""
    found = [path for path in map(library_find, LIBRARIES) if path]
    if not found:
        raise Skip("none of these libraries is here")
    for path in found:
        hows = PLACES + SPELLINGS if IS_FULL or path == found[0] else PLACES
        seen = beside.same(t, [t.python, "-c", PRELOADS, path, WORK, *hows], rates=(1000,), status=0)
        n = len(hows) * (2 if len(hows) > 3 else 1)
        assert seen.bare.out.count("worked") == n and "b''\n" in seen.bare.out, seen.bare.out
        rows = t.rows("processes", seen.recorded[0].trace)
        assert sum(row["cpu_time"] > 0.015 for row in rows) >= n, (path, rows)
