// The reader hides characters of a text; BERT fills each from both sides, and its causal twin from the left alone, or
// from both sides as well, by trying every character in the hole.
//
// data: {"symbols": [character, …] by their ids, "marks": {name: id}, "texts": [{"text": string, "hide": [word, …]}, …],
//        "most": N characters}
// The models are blanks-weights.js and blanks-bert_twin-weights.js; they are loaded when first wanted.
"use strict";

(() => {
  const { element, button, choice, visible } = BookWidgets;
  const EPSILON = 1e-12, SHOWN = 4, READ_ON = 8;

  /** The ids of a text's characters, at most as many as a model can read; those it does not know are left out. */
  function read(text, { symbols, most }) {
    const ids = new Map(symbols.map((symbol, id) => [symbol, id]));
    const characters = [...text.normalize("NFC").replace(/\r\n?/g, "\n").replace(/[‘’ʼ]/g, "'").replace(/[“”]/g, '"').replace(/\t/g, " ")];
    const strange = [...new Set(characters.filter((c) => !ids.has(c)))];
    const known = characters.filter((c) => ids.has(c)).map((c) => ids.get(c));
    return { ids: known.slice(0, most), strange, cut: known.length > most };
  }

  // --- the model of transformer_lib/models/bert.py ------------------------------------------------------------------

  const SLOPE = 2 / Math.sqrt(Math.PI);

  /** erf(x), by a series whose terms all have one sign: nothing cancels. */
  function erf(x) {
    const size = Math.abs(x);
    if (size > 6) return Math.sign(x);
    let term = size, sum = size;
    for (let n = 1; term > 1e-17 * sum; n++) sum += term *= (2 * size * size) / (2 * n + 1);
    return Math.sign(x) * SLOPE * Math.exp(-size * size) * sum;
  }

  const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));

  function joined(first, second) {
    const all = new Float32Array(first.length + second.length);
    all.set(first);
    all.set(second, first.length);
    return all;
  }

  class Encoder {
    /** prefix: what the names of the stored tensors begin with; causal: whether none may look ahead. */
    constructor(config, tensors, { prefix = "", causal = false } = {}) {
      Object.assign(this, { config, tensors, prefix, causal });
    }

    tensor(name) {
      const full = this.prefix + name;
      if (!(full in this.tensors)) throw new Error(`the stored model has no tensor ${full}`);
      return this.tensors[full];
    }

    linear(name, x, O) {
      return BookWidgets.transformer.linear(x, this.tensor(`${name}.weight`), this.tensor(`${name}.bias`), O);
    }

    norm(name, x) {
      return BookWidgets.transformer.norm(x, this.tensor(`${name}.weight`), this.tensor(`${name}.bias`), EPSILON);
    }

    /** norm(x + y), each row by itself. */
    addAndNorm(layer, x, y) {
      return this.norm(`${layer}_residual.norm`, x.map((value, i) => value + y[i]));
    }

    /** The stream after the last layer (T, D), all tokens in segment 0. A causal model can go on from `past`, the keys
     *  and values [layer] of the tokens before these; `kept` takes those of both. */
    encode(tokens, { past, kept = [] } = {}) {
      const { d_model: D, d_ff: F, n_layers, n_heads } = this.config, S = past ? past[0].k.length / D : 0;
      const [table, places, segments] = ["tokens", "positions.table", "segments"].map((name) => this.tensor(`embedding.${name}.weight`));
      let x = new Float32Array(tokens.length * D);
      tokens.forEach((token, t) => {
        for (let i = 0; i < D; i++) x[t * D + i] = table[token * D + i] + places[(S + t) * D + i] + segments[i];
      });
      x = this.norm("embedding.norm", x);
      const sees = this.causal ? (t) => S + t + 1 : undefined;
      for (let n = 0; n < n_layers; n++) {
        const layer = `blocks.${n}`, [q, newK, newV] = ["q", "k", "v"].map((w) => this.linear(`${layer}.attention.w_${w}`, x, D));
        const k = past ? joined(past[n].k, newK) : newK, v = past ? joined(past[n].v, newV) : newV;
        kept.push({ k, v });
        const { out } = BookWidgets.transformer.attend(q, k, v, D, n_heads, sees);
        x = this.addAndNorm(`${layer}.attention`, x, this.linear(`${layer}.attention.w_o`, out, D));
        const up = this.linear(`${layer}.feed_forward.up`, x, F).map(gelu);
        x = this.addAndNorm(`${layer}.feed_forward`, x, this.linear(`${layer}.feed_forward.down`, up, D));
      }
      return x;
    }

    /** Logits (V) of the token at each of some places: the head runs for no others. `how` goes to encode. */
    logits(tokens, places, how) {
      const { d_model: D, vocab_size: V } = this.config, x = this.encode(tokens, how);
      return places.map((t) => {
        const row = this.linear("head.transform", x.subarray(t * D, (t + 1) * D), D).map(gelu);
        const [table, bias] = ["embedding.tokens.weight", "head.vocabulary.bias"].map((name) => this.tensor(name));
        return BookWidgets.transformer.linear(this.norm("head.norm", row), table, bias, V); // tied to the embedding
      });
    }
  }

  /** Both models, read when they are first wanted. */
  const load = () => Promise.all([
    BookWidgets.model("blanks", (config, tensors) => new Encoder(config, tensors, { prefix: "masked." })),
    BookWidgets.model("blanks-bert_twin", (config, tensors) => new Encoder(config, tensors, { causal: true })),
  ]).then(([bert, twin]) => ({ bert, twin }));

  /** What both say of each hidden place: probabilities (V) by BERT, all hidden places masked, and by the twin, which
   *  reads what stands before the place, whether the reader sees it or not. Places count from the first character. */
  function fill({ bert, twin }, ids, hidden, marks) {
    const { softmax } = BookWidgets.transformer, cls = marks["[CLS]"];
    const masked = [cls, ...ids.map((id, t) => (hidden.includes(t) ? marks["[MASK]"] : id)), marks["[SEP]"]];
    const guesses = bert.logits(masked, hidden.map((t) => t + 1));
    const ahead = twin.logits([cls, ...ids], hidden);
    return hidden.map((t, i) => ({ place: t, bert: softmax(guesses[i]), twin: softmax(ahead[i]) }));
  }

  /** The twin's probabilities (V) of one hidden place, by Bayes: p(c | left) p(right | left, c), over the sum of that for
   *  all c. It reads on to the next hidden place, READ_ON characters at most, and yields after each c that it has tried. */
  function* tryEach({ twin }, ids, hidden, place, marks) {
    const { softmax } = BookWidgets.transformer, kept = [];
    const end = Math.min(hidden.find((t) => t > place) ?? ids.length, place + 1 + READ_ON), right = ids.slice(place + 1, end);
    const [left] = twin.logits([marks["[CLS]"], ...ids.slice(0, place)], [place], { kept });
    const scores = softmax(left).map(Math.log);
    for (let c = 0; right.length && c < scores.length; c++) {
      twin.logits([c, ...right.slice(0, -1)], [...right.keys()], { past: kept })
        .forEach((row, i) => { scores[c] += Math.log(softmax(row)[right[i]]); });
      yield c;
    }
    return softmax(scores);
  }

  BookWidgets.blanks = { read, erf, Encoder, load, fill, tryEach };

  // --- the page -----------------------------------------------------------------------------------------------------

  const percent = (p) => (p >= 0.9995 ? "100%" : p < 0.001 ? "<0.1%" : `${(100 * p).toFixed(1)}%`);

  BookWidgets.register("blanks", (root, data) => {
    const { symbols, marks, texts, most } = data;
    const TRIED = "the twin, each character tried";
    let models = null, ids = [], hidden = [], notes = "", at = 0;
    const name = (id) => visible(symbols[id] ?? Object.keys(marks).find((mark) => marks[mark] === id));

    const input = element("input", { type: "text", spellcheck: "false", autocomplete: "off", oninput: () => take([]) });
    const told = element("p", { class: "blanks-told", role: "status" });
    const line = element("div", { class: "blanks-line", role: "group", "aria-label": "characters: press one to hide it" });
    const which = element("div"), answers = element("div", { class: "blanks-columns" });
    root.append(
      element("label", { class: "blanks-text" }, "text", input),
      element("div", { class: "widget-controls" }, element("span", { class: "widget-note" }, "from plays never seen in training:"),
        ...texts.map((one, i) => button(String(i + 1), () => show(one)))),
      line, told, which, answers);
    show(texts[0]);

    /** Put a text into the field, with some of its words hidden. */
    function show({ text, hide }) {
      input.value = text;
      take(hide);
    }

    /** Read the field anew and hide the words in a list, each where it stands first. */
    function take(hide) {
      const { ids: known, strange, cut } = read(input.value, data);
      ids = known;
      const written = ids.map((id) => symbols[id]).join("");
      hidden = hide.flatMap((word) => Array.from(word, (_, i) => written.indexOf(word) + i)).filter((t) => t >= 0 && t < ids.length);
      notes = (strange.length ? `The plays have no ${strange.slice(0, 12).map(visible).join(" ")}: left out. ` : "")
        + (cut ? `Only the first ${most} characters are read: the models know no more places. ` : "");
      at = 0;
      draw();
    }

    function toggle(t) {
      hidden = hidden.includes(t) ? hidden.filter((one) => one !== t) : [...hidden, t].sort((a, b) => a - b);
      at = Math.max(hidden.indexOf(t), 0);
      draw();
      line.children[t].focus();
    }

    /** Arrow keys walk along the text; only one of its characters is a stop of the Tab key. */
    function walk(event, t) {
      const next = { ArrowRight: t + 1, ArrowLeft: t - 1, Home: 0, End: ids.length - 1 }[event.key];
      if (next === undefined || !line.children[next]) return;
      event.preventDefault();
      line.children[t].tabIndex = -1;
      line.children[next].tabIndex = 0;
      line.children[next].focus();
    }

    function draw() {
      line.replaceChildren(...ids.map((id, t) => {
        const gone = hidden.includes(t);
        return element("button", {
          type: "button", class: "blanks-character", "aria-pressed": String(gone), tabindex: t === (hidden[at] ?? 0) ? 0 : -1,
          "aria-label": `${name(id)}${gone ? ", hidden" : ""}`, onclick: () => toggle(t), onkeydown: (event) => walk(event, t),
        }, gone ? "▢" : symbols[id] === " " ? "\u00a0" : visible(symbols[id]));
      }));
      which.replaceChildren();
      answers.replaceChildren();
      if (!ids.length) return tell(`${notes}There is nothing to read yet: type a text.`);
      if (!hidden.length) return tell(`${notes}Press a character to hide it.`);
      if (!models) return tell(`${notes}The two models are read when you want them, about 5 MB, and then run in this page.`, true);
      const filled = fill(models, ids, hidden, marks);
      const sure = (p) => (filled.length === 1 ? ` (${percent(p[best(p)[0]])})` : "");
      const guess = (key) => filled.map((one) => name(best(one[key])[0])).join("") + sure(filled[0][key]);
      tell(`${notes}Hidden: ${hidden.map((t) => name(ids[t])).join("")}. BERT says ${guess("bert")}, the twin says ${guess("twin")}.`);
      if (filled.length > 1) {
        which.append(choice("blank", Object.fromEntries(filled.map((_, i) => [`b${i}`, i + 1])), `b${at}`,
          (key) => { at = +key.slice(1); answer(filled[at]); }).node);
      }
      answer(filled[at]);
    }

    function tell(words, offer = false) {
      told.replaceChildren(words, ...(offer ? [" ", button("Fill the blanks", fetchModels)] : []));
    }

    function fetchModels() {
      if (root.ariaBusy === "true") return;
      root.ariaBusy = "true";
      tell("Loading the models …");
      load().then((loaded) => {
        models = loaded;
        draw();
      }).catch((error) => tell(`The models did not load: ${error.message}.`, true)).finally(() => { root.ariaBusy = "false"; });
    }

    const best = (p) => [...p.keys()].sort((a, b) => p[b] - p[a] || a - b).slice(0, SHOWN);

    /** Three columns of bars, the truth among them. The last takes a second, and is given up when another is asked for. */
    async function answer({ place, bert, twin }) {
      const last = element("div", {}, element("p", { class: "blanks-title" }, TRIED), element("p", { class: "widget-note" }, "trying …"));
      answers.replaceChildren(bars("BERT, from both sides", bert, place), bars("the twin, from the left", twin, place), last);
      const trial = tryEach(models, ids, hidden, place, marks);
      for (let step = { done: false }; !step.done;) {
        await new Promise((resume) => setTimeout(resume));
        if (!last.isConnected) return;
        for (const until = performance.now() + 30; !step.done && performance.now() < until;) step = trial.next();
        if (step.done) last.replaceWith(bars(TRIED, step.value, place));
      }
    }

    function bars(title, p, place) {
      const truth = ids[place], shown = best(p), rows = shown.includes(truth) ? shown : [...shown, truth];
      return element("div", {},
        element("p", { class: "blanks-title" }, title),
        element("table", { class: "blanks-bars", "aria-label": `${title}: the likeliest characters` }, element("tbody", {},
          ...rows.map((id) => element("tr", { class: id === truth ? "blanks-truth" : "" },
            element("th", { scope: "row" }, name(id)),
            element("td", {}, element("span", { class: "blanks-bar", style: `width: ${(100 * p[id]).toFixed(1)}%` })),
            element("td", {}, percent(p[id])))))));
    }
  });
})();
