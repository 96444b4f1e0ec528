// Keys of the blind pair: a, b and t vote, n leads to another pair. Without scripts the buttons and links do the same.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const meant =
    event.key === "n" ? document.querySelector('a[rel="next"]') : document.querySelector(`#vote button[data-key="${CSS.escape(event.key)}"]`);
  if (!meant) return;
  event.preventDefault();
  meant.click();
});
