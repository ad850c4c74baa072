// A dialog near a place of the window, such as a menu.
/** Opens it; on a phone the style sheet puts it at the bottom. */
export function popup(dialog, near) {
  dialog.showModal();
  const { offsetWidth: width, offsetHeight: height } = dialog;
  const below = near.bottom + height + 8 < innerHeight;
  const top = below ? near.bottom + 4 : near.top - height - 4;
  dialog.style.setProperty("--x", `${Math.max(8, Math.min(near.left, innerWidth - width - 8))}px`);
  dialog.style.setProperty("--y", `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`);
}

/** A press beside it closes it; arrows move through its buttons, of which `row` stand side by side. */
export function tame(dialog, row = 1) {
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
  if (!dialog.matches(".pop")) return;
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...dialog.querySelectorAll("button, a")].filter((it) => it.offsetParent);
    all.at((all.indexOf(document.activeElement) + step) % all.length).focus();
  });
}
