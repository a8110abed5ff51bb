#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a tick of the sampler takes, in instructions and system calls: figures that do not depend
on the machine's speed, nor on what else it does.

usage: tick.py BUILD_DIR COMPILER [--accept]

costs/tick_cost.c makes a hundred ticks of each kind; valgrind counts their instructions, strace
their system calls. Fails when a kind takes a tenth more than costs/ticks.json has of it. With
--accept the figures found are the ones to compare with from now on, and docs/COST.md has them.

Instructions are kept by COMPILER (its name, version and kind of build, as CMake has them) and libc:
where none are kept, and where valgrind or strace is missing or may not trace, that is said and not
looked at; exit status 77 when nothing was.
"""
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, 'costs', 'ticks.json')
DOCUMENT = os.path.join(HERE, '..', '..', 'docs', 'COST.md')
BEGIN, END = '<!-- tick.py begins -->\n', '<!-- tick.py ends -->\n'
GROWTH = 1.1
TICKS = 100
KINDS = {
    'rest': 'the thread has not run',
    'waits': 'the thread has run, and waits now in a system call',
    'gil': 'it has run, and waits for the GIL',
    'computes': 'it is on a CPU, in the same function as before',
    'leaf': 'it is on a CPU, in another function',
    'function': 'it is on a CPU, in a function that was never seen',
    'deep': 'it is on a CPU, in another function, 300 frames deep',
    'many': '300 threads, of which none has run',
    'thread': 'one thread more than before',
    'attached': 'attached: the thread has run, and waits now in a system call',
    'attached_leaf': 'attached: the same, in another function',
    'attached_function': 'attached: the same, in a function that was never seen',
    'attached_deep': 'attached: the same, in another function, 300 frames deep',
    'attached_many': 'attached: 300 threads, of which none has run',
}
ANSWERS = ('computes', 'deep')  # what the thread that was asked does itself
NATIVE = {  # what it does besides for its C frames, by costs/native_cost.c
    'native': 'what --native adds to an answer, 16 C frames deep',
    'native_deep': 'the same, 116 C frames deep',
    'native_cold': 'the same, 16 deep, where nothing is known of their addresses',
}


class Unable(Exception):
    """What is needed to count is not here."""


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=250, **more)
    if done.returncode != 0:
        raise Unable(f'{command[0]}: status {done.returncode}: {done.stderr.strip()[-300:]}')
    return done


def instructions(program, kind, function):
    """Per call of that function."""
    if not shutil.which('valgrind'):
        raise Unable('valgrind is not here')
    done = run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null',
                f'--toggle-collect={function}', program, kind])
    return int(re.search(r'Collected *: *(\d+)', done.stderr).group(1)) / TICKS


def calls(program, kind):
    """{system call: how often per tick}"""
    if not shutil.which('strace'):
        raise Unable('strace is not here')
    with tempfile.NamedTemporaryFile('r') as file:
        run(['strace', '-o', file.name, program, kind])
        lines = file.read().splitlines()
    inside, found, ticks = False, collections.Counter(), 0
    for line in lines:
        if line.startswith('write(-1, "'):
            inside = 'tick' in line
            ticks += inside
        elif inside:
            found[line.partition('(')[0]] += 1
    assert ticks == TICKS, (kind, ticks)
    return {name: round(number / TICKS, 2) for name, number in sorted(found.items())}


def tasks(program):
    """{(what, kind): how to find it}"""
    result = {}
    for kind in KINDS:
        result['instructions', kind] = (instructions, program, kind, f'tick_of_{kind}')
        result['calls', kind] = (calls, program, kind)
    for kind in ANSWERS:
        result['instructions', f'{kind} answer'] = (instructions, program, kind, 'capture_answer')
    native = os.path.join(os.path.dirname(program), 'native_cost')
    for kind in NATIVE:
        if os.path.exists(native):
            result['instructions', kind] = (instructions, native, kind, 'native_of*')
    return result


def measure(program):
    """{what: {kind: figure}}, {what: why not}"""
    found, unable = {'instructions': {}, 'calls': {}}, {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = {key: pool.submit(*task) for key, task in tasks(program).items()}
        for (what, kind), future in futures.items():
            try:
                found[what][kind] = future.result()
            except Unable as why:
                unable[what] = str(why)
    return found, unable


def number_of(figure):
    return sum(figure.values()) if isinstance(figure, dict) else figure


def grown(what, old, new):
    """Lines about kinds that take more than before; of those that are new, too."""
    lines = []
    for kind, figure in new.items():
        before, now = number_of(old.get(kind, {})), number_of(figure)
        if kind not in old:
            lines.append(f'{kind}: {what} of this kind are not kept yet')
        elif now > before * GROWTH + 0.01:
            lines.append(f'{kind}: {now:.2f} {what} per tick, {before:.2f} before')
            if what == 'calls':
                lines[-1] += f': {figure}, before {old[kind]}'
    return lines


def table(found, compiler):
    lines = [f'Instructions by {compiler}.', '', '| the tick finds that | instructions '
             '| system calls | which, per tick |', '|---|---:|---:|---|']
    for kind, text in KINDS.items():
        which = ', '.join(f'{number:g} {name}' for name, number in found['calls'][kind].items())
        lines.append(f'| {text} | {found["instructions"][kind]:,.0f} '
                     f'| {number_of(found["calls"][kind]):.2f} | {which} |')
    for kind, text in zip(ANSWERS, ('an answer of the thread itself, 10 frames deep',
                                    'the same, 300 frames deep')):
        lines.append(f'| {text} | {found["instructions"][kind + " answer"]:,.0f} | 0 | |')
    for kind, text in NATIVE.items():
        lines.append(f'| {text} | {found["instructions"][kind]:,.0f} | 0 | |')
    return '\n'.join(lines) + '\n'


def accept(found, compiler, kept):
    kept['calls'] = found['calls']
    kept['instructions'][compiler] = {kind: round(n) for kind, n in found['instructions'].items()}
    with open(KEPT, 'w', encoding='utf-8') as file:
        json.dump(kept, file, indent=1, sort_keys=True)
        file.write('\n')
    with open(DOCUMENT, encoding='utf-8') as file:
        head, _, rest = file.read().partition(BEGIN)
    with open(DOCUMENT, 'w', encoding='utf-8') as file:
        file.write(head + BEGIN + table(found, compiler) + END + rest.partition(END)[2])


def main():
    build, compiler = os.path.abspath(sys.argv[1]), sys.argv[2]
    compiler += ', ' + os.confstr('CS_GNU_LIBC_VERSION')
    found, unable = measure(os.path.join(build, 'tests', 'bench', 'tick_cost'))
    with open(KEPT, encoding='utf-8') as file:
        kept = json.load(file)
    if '--accept' in sys.argv:
        if unable:
            sys.exit(f'tick.py: {unable}')
        accept(found, compiler, kept)
        return 0
    if 'instructions' not in unable and compiler not in kept['instructions']:
        unable['instructions'] = f'none are kept for {compiler}'
    for what, why in unable.items():
        print(f'{what}: not looked at: {why}')
    wrong = []
    if 'instructions' not in unable:
        wrong += grown('instructions', kept['instructions'][compiler], found['instructions'])
    if 'calls' not in unable:
        wrong += grown('calls', kept['calls'], found['calls'])
    for line in wrong:
        print(f'FAILED: {line}')
    if wrong:
        print(f'If that is worth it: {sys.argv[0]} {sys.argv[1]} "{sys.argv[2]}" --accept')
    return 1 if wrong else 77 if len(unable) == 2 else 0


if __name__ == '__main__':
    sys.exit(main())
