// Copy buttons. Where the page is not a secure context there is no clipboard: then a field is selected.
import { make, toast } from "./app.js";
import { t } from "./i18n.js";

/** Copies a text and says so. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { className: "vh", value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) return;
  }
  toast(t("js-copied"));
}

/** Shows the buttons below a node: without scripts they would do nothing. */
export function reveal(root = document) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copyText(button.dataset.copy);
});
reveal();
