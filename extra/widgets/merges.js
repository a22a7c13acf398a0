// Byte-pair encoding, one merge at a time, on the reader's own text (Sennrich et al. 2016, section 3.2).
//
// Each step joins the most frequent pair of neighboring tokens into a new token. Pairs are counted inside pre-tokens
// (words with the space before them) only; of pairs equally frequent, the one with the smaller ids goes first.
//
// data: {"texts": [{"name", "text", "word"}, …]}    word: what the merges learned from the text are tried on
"use strict";

(() => {
  const { element, visible, textArea, choice, button } = BookWidgets;
  const LIMIT = 5_000; // characters of text
  const LIMIT_NEW = 200; // characters to encode with the merges learned
  const SHOWN = 800; // tokens drawn
  const PAIRS = 8; // rows of the table
  const PAUSE = 350; // milliseconds between the merges of Play

  // GPT-2's pre-split. White space is \p{White_Space}, since JavaScript's \s knows other characters than Python's.
  const PIECES = new RegExp([
    "'(?:[sdmt]|ll|ve|re)", // the end of a contraction
    String.raw` ?\p{L}+| ?\p{N}+`, // letters, or numbers, with the space before them
    String.raw` ?[^\p{White_Space}\p{L}\p{N}]+`, // other marks
    String.raw`\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+`, // white space, but for the next word's space
  ].join("|"), "gu");

  // The 256 bytes in GPT-2's order, those that print first. The order decides between equally frequent pairs.
  const prints = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const BYTES = Array.from({ length: 256 }, (_, byte) => byte).sort((a, b) => prints(b) - prints(a) || a - b);

  /** A string with one character per symbol: per byte of its UTF-8 (U+0000 … U+00FF), or per character. */
  function symbols(text, unit) {
    if (unit === "characters") return Array.from(text);
    return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte));
  }

  /** The state before any merge. tokens[id] is a token's symbols; words are the distinct pre-tokens, in ids. */
  function start(text, unit) {
    const alphabet = unit === "bytes"
      ? BYTES.map((byte) => String.fromCharCode(byte))
      : [...new Set(text)].sort((a, b) => a.codePointAt(0) - b.codePointAt(0));
    const ids = new Map(alphabet.map((symbol, id) => [symbol, id]));
    const words = new Map();
    const order = (text.match(PIECES) ?? []).map((piece) => {
      if (!words.has(piece)) words.set(piece, { index: words.size, times: 0, ids: spell(piece, unit, ids) });
      const word = words.get(piece);
      word.times += 1;
      return word.index;
    });
    return { unit, alphabet: ids, tokens: alphabet, merges: [], words: [...words.values()], order };
  }

  /** The ids of a piece's symbols; -1 where the alphabet lacks one. */
  const spell = (piece, unit, alphabet) => symbols(piece, unit).map((symbol) => alphabet.get(symbol) ?? -1);

  /** Every pair of neighbors as {left, right, times}: the most frequent first, then the smaller ids. */
  function pairs({ words }) {
    const found = new Map();
    for (const { ids, times } of words) {
      for (let t = 1; t < ids.length; t++) {
        const key = `${ids[t - 1]} ${ids[t]}`;
        const pair = found.get(key);
        if (pair) pair.times += times;
        else found.set(key, { left: ids[t - 1], right: ids[t], times });
      }
    }
    return [...found.values()].sort((a, b) => b.times - a.times || a.left - b.left || a.right - b.right);
  }

  /** ids with each `left, right` joined into `joined`, from left to right. */
  function join(ids, { left, right }, joined) {
    const out = [];
    for (let t = 0; t < ids.length; t++) {
      if (ids[t] === left && ids[t + 1] === right) { out.push(joined); t++; }
      else out.push(ids[t]);
    }
    return out;
  }

  /** The state after one more merge, or null where no pair is left. The state given is not changed. */
  function step(state) {
    const [best] = pairs(state);
    if (!best) return null;
    const joined = state.tokens.length;
    return {
      ...state,
      tokens: [...state.tokens, state.tokens[best.left] + state.tokens[best.right]],
      merges: [...state.merges, best],
      words: state.words.map((word) => ({ ...word, ids: join(word.ids, best, joined) })),
    };
  }

  /** A new text in ids, one list per pre-token: its symbols, joined by each merge in the order they were learned. */
  function encode(text, { unit, alphabet, merges }) {
    return (text.match(PIECES) ?? []).map((piece) =>
      merges.reduce((ids, pair, i) => join(ids, pair, alphabet.size + i), spell(piece, unit, alphabet)));
  }

  // A character in UTF-8, or a byte that is none.
  const CHARACTER = /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[^]/g;

  /** A token as the reader sees it: bytes that make no whole character are in hexadecimal, ‹e5 90›. */
  function spelled(token, unit) {
    if (unit === "characters") return visible(token);
    const characters = token.replace(CHARACTER, (symbol) => {
      const bytes = Uint8Array.from(symbol, (byte) => byte.charCodeAt(0));
      if (bytes.length === 1 && bytes[0] > 127) return `‹${bytes[0].toString(16)}›`;
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    });
    return visible(characters).replaceAll("›‹", " ");
  }

  BookWidgets.merges = { start, pairs, step, encode };

  BookWidgets.register("merges", (root, { texts }) => {
    let unit = "bytes";
    let history; // the states so far, the last one shown: Back drops it
    let timer = null, left = 0;

    const OWN = "your own text";
    const chooser = element("select", { onchange: () => chooser.value !== OWN && load(chooser.selectedIndex) });
    chooser.append(...texts.map(({ name }) => element("option", {}, name)), element("option", {}, OWN));
    const text = textArea("Text (type your own)", LIMIT, () => { chooser.value = OWN; reset(); });
    const units = choice("start from", { bytes: "bytes", characters: "characters" }, unit, (value) => {
      unit = value;
      reset();
    });

    const playButton = button("Play ×10", () => (timer === null ? play(10) : stop()));
    const stepButton = button("Step", () => { stop(); advance(); });
    const backButton = button("Back", () => { stop(); history.pop(); draw(); });
    const numbers = element("dl", { class: "merges-numbers" });
    const status = element("p", { class: "merges-status", role: "status" });
    const region = { class: "merges-text", tabindex: 0, role: "group", "aria-label": "The text in tokens" };
    const chips = element("p", region);
    const table = element("table", { class: "merges-pairs" });
    const learned = element("ol", { class: "merges-learned", tabindex: 0, "aria-label": "Merges, in order" });
    const fresh = textArea("A new word, encoded with these merges", LIMIT_NEW, drawNew);
    const freshChips = element("p", { class: "merges-text merges-new" });
    const freshCount = element("p", { class: "widget-note", role: "status" });
    fresh.area.rows = 1;

    root.append(
      element("div", { class: "widget-controls" }, element("label", {}, "text ", chooser), units.node),
      text.node,
      element("div", { class: "widget-controls" }, stepButton, backButton, playButton, button("Reset", reset)),
      numbers,
      chips,
      status,
      element("div", { class: "merges-columns" },
        table, element("div", {}, learned, fresh.node, freshChips, freshCount)),
    );

    function load(index) {
      text.area.value = texts[index].text.slice(0, LIMIT);
      fresh.area.value = texts[index].word;
      reset();
    }

    function reset() {
      stop();
      history = [start(text.area.value, unit)];
      draw();
    }

    function advance() {
      const next = step(history.at(-1));
      if (next) history.push(next);
      draw();
      return next !== null;
    }

    function play(steps) {
      left = steps;
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) while (left-- > 0 && advance());
      else tick();
    }

    function tick() {
      timer = left-- > 0 && advance() ? setTimeout(tick, PAUSE) : null;
      playButton.textContent = timer === null ? "Play ×10" : "Stop";
    }

    function stop() {
      clearTimeout(timer);
      timer = null;
      playButton.textContent = "Play ×10";
    }

    function chip(id, token = history.at(-1).tokens[id] ?? "�") {
      const title = id < 0 ? "not in the vocabulary" : `id ${id}`;
      const node = element("span", { class: "merges-token", title }, spelled(token, unit));
      node.classList.toggle("merges-merged", id >= history.at(-1).alphabet.size);
      node.classList.toggle("merges-unknown", id < 0);
      node.style.setProperty("--hue", Math.round((id * 137.508) % 360)); // the golden angle: neighbors differ
      return node;
    }

    function draw() {
      const state = history.at(-1);
      const ranked = pairs(state);
      drawNumbers(state);
      drawText(state, ranked[0]);
      drawPairs(ranked);
      status.textContent = ranked.length ? "" : "No pair is left: every pre-token is one token.";
      if (state.merges.length) {
        const { left: l, right: r, times } = state.merges.at(-1);
        const [a, b] = [l, r].map((id) => spelled(state.tokens[id], unit));
        status.prepend(`Merge ${state.merges.length}: ${a} + ${b}, seen ${times === 1 ? "once" : `${times} times`}. `);
      }
      const items = state.merges.map(({ left: l, right: r }) => element("li", {}, chip(l), " + ", chip(r)));
      learned.replaceChildren(...items);
      learned.scrollTop = learned.scrollHeight;
      stepButton.disabled = playButton.disabled = ranked.length === 0;
      backButton.disabled = history.length === 1;
      drawNew();
    }

    function drawNumbers({ words, tokens, merges }) {
      const total = words.reduce((sum, { ids, times }) => sum + times * ids.length, 0);
      const characters = Array.from(text.area.value).length;
      const rows = {
        merges: merges.length,
        "vocabulary size": tokens.length,
        "tokens in the text": total,
        "characters per token": total ? (characters / total).toFixed(2) : "–",
      };
      numbers.replaceChildren(...Object.entries(rows).map(([label, value]) =>
        element("div", {}, element("dt", {}, label), element("dd", {}, String(value)))));
    }

    function drawText({ words, order, tokens }, best) {
      chips.replaceChildren();
      let drawn = 0;
      for (const index of order) {
        const { ids } = words[index];
        if ((drawn += ids.length) > SHOWN) {
          chips.append(element("span", { class: "widget-note" }, " … and more."));
          break;
        }
        for (let t = 0; t < ids.length; t++) {
          const pair = ids[t] === best?.left && ids[t + 1] === best.right;
          const nodes = (pair ? [ids[t], ids[++t]] : [ids[t]]).map((id) => chip(id));
          for (const node of nodes) node.classList.toggle("merges-next", pair);
          chips.append(...nodes);
        }
        if (tokens[ids.at(-1)].endsWith("\n")) chips.append(element("br"));
      }
    }

    function drawPairs(ranked) {
      const head = ["pair", "becomes", "times"].map((words) => element("th", { scope: "col" }, words));
      const { tokens } = history.at(-1);
      const rows = ranked.slice(0, PAIRS).map(({ left: l, right: r, times }, rank) =>
        element("tr", { class: rank === 0 ? "merges-best" : null },
          element("td", {}, chip(l), " ", chip(r)),
          element("td", {}, chip(tokens.length, tokens[l] + tokens[r])),
          element("td", {}, String(times))));
      table.replaceChildren(element("caption", {}, `${ranked.length} pairs; the first is merged next`),
        element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
    }

    function drawNew() {
      const ids = encode(fresh.area.value, history.at(-1)).flat();
      freshChips.replaceChildren(...ids.map((id) => chip(id)));
      freshCount.textContent = `${ids.length} ${ids.length === 1 ? "token" : "tokens"}`;
    }

    load(0);
  });
})();
