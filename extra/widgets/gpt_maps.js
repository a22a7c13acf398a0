// The parts of a GPT as a panel: what each head looks at, one of them enlarged, and a switch for each part.
//
// A row is a character that looks, a column one that is looked at; the darker, the more weight.
"use strict";

(() => {
  const { element, slider, button } = BookWidgets;
  const { WHOLE } = BookWidgets.gpt_model;
  const MOST = 24;   // characters along an axis: the last ones
  const FEWEST = 12; // a shorter text is drawn no larger than this one

  /** Where a head looks most, over all rows: {words, share of all its weight}. */
  function habit(rows) {
    const T = rows.length, shares = new Float64Array(2 * T); // by how far back; at 0 the first character, from afar
    rows.forEach((row, t) => row.forEach((w, s) => { shares[s === 0 && t > 1 ? 0 : T + t - s] += w / T; }));
    const most = shares.indexOf(Math.max(...shares)), back = most - T;
    const near = { 0: "the character itself", 1: "the character before", "-1": "the character after" };
    const words = most === 0 ? "the first character" : near[back] ?? `the character ${Math.abs(back)} ${back > 0 ? "back" : "ahead"}`;
    return { words, share: shares[most] };
  }

  /** The last MOST rows and columns of a head's weights, after a column with what goes to all earlier characters. */
  function view(rows) {
    const first = Math.max(0, rows.length - MOST);
    const sum = (weights) => weights.reduce((so, w) => so + w, 0);
    return rows.slice(first).map((row) => {
      const near = rows.slice(first).map((_, s) => row[first + s] ?? 0);
      return [sum(row.slice(0, first)), ...near];
    });
  }

  const percent = (p) => `${(100 * p).toFixed(0)}%`;
  const darkness = Math.sqrt; // a weight of a tenth can still be seen

  /** {node, switches, show, each, progress}: changed(off) is called when a part is turned off or on, show(reading, names) draws,
   *  each() is, of each part, {off: what is off when it alone is, price(words): write them beside its switch}. */
  function panel({ n_layers: L, n_heads: H }, changed, ...buttons) {
    const numbers = (n) => [...Array(n).keys()];
    let off = structuredClone(WHOLE), at = [0, 0], row = 0, shown = null;
    const same = (a, b) => String(a) === String(b);
    const isOff = (kind, item) => (Array.isArray(off[kind]) ? off[kind].some((one) => same(one, item)) : off[kind]);

    const switches = [];
    /** A checkbox, ticked while the part is on. */
    function part(kind, item, words, label = words) {
      const box = element("input", { type: "checkbox", checked: true, "aria-label": label,
        onchange: () => {
          if (!Array.isArray(off[kind])) off[kind] = !box.checked;
          else off[kind] = box.checked ? off[kind].filter((one) => !same(one, item)) : [...off[kind], item];
          tell();
        } });
      const paid = element("small"), node = element("label", { class: "gpt-switch" }, box, element("span", {}, words), paid);
      switches.push({ kind, item, box, label, node, paid });
      return node;
    }

    const tiles = numbers(L).map((l) => numbers(H).map((h) => {
      const canvas = element("canvas", { "aria-hidden": "true" });
      const map = element("button", { type: "button", class: "gpt-map", onclick: () => choose(l, h) }, canvas);
      return { canvas, map, node: element("div", { class: "gpt-tile" }, map, part("heads", [l, h], `${h + 1}`, `layer ${l + 1} head ${h + 1}`)) };
    }));
    const layers = tiles.map((row, l) => element("div", { class: "gpt-layer", role: "group", "aria-label": `layer ${l + 1}` },
      element("div", { class: "gpt-layer-switches" }, part("layers", l, `layer ${l + 1}`),
        part("feedForwards", l, "feed-forward", `layer ${l + 1} feed-forward`)),
      element("div", { class: "gpt-tiles" }, ...row.map(({ node }) => node))));
    const everything = button("Everything on", () => { off = structuredClone(WHOLE); tell(); });
    const grid = element("div", { class: "gpt-layers", onkeydown: onKey }, ...layers);

    const title = element("p", { class: "gpt-title" });
    const habits = element("p", { class: "widget-note gpt-habit" });
    const large = element("canvas", { class: "gpt-large", role: "img", onpointermove: point, onpointerdown: point });
    const which = slider("row", { min: 1, max: 1, step: 1, value: 1, show: () => (shown ? shown.names.at(row - shown.rows) ?? "" : "") },
      (value) => { row = value - 1; drawLarge(); });
    const looks = element("p", { class: "gpt-looks" });
    const bar = element("progress", { "aria-label": "parts measured", max: 1, value: 0 }), said = element("span");
    const measured = element("div", { class: "widget-note gpt-measured", hidden: true }, bar, said);
    const whole = element("div", {}, element("div", { class: "widget-controls" },
      part("positions", null, "positions"), part("mask", null, "causal mask"), everything, ...buttons), measured);
    const node = element("div", { class: "gpt-columns" },
      element("div", {}, element("p", { class: "gpt-title" }, "Where each head looks"), grid),
      element("div", { class: "gpt-magnifier" }, title, habits, large, which.node, looks));

    function tell() {
      changed(off);
      draw();
    }

    function choose(l, h) {
      at = [l, h];
      draw();
    }

    /** The maps are one stop of the tabulator; arrows move between them. */
    function onKey(event) {
      const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!by || !event.target.closest(".gpt-map")) return;
      event.preventDefault();
      const [l, h] = [at[0] + by[0], at[1] + by[1]];
      if (!tiles[l]?.[h]) return;
      choose(l, h);
      tiles[l][h].map.focus();
    }

    function point(event) {
      if (!shown) return;
      const y = Math.floor(event.offsetY / (large.clientHeight / (shown.rows + 1))) - 1;
      if (y < 0 || y >= shown.rows || y === row) return;
      row = y;
      which.set(row + 1);
      drawLarge();
    }

    /** What the reading looked at; names are its characters, as they are to be seen. */
    function show(reading, names) {
      const rows = Math.min(MOST, names.length);
      shown = { reading, names, rows };
      row = rows - 1;
      which.input.max = rows;
      which.set(rows);
      draw();
    }

    function draw() {
      for (const { kind, item, box, node } of switches) {
        box.checked = !isOff(kind, item);
        node.classList.toggle("gpt-off", !box.checked);
      }
      everything.disabled = switches.every(({ box }) => box.checked);
      const heat = getComputedStyle(node).getPropertyValue("--widget-heat").split(",").map(Number);
      tiles.forEach((row, l) => row.forEach(({ canvas, map, node: tile }, h) => {
        const chosen = same(at, [l, h]), rows = shown?.reading.weights[l]?.[h];
        const dead = isOff("heads", [l, h]) || isOff("layers", l);
        tile.classList.toggle("gpt-dead", dead);
        map.setAttribute("aria-pressed", chosen);
        map.tabIndex = chosen ? 0 : -1;
        tile.querySelector("input").tabIndex = chosen ? 0 : -1;
        map.setAttribute("aria-label", `layer ${l + 1}, head ${h + 1}${dead ? ", off" : rows ? `, most on ${habit(rows).words}` : ""}`);
        if (shown) paint(canvas, rows ? view(rows) : [], heat);
      }));
      drawLarge();
    }

    /** A pixel a weight; the style sheet makes it as large as it should be. */
    function paint(canvas, cells, heat) {
      canvas.height = Math.max(cells.length, 1);
      canvas.width = canvas.height + 1;
      if (!cells.length) return;
      const image = new ImageData(canvas.width, canvas.height);
      cells.flat().forEach((w, i) => image.data.set([...heat, 255 * darkness(w)], 4 * i));
      canvas.getContext("2d").putImageData(image, 0, 0);
    }

    function drawLarge() {
      const [l, h] = at, rows = shown?.reading.weights[l]?.[h];
      title.textContent = `Layer ${l + 1}, head ${h + 1}`;
      if (!shown) return;
      const { words, share } = rows ? habit(rows) : {};
      habits.textContent = rows ? `Looks most at ${words}: ${percent(share)} of its weight, on average.` : "This layer is off: nothing looks.";
      large.setAttribute("aria-label", `attention of layer ${l + 1}, head ${h + 1}`);
      const cells = rows ? view(rows) : [], names = shown.names.slice(-shown.rows);
      drawCells(cells, names);
      const line = cells[row] ?? [], best = line.slice(1).map((w, s) => [w, s]).sort(([a], [b]) => b - a).slice(0, 4);
      const sights = best.filter(([w]) => w >= 0.005).map(([w, s]) => `${names[s]} ${distance(row - s)} ${percent(w)}`);
      if (line[0] >= 0.005) sights.push(`earlier ones ${percent(line[0])}`);
      looks.textContent = sights.length ? `${names[row]} looks at: ${sights.join(", ")}` : "";
      which.input.setAttribute("aria-valuetext", looks.textContent || names[row]);
    }

    const each = () => switches.map(({ kind, item, box, label, paid }) => ({
      off: { ...WHOLE, [kind]: Array.isArray(WHOLE[kind]) ? [item] : true },
      price: (words) => { paid.textContent = words; box.setAttribute("aria-label", `${label}: ${words} bits`); },
    }));

    /** So many of the parts have been measured. */
    function progress(n, of) {
      measured.hidden = false;
      Object.assign(bar, { max: of, value: n });
      said.textContent = n < of ? ` ${n} of ${of} parts` : " Numbers beside the switches: bits per character that turning this part off adds.";
    }

    const distance = (d) => (d === 0 ? "(itself)" : d > 0 ? `(${d} back)` : `(${-d} ahead)`);

    function drawCells(cells, names) {
      const width = large.clientWidth - 1, n = names.length;
      if (!width) return; // not to be seen yet
      const scale = window.devicePixelRatio || 1, cell = width / (Math.max(n, FEWEST) + 2);
      Object.assign(large, { width: width * scale, height: cell * (n + 1) * scale });
      const style = getComputedStyle(node), brush = large.getContext("2d");
      const [heat, accent, mono] = ["heat", "accent", "mono"].map((name) => style.getPropertyValue(`--widget-${name}`));
      brush.scale(scale, scale);
      cells.forEach((line, t) => line.forEach((w, s) => {
        brush.fillStyle = `rgba(${heat}, ${darkness(w)})`;
        brush.fillRect((s + 1) * cell, (t + 1) * cell, cell - 0.5, cell - 0.5);
      }));
      brush.textAlign = "center";
      brush.textBaseline = "middle";
      const write = (text, x, y, strong) => {
        brush.font = `${strong ? 700 : 400} ${Math.min(cell * 0.85, 15)}px ${mono}`;
        brush.fillStyle = strong ? accent : style.color;
        brush.fillText(text, (x + 0.5) * cell, (y + 0.5) * cell);
      };
      write("…", 1, 0);
      names.forEach((name, i) => { write(name, i + 2, 0); write(name, 0, i + 1, i === row); });
      brush.strokeStyle = accent;
      brush.lineWidth = 1.5;
      brush.strokeRect(cell, (row + 1) * cell - 0.5, (n + 1) * cell, cell + 0.5);
    }

    new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new ResizeObserver(drawLarge).observe(node);
    draw();
    return { node, switches: whole, show, each, progress };
  }

  BookWidgets.gpt_maps = { panel, habit, view };
})();
