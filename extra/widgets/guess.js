// The guesses on a page: asked, kept, and set beside the result, which stays folded until then.
"use strict";

const BookGuess = (() => {
  const { element } = BookWidgets;
  const digits = (value, most = 2) => value.toLocaleString("en-US", { maximumSignificantDigits: most });

  /** How far a number is from the answer, in words. */
  function distance(guess, answer, unit) {
    const gap = Math.abs(guess - answer), which = guess > answer ? "high" : "low";
    const times = guess * answer > 0 ? Math.max(guess / answer, answer / guess) : NaN;
    if (gap <= 1e-9 * Math.abs(answer)) return "Exactly right.";
    if (/^(percent|%)$/.test(unit)) {
      const points = `${digits(gap)} percentage ${gap === 1 ? "point" : "points"}`;
      return gap <= 3 ? `Very close: off by ${points}.` : `Your guess was ${points} too ${which}.`;
    }
    if (times < 1.05) return `Very close: within ${digits(Math.max(0.1, 100 * (times - 1)), 1)} percent.`;
    if (times < 2) return `Your guess was ${digits(100 * gap / Math.abs(answer))} percent too ${which}.`;
    if (times >= 2) return `Your guess was too ${which} by a factor of ${times < 1e6 ? digits(times) : "more than a million"}.`;
    return `Your guess was too ${which} by ${digits(gap)}.`;
  }

  const plain = (text) => text.trim().toLowerCase().replace(/[.!?]$/, "").replace(/\s+/g, " ");

  /** The reader's guess and the answer, in words. */
  function verdict({ kind, unit, answer }, guess) {
    const of = (value) => (kind === "number" && unit && /\d\)?$/.test(value) ? `${value} ${unit}` : value);
    const yours = ["You guessed ", element("strong", {}, of(guess)), ". "];
    if (answer === undefined) return [...yours, "How close were you?"];
    if (kind !== "number" && plain(guess) === plain(answer)) return [...yours, "You were right."];
    const far = kind === "number" ? distance(BookRecord.number(guess), Number(answer), unit) : "";
    const shown = kind === "number" && Math.abs(answer) >= 1e4 ? digits(Number(answer), 6) : answer;
    return far === "Exactly right." ? [...yours, far] : [...yours, "The answer is ", element("strong", {}, of(shown)), ". ", far].filter(Boolean);
  }

  function controls({ kind, unit, choices }, labelled) {
    if (kind === "choices") {
      const radios = JSON.parse(choices).map((value) => element("label", {}, element("input", { type: "radio", name: labelled, value }), element("span", {}, value)));
      return element("div", { class: "guess-options", role: "radiogroup", "aria-labelledby": labelled }, ...radios);
    }
    const mode = kind === "number" ? { inputmode: "decimal", class: "record-number" } : { maxlength: 200 };
    return element("div", { class: "record-field" }, element("input", { type: "text", autocomplete: "off", "aria-labelledby": labelled, ...mode }), unit ? ` ${unit}` : "");
  }

  function mount(card) {
    const { key, kind } = card.dataset;
    const rest = document.querySelector(`.guess-rest[data-for="${CSS.escape(key)}"]`);
    const result = (rest ?? card).querySelector(".guess-result");
    const question = card.querySelector(".guess-question"), labelled = `${card.id}-question`;
    question.id = labelled;
    const told = element("p", { class: "record-told", role: "status", tabindex: -1 });
    const form = element("form", { class: "record-form" },
      controls(card.dataset, labelled),
      element("div", { class: "record-buttons" },
        element("button", { type: "submit", class: "record-button record-main" }, "This is my guess"),
        element("button", { type: "button", class: "record-button", onclick: () => keep(null) }, "Just show me")));
    const lid = element("p", { class: "guess-lid" }, "The next part opens after ", element("a", { href: `#${card.id}` }, "your guess"), ".");
    card.querySelector(".guess-choices")?.remove();
    card.append(form, told);
    if (result && !rest) card.append(result);

    const open = () => { rest?.removeAttribute("hidden"); lid.remove(); };

    function ask() {
      form.hidden = false;
      told.replaceChildren();
      if (result) result.hidden = true;
      if (!rest) return;
      rest.setAttribute("hidden", "until-found");
      rest.before(lid);
    }

    function show(guess) {
      open();
      form.hidden = true;
      const again = element("button", { type: "button", class: "record-link", onclick: () => {
        BookRecord.set("guesses", key, null);
        ask();
        form.querySelector("input").focus();
      } }, guess === null ? "Guess after all" : "Guess again");
      told.replaceChildren(guess === null ? "You chose to see the result. " : `You guessed ${guess}. `, again);
      if (!result) return;
      result.hidden = guess === null && (rest || card.dataset.answer === undefined);
      result.replaceChildren(...(guess === null ? [`The answer is ${card.dataset.answer}.`] : verdict(card.dataset, guess)));
    }

    function keep(guess) {
      BookRecord.set("guesses", key, { guess });
      show(guess);
      told.focus({ preventScroll: true }); // the button that had it is gone
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = (form.querySelector("input:checked") ?? form.querySelector("input[type=text]"))?.value.trim();
      if (!given) told.textContent = kind === "choices" ? "Pick one first." : "Type your guess first.";
      else if (kind === "number" && Number.isNaN(BookRecord.number(given))) told.textContent = `“${given}” does not look like a number.`;
      else keep(given);
    });

    const linked = () => {
      let target = null;
      try { target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { /* not an address of ours */ }
      if (target && rest?.contains(target) && rest.hasAttribute("hidden")) { open(); target.scrollIntoView(); }
    };
    rest?.addEventListener("beforematch", open); // found by the browser's search
    addEventListener("hashchange", linked);

    const known = BookRecord.get("guesses", key);
    if (known) show(known.guess); else ask();
    linked();
    for (const node of [card, rest]) if (node) node.dataset.mounted = "true";
  }

  document.querySelectorAll(".guess").forEach(mount);

  // Paper shows everything; afterwards the folds are as they were.
  let folded = [];
  addEventListener("beforeprint", () => { folded = [...document.querySelectorAll(".guess-rest[hidden]")]; folded.forEach((rest) => rest.removeAttribute("hidden")); });
  addEventListener("afterprint", () => folded.forEach((rest) => rest.setAttribute("hidden", "until-found")));

  return { distance };
})();
