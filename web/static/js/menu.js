// The menu of a card of the chat list: the buttons of its page, sent by fetch. Loaded when it is first wanted.
import { make, part, post, toast } from "./app.js";
import { archived } from "./archive.js";
import { t } from "./i18n.js";
import { popup, tame } from "./popup.js";

const box = make("dialog", { className: "pop" });
document.body.append(box);
tame(box);
let back = null; // what had the focus, by the chat: its card may be drawn anew meanwhile

/** Opens the menu of a card near a place of the window. */
export async function open(item, near) {
  const link = item.querySelector("[data-opts]");
  const found = await part(link.href);
  if (!found?.length) return location.assign(link.href);
  box.setAttribute("aria-label", link.getAttribute("aria-label"));
  box.replaceChildren(...found);
  box.querySelector("ul").classList.remove("pop");
  back = item.dataset.chat;
  if (!box.open) popup(box, near);
}

box.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { formAction, name, value, dataset } = event.submitter;
  box.close();
  const answer = await post(formAction, { [name]: value });
  if (answer?.ok && formAction.endsWith("/archive") && value === "1") archived(formAction, "pinned" in dataset);
  if (!answer?.ok) toast((await answer?.json().catch(() => null))?.error?.message ?? t("js-not-saved"), undefined, undefined, true);
});
box.addEventListener("close", () => {
  if (document.activeElement !== document.body) return;
  document.querySelector(`[data-cards] li[data-chat="${CSS.escape(back)}"] a`)?.focus({ preventScroll: true });
});
