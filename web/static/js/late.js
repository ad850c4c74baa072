// A message that came late stands where the order of the chat puts it; that it is there is told at the end. Loaded with the first one.
import { make } from "./app.js";
import { items, keep } from "./chat.js";
import { t } from "./i18n.js";

let above = [];

/** Tells of one; several are one line, which leads to the first. */
export function tell(item) {
  above = [...above.filter((it) => it.isConnected), item];
  const link = make("a", { href: `#${above[0].id}` }, t("js-above-count", { n: above.length }));
  const note = make("li", { className: "note" }, link);
  Object.assign(note.dataset, { note: "", above: "" });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    above[0].scrollIntoView({ block: "center" });
    above[0].focus({ preventScroll: true });
    above = [];
    note.remove();
  });
  keep(() => {
    items.querySelector("[data-above]")?.remove();
    items.append(note);
  });
}
