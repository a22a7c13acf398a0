// Which numbers are computed and which are read: a stored GPT writes a short text, with and without a KV cache.
//
//     ```{widget} cache
//     :data: widgets/cache.json
//     :weights: ../trained/gpt
//
//     What a reader sees without JavaScript, and on paper.
//     ```
//
// data: {"symbols": every character by its id, "config": the sizes of the model, "prompts": [text, …], "length": of the
// whole text in characters}. The model, from `:weights:`, is cache-weights.js; gpt_model.js computes with it, both ways.
//
// Counted are the multiply-adds of matrix products, attention's without the masked half; not norms, softmax, activations.
"use strict";

(() => {
  const { element, visible, inSlices, choice, button } = BookWidgets;
  const PAUSE = 900; // milliseconds between the steps of Play
  const BYTES = 4;   // of a number in float32

  /** Multiply-adds where the positions from `first` on, before `T`, pass through the model and look at all up to them. */
  function multiplyAdds({ n_layers: L, d_model: D, d_ff: F, vocab_size: V }, first, T) {
    const seen = (T * (T + 1) - first * (first + 1)) / 2; // pairs of a query and a key
    return (T - first) * (L * (4 * D * D + 2 * D * F) + V * D) + L * 2 * D * seen;
  }

  /** Numbers that a cache holds of T positions: a key and a value of every layer and key/value head. */
  const numbersKept = ({ n_layers: L, d_model: D, n_heads: H }, T, G = H) => (2 * L * G * D * T) / H;

  /** The steps of writing: each reads the positions from `first` on, before `T`; all that are there without a cache. */
  const stepsOf = (prompt, length) => Array.from({ length: length - prompt }, (_, n) => ({ first: n ? prompt + n - 1 : 0, T: prompt + n }));

  /** What becomes of a number in a step: `kind` is q, k, v, score (of query i and key j), out of one layer, or logits. */
  function fate(kind, i, j, { first, T }, cached, last) {
    if (Math.max(i, j) >= T) return "future";
    if (kind === "score" && j > i) return "masked";
    const handedOn = i === T - 1 || kind === "k" || kind === "v" || (kind !== "logits" && !last); // to what comes next
    if (i < first && cached) return kind === "k" || kind === "v" ? "read" : "past";
    if (!handedOn) return "unused";
    return i < first ? "again" : "new";
  }

  const FATES = {
    new: "computed now, the first time",
    read: "read from the cache",
    again: "computed again, to the same number",
    unused: "computed, and used by nothing that follows",
    past: "not needed any more",
    masked: "masked: never needed",
  };

  /** Write greedily, both ways at once; of each step its next token, with what p, and how far the logits are apart. */
  function* write(model, prompt, length) {
    const { Reading } = BookWidgets.gpt_model, kept = new Reading(model), tokens = [...prompt], steps = [];
    while (tokens.length < length) {
      const anew = new Reading(model);
      yield* kept.read(tokens);
      yield* anew.read(tokens);
      const logits = kept.logits.at(-1), others = anew.logits.at(-1);
      const next = logits.indexOf(Math.max(...logits));
      const difference = Math.max(...logits.map((z, i) => Math.abs(z - others[i])));
      steps.push({ next, p: BookWidgets.transformer.softmax(logits)[next], difference, logits, others });
      tokens.push(next);
    }
    return steps;
  }

  /** The model, read when it is first wanted. */
  const load = () => BookWidgets.model("cache", (config, tensors) => new BookWidgets.gpt_model.GPT(config, tensors), "gpt_model.js");

  BookWidgets.cache = { multiplyAdds, numbersKept, stepsOf, fate, write, load };

  // --- drawing -------------------------------------------------------------------------------------------------------

  const CELL = 20, LEFT = 58; // of the drawings; LEFT is where the first position stands
  const MARKS = { again: "M3 15L15 3", read: "M6 9a3 3 0 1 0 6 0a3 3 0 1 0-6 0", unused: "M4 4L14 14M14 4L4 14", masked: "M8 9h2" };

  function svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  /** A number as a square that shows its fate by its colour and by its mark. */
  function cell(x, y, what) {
    const node = svg("g", { class: `cache-cell cache-${what}`, transform: `translate(${x} ${y})` },
      svg("rect", { x: 1, y: 1, width: CELL - 4, height: CELL - 4, rx: 2 }));
    if (MARKS[what]) node.append(svg("path", { d: MARKS[what] }));
    return node;
  }

  const words = (x, y, text, name, anchor = "middle") => svg("text", { x, y, class: name, "text-anchor": anchor }, text);
  const drawing = (height, width) => svg("svg", { class: "cache-drawing", role: "img", viewBox: `0 0 ${width} ${height}` });
  const count = (n) => n.toLocaleString("en");
  const millions = (n) => `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} M`;
  const kilobytes = (n) => `${((n * BYTES) / 1000).toFixed(1)} kB`;

  BookWidgets.register("cache", (root, { symbols, config, prompts, length }) => {
    const { n_layers: L, n_heads: H } = config, width = LEFT + CELL * (length + 1.5);
    let prompt = [...prompts[0]].map((character) => symbols.indexOf(character)), steps = stepsOf(prompt.length, length);
    let written = null, at = 0, cached = true, layer = 1, timer = null; // at: steps done; written: what each step found
    const work = inSlices();

    const chooser = element("select", { onchange: begin }, ...prompts.map((text, i) => element("option", { value: i }, text)));
    const back = button("◀ Back", () => go(at - 1)), next = button("Step ▶", () => go(at + 1));
    const player = button("Play", () => (timer === null ? play() : stop())), reset = button("Reset", () => go(0));
    const numbered = Object.fromEntries(Array.from({ length: L }, (_, i) => [`n${i + 1}`, i + 1])); // in this order
    const onOff = choice("cache", { on: "on", off: "off" }, "on", (key) => { cached = key === "on"; draw(); });
    const which = choice("layer", numbered, "n1", (key) => { layer = +key.slice(1); draw(); });
    const told = element("p", { class: "cache-told", role: "status" });
    const check = element("p", { class: "cache-check" });
    const whole = drawing(CELL * (L + 2) + 6, width), parts = drawing(CELL * (length + 4), width), bars = drawing(96, width);
    const title = element("p", { class: "cache-title" }), rows = element("tbody");
    const heads = ["with the cache", "without"].map((name) => element("th", { scope: "col" }, name));
    const legend = element("ul", { class: "cache-legend" }, ...Object.entries(FATES).map(([what, text]) => element("li", {},
      svg("svg", { viewBox: `0 0 ${CELL - 2} ${CELL - 2}`, "aria-hidden": "true" }, cell(0, 0, what)), text)));
    root.append(
      element("div", { class: "widget-controls" }, element("label", {}, "text ", chooser), onOff.node, which.node),
      element("div", { class: "widget-controls" }, back, next, player, reset),
      told,
      element("div", { class: "cache-columns" },
        element("div", {}, title, parts),
        element("div", {}, element("p", { class: "cache-title" }, "The whole model"), whole,
          element("p", { class: "cache-title" }, "Multiply-adds of each step: filled with the cache, outlined without"), bars)),
      legend,
      element("table", { class: "cache-numbers" }, element("thead", {}, element("tr", {}, element("td"), ...heads)), rows),
      check);

    function begin() {
      prompt = [...prompts[chooser.value]].map((character) => symbols.indexOf(character));
      [steps, written] = [stepsOf(prompt.length, length), null];
      work.stop();
      go(0);
    }

    /** Show the text after so many steps; the first needs the model. */
    async function go(step, playing = false) {
      if (!playing) stop();
      const wanted = prompt;
      if (step > 0 && !written && !(await found())) return;
      if (wanted !== prompt) return; // another text was chosen meanwhile
      at = Math.max(0, Math.min(step, steps.length));
      draw();
    }

    /** Whether the model has been read and has written the text. */
    async function found() {
      if (root.ariaBusy === "true") return false; // whoever asked first goes on
      root.ariaBusy = "true";
      told.textContent = "Loading the model …";
      try {
        const model = await load(), from = prompt;
        let result = null;
        function* worker() { result = yield* write(model, from, length); }
        if ((await work.run(worker())) && from === prompt) written = result;
      } catch (error) {
        told.textContent = `The model did not load: ${error.message}. Press Step to try again.`;
      }
      root.ariaBusy = "false";
      return written !== null;
    }

    async function play() {
      timer = 0; // waiting
      draw();
      if (at === steps.length) at = 0;
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return go(steps.length);
      await tick();
    }

    async function tick() {
      const before = at;
      await go(at + 1, true);
      if (timer === null) return; // paused meanwhile
      if (at === before || at === steps.length) stop();
      else timer = setTimeout(tick, PAUSE);
    }

    function stop() {
      clearTimeout(timer);
      timer = null;
      controls();
    }

    function controls() {
      back.disabled = reset.disabled = at === 0;
      next.disabled = at === steps.length;
      player.textContent = timer === null ? "Play" : "Pause";
    }

    /** The text as it is after this step, as it is to be seen. */
    const names = () => [...prompt, ...(written ?? []).slice(0, at).map((step) => step.next)].map((token) => visible(symbols[token]));

    function draw() {
      const step = at ? steps[at - 1] : { first: 0, T: 0 };
      controls();
      drawLayer(step);
      drawModel(step);
      drawNumbers(step);
      drawBars();
      say(step);
    }

    const across = (i) => LEFT + i * CELL;

    function header(y) {
      return names().map((name, i) => words(across(i) + 9, y, name, i === names().length - 1 && at ? "cache-fresh" : "cache-name"));
    }

    /** One layer: keys and values above their column, queries and outputs beside their row, scores where they meet. */
    function drawLayer(step) {
      const down = (i) => CELL * (3.5 + i), all = [...Array(length).keys()], last = layer === L;
      const is = (kind, i, j = 0) => fate(kind, i, j, step, cached, last);
      title.textContent = `Layer ${layer}: what attends to what`;
      parts.replaceChildren(
        ...header(14), words(LEFT - 8, 2 * CELL - 6, "k", "cache-label"), words(LEFT - 8, 3 * CELL - 6, "v", "cache-label"),
        words(36, down(0) - 5, "q", "cache-label"), words(across(length) + 17, down(0) - 5, "out", "cache-label"),
        ...names().slice(0, step.T).map((name, i) => words(14, down(i) + 14, name, "cache-name")),
        ...all.flatMap((i) => [cell(across(i), CELL, is("k", i)), cell(across(i), 2 * CELL, is("v", i)), cell(27, down(i), is("q", i)),
          cell(across(length) + 8, down(i), is("out", i)), ...all.map((j) => cell(across(j), down(i), is("score", i, j)))]));
      parts.setAttribute("aria-label", at ? `layer ${layer}, step ${at}: ${tally(parts)}` : `layer ${layer}, before the first step`);
    }

    const tally = (node) => Object.entries(FATES).map(([what, text]) => [node.querySelectorAll(`.cache-${what}`).length, text])
      .filter(([n]) => n).map(([n, text]) => `${n} ${text}`).join("; ");

    /** Every layer's keys and values, and the logits, of each position. */
    function drawModel(step) {
      const rows = [["logits", "logits"], ...Array.from({ length: L }, (_, n) => ["k", `layer ${L - n}`])];
      whole.replaceChildren(...header(14), ...rows.flatMap(([kind, name], n) => [
        words(LEFT - 4, CELL * (n + 2) - 6, name, name === `layer ${layer}` ? "cache-row cache-fresh" : "cache-row", "end"),
        ...Array.from({ length }, (_, i) => cell(across(i), CELL * (n + 1), fate(kind, i, 0, step, cached, n < 2)))]));
      whole.setAttribute("aria-label", at ? `the whole model, step ${at}, a position and layer at a time: ${tally(whole)}` : "the whole model, before the first step");
    }

    const costOf = ({ first, T }, kept) => (T ? multiplyAdds(config, kept ? first : 0, T) : 0);

    function drawNumbers(step) {
      const both = (value) => [true, false].map(value), { first, T } = step;
      const spent = (kept) => steps.slice(0, at).reduce((sum, one) => sum + costOf(one, kept), 0);
      const held = (G) => (kept) => (kept ? `${count(numbersKept(config, T, G))} (${kilobytes(numbersKept(config, T, G))})` : "0");
      const table = [
        ["positions computed", ...both((kept) => T - (kept ? first : 0))],
        ["multiply-adds, this step", ...both((kept) => millions(costOf(step, kept)))],
        ["multiply-adds, all steps", ...both((kept) => millions(spent(kept)))],
        ["numbers read from the cache", ...both((kept) => (kept ? count(numbersKept(config, first)) : "0"))],
        ["numbers kept", ...both(held(H))],
        [`kept, were one key/value head shared by all ${H}`, ...both(held(1))],
      ];
      heads.forEach((head, i) => head.classList.toggle("cache-shown", cached === !i));
      rows.replaceChildren(...table.map(([name, ...values]) => element("tr", {}, element("th", { scope: "row" }, name),
        ...values.map((value, i) => element("td", { class: cached === !i ? "cache-shown" : "" }, value)))));
    }

    /** Two bars a step: with the cache, and, striped, without. */
    function drawBars() {
      const most = costOf(steps.at(-1), false), wide = (width - 8) / steps.length;
      const bar = (kept) => (one, n) => {
        const height = n < at ? (74 * costOf(one, kept)) / most : 0;
        return svg("rect", { class: kept ? "cache-kept" : "cache-anew", x: 4 + n * wide + (kept ? 0 : 0.42 * wide), y: 78 - height, width: 0.38 * wide, height });
      };
      bars.replaceChildren(svg("path", { class: "cache-ground", d: `M0 78H${width}` }), ...steps.map(bar(true)), ...steps.map(bar(false)),
        ...steps.map((_, n) => words(4 + n * wide + 0.4 * wide, 93, n + 1, "cache-row")));
      bars.setAttribute("aria-label", `multiply-adds of ${at} steps, with the cache and without: `
        + steps.slice(0, at).map((one) => `${millions(costOf(one, true))} and ${millions(costOf(one, false))}`).join("; "));
    }

    function say({ first, T }) {
      const said = at && written[at - 1];
      check.textContent = said ? `Both ways give the same ${config.vocab_size} logits: the largest difference is `
        + `${said.difference === 0 ? "0" : said.difference.toExponential(1)}.` : "";
      if (!said) {
        told.textContent = "Press Step: the model, a few megabytes, is read when you first do, and then writes in this page.";
        return;
      }
      const char = (i) => names()[i], percent = `${(100 * said.p).toFixed(0)}%`;
      const reads = at === 1 ? `the prompt, ${T} characters, is read at once` : `${char(T - 1)} is new`;
      const done = cached
        ? (at === 1 ? "Their keys and values are kept" : `It alone is computed; the keys and values of ${first} others are read`)
        : (at === 1 ? "Nothing is kept" : `All ${T} characters are computed, ${first} of them again`);
      told.textContent = `Step ${at} of ${steps.length}: ${reads}. ${done}. It writes ${char(T)} (${percent}).`;
    }

    draw();
  });
})();
