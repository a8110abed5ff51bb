# SPDX-License-Identifier: MIT
"""How much each writes, and how long its own program takes to make a table of functions of it."""
import collections
import os
import subprocess
import time

import bench_readers
import bench_rivals

# recording: (program of overhead_work.py, scale, what it is)
RECORDINGS = {
    'mixture': ('mixture', 450, 'the ten programs one after the other'),
    'idle': ('idle', 600, 'one busy thread, 300 idle'),
}

# bytes written, samples in them (None: takes or tells none), seconds of the work,
# seconds of the fastest table (None: has none)
Size = collections.namedtuple('Size', 'bytes samples seconds table')


def table_seconds(command, tries):
    """The fastest of some; its output goes to a file, as a pipe may be slower than the program."""
    best = None
    for _ in range(tries):
        begin = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        took = time.perf_counter() - begin
        if done.returncode != 0:
            raise bench_rivals.Failed(f'{" ".join(command)}: {done.stderr[-300:]}')
        best = took if best is None else min(best, took)
    return best


def samples_of(one, words, rate, directory):
    """Samples per second of the work; the compact form is not always one that we read."""
    if one.compact.__func__ is bench_rivals.Profiler.compact:
        return None
    done = bench_rivals.profile(one, words, rate, directory)
    profile = bench_readers.read(one, done, rate)
    return profile.count() / done.facts['seconds']


def record(one, recording, directory, rate=1000, percent=100, tries=5):
    program, scale, _ = RECORDINGS[recording]
    words = bench_rivals.work(program, max(1, scale * percent // 100))
    per_second = samples_of(one, words, rate, directory) if one.rated else None
    done = bench_rivals.profile(one, words, rate, directory, 'compact')
    size = sum(os.path.getsize(path) for path in done.files())
    seconds = done.facts['seconds']
    if per_second is None and one.rated:
        count = bench_readers.read(one, done, rate).count()
    else:
        count = per_second and per_second * seconds
    command = one.table(done.out)
    took = table_seconds(command, tries) if command else None
    return Size(size, count, seconds, took)


def measure(groups, directory, rate=1000, percent=100, tries=5):
    """({(recording, interpreter, name): Size}, failures)"""
    result, failures = {}, []
    for recording in RECORDINGS:
        for group in groups:
            for one in group.profilers():
                try:
                    result[recording, group.title, one.name] = record(one, recording, directory,
                                                                      rate, percent, tries)
                except bench_rivals.TROUBLE as failure:
                    failures.append(f'{one.name}, {recording}: {failure}')
    return result, failures
