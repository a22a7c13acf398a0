// What a reader has guessed, answered and reviewed, kept in this browser and sent nowhere.
//
// The record is {version, guesses, answers, reviews}; each of the three is {key: entry}, and every entry has the day `at`
// of its last change. In a private window, where nothing can be stored, it lasts as long as the page.
"use strict";

const BookRecord = (() => {
  const KEY = "from-bigram-to-transformer", VERSION = 1;
  const DAYS = [1, 3, 7, 16, 35]; // until a prompt returns: each time it was known, the next of them

  const isText = (value) => typeof value === "string" && value.length < 1000;
  const isDay = (value) => isText(value) && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value));
  const isCount = (value) => Number.isInteger(value) && value >= 0;
  const SOUND = { // an entry that is anything else is dropped
    guesses: ({ guess }) => guess === null || isText(guess), // null: the reader asked to be shown
    answers: ({ answer, correct, tries }) => isText(answer) && typeof correct === "boolean" && isCount(tries),
    reviews: ({ step, due }) => isCount(step) && step < DAYS.length && isDay(due),
  };

  /** The record in some parsed JSON, without what is damaged in it; null if there is none that this version can read. */
  function sound(data) {
    if (!data || typeof data !== "object" || data.version !== VERSION) return null;
    const kept = { version: VERSION };
    for (const [kind, fits] of Object.entries(SOUND)) {
      const entries = Object.entries(data[kind] ?? {});
      kept[kind] = Object.fromEntries(entries.filter(([, one]) => one && typeof one === "object" && isDay(one.at) && fits(one)));
    }
    return kept;
  }

  const parse = (text) => { try { return sound(JSON.parse(text)); } catch { return null; } };
  const empty = () => sound({ version: VERSION });
  let unstored = null; // the record of a page that cannot store it

  function read() {
    if (unstored) return unstored;
    try { return parse(localStorage.getItem(KEY)) ?? empty(); } catch { return empty(); }
  }

  function write(data) {
    try {
      const before = localStorage.getItem(KEY);
      if (before && !parse(before)) localStorage.setItem(`${KEY}-unreadable`, before); // put aside and not lost
      localStorage.setItem(KEY, JSON.stringify(data));
      unstored = null;
    } catch { unstored = data; }
  }

  const day = (date = new Date()) => [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  const later = (days) => { const date = new Date(); date.setDate(date.getDate() + days); return day(date); };

  const get = (kind, key) => read()[kind][key];
  function set(kind, key, entry) {
    const all = read();
    if (entry) all[kind][key] = { ...entry, at: day() };
    else delete all[kind][key];
    write(all);
  }

  /** A prompt was known, or was not: tomorrow again, or later and later. Knowing it before its day changes nothing. */
  function review(key, known) {
    const before = get("reviews", key);
    if (known && before && before.due > day()) return before;
    const step = known && before ? Math.min(before.step + 1, DAYS.length - 1) : 0;
    set("reviews", key, { step, due: later(DAYS[step]) });
    return get("reviews", key);
  }

  /** Add a record that was saved to a file: of two entries the later one stays. The number of entries, or null. */
  function add(text) {
    const other = parse(text), all = read();
    if (!other) return null;
    let count = 0;
    for (const kind of Object.keys(SOUND)) {
      for (const [key, entry] of Object.entries(other[kind])) {
        count += 1;
        if (!all[kind][key] || all[kind][key].at <= entry.at) all[kind][key] = entry;
      }
    }
    write(all);
    return count;
  }

  const WORDS = { thousand: 1e3, million: 1e6, billion: 1e9 };

  /** The number in what was typed: 84, 84%, 1,000, −0.5, 3e5, 1/3, 2^10, 64*(3+1), 1.5 million; NaN if there is none. */
  function number(text) {
    let rest = text.toLowerCase().trim().replace(/^(about|around|roughly|~|≈)\s*/, "").replaceAll("−", "-").replaceAll("**", "^")
      .replace(/[×·]/g, "*").replaceAll("÷", "/").replace(/(?<=\d),(?=\d{3}(?!\d))/g, "").replaceAll("_", "");
    const [, value, scale] = /^(.*?)\s*(thousand|million|billion)?\s*[a-z%]*$/.exec(rest) ?? [];
    rest = (value ?? "").replace(/\s+/g, "");
    const take = (pattern) => { const found = pattern.exec(rest)?.[0]; rest = rest.slice(found?.length ?? 0); return found; };
    const sum = () => { let all = product(); for (let sign; (sign = take(/^[+-]/));) all += sign === "+" ? product() : -product(); return all; };
    const product = () => { let all = signed(); for (let sign; (sign = take(/^[*/]/));) { const next = signed(); all = sign === "*" ? all * next : all / next; } return all; };
    const signed = () => (take(/^-/) ? -signed() : power());
    const power = () => { const base = atom(); return take(/^\^/) ? base ** signed() : base; };
    const atom = () => {
      if (!take(/^\(/)) return Number(take(/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/) ?? NaN);
      const inner = sum();
      return take(/^\)/) ? inner : NaN;
    };
    const found = sum() * (WORDS[scale] ?? 1);
    return rest || !Number.isFinite(found) ? NaN : found;
  }

  return { DAYS, read, get, set, review, add, number, day, empty, write };
})();
