// The section of the settings that says what this browser allows, and switches notifications on and off.
import { t } from "./i18n.js";
import { allowed, possible, want } from "./notify.js";
import { show } from "./tell.js";

const box = document.querySelector("[data-notify]");
const part = (name) => box.querySelector(`[data-notify-${name}]`);
const works = { insecure: t("js-notify-insecure"), denied: t("js-notify-denied"), works: t("js-notify-works"), ready: t("js-notify-ready") };

function draw() {
  const state = !possible ? "insecure" : Notification.permission === "denied" ? "denied" : allowed() ? "works" : "ready";
  part("state").textContent = works[state];
  part("on").hidden = state !== "ready";
  part("off").hidden = part("try").hidden = state !== "works";
  document.querySelector("[data-https]").hidden = state !== "insecure";
}

part("on").addEventListener("click", async () => {
  want((await Notification.requestPermission()) === "granted");
  draw();
});
part("off").addEventListener("click", () => {
  want(false);
  draw();
});
part("try").addEventListener("click", () => show("chater", t("js-notify-test")));
draw();
