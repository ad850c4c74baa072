// Leading to a message of the open chat. Loaded when it is first wanted.
import { part } from "./app.js";
import { byId, chat, items, log, messages, regroup, shown } from "./chat.js";
import { ends, watch } from "./history.js";
import { localize } from "./time.js";

// Another page of the chat in the place of this one. Whether it came.
async function page(at) {
  const found = await part(`/c/${chat}?at=${at}`);
  if (!found) return false;
  items.replaceChildren(...found.filter((item) => !item.matches(".newline")));
  if (items.querySelector("[data-more=after]")) log.dataset.hasNewer = "";
  else delete log.dataset.hasNewer;
  localize(items);
  regroup();
  messages().forEach(watch);
  ends();
  return true;
}

/** Shows the oldest message; its page is fetched if it is not here. */
export async function toStart() {
  if (items.querySelector("[data-more=before]") && !(await page("start"))) return;
  const first = messages()[0];
  first?.scrollIntoView({ block: "start" });
  first?.focus({ preventScroll: true });
  shown();
}

/** Shows a message in the middle; the page around it is fetched if it is not here. Whether it was found. */
export async function show(id) {
  if (!byId(id) && !(await page(id))) return false;
  const item = byId(id);
  items.querySelector(".at")?.classList.remove("at");
  item?.classList.add("at");
  item?.scrollIntoView({ block: "center" });
  shown();
  return item !== null;
}
