// The dialog that asks where to pass a message on: its filter goes over all chats. Loaded when it is first wanted.
import { part } from "./app.js";

/** Makes the filter of an open dialog follow what is typed. */
export function filter(dialog) {
  const form = dialog.querySelector("[data-filter]");
  if (!form) return;
  const field = form.elements.q;
  let timer = 0;
  let asked = 0;
  const show = async () => {
    const number = (asked += 1);
    const place = new URL(form.action);
    place.searchParams.set("q", field.value);
    const found = await part(place);
    const fresh = found?.find((it) => it.matches("form:not([data-filter])"));
    if (number === asked && fresh) dialog.querySelector("form[method=post]").replaceWith(fresh);
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // Enter takes the first one.
    dialog.querySelector(".choices button")?.focus();
  });
  field.focus();
}
