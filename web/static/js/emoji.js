// The emoji picker, for the field and for reactions.
import { make } from "./app.js";

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

/** Opens a dialog near a place of the window; on a phone the style sheet puts it at the bottom. */
export function popup(dialog, near) {
  dialog.showModal();
  const { offsetWidth: width, offsetHeight: height } = dialog;
  const below = near.bottom + height + 8 < innerHeight;
  const top = below ? near.bottom + 4 : near.top - height - 4;
  dialog.style.setProperty("--x", `${Math.max(8, Math.min(near.left, innerWidth - width - 8))}px`);
  dialog.style.setProperty("--y", `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`);
}

box.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  box.close();
  chosen(button.textContent);
});
for (const dialog of document.querySelectorAll("dialog")) {
  // A press beside a dialog closes it.
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
  if (!dialog.matches(".pop")) continue;
  // Arrows move through emoji and menus. A row of the picker has seven.
  const row = dialog === box ? 7 : 1;
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...dialog.querySelectorAll("button")].filter((it) => it.offsetParent);
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  });
}
