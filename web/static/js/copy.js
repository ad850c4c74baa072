// Copy buttons. Where the page is not a secure context there is no clipboard: then the text is selected.
import { toast } from "./app.js";
import { t } from "./i18n.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const shown = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      getSelection().selectAllChildren(shown);
      if (!document.execCommand("copy")) return;
    }
    toast(t("js-copied"));
  });
}
