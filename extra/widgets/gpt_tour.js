// A tour of the GPT in four steps, with the numbers of one head of the first layer: character, q, k and v; scores and mask;
// softmax and mixture; feed-forward network and logits.
"use strict";

(() => {
  const { element, button } = BookWidgets;
  const { softmax, attend } = BookWidgets.transformer;
  const BEFORE = 7, AFTER = 2; // characters shown on both sides of the one that is followed
  const CELLS = 16;            // numbers of a vector that are drawn

  const size = (x) => Math.hypot(...x);

  /** What the first layer does at position t, in head h, and what the model predicts there. */
  function facts(model, reading, t, h) {
    const { d_model: D, n_heads: H } = model.config, Dh = D / H, { tokens } = reading, attention = "blocks.0.attention";
    const x = model.embed(tokens, 0, true), read = model.norm("blocks.0.attention_residual.norm", x);
    const [q, k, v] = ["w_q", "w_k", "w_v"].map((name) => model.linear(`${attention}.${name}`, read));
    const of = (y, s) => y.subarray(s * D + h * Dh, s * D + (h + 1) * Dh);
    const scores = tokens.map((_, s) => of(q, t).reduce((sum, a, i) => sum + a * of(k, s)[i], 0) / Math.sqrt(Dh));
    const mixed = attend(q, k, v, D, H, (s) => s + 1);
    const at = (y) => y.slice(t * D, (t + 1) * D);
    const added = at(model.linear(`${attention}.w_o`, mixed.out)), stream = at(x).map((a, i) => a + added[i]);
    return { x: at(x), q: of(q, t), k: of(k, t), v: of(v, t), scores, weights: softmax(scores.slice(0, t + 1)), out: of(mixed.out, t),
      lengths: [at(x), added, model.feedForward("blocks.0", stream)].map(size), p: softmax(reading.logits[t]) };
  }

  /** {node, open(reading)}: the tour through what a model has read with everything on; names are its characters. */
  function panel(model, names) {
    const { d_model: D, d_ff: F, n_layers: L, n_heads: H } = model.config, h = Math.min(1, H - 1);
    let step = 0, shown = null;
    const title = element("p", { class: "gpt-title" }), body = element("div", { "aria-live": "polite" });
    const back = button("Back", () => turn(-1)), on = button("Next", () => turn(1)), close = button("Close", () => { node.hidden = true; });
    const node = element("div", { class: "gpt-tour", role: "group", "aria-label": "guided tour", hidden: true },
      title, body, element("div", { class: "widget-controls" }, back, on, close));

    function turn(by) {
      step += by;
      draw();
    }

    /** Follow a character of this text that has others after it, so that the mask has something to hide. */
    function open(reading) {
      const T = reading.tokens.length, t = Math.max(0, T - 1 - AFTER);
      shown = { t, names: reading.tokens.map((token) => names[token]), ...facts(model, reading, t, h) };
      step = 0;
      node.hidden = false;
      draw();
    }

    const say = (...words) => element("p", {}, ...words);
    const strong = (words) => element("strong", {}, words);

    /** The first numbers of a vector, as cells: darker is larger, and a line below marks the negative ones. */
    function strip(name, vector) {
      const some = [...vector.slice(0, CELLS)], most = Math.max(...some.map(Math.abs), 1e-9);
      return element("div", { class: "gpt-strip" }, element("code", {}, name), element("span", { "aria-hidden": "true" },
        ...some.map((a) => element("i", { class: a < 0 ? "gpt-minus" : null, style: `background: rgba(var(--widget-heat), ${(Math.abs(a) / most).toFixed(2)})` }))),
      element("span", { class: "widget-note" }, vector.length > CELLS ? `the first ${CELLS} of ${vector.length}` : `${vector.length} numbers`));
    }

    function rows(head, cells) {
      const { t, names: words } = shown, first = Math.max(0, t - BEFORE), last = Math.min(words.length, t + AFTER + 1);
      return element("table", { class: "gpt-steps" }, element("thead", {}, element("tr", {}, ...head.map((word) => element("th", { scope: "col" }, word)))),
        element("tbody", {}, ...words.slice(first, last).map((word, i) => element("tr", { class: first + i === t ? "gpt-here" : null },
          element("th", { scope: "row" }, word), ...cells(first + i).map((cell) => element("td", {}, cell))))));
    }

    const digits = (value) => value.toFixed(1).replace("-", "−");
    const percent = (value) => `${(100 * value).toFixed(0)}%`;

    const steps = [
      ["A character becomes q, k and v", () => [
        say("We follow ", strong(shown.names[shown.t]), `, character ${shown.t + 1} of the text. Its row of the token table, plus the row of its place, is the stream x. `
          + `After a norm, three matrices make q, k and v, of which head ${h + 1} takes ${D / H} numbers each. (Darker is larger; a line below marks a negative number.)`),
        strip("x", shown.x), strip("q", shown.q), strip("k", shown.k), strip("v", shown.v)]],
      ["Scores, and the mask", () => [
        say("The query of ", strong(shown.names[shown.t]), ` meets the key of every character: q · k / √${D / H}. The mask hides what comes later, however well it fits.`),
        rows(["character", "score", "mask"], (s) => [digits(shown.scores[s]), s > shown.t ? "hidden" : "seen"])]],
      ["Softmax, and the mixture", () => [
        say("Softmax turns the scores that are left into shares of 100%. The values, mixed in these shares, are what the head hands on."),
        rows(["character", "score", "share"], (s) => [s > shown.t ? "hidden" : digits(shown.scores[s]), s > shown.t ? "–" : percent(shown.weights[s])]),
        strip("output", shown.out)]],
      ["Feed-forward, and the logits", () => {
        const [stream, attention, network] = shown.lengths.map(digits);
        const best = [...shown.p.keys()].sort((a, b) => shown.p[b] - shown.p[a]).slice(0, 3);
        return [
          say(`The ${H} heads together add a vector of length ${attention} to the stream, whose length was ${stream}. The feed-forward network, ${F} numbers wide inside, then adds one of length ${network}. `
            + `After ${L} such layers and a norm, the dot products with all rows of the token table are the logits. Softmax makes probabilities of them:`),
          element("ol", { class: "gpt-best" }, ...best.map((token) => element("li", {}, strong(names[token]), ` ${percent(shown.p[token])}`))),
          say("In the text stands ", strong(shown.names[shown.t + 1] ?? "nothing yet"), ".")];
      }],
    ];

    function draw() {
      const [name, words] = steps[step];
      title.textContent = `Step ${step + 1} of ${steps.length}: ${name}`;
      body.replaceChildren(...words());
      back.disabled = step === 0;
      on.disabled = step === steps.length - 1;
    }

    return { node, open };
  }

  BookWidgets.gpt_tour = { panel, facts };
})();
