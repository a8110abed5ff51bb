# SPDX-License-Identifier: MIT
"""OpenTelemetry's profiles, read back by protoc and by the rules of their specification."""
import gzip
import pathlib
import subprocess

import export_check

HERE = pathlib.Path(__file__).resolve().parent
ZERO = ("mappings", "locations", "functions", "attributes", "stacks")


def one(message, name, otherwise=0):
    value, = message.get(name, [otherwise])
    return value


def value_of(value):
    kind, (content,) = value.popitem()
    return content.decode() if kind == "text" else content


def decode(body):
    """[(resource, {type: profile})] with profile = {"samples": {(attributes, stack): value}, "time", ..}"""
    done = subprocess.run(["protoc", f"--proto_path={HERE}", "--decode=otlp_check.Request", "otlp_check.proto"],
                          input=gzip.decompress(body), capture_output=True, check=True)
    request = export_check.parse_protoc(iter(done.stdout.decode().splitlines()), text=bytes, number=int)
    assert set(request) <= {"resource_profiles", "dictionary"}, set(request)
    dictionary = one(request, "dictionary")
    for table in ZERO:  # number 0 stands for nothing
        assert dictionary[table][0] == {}, (table, dictionary[table][0])
    assert dictionary["links"] == [{"trace": [bytes(16)], "span": [bytes(8)]}]
    strings = [text.decode() for text in dictionary["strings"]]
    assert strings[0] == "" and len(set(strings)) == len(strings)
    functions = [(strings[one(f, "name")], strings[one(f, "file")]) for f in dictionary["functions"]]
    locations = [None]
    attributes = [None] + [(strings[one(a, "key")], value_of(one(a, "value"))) for a in dictionary["attributes"][1:]]
    assert len(set(attributes)) == len(attributes)
    used, result = {"stacks": {0}, "attributes": {0}, "mappings": {0}}, []
    for location in dictionary["locations"][1:]:
        line = one(location, "lines")
        name, file = functions[one(line, "function")]
        said = dict(attributes[i] for i in location.get("attributes", []))
        mapping = one(location, "mapping")
        assert said.get("profile.frame.type") in ((None,) if not file else ("cpython", "native")), (name, file, said)
        if mapping:
            assert strings[one(dictionary["mappings"][mapping], "file")] == file, (name, file)
            assert said["profile.frame.type"] == "native"
        used["attributes"].update(location.get("attributes", []))
        used["mappings"].add(mapping)
        locations.append((name, file, one(line, "line")))
    for mapping in dictionary["mappings"][1:]:
        said = dict(attributes[i] for i in mapping.get("attributes", []))
        assert set(said) <= {"process.executable.build_id.gnu"}, said
        used["attributes"].update(mapping.get("attributes", []))
    stacks = [tuple(locations[i] for i in s.get("locations", [])) for s in dictionary["stacks"]]
    assert len(set(stacks)) == len(stacks), "a stack is there once"
    for resources in request.get("resource_profiles", []):
        resource = {one(a, "key").decode(): value_of(one(a, "value")) for a in one(resources, "resource")["attributes"]}
        scoped = one(resources, "scope_profiles")
        assert one(one(scoped, "scope"), "name") == b"pyrec"
        profiles = {}
        for p in scoped["profiles"]:
            kind = one(p, "sample_type")
            assert strings[one(kind, "unit")] == "nanoseconds"
            samples = {}
            for s in p["samples"]:
                key = (frozenset(attributes[i] for i in s["attributes"]), stacks[one(s, "stack")])
                assert key not in samples, f"two samples are one: {key}"
                samples[key] = one(s, "values")
                used["stacks"].add(one(s, "stack"))
                used["attributes"].update(s["attributes"])
            assert len(one(p, "profile_id")) == 16
            profiles[strings[one(kind, "type")]] = {
                "samples": samples, "time": one(p, "time"), "duration": one(p, "duration"), "period": one(p, "period"),
                "id": one(p, "profile_id")}
        result.append((resource, profiles))
    for table, numbers in used.items():
        assert numbers == set(range(len(dictionary[table]))), f"some of {table} is used by nobody"
    return result
