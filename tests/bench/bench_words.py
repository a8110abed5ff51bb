# SPDX-License-Identifier: MIT
"""What a reader of the report must know: a paragraph for each table."""

HEAD = """\
Measured by `{command}` on {machine}, on {date}, in {minutes:.0f} minutes; the load average before
it began was {load:.2f}. The newest run is kept, whatever it says; `tests/bench/README.md` tells how
it is made. In each row the best figure is **bold**, whoever it belongs to. A `-` means that this
profiler cannot do it, or was not asked to."""

GOALS = """\
Computed from the tables below."""

WHO = """\
Every profiler is compared with the unprofiled program in the same interpreter, and pyrec is run
there as well: compiled modules of other suites need that suite's Python. All are asked for the
same, by their own options: all threads, wall-clock time, without stopping the program, into a file
in the form that costs them least. memray is here only for what it costs and writes: it looks at
memory, not at time."""

OVERHEAD = """\
In percent more than the unprofiled program took in the same round: median, and in brackets the
quartiles, of up to {rounds} rounds. The time is that of the work alone, measured by the program;
starting is a table of its own. In a round every profiler of an interpreter runs once, one after the
other, each round beginning with another one; rounds go over all programs until the time is up. What
differs by less than the quartiles is noise. A profiler that counts every call or allocation has no
rate; it is in the rows of 1 kHz, of the first rounds only, as are interpreters with no profiler
that reads from outside: they are too far away for more rounds to matter. Where the program has
child processes, only those take part that follow them. "All of these" is the geometric mean of the
column's medians."""

CPU = """\
CPU seconds of all processes together beyond those of the unprofiled program, in percent of one CPU:
per second of the work, without what starting and ending takes. It holds whatever is used by or
because of the profiler, in whichever process; what a slower program uses itself, too. Small
negative figures are noise. Who falls behind uses less: how many samples each took is in table 3."""

WEB = """\
What its clients saw, at 1 kHz; they are another process, which is not profiled."""

TRUTH = """\
Total variation distance between the shares that a profiler reports and the true ones: the part of
the time that it puts in the wrong place, from 0 to 1; the median of the rounds. The programs take
the times of their own lines and functions in the same run, so that what a profiler changes in the
program is not held against it here. "As chance" means that as many independent looks at the true
shares as the profiler took samples would often be as far away; else the distance that they exceed
in one case of 20 stands beside. Lines can only be told by those that keep lines. In the row about
CPU time each profiler is run in its own mode for that, and shares of threads are compared."""

BIAS = """\
The same work, a given part of it by way of a small function. Percent points by which the function's
share is wrong; the truth is that of the unprofiled program, so that what a profiler adds to calls
shows."""

IMPOSSIBLE = """\
Functions that call each other in two towers: each frame can be on one other frame only, at one line
of it. A stack that breaks this, or does not begin at the bottom, did not exist. All runs together.
Who counts calls has no stacks."""

COMPLETE = """\
Samples taken, in percent of those due: the rate times how long the thread was there. Best is
nearest to 100 %. A child computes for some ten milliseconds; it is seen if there is a sample in
that. Every other one is forked, the others are interpreters of their own. scalene does not say how
many samples it took."""

SIZE = """\
At 1 kHz. Each writes the form that costs it least; where that is not one that the benchmark reads,
the number of samples is that of the same program recorded once more, per second. The table of
functions is made by what comes with each profiler, the fastest of some runs in a warm cache, the
interpreter's start included where it needs one. Austin's package has no program that reads what it
writes; scalene has its result when the program ends.

What is in a file differs: all have stacks; pyrec's has also the CPU clock of each thread at each
sample, whether it ran, waited for the GIL or was blocked and in which call, names of threads, and
columns within lines."""
