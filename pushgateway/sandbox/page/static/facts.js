// Names and values as a list of facts.

import { element, keyed, setText } from "./dom.js";
import { text } from "./texts.js";

/** Show facts in a `dl`: triples of the key of a text, the value and, for code, "code". Those without a value are left
 * out. */
export function showFacts(list, facts) {
  const known = facts.filter(([, value]) => value != null && value !== "");
  keyed(
    list,
    known,
    ([key]) => key,
    factItem,
    (item, [key, value]) => {
      setText(item.querySelector("dt"), text(key));
      setText(item.querySelector("dd"), value);
    },
  );
}

function factItem([, , look]) {
  return element("div", {}, element("dt"), element("dd", { class: look ?? null }));
}
