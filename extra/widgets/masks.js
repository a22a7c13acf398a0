// Who may look at whom: paint a mask, see who hears from whom through layers of attention, and which probes fail.
//
// mask[i][j] is true where query i may look at key j. Through L layers i hears from j where (M^L)[i][j] is true, the
// product that of yes and no: i sees a token that has heard from j.
//
// data: {"tokens": [string, …]}
"use strict";

(() => {
  const { element, visible, slider, button } = BookWidgets;
  const LAYERS = 4; // at most
  const PADDING = "∅";
  const MARKED = { "✓": "masks-passes", "✗": "masks-fails", "•": "masks-told" };

  const table = (T, open) => Array.from({ length: T }, (_, i) => Array.from({ length: T }, (_, j) => open(i, j)));

  /** The masks of the chapter: (T tokens, n of a window or a prefix, real tokens) -> mask. */
  const PRESETS = {
    causal: (T) => table(T, (i, j) => j <= i),
    "sliding window": (T, n) => table(T, (i, j) => j <= i && j > i - n),
    prefix: (T, n) => table(T, (i, j) => j <= i || j < n),
    padding: (T, n, real) => table(T, (i, j) => j < real),
    "causal and padding": (T, n, real) => table(T, (i, j) => j <= i && j < real),
    full: (T) => table(T, () => true),
    "shifted by one": (T) => table(T, (i, j) => j <= i + 1),
    nothing: (T) => table(T, () => false),
  };
  const SIZED = { "sliding window": "window", prefix: "prefix" }; // presets with a number of their own, and its name

  const product = (a, b) => table(a.length, (i, j) => a[i].some((open, m) => open && b[m][j]));

  /** Who hears from whom through so many layers. */
  function reach(mask, layers) {
    let seen = mask;
    for (let layer = 1; layer < layers; layer++) seen = product(seen, mask);
    return seen;
  }

  /** The pairs [i, j], in reading order, at which `holds(i, j)`. */
  const pairs = (T, holds) => table(T, (i, j) => [i, j]).flat().filter(([i, j]) => holds(i, j));

  /** What each probe finds: {name, failures: [[i, j], …]}; it passes where there are none. */
  function probes(mask, layers, real) {
    const T = mask.length;
    const seen = reach(mask, layers);
    return [
      { name: "rows", failures: pairs(T, (i, j) => j === 0 && !mask[i].includes(true)) },
      { name: "causal", failures: pairs(T, (i, j) => j > i && seen[i][j]) },
      { name: "padding", failures: pairs(T, (i, j) => i < real && j >= real && seen[i][j]) },
      { name: "past", failures: pairs(T, (i, j) => j <= i && i < real && !seen[i][j]) },
      { name: "set", failures: pairs(T, (i, j) => mask[i][j] !== (i === j ? mask[0][0] : mask[0][1])) },
    ];
  }

  const count = (mask) => mask.flat().filter(Boolean).length;

  BookWidgets.masks = { PRESETS, reach, probes, count };

  BookWidgets.register("masks", (root, { tokens }) => {
    const T = tokens.length;
    let preset = "causal", n = 3, real = T, layers = 1;
    let mask, here = [T - 1, 0]; // here: the cell that is looked at
    let brush = null; // what a drag paints, true or false

    const name = (i) => (i < real ? visible(tokens[i]) : PADDING);
    const numbered = (i) => `${name(i)} (${i + 1})`;

    const chooser = element("select", { onchange: () => { preset = chooser.value; start(); } });
    chooser.append(...Object.keys(PRESETS).map((key) => element("option", { value: key }, key)));
    const size = slider("window", { min: 1, max: T, step: 1, value: n }, (value) => { n = value; start(); });
    const filled = slider("real tokens", { min: 1, max: T, step: 1, value: real }, (value) => {
      real = value;
      if (/padding/.test(preset)) start();
      else draw();
    });
    const depth = slider("layers", { min: 1, max: LAYERS, step: 1, value: layers },
      (value) => { layers = value; draw(); });

    const grid = element("table", { class: "masks-grid", role: "grid", "aria-label": "the mask" });
    const strips = element("div", { class: "masks-strips" });
    const summary = element("p", { class: "masks-summary", role: "status" });
    const list = element("ul", { class: "masks-probes", "aria-label": "probes" });
    root.append(
      element("div", { class: "widget-controls" }, element("label", {}, "mask ", chooser), size.node, filled.node, depth.node),
      element("div", { class: "masks-columns" },
        element("div", {}, grid, summary),
        element("div", {}, list, strips)),
      element("p", { class: "widget-note" },
        "Drag over cells to paint them, or move with the arrow keys and press the space bar. "
        + "A ring: not seen directly, but heard of through the layers."));

    const cells = table(T, (i, j) => element("td", { role: "gridcell", "data-query": i, "data-key": j, tabindex: -1 }));
    const rowHeads = tokens.map(() => element("th", { scope: "row" }));
    const columnHeads = tokens.map(() => element("th", { scope: "col" }));
    grid.append(
      element("thead", {}, element("tr", {},
        element("td", { class: "masks-corner" }, "query ↓", element("br"), "key →"), ...columnHeads)),
      element("tbody", {}, ...cells.map((row, i) => element("tr", {}, rowHeads[i], ...row))));
    grid.addEventListener("pointerdown", (event) => {
      const at = place(event.target);
      if (!at || event.button > 0) return;
      event.preventDefault(); // no text is selected, and a touch does not scroll
      event.target.releasePointerCapture?.(event.pointerId); // a finger keeps to where it came down, otherwise
      brush = !mask[at[0]][at[1]];
      paint(at);
      cells[at[0]][at[1]].focus({ preventScroll: true });
    });
    grid.addEventListener("pointermove", (event) => {
      const at = place(document.elementFromPoint(event.clientX, event.clientY));
      if (!at || String(at) === String(here)) return;
      if (brush === null) look(at);
      else paint(at);
    });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => { brush = null; });
    grid.addEventListener("focusin", (event) => { if (place(event.target)) look(place(event.target)); });
    grid.addEventListener("keydown", onKey);

    /** The cell [i, j] of a node in the table, or null. */
    function place(node) {
      const cell = node?.closest?.("[data-query]");
      return cell && grid.contains(cell) ? [Number(cell.dataset.query), Number(cell.dataset.key)] : null;
    }

    function paint(at) {
      mask[at[0]][at[1]] = brush;
      look(at);
    }

    function look(at) {
      here = at;
      draw();
    }

    /** One tab stop for the whole table: arrows move inside it, Enter or the space bar paints. */
    function onKey(event) {
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      const at = place(event.target);
      if (!at) return;
      if (event.key === "Enter" || event.key === " ") {
        mask[at[0]][at[1]] = !mask[at[0]][at[1]];
        draw();
      } else if (moves[event.key]) {
        const [down, right] = moves[event.key];
        cells[at[0] + down]?.[at[1] + right]?.focus();
      } else return;
      event.preventDefault();
    }

    /** The mask of the preset, anew; what was painted is gone. */
    function start() {
      if (/padding/.test(preset) && real === T) { real = Math.max(1, T - 2); filled.set(real); }
      size.node.hidden = !(preset in SIZED);
      if (preset in SIZED) {
        size.node.querySelector("label").firstChild.textContent = SIZED[preset];
        size.set(n);
      }
      mask = PRESETS[preset](T, n, real);
      draw();
    }

    function draw() {
      const seen = reach(mask, layers);
      const found = Object.fromEntries(probes(mask, layers, real).map((probe) => [probe.name, probe.failures]));
      const empty = new Set(found.rows.map(([i]) => i));
      const leak = new Set(found.causal.map(String));
      cells.forEach((row, i) => row.forEach((cell, j) => {
        const open = mask[i][j];
        cell.classList.toggle("masks-open", open);
        cell.classList.toggle("masks-far", !open && seen[i][j]);
        cell.classList.toggle("masks-leak", seen[i][j] && leak.has(`${i},${j}`));
        cell.setAttribute("aria-selected", open);
        cell.setAttribute("aria-label", `${numbered(i)} ${open ? "sees" : "does not see"} ${numbered(j)}`);
        cell.setAttribute("tabindex", i === here[0] && j === here[1] ? 0 : -1);
      }));
      rowHeads.forEach((head, i) => {
        head.textContent = name(i);
        head.classList.toggle("masks-here", i === here[0]);
        head.classList.toggle("masks-empty", empty.has(i));
        if (empty.has(i)) head.append(element("span", {}, " empty"));
      });
      columnHeads.forEach((head, j) => { head.textContent = name(j); });
      drawStrips(seen);
      drawProbes(found);
      summary.textContent = `${count(mask)} of ${T * T} cells are open.`;
    }

    function drawStrips(seen) {
      const [q] = here;
      const chips = (direct, through) => tokens.map((_, i) => {
        const chip = element("span", { class: "masks-token" }, name(i));
        chip.classList.toggle("masks-open", direct(i));
        chip.classList.toggle("masks-far", !direct(i) && through(i));
        return chip;
      });
      const words = (direct, through) => tokens.map((_, i) => i).filter((i) => direct(i) || through(i)).map(numbered)
        .join(", ") || "no token";
      const strip = (label, direct, through) => element("div", { class: "masks-strip", role: "img",
        "aria-label": `${label} ${words(direct, through)}` }, element("span", {}, label), ...chips(direct, through));
      strips.replaceChildren(
        strip(`${numbered(q)} hears from`, (j) => mask[q][j], (j) => seen[q][j]),
        strip(`${numbered(q)} is heard by`, (i) => mask[i][q], (i) => seen[i][q]));
    }

    function drawProbes({ rows, causal, padding, past, set }) {
      const more = (failures) => (failures.length > 1 ? `, and ${failures.length - 1} more` : "");
      const line = (failures, title, passes, fails, mark = failures.length ? "✗" : "✓") => element("li", { class: MARKED[mark] },
        element("strong", {}, `${mark} ${title}. `),
        element("span", {}, failures.length ? fails(...failures[0]) + more(failures) + "." : passes));
      list.replaceChildren(
        line(rows, "No empty row", "Each query has a key to look at.",
          (i) => `${numbered(i)} may look at nothing, and softmax over nothing is NaN`),
        line(causal, "Causal", "No output moves with a later input.",
          (i, j) => `Output ${numbered(i)} moves with input ${numbered(j)}`),
        line(padding, "Alone as in a batch", real < T ? "No real output moves with the padding." : "There is no padding.",
          (i, j) => `Output ${numbered(i)} moves with the padding at ${j + 1}`),
        line(past, "Whole past", "Each real token hears from all before it.",
          (i, j) => `${numbered(i)} does not hear from ${numbered(j)}`),
        line(set, set.length ? "Order matters" : "Order does not matter", "Shuffled inputs give the same outputs, shuffled.",
          (i, j) => `The mask treats the pair ${numbered(i)}, ${numbered(j)} unlike others`, "•")); // no fault either way
    }

    start();
  });
})();
