# SPDX-License-Identifier: MIT
"""Traces and answers through pipes: "-", FIFOs, <(..), closed and full ones."""

import os
import signal
import socket
import subprocess
import threading

from e2e import ROOT, Skip, wide

BUSY = str(ROOT / "tests" / "golden" / "v1-busy.trace")
COMMANDS = [["lines"], ["functions"], ["files"], ["modules"], ["threads"], ["processes"], ["tree"],
            ["hot"], ["callers", "*"], ["gil"], ["stalls"], ["timeline"], ["info"], ["check"], ["dump"],
            ["lines", "--from", "0.1", "--format", "json"]]
EXPORTS = ["folded", "svg", "speedscope", "gecko", "chrome", "pprof", "callgrind", "pstats", "csv",
           "json"]


def shell(t, script, **more):
    """bash, with $P for pyanalyze and $T for a trace."""
    env = {**os.environ, "P": t.pyanalyze, "T": BUSY, "LC_ALL": "C.UTF-8", **more.pop("env", {})}
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(["bash", "-c", script], cwd=t.dir, env=env, capture_output=True, timeout=60,
                          **more)


def without_path(out):
    return out.replace(BUSY.encode(), b"standard input")


def test_read(t):
    """Whatever is asked, and however the trace comes: the same answer."""
    for words in COMMANDS:
        line = " ".join(f"'{word}'" for word in words)
        plain = shell(t, f"$P {line} $T")
        ways = {"cat": f"cat $T | $P {line} -", "file": f"$P {line} - < $T",
                "substitution": f"$P {line} <(cat $T)", "stdin": f"cat $T | $P {line} /dev/stdin",
                "fifo": f"mkfifo f; (sleep 0.2; cat $T > f) & $P {line} f; r=$?; rm f; exit $r"}
        for name, way in ways.items():
            if name in ("substitution", "fifo", "stdin") and words[0] in ("info", "check", "dump"):
                continue  # they name the file
            done = shell(t, way)
            assert done.returncode == plain.returncode, (name, words, done)
            assert done.stdout == without_path(plain.stdout) or name not in ("cat", "file"), \
                (name, words, done.stdout, plain.stdout)
            assert len(done.stdout.splitlines()) == len(plain.stdout.splitlines()), (name, words)


def test_begun(t):
    """Of standard input only what is still to come is read, as by any program."""
    done = shell(t, "(printf 'a header\n'; cat $T) > both; (read line; $P functions -) < both")
    assert done.stdout == shell(t, "$P functions $T").stdout and done.returncode == 0, done


def test_socket(t):
    ours, theirs = socket.socketpair()
    with open(BUSY, "rb") as trace:
        data = trace.read()
    sender = threading.Thread(target=lambda: (ours.sendall(data), ours.close()))
    sender.start()
    done = subprocess.run([t.pyanalyze, "functions", "-"], stdin=theirs, capture_output=True)
    sender.join()
    assert done.returncode == 0 and done.stdout == shell(t, "$P functions $T").stdout, done


def test_several(t):
    """Commands that open a trace more than once, and two pipes at a time."""
    plain = shell(t, "$P diff $T $T")
    done = shell(t, "$P diff <(cat $T) - < $T")
    assert done.returncode == 0 and done.stdout == plain.stdout, done
    done = shell(t, "cat $T | $P report -o - -")
    if b"without the page" not in done.stderr:
        assert done.returncode == 0 and done.stdout.lower().startswith(b"<!doctype html>"), done.stderr
        done = shell(t, "cat $T | $P report - && ls report.html")
        assert done.returncode == 0 and b"report.html" in done.stdout, done
    done = shell(t, "$P diff - - < $T")
    assert done.returncode == 2 and b"there is only one" in done.stderr, done


def test_profile(t):
    profiles = ROOT / "tests" / "golden" / "profiles"
    name = sorted(p for p in profiles.iterdir() if p.suffix == ".pstats")[0]
    plain = shell(t, f"$P compare $T {name}")
    for way in (f"$P compare $T - < {name}", f"cat {name} | $P compare $T -",
                f"cat $T | $P compare - <(cat {name})"):
        done = shell(t, way)
        assert done.returncode == plain.returncode, (way, done, plain)
        assert len(done.stdout.splitlines()) == len(plain.stdout.splitlines()), (way, done)


def test_not_followed(t):
    for way in ("cat $T | $P lines --follow -", "$P lines --follow - < $T",
                "$P lines --follow <(cat $T)"):
        done = shell(t, way)
        assert done.returncode == 2 and b"cannot be read again" in done.stderr, done


def test_no_room(t):
    """A pipe that does not fit is refused in one line, and where to put it is said."""
    t.dir.joinpath("small").mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", t.dir / "small"],
                           capture_output=True)
    if mount.returncode:
        raise Skip("no file system can be mounted here")
    t.at_end.append(lambda: subprocess.run(["umount", t.dir / "small"], check=True))
    done = shell(t, "head -c 100000 /dev/urandom | $P lines -", env={"TMPDIR": str(t.dir / "small")})
    assert done.returncode == 1 and done.stdout == b"", done
    assert b"does not fit into" in done.stderr and b"TMPDIR" in done.stderr, done
    assert os.listdir(t.dir / "small") == []
    done = shell(t, "cat $T | $P lines -", env={"TMPDIR": "/nowhere"})
    assert done.returncode == 1 and b"TMPDIR" in done.stderr, done


def test_not_a_trace(t):
    for way, words in (("$P lines - < /dev/null", b"not a trace file"),
                       ("true | $P lines -", b"standard input is empty"),
                       ("echo hello | $P lines -", b"no chunk header"),
                       ("$P lines - <&-", b"pyanalyze: standard input"),
                       ("$P lines /", b"not a regular file")):
        done = shell(t, way)
        assert done.returncode == 1 and words in done.stderr, (way, done)
        assert len(done.stderr.splitlines()) == 1, done


@wide
def test_write(t):
    """-o -, -o FIFO, -o /dev/stdout: what -o FILE has, and nothing else there."""
    for name in EXPORTS:
        export = f"$P export --format {name}"
        plain = shell(t, f"{export} -o x $T && cat x").stdout
        assert plain, name
        for way in (f"{export} -o - $T", f"{export} -o - $T | cat", f"{export} -o /dev/stdout $T | cat",
                    f"{export} -o /dev/fd/3 $T 3>&1 >/dev/null",
                    f"mkfifo f; cat f & {export} -o f $T; wait; rm f"):
            done = shell(t, way)
            assert done.returncode == 0 and done.stdout == plain, (name, way, done.stderr)
    assert not t.dir.joinpath("-").exists()
    done = shell(t, "echo before > log; $P export -o /dev/stdout $T >> log; head -1 log; wc -l < log")
    assert done.stdout.startswith(b"before\n") and int(done.stdout.split()[1]) > 1, done


def test_new_traces(t):
    """repair and merge read again what they write, so a pipe gets it when it is good."""
    for command in ("repair", "merge"):
        plain = shell(t, f"$P {command} -o x.trace $T >/dev/null && cat x.trace").stdout
        assert plain, command
        for way in (f"$P {command} -o - $T", f"$P {command} -o - $T | cat",
                    f"cat $T | $P {command} -o /dev/stdout - | cat",
                    f"mkfifo f; cat f & $P {command} -o f $T >&2; wait; rm f"):
            done = shell(t, way)
            assert done.returncode == 0 and done.stdout == plain, (command, way, done.stderr)
            assert b"chunks_taken" in done.stderr.replace(b" ", b"_"), (way, done.stderr)
    done = shell(t, f"$P merge -o - $T <(cat {ROOT}/tests/golden/v1-full.trace) | $P processes -")
    assert done.returncode in (0, 3) and done.stdout, done


def test_broken(t):
    """A reader that goes away ends it without a word, also below a parent that ignores the signal."""
    for before in (None, lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)):
        done = shell(t, "$P dump $T | head -1; echo ${PIPESTATUS[0]}", preexec_fn=before)
        assert done.stdout.split()[-1] == b"141" and done.stderr == b"", (before, done)
    done = shell(t, "$P export -f json -o - $T | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}")
    assert done.stdout.split()[-1] in (b"141", b"0") and done.stderr == b"", done


def test_nowhere(t):
    """A full disk and a closed output are errors, whatever was to be written."""
    for words in ("lines $T", "dump $T", "info $T", "export $T", "export -f pprof $T", "help",
                  "help lines", "version", "completion bash", "repair -o - $T"):
        done = shell(t, f"$P {words} > /dev/full")
        assert done.returncode == 1 and b"No space left on device" in done.stderr, (words, done)
        done = shell(t, f"$P {words} >&-")
        assert done.returncode == 1 and b"Bad file descriptor" in done.stderr, (words, done)
        assert len(done.stderr.splitlines()) < 9 and b"standard output" in done.stderr, (words, done)
    done = shell(t, "$P export -o /dev/full $T")
    assert done.returncode == 1 and b"/dev/full: No space left on device" in done.stderr, done
    done = shell(t, "$P export -o x.folded $T <&- >&- 2>&-; echo $?; wc -c < x.folded")
    assert done.stdout.split()[0] == b"0" and int(done.stdout.split()[1]) > 100, done
