# SPDX-License-Identifier: MIT
"""A program with pyrec beside the same program without: what the world sees of it is the same.

    seen = beside.same(t, [t.python, "-c", PROGRAM])         one bare run, one at each of RATES
    seen.recorded[0].trace                                   of the first rate, for what is right in it

What is compared: standard output, standard error, exit status (or the signal that killed it), and the
files that it leaves in its folder. Each run has a folder of its own, empty but for `files`, and is
started in it. pyrec is quiet, so that whatever is on standard error is the program's.
"""
import os
import signal
import subprocess

from e2e import IS_FULL

# What happens to a program at 100 Hz happens to it ten times as often at 1 kHz.
RATES = (100, 1000) if IS_FULL else (1000,)


class Seen:
    """What one run looked like from outside. `how` says in words which run that was."""

    def __init__(self, how, status, out, err, folder, trace=None):
        self.how, self.status, self.out, self.err = how, status, out, err
        self.folder, self.trace = folder, trace
        self.left = {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
                     for path in sorted(folder.rglob("*"))}


class Both:
    """One run without, and those with pyrec in the order of the rates, `repeat` times each."""

    def __init__(self, bare, recorded):
        self.bare, self.recorded = bare, recorded


def folder_make(t, files):
    t.beside = getattr(t, "beside", 0) + 1
    folder = t.dir / f"beside-{t.beside}"
    folder.mkdir()
    for name, content in (files or {}).items():
        path = folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
    return folder


def run(t, how, command, files, timeout, input, trace=None, env=None, **more):
    folder = folder_make(t, files)
    whole = dict(os.environ, **env) if env is not None else None
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="surrogateescape",
                               cwd=folder, env=whole, start_new_session=True, **more)
    try:
        out, err = process.communicate(input=input, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"{how}: did not end in {timeout} s\nstdout: {out}\nstderr: {err}")
    return Seen(how, process.returncode, out, err, folder, trace)


def bare(t, command, files=None, timeout=60, input=None, **more):
    """Without pyrec."""
    return run(t, "without pyrec", command, files, timeout, input, **more)


def recorded(t, command, rate=1000, options=(), files=None, timeout=60, input=None, **more):
    """With pyrec at this rate. The trace lies outside of the program's folder."""
    trace = t.trace()
    how = " ".join(["pyrec -r", str(rate), *options])
    whole = [t.pyrec, "-q", "-r", str(rate), "-o", trace, *options, "--", *command]
    return run(t, how, whole, files, timeout, input, trace, **more)


def compare(expected, seen, normal=None):
    """Fail with both texts unless they look the same. `normal` is applied to what was printed."""
    clean = normal or (lambda text: text)
    where = f"{seen.how}, beside {expected.how}:\n"
    whole = f"\nstdout: {seen.out}\nstderr: {seen.err}"
    assert seen.status == expected.status, \
        f"{where}status {seen.status} instead of {expected.status}{whole}"
    assert clean(seen.out) == clean(expected.out), \
        f"{where}stdout\n{seen.out}\ninstead of\n{expected.out}\nstderr: {seen.err}"
    assert clean(seen.err) == clean(expected.err), \
        f"{where}stderr\n{seen.err}\ninstead of\n{expected.err}"
    assert sorted(seen.left) == sorted(expected.left), \
        f"{where}it left {sorted(seen.left)} instead of {sorted(expected.left)}"
    for name, content in expected.left.items():
        assert seen.left[name] == content, f"{where}{name} holds something else"


def same(t, command, rates=RATES, repeat=1, options=(), normal=None, status=None, **more):
    """
    Run the command without pyrec, and `repeat` times with it at each rate. All must look the same.
    `status`: what the bare run is known to end with, so that a program that fails for another
    reason is not taken for one that works. Returns Both.
    """
    first = bare(t, command, **more)
    assert status is None or first.status == status, \
        f"the program itself ends with {first.status}: {first.out} {first.err}"
    both = Both(first, [])
    for rate in rates:
        for _ in range(repeat):
            both.recorded.append(recorded(t, command, rate=rate, options=options, **more))
            compare(first, both.recorded[-1], normal)
    return both
