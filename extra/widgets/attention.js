// A dictionary made soft, in the plane: one query, four keys with a value each, and four ways to score.
//
//     weights = softmax(sharpness · score(q, k_j)),    output = Σ_j weights_j value_j
//
// data: {"query": [x, y], "keys": [{"name", "at": [x, y], "value": number}, …],
//        "network": {"w_query": [[A × 3]], "w_key": [[A × 2]], "v": [A]}}
//       The network scores the query with a 1 appended to it, which gives it a bias.
"use strict";

(() => {
  const { element, slider, choice, button } = BookWidgets;
  const EDGE = { left: -2, right: 3.25, bottom: -1.5, top: 2 }; // of the plane
  const PIXELS = 100; // of the drawing, for each unit of the plane
  const CELLS = 24; // of the coloured background, for each unit
  const STEP = 0.05; // of an arrow key

  const inner = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const length = (a) => Math.sqrt(inner(a, a));

  /** The score of each key for a query, by its name. A vector of length 0 has cosine 0 with everything. */
  function scores(kind, query, keys, network) {
    if (kind === "dot") return keys.map((key) => inner(query, key));
    if (kind === "scaled") return keys.map((key) => inner(query, key) / Math.sqrt(query.length));
    if (kind === "cosine") {
      return keys.map((key) => inner(query, key) / Math.max(length(query) * length(key), 1e-12));
    }
    const { w_query, w_key, v } = network;
    const asked = w_query.map((row) => inner(row, [...query, 1]));
    return keys.map((key) => inner(v, w_key.map((row, a) => Math.tanh(asked[a] + inner(row, key)))));
  }

  /** Shares that sum to 1. */
  function softmax(values) {
    const largest = Math.max(...values);
    const powers = values.map((value) => Math.exp(value - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  }

  /** {scores, weights, output} of one query. */
  function lookup(kind, query, keys, values, sharpness, network) {
    const found = scores(kind, query, keys, network);
    const weights = softmax(found.map((score) => sharpness * score));
    return { scores: found, weights, output: inner(weights, values) };
  }

  BookWidgets.attention = { scores, softmax, lookup };

  const svg = (tag, attributes = {}, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  const right = (x) => (x - EDGE.left) * PIXELS;
  const down = (y) => (EDGE.top - y) * PIXELS;
  const SIZE = [right(EDGE.right), down(EDGE.bottom)];

  BookWidgets.register("attention", (root, data) => {
    let kind = "dot", sharpness = 1;
    let points, values; // points: the query, then the keys
    const names = data.keys.map(({ name }) => name);

    const canvas = element("canvas", { class: "attention-map", width: SIZE[0] / PIXELS * CELLS,
      height: SIZE[1] / PIXELS * CELLS, "aria-hidden": "true" });
    const drawing = svg("svg", { class: "attention-plane", viewBox: `0 0 ${SIZE[0]} ${SIZE[1]}`, role: "group",
      "aria-label": "The plane: drag the query and the keys, or move them with the arrow keys" });
    const axes = [[EDGE.left, 0, EDGE.right, 0], [0, EDGE.bottom, 0, EDGE.top]].map(([x1, y1, x2, y2]) =>
      svg("line", { class: "attention-axis", x1: right(x1), y1: down(y1), x2: right(x2), y2: down(y2) }));
    const shafts = names.map((_, j) => svg("line", { class: `attention-shaft attention-key-${j}` }));
    const handles = ["query", ...names].map((name, i) => handle(name, i));
    drawing.append(...axes, ...shafts, ...handles.slice(1), handles[0]); // the query lies on top

    const kinds = choice("score", { dot: "dot", scaled: "dot / √2", cosine: "cosine", additive: "additive" }, kind,
      (value) => { kind = value; draw(); });
    const sharp = slider("sharpness", { min: 0, max: 10, step: 0.1, value: sharpness, show: (b) => b.toFixed(1) },
      (value) => { sharpness = value; draw(); });
    const status = element("p", { class: "attention-status", role: "status" });
    const table = element("table", { class: "attention-table" });
    const head = ["key", "score", "weight", "", "value"].map((words) =>
      (words ? element("th", { scope: "col" }, words) : element("td")));
    const rows = names.map((name, j) => row(name, j));
    const output = element("output", {});
    const total = element("tr", { class: "attention-output" }, element("th", { scope: "row", colspan: 4 },
      "output, the weighted mean of the values"), element("td", {}, output));
    table.append(element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows.map(({ node }) => node), total));

    root.append(
      element("div", { class: "widget-controls" }, kinds.node, sharp.node),
      element("div", { class: "attention-both" },
        element("div", { class: "attention-stage" }, canvas, drawing),
        element("div", {}, table, status,
          element("div", { class: "widget-controls" },
            button("Query onto B", () => { points[0] = [...points[2]]; draw(); }),
            button("Reset", reset)))),
      element("p", { class: "widget-note" }, "The background shows which key a query would choose at each place. "
        + "Drag the star and the letters, or move to them with Tab and use the arrow keys."));

    function handle(name, i) {
      const shape = i === 0
        ? svg("path", { class: "attention-star", d: star(17) })
        : svg("circle", { class: "attention-dot", r: 14 });
      const label = svg("text", { class: "attention-letter", "text-anchor": "middle", dy: "0.36em" }, i ? name : "");
      const node = svg("g", { class: `attention-handle attention-key-${i - 1}`, tabindex: 0, role: "slider", "aria-valuemin": EDGE.left,
        "aria-valuemax": EDGE.right, "aria-label": i ? `key ${name}` : name },
        svg("circle", { class: "attention-reach", r: 26 }), shape, label);
      node.addEventListener("pointerdown", (event) => { node.setPointerCapture(event.pointerId); node.focus(); });
      node.addEventListener("pointermove", (event) => {
        if (node.hasPointerCapture(event.pointerId)) drag(i, event);
      });
      node.addEventListener("keydown", (event) => press(i, event));
      return node;
    }

    function drag(i, event) {
      const box = drawing.getBoundingClientRect();
      move(i, EDGE.left + (event.clientX - box.left) / box.width * (EDGE.right - EDGE.left),
        EDGE.top - (event.clientY - box.top) / box.height * (EDGE.top - EDGE.bottom));
    }

    function press(i, event) {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!by) return;
      event.preventDefault();
      const [x, y] = points[i], far = event.shiftKey ? 5 * STEP : STEP;
      move(i, x + by[0] * far, y + by[1] * far);
    }

    function move(i, x, y) {
      const tidy = (value) => Math.round(value * 100) / 100;
      points[i] = [tidy(within(x, EDGE.left + 0.15, EDGE.right - 0.15)),
        tidy(within(y, EDGE.bottom + 0.15, EDGE.top - 0.15))];
      draw();
    }

    function row(name, j) {
      const cells = { score: element("td", {}), weight: element("td", {}) };
      const bar = element("div", { class: `attention-bar attention-key-${j}` });
      const value = element("input", { type: "number", step: 1, "aria-label": `value of ${name}`,
        oninput: () => { values[j] = within(Number(value.value) || 0, -999, 999); draw(); } });
      const node = element("tr", {}, element("th", { scope: "row" }, name), cells.score, cells.weight,
        element("td", {}, bar), element("td", {}, value));
      return { node, ...cells, bar, value };
    }

    function reset() {
      points = [data.query, ...data.keys.map(({ at }) => at)].map((at) => [...at]);
      values = data.keys.map(({ value }) => value);
      rows.forEach(({ value }, j) => { value.value = values[j]; });
      draw();
    }

    function draw() {
      const [query, ...keys] = points;
      const found = lookup(kind, query, keys, values, sharpness, data.network);
      points.forEach(([x, y], i) => {
        handles[i].setAttribute("transform", `translate(${right(x)} ${down(y)})`);
        handles[i].setAttribute("aria-valuenow", x);
        handles[i].setAttribute("aria-valuetext", `${x.toFixed(2)}, ${y.toFixed(2)}`);
      });
      keys.forEach(([x, y], j) => {
        for (const [key, value] of Object.entries({ x1: right(0), y1: down(0), x2: right(x), y2: down(y) })) {
          shafts[j].setAttribute(key, value);
        }
        shafts[j].style.strokeWidth = 2 + 14 * found.weights[j];
        rows[j].score.textContent = found.scores[j].toFixed(2);
        rows[j].weight.textContent = found.weights[j].toFixed(2);
        rows[j].bar.style.setProperty("--weight", found.weights[j]);
      });
      const best = found.scores.indexOf(Math.max(...found.scores));
      rows.forEach(({ node }, j) => node.classList.toggle("attention-best", j === best));
      output.textContent = found.output.toFixed(1);
      status.textContent = `The query chooses ${names[best]}, which has ${
        (100 * found.weights[best]).toFixed(0)}% of the weight. The output is ${found.output.toFixed(1)}.`;
      paint(keys);
    }

    /** Colour every place by the key that a query there would choose. */
    function paint(keys) {
      const brush = canvas.getContext("2d");
      const style = getComputedStyle(root);
      const colours = keys.map((_, j) => style.getPropertyValue(`--attention-${j}`));
      for (let i = 0; i < canvas.width; i++) {
        for (let k = 0; k < canvas.height; k++) {
          const at = [EDGE.left + (i + 0.5) / CELLS, EDGE.top - (k + 0.5) / CELLS];
          const found = scores(kind, at, keys, data.network);
          brush.fillStyle = colours[found.indexOf(Math.max(...found))];
          brush.fillRect(i, k, 1, 1);
        }
      }
    }

    function star(radius) {
      const corners = Array.from({ length: 10 }, (_, n) => {
        const angle = n * Math.PI / 5, r = n % 2 ? radius * 0.45 : radius;
        return `${(r * Math.sin(angle)).toFixed(1)},${(-r * Math.cos(angle)).toFixed(1)}`;
      });
      return `M${corners.join("L")}Z`;
    }

    reset();
    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  });
})();
