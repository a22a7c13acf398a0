// A bigram table over the reader's own text: count it, look at it, walk through it.
//
//     p(next | current) = (count(current, next) + k) / (count(current, ·) + k V)
//
// data: {"corpora": [{"name", "text", "unit": "words" or "characters", "vocabulary": [token, …]}, …]}
//       vocabulary is optional: without it the most frequent token comes first.
"use strict";

(() => {
  const { element, random, choose, visible, textArea, slider, choice, seedField, button } = BookWidgets;
  const LIMIT = 20_000; // characters of text
  const SHOWN = 16; // rows and columns of the table
  const LONGEST = 60; // tokens in a sampled line
  const END = "∎";

  /** Text to sentences of tokens. As words, a line is a sentence; as characters, the whole text is one. */
  function tokenise(text, unit, ends = false) {
    if (unit === "characters") return text ? [Array.from(text)] : [];
    const sentences = text.split("\n").map((line) => line.match(/[\p{L}\p{N}\p{M}'’-]+|[^\s\p{L}\p{N}]/gu) ?? []);
    return sentences.filter((words) => words.length).map((words) => (ends ? [END, ...words, END] : words));
  }

  /** Sentences to {vocabulary, rows, starts}: rows[i] is a Map from j to how often token j followed token i. */
  function count(sentences, vocabulary = byFrequency(sentences)) {
    const ids = new Map(vocabulary.map((token, id) => [token, id]));
    const rows = vocabulary.map(() => new Map());
    const starts = vocabulary.map(() => 0);
    for (const sentence of sentences) {
      const path = sentence.map((token) => ids.get(token));
      starts[path[0]] += 1;
      for (let t = 1; t < path.length; t++) {
        const row = rows[path[t - 1]];
        row.set(path[t], (row.get(path[t]) ?? 0) + 1);
      }
    }
    return { vocabulary, rows, starts };
  }

  /** The tokens, most frequent first; those equally frequent in the order they were met. */
  function byFrequency(sentences) {
    const times = new Map();
    for (const token of sentences.flat()) times.set(token, (times.get(token) ?? 0) + 1);
    return [...times.keys()].sort((a, b) => times.get(b) - times.get(a));
  }

  /** Row i of the table as an array of V numbers: counts, each with k added. */
  function smoothedCounts({ vocabulary, rows }, i, k) {
    const counts = new Array(vocabulary.length).fill(k);
    for (const [j, times] of rows[i]) counts[j] += times;
    return counts;
  }

  /** Row i as probabilities, or null where nothing was ever counted and nothing is added: a dead row. */
  function probabilities(table, i, k) {
    const counts = smoothedCounts(table, i, k);
    const total = counts.reduce((sum, value) => sum + value, 0);
    return total > 0 ? counts.map((value) => value / total) : null;
  }

  BookWidgets.bigram = { tokenise, count, probabilities };

  BookWidgets.register("bigram", (root, { corpora }) => {
    let unit = "words", view = "counts", ends = false, k = 0, seed = 1;
    let vocabulary, table, path, uniform; // path: the ids walked so far

    // The corpus, and how it is read.
    const OWN = "your own text";
    const chooser = element("select", { onchange: () => chooser.value !== OWN && load(chooser.selectedIndex) });
    chooser.append(...corpora.map(({ name }) => element("option", {}, name)), element("option", {}, OWN));
    const corpus = textArea("Corpus (type your own)", LIMIT, () => {
      chooser.value = OWN;
      vocabulary = undefined;
      recount();
    });
    const units = choice("tokens", { words: "words", characters: "characters" }, unit, (value) => {
      unit = value;
      vocabulary = undefined;
      recount();
    });
    const views = choice("show", { counts: "counts", probabilities: "probabilities" }, view, (value) => {
      view = value;
      draw();
    });
    const range = { min: 0, max: 2, step: 0.05, value: k, show: (value) => value.toFixed(2) };
    const addK = slider("add k", range, (value) => { k = value; draw(); });
    const endBox = element("input", { type: "checkbox", onchange: () => { ends = endBox.checked; recount(); } });
    const endLabel = element("label", { class: "bigram-ends" }, endBox, ` count where a line begins and ends (${END})`);

    // The table and the walk.
    const grid = element("table", { class: "bigram-table", role: "grid", "aria-label": "What followed what" });
    grid.addEventListener("click", ({ target }) => activate(target.closest("[data-row]")));
    grid.addEventListener("keydown", onKey);
    const note = element("p", { class: "widget-note" });
    const trail = element("ol", { class: "bigram-trail", "aria-label": "The path so far" });
    const status = element("p", { class: "bigram-status", role: "status" });

    root.append(
      element("div", { class: "widget-controls" }, element("label", {}, "corpus ", chooser), units.node, views.node),
      corpus.node,
      element("div", { class: "widget-controls" }, addK.node, endLabel),
      element("div", { class: "bigram-scroll" }, grid),
      note,
      trail,
      status,
      element("div", { class: "widget-controls" },
        button("Sample one step", () => { takeStep(); draw(); }),
        button("Sample a line", sampleLine),
        button("Clear the path", restart),
        seedField(seed, (value) => { seed = value; restart(); })),
    );

    function load(index) {
      ({ unit, vocabulary } = corpora[index]);
      corpus.area.value = corpora[index].text.slice(0, LIMIT);
      units.set(unit);
      recount();
    }

    function recount() {
      endLabel.hidden = unit === "characters"; // there the line break is a token already
      const marked = ends && unit === "words";
      const order = vocabulary && marked ? [...vocabulary, END] : vocabulary;
      table = count(tokenise(corpus.area.value, unit, marked), order);
      restart();
    }

    function restart() {
      path = [];
      uniform = random(seed);
      draw();
    }

    // Walking.
    const current = () => path.at(-1);
    const name = (i) => visible(table.vocabulary[i]);
    const dead = (i) => k === 0 && table.rows[i].size === 0;

    function activate(cell) {
      if (!cell) return;
      const row = Number(cell.dataset.row);
      if (cell.dataset.column === undefined) path = [row];
      else {
        const column = Number(cell.dataset.column);
        const p = probabilities(table, row, k)?.[column] ?? 0;
        if (p === 0) return say(`“${name(column)}” never followed “${name(row)}”: there is no step to take.`);
        path = row === current() ? [...path, column] : [row, column];
      }
      draw();
      grid.querySelector("[tabindex='0']").focus({ preventScroll: true });
    }

    /** Take one step at random; false where there is none to take. */
    function takeStep() {
      const weights = path.length ? probabilities(table, current(), k) : table.starts;
      const next = weights ? choose(weights, uniform) : -1;
      if (next >= 0) path.push(next);
      return next >= 0;
    }

    function sampleLine() {
      const over = () => path.length > 1 && [END, "\n"].includes(table.vocabulary[current()]);
      if (over()) path = [current()];
      else if (path.length > 1 && dead(current())) path = []; // the next line
      for (let steps = 0; steps < LONGEST && takeStep() && !over(); steps++);
      draw();
    }

    function say(words) {
      status.textContent = words;
    }

    // Drawing.
    function draw() {
      drawTable();
      drawPath();
    }

    function drawTable() {
      const { vocabulary: all } = table;
      const columns = [...all.keys()].slice(0, SHOWN);
      const rows = current() >= SHOWN ? [...columns, current()] : columns;
      const rest = all.length - columns.length;
      const values = rows.map((i) => (view === "counts" ? smoothedCounts(table, i, k) : probabilities(table, i, k)));
      const most = view === "probabilities" ? 1 : Math.max(1, ...values.flatMap((row) => row.slice(0, SHOWN)));
      const dense = columns.length > 8;
      const show = (value) => {
        if (value === 0 || (view === "counts" && Number.isInteger(value))) return String(value);
        return value.toFixed(2).replace(/^0/, dense ? "" : "0");
      };

      const head = element("tr", {},
        element("th", { scope: "col", class: "bigram-corner" },
          element("span", {}, "next →"), element("span", {}, "current ↓")),
        ...columns.map((j) => element("th", { scope: "col" }, name(j))),
        ...(rest > 0 ? [element("th", { scope: "col", class: "bigram-sum" }, `${rest} more`)] : []),
        element("th", { scope: "col", class: "bigram-sum" }, "sum"));
      const body = rows.map((i, r) => {
        const row = values[r] ?? all.map(() => 0);
        const total = row.reduce((sum, value) => sum + value, 0);
        const others = row.slice(columns.length).reduce((sum, value) => sum + value, 0);
        const label = element("th", { scope: "row", "data-row": i, tabindex: -1 }, name(i));
        if (dead(i)) label.append(element("span", { class: "bigram-tag" }, "dead row"));
        const line = element("tr", { "aria-current": i === current() && "true" }, label);
        line.classList.toggle("bigram-dead", dead(i));
        for (const j of columns) {
          const cell = element("td", { "data-row": i, "data-column": j, tabindex: -1 }, show(row[j]));
          cell.style.setProperty("--p", (row[j] / most).toFixed(3));
          cell.classList.toggle("bigram-taken", i === path.at(-2) && j === current());
          line.append(cell);
        }
        if (rest > 0) line.append(element("td", { class: "bigram-sum" }, show(others)));
        line.append(element("td", { class: "bigram-sum" }, values[r] ? show(total) : "—"));
        return line;
      });
      grid.classList.toggle("bigram-dense", dense);
      grid.replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
      const stop = grid.querySelector("[aria-current] th") ?? grid.querySelector("[data-row]");
      stop?.setAttribute("tabindex", 0);

      const deadRows = [...all.keys()].filter(dead).length;
      const shown = rest > 0 ? ` The ${SHOWN} most frequent are shown.` : "";
      const plural = deadRows === 1 ? "row" : "rows";
      note.textContent = `${all.length.toLocaleString("en")} tokens, ${deadRows} dead ${plural}.${shown}`;
    }

    function drawPath() {
      trail.classList.toggle("bigram-run", unit === "characters");
      trail.replaceChildren(...path.map((i, t) =>
        element("li", { class: t === path.length - 1 ? "bigram-token bigram-here" : "bigram-token" }, name(i))));
      const here = current();
      if (here === undefined) return say("Click a row to stand on its token, then a cell to take a step; or sample.");
      const steps = path.slice(1).map((next, t) => probabilities(table, path[t], k)?.[next] ?? 0);
      const p = steps.reduce((product, step) => product * step, 1);
      const walked = steps.length === 1 ? "This step has" : `These ${steps.length} steps have`;
      const so = steps.length ? `${walked} probability ${p.toPrecision(3)}. ` : "";
      const stop = `Nothing ever followed “${name(here)}”: its row is dead, and the walk ends here.`;
      say(so + (dead(here) ? stop : `You stand on “${name(here)}”.`));
    }

    /** One tab stop for the whole table; the arrows move inside it, Enter or the space bar clicks. */
    function onKey(event) {
      const cell = event.target.closest("[data-row]");
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") activate(cell);
      else if (moves[event.key]) {
        const [down, right] = moves[event.key];
        const line = grid.rows[cell.parentElement.rowIndex + down];
        const next = line?.cells[cell.cellIndex + right];
        if (next?.dataset.row !== undefined) {
          cell.setAttribute("tabindex", -1);
          next.setAttribute("tabindex", 0);
          next.focus();
        }
      } else return;
      event.preventDefault();
    }

    load(0);
  });
})();
