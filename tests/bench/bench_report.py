# SPDX-License-Identifier: MIT
"""The results as Markdown: a table for each question, and what a reader must know."""
import os
import platform
import statistics

import bench_complete
import bench_goals
import bench_overhead
import bench_size
import bench_stats
import bench_truth
from bench_words import (BIAS, COMPLETE, CPU, GOALS, HEAD, IMPOSSIBLE, OVERHEAD, SIZE, TRUTH, WEB,
                         WHO)


def table(header, rows, numbers=True):
    """Markdown. The first column is text, and the others are `numbers`, or text as well."""
    lines = ['| ' + ' | '.join(header) + ' |',
             '|' + '|'.join(['---'] + ['---:' if numbers else '---'] * (len(header) - 1)) + '|']
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows]
    return '\n'.join(lines)


def best_of(values, texts, lowest=True):
    """The texts, the one of the best value in bold; None is no value."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return texts
    best = min(known) if lowest else max(known)
    return [f'**{text}**' if value == best else text for value, text in zip(values, texts)]


def machine():
    """The machine in words."""
    facts = {}
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            name, _, value = line.partition(':')
            facts[name.strip()] = value.strip()
    kind = 'virtual machine' if 'hypervisor' in facts.get('flags', '') else 'machine'
    system = platform.freedesktop_os_release()['PRETTY_NAME']
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2 ** 30
    model = facts.get('model name', 'unknown processor')
    return (f'a {kind} with {os.cpu_count()} CPUs ({model}), '
            f'{memory:.0f} GiB, Linux {platform.release()}, {system}')


def versions(groups, missing):
    rows = []
    for group in groups:
        for one in group.profilers():
            where = 'its own' if one.outside else 'the program\'s, and one more' \
                if one.name == 'pyrec' else 'the program\'s'
            rows.append([one.name, one.version(), group.title, one.kind, where,
                         'all' if one.threads else 'one', 'yes' if one.children else 'no'])
    text = table(['profiler', 'version', 'Python', 'takes', 'process', 'threads', 'children'], rows,
                 numbers=False)
    for name, why in missing.items():
        text += f'\n\n{name} is missing, because {why}.'
    return text


def ratio_text(ratios):
    low, middle, high = bench_stats.quartiles([100 * (ratio - 1) for ratio in ratios])
    return f'{middle:+.1f} % ({low:+.1f} .. {high:+.1f})'


def percent_text(parts):
    low, middle, high = bench_stats.quartiles([100 * part for part in parts])
    return f'{middle:.1f} % ({low:.1f} .. {high:.1f})'


def overhead_rows(results, group, values, text):
    """A row for each program and rate; `values` gives the list of a profiler's numbers."""
    rows = []
    for rate in (1000, 100, 10000):
        for program in bench_overhead.programs_of(results, group.title, rate):
            cells = [values(results, group.title, program, rate, one.name)
                     for one in group.profilers()]
            if any(cells):
                middles = [statistics.median(cell) if cell else None for cell in cells]
                texts = [text(cell) if cell else '-' for cell in cells]
                rows.append([bench_overhead.PROGRAMS[program][3], f'{rate} Hz',
                             *best_of(middles, texts)])
    for rate in (1000, 100, 10000):
        both = [bench_overhead.whole(results, group.title, rate, one.name)
                for one in group.profilers()]
        index = 0 if values is bench_overhead.walls else 1
        wholes = [each[index] for each in both]
        if any(each is not None for each in wholes):
            texts = ['-' if each is None else f'{100 * (each - (1 - index)):+.1f} %'
                     for each in wholes]
            rows.append(['all of these', f'{rate} Hz', *best_of(wholes, texts)])
    return rows


def overhead(results, groups, rounds):
    parts = ['## 1. Overhead\n\n' + OVERHEAD.format(rounds=rounds)]
    for group in groups:
        header = ['program', 'rate', *[one.name for one in group.profilers()]]
        parts.append(f'### Elapsed time, Python {group.title}\n\n' +
                     table(header, overhead_rows(results, group, bench_overhead.walls,
                                                 ratio_text)))
    parts.append('### CPU of the profiler\n\n' + CPU)
    for group in groups:
        header = ['program', 'rate', *[one.name for one in group.profilers()]]
        parts.append(f'Python {group.title}:\n\n' +
                     table(header, overhead_rows(results, group, bench_overhead.profiler_cpu,
                                                 percent_text)))
    parts.append('### Starting and ending\n\nCPU seconds that a program which does nothing takes '
                 'more under each profiler, at 1 kHz.\n\n' + starts(results, groups))
    parts.append('### The web server\n\n' + WEB + '\n\n' + web(results, groups))
    return '\n\n'.join(parts)


def starts(results, groups):
    rows = []
    for group in groups:
        for one in group.profilers():
            cell = results.get((group.title, 'nothing', 1000), {}).get(one.name)
            if cell:
                low, middle, high = bench_stats.quartiles([row.cpu for row in cell])
                rows.append([one.name, group.title, f'{middle:.3f} s ({low:.3f} .. {high:.3f})'])
    return table(['profiler', 'Python', 'CPU to start and end'], rows)


def web(results, groups):
    rows = []
    for group in groups:
        for one in group.all():
            cell = results.get((group.title, 'web', 1000), {}).get(one.name)
            if cell:
                served = [row.facts['requests_per_second'] for row in cell]
                slowest = [1000 * row.facts['p99'] for row in cell]
                rows.append([one.name, group.title, *(
                    '{1:.{d}f} ({0:.{d}f} .. {2:.{d}f})'.format(*bench_stats.quartiles(each), d=d)
                    for each, d in ((served, 0), (slowest, 2)))])
    return table(['profiler', 'Python', 'requests per second', '99th percentile, ms'], rows)


def columns(groups, only=lambda one: True):
    return [(group, one) for group in groups for one in group.profilers() if only(one)]


def by_interpreter(pairs):
    """Column heads: pyrec is in it once for each interpreter."""
    return [f'{one.name} ({".".join(group.title.split(".")[:2])})' for group, one in pairs]


def look_text(look):
    if look is None:
        return 'cannot say'
    text = f'{look.distance:.3f}'
    if look.chance is None:
        return text
    return f'{text}, {"as chance" if look.distance <= look.chance else f"chance {look.chance:.3f}"}'


def truth(result, groups):
    pairs = columns(groups, lambda one: not one.memory)
    parts = ['## 2. Truth\n\n' + TRUTH]
    rows = []
    for case, (*_, title) in bench_truth.CASES.items():
        looks = [result.median_look(case, group.title, one.name) for group, one in pairs]
        if any(looks):
            rows.append([title, *best_of([look and look.distance for look in looks],
                                         list(map(look_text, looks)))])
    parts.append(table(['program', *by_interpreter(pairs)], rows))
    rows = []
    for percent in bench_truth.BIAS:
        points = [result.bias.get((percent, group.title, one.name)) for group, one in pairs]
        middles = [statistics.median(each) if each else None for each in points]
        texts = ['cannot say' if each is None else f'{each:+.1f}' for each in middles]
        if any(points):
            rows.append([f'{percent} %', *best_of([None if each is None else abs(each)
                                                   for each in middles], texts)])
    parts.append('### Called or inlined\n\n' + BIAS)
    parts.append(table(['by way of a function', *by_interpreter(pairs)], rows))
    parts.append('### Impossible stacks\n\n' + IMPOSSIBLE)
    rows = []
    for (rate, interpreter, name), (wrong, every) in result.impossible.items():
        rows.append([name, interpreter, f'{rate} Hz', str(every), f'{wrong}',
                     f'{100 * wrong / every:.2f} %' if every else '-'])
    parts.append(table(['profiler', 'Python', 'rate', 'samples', 'impossible', 'part'], rows))
    return '\n\n'.join(parts)


def completeness(result, groups):
    pairs = columns(groups, lambda one: one.rated)
    rows = []
    for threads, rate in bench_complete.CROWDS:
        for index, title in ((0, 'the busy one'), (1, 'those that wait')):
            taken = [result.median_taken((threads, rate), group.title, one.name)
                     for group, one in pairs]
            values = [each and each[index] for each in taken]
            if not any(value is not None for value in values):
                continue
            texts = ['-' if value is None else f'{100 * value:.1f} %' for value in values]
            worst = [None if value is None else abs(1 - value) for value in values]
            rows.append([f'{threads} thread{"s" if threads > 1 else ""}, {rate} Hz: {title}',
                         *best_of(worst, texts)])
    seen = [result.children.get((group.title, one.name)) for group, one in pairs]
    values = [statistics.median(each) if each else None for each in seen]
    rows.append([f'short-lived children seen, of {bench_complete.CHILDREN}',
                 *best_of(values, ['-' if value is None else f'{value:.0f}' for value in values],
                          lowest=False)])
    return '## 3. Completeness\n\n' + COMPLETE + '\n\n' + table(
        ['program', *by_interpreter(pairs)], rows)


def size(result, groups):
    parts = ['## 4. Size, and the time of a report\n\n' + SIZE]
    for recording, (_, _, title) in bench_size.RECORDINGS.items():
        cells = [(group, one, result[recording, group.title, one.name])
                 for group, one in columns(groups)
                 if (recording, group.title, one.name) in result]
        each = [found.bytes / found.samples if found.samples else None for _, _, found in cells]
        sizes = best_of(each, ['-' if value is None else f'{value:.3g}' for value in each])
        times = [found.table for _, _, found in cells]
        times = best_of(times, ['has none' if value is None else f'{1000 * value:.1f} ms'
                                for value in times])
        rows = [[one.name, group.title, f'{found.seconds:.1f} s', str(found.bytes),
                 '-' if not found.samples else f'{found.samples:.0f}', per, took]
                for (group, one, found), per, took in zip(cells, sizes, times)]
        parts.append(f'### {title[0].upper()}{title[1:]}\n\n' + table(
            ['profiler', 'Python', 'work', 'bytes', 'samples', 'bytes per sample',
             'table of functions'], rows))
    return '\n\n'.join(parts)


def failures(lists):
    lines = [line for each in lists for line in each]
    if not lines:
        return ''
    counted = {}
    for line in lines:
        key = ': '.join(line.split(': ')[:1])
        counted[key] = counted.get(key, 0) + 1
    return ('## What failed\n\nRuns that a profiler did not bring to their end; they are in no '
            'table.\n\n' + '\n'.join(f'* {key}: {count} times' for key, count in
                                      sorted(counted.items())))


def report(state):
    """Markdown of all that was measured. `state`: a dict with the results of each part."""
    groups = state['groups']
    parts = ['# Beside other profilers\n\n' + HEAD.format(
        command=state['command'], machine=state['machine'], date=state['date'],
        minutes=state['minutes'], load=state['load'])]
    parts.append('## Goals\n\n' + GOALS + '\n\n' + table(
        ['goal', 'met', 'measured'], bench_goals.rows(state), numbers=False))
    parts.append('## Who\n\n' + WHO + '\n\n' + versions(groups, state['missing']))
    lists = []
    if 'overhead' in state:
        results, failed, rounds = state['overhead']
        parts.append(overhead(results, groups, rounds))
        lists.append(failed)
    if 'truth' in state:
        parts.append(truth(state['truth'], groups))
        lists.append(state['truth'].failures)
    if 'complete' in state:
        parts.append(completeness(state['complete'], groups))
        lists.append(state['complete'].failures)
    if 'size' in state:
        parts.append(size(state['size'][0], groups))
        lists.append(state['size'][1])
    parts.append(failures(lists))
    return '\n\n'.join(part for part in parts if part) + '\n'
