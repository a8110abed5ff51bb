#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Complete command lines in real shells, with the scripts that pyanalyze and pyrec print.

usage: completion.py PYANALYZE PYREC

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
    ("pyanalyze threads --by=gil", "pyanalyze threads --by=gil_wait"),
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
    ("pyanalyze compare run.trace fi", "pyanalyze compare run.trace fib.pstats"),
    ("pyanalyze annotate de", "pyanalyze annotate demo.py"),
    ("pyanalyze annotate demo.py ru", "pyanalyze annotate demo.py run.trace"),
    ("pyanalyze lines unus", "pyanalyze lines unusual.name"),
    ("pyanalyze annotate --source fol", "pyanalyze annotate --source folder/"),
    ("pyrec --no-chi", "pyrec --no-children"),
    ("pyrec dump --js", "pyrec dump --json"),
    ("pyrec dump --json --max-d", "pyrec dump --json --max-depth"),
    ("pyrec ps --he", "pyrec ps --help"),
    ("pyrec top --bat", "pyrec top --batch"),
    ("pyrec top --no-chi", "pyrec top --no-children"),
    ("pyrec top -o oth", "pyrec top -o other.txt"),
    ("pyrec top -r 100 -- unlikely-pr", "pyrec top -r 100 -- unlikely-program"),
    ("pyrec -o oth", "pyrec -o other.txt"),
    ("pyrec --completion z", "pyrec --completion zsh"),
    ("pyrec -r 100 unlikely-pr", "pyrec -r 100 unlikely-program"),
    ("pyrec -q -- unlikely-pr", "pyrec -q -- unlikely-program"),
    ("pyrec -q unlikely-program oth", "pyrec -q unlikely-program other.txt"),
]
BASH_CASES = CASES + [
    ("pyanalyze lines --format=js", "pyanalyze lines --format=json"),
    ("pyanalyze lines --color ", "pyanalyze lines --color always auto never"),
    ("pyanalyze export --output oth", "pyanalyze export --output other.txt"),
    ("pyanalyze lines oth", "pyanalyze lines other.txt"),
    ("pyanalyze lines --limit ru", "pyanalyze lines --limit ru"),
    ("pyanalyze nothing ru", "pyanalyze nothing ru"),
    ("pyrec --output=oth", "pyrec --output=other.txt"),
    ("pyrec --rate ru", "pyrec --rate ru"),
    ("pyrec dump --max-depth ru", "pyrec dump --max-depth ru"),
    ("pyrec ps ru", "pyrec ps ru"),
    ("pyrec ps --max-d", "pyrec ps --max-d"),
]


def path_of(folder):
    """Where shells find commands; one of ours is among them."""
    return f"{folder / 'bin'}:{os.environ['PATH']}"


class Shell:
    """A shell at a terminal."""

    def __init__(self, words, folder, prepare):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {"PATH": path_of(folder), "TERM": "dumb", "HOME": str(folder),
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


def try_bash(scripts, folder):
    shell = Shell(["bash", "--norc", "--noprofile", "-i"], folder,
                  "; ".join(f"source {script}" for script in scripts))
    failed = sum(check("bash", line, shell.complete(line, "\x1b*"), wanted)
                 for line, wanted in BASH_CASES)
    shell.close()
    return failed


def try_zsh(scripts, folder):
    functions = folder / "functions"
    functions.mkdir()
    for script in scripts:
        shutil.copy(script, functions / f"_{script.stem}")
    shell = Shell(["zsh", "-f", "-i"], folder,
                  f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; "
                  "bindkey -e; unsetopt prompt_cr prompt_sp zle_bracketed_paste; PS1=")
    failed = sum(check("zsh", line, shell.complete(line, "\t"), wanted) for line, wanted in CASES)
    shell.close()
    return failed


def try_fish(scripts, folder):
    failed = 0
    for line, wanted in CASES:
        done = subprocess.run(["fish", "--no-config", "-c",
                               "".join(f"source {script}; " for script in scripts)
                               + f"complete -C '{line}'"], cwd=folder, text=True,
                              env={"PATH": path_of(folder), "HOME": str(folder)},
                              capture_output=True, timeout=PATIENCE_S, check=True)
        words = [candidate.split("\t")[0] for candidate in done.stdout.splitlines()]
        if wanted.split()[-1] not in words or done.stderr:
            print(f"completion: fish: {line!r} gives {words}, not {wanted!r} {done.stderr}")
            failed += 1
    return failed


def main():
    pyanalyze, pyrec = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    failed, tried = 0, []
    with tempfile.TemporaryDirectory(prefix="pyrec-completion-") as name:
        folder = pathlib.Path(name)
        (folder / "run.trace").touch()
        for file in ("other.txt", "fib.pstats", "demo.py", "unusual.name"):
            (folder / file).touch()
        (folder / "folder").mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "unlikely-program").touch(mode=0o755)
        for shell, try_shell in (("bash", try_bash), ("zsh", try_zsh), ("fish", try_fish)):
            scripts = []
            for program, word in ((pyanalyze, "completion"), (pyrec, "--completion")):
                scripts.append(folder / f"{program.name}.{shell}")
                text = subprocess.run([program, word, shell], capture_output=True, check=True)
                scripts[-1].write_bytes(text.stdout)
            if shutil.which(shell) is None:
                print(f"completion: {shell} is not installed, not tried")
                assert shell != "bash"
                continue
            tried.append(shell)
            failed += try_shell(scripts, folder)
    print(f"completion: {', '.join(tried)} tried, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
