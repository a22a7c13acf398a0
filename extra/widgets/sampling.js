// From logits to one token: what temperature, top-k, top-p and min-p do to one real distribution.
//
//     p = softmax(z / T), cut by top-k, then top-p, then min-p, each on what the one before has left
//
// data: {"contexts": [{"text", "tokens": [string, …], "logits": [number, …]}, …]}; "model" (a name) is optional.
"use strict";

(() => {
  const { element, random, choose, visible, slider, seedField, button } = BookWidgets;
  const SHOWN = 14; // tokens with a row of their own
  const DRAWS = 20;

  /** Probabilities from logits; -Infinity becomes 0. */
  function softmax(logits) {
    const largest = Math.max(...logits);
    const weights = logits.map((z) => Math.exp(z - largest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  const deleteWhere = (logits, isLost) => logits.map((z, i) => (isLost(i) ? -Infinity : z));

  /** Keep the k likeliest, and every token tied with the k-th. */
  function topK(logits, k) {
    const kth = [...logits].sort((a, b) => b - a)[Math.min(k, logits.length) - 1];
    return deleteWhere(logits, (i) => logits[i] < kth);
  }

  /** Keep the fewest likeliest that together reach p; the token that crosses p stays, and of tokens tied the later. */
  function topP(logits, p) {
    const ascending = [...logits.keys()].sort((a, b) => logits[a] - logits[b] || a - b);
    const probabilities = softmax(logits);
    const lost = new Set();
    let mass = 0;
    for (const i of ascending.slice(0, -1)) {
      mass += probabilities[i];
      if (mass > 1 - p) break;
      lost.add(i);
    }
    return deleteWhere(logits, (i) => lost.has(i));
  }

  /** Keep the tokens at least p times as probable as the likeliest. */
  function minP(logits, p) {
    const probabilities = softmax(logits);
    const least = p * Math.max(...probabilities);
    return deleteWhere(logits, (i) => probabilities[i] < least);
  }

  /** The distribution that is drawn from. A knob left at null does nothing; temperature 0 takes the likeliest. */
  function distribution(logits, { temperature = 1, k = null, p = null, least = null } = {}) {
    const largest = Math.max(...logits);
    if (temperature === 0) {
      const winner = logits.indexOf(largest);
      return logits.map((_, i) => (i === winner ? 1 : 0));
    }
    let scaled = logits.map((z) => (z - largest) / temperature);
    if (k !== null) scaled = topK(scaled, k);
    if (p !== null) scaled = topP(scaled, p);
    if (least !== null) scaled = minP(scaled, least);
    return softmax(scaled);
  }

  /** H(p) = -Σ p log2 p, in bits: the average surprise of a draw. */
  const entropy = (probabilities) => probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);

  const percent = (p) => (p > 0 && p < 0.0005 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);

  /** A slider for each of the four; settings() is what `distribution` takes, changed() is called when one is moved. */
  function knobs(changed) {
    const OFF = { temperature: 1, k: 0, p: 1, least: 0 }, at = { ...OFF };
    const turn = (name) => (value) => { at[name] = value; changed(); };
    const sliders = {
      temperature: slider("temperature", { min: 0, max: 2, step: 0.05, value: 1,
        show: (value) => (value === 0 ? "0 greedy" : value.toFixed(2)) }, turn("temperature")),
      k: slider("top-k", { min: 0, max: 30, step: 1, value: 0,
        show: (value) => (value === 0 ? "off" : String(value)) }, turn("k")),
      p: slider("top-p", { min: 0.05, max: 1, step: 0.01, value: 1,
        show: (value) => (value === 1 ? "off" : value.toFixed(2)) }, turn("p")),
      least: slider("min-p", { min: 0, max: 0.5, step: 0.01, value: 0,
        show: (value) => (value === 0 ? "off" : value.toFixed(2)) }, turn("least")),
    };
    return {
      nodes: Object.values(sliders).map(({ node }) => node),
      reset: () => { for (const name in OFF) sliders[name].set(at[name] = OFF[name]); },
      settings: () => ({ temperature: at.temperature, k: at.k || null, p: at.p < 1 ? at.p : null, least: at.least || null }),
    };
  }

  BookWidgets.sampling = { distribution, entropy, percent, knobs };

  BookWidgets.register("sampling", (root, { contexts, model }) => {
    let context, before, order, seed = 1;
    let uniform, tally, draws; // tally[i]: how often token i was drawn; draws: the last ones

    const chooser = element("select", { onchange: () => load(chooser.selectedIndex) });
    chooser.append(...contexts.map(({ text }) => element("option", {}, `… ${visible(text)}`)));

    const sliders = knobs(() => change());
    const summary = element("p", { class: "sampling-summary", role: "status" });
    const table = element("table", { class: "sampling-table" });
    const strip = element("p", { class: "sampling-strip", role: "status" });

    root.append(
      element("div", { class: "widget-controls" }, element("label", { class: "sampling-context" }, "after ", chooser),
        model ? element("span", { class: "widget-note" }, model) : ""),
      element("div", { class: "sampling-knobs" }, ...sliders.nodes),
      summary,
      table,
      element("div", { class: "widget-controls" },
        button(`Draw ${DRAWS}`, () => { for (let n = 0; n < DRAWS; n++) drawOne(); draw(); }),
        button("Clear the draws", change),
        button("Reset the sliders", reset),
        seedField(seed, (value) => { seed = value; change(); })),
      strip,
    );

    function load(index) {
      context = contexts[index];
      before = distribution(context.logits);
      order = [...before.keys()].sort((a, b) => before[b] - before[a] || a - b);
      reset();
    }

    function reset() {
      sliders.reset();
      change();
    }

    /** The distribution or the seed is another one: what was drawn says nothing about it. */
    function change() {
      uniform = random(seed);
      tally = context.tokens.map(() => 0);
      draws = [];
      draw();
    }

    const after = () => distribution(context.logits, sliders.settings());

    function drawOne() {
      const token = choose(after(), uniform);
      tally[token] += 1;
      draws = [...draws, token].slice(-DRAWS);
    }

    function draw() {
      const now = after();
      const kept = now.filter((p) => p > 0).length;
      const lost = before.reduce((sum, p, i) => (now[i] > 0 ? sum : sum + p), 0);
      const bits = [before, now].map((p) => entropy(p).toFixed(2)).join(" → ");
      summary.textContent = `${kept} of ${now.length} tokens kept; `
        + `the deleted had ${percent(lost)} of the probability. Entropy ${bits} bits.`;
      drawTable(now);
      const total = tally.reduce((sum, times) => sum + times, 0);
      strip.replaceChildren(total ? `${total} drawn, the last ${draws.length}: ` : "Nothing drawn yet.",
        ...draws.map((i) => element("span", { class: "sampling-token" }, visible(context.tokens[i]))));
    }

    function drawTable(now) {
      const total = tally.reduce((sum, times) => sum + times, 0);
      const shown = order.slice(0, SHOWN).map((i) => ({
        name: visible(context.tokens[i]), was: before[i], is: now[i], drawn: tally[i], deleted: now[i] === 0,
      }));
      const rest = order.slice(SHOWN);
      if (rest.length) {
        const sum = (values) => rest.reduce((so, i) => so + values[i], 0);
        const is = sum(now);
        shown.push({ name: `${rest.length} more`, was: sum(before), is, drawn: sum(tally), deleted: is === 0 });
      }
      const scale = Math.max(...shown.map(({ was, is }) => Math.max(was, is)));
      const head = ["token", "before and after", "before", "after", "drawn", "expected"];
      const rows = shown.map(({ name, was, is, drawn, deleted }) => {
        const bar = element("div", { class: "sampling-bar" });
        bar.style.setProperty("--was", was / scale);
        bar.style.setProperty("--is", is / scale);
        return element("tr", { class: deleted ? "sampling-deleted" : null },
          element("th", { scope: "row" }, deleted ? element("del", {}, name) : name),
          element("td", {}, bar),
          element("td", {}, percent(was)),
          element("td", {}, deleted ? "deleted" : percent(is)),
          element("td", {}, total ? String(drawn) : ""),
          element("td", {}, total ? (total * is).toFixed(1) : ""));
      });
      table.replaceChildren(
        element("thead", {}, element("tr", {}, ...head.map((words) => element("th", { scope: "col" }, words)))),
        element("tbody", {}, ...rows));
    }

    load(0);
  });
})();
