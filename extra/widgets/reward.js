// A policy with six answers: sample some, reward them, and take a step along the policy gradient.
//
//     dJ/dz = mean over samples of (reward - baseline) (one-hot(answer) - p)        p = softmax(z)
//
// The reward is the judge's less beta ln(p / reference). data: {"prompt": text, "answers": [text, …], "p": [number, …]}
"use strict";

(() => {
  const { element, random, choose, choice, slider, button } = BookWidgets;
  const SEED = 16, SAMPLES = 8, RATE = 1;

  const sum = (values) => values.reduce((total, value) => total + value, 0);

  /** Logits to probabilities. */
  function softmax(logits) {
    const top = Math.max(...logits);
    const exps = logits.map((z) => Math.exp(z - top));
    return exps.map((e) => e / sum(exps));
  }

  /** What each sample earns: the judge's reward of its answer, less beta nats' worth of distance. */
  function earned(samples, p, reference, rewards, beta) {
    return samples.map((a) => rewards[a] - beta * Math.log(p[a] / reference[a]));
  }

  /** Each minus the mean of the others, or as they are. */
  function advantages(values, baseline) {
    if (!baseline) return [...values];
    return values.map((value) => value - (sum(values) - value) / (values.length - 1));
  }

  /** The estimate of the gradient of the expected reward with respect to the logits. */
  function gradient(samples, advantage, p) {
    return p.map((q, j) => sum(samples.map((a, i) => advantage[i] * ((a === j ? 1 : 0) - q))) / samples.length);
  }

  /** The policy that is best where distance costs beta: reference exp(r / beta) / Z. With beta 0, all on the best. */
  function optimum(reference, rewards, beta) {
    if (beta === 0) {
      const best = Math.max(...rewards), total = sum(reference.filter((_, j) => rewards[j] === best));
      return reference.map((q, j) => (rewards[j] === best ? q / total : 0));
    }
    return softmax(reference.map((q, j) => Math.log(q) + rewards[j] / beta));
  }

  /** KL(p || reference) in nats. */
  const divergence = (p, reference) => sum(p.map((q, j) => (q > 0 ? q * Math.log(q / reference[j]) : 0)));

  BookWidgets.reward = { softmax, earned, advantages, gradient, optimum, divergence };

  BookWidgets.register("reward", (root, { prompt, answers, p: shares }) => {
    const reference = shares.map((q) => q / sum(shares));
    let logits, rewards = answers.map((answer) => (answer === "!" ? 1 : 0)), beta = 0.5, baseline = true;
    let samples, values, step, draws;

    const table = element("table", { class: "reward-table" });
    const status = element("p", { class: "reward-status", role: "status" });
    const sampleButton = button("Sample", sample), rewardButton = button("Reward", reward), stepButton = button("Step", move);
    const price = slider("β", { min: 0, max: 1, step: 0.1, value: beta, show: (value) => value.toFixed(1) },
      (value) => { beta = value; values = null; draw(); });
    const baselines = choice("baseline", { others: "mean of the others", none: "none" }, "others",
      (value) => { baseline = value === "others"; draw(); });

    root.append(
      element("p", { class: "reward-prompt" }, "After ", element("q", {}, prompt), " the policy writes one mark. ",
        "Press Sample, Reward and Step in turn."),
      element("div", { class: "widget-controls" }, sampleButton, rewardButton, stepButton,
        button("50 rounds", () => { for (let n = 0; n < 50; n++) { sample(false); reward(false); move(false); } draw(); }),
        button("Start over", restart)),
      table,
      element("div", { class: "widget-controls" }, price.node, baselines.node),
      status,
    );

    function restart() {
      logits = reference.map(Math.log);
      samples = values = null;
      step = 0;
      draws = random(SEED);
      draw();
    }

    function sample(show = true) {
      const p = softmax(logits);
      samples = Array.from({ length: SAMPLES }, () => choose(p, draws));
      values = null;
      if (show) draw();
    }

    function reward(show = true) {
      values = earned(samples, softmax(logits), reference, rewards, beta);
      if (show) draw();
    }

    function move(show = true) {
      const slope = gradient(samples, advantages(values, baseline), softmax(logits));
      logits = logits.map((z, j) => z + RATE * slope[j]);
      samples = values = null;
      step += 1;
      if (show) draw();
    }

    const signed = (value) => `${value < -0.005 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

    function draw() {
      const p = softmax(logits), best = optimum(reference, rewards, beta);
      const advantage = values ? advantages(values, baseline) : null;
      const rows = answers.map((answer, j) => {
        const seen = samples ? samples.filter((a) => a === j).length : null;
        const first = samples ? samples.indexOf(j) : -1;
        const bar = element("div", { class: "reward-bar" },
          element("span", { class: "reward-now" }), element("span", { class: "reward-was" }), element("span", { class: "reward-best" }));
        bar.style.setProperty("--now", p[j].toFixed(4));
        bar.style.setProperty("--was", reference[j].toFixed(4));
        bar.style.setProperty("--best", best[j].toFixed(4));
        const paid = element("input", {
          type: "number", min: -2, max: 2, step: 1, value: rewards[j], "aria-label": `reward of ${answer}`,
          onchange: (event) => {
            const typed = Number(event.target.value);
            rewards[j] = Number.isFinite(typed) ? Math.max(-2, Math.min(2, typed)) : 0;
            values = null;
            draw();
          },
        });
        return element("tr", {},
          element("th", { scope: "row" }, answer),
          element("td", { class: "reward-bars" }, bar),
          element("td", {}, p[j].toFixed(2)),
          element("td", {}, paid),
          element("td", {}, seen === null ? "" : `${seen}×`),
          element("td", { class: "reward-advantage" }, advantage && first >= 0 ? signed(advantage[first]) : ""));
      });
      table.replaceChildren(
        element("thead", {}, element("tr", {}, ...["", "policy", "p", "judge", "drawn", "adv."].map((name) =>
          (name ? element("th", { scope: "col" }, name) : element("td", {}))))),
        element("tbody", {}, ...rows));
      sampleButton.disabled = samples !== null;
      rewardButton.disabled = samples === null || values !== null;
      stepButton.disabled = values === null;
      const mean = sum(p.map((q, j) => q * rewards[j])), far = divergence(p, reference);
      status.textContent = `Step ${step}: the judge's mean reward is ${mean.toFixed(2)}, the distance from the reference `
        + `${far.toFixed(2)} nats. Reward − β · distance is ${signed(mean - beta * far)}; the best policy would have `
        + `${signed(sum(best.map((q, j) => q * rewards[j])) - beta * divergence(best, reference))}.`;
    }

    restart();
  });
})();
