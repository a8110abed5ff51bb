# SPDX-License-Identifier: MIT
"""Read SVG flame graphs: the picture as XML, the script's tree as JSON, and the script by running it."""
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

from export_check import add, no_constant
from export_graphs import visible

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 1200


def tree_of(text):
    """The tree that the script draws."""
    data = re.search(r"<script><!\[CDATA\[\nconst flame = (\{.*?\});\n", text, re.S).group(1)
    assert not re.search("[<>&]|[\x00-\x09\x0b-\x1f\x7f]", data), "markup or control characters"
    return json.loads(data, parse_constant=no_constant)


def stacks_of(flame):
    """{stack: own weight}, a stack being (function, file, line) from the root on."""
    nodes, path, found = flame["nodes"], [], {}
    assert len(nodes) % 3 == 0 and nodes[:3] == [0, 0, 0]
    for depth, place, own in zip(nodes[3::3], nodes[4::3], nodes[5::3]):
        assert 1 <= depth <= len(path) + 1
        function, file, line, color = flame["places"][place]
        assert re.fullmatch("#[0-9a-f]{6}", color) and 0 <= file <= len(flame["files"])
        path[depth - 1:] = [(function, flame["files"][file - 1] if file else "", line)]
        if own:
            add(found, tuple(path), own)
    return found


def check_picture(text, flame):
    """As many boxes as there are frames wide enough, each as wide as its weight."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == SVG + "svg"
    boxes = root.findall(f".//{SVG}g[@class='frame']/{SVG}rect")
    nodes = flame["nodes"]
    depths, total = nodes[0::3], list(nodes[2::3])
    path = {}
    parents = []
    for i, depth in enumerate(depths):
        path[depth] = i
        parents.append(path[depth - 1] if depth else None)
    for i in range(len(total) - 1, 0, -1):
        total[parents[i]] += total[i]
    whole = total[0] or 1
    wide = [(depth, t) for depth, t in zip(depths, total) if t / whole * WIDTH >= 0.5]
    assert len(boxes) == len(wide), (len(boxes), len(wide))
    for box, (depth, t) in zip(boxes, wide):
        x, width = float(box.get("x")), float(box.get("width"))
        assert abs(width - max(t / whole * WIDTH - 0.5, 0.3)) < 0.011
        assert x >= 0 and x + width <= WIDTH + 0.01
        assert int(box.get("y")) == flame["top"] + depth * flame["row"]


def check_parts(flame):
    """What the threads have of a node is the node's own; one thread needs no parts."""
    own, parts = {}, flame["parts"]
    assert len(flame["threads"]) != 1 and len(parts) % 3 == 0
    assert bool(parts) == bool(flame["threads"])
    for node, thread, weight in zip(parts[0::3], parts[1::3], parts[2::3]):
        assert 0 <= thread < len(flame["threads"]) and weight > 0
        add(own, node, weight)
    assert not parts or own == {i: w for i, w in enumerate(flame["nodes"][2::3]) if w}


def check(data, table, by, threads):
    """The whole file against the table of stacks."""
    text = data.decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]", text), "control characters"
    flame = tree_of(text)
    check_parts(flame)
    wanted = {}
    for (thread, stack), weight in table.items():
        frames = [(thread, "", 0)] if threads else []
        frames += stack
        add(wanted, tuple((visible(f), visible(file), line) for f, file, line in frames), weight)
    found = stacks_of(flame)
    if threads:  # whose labels tell threads apart
        assert sum(found.values()) == sum(wanted.values())
    else:
        assert found == wanted, sorted(set(found.items()) ^ set(wanted.items()))[:4]
    check_picture(text, flame)
    if by == "samples" and shutil.which("xmllint"):
        subprocess.run(["xmllint", "--noout", "--huge", "-"], input=data, check=True)


TRY_IT = """<script><![CDATA[
(function () {
    const say = (name, text) => document.documentElement.setAttribute("data-" + name, text);
    const boxes = () => [...document.querySelectorAll("g.frame")];
    const at = name => boxes().find(g => g.textContent.startsWith(name)).querySelector("rect");
    const tell = (e, kind) => e.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
    const input = document.getElementById("search");
    say("boxes", boxes().length);
    tell(at("FOCUS"), "mouseover");
    say("detail", document.getElementById("detail").textContent);
    tell(at("FOCUS"), "click");
    say("zoomed", at("FOCUS").getAttribute("width") / document.documentElement.clientWidth);
    input.value = "SEARCH";
    input.dispatchEvent(new Event("input"));
    say("found", document.getElementById("found").textContent);
    say("hits", document.querySelectorAll("g.hit").length);
    input.value = "ELSEWHERE";
    input.dispatchEvent(new Event("input"));
    say("elsewhere", document.getElementById("found").textContent);
    window.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    say("after", boxes().length + " " + document.querySelectorAll("g.hit").length);
    tell(document.getElementById("invert"), "click");
    const y = g => Number(g.querySelector("rect").getAttribute("y"));
    const rows = [...new Set(boxes().map(y))].sort((a, b) => a - b);
    const said = boxes().filter(g => y(g) === rows[1]).map(g => {
        tell(g.querySelector("rect"), "mouseover");
        return document.getElementById("detail").textContent;
    });
    say("innermost", said.join("|"));
    tell(document.getElementById("invert"), "click");
    const picker = document.getElementById("thread");
    say("threads", [...picker.options].map(o => o.textContent).join("|"));
    say("each", [...picker.options].map(o => {
        picker.value = o.value;
        picker.dispatchEvent(new Event("change"));
        tell(boxes()[0].querySelector("rect"), "mouseover");
        return document.getElementById("detail").textContent;
    }).join("|"));
})();
]]></script></svg>"""


def check_views(said, flame):
    """The tree turned around, and that of each thread."""
    own = {}
    for stack, weight in stacks_of(flame).items():
        add(own, stack[-1][0], weight)
    seen = {}
    for text in said["innermost"].split("|"):
        name, weight = re.match(r"(.*?) (?:\(.*\) )?\u2014 (\d+),", text).groups()
        add(seen, name, int(weight))
    assert seen == own, (seen, own)
    assert said["threads"].split("|") == ["all threads"] + flame["threads"], said
    parts = {}
    for thread, weight in zip(flame["parts"][1::3], flame["parts"][2::3]):
        add(parts, thread, weight)
    wanted = [sum(parts.values())] + [parts[i] for i in range(len(flame["threads"]))]
    assert wanted[0] == sum(own.values()) and len(wanted) > 2, wanted
    assert [int(re.search(r"\u2014 (\d+),", text).group(1))
            for text in said["each"].split("|")] == wanted, (said["each"], wanted)


def in_browser(path, focus, pattern, elsewhere):
    """Zoom, search and turn around in a browser; False when none is installed."""
    browser = shutil.which("chromium")
    if not browser:
        return False
    text = path.read_text(encoding="utf-8")
    flame = tree_of(text)
    script = TRY_IT.replace("FOCUS", focus).replace("SEARCH", pattern)
    script = script.replace("ELSEWHERE", elsewhere)
    tried = path.with_name("tried.svg")
    tried.write_text(text.replace("</svg>", script), encoding="utf-8")
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                           "--disable-quic", "--no-first-run", "--disable-background-networking",
                           "--disable-component-update", "--disable-sync",
                           f"--user-data-dir={path.parent / 'browser'}", "--dump-dom",
                           tried.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    said = dict(re.findall(r' data-([a-z]+)="([^"]*)"', done.stdout))
    inside = {stack: own for stack, own in stacks_of(flame).items()
              if any(frame[0] == focus for frame in stack)}
    hit = sum(own for stack, own in inside.items()
              if any(re.search(pattern, frame[0]) for frame in stack))
    assert int(said["boxes"]) == len(flame["nodes"]) // 3, said
    assert focus in said["detail"] and "%" in said["detail"], said
    assert abs(float(said["zoomed"]) - 1) < 0.01, said
    assert said["found"].endswith(f"({hit})") and int(said["hits"]) > 0, (said, hit)
    away = sum(own for stack, own in stacks_of(flame).items()
               if any(re.search(elsewhere, frame[0]) for frame in stack))
    assert f"({away})" in said["elsewhere"] and said["elsewhere"].endswith("(0)"), said
    check_views(said, flame)
    assert said["after"] == said["boxes"] + " 0", said
    return True
