# SPDX-License-Identifier: MIT
"""The command is started as a shell would, and nothing about it changes but that it is recorded."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from e2e import Skip, knows_cpus, wide


def test_status(t):
    for status in (0, 1, 7, 255):
        run = t.record("-c", f"import sys; sys.exit({status})", ok=False)
        assert run.status == status, (run.status, status)


def test_dies_of_the_same_signal(t):
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
        run = t.record("-c", f"import os; os.kill(os.getpid(), {int(number)})", ok=False)
        assert run.status == -number, (run.status, number)
        names = [row["thread"] for row in t.rows("threads", run.trace)]
        assert names == ["MainThread"], names


def test_not_found(t):
    assert t.command(["no-such-command-here"]).status == 127
    path = t.file("plain.txt", "no program")
    assert t.command([path]).status == 126


def test_usage(t):
    for args in (["--no-such-option"], ["-r", "0"], ["-r", "20000"], ["-r", "x"],
                 ["--max-depth", "-1"]):
        done = subprocess.run([t.pyrec, *args, "--", "true"], capture_output=True, text=True)
        assert done.returncode == 2, (args, done)
        assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
        assert args[0].lstrip("-") in done.stderr, done.stderr
    assert subprocess.run([t.pyrec], capture_output=True).returncode == 2
    assert "did you mean" in subprocess.run([t.pyrec, "--quit", "--", "true"], capture_output=True,
                                            text=True).stderr


def test_hints(t):
    """Who types what another recorder has, or leaves something out, is told what to type."""
    (t.dir / "demo.py").write_text("pass\n")
    (t.dir / "old.trace").write_bytes(b"")
    for words, status, hint in ((["demo.py", "3"], 127, "pyrec -- python3 demo.py"),
                                (["./demo.py"], 126, "pyrec -- python3 ./demo.py"),
                                (["old.trace"], 127, "pyanalyze old.trace"),
                                (["record", "-o", "x"], 127, "pyrec -- python3 program.py"),
                                (["attach", "1"], 127, "pyrec -p PID"),
                                (["4711"], 127, "pyrec -p 4711"), (["dupm"], 127, "pyrec dump"),
                                (["report"], 127, "pyanalyze report"), ([], 2, "python3 program.py")):
        done = subprocess.run([t.pyrec, *words], cwd=t.dir, capture_output=True, text=True,
                              env={**os.environ, "PATH": "/nowhere"})
        assert done.returncode == status and hint in done.stderr, (words, done)
    plain = subprocess.run([t.pyrec, "nothing.py"], cwd=t.dir, capture_output=True, text=True)
    assert plain.stderr == "pyrec: nothing.py: command not found\n", plain.stderr


def test_help_and_version(t):
    assert "usage: pyrec" in subprocess.run([t.pyrec, "--help"], capture_output=True,
                                            text=True, check=True).stdout
    assert "0." in subprocess.run([t.pyrec, "--version"], capture_output=True, text=True,
                                  check=True).stdout


def test_stdin_stdout_cwd(t):
    script = "import os, sys; print(sys.stdin.read().upper(), os.getcwd()); " \
             "print('err', file=sys.stderr)"
    run = t.record("-c", script, input="some text")
    assert run.out.split() == ["SOME", "TEXT", str(t.dir)], run.out
    assert "err" in run.err


def test_quiet(t):
    assert t.record("-c", "pass", options=["-q"]).err == ""
    assert len(t.record("-c", "pass").err.strip().splitlines()) == 1


def test_no_descriptor_is_ours(t):
    """The program sees its three descriptors, and the next one it opens is number 3."""
    script = ("import os, time\n"
              "time.sleep(0.2)\n"
              "print(sorted(int(n) for n in os.listdir('/proc/self/fd')),"
              " os.open('/dev/null', os.O_RDONLY))")
    run = t.record("-c", script)
    plain = subprocess.run([t.python, "-c", script], capture_output=True, text=True, check=True)
    assert run.out == plain.stdout, (run.out, plain.stdout)


def test_background_without_a_cpu(t):
    """The command ends at once; what it left behind gets hardly any CPU before it could say hello."""
    for tool in ("chrt", "taskset", "timeout"):
        if shutil.which(tool) is None:
            raise Skip(f"no {tool}")
    cpu = min(os.sched_getaffinity(0))
    hog = f"timeout 2 taskset -c {cpu} sh -c 'while :; do :; done'"
    work = "import time\nwhile time.thread_time() < 0.5: sum(range(1000))"
    script = t.file("leaves.sh", f"{hog} & {hog} &\nsleep 0.2\n"
                    f"exec chrt -i 0 taskset -c {cpu} '{t.python}' -c '{work}' >/dev/null 2>&1 &\n")
    run = t.command(["sh", script], ["-r", "1k"])
    rows = t.rows("threads", run.trace)
    assert len(rows) == 1 and rows[0]["cpu_time"] > 0.4, (rows, run.err)


def test_daemon_closes_everything(t):
    """A program that closes every descriptor is recorded to its end."""
    script = ("import os, time\n"
              "os.closerange(0, 65536)\n"
              "def late():\n"
              "    end = time.thread_time() + 0.5\n"
              "    while time.thread_time() < end: pass\n"
              "late()")
    run = t.record("-c", script)
    rows = [row for row in t.rows("functions", run.trace) if row["function"] == "late"]
    assert rows and rows[0]["ticks"] > 250, rows


def test_environment(t):
    """What children inherit is enough to record them; nothing else is added."""
    run = t.record("-c", "import json, os; print(json.dumps(dict(os.environ)))")
    seen = json.loads(run.out)
    assert set(seen) - set(os.environ) <= {"LD_PRELOAD", "PYREC_AGENT"}, set(seen) - set(os.environ)


def test_interrupt(t):
    """Ctrl-C: the program gets it, pyrec lives on and the trace is complete."""
    script = ("import time\n"
              "try:\n"
              "    while time.thread_time() < 0.5: pass\n"
              "    print('ready', flush=True)\n"
              "    while True: sum(range(1000))\n"
              "except KeyboardInterrupt:\n"
              "    print('interrupted', flush=True)\n")
    process, trace = t.start([t.python, "-c", script], ["-r", "1k"], start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "interrupted" in out, (process.returncode, out, err)
    assert sum(row["ticks"] for row in t.rows("lines", trace, "--merge-threads")) > 250


def test_terminate_is_passed_on(t):
    script = ("import signal, sys, time\n"
              "signal.signal(signal.SIGTERM, lambda *a: sys.exit(5))\n"
              "print('ready', flush=True)\n"
              "while True: time.sleep(0.05)\n")
    process, trace = t.start([t.python, "-c", script])
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 5, process.returncode
    t.rows("threads", trace)


def test_kill_loses_nothing(t):
    """kill -9 of the program: the trace has everything up to the last tick."""
    script = ("import os, signal, time\n"
              "end = time.thread_time() + 1.0\n"
              "while time.thread_time() < end: pass\n"
              "time.sleep(0.2)\n"  # so that who looks has a CPU
              "os.kill(os.getpid(), signal.SIGKILL)\n")
    run = t.record("-c", script, ok=False)
    assert run.status == -9
    rows = t.rows("threads", run.trace)
    assert rows[0]["wall"] > 0.99 and rows[0]["cpu_time"] > 0.99, rows


def test_no_python(t):
    run = t.command(["true"])
    assert run.status == 0
    assert "not Python" in run.err, run.err
    assert t.command(["false"]).status == 1


def test_static_program(t):
    """A static executable cannot be recorded; it runs, and pyrec says why there is nothing."""
    source = t.file("static.c", "int main(void) { return 3; }")
    binary = str(t.dir / "static")
    if subprocess.run(["gcc", "-static", "-o", binary, source], capture_output=True).returncode:
        raise Skip("no static libc here")
    run = t.command([binary])
    assert run.status == 3 and "static" in run.err, (run.status, run.err)


def test_script_with_shebang(t):
    path = t.file("script", f"#!/usr/bin/env {os.path.basename(t.python)}\nprint('shebang')\n"
                            "sum(range(3000000))\n")
    os.chmod(path, 0o755)
    env = {"PATH": os.path.dirname(t.python) + ":" + os.environ["PATH"]}
    run = t.command([path], ["-r", "1k"], env=env)
    assert run.status == 0 and run.out == "shebang\n", (run.out, run.err)
    assert any(row["file"].endswith("/script") for row in t.rows("lines", run.trace))


def test_shell_script_that_starts_python_twice(t):
    path = t.file("twice.sh", f"#!/bin/sh\n{t.python} -c 'sum(range(3000000))'\n"
                              f"{t.python} -c 'sum(range(3000000))'\n")
    run = t.command(["sh", path], ["-r", "1k"])
    processes = {row["process"] for row in t.rows("threads", run.trace)}
    assert len(processes) == 2, processes
    run = t.command(["sh", path], ["-r", "1k", "--no-children"])
    processes = {row["process"] for row in t.rows("threads", run.trace)}
    assert len(processes) == 1, processes


def test_output_file(t):
    """A trace replaces an older one; a folder that is not there is a clear error."""
    path = t.file("old.trace", "something old")
    run = t.record("-c", "pass", trace=path)
    t.rows("threads", run.trace)
    assert os.stat(path).st_mode & 0o777 == 0o600
    run = t.record("-c", "print('ran')", trace="/no/such/folder/x.trace", ok=False)
    assert "/no/such/folder/x.trace" in run.err, run.err


def test_install_prefix(t):
    """cmake --install into any prefix gives a pyrec that finds its library."""
    prefix = t.dir / "pre fix"
    subprocess.run(["cmake", "--install", str(t.build), "--prefix", str(prefix)],
                   capture_output=True, check=True)
    tool = str(prefix / "bin" / "pyrec")
    trace = t.trace()
    done = subprocess.run([tool, "-o", trace, "--", t.python, "-c", "sum(range(3000000))"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert t.rows("threads", trace), done.stderr
    for page in ("pyrec.1", "pyanalyze.1"):
        assert list(prefix.rglob(page)), page


def test_max_depth(t):
    script = ("def f(n):\n"
              "    return f(n - 1) if n else sum(range(4000000))\n"
              "f(100)\n")
    run = t.record("-c", script, options=["--max-depth", "10"])
    deep = [frames for frames, _ in t.stacks(run.trace) if "f (" in frames[-1]]
    assert deep and all(len(frames) == 11 for frames in deep), deep
    assert {frames[0] for frames in deep} == {"<truncated>"}, deep[0][0]


def test_no_cumulative(t):
    run = t.record(t.sample("fib.py"), "27", options=["--no-cumulative", "-r", "1k"])
    stacks = [frames for frames, _ in t.stacks(run.trace)]
    assert stacks and all(len(frames) <= 1 for frames in stacks), stacks[:3]
    assert any("fib (" in frames[0] for frames in stacks if frames)


def test_no_signals(t):
    """Nobody is ever asked; all the same, stacks are proven: the sampler takes the thread's CPU."""
    run = t.record(t.sample("fib.py"), "31", options=["--no-signals", "-r", "1k"])
    rows = t.rows("lines", run.trace, "--merge-threads")
    assert any(row["function"] == "fib" and row["samples"] > 5 for row in rows)
    quality = t.info(run.trace)["quality"]
    assert [row["samples_asked"] for row in quality] == [0], quality
    everything = sum(row["samples"] for row in rows)
    failed = sum(row["samples"] for row in rows if row["function"].startswith("<failed"))
    likely = sum(row["samples"] for row in t.rows("lines", run.trace, "--merge-threads",
                                                  "--state", "outside"))
    if knows_cpus():
        assert failed + likely < 0.05 * everything, (failed, likely, everything)


def test_no_signals_two_threads(t):
    """Two that run at once, in code that needs no GIL, on whatever CPUs they are."""
    script = ("import hashlib, threading, time\n"
              "def work(end=time.monotonic() + 1.5):\n"
              "    while time.monotonic() < end: hashlib.sha256(b'x' * 1000000)\n"
              "threads = [threading.Thread(target=work, name=f'w{i}') for i in range(2)]\n"
              "for thread in threads: thread.start()\n"
              "for thread in threads: thread.join()\n")
    run = t.record("-c", script, options=["--no-signals", "-r", "1k"])
    rows = [row for row in t.rows("lines", run.trace) if row["thread"] in ("w0", "w1")]
    works = sum(row["samples"] for row in rows if row["function"] == "work")
    assert works > 0.9 * sum(row["samples"] for row in rows) > 1000, rows


def test_no_signals_deep(t):
    """A deep stack is read from outside as well as a flat one."""
    script = ("import time\n"
              "def spin():\n"
              "    end = time.process_time() + 0.5\n"
              "    while time.process_time() < end: pass\n"
              "def down(n):\n"
              "    return down(n - 1) if n else spin()\n"
              "down(600)\n")
    run = t.record("-c", script, options=["--no-signals", "-r", "1k"])
    whole = sum(n for frames, n in t.stacks(run.trace) if len(frames) > 600)
    assert whole > 0.8 * sum(n for _, n in t.stacks(run.trace)), t.stacks(run.trace)[:3]


@wide
def test_programs_nobody_here_wrote(t):
    compiled = t.dir / "compiled"
    package = pathlib.Path(subprocess.run(
        [t.python, "-c", "import json; print(json.__path__[0])"], capture_output=True, text=True,
        check=True).stdout.strip())
    shutil.copytree(package, compiled)
    run = t.record("-m", "compileall", "-q", str(compiled))
    assert any("compile" in row["function"] for row in t.rows("functions", run.trace))
    if subprocess.run([t.python, "-c", "import pip"], capture_output=True).returncode == 0:
        run = t.record("-m", "pip", "list", "--disable-pip-version-check")
        assert "pip" in run.out
    if subprocess.run([t.python, "-c", "import IPython"], capture_output=True).returncode == 0:
        assert "42" in t.record("-m", "IPython", "-c", "print(6 * 7)").out
    if subprocess.run([t.python, "-c", "import test.test_json"],
                      capture_output=True).returncode == 0:
        run = t.record("-m", "test", "test_json", rate=1000, timeout=300)
        assert "SUCCESS" in run.out or "OK" in run.out, run.out


def test_http_server(t):
    """python -m http.server under a few requests, ended by Ctrl-C."""
    process, trace = t.start([t.python, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
                             ["-r", "1k"], start_new_session=True)
    port = re.match(r"Serving HTTP on \S+ port (\d+)", process.stdout.readline())[1]
    for _ in range(30):
        subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/"], check=True)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (process.returncode, out, err)
    rows = t.rows("functions", trace)
    assert any("list_directory" in row["function"] for row in rows), len(rows)
