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

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copyText(button.dataset.copy));
}
