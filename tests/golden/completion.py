#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Complete command lines in real shells, with the scripts that pyanalyze prints.

usage: completion.py PYANALYZE

bash must be there; zsh and fish are tried when they are. bash and zsh get keys typed at a terminal:
the line as far as it goes, the key that completes it, and then "echo GOT" before it, so that the
shell says itself what the line has become.
"""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 60

# what is typed; what the completed line must be; in bash all candidates are inserted
CASES = [
    ("pyanalyze thr", "pyanalyze threads"),
    ("pyanalyze lines --merge", "pyanalyze lines --merge-threads"),
    ("pyanalyze lines --format js", "pyanalyze lines --format json"),
    ("pyanalyze lines -f cs", "pyanalyze lines -f csv"),
    ("pyanalyze lines --columns cpu_time,gil_wait_c", "pyanalyze lines --columns cpu_time,gil_wait_cum"),
    ("pyanalyze threads --by gil", "pyanalyze threads --by gil_wait"),
    ("pyanalyze lines --state running,bl", "pyanalyze lines --state running,blocked"),
    ("pyanalyze help anno", "pyanalyze help annotate"),
    ("pyanalyze completion z", "pyanalyze completion zsh"),
    ("pyanalyze lines ru", "pyanalyze lines run.trace"),
    ("pyanalyze callers fib ru", "pyanalyze callers fib run.trace"),
    ("pyanalyze annotate --source fol", "pyanalyze annotate --source folder/"),
]
BASH_CASES = CASES + [
    ("pyanalyze lines --format=js", "pyanalyze lines --format=json"),
    ("pyanalyze lines --color ", "pyanalyze lines --color always auto never"),
    ("pyanalyze export --output oth", "pyanalyze export --output other.txt"),
    ("pyanalyze lines oth", "pyanalyze lines oth"),
    ("pyanalyze lines --limit ru", "pyanalyze lines --limit ru"),
    ("pyanalyze nothing ru", "pyanalyze nothing ru"),
]


class Shell:
    """A shell at a terminal."""

    def __init__(self, words, folder, prepare):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder),
                           "PS1": "", "LC_ALL": "C.UTF-8", "COLUMNS": "1000"}
            os.execvpe(words[0], words, environment)
        self.type("stty -echo\n" + prepare + "\n")
        self.type("echo REA''DY\n")
        self.wait_for("READY")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, mark):
        out, end = "", time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 1)[0]:
                try:
                    out += os.read(self.fd, 65536).decode("utf-8", "replace")
                except OSError:
                    break
            if mark in out:
                return out
        raise AssertionError(f"the shell did not say {mark!r}: {out!r}")

    def complete(self, line, key):
        """The line with the key pressed at its end. Ctrl-A goes to its beginning."""
        self.type(line + key)
        time.sleep(0.05)
        self.type("\x01echo GOT: \x05 :E''ND\n")
        out = self.wait_for(":END")
        return out[:out.rindex(":END")].rpartition("GOT:")[2].strip()

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def check(name, line, got, wanted):
    # completing adds a blank where the word is done; order of candidates is the shell's
    # and some write folders without their slash
    if sorted(got.rstrip("/ ").split()) == sorted(wanted.rstrip("/").split()):
        return 0
    print(f"completion: {name}: {line!r} became {got!r}, not {wanted!r}")
    return 1


def try_bash(script, folder):
    shell = Shell(["bash", "--norc", "--noprofile", "-i"], folder, f"source {script}")
    failed = sum(check("bash", line, shell.complete(line, "\x1b*"), wanted)
                 for line, wanted in BASH_CASES)
    shell.close()
    return failed


def try_zsh(script, folder):
    functions = folder / "functions"
    functions.mkdir()
    shutil.copy(script, functions / "_pyanalyze")
    shell = Shell(["zsh", "-f", "-i"], folder,
                  f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; "
                  "bindkey -e; unsetopt prompt_cr prompt_sp zle_bracketed_paste; PS1=")
    failed = sum(check("zsh", line, shell.complete(line, "\t"), wanted) for line, wanted in CASES)
    shell.close()
    return failed


def try_fish(script, folder):
    failed = 0
    for line, wanted in CASES:
        done = subprocess.run(["fish", "--no-config", "-c",
                               f"source {script}; complete -C '{line}'"], cwd=folder, text=True,
                              env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                              capture_output=True, timeout=PATIENCE_S, check=True)
        words = [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]
        if wanted.split()[-1] not in words or done.stderr:
            print(f"completion: fish: {line!r} gives {words}, not {wanted!r} {done.stderr}")
            failed += 1
    return failed


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    failed, tried = 0, []
    with tempfile.TemporaryDirectory(prefix="pyrec-completion-") as name:
        folder = pathlib.Path(name)
        (folder / "run.trace").touch()
        (folder / "other.txt").touch()
        (folder / "folder").mkdir()
        for shell, try_shell in (("bash", try_bash), ("zsh", try_zsh), ("fish", try_fish)):
            script = folder / f"script.{shell}"
            script.write_text(subprocess.run([program, "completion", shell], capture_output=True,
                                             text=True, check=True).stdout, encoding="utf-8")
            if shutil.which(shell) is None:
                print(f"completion: {shell} is not installed, not tried")
                assert shell != "bash"
                continue
            tried.append(shell)
            failed += try_shell(script, folder)
    print(f"completion: {', '.join(tried)} tried, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
