// The quiet card in the list that offers notifications. Only its button asks the browser for them.
import { make } from "./app.js";
import { t } from "./i18n.js";
import { want } from "./notify.js";

/** Puts the card below what heads the list; `keep` remembers how often the answer was no. */
export function ask(list, keep, times) {
  if (list.querySelector("[data-ask]")) return;
  const away = () => {
    const held = box.contains(document.activeElement);
    box.remove();
    if (held) list.querySelector("input").focus();
  };
  const yes = make("button", { className: "btn p sm", type: "button", textContent: t("js-ask-yes") });
  const no = make("button", { className: "btn sm", type: "button", textContent: t("js-ask-no") });
  const words = make("p", { className: "small", id: "ask", textContent: t("js-ask") });
  const box = make("div", { className: "ask" }, words, make("div", { className: "acts start" }, yes, no));
  box.setAttribute("role", "group");
  box.setAttribute("aria-labelledby", "ask");
  box.dataset.ask = "";
  yes.addEventListener("click", async () => {
    const answer = await Notification.requestPermission();
    if (answer === "granted") want(true);
    else keep(times + 1); // closed without an answer
    away();
  });
  no.addEventListener("click", () => {
    keep(times + 1);
    away();
  });
  list.append(box);
}
