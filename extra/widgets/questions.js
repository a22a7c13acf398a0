// Exercises answered in the page: what was typed is diagnosed as `check` does it, with what _ext/questions.py exported.
"use strict";

const BookQuestions = (() => {
  const { element } = BookWidgets;

  /** SHA-256 (FIPS 180-4) by hand: the browser's own is missing on pages served over plain http. */
  const fraction = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  const ROUND = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
  const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  const turn = (word, by) => (word >>> by) | (word << (32 - by));

  function sha256(bytes) {
    const padded = new Uint8Array((bytes.length + 72) & ~63), view = new DataView(padded.buffer);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    view.setUint32(padded.length - 4, 8 * bytes.length);
    const state = Int32Array.from(START), w = new Int32Array(64);
    for (let block = 0; block < padded.length; block += 64) {
      for (let t = 0; t < 16; t++) w[t] = view.getInt32(block + 4 * t);
      for (let t = 16; t < 64; t++) {
        const a = w[t - 15], b = w[t - 2];
        w[t] = (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10)) + w[t - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[t - 16];
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let t = 0; t < 64; t++) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[t] + w[t]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] += word; });
    }
    const digest = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => digest.setInt32(4 * i, word));
    return new Uint8Array(digest.buffer);
  }

  const encode = (text) => new TextEncoder().encode(text);

  function keyOf(text, rounds) {
    let digest = encode(text);
    for (let i = 0; i < rounds; i++) digest = sha256(digest);
    return digest;
  }

  /** The hint in a box, or null if this is not its key. */
  function open(box, key) {
    const data = Uint8Array.from(atob(box), (one) => one.charCodeAt(0));
    for (let i = 0; i * 32 < data.length; i++) sha256([...key, i]).forEach((byte, j) => { if (32 * i + j < data.length) data[32 * i + j] ^= byte; });
    const text = new TextDecoder().decode(data);
    return text.startsWith("ok:") ? text.slice(3) : null;
  }

  const stepOf = ({ rtol }) => Math.log((1 + rtol) / (1 - rtol));

  /** The text that is hashed for a foreseen value, if this answer is that value; null if it cannot be. */
  function textOf(value, answer) {
    if (value.is === "text") return typeof answer === "string" ? answer.trim().toLowerCase() : null;
    if (typeof answer !== "number") return null;
    if (value.is === "whole") return Number.isInteger(answer) ? answer.toFixed(0).replace("-0", "0") : null;
    return answer ? `${answer < 0 ? "-" : "+"}${Math.floor((Math.log(Math.abs(answer)) - value.offset) / stepOf(value))}` : null;
  }

  /** How far an answer is from a foreseen value that it matches: where in its cell it lies. */
  function distance(value, answer) {
    if (value.is !== "real") return 0;
    const place = (Math.log(Math.abs(answer)) - value.offset) / stepOf(value);
    return Math.abs(Math.expm1((place - Math.floor(place)) * stepOf(value) + Math.log(1 - value.rtol)));
  }

  /** {status, hint}, as `diagnose` of transformer_lib.exercises has them. */
  function diagnose({ salt, rounds, hint, values }, answer) {
    const keys = {}; // several values may ask about one text
    const met = values.flatMap((value, place) => {
      const text = textOf(value, answer);
      if (text === null) return [];
      const found = open(value.box, keys[text] ??= keyOf(salt + text, rounds));
      return found === null ? [] : [{ place, guess: value.guess, hint: found, far: distance(value, answer) }];
    });
    const right = met.find((one) => one.place === 0), mistakes = met.filter((one) => one.place && !one.guess);
    const exact = (one) => one.far < 1e-9;
    if (right && (exact(right) || !mistakes.some(exact))) return { status: "correct", hint: right.hint };
    const nearest = mistakes.reduce((best, one) => (best && best.far <= one.far ? best : one), undefined) ?? met.find((one) => one.guess);
    return nearest ? { status: "mistake", hint: nearest.hint } : { status: "different", hint };
  }

  /** A text in which `code` stands between backticks, as nodes. */
  const prose = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

  function mount(box) {
    const data = JSON.parse(box.querySelector("script").textContent), name = box.dataset.exercise;
    const id = `answer-${name}`, number = data.sort === "number";
    const input = element("input", { type: "text", id, autocomplete: "off", spellcheck: "false", maxlength: 200, ...(number ? { inputmode: "text", class: "record-number" } : {}) });
    const told = element("p", { class: "record-told", role: "status" });
    const form = element("form", { class: "record-form" },
      element("label", { for: id }, "Answer here, or in the notebook"),
      element("div", { class: "record-field" }, input, element("button", { type: "submit", class: "record-button record-main" }, "Check")));

    function say(status, ...words) {
      told.dataset.status = status;
      told.replaceChildren(...words);
    }

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = input.value.trim(), answer = number ? BookRecord.number(typed) : typed;
      if (!typed) return say("unusable", "Type your answer first.");
      if (Number.isNaN(answer)) return say("unusable", `“${typed}” does not look like a number. Arithmetic such as 3*8/2 is fine.`);
      const { status, hint } = diagnose(data, answer), before = BookRecord.get("answers", name);
      const correct = status === "correct";
      if (!before?.correct || correct) BookRecord.set("answers", name, { answer: typed, correct, tries: (before?.tries ?? 0) + 1 });
      if (correct) say(status, element("strong", {}, "Correct."));
      else say(status, element("strong", {}, "Not yet. "), ...prose(hint));
    });

    const known = BookRecord.get("answers", name);
    if (known) input.value = known.answer;
    if (known?.correct) say("correct", element("strong", {}, "Correct."), " You solved this one.");
    box.prepend(form, told);
    box.dataset.mounted = "true";
  }

  document.querySelectorAll(".question").forEach(mount);

  return { diagnose, sha256 };
})();
