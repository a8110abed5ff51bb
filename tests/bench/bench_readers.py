# SPDX-License-Identifier: MIT
"""What each profiler wrote, in one form.

A Profile has stacks, or where a profiler keeps none, seconds of functions and of lines. Weights
are seconds as the profiler has them; counts are samples.
"""
import collections
import json
import marshal
import os
import re
import subprocess

# frames: root first, of (function, file, line); process and thread are text, '' for unknown
Stack = collections.namedtuple('Stack', 'process thread frames seconds cpu count')


class Profile:
    def __init__(self, stacks=None, functions=None, lines=None, cumulative=True, has_lines=True):
        self.stacks = stacks
        self._functions = functions  # {(file, function): seconds}
        self._lines = lines  # {(file, line): self seconds}
        self.cumulative = cumulative  # do seconds of functions include what they call?
        self.has_lines = has_lines  # are the lines of stacks those that took the time?

    def functions(self, names, weight='seconds'):
        """Seconds of the functions in `names`, what they call included if `cumulative`."""
        found = dict.fromkeys(names, 0.0)
        if self.stacks is not None:
            for stack in self.stacks:
                for name in {short(frame[0]) for frame in stack.frames} & set(names):
                    found[name] += getattr(stack, weight) or 0
        else:
            for (_, function), seconds in self._functions.items():
                if short(function) in found:
                    found[short(function)] += seconds
        return found

    def lines(self, file, numbers):
        """Seconds of the lines themselves; None: cannot say."""
        found = dict.fromkeys(numbers, 0.0)
        if self.stacks is not None and self.has_lines:
            cells = (((stack.frames[-1][1], stack.frames[-1][2]), stack.seconds)
                     for stack in self.stacks)
        elif self._lines is not None:
            cells = self._lines.items()
        else:
            return None
        for (path, line), seconds in cells:
            if line in found and os.path.basename(path) == os.path.basename(file):
                found[line] += seconds
        return found

    def count(self, name=None):
        """Samples; with a function in their stack, if one is named. None: takes or tells none."""
        if self.stacks is None:
            return None
        return sum(stack.count for stack in self.stacks
                   if name is None or any(short(frame[0]) == name for frame in stack.frames))


def short(function):
    """"f" of "Class.f" and of "g.<locals>.f"."""
    return function.rsplit('.', 1)[-1]


def read_pyrec(profiler, files, rate):
    stacks = []
    for path in files:
        text = subprocess.run([os.path.join(profiler.program, 'analyze', 'pyanalyze'), 'export',
                               '--format', 'json', '--by', 'samples', path],
                              stdout=subprocess.PIPE, check=True).stdout
        for row in json.loads(text):
            frames = [(f['function'], f['file'], f['line']) for f in reversed(row['stack'])]
            if frames:
                stacks.append(Stack(str(row['process']), str(row['thread_id']), frames,
                                    row['wall'], row['cpu_time'], row['samples']))
    return Profile(stacks)


def python_frame(text):
    """(function, file, line) of "file:function:line"; of what is no such thing, it as a name."""
    file, function, line = (['', ''] + text.rsplit(':', 2))[-3:]
    return (function, file, int(line)) if line.isdigit() else (text, '', 0)


def folded_lines(files):
    """What stands before the last blank, and the number behind it."""
    for path in files:
        with open(path, encoding='utf-8', errors='replace') as lines:
            for line in lines:
                names, number = line.rsplit(' ', 1)
                yield path, names, int(number)


def read_austin(profiler, files, rate):
    stacks = []
    for path in files:
        with open(path, encoding='utf-8', errors='replace') as lines:
            for line in lines:
                if not line.startswith('P'):
                    continue
                names, microseconds = line.rsplit(' ', 1)
                process, thread, *frames = names.split(';')
                if frames:
                    stacks.append(Stack(process[1:], thread[1:].split(':')[-1],
                                        list(map(python_frame, frames)),
                                        int(microseconds) / 1e6, None, 1))
    return Profile(stacks)


def read_sampling(profiler, files, rate):
    stacks = []
    for path, names, count in folded_lines(files):
        thread, *frames = names.split(';')
        frames = [python_frame(frame) for frame in frames if frame != '<GC>']
        if frames:
            stacks.append(Stack(os.path.basename(path), thread.split(':')[1], frames,
                                count / rate, None, count))
    return Profile(stacks)


PY_SPY_FRAME = re.compile(r'(.*) \((.*):(\d+)\)$')


def read_py_spy(profiler, files, rate):
    stacks = []
    for _, names, count in folded_lines(files):
        process = thread = ''
        frames = []
        for part in names.split(';'):
            found = PY_SPY_FRAME.match(part)
            if part.startswith('process '):
                process = part.split(':')[0].split()[1]
            elif part.startswith('thread '):
                thread = part.split('(')[1].split(')')[0]
            elif found:
                frames.append((found[1], found[2], int(found[3])))
        if frames:
            stacks.append(Stack(process, thread, frames, count / rate, None, count))
    return Profile(stacks)


def read_pyinstrument(profiler, files, rate):
    stacks = []
    for path in files:
        with open(path, encoding='utf-8') as file:
            session = json.load(file)
        for names, seconds in session['frame_records']:
            frames, thread = [], ''
            for name in names:
                identity, *attributes = name.split('\x01')
                function, source, line = identity.split('\x00')
                if source == '<thread>':
                    thread = line
                    continue
                now = [a[1:] for a in attributes if a[:1] == 'l']
                frames.append((function, source, int(now[0] if now else line)))
            if frames:
                stacks.append(Stack('', thread, frames, seconds, None, 1))
    return Profile(stacks, has_lines=False)  # it looks between calls


def read_scalene(profiler, files, rate):
    lines, functions = {}, {}
    for path in files:
        with open(path, encoding='utf-8') as file:
            document = json.load(file)
        seconds = document['elapsed_time_sec'] / 100
        for source, part in document['files'].items():
            for rows, cells, key in ((part['lines'], lines, 'lineno'),
                                     (part['functions'], functions, 'line')):
                for row in rows:
                    percent = (row['n_cpu_percent_python'] + row['n_cpu_percent_c'] +
                               row['n_sys_percent'])
                    place = source, row[key]
                    cells[place] = cells.get(place, 0) + percent * seconds
    return Profile(None, functions, lines, cumulative=False)


def read_pstats(profiler, files, rate):
    functions = {}
    for path in files:
        with open(path, 'rb') as file:
            for (source, _, function), row in marshal.load(file).items():
                functions[source, function] = functions.get((source, function), 0) + row[3]
    return Profile(None, functions)


READERS = {'pyrec': read_pyrec, 'austin': read_austin, 'profiling.sampling': read_sampling,
           'py-spy': read_py_spy, 'pyinstrument': read_pyinstrument, 'scalene': read_scalene,
           'cProfile': read_pstats, 'yappi': read_pstats}


def read(profiler, run, rate):
    """The Profile of a Run of this profiler; None: it has no reader here (memory)."""
    reader = READERS.get(profiler.name)
    return reader(profiler, run.files(), rate) if reader else None
