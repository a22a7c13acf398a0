// A trained translator, one word at a time: what it has read, where each head looks, and what it might write next.
//
// data: {"layers": L, "heads": H, "sentences": [{
//   "group": string, "source": [character, …], "reference": string,
//   "steps": [{"next": [[word, p], …], likeliest first, "weights": [[[w, …] a character, …] a head, …] a layer}, …]}, …]}
// Each step writes its likeliest word; the last one writes "[end]".
"use strict";

(() => {
  const { element, choice, slider, button } = BookWidgets;
  const BEGIN = "[begin]", END = "[end]";

  /** The weights (S) of one step in a layer: of one head, or the mean of all. */
  function weightsOf(step, layer, head) {
    const heads = step.weights[layer];
    if (head !== "mean") return heads[head];
    return heads[0].map((_, s) => heads.reduce((sum, one) => sum + one[s], 0) / heads.length);
  }

  /** What is written after a number of steps, begin first. */
  const written = (sentence, steps) => [BEGIN, ...sentence.steps.slice(0, steps).map((step) => step.next[0][0])];

  /** Words to a sentence: no space before a mark. */
  const joined = (words) => words.filter((word) => word !== BEGIN && word !== END).join(" ").replace(/ (?=[.,?])/g, "");

  const percent = (p) => (p >= 0.9995 ? "100%" : p < 0.001 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);

  BookWidgets.translate = { weightsOf, written, joined, percent };

  BookWidgets.register("translate", (root, { layers, heads, sentences }) => {
    let sentence = sentences[0], at = 0, layer = layers - 1, head = "mean"; // at: words written before this step

    const chooser = element("select", { onchange: () => { sentence = sentences[chooser.value]; start(); } });
    const option = (one, i) => element("option", { value: i }, one.source.join(""));
    for (const group of new Set(sentences.map((one) => one.group))) {
      const members = sentences.map((one, i) => [one, i]).filter(([one]) => one.group === group);
      chooser.append(element("optgroup", { label: group }, ...members.map(([one, i]) => option(one, i))));
    }
    chooser.value = 0;

    const numbered = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`n${i}`, i + 1])); // in this order
    const layerChoice = choice("decoder layer", numbered(layers), `n${layer}`, (key) => { layer = +key.slice(1); draw(); });
    const headChoice = choice("head", { mean: "mean", ...numbered(heads) }, head,
      (key) => { head = key === "mean" ? key : +key.slice(1); draw(); });
    const back = button("◀ Back", () => go(at - 1));
    const next = button("Next word ▶", () => go(at + 1));
    const place = slider("step", { min: 1, max: 2, step: 1, value: 1 }, (value) => go(value - 1));

    const source = element("div", { class: "translate-line" });
    const target = element("div", { class: "translate-line" });
    const told = element("p", { class: "widget-note", role: "status" });
    const list = element("tbody");
    const steps = element("table", { class: "translate-steps" });
    root.append(
      element("div", { class: "widget-controls" }, element("label", {}, "sentence ", chooser)),
      element("div", { class: "widget-controls" }, back, next, place.node),
      element("div", { class: "widget-controls" }, layerChoice.node, headChoice.node),
      source, target, told,
      element("div", { class: "translate-columns" },
        element("div", {}, element("p", { class: "translate-head" }, "The likeliest next words"),
          element("table", { class: "translate-next", "aria-label": "the likeliest next words" }, list)),
        element("div", {}, element("p", { class: "translate-head" }, "Cross-attention, a row a step"),
          element("div", { class: "translate-scroll", tabindex: 0, role: "group", "aria-label": "cross-attention of all steps" }, steps))));

    /** A cell's shade, never so dark that its letters are lost. */
    const shade = (w) => ({ style: `background: rgba(var(--widget-heat), ${(0.44 * w).toFixed(3)})` });

    function go(step) {
      at = Math.max(0, Math.min(step, sentence.steps.length - 1));
      draw();
    }

    function start() {
      at = 0;
      place.input.max = sentence.steps.length;
      draw();
    }

    function draw() {
      const step = sentence.steps[at], weights = weightsOf(step, layer, head), words = written(sentence, at);
      place.set(at + 1);
      back.disabled = at === 0;
      next.disabled = at === sentence.steps.length - 1;
      source.replaceChildren(element("span", {}, "reads"), ...sentence.source.map((character, s) => element("span",
        { class: "translate-source", lang: "zh", ...shade(weights[s]) },
        character, element("small", {}, weights[s].toFixed(2)))));
      target.replaceChildren(element("span", {}, "has written"), ...words.map((word, i) => element("span",
        { class: `translate-word${i ? "" : " translate-mark"}` }, word)));
      list.replaceChildren(...step.next.map(([word, p], i) => element("tr", { class: i ? "" : "translate-taken" },
        element("td", {}, word),
        element("td", {}, element("span", { class: "translate-bar", style: `width: ${(100 * p).toFixed(1)}%` })),
        element("td", {}, percent(p)))));
      const most = weights.indexOf(Math.max(...weights));
      const done = at === sentence.steps.length - 1;
      const verdict = joined(words) === sentence.reference ? "as the reference has it" : `the reference: ${sentence.reference}`;
      told.textContent = `Step ${at + 1} of ${sentence.steps.length}: it looks most at ${sentence.source[most]} and writes `
        + `${step.next[0][0]}.${done ? ` Done: ${joined(words)} (${verdict}).` : ""}`;
      steps.replaceChildren(
        element("thead", {}, element("tr", {}, element("td", {}),
          ...sentence.source.map((character) => element("th", { scope: "col", lang: "zh" }, character)))),
        element("tbody", {}, ...sentence.steps.slice(0, at + 1).map((one, i) => {
          const row = weightsOf(one, layer, head);
          return element("tr", { "aria-current": i === at ? "step" : null },
            element("th", { scope: "row" }, one.next[0][0]),
            ...row.map((w) => element("td", shade(w), w < 0.095 ? "" : w.toFixed(1))));
        })));
    }

    start();
  });
})();
