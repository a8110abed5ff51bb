"""Read a trace without pyrec: how often each function was seen as the leaf of a stack.

usage: read_trace.py FILE      needs zstd, python3-protobuf, and trace_pb2.py, which is made with
       protoc --proto_path=format --python_out=. trace.proto
"""
import collections, io, itertools, struct, subprocess, sys
import trace_pb2

data = open(sys.argv[1], "rb").read()
raw = io.BytesIO(subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE).stdout)
tables = collections.defaultdict(lambda: ({}, {}, {}, {}))  # of every generation of a process
samples, at = collections.Counter(), 0
while data[at + 8:at + 16] == b"\x89PYT\r\n\x1a\n":  # the header of a chunk, see FORMAT.md
    process, generation, comp_len, raw_len = struct.unpack_from("<4I", data, at + 28)
    at += 72 + comp_len
    strings, functions, locations, stacks = tables[process, generation]
    for packet in trace_pb2.Trace.FromString(raw.read(raw_len)).packet:
        defs, s = packet.defs, packet.samples  # empty where the packet is another one
        strings.update(enumerate(defs.string, defs.first_string))
        functions.update(enumerate(defs.function_name, defs.first_function))
        locations.update(enumerate(defs.location_function, defs.first_location))
        stacks.update(enumerate(defs.stack_location, defs.first_stack))
        runs, deltas = iter(s.run), iter(s.stack)
        for i, (stack, n_runs) in enumerate(zip(s.thread_stack, s.thread_runs)):
            unseen = sum(ends[i] for ends in (s.thread_begin, s.thread_end) if ends)
            lengths = list(itertools.islice(runs, n_runs))  # implied ticks, explicit ones, ..
            rest = len(s.late_q) - unseen - sum(lengths)
            for n, length in enumerate(lengths + [rest] if n_runs % 2 == 0 else lengths + [0, rest]):
                for delta in itertools.islice(deltas, length) if n % 2 else [0]:
                    stack += delta
                    name = strings[functions[locations[stacks[stack]]]] if stack else "-"
                    samples[name] += 1 if n % 2 else length
for name, n in samples.most_common():
    print(n, name, sep="\t") if n else None
