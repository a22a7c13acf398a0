// The registry every widget in the book uses, and the two helpers most of them want.
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

  return { register, element, random };
})();
