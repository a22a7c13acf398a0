// A formula that scrolls in its own box can be reached with the keyboard, wherever it begins to scroll: MathJax's menu,
// which the book leaves out, would have seen to that.
"use strict";

(() => {
  const mark = () => {
    for (const box of document.querySelectorAll("mjx-container, div.math")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  };
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(mark));
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true); // what was folded had no size
})();
