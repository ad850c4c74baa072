// Texts of scripts in the page's language, with CLDR plurals.
const lang = document.documentElement.lang || "ru";
const { default: texts } = await import(`./texts.${lang === "en" ? "en" : "ru"}.js`);
const plural = new Intl.PluralRules(lang);

/** The text of a key; places such as {a} are filled from `values`. */
export function t(key, values = {}) {
  let text = texts[key] ?? key;
  if (typeof text === "object") text = text[plural.select(Number(values.n))] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
