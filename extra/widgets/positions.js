// Rotating hands: what a position does to a query and a key, and why only the distance between them is left.
//
//     hand i turns by m / base^(2i / Dh);   score = Σ_i |q_i| |k_i| cos(angle between hand i of q and of k)
//
// data: {"query": [number, …], "key": [number, …]}, as many features each, an even number: two make a hand.
"use strict";

(() => {
  const { element, slider, choice, button } = BookWidgets;
  const FARTHEST = 100; // the last place
  const BASES = [10, 100, 1_000, 10_000, 100_000];

  /** Radians a position, one a hand: base^(-2i / width). */
  const speeds = (width, base) => Array.from({ length: width / 2 }, (_, i) => base ** (-2 * i / width));

  /** A vector turned to its position; neighbours are one hand. */
  function rotate(vector, position, base) {
    return speeds(vector.length, base).flatMap((speed, i) => {
      const [a, b] = vector.slice(2 * i, 2 * i + 2);
      const [cos, sin] = [Math.cos(position * speed), Math.sin(position * speed)];
      return [a * cos - b * sin, a * sin + b * cos];
    });
  }

  /** A row of the sinusoidal table: sine and cosine of each hand. */
  const sinusoidal = (position, width, base) =>
    speeds(width, base).flatMap((speed) => [Math.sin(position * speed), Math.cos(position * speed)]);

  /** The dot product of two vectors, hand by hand; the score is the sum. */
  const shares = (u, v) =>
    Array.from({ length: u.length / 2 }, (_, i) => u[2 * i] * v[2 * i] + u[2 * i + 1] * v[2 * i + 1]);

  const sum = (values) => values.reduce((total, value) => total + value, 0);

  BookWidgets.positions = { speeds, rotate, sinusoidal, shares };

  const number = (value, digits = 2) => value.toFixed(digits).replace("-", "−");

  /** An SVG node; element() makes HTML only. */
  function svg(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  /** A dial of radius 1 with two hands, the second dashed; y points up. */
  function dial(u, v, longest) {
    const hand = ([x, y], kind) => {
      const tip = { x2: (x / longest).toFixed(4), y2: (-y / longest).toFixed(4) };
      return [svg("line", { x1: 0, y1: 0, ...tip, class: kind }),
        svg("circle", { cx: tip.x2, cy: tip.y2, r: 0.07, class: kind })];
    };
    return svg("svg", { viewBox: "-1.1 -1.1 2.2 2.2", class: "positions-dial", "aria-hidden": "true" },
      svg("circle", { r: 1, class: "positions-rim" }), ...hand(u, "positions-m"), ...hand(v, "positions-n"));
  }

  /** The score against m − n, with a mark where the sliders stand. */
  function curve(scoreAt, now) {
    const scores = Array.from({ length: 2 * FARTHEST + 1 }, (_, i) => scoreAt(i - FARTHEST));
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    const y = (score) => (90 - 80 * (score - low) / (high - low || 1)).toFixed(2);
    const line = scores.map((score, i) => `${i},${y(score)}`).join(" ");
    return svg("svg", { viewBox: "-3 0 206 100", class: "positions-curve", "aria-hidden": "true" },
      svg("line", { x1: FARTHEST, x2: FARTHEST, y1: 0, y2: 100, class: "positions-zero" }),
      svg("polyline", { points: line }),
      svg("circle", { cx: now + FARTHEST, cy: y(scoreAt(now)), r: 3 }));
  }

  BookWidgets.register("positions", (root, { query, key }) => {
    const at = { m: 9, n: 4 };
    let view = "rotary", together = false, base = 10_000, hands = 4;

    const move = (name) => (value) => {
      const other = name === "m" ? "n" : "m";
      const step = together ? clamp(at[other] + value - at[name]) - at[other] : value - at[name];
      at[name] += step;
      if (together) at[other] += step;
      draw();
    };
    const clamp = (place) => Math.min(FARTHEST, Math.max(0, place));
    const places = { min: 0, max: FARTHEST, step: 1 };
    const sliders = {
      m: slider("query at m", { ...places, value: at.m }, move("m")),
      n: slider("key at n", { ...places, value: at.n }, move("n")),
    };
    const bases = slider("base", { min: 0, max: BASES.length - 1, step: 1, value: BASES.indexOf(base),
      show: (index) => BASES[index].toLocaleString("en") }, (index) => { base = BASES[index]; draw(); });
    const counts = slider("hands", { min: 1, max: query.length / 2, step: 1, value: hands },
      (value) => { hands = value; draw(); });
    const views = choice("encoding", { rotary: "rotary", sinusoidal: "sinusoidal" }, view,
      (value) => { view = value; draw(); });
    const lock = element("input", { type: "checkbox", onchange: () => { together = lock.checked; } });
    const walk = (step) => () => {
      if (clamp(at.m + step) !== at.m + step || clamp(at.n + step) !== at.n + step) return;
      at.m += step;
      at.n += step;
      draw();
    };

    const dials = element("ol", { class: "positions-dials", "aria-label": "The hands, from the fastest to the slowest" });
    const status = element("p", { class: "positions-status", role: "status" });
    const plot = element("div", { class: "positions-plot" });
    const rows = element("div", { class: "positions-scroll", tabindex: 0, role: "region", "aria-label": "The two rows" });
    const legend = element("p", { class: "widget-note positions-legend" });

    root.append(
      element("div", { class: "widget-controls" }, views.node,
        element("label", {}, lock, " move m and n together")),
      element("div", { class: "positions-knobs" }, sliders.m.node, sliders.n.node, bases.node, counts.node),
      element("div", { class: "widget-controls" },
        button("both one back", walk(-1)), button("both one on", walk(1))),
      legend, dials, status, plot, rows);

    function vectors(m, n) {
      const width = 2 * hands;
      if (view === "sinusoidal") return [sinusoidal(m, width, base), sinusoidal(n, width, base)];
      return [rotate(query.slice(0, width), m, base), rotate(key.slice(0, width), n, base)];
    }

    function draw() {
      for (const name of ["m", "n"]) sliders[name].set(at[name]);
      const [u, v] = vectors(at.m, at.n);
      const parts = shares(u, v);
      const length = (w, i) => Math.hypot(w[2 * i], w[2 * i + 1]);
      const longest = Math.max(...parts.map((_, i) => Math.max(length(u, i), length(v, i))));
      dials.replaceChildren(...parts.map((part, i) => element("li", {},
        dial(u.slice(2 * i, 2 * i + 2), v.slice(2 * i, 2 * i + 2), longest),
        element("span", {}, `ω = ${speeds(2 * hands, base)[i].toPrecision(2)}`),
        element("span", { class: "positions-part" }, number(part)))));
      const names = view === "rotary" ? ["query", "key"] : ["P[m]", "P[n]"];
      legend.textContent = `Solid: ${names[0]} at place ${at.m}. Dashed: ${names[1]} at place ${at.n}. `
        + "Under each dial: radians a place, and what the pair of hands adds to the score.";
      status.textContent = `m − n = ${number(at.m - at.n, 0)}: score ${number(sum(parts))} = `
        + parts.map((part, i) => (i ? ` ${part < 0 ? "−" : "+"} ` : part < 0 ? "−" : "") + Math.abs(part).toFixed(2)).join("");
      plot.replaceChildren(
        curve((distance) => sum(shares(...vectors(distance, 0))), at.m - at.n),
        element("p", { class: "widget-note" },
          `The score against m − n, from −${FARTHEST} to ${FARTHEST}; the dot is where you are.`));
      rows.hidden = view !== "sinusoidal";
      rows.replaceChildren(table([[at.m, u], [at.n, v]]));
    }

    /** Rows of the sinusoidal table as numbers, shaded by their size. */
    function table(lines) {
      const cell = (value) => element("td",
        { style: `background: rgba(var(--widget-heat), ${(0.3 * Math.abs(value)).toFixed(3)})` }, number(value));
      const heads = speeds(2 * hands, base).flatMap((_, i) => [`sin ${i}`, `cos ${i}`]);
      return element("table", { class: "positions-table" },
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "place"),
          ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...lines.map(([place, values]) => element("tr", {},
          element("th", { scope: "row" }, String(place)), ...values.map(cell)))));
    }

    draw();
  });
})();
