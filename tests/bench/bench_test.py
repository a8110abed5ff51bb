#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmarks' own tests: statistics, readers, goals, and that all programs and profilers run.

usage: bench_test.py BUILD_DIR PYTHON
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, 'overhead')]
import bench_complete  # noqa: E402
import bench_goals  # noqa: E402
import bench_overhead  # noqa: E402
import bench_readers  # noqa: E402
import bench_report  # noqa: E402
import bench_rivals  # noqa: E402
import bench_size  # noqa: E402
import bench_stats  # noqa: E402
import bench_truth  # noqa: E402
import overhead  # noqa: E402
import tick  # noqa: E402
import turns  # noqa: E402

# what each of the ten programs returns for a scale of 2
CHECKS = {'json_work': 3111874752, 'regex_work': 6894632, 'pickle_work': 342360,
          'template_work': 854320451, 'text_work': 2807555118, 'async_work': 68220,
          'thread_work': 21780968, 'number_work': 17941976, 'recursion_work': 176,
          'deep_work': 859665}

# have another form for the benchmark of size
FORMS = ('austin', 'profiling.sampling')

AUSTIN = """# austin: 3.7.0
# mode: wall

P7;T0:7 5332
P7;T0:7;/x/a.py:<module>:9;/x/a.py:Class.f:4 1000
P7;T0:7;/x/a.py:<module>:9;/x/a.py:Class.f:4;/x/b.py:g:2 500
P8;T0:9;/x/a:c.py:h:1 2000
P8;T0:9;:INVALID: 10

# duration: 1059199
"""
SAMPLING = """tid:31;<frozen runpy>:_run_code:87;a.py:<module>:9;a.py:f:4;<GC> 3
tid:31;<frozen runpy>:_run_code:87;a.py:<module>:9;a.py:f:5 1
"""
PY_SPY = """process 12:"python a.py";thread (0x7F1): MainThread;<module> (a.py:9);f (a.py:4) 6
"""
SESSION = {'frame_records': [
    [['MainThread\0<thread>\x00139', 'f\0a.py\x003\x01l4'], 0.25],
    [['MainThread\0<thread>\x00139', 'f\0a.py\x003\x01l5', 'g\0a.py\x007\x01l8'], 0.5]]}
ROW = {'n_cpu_percent_python': 20, 'n_cpu_percent_c': 5, 'n_sys_percent': 0}
SCALENE = {'elapsed_time_sec': 2.0, 'files': {'/x/a.py': {
    'lines': [{'lineno': 4, **ROW}, {'lineno': 5, **ROW}],
    'functions': [{'line': 'f', 'lineno': 3, **ROW}]}}}


def near(a, b):
    assert abs(a - b) < 1e-9, (a, b)


def read(name, text):
    """What a reader makes of this text."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'profile.out')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return bench_readers.READERS[name](None, [path], 1000)


def test_statistics(_):
    assert bench_stats.quartiles([1, 2, 3, 4, 5]) == (2, 3, 4)
    assert bench_stats.quartiles([7]) == (7, 7, 7)
    near(bench_stats.geometric_mean([2, 8]), 4)
    assert bench_stats.spread([1.01, 1.02, 1.03]) == '+2.00 % (+1.50 .. +2.50)'
    near(bench_stats.distance({'a': 0.5, 'b': 0.5}, {'a': 0.25, 'c': 0.75}), 0.75)
    assert bench_stats.distance({'a': 1.0}, {'b': 1.0}) == 1
    assert bench_stats.shares({'a': 0}) == {}
    # |p - 1/2| of n looks is about 0.4 / sqrt(n), 0.98 / sqrt(n) in 19 of 20 cases
    mean, most = bench_stats.chance_distance({'a': 0.5, 'b': 0.5}, 1000)
    assert 0.010 < mean < 0.016 and 0.026 < most < 0.037, (mean, most)
    low, high = bench_stats.median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert 1 <= low < 5 < high <= 9


def made_interval(draw, width):
    """As overhead.sh does it: values of a machine that is disturbed now and then, until narrow."""
    values = []
    while True:
        values.append(draw.gauss(1.0, 1.5) + (draw.random() < 0.1) * draw.gauss(0, 15))
        if len(values) >= overhead.PAIRS_MIN:
            low, high = bench_stats.trimmed_interval(values)
            if high - low <= width:
                return low, high


def test_intervals(_):
    """The interval holds the truth as often as it says, and the t is that of the books."""
    for freedom, t in ((5, 2.571), (9, 2.262), (30, 2.042), (1000, 1.962)):
        assert abs(bench_stats.student(freedom) - t) < 0.004, freedom
    assert bench_stats.trimmed_mean([1, 100, 3, 2, -50]) == 2
    draw = random.Random(7)
    many = [bench_stats.trimmed_interval([draw.gauss(1, 1) for _ in range(20)])
            for _ in range(1000)]
    assert 930 <= sum(low <= 1 <= high for low, high in many) <= 970
    found = [made_interval(draw, 1) for _ in range(150)]
    # looking after each pair takes a little of the 95 %
    assert sum(low <= 1 <= high for low, high in found) >= 0.90 * 150
    assert sum(low > 0 for low, high in found) >= 0.95 * 150  # one percent is told from none
    assert overhead.verdict(0.1, 0.5, 0.5) == ', met'
    assert overhead.verdict(0.6, 0.9, 0.5) == ', **not met**'
    assert overhead.verdict(0.1, 0.9, 0.5) == ', cannot be told'
    assert overhead.verdict_of_check(0.7, 1.4, 1) == ', +1 is in it'
    assert overhead.verdict_of_check(0.4, 11.2, 1) == ', +1 is in it: too wide to say more'
    assert overhead.verdict_of_check(1.2, 1.9, 1) == ', **not +1**'


def test_ticks(_):
    """A tenth more of a kind is found, and a kind that is new; a little more and less is not."""
    old = {'rest': 1000, 'waits': 500, 'gil': 100}
    assert tick.grown('instructions', old, {'rest': 1099, 'waits': 10, 'gil': 100}) == []
    found = tick.grown('instructions', old, {'rest': 1101, 'many': 1})
    assert [line.split(':')[0] for line in found] == ['rest', 'many'], found
    old = {'gil': {'pread64': 1, 'clock_gettime': 3.2}}
    assert tick.grown('calls', old, old) == []
    assert tick.grown('calls', old, {'gil': {'pread64': 2, 'clock_gettime': 3.2}})
    assert tick.grown('calls', {'gil': {}}, {'gil': {'getpid': 1}})


def test_turns(test):
    """A pair of each case: both work, only the recorded one has a recorder, nobody is left."""
    pyrec = os.path.join(test.build, 'record', 'pyrec')
    options = argparse.Namespace(pyrec=pyrec, floor=None, check=False, native=False,
                                 pyanalyze=overhead.pyanalyze_beside(pyrec))
    overhead.TURN_SECONDS = 0.01
    for case in overhead.CASES:
        row = overhead.Row(case, 1000, test.python)
        pair, parts = overhead.measure_pair(options, row, overhead.Place(), 1, None,
                                            test.directory)
        assert parts >= overhead.CALIBRATION_MIN and pair.elapsed > 0 and pair.cpu > 0, pair
        assert pair.collector > 0 and 0 < pair.sampler < 1 and pair.taken > 0, pair
        assert os.listdir(test.directory) == [], case
    assert set(turns.CASES) | {'pinned'} == set(overhead.CASES)
    options.check = True
    pair, _ = overhead.measure_pair(options, row._replace(case='busy'), overhead.Place(), 0, 100,
                                    test.directory)
    assert pair.collector == 0 and pair.sampler is None, pair
    done = subprocess.run([os.path.join(HERE, 'overhead.sh'), '--pyrec', pyrec, 'nobody:7'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 2 and 'nobody:7 is no row' in done.stdout, done.stdout


def test_austin(_):
    profile = read('austin', AUSTIN)
    near(profile.functions(['f', 'g'])['f'], 0.0015)
    near(profile.functions(['f', 'g'])['g'], 0.0005)
    assert profile.lines('a.py', [4]) == {4: 0.001}
    assert profile.count() == 4 and profile.count('f') == 2
    assert [stack.process for stack in profile.stacks] == ['7', '7', '8', '8']
    assert profile.stacks[2].frames == [('h', '/x/a:c.py', 1)]


def test_sampling(_):
    profile = read('profiling.sampling', SAMPLING)
    assert profile.lines('a.py', [4, 5]) == {4: 0.003, 5: 0.001}  # <GC> is no line
    assert profile.count('f') == 4


def test_py_spy(_):
    profile = read('py-spy', PY_SPY)
    assert profile.lines('a.py', [4]) == {4: 0.006}
    assert profile.stacks[0].process == '12' and profile.stacks[0].thread == '0x7F1'


def test_pyinstrument(_):
    profile = read('pyinstrument', json.dumps(SESSION))
    assert profile.functions(['f', 'g']) == {'f': 0.75, 'g': 0.5}
    assert profile.lines('a.py', [4]) is None  # it does not know lines
    assert profile.stacks[1].frames == [('f', 'a.py', 5), ('g', 'a.py', 8)]


def test_scalene(_):
    profile = read('scalene', json.dumps(SCALENE))
    assert profile.lines('a.py', [4, 5, 6]) == {4: 0.5, 5: 0.5, 6: 0.0}
    assert profile.functions(['f']) == {'f': 0.5} and not profile.cumulative
    assert profile.count() is None


def test_possible(_):
    places = {'to red0': 5, 'to red0 again': 6, 'to blue0': 7, 'red0': 10, 'red1': 20}
    base = [('<module>', 't.py', 1), ('stacks', 't.py', 5)]

    def possible(*frames):
        return bench_truth.is_possible([*base, *((name, 't.py', line) for name, line in frames)],
                                       places)
    assert possible() and possible(('red0', 9)) and possible(('red0', 10), ('red1', 19))
    assert not possible(('blue0', 9))  # stacks is not at that line
    assert not possible(('red0', 9), ('red1', 19))  # red0 is not at its call
    assert not possible(('red0', 10), ('red2', 30))  # a floor is missing
    assert not possible(('red0', 10), ('blue1', 30))  # of the other tower
    assert not possible(('red0', 10), ('loop', 3))  # it calls nobody else
    assert not bench_truth.is_possible([('red0', 't.py', 9)], places)  # nobody called it
    assert bench_truth.is_possible([('main', 't.py', 9)], places)


def made_results(title, walls, cpus):
    """Results of overhead.measure for one interpreter: {name: numbers of five rounds}."""
    plain = {'seconds': 1.0, 'requests_per_second': 100.0, 'p99': 0.001}
    results = {}
    for program in bench_overhead.PROGRAMS:
        for rate in (1000, 10000):
            cell = results.setdefault((title, program, rate), {})
            for name, wall in walls.items():
                cpu = 0.1 if program == 'nothing' else 0.1 + cpus[name]
                cell[name] = [bench_overhead.Row(i, wall + i / 1000, cpu, plain, plain)
                              for i in range(5)]
    return results


def made_group(names):
    group = bench_rivals.Group.__new__(bench_rivals.Group)
    group.python, group.title = 'python3', '3.0.0'
    group.plain = bench_rivals.Plain('unprofiled', 'python3', None)
    group.pyrec = bench_rivals.Pyrec('pyrec', 'python3', '.')
    group.rivals = [bench_rivals.CLASSES[name](name, 'python3', name) for name in names]
    return group


def test_goals(_):
    group = made_group(['austin'])
    for ours, theirs, met in ((1.01, 1.05, True), (1.05, 1.01, False)):
        results = made_results(group.title, {'unprofiled': 1.0, 'pyrec': ours, 'austin': theirs},
                               {'unprofiled': 0, 'pyrec': 0.04, 'austin': 0.1})
        assert bench_goals.wall(results, [group])[0] is met
        assert bench_goals.cpu(results, [group], 1000, 1 / 2)[0] is True
        assert bench_goals.cpu(results, [group], 10000, 1 / 3)[0] is False
    near(bench_overhead.profiler_cpu(results, group.title, 'fib', 1000, 'pyrec')[0], 0.04)
    sizes = {('mixture', '3.0.0', 'pyrec'): bench_size.Size(300, 100, 1, 0.001),
             ('mixture', '3.0.0', 'austin'): bench_size.Size(900, 100, 1, None),
             ('mixture', '3.0.0', 'cProfile'): bench_size.Size(900, None, 1, 0.019)}
    assert bench_goals.smallest(sizes, [group])[0] is True
    assert bench_goals.fastest(sizes) == (False, 'the ten programs one after the other: '
                                                 '19 times faster than cProfile')
    truth = bench_truth.Truth()
    truth.impossible[1000, '3.0.0', 'pyrec'] = [0, 100]
    truth.impossible[1000, '3.0.0', 'austin'] = [7, 100]
    assert bench_goals.stacks(truth) == (True, '0 of 100 samples')


def test_report(_):
    group = made_group(['austin', 'cProfile'])
    for one in group.profilers():
        one.version = lambda: '1.0'
    truth = bench_truth.Truth()
    truth.looks['gil', '3.0.0', 'pyrec'].append(bench_truth.compare({'a': 1, 'b': 1},
                                                                    {'a': 6, 'b': 4}, 1000))
    truth.looks['gil', '3.0.0', 'cProfile'].append(bench_truth.compare({'a': 1}, {'a': 1}, None))
    truth.bias[50, '3.0.0', 'cProfile'].append(12.0)
    complete = bench_complete.Completeness()
    complete.taken[(50, 1000), '3.0.0', 'pyrec'].append(bench_complete.Taken(0.99, 0.98))
    complete.children['3.0.0', 'pyrec'].append(50)
    results = made_results(group.title, {'unprofiled': 1.0, 'pyrec': 1.01, 'austin': 1.02},
                           {'unprofiled': 0, 'pyrec': 0.01, 'austin': 0.1})
    text = bench_report.report({
        'groups': [group], 'missing': {'py-spy': 'it is not there'}, 'command': 'x',
        'machine': bench_report.machine(), 'date': '2026-01-01', 'minutes': 1.0, 'load': 0.5,
        'overhead': (results, ['austin, fib, 1000 Hz: no'], 5), 'truth': truth,
        'complete': complete, 'size': ({}, [])})
    for part in ('py-spy is missing, because it is not there.', '| yes |',
                 '| samples/fib.py | 1000 Hz | **+1.2 % (+1.1 .. +1.3)** '
                 '| +2.2 % (+2.1 .. +2.3) | - |',
                 '0.100, chance 0.03', '| **0.000** |', '| +12.0 |', '98.0 %', '| 50 |',
                 '* austin, fib, 1000 Hz: 1 times'):
        assert part in text, (part, text)


def test_programs(options):
    """Each runs, and those with a check print it."""
    plain = bench_rivals.Plain('unprofiled', options.python, None)
    for program in [*bench_overhead.PROGRAMS, 'mixture']:
        name = bench_overhead.PROGRAM_OF.get(program, program)
        run = bench_rivals.profile(plain, bench_rivals.work(name, 2), 0, options.directory)
        assert run.facts['seconds'] >= 0 and run.facts['cpu'] > 0, (program, run.facts)
        assert run.facts.get('check') == CHECKS.get(name, run.facts.get('check')), program
    assert 'p99' in bench_rivals.profile(plain, bench_rivals.work('web', 1), 0,
                                         options.directory).facts
    for program, number in (('lines', 0.1), ('gil', 0.1), ('blocking', 0.1), ('periodic', 10000),
                            ('threads', 0.05), ('bias', 50), ('stacks', 0.1), ('many', 3),
                            ('children', 2)):
        facts = bench_truth.run(plain, program, number, 0, options.directory).facts
        assert 'seconds' in facts, program
        truth = facts.get('truth') or facts.get('lines')
        if program in ('lines', 'gil', 'blocking', 'periodic', 'bias'):
            assert 0 < sum(truth.values()) <= facts['seconds'], facts


def test_profilers(options):
    """Each that is here runs a program to its end, and what it writes can be read."""
    groups, missing = bench_rivals.find(options.build, fetch=False)
    for name, why in missing.items():
        print(f'  {name}: skipped, {why}')
    for group in groups:
        for one in group.profilers():
            run = bench_truth.run(one, 'gil', 0.3, 100, options.directory)
            profile = bench_readers.read(one, run, 100)
            if profile:
                found = profile.functions(run.facts['truth'])
                assert sum(found.values()) > 0, (one.name, found)
            if one.name in FORMS:
                run = bench_rivals.profile(one, bench_rivals.work('json_work', 2), 1000,
                                           options.directory, 'compact')
                assert run.facts['check'] == CHECKS['json_work'] and run.files(), one.name
            if one.table(run.out):
                assert bench_size.table_seconds(one.table(run.out), 1) > 0
            print(f'  {one.name} on {group.title}: ok')


def main():
    options = type('Options', (), {'build': os.path.abspath(sys.argv[1]), 'python': sys.argv[2]})
    failed = 0
    for name, test in list(globals().items()):
        if name.startswith('test_'):
            with tempfile.TemporaryDirectory() as options.directory:
                try:
                    test(options)
                    print(f'{name}: ok', flush=True)
                except Exception as error:  # noqa: BLE001
                    failed += 1
                    print(f'{name}: FAILED: {type(error).__name__}: {error}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
