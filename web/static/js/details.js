// The details of the open chat beside it: a drawer, or where there is room a third column. Loaded when first wanted.
import { on, part, post, toast } from "./app.js";
import { archived } from "./archive.js";
import { chat, pane } from "./chat.js";
import { reveal } from "./copy.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

const place = document.querySelector("[data-details]");
const body = place.querySelector("[data-details-body]");
const column = matchMedia("(min-width: 1440px)");
const remember = (is) => {
  try {
    if (is) localStorage.setItem("chater.details", "1");
    else localStorage.removeItem("chater.details");
  } catch { /* nothing is remembered then */ }
};

async function load() {
  const found = await part(`/c/${chat}/info`);
  if (!found) return false;
  found.forEach(localize);
  const held = body.contains(document.activeElement);
  body.replaceChildren(...found);
  reveal(body);
  if (held) body.querySelector("h2").focus({ preventScroll: true });
  return true;
}

/** Shows them; `takes` the focus unless they were open all along. */
export async function open(takes = true) {
  if (!(await load())) return takes && location.assign(`/c/${chat}/info`);
  place.hidden = false;
  if (!takes) return;
  remember(true);
  body.querySelector("h2").focus({ preventScroll: true });
}

function close() {
  const held = place.contains(document.activeElement);
  place.hidden = true;
  remember(false);
  if (held) pane.querySelector("a[data-info]").focus({ preventScroll: true });
}

/** Opens or closes them. */
export const toggle = () => (place.hidden ? open() : close());

place.addEventListener("click", (event) => {
  if (event.target.closest("[data-details-close]")) close();
  else if (event.target.closest("a[data-find]") && !column.matches) close();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || place.hidden || document.querySelector("dialog[open], [data-findbar]:not([hidden])")) return;
  event.preventDefault();
  close();
});
place.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-arrange]")) return; // forms with fields lead to their own pages
  event.preventDefault();
  const { formAction, name, value, dataset } = event.submitter;
  const answer = await post(formAction, { [name]: value });
  if (!answer?.ok) return toast((await answer?.json().catch(() => null))?.error?.message ?? t("js-not-saved"), undefined, undefined, true);
  if (name === "answer") return location.reload(); // the field below the messages comes or goes
  if (formAction.endsWith("/archive") && value === "1") archived(formAction, "pinned" in dataset, load);
  load();
});

// Another window may have changed how the chat stands.
let stands = "";
on("chat", (frame) => {
  if (frame.chat_id !== chat) return;
  const now = [frame.state, frame.pinned, frame.archived, frame.muted_until].join();
  if (stands && stands !== now && !place.hidden) load();
  stands = now;
});
