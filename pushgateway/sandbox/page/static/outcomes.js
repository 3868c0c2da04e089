// What became of pushes, in words: counts by outcome, and sentences about one push.

import { element, keyed, setAttribute, setText } from "./dom.js";
import { hasText, text } from "./texts.js";

/** The outcomes in the order in which they are counted, by the colour that they have. */
const LOOKS = {
  accepted: "good",
  unregistered: "bad",
  invalid_notification: "bad",
  unsupported: "bad",
  credentials: "bad",
  rejected: "bad",
  muted: "wait",
  quota_exceeded: "wait",
  rate_limited: "wait",
  unavailable: "wait",
  overloaded: "wait",
  expired: "wait",
  closed: "wait",
  not_sent: "wait",
  no_verdict: "unclear",
  unknown: "unclear",
};

/** The key of an outcome: its reason, or else its status. */
export function outcomeKey(send) {
  return send.reason ?? send.status;
}

/** "good", "bad", "wait" (later) or "unclear". */
export function outcomeLook(key) {
  return LOOKS[key] ?? "unclear";
}

/** The short word of an outcome. */
export function outcomeWord(key) {
  return hasText(`outcome.${key}`) ? text(`outcome.${key}`) : key;
}

/** Show counts by outcome in `holder`. */
export function outcomeChips(holder, counts, brand) {
  const order = Object.keys(LOOKS);
  const known = Object.entries(counts).filter(([, count]) => count > 0);
  known.sort(([one], [other]) => order.indexOf(one) - order.indexOf(other));
  const items = known.length > 0 ? known : [["none", 0]];
  keyed(
    holder,
    items,
    ([key]) => key,
    makeChip,
    (chip, [key, count]) => {
      setText(chip.firstElementChild, key === "none" ? text("brand.noOutcomes") : outcomeWord(key));
      setText(chip.lastElementChild, key === "none" ? "" : count.toLocaleString());
      setAttribute(chip, "title", hasText(`why.${key}`) ? text(`why.${key}`, { brand }) : null);
    },
  );
}

function makeChip([key]) {
  const look = key === "none" ? "none" : outcomeLook(key);
  return element("span", { class: `count ${look}`, "data-outcome": key }, element("span"), element("b"));
}

/** The counts of these sends, as words: "2 accepted, 1 dead token". */
export function countedWords(sends) {
  const counts = new Map();
  for (const send of sends) counts.set(outcomeKey(send), (counts.get(outcomeKey(send)) ?? 0) + 1);
  return [...counts].map(([key, count]) => `${count.toLocaleString()} ${outcomeWord(key)}`).join(", ");
}

/** What became of one push and what to do, in sentences. */
export function outcomeSentences(send, brand) {
  const key = outcomeKey(send);
  const sentences = [text(hasText(`why.${key}`) ? `why.${key}` : `why.${send.status}`, { brand })];
  const fields = (names) => names.map((name) => (hasText(`fact.${name}`) ? text(`fact.${name}`) : name)).join(", ");
  if (send.truncated.length > 0) sentences.push(text("extra.truncated", { brand, fields: fields(send.truncated) }));
  if (send.omitted.length > 0) sentences.push(text("extra.omitted", { brand, fields: fields(send.omitted) }));
  if (send.possible_duplicate) sentences.push(text("extra.duplicate"));
  return sentences;
}

/** The figures of one push: code, requests, time and detail. */
export function outcomeFigures(send) {
  return [
    send.vendor_code ? text("extra.code", { code: send.vendor_code }) : "",
    send.attempts > 1 ? text("extra.attempts", { n: send.attempts }) : "",
    send.seconds != null ? text("extra.seconds", { n: Math.round(send.seconds * 1000) / 1000 }) : "",
    send.status === "accepted" ? "" : send.detail,
  ]
    .filter(Boolean)
    .join(" · ");
}
