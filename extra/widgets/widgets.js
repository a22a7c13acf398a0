// The registry every widget in the book uses, and the helpers and controls that most of them want.
//
// A page with a `{widget} NAME` directive holds
//     <div class="widget" data-widget="NAME" id="widget-N">what shows without JavaScript</div>
//     <script type="application/json" id="widget-N-data">…</script>
// and loads widgets.js, then NAME.js, as classic scripts: ES modules do not load from file://.
// NAME.js calls BookWidgets.register("NAME", mount); mount(element, data) fills the emptied element.
"use strict";

const BookWidgets = (() => {
  function mountAll(name, mount) {
    for (const element of document.querySelectorAll(`.widget[data-widget="${CSS.escape(name)}"]`)) {
      const fallback = [...element.childNodes];
      const data = JSON.parse(document.getElementById(`${element.id}-data`).textContent);
      element.replaceChildren();
      try {
        mount(element, data);
        element.dataset.mounted = "true";
      } catch (error) {
        element.replaceChildren(...fallback); // a broken widget leaves the page as readable as it was
        console.error(`widget ${name}:`, error);
      }
    }
  }

  /** Call mount(element, data) for each widget of this name, once the page has been read. */
  function register(name, mount) {
    const ready = () => mountAll(name, mount);
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
    else ready();
  }

  /** element("button", {class: "widget-button", onclick: step}, "Step"): a node, its attributes, its children. */
  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  const here = document.currentScript.src, scripts = {}, models = {};

  /** Load a script that lies beside this one, once. */
  function script(file) {
    const { href, pathname } = new URL(file, here);
    const present = () => [...document.scripts].some(({ src }) => src && new URL(src).pathname === pathname);
    scripts[file] ??= present() ? Promise.resolve() : new Promise((resolve, reject) => {
      const node = element("script", { src: href, onload: resolve });
      node.async = false; // they run in the order in which they are asked for
      node.onerror = () => {
        node.remove();
        delete scripts[file]; // so that it can be tried again
        reject(new Error(`${file} could not be read`));
      };
      document.head.append(node);
    });
    return scripts[file];
  }

  /** make(config, tensors) of the directive's `:weights:`; read once for all widgets of a page, again if that failed. */
  function model(name, make, ...others) {
    models[name] ??= Promise.all(["transformer.js", `${name}-weights.js`, ...others].map(script)).then(() => {
      const { parse, unpack, bytesOf } = BookWidgets.transformer, { config, safetensors, packed } = BookWidgets.weights[name];
      delete BookWidgets.weights[name]; // megabytes of text
      return make(config, packed ? unpack(packed) : parse(bytesOf(safetensors)));
    }).catch((error) => { delete models[name]; throw error; });
    return models[name];
  }

  /** Work that never stalls the page: run(generator) does all of it in slices, and is false if it was given up meanwhile,
   *  for another or by stop(). What is yielded as `seen` is shown at once. */
  function inSlices(milliseconds = 25) {
    const seen = {};
    let job = 0;
    async function run(worker) {
      const mine = ++job;
      let until = performance.now() + milliseconds;
      for (const pause of worker) {
        if (pause !== seen && performance.now() < until) continue;
        await new Promise((resume) => setTimeout(resume));
        if (mine !== job) return false;
        until = performance.now() + milliseconds;
      }
      return true;
    }
    return { run, stop: () => { job += 1; }, seen };
  }

  /** A seeded generator of numbers in [0, 1) (mulberry32), so that a reader can replay what a widget drew. */
  function random(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** An index drawn in proportion to the weights; an index of weight 0 is never drawn. */
  function choose(weights, uniform) {
    let left = uniform() * weights.reduce((sum, weight) => sum + weight, 0);
    let last = -1;
    for (const [index, weight] of weights.entries()) {
      if (weight <= 0) continue;
      last = index;
      left -= weight;
      if (left < 0) return index;
    }
    return last; // rounding left a crumb
  }

  const MARKS = { " ": "␣", "\n": "↵", "\t": "⇥" };

  /** A token as the reader sees it: white space has marks, and a lone character without a shape is named. */
  function visible(token) {
    const shapeless = /^[\p{C}\p{Z}]$/u.test(token) && !MARKS[token];
    if (shapeless) return `U+${token.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    return token.replace(/[ \n\t]/g, (space) => MARKS[space]);
  }

  /** A text area that keeps the first `limit` characters of what is typed or pasted, and says so. */
  function textArea(label, limit, oninput) {
    const note = element("span", { class: "widget-note", role: "status" });
    const area = element("textarea", {
      rows: 4, spellcheck: "false", autocomplete: "off",
      oninput: () => {
        const tooLong = area.value.length > limit;
        if (tooLong) area.value = area.value.slice(0, limit).replace(/[\uD800-\uDBFF]$/, "");
        note.textContent = tooLong ? `Too long: only the first ${limit.toLocaleString("en")} characters are kept.` : "";
        oninput(area.value);
      },
    });
    return { node: element("div", { class: "widget-text" }, element("label", {}, label, area), note), area };
  }

  /** A labelled slider; show(value) is what the reader sees and hears beside it. */
  function slider(label, { min, max, step, value, show = String }, oninput) {
    const shown = element("span", { class: "widget-value", "aria-hidden": "true" });
    const moved = () => { tell(); oninput(+input.value); };
    const input = element("input", { type: "range", min, max, step, value, oninput: moved });
    const tell = () => {
      shown.textContent = show(+input.value);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    const set = (next) => { input.value = next; tell(); };
    tell();
    return { node: element("div", { class: "widget-slider" }, element("label", {}, label, input), shown), input, set };
  }

  let choices = 0;

  /** A few radio buttons in one strip: options is {value: words}. */
  function choice(label, options, value, onchange) {
    const name = `widget-choice-${choices++}`; // radio buttons of one name exclude each other
    const node = element("fieldset", { class: "widget-choice" }, element("legend", {}, label));
    for (const [key, words] of Object.entries(options)) {
      const radio = element("input", { type: "radio", name, value: key, onchange: () => onchange(key) });
      node.append(element("label", {}, radio, words));
    }
    const set = (key) => { node.querySelector(`[value="${key}"]`).checked = true; };
    set(value);
    return { node, set };
  }

  /** The number a widget's draws start from; the same number, the same draws. */
  function seedField(value, onchange) {
    const input = element("input", {
      type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value, onchange: () => onchange(Number(input.value) >>> 0),
    });
    return element("label", { class: "widget-seed" }, "seed ", input);
  }

  const button = (words, onclick) => element("button", { type: "button", class: "widget-button", onclick }, words);

  return { register, element, script, model, inSlices, random, choose, visible, textArea, slider, choice, seedField, button };
})();
