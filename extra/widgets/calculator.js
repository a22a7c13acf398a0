// What training a Transformer needs: memory, bytes, time and money, with published runs to start from.
//
// The formulas are those of transformer_lib/planning.py, and tests/book/test_widget_calculator.py holds them together.
//
// data: {"devices": [{name, peak, memory}], "runs": [{name, paper, note, tokens, parameters, devices, peak, utilization,
//        gpu_hours, dollars_per_hour, passes, attention, shape, layout, facts: [{quantity, value, where}]}]}
"use strict";

(() => {
  const { element } = BookWidgets;
  const HOUR = 3600, DAY = 86400;
  const STATES = { weights: [2, 3], gradients: [2, 2], optimizer: [12, 1] }; // bytes, and the stage that divides them

  /** Entries of all matrices. */
  function parameters(s) {
    const attention = 2 * s.d_model * (s.n_heads + s.n_kv_heads) * s.d_head;
    return s.n_layers * (attention + s.ff_matrices * s.d_model * s.d_ff) + s.tables * s.vocab_size * s.d_model;
  }

  const attentionFlops = (s) => 12 * s.n_layers * s.n_heads * s.d_head * s.context_length;
  const trainingFlops = (N, tokens, attention = 0, passes = 6) => (passes * N + attention) * tokens;
  const trainingSeconds = (flops, devices, peak, utilization) => flops / (devices * peak * utilization);

  function stateBytes(N, shards, stage) {
    return Object.fromEntries(Object.entries(STATES).map(([name, [size, first]]) =>
      [name, size * N / (stage >= first ? shards : 1)]));
  }

  function activationBytes(s, layout) {
    const stream = s.context_length * layout.sequences * s.d_model;
    const each = { "everything": 34 + 5 * s.n_heads * s.context_length / s.d_model, "no scores": 34, "layer inputs": 2 };
    const held = stream * each[layout.kept] * s.n_layers / layout.pipeline
      * Math.min(layout.pipeline, layout.micro_batches);
    return (held + (layout.kept === "layer inputs" ? stream * 34 : 0)) / layout.tensor;
  }

  const allReduceBytes = (size, ranks) => 2 * (ranks - 1) / ranks * size;

  function sentBytes(s, layout, N = parameters(s)) {
    const half = allReduceBytes(2 * N / (layout.tensor * layout.pipeline), layout.data) / 2;
    const stream = 2 * s.context_length * layout.sequences * s.d_model * layout.micro_batches;
    return {
      data: half * (layout.stage === 3 ? 2 * layout.micro_batches + 1 : 2),
      tensor: 4 * s.n_layers / layout.pipeline * allReduceBytes(stream, layout.tensor),
      pipeline: layout.pipeline > 1 ? 2 * stream / layout.tensor : 0,
    };
  }

  const bubble = (stages, microBatches) => (stages - 1) / (microBatches + stages - 1);

  /** A quantity of a run that its paper states, from what the paper says of the others. */
  function computed(run, quantity) {
    if (quantity === "parameters") return parameters(run.shape);
    const N = run.parameters ?? parameters(run.shape);
    const flops = trainingFlops(N, run.tokens, run.attention && run.shape ? attentionFlops(run.shape) : 0, run.passes);
    if (quantity === "flops") return flops;
    if (quantity === "dollars" && run.gpu_hours) return run.gpu_hours * run.dollars_per_hour;
    const seconds = trainingSeconds(flops, run.devices, run.peak, run.utilization);
    return {
      days: seconds / DAY,
      gpu_hours: run.devices * seconds / HOUR,
      tokens_per_second: run.tokens / seconds,
    }[quantity];
  }

  const PREFIXES = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"], [1, " "]];
  const digits = (value, places = 3) => Number(value.toPrecision(places)).toLocaleString("en", { maximumFractionDigits: 3 });

  function bytes(value) {
    const [size, prefix] = PREFIXES.find(([least]) => value >= least) ?? PREFIXES[4];
    return `${digits(value / size)}${prefix}B`;
  }

  function scientific(value) {
    const power = Math.floor(Math.log10(value));
    return `${(value / 10 ** power).toFixed(2)} × 10${[...String(power)].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")}`;
  }

  const count = (value) => value >= 1e6 ? `${digits(value / (value >= 1e9 ? 1e9 : 1e6), 4)} ${value >= 1e9 ? "billion" : "million"}` : digits(value, 4);
  const duration = (seconds) => seconds >= DAY ? `${digits(seconds / DAY)} days`
    : seconds >= HOUR ? `${digits(seconds / HOUR)} hours` : `${digits(seconds)} seconds`;

  const QUANTITIES = {
    parameters: ["parameters", count],
    flops: ["operations", scientific],
    days: ["days", (value) => digits(value, 4)],
    gpu_hours: ["GPU-hours", count],
    tokens_per_second: ["tokens per second", count],
    dollars: ["dollars", count],
  };

  // name: [label, factor from what is typed to what is computed with]
  const FIELDS = {
    model: {
      n_layers: ["layers"], d_model: ["width D"], d_ff: ["feed-forward F"], n_heads: ["heads"], n_kv_heads: ["key/value heads"],
      d_head: ["head width"], vocab_size: ["vocabulary"], context_length: ["context"],
      ff_matrices: ["matrices in it (2, or 3 for SwiGLU)"], tables: ["V × D tables"],
    },
    data: {
      parameters: ["parameters, billions", 1e9], tokens: ["tokens, billions", 1e9], passes: ["operations per weight"],
      sequences: ["sequences in a micro-batch"], micro_batches: ["micro-batches a step"],
    },
    machine: {
      data: ["data-parallel"], tensor: ["tensor-parallel"], pipeline: ["pipeline stages"], stage: ["sharding stage"],
      peak: ["peak, teraFLOP/s", 1e12], memory: ["memory, GB", 1e9], utilization: ["utilization, %", 0.01],
      dollars_per_hour: ["$ per GPU-hour"], fast: ["fast link, GB/s", 1e9], network: ["network, GB/s", 1e9],
    },
  };
  const START = { // what no paper says
    passes: 6, sequences: 1, micro_batches: 1, data: 1, tensor: 1, pipeline: 1, stage: 3, utilization: 0.4, dollars_per_hour: 2,
    fast: 450e9, network: 50e9, kept: "no scores",
  };
  const WHOLE = new Set(["n_layers", "d_model", "d_ff", "n_heads", "n_kv_heads", "d_head", "vocab_size", "context_length",
    "ff_matrices", "tables", "sequences", "micro_batches", "data", "tensor", "pipeline"]);

  /** What a run says, and ordinary values for what it does not. */
  function settings(run, devices) {
    const device = devices.find(({ peak }) => peak === run.peak) ?? devices[1];
    const given = Object.fromEntries(Object.entries(run).filter(([, value]) => value != null));
    const shape = run.shape ?? {};
    return {
      ...START, peak: device.peak, memory: device.memory, ...given, ...shape,
      ...(run.layout ?? { data: run.devices ?? 1 }),
      parameters: run.parameters ?? parameters(shape),
    };
  }

  const valid = (name, value) => name === "stage" ? [0, 1, 2, 3].includes(value)
    : name === "utilization" ? value > 0 && value <= 1
    : Number.isFinite(value) && value > 0 && (!WHOLE.has(name) || Number.isInteger(value));

  BookWidgets.calculator = { parameters, attentionFlops, trainingFlops, trainingSeconds, stateBytes, activationBytes,
    allReduceBytes, sentBytes, bubble, computed, settings };

  BookWidgets.register("calculator", (root, { devices, runs }) => {
    let run, at;
    const inputs = {};
    const chooser = element("select", { onchange: () => load(runs[chooser.selectedIndex]) },
      ...runs.map(({ name }) => element("option", {}, name)));
    const note = element("p", { class: "widget-note" });
    const papers = element("table", { class: "calculator-table" });
    const results = element("table", { class: "calculator-table" });
    const said = element("p", { class: "calculator-said", role: "status" });
    const kept = element("select", { onchange: () => { at.kept = kept.value; draw(); } },
      ...["everything", "no scores", "layer inputs"].map((words) => element("option", {}, words)));

    function field(name, [label, factor = 1]) {
      const input = element("input", { type: "number", step: "any", min: 0, oninput: () => {
        at[name] = input.value === "" ? NaN : Number(input.value) * factor;
        if (name in FIELDS.model) {
          const shape = Object.fromEntries(Object.keys(FIELDS.model).map((key) => [key, at[key]]));
          if (Object.entries(shape).every(([key, value]) => valid(key, value))) {
            at.parameters = parameters(shape);
            inputs.parameters.set(at.parameters);
          }
        }
        draw();
      } });
      const set = (value) => { input.value = value == null || Number.isNaN(value) ? "" : Number((value / factor).toPrecision(6)); };
      inputs[name] = { input, set };
      return element("label", {}, label, input);
    }

    const groups = Object.entries(FIELDS).map(([name, fields]) => element("fieldset", { class: "calculator-group" },
      element("legend", {}, name), ...Object.entries(fields).map(([key, words]) => field(key, words)),
      ...(name === "machine" ? [element("label", {}, "activations kept", kept)] : [])));

    root.append(
      element("div", { class: "widget-controls" }, element("label", { class: "calculator-run" }, "a published run ", chooser)),
      note, papers, said, results,
      element("details", {}, element("summary", {}, "Change the model, its data or the machine"),
        element("div", { class: "calculator-groups" }, ...groups)),
    );

    function load(chosen) {
      run = chosen;
      at = settings(run, devices);
      for (const [name, { set }] of Object.entries(inputs)) set(at[name]);
      kept.value = at.kept;
      note.textContent = [run.paper, run.note].filter(Boolean).join("; ") + ".";
      const rows = run.facts.map(({ quantity, value, where }) => {
        const [words, show] = QUANTITIES[quantity], ours = computed(run, quantity);
        return element("tr", {}, element("th", { scope: "row" }, words), element("td", {}, `${show(value)} (${where})`),
          element("td", {}, show(ours)), element("td", {}, (ours / value).toFixed(2)));
      });
      papers.replaceChildren(
        element("thead", {}, element("tr", {}, ...["", "the paper", "computed", "ratio"].map((words) =>
          element(words ? "th" : "td", words ? { scope: "col" } : {}, words)))),
        element("tbody", {}, ...rows));
      draw();
    }

    function draw() {
      const wrong = Object.keys(inputs).filter((name) => !(name in FIELDS.model) && !valid(name, at[name]));
      for (const [name, { input }] of Object.entries(inputs)) {
        input.setAttribute("aria-invalid", String(wrong.includes(name)));
      }
      if (wrong.length) {
        said.textContent = `${wrong.map((name) => Object.assign({}, ...Object.values(FIELDS))[name][0]).join(", ")}: `
          + "a number above 0 is needed, a whole one where things are counted, a stage from 0 to 3, and a utilization of at most 100%.";
        results.replaceChildren();
        return;
      }
      const shape = Object.fromEntries(Object.keys(FIELDS.model).map((key) => [key, at[key]]));
      const shaped = Object.entries(shape).every(([key, value]) => valid(key, value));
      const n = at.data * at.tensor * at.pipeline;
      const attention = run.attention && shaped ? attentionFlops(shape) : 0;
      const flops = trainingFlops(at.parameters, at.tokens, attention, at.passes);
      const seconds = trainingSeconds(flops, n, at.peak, at.utilization);
      const hours = n * seconds / HOUR;
      const held = stateBytes(at.parameters / (at.tensor * at.pipeline), at.data, at.stage);
      const activations = shaped ? activationBytes(shape, at) : 0;
      const total = Object.values(held).reduce((sum, size) => sum + size, activations);
      const rows = [
        ["time", ""], ["operations", scientific(flops)], ["devices", n.toLocaleString("en")], ["duration", duration(seconds)],
        ["device-hours", count(hours)], ["cost", `$${count(hours * at.dollars_per_hour)}`],
        ["memory of a device", ""], ...Object.entries(held).map(([name, size]) => [name, bytes(size)]),
        ["activations", shaped ? `about ${bytes(activations)}` : "need all sizes of the model"],
      ];
      if (shaped) {
        const sent = sentBytes(shape, at, at.parameters);
        const tokens = at.data * at.micro_batches * at.sequences * at.context_length;
        const links = { data: at.network, tensor: at.fast, pipeline: at.network };
        rows.push(["a step", ""], ["tokens", count(tokens)], ["computing", duration(seconds * tokens / at.tokens)]);
        for (const [name, size] of Object.entries(sent)) {
          if (size > 0) rows.push([`sent, ${name}-parallel`, `${bytes(size)}, ${duration(size / links[name])}`]);
        }
        if (at.pipeline > 1) rows.push(["bubble, not interleaved", `${(100 * bubble(at.pipeline, at.micro_batches)).toFixed(0)}%`]);
      }
      const fits = total <= at.memory;
      said.textContent = `${count(at.parameters)} parameters on ${n.toLocaleString("en")} ${n === 1 ? "device" : "devices"}: `
        + `${duration(seconds)}, $${count(hours * at.dollars_per_hour)}. Each needs ${bytes(total)} and has `
        + `${bytes(at.memory)}` + (fits ? "." : ": it does not fit.");
      said.classList.toggle("calculator-too-much", !fits);
      results.replaceChildren(element("tbody", {}, ...rows.map(([name, value]) => value === ""
        ? element("tr", {}, element("th", { scope: "rowgroup", colspan: 2, class: "calculator-part" }, name))
        : element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)))));
    }

    load(runs[0]);
  });
})();
