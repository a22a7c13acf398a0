// A word becomes phonemes while it is typed: the stored Transformer runs in the page, and shows where each step looks.
//
// data: {"letters": [string, …], "phonemes": [string, …] by their ids, "as_in": {phoneme: word}, "words": [word, …],
//        "right": {word: [pronunciation, …]} as the dictionary has them, "most_letters": N, "most_phonemes": M}
// The model, from the directive's `:weights:`, is pronounce-weights.js; it is loaded when first wanted.
"use strict";

(() => {
  const { element, visible, choice, button } = BookWidgets;
  const [PAD, BEGIN, END] = [0, 1, 2]; // as in transformer_lib.tokenizers.vocabulary
  const NAMES = { [PAD]: "[padding]", [BEGIN]: "[begin]", [END]: "[end]" };
  const BEAMS = 4, PENALTY = 0.6, RUNNERS = 3, LONG = 8; // letters: longer words have shades and no numbers

  /** What was typed as the ids of its letters, or the reason why it cannot be read. */
  function spell(typed, { letters, most_letters: most }) {
    const word = typed.trim().toLowerCase().replace(/[‘’ʼ]/g, "'");
    const characters = [...word];
    if (!word) return { problem: "There is no word yet: type one." };
    if (characters.length > most) {
      return { problem: `That is too long: ${characters.length.toLocaleString("en")} characters, and it never saw a word of more than ${most}.` };
    }
    const strange = [...new Set(characters.filter((c) => letters.indexOf(c) <= END))];
    if (strange.length) {
      const named = strange.map(visible).join(" ");
      return { problem: `It cannot read ${named}: its alphabet is a to z and the apostrophe, one word at a time.` };
    }
    return { word, source: characters.map((c) => letters.indexOf(c)) };
  }

  /** What the dictionary says to it, or that it is silent. */
  function judge(word, said, right) {
    const known = Object.hasOwn(right, word) ? right[word] : null;
    if (!known) return "This page has no dictionary entry to compare it with.";
    const all = known.join(" or ");
    return known.includes(said) ? `Right: the dictionary has ${all}.` : `Wrong: the dictionary has ${all}.`;
  }

  /** Write step by step what choose(ids, likeliest first; step) picks: [{token, p, next: [[id, p], …], weights}, …]. */
  function write(model, source, longest, choose) {
    const place = model.begin(source, longest), steps = [];
    for (let token = BEGIN; token !== END && steps.length < longest;) {
      const { logits, weights } = model.step(place, token);
      const probabilities = BookWidgets.transformer.softmax(logits);
      const order = ranked(probabilities);
      token = choose(order, steps.length);
      steps.push({ token, p: probabilities[token], next: order.slice(0, RUNNERS).map((id) => [id, probabilities[id]]), weights });
    }
    return steps;
  }

  /** Ids by their values, largest first, without padding, which is never written. */
  const ranked = (values) => [...values.keys()].filter((id) => id !== PAD).sort((a, b) => values[b] - values[a] || a - b);

  const greedy = (model, source, longest) => write(model, source, longest, (order) => order[0]);

  const penalty = (length) => ((5 + length) / 6) ** PENALTY;

  /** The tokens of the best hypothesis of transformer_lib.generation.beam_search, end not included. The search is over
   * when no prefix alive can still come to beat it: a probability only falls, and no penalty is above the last one. */
  function search(model, source, longest, beams = BEAMS) {
    let alive = [{ tokens: [], nats: 0, place: model.begin(source, longest) }], best = { score: -Infinity };
    for (let length = 1; alive.length && alive[0].nats / penalty(longest) > best.score; length++) {
      const continued = alive.flatMap((beam) => {
        const { logits } = model.step(beam.place, beam.tokens.at(-1) ?? BEGIN);
        const nats = BookWidgets.transformer.softmax(logits).map((p) => beam.nats + Math.log(p));
        return ranked(nats).slice(0, 2 * beams).map((token) => ({ beam, token, nats: nats[token] }));
      }).sort((a, b) => b.nats - a.nats);
      const ends = ({ token }) => token === END || length === longest;
      for (const { beam, token, nats } of continued.slice(0, beams).filter(ends)) {
        const tokens = token === END ? beam.tokens : [...beam.tokens, token], score = nats / penalty(length);
        if (score > best.score) best = { tokens, score };
      }
      alive = continued.slice(0, 2 * beams).filter((one) => !ends(one)).slice(0, beams)
        .map(({ beam, token, nats }) => ({ tokens: [...beam.tokens, token], nats, place: model.fork(beam.place) }));
    }
    return best.tokens;
  }

  /** The steps that a search with beams prefers. */
  function beamed(model, source, longest) {
    const tokens = search(model, source, longest);
    return write(model, source, longest, (_, step) => tokens[step] ?? END);
  }

  /** The model, read when it is first wanted. */
  const load = () => BookWidgets.model("pronounce",
    (config, tensors) => new BookWidgets.RotaryTransformer(config, tensors), "rotary_transformer.js");

  /** The weights (S) of one step in a layer: of one head, or the mean of all. */
  function weightsOf(step, layer, head) {
    const heads = step.weights[layer].map((row) => [...row]);
    return head === "mean" ? heads[0].map((_, s) => heads.reduce((sum, one) => sum + one[s], 0) / heads.length) : heads[head];
  }

  const percent = (p) => (p >= 0.9995 ? "100%" : p < 0.001 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);

  BookWidgets.pronounce = { spell, judge, greedy, search, beamed, load };

  BookWidgets.register("pronounce", (root, data) => {
    const { phonemes, as_in, most_phonemes: longest } = data;
    let model = null, letters = [], steps = [], at = 0, layer = 0, head = "mean", writes = greedy;
    const name = (id) => NAMES[id] ?? phonemes[id];

    const input = element("input", {
      type: "text", value: "knight", size: 24, spellcheck: "false", autocomplete: "off", autocapitalize: "none",
      oninput: say, onkeydown: (event) => event.key === "Enter" && say(),
    });
    const told = element("p", { class: "pronounce-told", role: "status" },
      "Press Pronounce, or type: the model is read when you first do, about 8 MB, and then runs in this page.");
    const picked = (word) => button(word, () => { input.value = word; say(); });
    const how = choice("search", { greedy: "greedy", beams: `${BEAMS} beams` }, "greedy",
      (key) => { writes = { greedy, beams: beamed }[key]; if (model) say(); });
    const strip = element("div", { class: "pronounce-strip" });
    const looks = element("div", { class: "widget-controls" });
    const line = element("div", { class: "pronounce-line" });
    const next = element("tbody"), table = element("table", { class: "pronounce-steps" });
    const result = element("div", { hidden: true }, strip, looks, line,
      element("div", { class: "pronounce-columns" },
        element("div", {}, element("p", { class: "pronounce-title" }, "What it might write here"),
          element("table", { class: "pronounce-next", "aria-label": "the likeliest phonemes" }, next)),
        element("div", {}, element("p", { class: "pronounce-title" }, "Cross-attention, a row a step"),
          element("div", { class: "pronounce-scroll", tabindex: 0, role: "group", "aria-label": "cross-attention of all steps" }, table))));
    root.append(
      element("div", { class: "widget-controls" }, element("label", { class: "pronounce-word" }, "word", input), button("Pronounce", say), how.node),
      element("div", { class: "widget-controls" }, element("span", { class: "widget-note" }, "never seen in training:"),
        ...data.words.map(picked)),
      told, result);

    /** Say what stands in the field now; the model comes first, if it is not there. */
    function say() {
      const { problem, word, source } = spell(input.value, data);
      result.hidden = true;
      if (problem) return tell(problem);
      if (!model) return fetchModel();
      letters = [...word];
      steps = writes(model, source, longest);
      at = 0;
      const said = steps.filter(({ token }) => token > END).map(({ token }) => name(token)).join(" ");
      const probability = percent(steps.reduce((product, { p }) => product * p, 1));
      const cut = steps.at(-1).token === END ? "" : ` It found no end within ${longest} phonemes.`;
      tell(`${word}: ${said || "nothing"} (probability ${probability}).${cut}`, judge(word, said, data.right));
      show();
    }

    function tell(words, verdict = "") {
      const kind = verdict.startsWith("Right") ? " pronounce-right" : verdict.startsWith("Wrong") ? " pronounce-wrong" : "";
      told.replaceChildren(words, ...(verdict ? [" ", element("span", { class: `pronounce-verdict${kind}` }, verdict)] : []));
    }

    function fetchModel() {
      if (root.ariaBusy === "true") return;
      root.ariaBusy = "true";
      tell("Loading the model …");
      load().then((loaded) => {
        root.ariaBusy = "false";
        model = loaded;
        drawLooks();
        say();
      }, (error) => {
        root.ariaBusy = "false";
        tell(`The model did not load: ${error.message}. Press Pronounce to try again.`);
      });
    }

    /** The strips that pick a layer and a head: how many there are, the model knows. */
    function drawLooks() {
      const numbered = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`n${i}`, i + 1]));
      const { n_layers, n_heads } = model.config;
      layer = n_layers - 1;
      looks.replaceChildren(
        choice("decoder layer", numbered(n_layers), `n${layer}`, (key) => { layer = +key.slice(1); draw(); }).node,
        choice("head", { mean: "mean", ...numbered(n_heads) }, head,
          (key) => { head = key === "mean" ? key : +key.slice(1); draw(); }).node);
    }

    let stepChoice;

    function show() {
      stepChoice = choice("writes", Object.fromEntries(steps.map(({ token }, i) => [`s${i}`, name(token)])), "s0",
        (key) => { at = +key.slice(1); draw(); });
      strip.replaceChildren(stepChoice.node);
      result.hidden = false;
      draw();
    }

    /** A cell's shade, never so dark that its letters are lost. */
    const shade = (w) => ({ style: `background: rgba(var(--widget-heat), ${(0.45 * w).toFixed(3)})` });

    function draw() {
      const step = steps[at], weights = weightsOf(step, layer, head);
      line.replaceChildren(element("span", {}, "looks at"), ...letters.map((letter, s) => element("span",
        { class: "pronounce-letter", ...shade(weights[s]) }, letter, element("small", {}, weights[s].toFixed(2)))));
      const shown = step.next.some(([id]) => id === step.token) ? step.next : [...step.next, [step.token, step.p]];
      next.replaceChildren(...shown.map(([id, p]) => element("tr", { class: id === step.token ? "pronounce-taken" : "" },
        element("th", { scope: "row" }, name(id)),
        element("td", {}, as_in[name(id)] ? `as in ${as_in[name(id)]}` : ""),
        element("td", {}, element("span", { class: "pronounce-bar", style: `width: ${(100 * p).toFixed(1)}%` })),
        element("td", {}, percent(p)))));
      const long = letters.length > LONG;
      root.classList.toggle("pronounce-long", long);
      const choose = (i) => () => { at = i; stepChoice.set(`s${i}`); draw(); };
      table.replaceChildren(
        element("thead", {}, element("tr", {}, element("td", {}),
          ...letters.map((letter) => element("th", { scope: "col" }, letter)))),
        element("tbody", {}, ...steps.map((one, i) => element("tr", { "aria-current": i === at ? "step" : null, onclick: choose(i) },
          element("th", { scope: "row" }, name(one.token)),
          ...weightsOf(one, layer, head).map((w) => element("td", shade(w), long || w < 0.095 ? "" : w.toFixed(1)))))));
    }
  });
})();
