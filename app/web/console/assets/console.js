"use strict";
// Pages work without this. It makes them quicker to use: one key to search, one click to copy or to choose all.

document.addEventListener("keydown", (event) => {
  const typing = document.activeElement.matches("input, textarea, select");
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

for (const all of document.querySelectorAll("[data-chooses]")) {
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.form.querySelectorAll(`[name="${all.dataset.chooses}"]`)) {
      box.checked = all.checked;
    }
  });
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
}

// What refreshes by itself rests while nobody looks, keeps what it shows when an answer fails, and when the session is
// over leads to the sign-in.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.detail.ctx.sourceElement?.matches("[hx-trigger^=every]")) {
    event.preventDefault();
  }
});

document.addEventListener("htmx:before:response", (event) => {
  const answer = event.detail.ctx.response.raw;
  if (answer.redirected) {
    event.preventDefault();
    location.reload();
  } else if (!answer.ok) {
    event.preventDefault();
  }
});
