# SPDX-License-Identifier: MIT
"""Five of ten programs of the kind that benchmark suites of Python are made of: data.

A program takes how often to do its work, and returns a number that proves that it did it: the
same for ever, whatever the interpreter and the profiler.
"""
import json
import pickle
import re
import zlib


def records(n):
    """n records as an application has them, from a seed."""
    seed, result = 12345, []
    for i in range(n):
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        result.append({'id': i, 'name': f'user{seed % 1000}', 'score': seed % 977 / 8,
                       'tags': [f't{seed >> shift & 15}' for shift in (3, 7, 11)],
                       'address': {'street': 'x' * (seed % 20), 'number': seed % 300}})
    return result


def digest(text):
    return zlib.crc32(text.encode())


class Encoder(json.JSONEncoder):
    def default(self, value):
        return sorted(value)


def json_work(scale):
    """There and back, with an encoder of its own for what JSON has no word for."""
    data, check = records(60), 0
    for row in data:
        row['tags'] = set(row['tags'])
    for _ in range(scale * 2):
        text = json.dumps(data, cls=Encoder, sort_keys=True, indent=1)
        back = json.loads(text)
        check = (check * 31 + digest(json.dumps(back, sort_keys=True))) & 0xffffffff
    return check


LOG = re.compile(r'(?P<host>\S+) - (?P<user>\S+) \[(?P<time>[^]]+)\] '
                 r'"(?P<verb>[A-Z]+) (?P<path>[^" ]+)[^"]*" '
                 r'(?P<status>\d{3}) (?P<size>\d+)')
WORDS = re.compile(r'\b([a-z]+)(\d+)\b')


def regex_work(scale):
    """A log, line by line; then names in it replaced by a function."""
    lines = [f'10.0.{row["id"] % 256}.7 - {row["name"]} [06/May/2026:14:{row["id"] % 60:02d}] '
             f'"GET /item/{row["tags"][0]}/{row["id"]} HTTP/1.1" {200 + row["id"] % 5} '
             f'{row["id"] * 37}'
             for row in records(300)]
    check = 0
    for _ in range(scale * 2):
        for line in lines:
            found = LOG.match(line)
            check += int(found.group('status')) + int(found['size'])
            check += len(WORDS.sub(lambda word: word.group(2) + word.group(1), found['path']))
    return check


def pickle_work(scale):
    """Objects with a class of their own: the part of it that is Python."""
    data = [Point(i, str(i), [i] * 3) for i in range(150)]
    check = 0
    for _ in range(scale * 6):
        text = pickle.dumps(data, protocol=4)
        for point in pickle.loads(text):
            check = (check + point.x * len(point.name)) & 0xffffffff
    return check


class Point:
    def __init__(self, x, name, trail):
        self.x, self.name, self.trail = x, name, trail

    def __reduce__(self):
        return make_point, (self.x, self.name, tuple(self.trail))


def make_point(x, name, trail):
    return Point(x, name, list(trail))


def compile_template(text):
    """{{ name }} and {% for x in y %} .. {% endfor %}, to a list of functions."""
    parts = re.split(r'({[{%].*?[%}]})', text)

    def block(position):
        steps = []
        while position < len(parts):
            part = parts[position]
            position += 1
            if part.startswith('{{'):
                steps.append(lambda scope, path=part[2:-2].strip().split('.'): look_up(scope, path))
            elif part.startswith('{% for'):
                _, name, _, source = part[2:-2].split()
                body, position = block(position)
                steps.append(lambda scope, name=name, path=source.split('.'), body=body:
                             ''.join(render(body, {**scope, name: value})
                                     for value in look_up(scope, path, raw=True)))
            elif part.startswith('{%'):
                return steps, position
            else:
                steps.append(lambda scope, part=part: part)
        return steps, position

    return block(0)[0]


def look_up(scope, path, raw=False):
    value = scope
    for name in path:
        value = value[name]
    return value if raw else str(value).replace('&', '&amp;').replace('<', '&lt;')


def render(steps, scope):
    return ''.join([step(scope) for step in steps])


PAGE = ('<h1>{{ title }}</h1><table>{% for row in rows %}<tr><td>{{ row.id }}<td>{{ row.name }}'
        '{% for tag in row.tags %}<i>{{ tag }}</i>{% endfor %}</tr>{% endfor %}</table>')


def template_work(scale):
    """A page with a table, from a compiled template."""
    rows, page, check = records(60), compile_template(PAGE), 0
    for i in range(scale * 5):
        check = (check * 31 + digest(render(page, {'title': f'<{i}>', 'rows': rows}))) & 0xffffffff
    return check


def text_work(scale):
    """Words counted, sorted and joined: strings and dicts."""
    text = ' '.join(row['name'] + ' ' + ' '.join(row['tags']) for row in records(400))
    check = 0
    for i in range(scale * 2):
        counts = {}
        for word in text.split():
            word = word.strip('0123').upper()
            counts[word] = counts.get(word, 0) + 1
        best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        check += digest(','.join(f'{word}={count}' for word, count in best[:200])) + i
    return check & 0xffffffff
