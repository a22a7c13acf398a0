// A table that learns: rows of logits W, gradient descent on the mean of -ln p over the pairs of a text.
//
//     dL/dW_ij = (c_i p(j|i) - c_ij) / T        what was believed minus what happened, for T pairs
//
// data: {"words": [word, …], "pairs": [[i, j], …]}
"use strict";

(() => {
  const { element, random, choice, button } = BookWidgets;
  const SEED = 4, SPREAD = 2; // logits of a random start lie in (-SPREAD, SPREAD)
  const CHART = { width: 320, height: 96, left: 30, bottom: 18, top: 6 };

  /** Logits to probabilities; the largest logit is taken off first, so that no exponential overflows. */
  function softmax(logits) {
    const top = Math.max(...logits);
    const exps = logits.map((z) => Math.exp(z - top));
    const total = exps.reduce((sum, e) => sum + e, 0);
    return exps.map((e) => e / total);
  }

  /** Pairs to a (V, V) table of counts. */
  function count(pairs, size) {
    const counts = Array.from({ length: size }, () => new Array(size).fill(0));
    for (const [i, j] of pairs) counts[i][j] += 1;
    return counts;
  }

  const sum = (row) => row.reduce((total, value) => total + value, 0);
  const minus = (row, other, factor) => row.map((value, j) => value - factor * other[j]);

  /** The mean of -ln p over all pairs. */
  function loss(W, counts) {
    let total = 0, pairs = 0;
    for (const [i, row] of counts.entries()) {
      const top = Math.max(...W[i]);
      const ln = top + Math.log(sum(W[i].map((z) => Math.exp(z - top))));
      for (const [j, c] of row.entries()) {
        total += c * (ln - W[i][j]); // a pair that never came costs nothing
        pairs += c;
      }
    }
    return total / pairs;
  }

  /** Its gradient with respect to every logit. */
  function gradient(W, counts) {
    const pairs = sum(counts.map(sum));
    return W.map((row, i) => minus(softmax(row).map((p) => p * sum(counts[i])), counts[i], 1).map((g) => g / pairs));
  }

  /** The table after so many steps. */
  function descend(W, counts, rate, steps) {
    for (let n = 0; n < steps; n++) {
      const slopes = gradient(W, counts);
      W = W.map((row, i) => minus(row, slopes[i], rate));
    }
    return W;
  }

  /** The least loss that a table can have: that of the counted one. */
  function floor(counts) {
    const share = (row) => row.map((c) => (c > 0 ? c * Math.log(sum(row) / c) : 0));
    return sum(counts.map((row) => sum(share(row)))) / sum(counts.map(sum));
  }

  BookWidgets.learning = { softmax, count, loss, gradient, descend, floor };

  BookWidgets.register("learning", (root, { words, pairs }) => {
    const counts = count(pairs, words.length), least = floor(counts);
    let view = "p", start = "zeros", rate = 1, step, W, losses;

    const views = choice("show", { p: "probabilities", W: "logits" }, view, (value) => { view = value; draw(); });
    const starts = choice("start", { zeros: "zeros", random: "random" }, start, (value) => { start = value; restart(); });
    const rates = choice("learning rate", { "0.1": "0.1", "1.0": "1", "10.0": "10", "50.0": "50" }, "1.0", (value) => { rate = +value; draw(); });
    const grid = element("table", { class: "learning-table" });
    const chart = element("div", { class: "learning-chart" });
    const status = element("p", { class: "learning-status", role: "status" });

    root.append(
      element("div", { class: "widget-controls" }, views.node, starts.node),
      element("div", { class: "learning-scroll" }, grid),
      element("div", { class: "widget-controls" },
        ...[1, 10, 100].map((n) => button(n === 1 ? "1 step" : `${n} steps`, () => walk(n))),
        button("Start over", restart)),
      element("div", { class: "widget-controls" }, rates.node),
      chart,
      status,
    );

    function restart() {
      const draws = random(SEED);
      const logit = () => (start === "random" ? SPREAD * (2 * draws() - 1) : 0);
      W = words.map(() => words.map(logit));
      step = 0;
      losses = [loss(W, counts)];
      draw();
    }

    function walk(steps) {
      for (let n = 0; n < steps; n++) {
        W = descend(W, counts, rate, 1);
        losses.push(loss(W, counts));
      }
      step += steps;
      draw();
    }

    const signed = (value) => value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");

    function draw() {
      const head = element("tr", {},
        element("th", { scope: "col", class: "learning-corner" }, "after ↓ comes →"),
        ...words.map((word) => element("th", { scope: "col" }, word)));
      const body = words.map((word, i) => {
        const p = softmax(W[i]), seen = sum(counts[i]);
        const line = element("tr", {}, element("th", { scope: "row" }, word));
        for (const j of words.keys()) {
          const counted = seen ? (counts[i][j] / seen).toFixed(2) : "–";
          const cell = element("td", {},
            element("span", { class: "learning-now" }, view === "p" ? p[j].toFixed(2) : signed(W[i][j])),
            element("span", { class: "learning-counted" }, element("span", { class: "learning-word" }, "counted "), counted));
          cell.style.setProperty("--p", p[j].toFixed(3));
          line.append(cell);
        }
        line.classList.toggle("learning-dead", !seen);
        return line;
      });
      grid.replaceChildren(
        element("caption", {}, view === "p" ? "The softmax of each row of W, above the counted shares" : "The logits W, shaded by their softmax"),
        element("thead", {}, head), element("tbody", {}, ...body));
      drawLosses();
      const now = losses.at(-1), gap = now - least;
      status.textContent = `Step ${step.toLocaleString("en")}: the loss is ${now.toFixed(4)} nats, `
        + `${gap.toFixed(4)} above the floor of ${least.toFixed(4)}.`;
    }

    /** The losses so far, and the floor as a dashed line. */
    function drawLosses() {
      const { width, height, left, bottom, top } = CHART, high = Math.max(...losses);
      const x = (n) => left + ((width - left - 4) * n) / Math.max(10, losses.length - 1);
      const y = (value) => top + (height - bottom - top) * (1 - value / high);
      const stride = Math.ceil(losses.length / 600); // more points than pixels help nobody
      const points = losses.map((value, n) => [n, value]).filter(([n]) => n % stride === 0 || n === losses.length - 1);
      const svg = (tag, attributes, text = "") => {
        const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        node.textContent = text;
        return node;
      };
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "The loss after each step" });
      picture.append(
        svg("line", { x1: left, x2: width - 4, y1: y(least), y2: y(least), class: "learning-floor" }),
        svg("line", { x1: left, x2: width - 4, y1: y(0), y2: y(0), class: "learning-axis" }),
        svg("polyline", { points: points.map(([n, value]) => `${x(n).toFixed(1)},${y(value).toFixed(1)}`).join(" "), class: "learning-loss" }),
        svg("circle", { cx: x(losses.length - 1), cy: y(losses.at(-1)), r: 3, class: "learning-here" }),
        svg("text", { x: left - 4, y: y(high) + 8, "text-anchor": "end" }, high.toFixed(1)),
        svg("text", { x: left - 4, y: y(0), "text-anchor": "end" }, "0"),
        svg("text", { x: left, y: height - 3 }, "loss in nats; dashed: the counted table's"));
      chart.replaceChildren(picture);
    }

    restart();
  });
})();
