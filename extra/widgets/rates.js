// The U-curves of learning rates: what a model of each width comes to at each rate, in the standard form and in muP.
//
// The reader drags a rate. Between the rates that were measured, the loss is read off the straight line between their
// means, over log2 of the rate; outside of them nothing is known, and nothing is said.
//
// data: {"steps", "unit", "ways": [{"name", "curves": [{"width", "points": [{"rate", "values": [loss of each seed]}]}]}]};
// a null among the values is a run whose loss stopped being a number
"use strict";

(() => {
  const { element, slider, button } = BookWidgets;
  const CHART = { width: 320, height: 190, left: 34, right: 46, top: 8, bottom: 30 };

  const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;

  /** Mean, least and most of the seeds of a point; null where one of them went astray. */
  function summary({ values }) {
    return values.includes(null) || !values.length ? null
      : { mean: mean(values), low: Math.min(...values), high: Math.max(...values) };
  }

  /** The loss at any rate within the measured ones: {mean, low, high}, "astray", or null outside of them. */
  function read(points, rate) {
    const at = Math.log2(rate), close = 1e-9;
    for (const [i, point] of points.entries()) {
      const here = Math.log2(point.rate), next = points[i + 1];
      if (Math.abs(at - here) < close) return summary(point) ?? "astray";
      if (!next || at < here || at > Math.log2(next.rate) - close) continue;
      const [left, right] = [summary(point), summary(next)], share = (at - here) / (Math.log2(next.rate) - here);
      if (!left || !right) return "astray";
      return Object.fromEntries(Object.keys(left).map((key) => [key, (1 - share) * left[key] + share * right[key]]));
    }
    return null;
  }

  /** The measured rate whose mean is lowest. */
  function best(points) {
    const sound = points.filter(summary);
    return sound.reduce((lowest, point) => (summary(point).mean < summary(lowest).mean ? point : lowest), sound[0]).rate;
  }

  BookWidgets.rates = { summary, read, best };

  const digits = (rate) => rate.toPrecision(2).replace(/0+e/, "e");
  const power = (rate) => `2${[...String(Math.round(Math.log2(rate)))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("")}`;

  function svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  BookWidgets.register("rates", (root, { steps, unit, ways }) => {
    const points = ways.flatMap((way) => way.curves.flatMap((curve) => curve.points));
    const rates = points.map((point) => Math.log2(point.rate));
    const left = Math.min(...rates), right = Math.max(...rates);
    const bests = ways.flatMap((way) => way.curves.map((curve) => read(curve.points, best(curve.points)).mean));
    const low = Math.min(...points.map(summary).filter(Boolean).map((one) => one.low)) - 0.05;
    const high = Math.max(...bests) + 0.75; // what is worse than that leaves through the top
    const [narrow, wide] = [0, -1].map((i) => ways[0].curves.at(i).width); // in both ways the same
    const chosen = ways.map((way) => best(way.curves[0].points)); // by who tries rates on the narrowest alone
    let rate = chosen[0];

    const x = (value) => CHART.left + ((CHART.width - CHART.left - CHART.right) * (value - left)) / (right - left);
    const y = (value) => CHART.top + ((CHART.height - CHART.top - CHART.bottom) * (high - value)) / (high - low);
    const shade = (i, n) => `color-mix(in srgb, var(--widget-accent) ${45 + (55 * i) / Math.max(n - 1, 1)}%, var(--widget-border))`;

    const panels = ways.map((way) => panel(way));
    const control = slider("learning rate", { min: left, max: right, step: 0.125, value: Math.log2(rate), show: (v) => digits(2 ** v) },
      (value) => { rate = 2 ** value; draw(); });
    const jumps = ways.map((way, i) => button(`best at ${narrow}, ${way.name}`, () => { rate = chosen[i]; control.set(Math.log2(rate)); draw(); }));
    const body = element("tbody"), told = element("p", { class: "rates-told", role: "status" });
    root.append(
      element("div", { class: "rates-panels" }, ...panels.map((one) => one.node)),
      element("div", { class: "widget-controls" }, control.node, ...jumps),
      element("table", { class: "rates-table" },
        element("caption", {}, `At this rate, after ${steps.toLocaleString("en")} steps: mean of the seeds, + above the best of the width, least to most`),
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "width"), ...ways.map((way) => element("th", { scope: "col" }, way.name)))),
        body),
      told,
    );

    /** One way's curves, the widest on top; a ring marks the best measured rate of each. */
    function panel({ name, curves }) {
      const picture = svg("svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", "aria-label": `Loss against learning rate, ${name}, one curve a width` });
      for (let tick = Math.ceil(low * 4) / 4; tick <= high; tick += 0.25) {
        picture.append(
          svg("line", { x1: CHART.left, x2: CHART.width - CHART.right, y1: y(tick), y2: y(tick), class: "rates-grid" }),
          svg("text", { x: CHART.left - 5, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(2)));
      }
      for (let tick = Math.ceil(left / 2) * 2; tick <= right; tick += 2) {
        picture.append(svg("text", { x: x(tick), y: CHART.height - CHART.bottom + 14, "text-anchor": "middle" }, power(2 ** tick)));
      }
      picture.append(svg("text", { x: CHART.left, y: CHART.height - 3 }, `${unit}, against learning rate`));
      const inside = { x: CHART.left - 6, y: CHART.top, width: CHART.width - CHART.left - CHART.right + 12, height: CHART.height - CHART.top - CHART.bottom };
      const plot = svg("svg", { ...inside, viewBox: Object.values(inside).join(" ") }); // cuts off what leaves it
      picture.append(plot);
      const line = svg("line", { y1: CHART.top, y2: CHART.height - CHART.bottom, class: "rates-rate" });
      const ends = []; // labels, kept apart
      for (const [i, curve] of curves.entries()) {
        const sound = curve.points.filter(summary), colour = shade(i, curves.length), lowest = best(curve.points);
        const path = sound.map((point) => `${x(Math.log2(point.rate)).toFixed(1)},${y(summary(point).mean).toFixed(1)}`);
        plot.append(svg("polyline", { points: path.join(" "), class: "rates-curve", style: `stroke: ${colour}` }));
        for (const point of sound) {
          const { mean: middle, low: least, high: most } = summary(point), across = x(Math.log2(point.rate));
          plot.append(
            svg("line", { x1: across, x2: across, y1: y(least), y2: y(most), class: "rates-spread", style: `stroke: ${colour}` }),
            svg("circle", { cx: across, cy: y(middle), r: point.rate === lowest ? 4.5 : 2, class: point.rate === lowest ? "rates-best" : "", style: `stroke: ${colour}; color: ${colour}` }));
        }
        ends.push({ width: curve.width, colour, at: y(summary(sound.find((one) => one.rate === lowest)).mean) });
      }
      ends.sort((one, other) => one.at - other.at).forEach((one, i) => { if (i) one.at = Math.max(one.at, ends[i - 1].at + 12); });
      const over = Math.max(0, ends.at(-1).at - (CHART.height - CHART.bottom));
      for (const { width, colour, at } of ends) {
        const left = CHART.width - CHART.right + 6;
        picture.append(
          svg("line", { x1: left, x2: left + 10, y1: at - over, y2: at - over, class: "rates-curve", style: `stroke: ${colour}` }),
          svg("text", { x: left + 14, y: at - over + 4 }, String(width)));
      }
      plot.append(line);
      return { node: element("figure", { class: "rates-panel" }, element("figcaption", {}, name), picture), line };
    }

    /** How far a rate is above the best one of its width. */
    const above = (points, found) => found.mean - summary(points.find((one) => one.rate === best(points))).mean;

    function cell(points) {
      const found = points ? read(points, rate) : null;
      if (found === null || found === "astray") return element("td", {}, found ? "diverges" : "not measured");
      return element("td", {}, found.mean.toFixed(2), element("span", { class: "rates-above" }, ` +${above(points, found).toFixed(2)}`),
        element("span", { class: "rates-seeds" }, `${found.low.toFixed(2)} to ${found.high.toFixed(2)}`));
    }

    const of = (way, width) => way.curves.find((curve) => curve.width === width)?.points;

    function draw() {
      for (const { line } of panels) for (const end of ["x1", "x2"]) line.setAttribute(end, x(Math.log2(rate)).toFixed(1));
      const widths = ways[0].curves.map((curve) => curve.width);
      body.replaceChildren(...widths.map((width) => element("tr", {}, element("th", { scope: "row" }, String(width)),
        ...ways.map((way) => cell(of(way, width))))));
      const costs = ways.map((way, i) => {
        const points = of(way, wide), found = read(points, chosen[i]);
        const cost = found?.mean === undefined ? "a rate that was not measured there" : `${above(points, found).toFixed(2)} above its best`;
        return `${way.name}: ${digits(chosen[i])}, which leaves the width of ${wide} ${cost}`;
      });
      told.textContent = `Best at ${narrow}, ${costs.join("; ")}.`;
    }

    draw();
  });
})();
