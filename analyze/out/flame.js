// SPDX-License-Identifier: MIT
//
// The script of an SVG flame graph: draws what is visible, zooms, searches, chooses a thread, and
// turns the tree around, so that the innermost functions come first and their callers below them.
//
// `flame` is what svg.c has written before it:
//   files  paths
//   places [function, number of its file + 1 or 0, line or 0, colour]
//   nodes  depth, place, own weight of each, the tree's root first, depth first
//   threads, parts  names, where there are several; node, thread and the thread's part of the
//                   node's own weight, of all that have some
//   unit   "s" (weights are nanoseconds) or ""
//   top, row, glyph  height of the head and of a row, width of a letter, in pixels
"use strict";
(function () {
    const SVG = "http://www.w3.org/2000/svg";
    const LEAST_WIDTH = 0.4; // pixels; what is narrower is not drawn
    const root = document.documentElement;
    const head = document.getElementById("head");
    const frames = document.getElementById("frames");
    const detail = document.getElementById("detail");
    const found = document.getElementById("found");
    const input = document.getElementById("search");
    const reset = document.getElementById("reset");
    const invert = document.getElementById("invert");
    const picker = document.getElementById("thread");
    const n_given = flame.nodes.length / 3;
    let n, depth, place, own; // the tree that is shown, depth first
    let parent, end, total, start;
    let thread = -1, inverted = false; // the tree of all threads, callers first
    let focus = 0, hits = null; // node that is zoomed to; which places match

    // What the chosen thread has of each given node.
    function weights() {
        const given = new Float64Array(n_given);
        for (let i = 0; thread < 0 && i < n_given; i++)
            given[i] = flame.nodes[3 * i + 2];
        for (let i = 0; thread >= 0 && i < flame.parts.length; i += 3) {
            if (flame.parts[i + 1] === thread)
                given[flame.parts[i]] = flame.parts[i + 2];
        }
        return given;
    }

    function takeGiven() {
        n = n_given;
        depth = new Int32Array(n);
        place = new Int32Array(n);
        own = weights();
        for (let i = 0; i < n; i++) {
            depth[i] = flame.nodes[3 * i];
            place[i] = flame.nodes[3 * i + 1];
        }
    }

    // Every stack from its leaf on. `own` is what ends at a node: the stacks that began there.
    function turnAround() {
        const given = weights(), path = [], nodes = [];
        const add = p => ({place: p, own: 0, children: new Map()});
        const all = add(0);
        for (let i = 0; i < n_given; i++) {
            path.length = flame.nodes[3 * i];
            path.push(flame.nodes[3 * i + 1]);
            let at = all;
            for (let d = path.length - 1; given[i] > 0 && d > 0; d--) {
                if (!at.children.has(path[d]))
                    at.children.set(path[d], add(path[d]));
                at = at.children.get(path[d]);
            }
            at.own += given[i];
        }
        const todo = [[all, 0]];
        while (todo.length > 0) {
            const [node, level] = todo.pop();
            nodes.push([node, level]);
            for (const child of [...node.children.values()].reverse())
                todo.push([child, level + 1]);
        }
        n = nodes.length;
        depth = Int32Array.from(nodes, ([, level]) => level);
        place = Int32Array.from(nodes, ([node]) => node.place);
        own = Float64Array.from(nodes, ([node]) => node.own);
    }

    // Sums and positions of all nodes, in units of weight.
    function measure() {
        const path = [];
        parent = new Int32Array(n);
        end = new Int32Array(n);
        total = new Float64Array(n);
        start = new Float64Array(n);
        for (let i = 0; i < n; i++) {
            parent[i] = i > 0 ? path[depth[i] - 1] : -1;
            path[depth[i]] = i;
        }
        for (let i = n - 1; i >= 0; i--) {
            total[i] += own[i];
            end[i] = Math.max(end[i], i + 1);
            if (i > 0) {
                total[parent[i]] += total[i];
                end[parent[i]] = Math.max(end[parent[i]], end[i]);
            }
        }
        const next = [0];
        for (let i = 0; i < n; i++) {
            start[i] = next[depth[i]];
            next[depth[i]] += total[i];
            next[depth[i] + 1] = start[i];
        }
    }

    function fileOf(p) {
        return p[1] > 0 ? flame.files[p[1] - 1] : "";
    }

    function fullName(i) {
        const p = flame.places[place[i]], file = fileOf(p);
        return p[0] + (file ? " (" + file + (p[2] ? ":" + p[2] : "") + ")" : "");
    }

    function shortName(i) {
        const p = flame.places[place[i]], file = fileOf(p).replace(/^.*[/]/, "");
        return p[0] + (file ? " (" + file + (p[2] ? ":" + p[2] : "") + ")" : "");
    }

    function amount(weight) {
        if (flame.unit === "s")
            return (weight / 1e9).toPrecision(4) + " s";
        return String(weight);
    }

    function share(part, whole) {
        return whole > 0 ? (100 * part / whole).toFixed(2) + " %" : "";
    }

    function describe(i) {
        const parts = [fullName(i), amount(total[i]) + ", " + share(total[i], total[0])];
        if (own[i] > 0 && own[i] < total[i])
            parts.push((inverted ? "outermost " : "own ") + amount(own[i]) + ", " + share(own[i], total[0]));
        if (focus !== 0)
            parts.push(share(total[i], total[focus]) + " of what is shown");
        return parts.join(" \u2014 ");
    }

    function element(name, attributes, inside) {
        const e = document.createElementNS(SVG, name);
        for (const key in attributes)
            e.setAttribute(key, attributes[key]);
        inside.appendChild(e);
        return e;
    }

    function draw(i, x, width, into) {
        const y = flame.top + depth[i] * flame.row;
        const hit = hits !== null && hits[place[i]];
        const kind = (depth[i] < depth[focus] ? " outer" : "") + (hit ? " hit" : "");
        const g = element("g", {class: "frame" + kind}, into);
        g.node = i;
        element("rect", {x: x.toFixed(2), y: y, width: Math.max(width - 0.5, 0.3).toFixed(2),
                         height: flame.row - 1, fill: hit ? "#b800b8" : flame.places[place[i]][3]}, g);
        const letters = Math.floor((width - 6) / flame.glyph);
        if (letters < 3)
            return;
        const name = shortName(i);
        const label = element("text", {x: (x + 3).toFixed(2), y: y + flame.row - 5}, g);
        label.textContent = name.length <= letters ? name : name.slice(0, letters - 2) + "..";
    }

    // Draw the focus, what it is in, and all that is in it and wide enough.
    function render() {
        const width = Math.max(root.clientWidth || 1200, 300);
        const scale = total[focus] > 0 ? width / total[focus] : 0;
        const into = document.createElementNS(SVG, "g");
        let deepest = depth[focus];
        const path = [];
        for (let i = parent[focus]; i >= 0; i = parent[i])
            path.push(i);
        for (const i of path.reverse())
            draw(i, 0, width, into);
        for (let i = focus; i < end[focus];) {
            const w = total[i] * scale;
            if (w < LEAST_WIDTH && i !== focus) {
                i = end[i];
                continue;
            }
            draw(i, (start[i] - start[focus]) * scale, w, into);
            deepest = Math.max(deepest, depth[i]);
            i++;
        }
        frames.replaceChildren(into);
        const height = flame.top + (deepest + 2) * flame.row;
        root.setAttribute("width", "100%");
        root.setAttribute("height", height);
        root.removeAttribute("viewBox");
        reset.style.display = focus === 0 ? "none" : "";
        document.getElementById("bar").setAttribute("width", "100%");
    }

    function zoom(i) {
        focus = i;
        render();
        count();
    }

    // How much of what a node is in, is in stacks that contain a match; each stack counts once.
    function matching(top) {
        let sum = 0;
        for (let i = top; i >= 0; i = parent[i]) {
            if (hits[place[i]])
                return total[top];
        }
        for (let i = top; i < end[top];) {
            sum += hits[place[i]] ? total[i] : 0;
            i = hits[place[i]] ? end[i] : i + 1;
        }
        return sum;
    }

    // What is found elsewhere is told as well when not everything is shown.
    function count() {
        if (hits === null) {
            found.textContent = "";
            return;
        }
        const all = matching(0), here = matching(focus);
        found.textContent = "found in " + share(all, total[0]) + " (" + amount(all) + ")" +
            (focus !== 0 ? ", here " + share(here, total[focus]) + " (" + amount(here) + ")" : "");
    }

    // Show the tree of the chosen thread, the chosen way around.
    function show() {
        if (inverted)
            turnAround();
        else
            takeGiven();
        measure();
        invert.textContent = inverted ? "callers first (b)" : "innermost first (b)";
        zoom(0);
    }

    function search(text) {
        let match = null;
        if (text !== "") {
            try {
                const expression = new RegExp(text, "i");
                match = name => expression.test(name);
            } catch (error) { // not yet a regular expression
                match = name => name.includes(text);
            }
        }
        hits = match && flame.places.map(p => match(p[0]) || match(fileOf(p) + ":" + p[2]));
        render();
        count();
    }

    function nodeOf(event) {
        const g = event.target.closest ? event.target.closest("g.frame") : null;
        return g ? g.node : -1;
    }

    frames.addEventListener("click", function (event) {
        if (nodeOf(event) >= 0)
            zoom(nodeOf(event));
    });
    frames.addEventListener("mouseover", function (event) {
        detail.textContent = nodeOf(event) >= 0 ? describe(nodeOf(event)) : "";
    });
    frames.addEventListener("mouseleave", function () {
        detail.textContent = "";
    });
    reset.addEventListener("click", function () {
        zoom(0);
    });
    invert.addEventListener("click", function () {
        inverted = !inverted;
        show();
    });
    picker.addEventListener("change", function () {
        thread = Number(picker.value);
        show();
    });
    input.addEventListener("input", function () {
        search(input.value);
    });
    window.addEventListener("keydown", function (event) {
        if (event.key === "Escape") {
            input.value = "";
            input.blur();
            hits = null;
            zoom(0);
        } else if (event.key === "b" && document.activeElement !== input) {
            inverted = !inverted;
            show();
        } else if (event.key === "/" && document.activeElement !== input) {
            event.preventDefault();
            input.focus();
        }
    });
    window.addEventListener("resize", render);
    // the head stays at the top
    window.addEventListener("scroll", function () {
        head.setAttribute("transform", "translate(" + window.scrollX + "," + window.scrollY + ")");
    });
    for (let i = -1; flame.threads.length > 0 && i < flame.threads.length; i++) {
        const option = document.createElementNS("http://www.w3.org/1999/xhtml", "option");
        option.value = String(i);
        option.textContent = i < 0 ? "all threads" : flame.threads[i];
        picker.appendChild(option);
    }
    picker.style.display = flame.threads.length > 0 ? "" : "none";
    document.getElementById("tools").style.display = "";
    show();
})();
