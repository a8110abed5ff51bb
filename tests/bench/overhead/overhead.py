# SPDX-License-Identifier: MIT
"""What recording costs. See overhead.sh."""
import argparse
import collections
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.dirname(HERE))
import bench_stats  # noqa: E402
import sides  # noqa: E402

CASES = {
    'busy': 'one busy thread',
    'pinned': 'one busy thread, everything on one CPU',
    'processes': 'two busy processes',
    'idle': 'one busy thread, 300 idle',
    'web': 'threading web server, 4 clients',
    'queue': 'four threads and a queue',
    'threads': 'four threads that compete for the GIL',
    'ten': 'one busy thread, 10 frames deep',
    'deep': 'one busy thread, 300 frames deep',
    'recursion': 'stacks that grow to 900 frames and shrink',
}
ROWS = ('busy:100', 'busy:1000', 'processes:1000', 'idle:1000', 'web:1000', 'queue:1000')
ROWS_OF_MORE = ('web:1000',)  # of further interpreters
LIMITS = {100: 0.5, 1000: 2.0}  # percent that is promised at a rate
TURN_SECONDS = 0.1
TURNS = 8  # of each side in a pair
PAIRS_MIN = 10  # before an interval is believed
CALIBRATION_MIN = 16  # parts
CHECK = 1  # percent more work with --check

Row = collections.namedtuple('Row', 'case rate python')
# ratios of recorded to not recorded, of the time of one that only wakes up, parts, samples
Pair = collections.namedtuple('Pair', 'elapsed cpu floor collector sampler taken')


class Place:
    """Which CPUs are whose: the client has one of its own where there are several."""

    def __init__(self):
        self.all = sorted(os.sched_getaffinity(0))
        self.client = self.all[:1]
        self.rest = self.all[1:] or self.all

    def of(self, case):
        """In all cases but the server's this script sleeps during a turn."""
        if case == 'pinned':
            return self.all[-1:]
        return self.rest if case == 'web' or len(self.all) > 2 else self.all


def sides_start(options, row, place, number, trace):
    """{name: Side}, of programs that are ready. Which one is begun first, and so has what memory and
    CPUs the machine gives first, changes with each two pairs."""
    case = 'busy' if row.case == 'pinned' else row.case
    commands = {'plain': []}
    if options.floor:
        commands['floor'] = ['env', f'LD_PRELOAD={options.floor}', f'WAKES_HZ={row.rate}']
    commands['recorded'] = [] if options.check else [
        options.pyrec, '-q', '-r', str(row.rate), '-o', trace, *(['--native'] if options.native else []), '--']
    result = {}
    try:
        for name, command in sorted(commands.items(), reverse=number // 2 % 2 == 1):
            checked = options.check and name == 'recorded'
            result[name] = sides.Side(command, row.python, case, place.of(row.case),
                                               name == 'recorded' and not checked,
                                               1 + CHECK / 100 if checked else 1)
    except BaseException:
        end(result)
        raise
    return result


def end(running):
    for side in running.values():
        side.end()


def parts_of_turn(side):
    """So many parts take about TURN_SECONDS."""
    parts = CALIBRATION_MIN
    while True:
        seconds = side.turn(parts)[0]
        if seconds >= TURN_SECONDS / 4:
            return max(CALIBRATION_MIN, round(parts * TURN_SECONDS / seconds))
        parts *= 2


def books(options, side, rate, trace, cpu):
    """(the sampler's part of the program's CPU time, ticks taken of those due while it was not
    stopped), None where pyanalyze is not there."""
    if not options.pyanalyze or options.check:
        return None, None
    text = subprocess.run([options.pyanalyze, 'info', '--format', 'json', trace],
                          stdout=subprocess.PIPE, check=True).stdout
    info = json.loads(text)
    due = sum(row['ticks_due'] for row in info['quality'])
    due -= rate * side.stopped_seconds * len(side.programs)
    taken = sum(row['ticks_taken'] for row in info['quality'])
    return sum(cost['sampler_cpu'] for cost in info['cost']) / cpu, taken / max(1, due)


def measure_pair(options, row, place, number, parts, directory):
    """(Pair, parts of a turn)"""
    trace = os.path.join(directory, 'overhead.trace')
    running = sides_start(options, row, place, number, trace)
    try:
        for side in running.values():
            side.turn(parts or CALIBRATION_MIN)  # what is done for the first time
        parts = parts or parts_of_turn(running['plain'])
        if options.check:  # a hundredth of it is a whole number
            parts = max(100, round(parts, -2))
        for side in running.values():
            side.turn(parts)
        order = sorted(running)
        order = order[number % len(order):] + order[:number % len(order)]
        turns = {name: [] for name in order}
        for _ in range(TURNS):
            for name in order:
                turns[name].append(running[name].turn(parts))
            order.reverse()
        recorded = running['recorded']
        cpu = recorded.last_cpu
    finally:
        end(running)
    sampler, taken = books(options, recorded, row.rate, trace, cpu)
    if os.path.exists(trace):
        os.unlink(trace)

    def ratio(name, which):
        return bench_stats.trimmed_mean([a[which] / b[which] for a, b in
                                         zip(turns[name], turns['plain'])])

    collector = sum(turn[2] for turn in turns['recorded'])
    return Pair(ratio('recorded', 0), ratio('recorded', 1),
                ratio('floor', 0) if options.floor else None,
                collector / sum(turn[1] for turn in turns['recorded']), sampler, taken), parts


def percents(pairs, which):
    return [100 * (getattr(pair, which) - 1) for pair in pairs]


def is_narrow(pairs, width):
    for which in ('elapsed', 'cpu'):
        low, high = bench_stats.trimmed_interval(percents(pairs, which))
        if high - low > width:
            return False
    return True


def measure(options, row, place, kept, directory):
    """All pairs of a row, those of earlier calls first; the minutes of this call."""
    pairs, parts, begin = [Pair(*pair) for pair in kept.of(row)], None, time.monotonic()
    new = 0
    while len(pairs) < PAIRS_MIN or not is_narrow(pairs, options.width):
        if new > 0 and time.monotonic() - begin > 60 * options.limit:
            break
        pair, parts = measure_pair(options, row, place, len(pairs), parts, directory)
        pairs.append(pair)
        kept.put(row, pairs)
        new += 1
    return pairs, (time.monotonic() - begin) / 60


def verdict_of_check(low, high, width):
    if not low <= CHECK <= high:
        return f', **not +{CHECK}**'
    return f', +{CHECK} is in it' + (': too wide to say more' if high - low > width else '')


def verdict(low, high, limit):
    if limit is None:
        return ''
    return ', met' if high <= limit else ', **not met**' if low > limit else ', cannot be told'


def cell(pairs, which, limit=None, check=None):
    values = percents(pairs, which)
    if len(values) < PAIRS_MIN:
        return f'{len(values)} pairs: too few'
    low, high = bench_stats.trimmed_interval(values)
    return (f'{bench_stats.trimmed_mean(values):+.2f} % ({low:+.2f} .. {high:+.2f})'
            f'{verdict_of_check(low, high, check) if check else verdict(low, high, limit)}')


def share(pairs, which, digits=2):
    values = [getattr(pair, which) for pair in pairs if getattr(pair, which) is not None]
    return f'{100 * statistics.median(values):.{digits}f} %' if values else '-'


def version_of(python):
    return subprocess.run([python, '-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'],
                          stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def row_line(options, row, pairs, minutes):
    limit = None if options.check else LIMITS.get(row.rate)
    check = options.width if options.check else None
    floor = f' {cell(pairs, "floor")} |' if options.floor else ''
    return (f'| {CASES[row.case]} | {row.rate} Hz | {version_of(row.python)} '
            f'| {cell(pairs, "elapsed", limit, check)} | {cell(pairs, "cpu", limit, check)} |{floor} '
            f'{share(pairs, "sampler")} | {share(pairs, "collector")} | {share(pairs, "taken", 1)} '
            f'| {"-" if limit is None else f"{limit:g} %"} | {len(pairs)}, {minutes:.1f} min |')


class Kept:
    """Pairs of earlier calls, by what was run: a file of JSON, or nothing."""

    def __init__(self, options):
        self.path, self.rows = options.keep, {}
        with open(options.pyrec, 'rb') as file:
            self.program = hashlib.sha256(file.read()).hexdigest()[:16]
        self.way = f'{self.program} check={options.check} floor={bool(options.floor)}'
        if options.native:
            self.way += ' native'
        if self.path and os.path.exists(self.path):
            with open(self.path, encoding='utf-8') as file:
                self.rows = json.load(file)

    def key(self, row):
        return f'{row.case}:{row.rate} {row.python} {self.way}'

    def of(self, row):
        return self.rows.get(self.key(row), [])

    def put(self, row, pairs):
        self.rows[self.key(row)] = pairs
        if self.path:
            with open(self.path + '.new', 'w', encoding='utf-8') as file:
                json.dump(self.rows, file)
            os.replace(self.path + '.new', self.path)


def pyanalyze_beside(pyrec):
    for name in ('pyanalyze', os.path.join('..', 'analyze', 'pyanalyze')):
        path = os.path.join(os.path.dirname(pyrec), name)
        if os.path.exists(path):
            return path
    return None


def rows_of(parser, options):
    pythons = options.python or [sys.executable]
    if not options.rows:
        words = [(word, pythons[0]) for word in ROWS]
        words += [(word, python) for python in pythons[1:] for word in ROWS_OF_MORE]
    else:
        words = [(word, python) for python in pythons for word in options.rows]
    rows = []
    for word, python in words:
        case, _, rate = word.partition(':')
        if case not in CASES or not rate.isdigit() or not 0 < int(rate) <= 10000:
            parser.error(f'{word} is no row: CASE:RATE, a case being one of {" ".join(CASES)}')
        rows.append(Row(case, int(rate), python))
    return rows


def arguments():
    lines = [f'  {name:12}{text}' for name, text in CASES.items()]
    parser = argparse.ArgumentParser(prog='overhead.sh', epilog='\n'.join(['cases:', *lines]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('rows', nargs='*', metavar='ROW',
                        help='CASE:RATE; default ' + ' '.join(ROWS))
    parser.add_argument('--pyrec', default=os.path.join(HERE, '..', '..', '..', 'build',
                                                        'record', 'pyrec'), help='default build/record/pyrec')
    parser.add_argument('--python', action='append', help='can be given several times')
    parser.add_argument('--limit', type=float, default=5, metavar='MINUTES', help='of a row; 5')
    parser.add_argument('--width', type=float, default=1, metavar='POINTS', help='of intervals; 1')
    parser.add_argument('--floor', metavar='PATH', help='libwakes.so of a build with tests')
    parser.add_argument('--native', action='store_true', help='record with C frames')
    parser.add_argument('--check', action='store_true', help='one percent more work, no recorder')
    parser.add_argument('--keep', metavar='FILE', help='pairs of all calls')
    options = parser.parse_intermixed_args()
    options.pyrec = os.path.abspath(options.pyrec)
    options.floor = options.floor and os.path.abspath(options.floor)
    for path in (options.pyrec, options.floor, *(options.python or [])):
        if path and not os.access(path, os.R_OK):
            parser.error(f'{path} cannot be read')
    options.pyanalyze = pyanalyze_beside(options.pyrec)
    return options, rows_of(parser, options)


def main():
    options, rows = arguments()
    place, kept = Place(), Kept(options)
    print(f'{len(place.all)} CPUs, load {os.getloadavg()[0]:.2f}. Percent more than without the '
          'recorder: trimmed mean and its 95 % interval.\nCPU time: of the program, the sampler in '
          'it included. Sampler, collector: their CPU time in percent\nof the program\'s.\n')
    floor = ' a thread that only wakes up |' if options.floor else ''
    print(f'| work | rate | Python | elapsed time | CPU time |{floor} sampler | collector '
          '| ticks taken | limit | pairs |')
    print('|---' * (11 if options.floor else 10) + '|', flush=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # nobody stays behind stopped
        signal.signal(number, lambda *_: sys.exit(3))
    os.sched_setaffinity(0, place.client)
    with tempfile.TemporaryDirectory(prefix='pyrec-overhead-') as directory:
        failed = False
        for row in rows:
            try:
                pairs, minutes = measure(options, row, place, kept, directory)
            except (sides.Failed, OSError, subprocess.SubprocessError) as failure:
                print(f'overhead: {row.case}:{row.rate} failed: {failure}', file=sys.stderr)
                failed = True
                continue
            print(row_line(options, row, pairs, minutes), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
