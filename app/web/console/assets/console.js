"use strict";
// Pages work without this. It makes them quicker to use: one key to search, one click to copy.

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const find = document.querySelector(".find [type=search]");
    if (find) {
      event.preventDefault();
      find.focus();
    }
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (button) {
    navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
    button.textContent = "Copied";
  }
});

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
}
