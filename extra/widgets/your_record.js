// The page "Your record": what is due, what was guessed and answered, and the file to keep it in.
"use strict";

(() => {
  const { element } = BookWidgets;
  const catalog = JSON.parse(document.getElementById("record-catalog").textContent);
  const place = (name) => document.querySelector(`.your-record[data-place="${name}"]`);
  const known = (kind) => Object.keys(catalog).filter((key) => catalog[key].kind === kind);

  /** Words as they were written in the book, their links as seen from this page. */
  function written(key, part, tag = "div") {
    const node = element(tag, { class: `record-${part}` });
    node.innerHTML = catalog[key][part];
    const only = tag === "span" && node.querySelector("p");
    if (only) node.replaceChildren(...only.childNodes);
    for (const link of node.querySelectorAll("a[href]")) link.href = new URL(link.getAttribute("href"), new URL(catalog[key].page, location.href));
    return node;
  }

  const linkTo = (key, ...words) => element("a", { href: `${catalog[key].page}#${catalog[key].anchor}` }, ...words);
  const none = (...words) => element("p", { class: "record-none" }, ...words);

  /** One list for each chapter that has any of these. */
  function byChapter(keys, item) {
    const nodes = [];
    for (const chapter of new Set(keys.map((key) => catalog[key].chapter))) {
      const items = keys.filter((key) => catalog[key].chapter === chapter).map((key) => element("li", {}, ...item(key)));
      nodes.push(element("p", { class: "record-chapter" }, chapter), element("ul", { class: "record-list" }, ...items));
    }
    return nodes;
  }

  function reviews() {
    const planned = known("review").filter((key) => BookRecord.get("reviews", key));
    const due = planned.filter((key) => BookRecord.get("reviews", key).due <= BookRecord.day());
    const later = planned.filter((key) => !due.includes(key)).map((key) => BookRecord.get("reviews", key).due).sort();
    const next = later.length && new Date(`${later[0]}T12:00`).toLocaleDateString("en-US", { weekday: "long", month: "long", day: "numeric" });
    const cards = due.map((key) => {
      const card = element("details", { class: "review" }, element("summary", {}, written(key, "question", "span")), written(key, "answer"));
      const from = element("p", { class: "record-from" }, "From ", linkTo(key, catalog[key].chapter));
      card.append(from, BookReview.controls(key, () => card.classList.add("review-done")));
      return card;
    });
    if (!planned.length) cards.push(none("Nothing yet. The prompts stand at the end of each chapter."));
    else if (!due.length) cards.push(none(`You are all caught up. The next prompt returns on ${next}.`));
    place("reviews").replaceChildren(...cards);
  }

  function guesses() {
    const made = known("guess").filter((key) => BookRecord.get("guesses", key));
    const nodes = byChapter(made, (key) => {
      const { guess } = BookRecord.get("guesses", key), { answer, unit } = catalog[key];
      const of = (value) => (unit && /\d\)?$/.test(value) ? `${value} ${unit}` : value);
      const said = guess === null ? ["You asked to see the result"] : ["You guessed ", element("strong", {}, of(guess))];
      return [linkTo(key, written(key, "title", "span")), written(key, "question"),
        element("p", { class: "record-said" }, ...said, ...(answer === null ? ["."] : [". The answer is ", element("strong", {}, of(answer)), "."]))];
    });
    place("guesses").replaceChildren(...(made.length ? nodes : [none("No guesses yet.")]));
  }

  function answers() {
    const tried = known("answer").filter((key) => BookRecord.get("answers", key)), all = known("answer").length;
    const solved = tried.filter((key) => BookRecord.get("answers", key).correct).length;
    const nodes = byChapter(tried, (key) => {
      const { answer, correct, tries } = BookRecord.get("answers", key);
      const how = correct ? (tries === 1 ? "at the first try" : `in ${tries} tries`) : `not solved yet, after ${tries === 1 ? "one try" : `${tries} tries`}`;
      return [linkTo(key, written(key, "title", "span")), element("p", { class: "record-said" }, "You answered ", element("strong", {}, answer), correct ? `: solved ${how}.` : `: ${how}.`)];
    });
    place("answers").replaceChildren(tried.length ? none(`You have solved ${solved} of ${all}.`) : none("No exercises yet."), ...nodes);
  }

  function file() {
    const told = element("p", { class: "record-told", role: "status", tabindex: -1 });
    const button = (words, onclick, more = "") => element("button", { type: "button", class: `record-button ${more}`, onclick }, words);
    const chosen = element("input", { type: "file", accept: ".json,application/json", hidden: true, "aria-label": "A saved record", onchange: async () => {
      const count = BookRecord.add(await chosen.files[0].text());
      chosen.value = "";
      list();
      told.textContent = count === null ? "This file holds no record of this book. Nothing was changed." : `Loaded: ${count} ${count === 1 ? "entry" : "entries"}.`;
    } });
    const save = () => {
      const href = URL.createObjectURL(new Blob([JSON.stringify(BookRecord.read(), null, 1)], { type: "application/json" }));
      element("a", { href, download: `bigram-to-transformer-${BookRecord.day()}.json` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1e4);
      told.textContent = "Saved with your downloads.";
    };
    const clear = () => {
      told.replaceChildren("Clear everything that is listed on this page? ",
        button("Clear everything", () => { BookRecord.write(BookRecord.empty()); list(); told.textContent = "Cleared."; told.focus(); }, "record-warn"), " ",
        button("Keep it", () => { told.textContent = ""; }));
      told.querySelector("button").focus();
    };
    place("file").replaceChildren(
      element("div", { class: "record-buttons" }, button("Save as a file", save), button("Load a file", () => chosen.click()), button("Clear…", clear), chosen), told);
  }

  function list() {
    for (const show of [reviews, guesses, answers]) show();
    window.MathJax?.typesetPromise?.();
  }

  list();
  file();
})();
