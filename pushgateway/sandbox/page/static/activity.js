// The gateway's view: its last sends with their outcomes, and its events.

import { element, icon, keyed, setOptionalText, setText } from "./dom.js";
import { data } from "./live.js";
import { outcomeFigures, outcomeKey, outcomeLook, outcomeSentences, outcomeWord } from "./outcomes.js";
import { shortToken } from "./phones.js";
import { brandName, exactTime, hasText, text } from "./texts.js";

const SELF_EXPLAINING = ["login", "breaker_closed", "quota_released"];
const EVENT_ICONS = { login: "key", breaker_closed: "info", quota_released: "info" };

/** Show the gateway's sends and events in `holder`. `open.phone(brand, token)`: where a send leads to. */
export function showActivity(holder, open) {
  const { sends, events } = data.gateway ?? { sends: [], events: [] };
  showSends(holder.querySelector(".sends"), sends, open);
  showEvents(holder.querySelector(".events"), events);
  setOptionalText(holder.querySelector(".no-sends"), sends.length === 0 ? text("activity.noSends") : "");
  setOptionalText(holder.querySelector(".no-events"), events.length === 0 ? text("activity.noEvents") : "");
}

/** Show sends with their outcomes in a list. */
export function showSends(list, sends, open) {
  keyed(
    list,
    sends,
    (send) => `${send.at} ${send.token} ${send.message_id}`,
    (send) => sendItem(send, open),
    updateSend,
  );
}

function sendItem(send, open) {
  return element(
    "li",
    { class: `send ${outcomeLook(outcomeKey(send))}`, "data-brand": send.brand },
    element(
      "p",
      { class: "send-head" },
      element("b", { class: "send-outcome" }),
      element("span", { class: "send-brand" }),
      element("time"),
    ),
    element("p", { class: "send-title" }),
    element("p", { class: "send-says" }),
    element(
      "p",
      { class: "send-foot" },
      element("button", { type: "button", class: "link send-token", click: () => open.phone(send.brand, send.token) }),
      element("span", { class: "send-figures" }),
    ),
  );
}

function updateSend(item, send) {
  const brand = nameOf(send.brand);
  setText(item.querySelector(".send-outcome"), outcomeWord(outcomeKey(send)));
  setText(item.querySelector(".send-brand"), brand);
  setText(item.querySelector("time"), exactTime(send.at));
  setOptionalText(item.querySelector(".send-title"), send.title);
  setText(item.querySelector(".send-says"), outcomeSentences(send, brand));
  setOptionalText(item.querySelector(".send-figures"), outcomeFigures(send));
  setText(item.querySelector(".send-token"), shortToken(send.token));
  item.querySelector(".send-token").title = `${text("send.show")}\n${send.token}`;
}

function showEvents(list, events) {
  keyed(
    list,
    events,
    (event) => `${event.at} ${event.brand} ${event.kind}`,
    eventItem,
    (item, event) => {
      setText(item.querySelector("b"), hasText(`event.${event.kind}`) ? text(`event.${event.kind}`) : event.kind);
      setText(item.querySelector(".send-brand"), nameOf(event.brand));
      setText(item.querySelector("time"), exactTime(event.at));
      setOptionalText(item.querySelector(".send-figures"), SELF_EXPLAINING.includes(event.kind) ? "" : event.text);
    },
  );
}

function eventItem(event) {
  return element(
    "li",
    { class: `event ${event.kind}`, "data-brand": event.brand },
    element(
      "p",
      { class: "send-head" },
      icon(EVENT_ICONS[event.kind] ?? "alert"),
      element("b"),
      element("span", { class: "send-brand" }),
      element("time"),
    ),
    element("p", { class: "send-figures" }),
  );
}

function nameOf(key) {
  const brand = data.brands.get(key);
  return brand === undefined ? key : brandName(brand);
}
