// Dialogs over any page: the quick switch with search, and the list of keys. Loaded when they are first wanted.
import { make, part } from "./app.js";
import { t } from "./i18n.js";
import { attach, dialog } from "./search.js";
import { localize } from "./time.js";
import { tame } from "./popup.js";

async function over(url, className, label) {
  if (document.querySelector("dialog[open]")) return null;
  const found = await part(url);
  if (!found || document.querySelector("dialog[open]")) return found || location.assign(url), null;
  const box = make("dialog", { className }, ...found);
  box.setAttribute("aria-label", label(box));
  box.addEventListener("close", () => box.remove());
  tame(box);
  document.body.append(box);
  localize(box);
  box.showModal();
  return box;
}

/** The quick switch; what stands in the field `typed` by now goes on there. */
export async function quick(typed) {
  const box = await over("/search?part=quick", "quick", (it) => it.querySelector("label").textContent);
  if (!box) return;
  attach(box.querySelector("[data-search]"), dialog);
  const input = box.querySelector("input");
  input.focus();
  if (typed?.value) {
    [input.value, typed.value] = [typed.value, ""];
    input.dispatchEvent(new Event("input"));
  } else {
    // Enter opens the newest chat that is not open already.
    const down = () => input.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
    down();
    const first = box.querySelector(`#${CSS.escape(input.getAttribute("aria-activedescendant") ?? "")}`);
    const link = first?.closest("a") ?? first?.querySelector("a");
    if (link && new URL(link.href).pathname === location.pathname) down();
  }
}

/** The list of keys. */
export async function keys() {
  const box = await over("/help/keys", "quick", (it) => it.querySelector("table").getAttribute("aria-label"));
  if (!box) return;
  box.append(make("p", { className: "acts" }, make("button", { className: "btn sm", textContent: t("js-close"), onclick: () => box.close() })));
  // It is read with the arrows.
  const table = box.querySelector("table");
  table.tabIndex = 0;
  table.focus();
}
