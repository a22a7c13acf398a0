// Review prompts: did you know it? The next time is planned in the reader's own browser.
"use strict";

const BookReview = (() => {
  const { element } = BookWidgets, PAGE = new URL("../appendices/your_record.html", document.currentScript.src).href;

  function when(due) {
    const days = Math.round((Date.parse(due) - Date.parse(BookRecord.day())) / 864e5);
    return days === 1 ? "tomorrow" : `in ${days} days`;
  }

  /** Two buttons and what comes of them, for one prompt; told() is called after a press. */
  function controls(key, told = () => {}) {
    const status = element("p", { class: "record-told", role: "status" });
    const show = () => {
      const plan = BookRecord.get("reviews", key);
      if (plan && plan.due > BookRecord.day()) status.replaceChildren("It returns ", when(plan.due), " in ", element("a", { href: PAGE }, "your record"), ".");
    };
    const press = (known) => () => { BookRecord.review(key, known); show(); told(known); };
    const button = (words, known) => element("button", { type: "button", class: "record-button", onclick: press(known) }, words);
    show();
    return element("div", { class: "review-controls" }, element("div", { class: "record-buttons" }, button("I knew it", true), button("I did not", false)), status);
  }

  document.querySelectorAll(".review").forEach((prompt) => {
    prompt.append(controls(prompt.dataset.key));
    prompt.dataset.mounted = "true";
  });
  const open = () => { // a link from Your record
    try { document.querySelector(`details.review[id="${CSS.escape(decodeURIComponent(location.hash.slice(1)))}"]`)?.setAttribute("open", ""); } catch { /* not an address of ours */ }
  };
  addEventListener("hashchange", open);
  open();

  return { controls };
})();
