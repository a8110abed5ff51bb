# SPDX-License-Identifier: MIT
"""Statistics for the benchmarks: medians, intervals, distances of distributions."""
import math
import random
import statistics


def median(values):
    return statistics.median(values) if values else None


def quartiles(values):
    """(low, middle, high); of one value thrice that."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method='inclusive'))


def spread(ratios):
    """Median and quartiles, as percent above one."""
    low, middle, high = quartiles([100 * (ratio - 1) for ratio in ratios])
    return f'{middle:+.2f} % ({low:+.2f} .. {high:+.2f})'


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def median_interval(values, trials=2000, seed=1):
    """95 % interval of the median, by bootstrap; the seed makes it the same every time."""
    draw = random.Random(seed)
    found = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(trials))
    return found[trials // 40], found[-1 - trials // 40]


def trimmed_mean(values, part=0.2):
    """The mean without that part of the values at either end."""
    cut = int(len(values) * part)
    return statistics.fmean(sorted(values)[cut:len(values) - cut])


def student(freedom):
    """Student's t that is exceeded either way in one case of 20; for 5 degrees of freedom or more
    to two digits (Cornish and Fisher's expansion)."""
    z, n = 1.959964, freedom
    return (z + (z ** 3 + z) / (4 * n) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * n ** 2) +
            (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * n ** 3))


def trimmed_interval(values, part=0.2):
    """95 % interval of the trimmed mean (Tukey and McLaughlin's), of ten values or more."""
    count, cut = len(values), int(len(values) * part)
    ordered = sorted(values)
    low, high = ordered[cut], ordered[count - cut - 1]
    spread_of = statistics.stdev([min(max(value, low), high) for value in values])
    reach = student(count - 2 * cut - 1) * spread_of / ((1 - 2 * cut / count) * math.sqrt(count))
    middle = trimmed_mean(values, part)
    return middle - reach, middle + reach


def shares(weights):
    """{name: part of all}; empty if there is nothing."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0 else {}


def distance(a, b):
    """Total variation distance of two distributions: 0 the same, 1 nothing in common."""
    return sum(abs(a.get(name, 0) - b.get(name, 0)) for name in set(a) | set(b)) / 2


def chance_distance(truth, samples, trials=400, seed=1):
    """How far `samples` independent looks at `truth` are from it: (mean, 95 % of the time less)."""
    names, weights = list(truth), list(truth.values())
    draw = random.Random(seed)
    found = []
    for _ in range(trials):
        counts = dict.fromkeys(names, 0)
        for name in draw.choices(names, weights, k=samples):
            counts[name] += 1
        found.append(distance(shares(counts), truth))
    found.sort()
    return statistics.fmean(found), found[trials * 95 // 100]
