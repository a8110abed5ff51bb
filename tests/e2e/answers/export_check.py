# SPDX-License-Identifier: MIT
"""Read what `pyanalyze export` writes, strictly, and compare it with its table of stacks.

Every reader takes the file's bytes and returns {(thread, stack): weight}; a stack is a tuple of
(function, file, line), root first, and weights are integers: counts, or nanoseconds. A reader
fails on whatever the format does not allow.
"""
import codecs
import gzip
import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = {"cpu": "cpu_time", "wall": "wall", "on_cpu": "on_cpu", "ready": "ready",
           "gil_wait": "gil_wait", "blocked": "blocked", "kernel": "kernel",
           "kernel_unknown": "kernel_unknown"}
NS = 1e9
STATES = {"on CPU", "ready, no CPU free", "waits for the GIL", "blocked",  # of gecko
          "ready or blocked, not known which", "in the kernel"}


def column_of(by):
    return SECONDS.get(by, by)


def whole(value, by):
    """A weight as an integer."""
    number = value * NS if by in SECONDS else value
    assert abs(number - round(number)) < 1e-3 + abs(number) * 1e-12, (value, by)
    return round(number)


def add(total, key, weight):
    total[key] = total.get(key, 0) + weight


def no_constant(text):
    raise AssertionError(f"{text} is no JSON")


def no_double(pairs):
    found = dict(pairs)
    assert len(found) == len(pairs), f"a member twice: {[name for name, _ in pairs]}"
    return found


def strict_json(data):
    text = data.decode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f]", text), "a control character"
    return json.loads(text, parse_constant=no_constant, object_pairs_hook=no_double)


def is_index(value, length):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < length


def table(data, by):
    """The ground truth: the rows of --format json."""
    total = {}
    for row in strict_json(data):
        stack = tuple((f["function"], f["file"], f["line"] or 0) for f in reversed(row["stack"]))
        weight = whole(row[column_of(by)], by)
        assert weight > 0, row
        add(total, (row["thread"], stack), weight)
    return total


def speedscope(data, by):
    file = strict_json(data)
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert set(file) <= {"$schema", "shared", "profiles", "name", "activeProfileIndex", "exporter",
                         "recording"}
    assert re.fullmatch(r"pyrec@[0-9.]+", file["exporter"])
    assert isinstance(file["name"], str)
    frames = file["shared"]["frames"]
    for frame in frames:
        assert set(frame) <= {"name", "file", "line", "col"} and isinstance(frame["name"], str)
        assert isinstance(frame.get("file", ""), str) and frame.get("line", 1) >= 1
    places = [(f["name"], f.get("file", ""), f.get("line", 0)) for f in frames]
    assert file["activeProfileIndex"] == 0
    total = {}
    for profile in file["profiles"]:
        assert set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples",
                                "weights"}, set(profile)
        assert profile["type"] == "sampled"
        assert profile["unit"] == ("seconds" if by in SECONDS else "none"), profile["unit"]
        assert len(profile["samples"]) == len(profile["weights"]) > 0
        span = profile["endValue"] - profile["startValue"]
        assert abs(span - sum(profile["weights"])) < 1e-6 * (1 + span)
        assert profile["samples"][-1], "a gap at the end"
        for sample, weight in zip(profile["samples"], profile["weights"]):
            assert all(is_index(i, len(frames)) for i in sample) and weight > 0
            if not sample:  # time in which there was nothing
                continue
            add(total, (profile["name"], tuple(places[i] for i in sample)), whole(weight, by))
    return total


def labels(data):
    """{name that only one function has: what Python calls it}, of an export to chrome."""
    return {event["name"]: event.get("args", {}).get("function", event["name"])
            for event in strict_json(data)["traceEvents"] if event["ph"] == "B"}


def speedscope_times(data, samples, named, late=0, missed=0):
    """As chrome_times: what is shown at a time was then. By function, in an export by wall."""
    file = strict_json(data)
    frames = file["shared"]["frames"]
    shown = {}
    for profile in file["profiles"]:
        at, entries = profile["startValue"], shown.setdefault(profile["name"], [])
        for sample, weight in zip(profile["samples"], profile["weights"]):
            entries.append((at, at + weight, frames[sample[-1]] if sample else None))
            at += weight
    for sample in samples:
        found = [frame for begin, end, frame in shown[sample["thread"]]
                 if begin - missed < sample["time"] - 1e-9 and
                 sample["time"] < end + missed + late + 1e-6]
        leaf = sample["stack"][0]
        assert any(f is not None and (named[f["name"]], f.get("file", "")) ==
                   (leaf["function"], leaf["file"]) for f in found), (sample, found)


def check_columns(table_, names, length=None):
    length = table_["length"] if length is None else length
    assert set(table_) == set(names) | {"length"}, (sorted(table_), names)
    for name in names:
        assert len(table_[name]) == length, (name, len(table_[name]), length)


def gecko_meta(meta):
    assert meta["preprocessedProfileVersion"] == 60 and meta["interval"] > 0
    assert meta["stackwalk"] in (0, 1)
    for schema in meta["markerSchema"]:
        assert set(schema) <= {"name", "display", "chartLabel", "tableLabel", "fields"}, schema
        assert set(schema["display"]) <= {"marker-chart", "marker-table", "timeline-overview"}
        assert all(set(field) == {"key", "label", "format"} for field in schema["fields"])
    assert isinstance(meta["startTime"], (int, float)) and meta["processType"] == 0
    assert meta["sampleUnits"] == {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns"}
    colors = {"transparent", "purple", "green", "orange", "yellow", "lightblue", "blue", "brown",
              "magenta", "red", "lightred", "darkgrey", "grey"}
    assert any(c["color"] == "grey" for c in meta["categories"])
    assert isinstance(meta["product"], str) and isinstance(meta["arguments"], str)
    for section in meta["extra"]:
        assert set(section) == {"label", "entries"}
        for entry in section["entries"]:
            assert set(entry) == {"label", "format", "value"} and entry["format"] == "string"
    for category in meta["categories"]:
        assert category["color"] in colors and category["subcategories"][0] == "Other"
    return meta["categories"]


def gecko_stacks(file, categories):
    """[(stack, category)] of the shared tables."""
    shared = file["shared"]
    strings, funcs = shared["stringArray"], shared["funcTable"]
    frames, stacks, sources = shared["frameTable"], shared["stackTable"], shared["sources"]
    assert len(set(strings)) == len(strings)
    check_columns(funcs, ["name", "source", "lineNumber", "columnNumber", "isJS", "relevantForJS",
                          "resource"])
    check_columns(frames, ["func", "line", "category", "subcategory", "column", "address",
                           "inlineDepth", "nativeSymbol", "innerWindowID"])
    check_columns(stacks, ["frame", "prefix"])
    check_columns(sources, ["uuid", "filename"])
    check_columns(shared["resourceTable"], ["type", "lib", "name", "host"], len(file["libs"]))
    check_columns(shared["nativeSymbols"], ["libIndex", "address", "name", "functionSize"])
    places = []
    for func, line, category in zip(frames["func"], frames["line"], frames["category"]):
        assert is_index(func, funcs["length"]) and is_index(category, len(categories))
        source = funcs["source"][func]
        assert source is None or is_index(source, sources["length"])
        assert is_index(funcs["name"][func], len(strings))
        name = "" if source is None else strings[sources["filename"][source]]
        places.append((strings[funcs["name"][func]], name, line or 0))
    assert set(frames["subcategory"]) <= {0}
    gecko_natives(file, frames, funcs)
    result = []
    for i, (frame, prefix) in enumerate(zip(stacks["frame"], stacks["prefix"])):
        assert is_index(frame, frames["length"]) and (prefix is None or is_index(prefix, i)), i
        before = result[prefix][0] if prefix is not None else ()
        result.append((before + (places[frame],), frames["category"][frame]))
    return result


def gecko_natives(file, frames, funcs):
    """Functions of C are in a library, and have symbols where their addresses are known."""
    symbols, resources = file["shared"]["nativeSymbols"], file["shared"]["resourceTable"]
    for lib in file["libs"]:
        assert lib["path"].endswith(lib["name"]) and lib["arch"] == "x86_64", lib
        assert (lib["breakpadId"] == "") == (len(lib["codeId"] or "") < 32), lib
        assert lib["breakpadId"] == "" or (len(lib["breakpadId"]) == 33 and lib["breakpadId"].isupper() or
                                           lib["breakpadId"].isdigit()), lib
    assert resources["lib"] == list(range(len(file["libs"]))) and set(resources["type"]) <= {1}
    for resource in funcs["resource"]:
        assert resource == -1 or is_index(resource, resources["length"])
    for func, address, symbol in zip(frames["func"], frames["address"], frames["nativeSymbol"]):
        assert (address == -1) == (symbol is None)
        if symbol is not None:
            assert is_index(symbol, symbols["length"]) and symbols["address"][symbol] == address > 0
            assert symbols["libIndex"][symbol] == funcs["resource"][func]
            assert symbols["name"][symbol] == funcs["name"][func]


def gecko_markers(markers, file):
    check_columns(markers, ["data", "name", "startTime", "endTime", "phase", "category"])
    schemas = {schema["name"]: {field["key"] for field in schema["fields"]}
               for schema in file["meta"]["markerSchema"]}
    for data, name, start, end, phase, category in zip(*(markers[column] for column in (
            "data", "name", "startTime", "endTime", "phase", "category"))):
        assert set(data) == schemas[data["type"]] | {"type"}, data
        assert is_index(name, len(file["shared"]["stringArray"])) and phase in (0, 1, 2)
        assert is_index(category, len(file["meta"]["categories"])) and start >= 0
        assert (end is None) if phase != 1 else end >= start, (phase, start, end)


def gecko(data, by):
    file = strict_json(data)
    assert set(file) == {"meta", "libs", "pages", "shared", "threads"}
    categories = gecko_meta(file["meta"])
    stacks = gecko_stacks(file, categories)
    total, cpu = {}, 0
    for thread in file["threads"]:
        assert isinstance(thread["pid"], str) and isinstance(thread["tid"], int)
        assert thread["processType"] == "default" and thread["pausedRanges"] == []
        gecko_markers(thread["markers"], file)
        samples = dict(thread["samples"])
        assert samples.pop("weightType") == ("tracing-ms" if by in SECONDS else "samples")
        check_columns(samples, ["stack", "time", "weight", "threadCPUDelta"])
        assert samples["time"] == sorted(samples["time"])
        assert samples["stack"][-1] is None, "the last sample would last for ever"
        assert samples["stack"][0] is None, "nothing was seen before the first one"
        ended = thread["unregisterTime"]
        assert ended is None or ended == samples["time"][-1]
        cpu += sum(samples["threadCPUDelta"])
        for stack, weight in zip(samples["stack"], samples["weight"]):
            if stack is None:
                assert weight == 0
                continue
            assert is_index(stack, len(stacks))
            assert categories[stacks[stack][1]]["name"] in STATES, categories[stacks[stack][1]]
            add(total, (thread["name"], stacks[stack][0]),
                whole(weight / 1e3 if by in SECONDS else weight, by))
    if by == "cpu":
        assert cpu == sum(total.values()), (cpu, sum(total.values()))
    return total


def gecko_ranges(data, samples, ranges, slack=0):
    """
    Whoever looks at a part of the time gets what --from and --to give: of an export by samples,
    the weights at moments in the range are the samples that dump has there. Ticks are not quite
    regular, so as many as `slack` may be on the other side of a border.
    """
    file = strict_json(data)
    stacks = gecko_stacks(file, gecko_meta(file["meta"]))
    for begin, end in ranges:
        wanted, got = {}, {}
        for sample in samples:
            if begin <= sample["time"] < end:
                add(wanted, (sample["thread"], sample["stack"][0]["function"]), 1)
        for thread in file["threads"]:
            columns = thread["samples"]
            for stack, time, weight in zip(columns["stack"], columns["time"], columns["weight"]):
                if stack is not None and begin * 1e3 <= time < end * 1e3 and weight > 0:
                    add(got, (thread["name"], stacks[stack][0][-1][0]), weight)
        for key in set(wanted) | set(got):
            assert abs(wanted.get(key, 0) - got.get(key, 0)) <= slack, (begin, end, key, wanted, got)


class Labels:
    """Names that tell functions apart: each stands for one, and is made of what that is called."""

    def __init__(self):
        self.known = {}

    def plain(self, label, function, file):
        assert self.known.setdefault(label, (function, file)) == (function, file), label
        assert label == function or f".{function}" in label or \
            label.startswith((f"{function}:", f"{function} ", "???")), (label, function)
        return function


def chrome(data, by):
    """Lines are known of the innermost frame only: the others have line 0."""
    file = strict_json(data)
    assert set(file) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert file["displayTimeUnit"] in ("ms", "ns")
    names, open_, total, until, order = {}, {}, {}, {}, {}
    labels = Labels()
    for event in file["traceEvents"]:
        track = (event["pid"], event["tid"])
        assert all(isinstance(n, int) for n in track)
        stack = open_.setdefault(track, [])
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
            if event["name"] == "thread_sort_index":
                order[track] = event["args"]["sort_index"]
            if event["name"] == "thread_name":
                names[track] = event["args"]["name"]
            continue
        if event["ph"] in "bei":  # phases, labels and marks stand behind the slices, by themselves
            assert event["cat"] in ("phase", "label", "mark") and event["ts"] >= 0 and event["name"]
            assert (event["ph"] == "i") == (event["cat"] == "mark") == ("id" not in event)
            continue
        assert event["ts"] >= until.get(track, 0), "time goes back"
        until[track] = event["ts"]
        if event["ph"] == "B":
            args = event.get("args", {})
            name = labels.plain(event["name"], args.get("function", event["name"]),
                                args.get("file", ""))
            stack.append((name, args.get("file", ""), 0, event["name"]))
        elif event["ph"] == "E":
            assert set(event) == {"ph", "pid", "tid", "ts"}
            stack.pop()
        else:
            assert event["ph"] == "X" and event["dur"] >= 0
            until[track] = round(event["ts"] + event["dur"], 3)
            line = re.match(r"(?:line (\d+) of )?", event["name"]).group(1)
            assert event["name"].endswith(f"{stack[-1][3]}, {event['cat']}"), event
            leaf = stack[-1][:2] + (int(line or 0),)
            add(total, (names[track], tuple(f[:3] for f in stack[:-1]) + (leaf,)),
                whole(event["args"][column_of(by)], by))
    assert not any(open_.values()), "a slice that does not end"
    assert set(order) == set(names) and len(set(order.values())) == len(order), (order, names)
    return total


def chrome_times(data, samples, late=0, missed=0):
    """
    Slices are where samples were, in an export by wall: `samples` are the rows of dump. Functions
    are open as long as something was observed, and every sample is in the slice of its line: that
    of its interval, which may have been over for `late` seconds when the sample was taken, and be
    as far away as ticks were `missed` one after the other.
    """
    leaves, outermost, open_ = {}, {}, {}
    for event in strict_json(data)["traceEvents"]:
        track = (event["pid"], event["tid"])
        if event["ph"] == "X":
            assert abs(event["dur"] / 1e6 - event["args"]["wall"]) < 1e-9, event
            leaves.setdefault(track, []).append(event)
        elif event["ph"] == "B":
            open_.setdefault(track, []).append(event["ts"])
        elif event["ph"] == "E":
            begin = open_[track].pop()
            if not open_[track]:
                add(outermost, track, event["ts"] - begin)
    for track, events in leaves.items():
        assert abs(sum(e["dur"] for e in events) - outermost[track]) < 1e-3, track
    for sample in samples:
        events = leaves[sample["process"], sample["thread_id"]]
        at = sample["time"] * 1e6
        covering = [e for e in events
                    if e["ts"] - missed * 1e6 < at - 1e-3 and
                    at < e["ts"] + e["dur"] + (missed + late) * 1e6 + 1e-3]
        line = sample["stack"][0]["line"]
        assert len(covering) == 1 or late > 0 and covering, (sample, covering)
        assert any(e["name"].startswith(f"line {line} of " if line else "") and
                   e["args"].get("call") == sample["call"] for e in covering), (sample, covering)


def lines_dropped(total):
    """The table by function."""
    result = {}
    for (thread, stack), weight in total.items():
        add(result, (thread, tuple(f[:2] + (0,) for f in stack)), weight)
    return result


def inner_lines_dropped(total):
    """The table as the chrome format can tell it."""
    result = {}
    for (thread, stack), weight in total.items():
        add(result, (thread, tuple(f[:2] + (0,) for f in stack[:-1]) + stack[-1:]), weight)
    return result


def parse_protoc(lines, text=lambda value: value.decode("utf-8"), number=str):
    """protoc's text format as {field: [values]}; what texts and numbers become is the caller's choice."""
    message = {}
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith(" {"):
            message.setdefault(line[:-2], []).append(parse_protoc(lines, text, number))
            continue
        name, value = line.split(": ", 1)
        is_text = value[0] == '"'
        value = text(codecs.escape_decode(value[1:-1].encode())[0]) if is_text else number(value)
        message.setdefault(name, []).append(value)
    return message


def protoc_decode(data):
    done = subprocess.run(["protoc", f"--proto_path={HERE}", "--decode=check.Profile",
                           "profile_check.proto"], input=gzip.decompress(data),
                          capture_output=True, check=True)
    return parse_protoc(iter(done.stdout.decode("utf-8").splitlines()))


def number(message, name):
    values = message.get(name, ["0"])
    assert len(values) == 1, (name, values)
    return int(values[0])


def pprof_stacks(profile, texts):
    """{location: (function, file, line)}"""
    functions, places, labels = {}, {}, Labels()
    for f in profile.get("function", []):
        assert number(f, "id") not in functions and number(f, "id") > 0
        label, file = texts[number(f, "name")], texts[number(f, "filename")]
        assert label not in labels.known, f"two functions are called {label}"
        plain = texts[number(f, "system_name")] or label  # see pprof.c
        functions[number(f, "id")] = (labels.plain(label, plain, file), file)
    mappings = {number(m, "id"): texts[number(m, "filename")] for m in profile["mapping"]}
    assert len(mappings) == len(profile["mapping"]) and list(mappings)[0] == 1
    for mapping in profile["mapping"]:
        assert all(c in "0123456789abcdef" for c in texts[number(mapping, "build_id")])
    for location in profile.get("location", []):
        line, = location["line"]
        assert number(location, "id") not in places and number(location, "id") > 0
        mapping = number(location, "mapping_id")
        assert mapping == 1 or mappings[mapping] == functions[number(line, "function_id")][1]
        assert mapping > 1 or number(location, "address") == 0
        places[number(location, "id")] = (functions[number(line, "function_id")] +
                                          (number(line, "line"),))
    return places


def pprof(data, by):
    profile = protoc_decode(data)
    texts = profile["string_table"]
    assert texts[0] == "" and len(set(texts)) == len(texts)
    kinds = {texts[number(k, "type")]: texts[number(k, "unit")] for k in profile["sample_type"]}
    assert kinds[by] == ("nanoseconds" if by in SECONDS else "count")
    assert texts[number(profile, "default_sample_type")] == by
    at = list(kinds).index(by)
    places = pprof_stacks(profile, texts)
    total = {}
    for sample in profile.get("sample", []):
        assert len(sample["value"]) == len(kinds)
        labels = {texts[number(l, "key")]: l for l in sample["label"]}
        thread = texts[number(labels["thread"], "str")]
        stack = tuple(places[int(i)] for i in reversed(sample["location_id"]))
        add(total, (thread, stack), int(sample["value"][at]))
    return total


READERS = {"speedscope": speedscope, "gecko": gecko, "chrome": chrome, "pprof": pprof}
