// Switches and choices save at once and say so; what changes the page changes it at once, too.
import { login, post, toast } from "./app.js";
import { t } from "./i18n.js";

const html = document.documentElement;

function show(name, value) {
  if (name === "theme") {
    if (value === "system") delete html.dataset.theme;
    else html.dataset.theme = value;
  } else if (name === "text_size") {
    html.dataset.size = value;
  } else if (name === "language") {
    location.assign("/settings/look?saved=1");
  }
}

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.querySelector("[data-save]").hidden = true;
  form.addEventListener("change", async (event) => {
    const answer = await post(form.action, Object.fromEntries(new FormData(form)));
    if (answer?.status === 401 || answer?.status === 403) return login();
    if (answer?.type !== "opaqueredirect") return toast(t("js-not-saved"), null, null, true);
    toast(t("js-saved"));
    show(event.target.name, event.target.value);
  });
}

// On a phone the sections stand in one row that scrolls; the page itself stays where its address leads.
const side = document.querySelector(".side");
const current = side?.querySelector("[aria-current]")?.getBoundingClientRect();
if (current) side.scrollLeft += current.left - side.getBoundingClientRect().left - (side.clientWidth - current.width) / 2;
