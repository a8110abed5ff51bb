# SPDX-License-Identifier: MIT
"""What README.md, docs and the man page of pyrec show is run; tables have the same headings."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def squeeze(line):
    return " ".join(line.split())


# What the examples call the user's program.
PROGRAM = """\
import time
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    fib(15)
"""


def stand_ins(t, seconds):
    """The programs of the examples, in a folder of their own; what a shell needs to find them."""
    text = PROGRAM.replace("SECONDS", str(seconds))
    folder = t.dir / f"examples-{seconds}"
    (folder / "bin").mkdir(parents=True)
    for name in ("demo.py", "server.py", "app.py", "service.py"):
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("script.py", "bin/gunicorn"):
        (folder / name).write_text(f"#!{t.python}\n{text}", encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "bin" / "python3").symlink_to(t.python)
    path = f"{folder}/bin:{t.build}/record:{t.build}/analyze:{os.environ['PATH']}"
    return folder, {**os.environ, "PATH": path}


RUNNING = "4821"  # the number that examples give to a program that runs already


def run_in(folder, environment, command):
    running = None
    if RUNNING in command.split():
        running = subprocess.Popen(["python3", "-c", PROGRAM.replace("SECONDS", "2")], cwd=folder,
                                   env=environment)
        command = command.replace(RUNNING, str(running.pid))
        time.sleep(0.3)  # until it is a Python; pyrec says so if it is not
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True,
                          env=environment, timeout=120)
    if running is not None:
        running.kill()
        running.wait()
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done


def records(command):
    return command.startswith("pyrec ") and command.split()[1] not in ("ps", "dump", "top")


def examples_of(name):
    """Lines that are indented, begin with one of the two names and end where words explain them."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = re.findall(r"^    ((?:pyrec|pyanalyze) .*)$", text, re.M)
    return [re.split(r" {3,}", line)[0].rstrip() for line in lines]


def test_indented_commands(t):
    """Each of them ends with status 0; those that record write what can be read."""
    folder, environment = stand_ins(t, 0.9)
    commands = examples_of("README.md")
    commands += [commands[0]] + examples_of("docs/EXPORT.md")  # of what that one records
    assert len(commands) >= 15 and records(commands[0]) and " -o " not in commands[0], commands
    for command in commands:
        done = run_in(folder, environment, command)
        if records(command) and "--delay" not in command:
            trace = re.match(r"pyrec: (\S+\.trace): ", done.stderr)
            assert trace, (command, done.stderr)
            assert t.rows("threads", str(folder / trace.group(1))), command
        for written in re.findall(r" -o (\S+)", command):
            assert (folder / written).stat().st_size > 0, command


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_man_page_of_pyrec(t):
    """Its examples; where one sends a signal, the command before it goes on meanwhile."""
    page = (ROOT / "record" / "pyrec.1").read_text(encoding="utf-8").partition(".Sh EXAMPLES")[2]
    blocks = [re.findall(r"^\$ (.*)$", block, re.M)
              for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page, re.M | re.S)]
    assert len(blocks) >= 3, blocks
    folder, environment = stand_ins(t, 0.5)
    for n, block in enumerate(blocks):
        goes_on = any(command.startswith("kill ") for command in block)
        if goes_on:
            folder, environment = stand_ins(t, 60 + n)
            first = block.pop(0)
            pyrec = subprocess.Popen(first.split(), cwd=folder, env=environment,
                                     stderr=subprocess.PIPE)
            pidof = folder / "bin" / "pidof"  # there may be others on this machine
            pidof.write_text(f"#!/bin/sh\necho {pyrec.pid}\n", encoding="utf-8")
            pidof.chmod(0o755)
            trace = folder / re.search(r"-o (\S+)", first).group(1)
            wait_for(lambda: trace.exists() and t.rows("threads", str(trace), ok=(0, 1, 5)), first)
        try:
            for command in block:
                for name in re.findall(r"pyanalyze \S+ (\S+\.trace)", command):
                    wait_for((folder / name).exists, command)
                run_in(folder, environment, command)
        finally:
            if goes_on:
                pyrec.send_signal(signal.SIGTERM)
                pyrec.communicate(timeout=60)


def test_console_blocks(t):
    """Every block of ```console: each command ends with status 0."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) >= 3, len(blocks)
    shutil.copytree(ROOT / "samples", t.dir / "samples", dirs_exist_ok=True)
    build = pathlib.Path(t.pyrec).parents[1]
    (t.dir / "bin").mkdir()
    (t.dir / "bin" / "python3").symlink_to(t.python)
    path = f"{t.dir}/bin:{build}/record:{build}/analyze:{os.environ['PATH']}"
    for block in blocks:
        out = ""
        for command in re.findall(r"^\$ (.*)$", block, re.M):
            done = subprocess.run(["sh", "-c", command], cwd=t.dir, capture_output=True, text=True,
                                  env={**os.environ, "PATH": path}, timeout=120)
            assert done.returncode == 0, (command, done.returncode, done.stderr)
            out += done.stdout
        printed = {squeeze(line) for line in out.splitlines()}
        for line in block.splitlines():
            if "filename:lineno" in line:
                assert squeeze(line) in printed, (line, out)


def test_commands_are_known(t):
    """Every command and option of pyanalyze that the text names is one."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| \| \|\n(.*?)\n\n", text, re.M | re.S).group(1)
    help_text = t.analyze("help")
    known = set(re.findall(r"^  ([a-z]+) ", help_text, re.M))
    for cell in re.findall(r"^\| (.*?) \|", table, re.M):
        for words in re.findall(r"`([^`]+)`", cell):
            assert words.split()[0] in known, words
    manual = t.analyze("help", "--man").replace("\\-", "-")
    pyrec = subprocess.run([t.pyrec, "--help"], capture_output=True, text=True, check=True).stdout
    for option in set(re.findall(r"`(--[a-z][a-z-]+)", text)):
        assert option in manual or option in pyrec, option
