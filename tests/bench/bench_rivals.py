# SPDX-License-Identifier: MIT
"""The profilers that are compared: how each is run, and what it can do.

All are asked for the same, each by its own options: every thread, wall-clock time, no stopping of
the program, the rate asked for, written to a file and nothing else done with it.
"""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Profiler:
    """One way to run a program. `words` is the program and its arguments, without the python."""

    rated = True  # takes samples, at a rate
    outside = False  # is a process of its own
    threads = True  # sees all threads
    children = False  # follows child processes
    memory = False  # is about memory
    kind = 'samples, from inside'
    suffix = '.out'

    def __init__(self, name, python, program):
        self.name, self.python, self.program = name, python, program

    def command(self, words, rate, out, children=False):
        raise NotImplementedError

    def compact(self, words, rate, out, children=False):
        """The same, in the form that takes least time and room, where that is another."""
        return self.command(words, rate, out, children)

    def cpu_time(self, words, rate, out, children=False):
        """The same, but of CPU time; None: has none, or sees one thread only."""
        return None

    def table(self, out):
        """The command that turns what compact() wrote into a table of functions; None: has none."""
        return None

    def version(self):
        return 'that of Python'


class Plain(Profiler):
    rated = False
    kind = ''

    def command(self, words, rate, out, children=False):
        return [self.python, *words]


class Pyrec(Profiler):
    children = True
    kind = 'samples, from inside, into another process'
    suffix = '.trace'

    def command(self, words, rate, out, children=False):
        return [os.path.join(self.program, 'record', 'pyrec'), '-q', '-r', str(rate), '-o', out,
                *([] if children else ['--no-children']), '--', self.python, *words]

    cpu_time = command

    def table(self, out):
        return [os.path.join(self.program, 'analyze', 'pyanalyze'), 'functions', '--limit', '0',
                out]

    def version(self):
        return ask([os.path.join(self.program, 'record', 'pyrec'), '--version']).split()[-1]


class Austin(Profiler):
    outside = True
    children = True
    kind = 'samples, from another process'

    def command(self, words, rate, out, children=False, options=()):
        return [self.program, '-i', f'{1000000 // rate}us', *(['-C'] if children else []), *options,
                '-o', out, self.python, *words]

    def compact(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, ['-b'])

    def cpu_time(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, ['-s'])

    def version(self):
        return ask([self.program, '--version']).split()[-1]


class PySpy(Profiler):
    outside = True
    children = True
    kind = 'samples, from another process'

    def command(self, words, rate, out, children=False):
        return [self.program, 'record', '-r', str(rate), '--nonblocking', '--threads', '-f', 'raw',
                *(['--subprocesses'] if children else []), '-o', out, '--', self.python, *words]

    def version(self):
        return ask([self.program, '--version']).split()[-1]


class Sampling(Profiler):
    outside = True
    children = True
    kind = 'samples, from another process'

    def command(self, words, rate, out, children=False, form='--collapsed', mode='wall'):
        return [self.python, '-m', 'profiling.sampling', 'run', '-r', str(rate), '-a', form,
                '--mode', mode,
                *(['--subprocesses'] if children else []), '-o', out, *words]

    def compact(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, '--binary')

    def cpu_time(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, mode='cpu')

    def table(self, out):
        return [self.python, '-m', 'profiling.sampling', 'replay', '--pstats', '-l', '100000', out]


class Module(Profiler):
    """A module of another package."""

    def version(self):
        code = ('import importlib.metadata as m, sys; print(m.version(sys.argv[1]))')
        return ask([self.python, '-c', code, self.name])


class Pyinstrument(Module):
    threads = False
    kind = 'samples, from inside, between calls'

    def command(self, words, rate, out, children=False):
        return [self.python, '-m', 'pyinstrument', '-i', str(1 / rate), '-r', 'pyisession', '-o',
                out, *words]

    def table(self, out):
        return [self.python, '-m', 'pyinstrument', '--load', out, '-r', 'text', '--show-all', '-p',
                'flat=true']


class Scalene(Module):
    kind = 'samples, from inside, by signals'

    def command(self, words, rate, out, children=False, options=()):
        return [self.python, '-m', 'scalene', '--cli', '--json', '--cpu', *options,
                '--cpu-sampling-rate', str(1 / rate), '--outfile', out, words[0], '---',
                *words[1:]]

    def cpu_time(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, ['--use-virtual-time'])


class Deterministic(Profiler):
    rated = False
    suffix = '.pstats'

    def table(self, out):
        code = 'import pstats, sys; pstats.Stats(sys.argv[1]).sort_stats("tottime").print_stats()'
        return [self.python, '-c', code, out]


class CProfile(Deterministic):
    threads = False
    kind = 'every call'

    def command(self, words, rate, out, children=False):
        return [self.python, '-m', 'cProfile', '-o', out, *words]


class Yappi(Module, Deterministic):
    kind = 'every call'

    def command(self, words, rate, out, children=False, clock='wall'):
        return [self.python, '-m', 'yappi', '-c', clock, '-f', 'pstat', '-o', out, *words]

    def cpu_time(self, words, rate, out, children=False):
        return self.command(words, rate, out, children, 'cpu')


class Memray(Module):
    rated = False
    memory = True
    kind = 'every allocation'

    def command(self, words, rate, out, children=False):
        return [self.python, '-m', 'memray', 'run', '-q', '-f', '-o', out, *words]

    def table(self, out):
        return [self.python, '-m', 'memray', 'summary', out]


CLASSES = {'cProfile': CProfile, 'yappi': Yappi, 'austin': Austin, 'py-spy': PySpy,
           'pyinstrument': Pyinstrument, 'scalene': Scalene, 'memray': Memray,
           'profiling.sampling': Sampling}


def ask(command):
    """What a program says of itself: its last line."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (done.stdout.strip().splitlines() or ['?'])[-1]


class Group:
    """One interpreter: the program alone, under pyrec, and under the rivals that need this one."""

    def __init__(self, python, build):
        self.python = python
        self.title = ask([python, '-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'])
        self.plain = Plain('unprofiled', python, None)
        self.pyrec = Pyrec('pyrec', python, build)
        self.rivals = []

    def all(self):
        return [self.plain, self.pyrec, *self.rivals]

    def profilers(self):
        return [self.pyrec, *self.rivals]


def find(build, fetch=True):
    """(groups, {name: why it is missing})"""
    command = [os.path.join(HERE, 'rivals.sh'), *(['--fetch'] if fetch else []), build]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    groups, missing = {}, {}
    for line in lines.splitlines():
        name, python, program = line.split('\t')
        if python == '-':
            missing[name] = program
            continue
        group = groups.setdefault(python, Group(python, build))
        group.rivals.append(CLASSES[name](name, python, program))
    return list(groups.values()), missing


class Failed(Exception):
    """A profiler did not run the program to its end."""


# That, or what it wrote cannot be read: its row has one run less, and the others go on.
TROUBLE = (Failed, ArithmeticError, AttributeError, EOFError, LookupError, OSError, TypeError,
           ValueError, subprocess.SubprocessError)


class Run:
    """One run: `facts` that the program printed, CPU seconds of everything, the files written."""

    def __init__(self, command, directory, out='', pinned=False, timeout=120):
        self.out = out
        if pinned:
            command = ['taskset', '-c', '0', *command]
        with open(os.path.join(directory, 'stdout'), 'w+b') as stdout, \
                open(os.path.join(directory, 'stderr'), 'w+b') as stderr:
            process = subprocess.Popen(['timeout', str(timeout), *command], stdout=stdout,
                                       stderr=stderr, stdin=subprocess.DEVNULL, cwd=directory)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            stdout.seek(0)
            self.facts = last_json(stdout.read())
            stderr.seek(0)
            self.said = stderr.read().decode(errors='replace')
        if self.facts is None:
            raise Failed(f'{" ".join(command)}: status {status}: {self.said[-300:].strip()}')
        self.cpu = usage.ru_utime + usage.ru_stime

    def files(self):
        """What the profiler wrote: its file, and those beside it for other processes."""
        return sorted(path for path in glob.glob(os.path.join(os.path.dirname(self.out), '*'))
                      if os.path.basename(path) not in ('stdout', 'stderr'))


def last_json(text):
    """The last line that is a JSON object: profilers print around what the program does."""
    for line in reversed(text.splitlines()):
        begin = line.find(b'{"')
        if begin >= 0:
            try:
                facts = json.loads(line[begin:])
            except ValueError:
                continue
            if isinstance(facts, dict):
                return facts
    return None


def profile(profiler, words, rate, directory, way='command', children=False, **more):
    """Run a program under a profiler, in an empty directory. `way`: a method of Profiler."""
    for path in glob.glob(os.path.join(directory, '*')):
        os.unlink(path)
    out = os.path.join(directory, 'profile' + profiler.suffix)
    command = getattr(profiler, way)([str(word) for word in words], rate, out, children)
    return Run(command, directory, out, **more)


def work(name, scale):
    """The words of a program of overhead_work.py."""
    return [os.path.join(HERE, 'overhead_work.py'), name, str(scale)]


if __name__ == '__main__':
    for each in find(sys.argv[1], fetch=False)[0]:
        print(each.title, [(one.name, one.version()) for one in each.profilers()])
