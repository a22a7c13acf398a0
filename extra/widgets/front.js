// The front page: a small GPT writes in the page, and a switch hands the same prompt and the same draws to the bigram table.
//
// data: {"symbols": every character by its id, "counts": V rows of V numbers, "k", "temperature", "prompts": [text, …],
//        "facts": {"GPT": words, "bigram": words}}
// The model, from the directive's `:packed:`, is front-weights.js; transformer.js and gpt_model.js compute.
"use strict";

(() => {
  const { element, random, choice, button, textArea } = BookWidgets;
  const LENGTH = 240, PAUSE = 28; // characters written at a time, and milliseconds between two of them
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");

  /** The bigram table as a model: *write(tokens) -> the natural logarithms of the next character's probabilities. */
  function table({ counts, k }) {
    return function* (tokens) {
      const row = counts[tokens.at(-1)], total = row.reduce((sum, count) => sum + count + k, 0);
      return row.map((count) => Math.log((count + k) / total));
    };
  }

  /** The GPT as a model. Where its window is full it forgets the older half, so that most steps read one character. */
  function network(gpt) {
    const { Reading } = BookWidgets.gpt_model, C = gpt.config.context_length;
    let reading = new Reading(gpt), from = 0;
    return function* (tokens) {
      if (tokens.length - from > C || tokens.length <= from) {
        from = Math.max(0, tokens.length - C / 2);
        reading = new Reading(gpt);
      }
      yield* reading.read(tokens.slice(from));
      return reading.logits.at(-1);
    };
  }

  /** The character in whose share of softmax(logits / temperature) the draw, from [0, 1), falls. */
  function pick(logits, temperature, draw) {
    const shares = BookWidgets.transformer.softmax(Array.from(logits, (z) => z / temperature));
    let left = draw;
    for (const [token, share] of shares.entries()) if ((left -= share) < 0) return token;
    return shares.length - 1;
  }

  /** The draw for character i of a text: the same for both models. */
  function draws(seed) {
    const uniform = random(seed), kept = [];
    return (i) => { while (kept.length <= i) kept.push(uniform()); return kept[i]; };
  }

  const load = () => BookWidgets.model("front", (config, tensors) => new BookWidgets.gpt_model.GPT(config, tensors), "gpt_model.js");

  BookWidgets.front = { table, network, pick, draws, load };

  BookWidgets.register("front", (root, data) => {
    const { symbols, temperature, prompts, facts } = data, work = BookWidgets.inSlices(8); // scrolling stays smooth
    let model = "GPT", seed = 1, timer = 0, gpt = null, written = [], end = 0, writer = null, draw = draws(seed);
    const given = element("span", { class: "front-prompt" }), made = element("span", { class: "front-made" });
    const text = element("div", { class: "front-text", tabindex: 0, role: "group", "aria-label": "what the model writes" },
      given, made, element("span", { class: "front-caret", "aria-hidden": "true" }));
    const field = textArea("Your own beginning", 400, () => { words(field.area.value); start(); });
    field.area.rows = 2;
    const fact = element("p", { class: "front-fact" }), told = element("p", { class: "widget-note", role: "status" });
    const switcher = choice("Who writes?", { GPT: "a small GPT", bigram: "the bigram table" }, "GPT", (key) => { model = key; start(); });
    root.append(
      element("div", { class: "front-head" }, switcher.node,
        button("Roll the dice again", () => { seed += 1; start(); })),
      text, fact, told,
      element("details", { class: "front-more" }, element("summary", {}, "Give it your own beginning"), field.node,
        element("div", { class: "widget-controls" },
          ...prompts.map((prompt) => button(prompt.trim().split("\n")[0], () => { words(prompt); start(); })))));

    function words(prompt) { field.area.value = prompt; }

    /** What was typed, as ids; characters that are in no play are left out, and said. */
    function read() {
      const characters = [...field.area.value.replace(/\r\n?/g, "\n").replace(/[‘’]/g, "'").replace(/[“”]/g, '"')];
      const strange = [...new Set(characters.filter((character) => !symbols.includes(character)))];
      told.textContent = strange.length ? `Left out, because no play contains it: ${strange.slice(0, 8).map(BookWidgets.visible).join(" ")}` : "";
      const known = characters.filter((character) => symbols.includes(character));
      return (known.length ? known : ["\n"]).map((character) => symbols.indexOf(character));
    }

    async function start() {
      clearTimeout(timer);
      work.stop();
      const mine = (timer = -1 - Math.random());
      fact.textContent = facts[model];
      draw = draws(seed);
      written = read();
      end = written.length + LENGTH;
      given.textContent = written.map((token) => symbols[token]).join("");
      made.textContent = "";
      try {
        await (gpt ??= load());
      } catch {
        gpt = null;
        told.textContent = "The small GPT could not be read. Reload the page to try again.";
      }
      if (timer !== mine) return; // another start came in between
      if (model === "GPT" && !gpt) return;
      writer = model === "GPT" ? network(await gpt) : table(data);
      root.dataset.writing = "true";
      step(written.length);
    }

    function* write(first, all) {
      while (written.length < all) written.push(pick(yield* writer(written), temperature, draw(written.length - first)));
    }

    async function step(first) {
      if (!(await work.run(write(first, STILL.matches ? end : Math.min(written.length + 1, end))))) return;
      made.textContent = written.slice(first).map((token) => symbols[token]).join("");
      root.dataset.characters = written.length - first;
      if (written.length < end) timer = setTimeout(step, PAUSE, first);
      else delete root.dataset.writing;
    }

    words(prompts[0]);
    start();
  });
})();
