# SPDX-License-Identifier: MIT
"""pyrec beside other profilers. See run.sh."""
import argparse
import os
import pickle
import shlex
import sys
import tempfile
import time

import bench_complete
import bench_overhead
import bench_report
import bench_rivals
import bench_size
import bench_truth

PARTS = ('overhead', 'truth', 'complete', 'size')
BESIDE = '\n# Looking on\n'  # what follows is measured by something else, and stays
DOCUMENT = os.path.join(bench_rivals.HERE, '..', '..', 'docs', 'BENCHMARKS.md')


def arguments():
    parser = argparse.ArgumentParser(prog='run.sh', description=__doc__)
    parser.add_argument('parts', nargs='*', metavar='PART', help=' '.join(PARTS) + ' (all)')
    parser.add_argument('--build', default='build', help='build directory')
    parser.add_argument('--minutes', type=float, default=22, help='for the overhead; default 22')
    parser.add_argument('--rounds', type=int, default=3, help='of truth and completeness')
    parser.add_argument('--quick', action='store_true',
                        help='one round of little work: does it run? The figures say nothing')
    parser.add_argument('--write', action='store_true', help='also to docs/BENCHMARKS.md')
    parser.add_argument('--again', action='store_true',
                        help='measure nothing, print what was measured last')
    parser.add_argument('--only', default='', help='profilers to run, with commas between them')
    parser.add_argument('--programs', default='', help='of the overhead, with commas: ' +
                        ' '.join(bench_overhead.PROGRAMS))
    options = parser.parse_intermixed_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f'no part {part}: {" ".join(PARTS)}')
    if options.write and options.parts and set(options.parts) != set(PARTS):
        parser.error('--write: the document has all parts; leave them out')
    options.programs = list(filter(None, options.programs.split(',')))
    for program in options.programs:
        if program not in bench_overhead.PROGRAMS:
            parser.error(f'no program {program}: {" ".join(bench_overhead.PROGRAMS)}')
    if options.write and (options.quick or options.only or options.programs):
        parser.error('--write: not of a run with --quick, --only or --programs')
    options.parts = options.parts or list(PARTS)
    return options


def chosen(groups, only):
    names = set(filter(None, only.split(',')))
    for group in groups:
        group.rivals = [one for one in group.rivals if not names or one.name in names]
    return [group for group in groups if group.rivals]


def measure(part, options, groups, directory):
    quick = options.quick
    if part == 'overhead':
        return bench_overhead.measure(groups, directory, 0 if quick else options.minutes,
                                      percent=10 if quick else 100, programs=options.programs)
    if part == 'truth':
        return bench_truth.measure(groups, directory, 1 if quick else options.rounds,
                                   0.5 if quick else 1.5)
    if part == 'complete':
        return bench_complete.measure(groups, directory, 1 if quick else options.rounds)
    return bench_size.measure(groups, directory, percent=10 if quick else 100,
                              tries=2 if quick else 7)


def progress(text):
    print(f'{time.strftime("%H:%M:%S")} {text}', file=sys.stderr, flush=True)


def run(options, saved):
    progress('rivals')
    groups, missing = bench_rivals.find(options.build)
    groups = chosen(groups, options.only)
    state = {'groups': groups, 'missing': missing, 'machine': bench_report.machine(),
             'date': time.strftime('%Y-%m-%d'), 'load': os.getloadavg()[0],
             'command': 'tests/bench/run.sh ' + shlex.join(sys.argv[1:])}
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='pyrec-bench-') as directory:
        for part in options.parts:
            progress(part)
            state[part] = measure(part, options, groups, directory)
            state['minutes'] = (time.monotonic() - begin) / 60
            with open(saved, 'wb') as file:
                pickle.dump(state, file)
    progress('done')
    return state


def main():
    options = arguments()
    options.build = os.path.abspath(options.build)
    saved = os.path.join(options.build, 'bench.pickle')
    if options.again:
        with open(saved, 'rb') as file:
            state = pickle.load(file)
        if options.write and not set(PARTS) <= set(state):
            raise SystemExit(f'run.sh: {saved} has not all parts')
    else:
        state = run(options, saved)
    text = bench_report.report(state)
    print(text)
    if options.write:
        with open(DOCUMENT, encoding='utf-8') as file:
            beside = file.read().partition(BESIDE)[1:]
        with open(DOCUMENT, 'w', encoding='utf-8') as file:
            file.write(text + ''.join(beside))


if __name__ == '__main__':
    main()
