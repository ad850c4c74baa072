// The emoji picker, for the field and for reactions. Loaded when it is first wanted.
import { make } from "./app.js";
import { popup } from "./popup.js";

const box = document.querySelector("[data-picker]");
let chosen = null;

/** Opens the picker beside a button; `done` gets what was chosen. */
export function pick(beside, done) {
  const grid = box.querySelector(".emo");
  if (!grid.firstChild) {
    grid.append(...box.dataset.all.split(" ").map((emoji) => make("button", { type: "button", textContent: emoji })));
  }
  chosen = done;
  popup(box, beside.getBoundingClientRect());
}

box.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  box.close();
  chosen(button.textContent);
});
