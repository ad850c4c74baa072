// A chat that went to the archive can be taken back for a moment.
import { post, toast } from "./app.js";
import { t } from "./i18n.js";

/** Says so; `action` is the address that put it there, `pinned` whether it stood on top before. */
export function archived(action, pinned, then) {
  toast(t("js-archived"), t("js-undo"), async () => {
    await post(action, { on: "0" });
    if (pinned) await post(action.replace(/archive$/, "pin"), { on: "1" });
    then?.();
  });
}
