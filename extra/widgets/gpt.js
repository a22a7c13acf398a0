// A stored GPT writes in the page: what comes next, where each head looks, and what each part is for, by its absence.
//
// data: {"symbols": every character by its id, "prompts": [{"name", "text"}, …], "passage": {"name", "text"},
//        "example": what it wrote to the first prompt, {"written", "bits" of each character, "next": [[character, p], …]}}
// The model, from the directive's `:weights:`, is gpt-weights.js; gpt_model.js computes, gpt_maps.js draws its parts, and
// gpt_tour.js follows one character through it.
"use strict";

(() => {
  const { element, random, choose, visible, inSlices, textArea, seedField, button } = BookWidgets;
  const MANY = 100;   // characters written at a press
  const SHOWN = 8;    // candidates for the next character
  const PASTED = 20_000, KEPT = 600; // characters taken from what is pasted, and shown of what was written

  const count = (n) => n.toLocaleString("en");

  /** What was typed as the ids of its last characters, with a note where some are not read; or the reason why none are. */
  function encode(typed, symbols, most) {
    const characters = [...typed.replace(/\r\n?/g, "\n").replace(/[‘’ʼ]/g, "'")];
    if (!characters.length) return { problem: "There is nothing to go on from: type at least one character." };
    const strange = [...new Set(characters.filter((character) => !symbols.includes(character)))];
    if (strange.length) {
      const more = strange.length > 6 ? ` and ${count(strange.length - 6)} more` : "";
      return { problem: `It cannot read ${strange.slice(0, 6).map(visible).join(" ")}${more}: its alphabet is the `
        + `${symbols.length} characters of the plays. Take them out, and it goes on.` };
    }
    const note = characters.length > most
      ? `It reads ${count(most)} characters at once: of your ${count(characters.length)} it sees the last ${count(most)}. ` : "";
    return { tokens: characters.slice(-most).map((character) => symbols.indexOf(character)), note };
  }

  /** The model, read when it is first wanted. */
  const load = () => BookWidgets.model("gpt", (config, tensors) => new BookWidgets.gpt_model.GPT(config, tensors),
    "sampling.js", "gpt_model.js", "gpt_maps.js", "gpt_tour.js");

  const change = (was, is) => {
    const size = Math.abs(is - was).toFixed(2);
    return +size ? `${is < was ? "−" : "+"}${size}` : size;
  };

  BookWidgets.gpt = { encode, load };

  BookWidgets.register("gpt", (root, { symbols, prompts, passage, example }) => {
    let model = null, reading, whole, knobs, parts, tour; // of the text: as the switches are, and with everything on
    let prompt = [], written = [], dice = [], uniform = random(1), note = "", earlier = null;
    let writing = false;
    const work = inSlices();
    const passageBits = new Map(); // by what is off
    const names = Array.from(symbols, visible);

    const field = textArea("prompt", PASTED, typed);
    field.area.rows = 3;
    const told = element("p", { class: "gpt-told", role: "status" },
      `${example ? `Below is what the model wrote to this prompt with seed 1. ` : ""}Press Write, or type: the model, a few megabytes, is `
        + "read when you first do, and then runs in this page.");
    const one = button("Write 1", () => write(1));
    const many = button(`Write ${MANY}`, () => (writing ? stop() : write(MANY)));
    const again = button("Again, same dice", rewrite), clear = button("Start over", () => { written = []; earlier = null; update(); });
    const guided = button("Guided tour", follow);
    const seed = seedField(1, (value) => { uniform = random(value); dice = []; });
    const pane = (name, label) => element("div", { class: name, tabindex: 0, role: "group", "aria-label": label });
    const text = pane("gpt-text", "the text"), past = pane("gpt-text gpt-earlier", "what was written before");
    const next = element("tbody"), scores = element("tbody");
    const result = element("div", { hidden: true, "aria-busy": "true" });
    const title = (words) => element("p", { class: "gpt-title" }, words);
    const table = (label, head, body) => element("table", { class: label }, element("thead", {}, element("tr", {},
      ...head.map((word) => (word ? element("th", { scope: "col" }, word) : element("td"))))), body);
    const first = example && opening();
    root.append(field.node,
      element("div", { class: "widget-controls" }, element("span", { class: "widget-note" }, "or take"),
        ...prompts.map(({ name, text: words }) => button(name, () => { field.area.value = words; typed(); }))),
      element("div", { class: "widget-controls" }, one, many, again, clear, guided, seed),
      told, ...(first ? [first] : []), result);
    field.area.value = prompts[0].text;
    controls();

    const tell = (words) => { told.textContent = note + words; };
    const all = () => [...prompt, ...written];
    const seen = () => all().slice(-model.config.context_length);

    /** A character of the text, shaded by the bits it cost. */
    function shaded(symbol, spent, given) {
      const style = spent > 0.5 ? `background: rgba(var(--gpt-surprise), ${Math.min(spent / 20, 0.4).toFixed(3)})` : null;
      return element("span", { class: given ? "gpt-prompt" : null, style }, symbol);
    }

    /** What the model wrote before it is here: a text, and what might have come next. */
    function opening() {
      const { written: words, bits, next: candidates } = example, given = [...prompts[0].text].length, all = [...prompts[0].text + words];
      const shown = pane("gpt-text", "an example of the text");
      shown.append(element("div", { "aria-hidden": "true" }, ...all.map((symbol, i) => shaded(symbol, i ? bits[i] : 0, i < given))),
        element("div", { class: "gpt-unseen" }, all.join("")));
      const rows = candidates.map(([symbol, p]) => {
        const bar = element("div", { class: "gpt-bar" });
        for (const name of ["--is", "--was"]) bar.style.setProperty(name, p);
        return element("tr", {}, element("th", { scope: "row" }, visible(symbol)), element("td", {}, bar), element("td", {}, `${(100 * p).toFixed(1)}%`));
      });
      return element("div", { class: "gpt-columns gpt-example" },
        element("div", {}, title("An example, shaded by surprise"), shown),
        element("div", {}, title("What might come next"), table("gpt-next", ["", "probability", ""], element("tbody", {}, ...rows))));
    }

    /** The prompt is another one: what was written to the old one goes. */
    async function typed() {
      work.stop();
      if (tour) tour.node.hidden = true;
      written = [];
      earlier = null;
      writing = false;
      if (await ready()) update();
    }

    /** Whether there is a model, and a prompt that it can read. */
    async function ready() {
      const { problem, tokens, note: said } = encode(field.area.value, symbols, model?.config.context_length ?? PASTED);
      note = "";
      result.hidden = true;
      controls();
      if (problem) return tell(problem);
      if (!model) return (await fetched()) && ready();
      [prompt, note] = [tokens, said];
      result.hidden = false;
      return true;
    }

    async function fetched() {
      if (root.ariaBusy === "true") return false; // whoever asked first goes on
      root.ariaBusy = "true";
      tell("Loading the model …");
      try {
        model = await load();
        build();
      } catch (error) {
        tell(`The model did not load: ${error.message}. Press Write to try again.`);
      }
      root.ariaBusy = "false";
      return model !== null;
    }

    function build() {
      const { gpt_model } = BookWidgets;
      knobs = BookWidgets.sampling.knobs(drawNext);
      const turned = (off) => { reading = new gpt_model.Reading(model, structuredClone(off)); update(); };
      parts = BookWidgets.gpt_maps.panel(model.config, turned, button("Measure each part", () => update("", measurer())));
      [reading, whole] = [new gpt_model.Reading(model), new gpt_model.Reading(model)];
      first?.remove();
      tour = BookWidgets.gpt_tour.panel(model, names);
      result.append(
        tour.node,
        element("div", { class: "gpt-columns" },
          element("div", {}, title("The text, shaded by surprise"), text, past),
          element("div", {}, title("Next: press one to write it"), table("gpt-next", ["", "outline: the whole model", ""], next))),
        element("div", { class: "gpt-knobs" }, ...knobs.nodes),
        title("Turn a part off"),
        parts.switches,
        table("gpt-scores", ["bits per character", "", "whole", "now", "change"], scores),
        element("p", { class: "widget-note" }, `Lower is better; a blind guess costs ${Math.log2(symbols.length).toFixed(2)}. `
          + "What a model wrote itself flatters it: the speech, which no model saw, does not."),
        parts.node);
    }

    // --- writing ---------------------------------------------------------------------------------------------------

    async function write(howMany) {
      if (!(await ready())) return;
      writing = true;
      controls();
      const started = { length: written.length, busy: 0 };
      const done = await work.run(writer(howMany, started));
      if (done) finish(started);
    }

    function* writer(howMany, started) {
      tell(`Writing ${howMany} …`);
      yield* reading.read(seen());
      for (let n = 0; n < howMany; n++) {
        const before = performance.now();
        written.push(choose(distribution(), () => (dice[written.length] ??= nextDie())));
        yield* reading.read(seen());
        started.busy += performance.now() - before;
        show();
        yield work.seen;
      }
    }

    /** The n-th character written is drawn with the n-th number of the seed, whatever happened before. */
    function nextDie() {
      while (dice.length < written.length) dice.push(uniform());
      return uniform();
    }

    function finish({ length, busy }) {
      const n = written.length - length;
      writing = false;
      const rate = n ? `${(busy / n).toFixed(busy / n < 10 ? 1 : 0)} ms each` : "";
      const slid = all().length > model.config.context_length
        ? ` It sees the last ${count(model.config.context_length)} characters, and reads them anew for each.` : "";
      update(`${n === 1 ? "1 character" : `${count(n)} characters`} written, ${rate}.${slid}`);
    }

    /** The tour goes through the text as the whole model reads it. */
    async function follow() {
      if (!(await ready())) return;
      await update("The tour follows one character of your text through the whole model.");
      tour.open(whole);
    }

    function stop() {
      work.stop();
      writing = false;
      update(`Stopped after ${count(written.length)}.`);
    }

    /** What was written is written once more, with the same random numbers: what differs is the model's doing. */
    function rewrite() {
      earlier = written;
      written = [];
      write(earlier.length);
    }

    const distribution = () => BookWidgets.sampling.distribution([...reading.logits.at(-1)], knobs.settings());

    /** Read and show anew what has changed, or do what another worker does that ends so. */
    async function update(words = "", worker = settle(words)) {
      if (!model) return;
      writing = false;
      controls();
      result.ariaBusy = "true";
      if (await work.run(worker)) result.ariaBusy = "false";
    }

    function* settle(words) {
      yield* reading.read(seen());
      tell(words || "Ready.");
      show();
      yield work.seen;
      yield* whole.read(seen());
      show();
      drawScores();
      for (const off of [BookWidgets.gpt_model.WHOLE, reading.off]) {
        yield* passageWithout(off);
        drawScores();
      }
    }

    /** Bits per character of the held-out passage with some parts off; computed once. */
    function* passageWithout(off) {
      const key = JSON.stringify(off);
      if (!passageBits.has(key)) {
        passageBits.set(key, yield* BookWidgets.gpt_model.score(model, off, encode(passage.text, symbols, PASTED).tokens));
      }
      return passageBits.get(key);
    }

    /** Turn each part off by itself, and write beside its switch what that adds to the passage's bits per character. */
    function* measurer() {
      const each = parts.each();
      tell(`Measuring ${each.length} parts, one after the other …`);
      const intact = yield* passageWithout(BookWidgets.gpt_model.WHOLE);
      for (const [n, { off, price }] of each.entries()) {
        price(change(intact, yield* passageWithout(off)));
        parts.progress(n + 1, each.length);
        yield work.seen;
      }
      yield* settle(`Beside each switch: what turning off that part alone adds to the bits per character of ${passage.name}.`);
    }

    // --- showing ---------------------------------------------------------------------------------------------------

    function controls() {
      many.textContent = writing ? "Stop" : `Write ${MANY}`;
      one.disabled = writing;
      again.disabled = writing || !written.length;
      clear.disabled = !written.length;
    }

    function show() {
      controls();
      drawText();
      drawNext();
      if (reading.tokens.length) parts.show(reading, reading.tokens.map((token) => names[token]));
    }

    /** The text as it has been read, each character shaded by the bits it cost; what is out of sight has no shade. */
    function drawText() {
      const tokens = all(), first = Math.max(0, tokens.length - KEPT), bits = reading.bits(), unread = tokens.length - bits.length;
      const spans = tokens.slice(first).map((token, i) => {
        const spent = first + i > unread ? bits[first + i - unread] : 0; // what is read first has nothing to be foretold from
        return shaded(symbols[token], spent, first + i < prompt.length);
      });
      text.replaceChildren(element("div", { "aria-hidden": "true" }, ...spans),
        element("div", { class: "gpt-unseen" }, tokens.slice(first).map((token) => symbols[token]).join("")));
      text.scrollTop = text.scrollHeight;
      past.hidden = !earlier;
      past.textContent = (earlier ?? []).map((token) => symbols[token]).join("");
    }

    function drawNext() {
      if (!reading.logits.length) return;
      const { percent, distribution: plain } = BookWidgets.sampling, is = distribution(), now = plain([...reading.logits.at(-1)]);
      const fresh = whole.tokens.length === reading.tokens.length && whole.tokens.every((token, i) => token === reading.tokens[i]);
      const was = fresh ? plain([...whole.logits.at(-1)]) : now;
      const order = [...now.keys()].sort((a, b) => now[b] - now[a] || a - b).slice(0, SHOWN);
      next.replaceChildren(...order.map((token) => {
        const bar = element("div", { class: "gpt-bar" });
        bar.style.setProperty("--is", is[token]);
        bar.style.setProperty("--was", was[token]);
        const pick = element("button", { type: "button", class: "gpt-pick", "aria-label": `write ${names[token]}`,
          onclick: () => { written.push(token); update(`You wrote ${names[token]}.`); } }, names[token]);
        return element("tr", { class: is[token] ? "" : "gpt-gone" }, element("th", { scope: "row" }, pick), element("td", {}, bar),
          element("td", {}, is[token] ? percent(is[token]) : "cut"));
      }));
    }

    function drawScores() {
      const { mean, WHOLE } = BookWidgets.gpt_model, intact = JSON.stringify(reading.off) === JSON.stringify(WHOLE);
      const rows = [
        ["your text", mean(whole.bits()), mean(reading.bits())],
        [passage.name, passageBits.get(JSON.stringify(WHOLE)), passageBits.get(JSON.stringify(reading.off))],
      ];
      const most = Math.max(Math.log2(symbols.length), ...rows.flat().filter((value) => value >= 0));
      const digits = (value) => (value === undefined ? "…" : value.toFixed(2));
      scores.replaceChildren(...rows.map(([name, was, is]) => {
        const bar = element("div", { class: `gpt-damage${is < was ? " gpt-better" : ""}` });
        bar.style.setProperty("--was", (was ?? 0) / most);
        bar.style.setProperty("--is", (is ?? was ?? 0) / most);
        const damage = is === undefined || was === undefined ? "…" : change(was, is);
        return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, bar), element("td", {}, digits(was)),
          element("td", {}, intact ? "" : digits(is)), element("td", {}, intact ? "" : damage));
      }));
    }
  });
})();
