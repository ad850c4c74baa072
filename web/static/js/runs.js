// Runs of one author and the date chips between days.
import { make } from "./app.js";
import { dayKey, localize } from "./time.js";

const RUN_MS = 5 * 60 * 1000;

/** Date chips, first and last of each run: by the neighbours, in the browser's zone. What happened to a group ends a run. */
export function group(items, lines) {
  let last = null;
  for (const item of [...items.children]) {
    if (item.matches(".day")) {
      const next = item.nextElementSibling;
      if (!next?.matches(".msg, .sys, .newline")) item.remove();
    }
  }
  for (const item of lines) {
    const date = new Date(Number(item.dataset.time));
    const day = dayKey(date);
    const head = item.previousElementSibling?.matches(".newline") ? item.previousElementSibling : item;
    const chip = head.previousElementSibling?.matches(".day") ? head.previousElementSibling : null;
    const newDay = !last || last.day !== day;
    if (newDay && !chip) {
      const time = make("time", { dateTime: date.toISOString() });
      time.dataset.form = "day";
      const made = make("li", { className: "day" }, time);
      head.before(made);
      localize(made);
    } else if (!newDay && chip) {
      chip.remove();
    }
    if (item.matches(".sys")) {
      last?.item?.classList.add("last");
      last = { day };
      continue;
    }
    const same = !newDay && head === item && last.author === item.dataset.author && date - last.time <= RUN_MS;
    item.classList.toggle("first", !same);
    last?.item?.classList.toggle("last", !same);
    last = { item, day, author: item.dataset.author, time: date.getTime() };
  }
  last?.item?.classList.add("last");
}
