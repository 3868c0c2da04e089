// What became of pushes, in words: counts by outcome, and sentences about one push.

import { element, keyed, setAttribute, setText } from "./dom.js";
import { hasText, text, together } from "./texts.js";

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
  unbound: "wait",
  not_sent: "wait",
  no_verdict: "unclear",
  unknown: "unclear",
};

/** The texts of those fields of a notification whose text is not `fact.<name>`. */
const FIELDS = {
  channel_id: "note.channel",
  group: "note.group",
  picture: "note.picture",
  replace_key: "fact.replaces",
  show_in_foreground: "fact.foreground",
  sound: "note.sound",
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
  const known = inOrder(counts);
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

function inOrder(counts) {
  const order = Object.keys(LOOKS);
  const known = Object.entries(counts).filter(([, count]) => count > 0);
  return known.sort(([one], [other]) => order.indexOf(one) - order.indexOf(other));
}

function makeChip([key]) {
  const look = key === "none" ? "none" : outcomeLook(key);
  return element("span", { class: `count ${look}`, "data-outcome": key }, element("span"), element("b"));
}

/** Counts by outcome as words: "2 accepted, 1 dead token". `countings`: objects with the counts by outcome. */
export function countedWords(countings) {
  const sums = {};
  for (const [key, count] of countings.flatMap(Object.entries)) sums[key] = (sums[key] ?? 0) + count;
  return inOrder(sums)
    .map(([key, count]) => text("send.count", { n: count, word: outcomeWord(key) }))
    .join(text("list.comma"));
}

/** How a push or a recall ended and what to do. */
export function outcomeSentence(outcome, brand) {
  const key = outcomeKey(outcome);
  return text(hasText(`why.${key}`) ? `why.${key}` : `why.${outcome.status}`, { brand });
}

/** What became of one push and what to do, in sentences. */
export function outcomeSentences(send, brand) {
  const sentences = [outcomeSentence(send, brand)];
  if (send.truncated.length > 0) sentences.push(text("extra.truncated", { brand, fields: fieldWords(send.truncated) }));
  if (send.omitted.length > 0) sentences.push(text("extra.omitted", { brand, fields: fieldWords(send.omitted) }));
  if (send.possible_duplicate) sentences.push(text("extra.duplicate"));
  return together(sentences);
}

/** Names of a notification's fields as words. */
function fieldWords(names) {
  const known = names.map((name) => FIELDS[name] ?? `fact.${name}`);
  return known.map((key, index) => (hasText(key) ? text(key) : names[index])).join(text("list.comma"));
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
