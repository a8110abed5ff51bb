# SPDX-License-Identifier: MIT
"""What recording costs, in alternating pairs. See overhead.sh."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import bench_rivals
import bench_stats

# case: amount of work (about 3 s of one CPU), pinned to one CPU?, what it is
CASES = {
    'busy': (450, False, 'one busy thread'),
    'pinned': (450, True, 'one busy thread, everything on one CPU'),
    'processes': (450, False, 'two busy processes, two CPUs'),
    'threads': (450, False, 'four threads that compete for the GIL'),
    'idle': (450, False, 'one busy thread, 300 idle'),
    'deep': (450, False, 'one busy thread, 300 frames deep'),
    'recursion': (450, False, 'stacks that grow to 900 frames and shrink'),
    'web': (600, False, 'threading web server, 4 clients'),
    'ten': (450, False, 'one busy thread, 10 frames deep'),
}
PINNED_PROGRAM = {'pinned': 'busy'}


class Wakes(bench_rivals.Plain):
    """No recorder: a thread in every process that only wakes up. `program`: its library."""

    def command(self, words, rate, out, children=False):
        return ['env', f'LD_PRELOAD={self.program}', f'WAKES_HZ={rate}', self.python, *words]


def ways(options):
    """How a case is run in each round, by name."""
    result = {
        'plain': bench_rivals.Plain('unprofiled', options.python, None),
        'pyrec': bench_rivals.Pyrec('pyrec', options.python, options.build),
    }
    if options.floor:
        library = os.path.join(options.build, 'tests', 'bench', 'libwakes.so')
        if not os.path.exists(library):
            sys.exit(f'overhead: {library} is not there: build with -DBUILD_TESTING=ON')
        result['floor'] = Wakes('wakes', options.python, library)
    return result


class Run:
    """One run of a case: seconds of the work, CPU seconds of everything, the recorder's part."""

    def __init__(self, options, case, one, rate, directory):
        scale, pinned, _ = CASES[case]
        words = bench_rivals.work(PINNED_PROGRAM.get(case, case),
                                  max(1, scale * options.percent // 100))
        try:
            run = bench_rivals.profile(one, words, rate, directory, children=True, pinned=pinned)
        except bench_rivals.Failed as failure:
            sys.exit(f'overhead: failed: {failure}')
        self.wall = run.facts['seconds']
        self.p99 = run.facts.get('p99')
        self.cpu = run.cpu
        self.collector = self.sampler = 0.0
        self.handler_ns = None
        self.taken = None
        if one.name == 'pyrec':
            self.read_costs(options, run.out)

    def read_costs(self, options, trace):
        text = subprocess.run([os.path.join(options.build, 'analyze', 'pyanalyze'), 'info',
                               '--format', 'json', trace],
                              stdout=subprocess.PIPE, check=True).stdout
        info = json.loads(text)
        self.collector = info['recordings'][0]['collector_cpu']
        self.cpu -= self.collector
        self.sampler = sum(cost['sampler_cpu'] for cost in info['cost'])
        calls = [cost['handler_ns_per_call'] for cost in info['cost']
                 if cost.get('handler_ns_per_call')]
        self.handler_ns = max(calls) if calls else None
        due = sum(row['ticks_due'] for row in info['quality'])
        self.taken = sum(row['ticks_taken'] for row in info['quality']) / max(1, due)


def measure(options, case, rate, directory):
    wall, cpu, p99, floor, runs = [], [], [], [], []
    named = ways(options)
    names = list(named)
    for each in range(options.pairs + 1):
        turn = each % len(names)
        results = {name: Run(options, case, named[name], rate, directory)
                   for name in names[turn:] + names[:turn]}
        if each == 0:
            continue  # caches, byte code
        plain, recorded = results['plain'], results['pyrec']
        wall.append(recorded.wall / plain.wall)
        cpu.append(recorded.cpu / plain.cpu)
        if options.floor:
            floor.append(results['floor'].wall / plain.wall)
        if plain.p99:
            p99.append(recorded.p99 / plain.p99)
        runs.append(recorded)
    share = lambda name: 100 * statistics.median(getattr(run, name) / run.cpu for run in runs)
    handler = [run.handler_ns for run in runs if run.handler_ns]
    spread = bench_stats.spread
    ns = f'{statistics.median(handler):.0f} ns' if handler else '-'
    print(f'| {CASES[case][2]} | {rate} Hz | {spread(wall)} | {spread(floor) if floor else "-"} '
          f'| {spread(cpu)} | {share("sampler"):.2f} % | {share("collector"):.2f} % | {ns} '
          f'| {100 * statistics.median(run.taken for run in runs):.1f} % '
          f'| {spread(p99) if p99 else "-"} |', flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('cases', nargs='*', metavar='CASE', help=' '.join(CASES))
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--pairs', type=int, default=9)
    parser.add_argument('--rates', default='100,1000')
    parser.add_argument('--percent', type=int, default=100, help='of the usual amount of work')
    parser.add_argument('--floor', action='store_true',
                        help='also with a thread that only wakes up at that rate')
    options = parser.parse_intermixed_args()
    options.build = os.path.abspath(options.build)
    if options.pairs < 2:
        parser.error('--pairs: at least 2')
    for case in options.cases:
        if case not in CASES:
            parser.error(f'no case {case}: {" ".join(CASES)}')
    print(f'{options.pairs} pairs each: median (quartiles) of recorded / not recorded. CPU: of the '
          'program,\nthe sampler in it included. Sampler and collector: their CPU time in percent '
          'of the program\'s.\n')
    print('| work | rate | elapsed time | a thread that only wakes up | CPU time | sampler '
          '| collector | handler, each | ticks taken | p99 latency |')
    print('|---|---|---|---|---|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as directory:
        for case in options.cases or CASES:
            for rate in map(int, options.rates.split(',')):
                measure(options, case, rate, directory)


if __name__ == '__main__':
    main()
