// The rows of phones: a brand with its fault buttons and outcomes, its phones, and the notifications on each.

import { announce, element, icon, keyed, keyedNodes, setAttribute, setLabel, setOptionalText, setText } from "./dom.js";
import { command, data } from "./live.js";
import { outcomeChips } from "./outcomes.js";
import { brandName, clockTime, dateAndTime, hasText, text, together } from "./texts.js";

const ONCE = "revoked"; // a fault that happens once, so that its button has no state
const ALERT_ICONS = { silent: "bell-off", normal: "bell", urgent: "bell-ring" };

/** The sections of all brands in `parent`. `open` has what a click leads to: `notification(brand, token, id)`,
 * `phone(brand, token)`, `requests(brand)`, `send(brand, token)`. `only`: the keys of the brands that have changed, null for all. */
export function showBrands(parent, open, only = null) {
  const brands = [...data.brands.values()];
  keyed(
    parent,
    brands,
    (brand) => brand.brand,
    (brand) => brandSection(brand.brand, open),
    (section, brand) => {
      if (only === null || only.includes(brand.brand)) updateBrand(section, brand, open);
    },
  );
}

// A brand

function brandSection(key, open) {
  const section = element(
    "section",
    { class: "brand", id: `brand-${key}`, "data-brand": key, "aria-labelledby": `name-${key}` },
    element(
      "header",
      { class: "brand-head" },
      element("h2", { class: "brand-name", id: `name-${key}`, tabindex: "-1" }),
      element("p", { class: "brand-counts" }),
      element(
        "button",
        { type: "button", class: "quiet to-requests", click: () => open.requests(key) },
        icon("list"),
        element("span"),
      ),
      element(
        "button",
        { type: "button", class: "quiet new-phone", click: () => addPhone(key) },
        icon("plus"),
        element("span"),
      ),
    ),
    element(
      "div",
      { class: "brand-state" },
      element("div", { class: "faults", role: "group" }),
      element("p", { class: "fault-says", hidden: true }),
      element("div", { class: "outcomes", role: "group" }),
    ),
    strip(key, open),
  );
  return section;
}

function updateBrand(section, brand, open) {
  const name = brandName(brand);
  setText(section.querySelector(".brand-name"), name);
  setText(section.querySelector(".brand-counts"), counts(brand));
  setAttribute(section.querySelector(".brand-counts"), "title", callCounts(brand));
  setText(section.querySelector(".to-requests span"), text("requests.open"));
  setText(section.querySelector(".new-phone span"), text("brand.newPhone"));
  updateFaults(section, brand, name);
  const outcomes = section.querySelector(".outcomes");
  outcomes.hidden = data.gateway === null;
  setAttribute(outcomes, "aria-label", text("brand.outcomes"));
  setAttribute(outcomes, "data-caption", text("nav.activity"));
  if (data.gateway !== null) outcomeChips(outcomes, data.gateway.outcomes[brand.brand] ?? {}, name);
  updateStrip(section.querySelector(".strip"), brand, name, open);
}

function counts(brand) {
  const receipts = brand.receipts ?? {};
  const notTaken = (receipts.failed ?? 0) + (receipts.refused ?? 0);
  const dropped = Object.values(brand.dropped ?? {}).reduce((sum, one) => sum + one, 0);
  return [
    text("brand.phones", { n: brand.phones }),
    text("brand.pushes", { n: brand.pushes }),
    text("brand.requests", { n: brand.requests }),
    receipts.posted ? text("brand.receipts", { n: receipts.posted }) : "",
    notTaken ? text("brand.receiptsBad", { n: notTaken }) : "",
    dropped ? text("brand.dropped", { n: dropped }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function callCounts(brand) {
  const calls = Object.entries(brand.calls ?? {});
  return calls.length ? [text("brand.calls"), ...calls.map(([name, count]) => `${name}: ${count}`)].join("\n") : null;
}

async function addPhone(brand) {
  await carryOut("install", { brand }, () => text("brand.added", { brand: brandName(data.brands.get(brand)) }));
}

// Faults

function updateFaults(section, brand, name) {
  const group = section.querySelector(".faults");
  setAttribute(group, "aria-label", text("fault.group", { brand: name }));
  setAttribute(group, "data-caption", text("fault.caption"));
  keyed(
    group,
    brand.can ?? [],
    (fault) => fault,
    (fault) => faultButton(brand.brand, fault),
    (button, fault) => {
      setText(button.querySelector("span"), text(`fault.${fault}`));
      setAttribute(button, "title", text(`fault.${fault}.what`));
      if (fault !== ONCE) setAttribute(button, "aria-pressed", String(brand.fault.includes(fault)));
    },
  );
  const on = brand.fault.filter((fault) => hasText(`fault.${fault}.what`) && fault !== ONCE);
  setOptionalText(section.querySelector(".fault-says"), together(on.map((fault) => text(`fault.${fault}.what`))));
  section.classList.toggle("has-fault", on.length > 0);
}

function faultButton(brand, fault) {
  return element(
    "button",
    { type: "button", class: "fault", "data-fault": fault, click: () => switchFault(brand, fault) },
    icon(fault === ONCE ? "key" : "switch"),
    element("span"),
  );
}

async function switchFault(brand, fault) {
  const on = !data.brands.get(brand).fault.includes(fault) || fault === ONCE;
  await carryOut("fault", { brand, fault, on }, () => {
    const values = { brand: brandName(data.brands.get(brand)), fault: text(`fault.${fault}`) };
    if (fault === ONCE) return text("fault.revoked.done", values);
    return on ? text("fault.on", { ...values, what: text(`fault.${fault}.what`) }) : text("fault.off", values);
  });
}

/** Carry out a command and say what has happened, or why not. Returns the answer, or null. */
export async function carryOut(name, fields, said) {
  try {
    const done = await command(name, fields);
    announce(said(done));
    return done;
  } catch (refused) {
    announce(refused.message || text("send.unreachable"));
    return null;
  }
}

// The row of phones. One phone is in the tab order; the arrow keys go to its neighbours.

function strip(brand, open) {
  const list = element("ul", { class: "strip", role: "list" });
  const update = () =>
    requestAnimationFrame(() => {
      const known = data.brands.get(brand);
      if (known !== undefined && list.isConnected) updateStrip(list, known, brandName(known), open);
    });
  list.addEventListener("keydown", moveFocus);
  list.addEventListener("focusin", (event) => {
    const phone = event.target.closest(".phone");
    if (phone !== null) makeCurrent(list, phone);
  });
  // While somebody points at the row or works in it, the phones keep their places.
  list.addEventListener("pointerleave", update);
  list.addEventListener("focusout", (event) => list.contains(event.relatedTarget) || update());
  return list;
}

function updateStrip(list, brand, name, open) {
  setAttribute(list, "aria-label", text("brand.strip", { brand: name }));
  const phones = inOrder(list, brand.recent ?? []);
  const left = brand.phones - phones.length;
  const items = left > 0 ? [...phones, { more: left }] : phones;
  keyed(
    list,
    items,
    (item) => item.token ?? "more",
    (item) => (item.more ? element("li", { class: "more" }) : phoneItem(brand.brand, item.token, open)),
    (node, item) => {
      if (item.more) setText(node, text("brand.more", { n: item.more }));
      else updatePhoneItem(node, brand, item);
    },
  );
  if (phones.length === 0) setAttribute(list, "data-empty", text("brand.empty"));
  else setAttribute(list, "data-empty", null);
  if (list.querySelector(".phone.current") === null && phones.length > 0) makeCurrent(list, list.firstElementChild);
}

function inOrder(list, recent) {
  if (!list.matches(":hover, :focus-within")) return recent;
  const places = [...keyedNodes(list).keys()];
  const stay = recent.filter((phone) => places.includes(phone.token));
  stay.sort((one, other) => places.indexOf(one.token) - places.indexOf(other.token));
  return [...stay, ...recent.filter((phone) => !places.includes(phone.token))];
}

function makeCurrent(list, current) {
  for (const phone of list.querySelectorAll(".phone")) {
    const is = phone === current;
    phone.classList.toggle("current", is);
    phone.querySelector(".device").tabIndex = is ? 0 : -1;
    for (const control of phone.querySelectorAll("button, summary")) control.tabIndex = is ? 0 : -1;
  }
}

function moveFocus(event) {
  const phones = [...event.currentTarget.querySelectorAll(".phone")];
  const at = phones.indexOf(event.target.closest(".phone"));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: phones.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    phones[to]?.querySelector(".device").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    moveWithin(phones[at], event.key === "ArrowDown" ? 1 : -1);
  }
}

function moveWithin(phone, step) {
  const stops = [phone.querySelector(".device"), ...phone.querySelectorAll(".card-open")].filter(
    (stop) => stop.closest("details:not([open])") === null,
  );
  const at = stops.indexOf(document.activeElement);
  stops[Math.min(Math.max(at + step, 0), stops.length - 1)].focus();
}

// A phone

function phoneItem(brand, token, open) {
  const action = (name, symbol, click) =>
    element("button", { type: "button", class: `quiet round ${name}`, click }, icon(symbol));
  return element(
    "li",
    { class: "phone", "data-token": token },
    drawnPhone(),
    element(
      "div",
      { class: "phone-label" },
      element(
        "button",
        { type: "button", class: "phone-open", click: () => open.phone(brand, token) },
        element("span", { class: "phone-name" }),
        element("span", { class: "phone-facts" }),
      ),
      element(
        "div",
        { class: "phone-actions" },
        action("to-send", "send", () => open.send(brand, token)),
        action("to-mute", "bell", () => setMuted(brand, token, !recentPhone(brand, token).muted)),
        action("to-uninstall", "trash", () => uninstall(brand, token)),
      ),
    ),
  );

  function drawnPhone() {
    const phone = phoneDrawing((id) => open.notification(brand, token, id));
    phone.setAttribute("role", "group");
    return phone;
  }
}

function updatePhoneItem(item, brand, phone) {
  const label = [
    text("phone.name", { brand: brandName(brand), name: shortName(phone) }),
    phone.installed ? text("phone.notifications", { n: phone.shown.length }) : text("phone.uninstalled"),
    phone.muted ? text("phone.muted") : "",
    phone.badge ? text("phone.badge", { n: phone.badge }) : "",
  ];
  const device = item.querySelector(".device");
  setAttribute(device, "aria-label", label.filter(Boolean).join(", "));
  updateDrawing(device, phone);
  setText(item.querySelector(".phone-name"), shortName(phone));
  setOptionalText(item.querySelector(".phone-facts"), phoneFacts(phone));
  setAttribute(item.querySelector(".phone-open"), "title", `${text("phone.open")}\n${phone.token}`);
  const mute = item.querySelector(".to-mute");
  setLabel(mute, text("phone.mute"));
  setAttribute(mute, "aria-pressed", String(phone.muted));
  setAttribute(mute.querySelector("use"), "href", phone.muted ? "#i-bell-off" : "#i-bell");
  setLabel(item.querySelector(".to-send"), text("phone.send"));
  setLabel(item.querySelector(".to-uninstall"), text("phone.uninstall"));
  item.querySelector(".phone-actions").hidden = !phone.installed;
  const current = item.classList.contains("current");
  for (const control of item.querySelectorAll("button, summary")) control.tabIndex = current ? 0 : -1;
}

/** A phone's alias or account, else its token, short enough for a label. */
export function shortName(phone) {
  return phone.alias ?? phone.account ?? shortToken(phone.token);
}

/** The ends of a long token. */
export function shortToken(token) {
  return token.length > 14 ? `${token.slice(0, 5)}…${token.slice(-6)}` : token;
}

function phoneFacts(phone) {
  const named = phone.alias != null || phone.account != null;
  const account = phone.alias != null ? phone.account : null;
  return [account, ...(phone.tags ?? []).map((tag) => `#${tag}`), named ? shortToken(phone.token) : null]
    .filter(Boolean)
    .join(" · ");
}

function recentPhone(brand, token) {
  return data.brands.get(brand).recent.find((phone) => phone.token === token);
}

/** Switch the notifications of a phone off or on. */
export async function setMuted(brand, token, muted) {
  return carryOut("mute", { brand, token, muted }, () => text(muted ? "phone.said.muted" : "phone.said.unmuted"));
}

/** Remove the app from a phone. */
export async function uninstall(brand, token) {
  return carryOut("uninstall", { brand, token }, () => text("phone.said.uninstalled"));
}

// The drawing: status bar, notifications, app icon. Also used for the phone in the panel.

/** A phone without content; `onOpen(id)` is called when a notification is chosen. */
export function phoneDrawing(onOpen) {
  const device = element(
    "div",
    { class: "device" },
    element(
      "div",
      { class: "screen" },
      element(
        "div",
        { class: "status-bar", "aria-hidden": "true" },
        element("span", { class: "status-time" }),
        element("span", { class: "status-icons" }, icon("bell-off"), icon("wifi"), icon("battery")),
      ),
      element(
        "div",
        { class: "shade", tabindex: "-1" },
        element("ul", { class: "cards", role: "list" }),
        element(
          "details",
          { class: "gone", hidden: true },
          element("summary", {}),
          element("ul", { class: "cards", role: "list" }),
        ),
      ),
      element("div", { class: "home" }, element("p", { class: "home-time" }), element("p", { class: "home-text" })),
      element(
        "div",
        { class: "dock" },
        element("span", { class: "app-icon" }, icon("chat"), element("b", { class: "app-badge", hidden: true })),
      ),
    ),
  );
  device.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card !== null && event.target.closest("summary") === null) onOpen(card.dataset.id);
  });
  return device;
}

/** Draw what `phone` shows. */
export function updateDrawing(device, phone) {
  device.classList.toggle("dead", !phone.installed);
  device.classList.toggle("muted", phone.muted);
  updateClock(device);
  updateCards(device.querySelector(".shade > .cards"), phone.shown);
  const gone = device.querySelector(".gone");
  gone.hidden = phone.gone.length === 0;
  setText(gone.querySelector("summary"), text("phone.gone", { n: phone.gone.length }));
  updateCards(gone.querySelector(".cards"), phone.gone);
  const empty = phone.installed ? text(phone.muted ? "phone.muted" : "phone.empty") : text("phone.uninstalled");
  setText(device.querySelector(".home-text"), empty);
  device.querySelector(".home").hidden = phone.installed && phone.shown.length > 0;
  device.querySelector(".app-icon").hidden = !phone.installed;
  setOptionalText(device.querySelector(".app-badge"), phone.badge > 0 ? (phone.badge > 99 ? "99+" : phone.badge) : "");
}

/** Write the time of day in a drawn phone. */
export function updateClock(device) {
  const now = clockTime(Date.now() / 1000);
  setText(device.querySelector(".status-time"), now);
  setText(device.querySelector(".home-time"), now);
}

function updateCards(list, notifications) {
  const known = keyedNodes(list);
  const first = known.size === 0 && list.dataset.drawn === undefined;
  list.dataset.drawn = "";
  keyed(
    list,
    notifications,
    (one) => one.id,
    (one) => {
      const card = notificationCard(one.id);
      if (!first) card.classList.add("arrives");
      return card;
    },
    updateCard,
  );
}

/** A notification as the phone shows it, without content. */
function notificationCard(id) {
  return element(
    "li",
    { class: "card", "data-id": id },
    element(
      "div",
      { class: "card-head" },
      element("span", { class: "card-app", "aria-hidden": "true" }, icon("chat")),
      element("span", { class: "card-source" }),
      element("span", { class: "card-alert" }),
      element("time", { class: "card-time" }),
    ),
    element("p", { class: "card-gone", hidden: true }),
    element(
      "div",
      { class: "card-text" },
      element(
        "div",
        {},
        element("button", { type: "button", class: "card-open" }),
        element("p", { class: "card-body" }),
      ),
      element("span", { class: "card-icon", hidden: true }, icon("picture")),
    ),
    element("p", { class: "card-picture", hidden: true }, icon("picture"), element("span")),
    element("p", { class: "card-buttons", hidden: true }),
    element("p", { class: "chips" }),
  );
}

function updateCard(card, one) {
  const why = one.why ? text(`note.${one.why}`) : "";
  setOptionalText(card.querySelector(".card-gone"), why);
  setText(card.querySelector(".card-source"), one.subtitle || text("phone.app"));
  const time = card.querySelector(".card-time");
  setText(time, clockTime(one.at));
  setAttribute(time, "title", dateAndTime(one.at));
  setAttribute(time, "datetime", new Date(one.at * 1000).toISOString());
  updateAlert(card.querySelector(".card-alert"), one);
  setText(card.querySelector(".card-open"), one.title);
  setOptionalText(card.querySelector(".card-body"), one.long_body || one.body);
  const small = card.querySelector(".card-icon");
  small.hidden = !one.icon;
  setAttribute(small, "title", one.icon || null);
  const picture = card.querySelector(".card-picture");
  picture.hidden = !one.picture;
  setText(picture.querySelector("span"), one.picture);
  setAttribute(picture, "title", one.picture || null);
  const buttons = card.querySelector(".card-buttons");
  buttons.hidden = one.buttons.length === 0;
  keyed(
    buttons,
    one.buttons,
    (button) => button.text,
    () => element("span"),
    (node, button) => setText(node, button.text),
  );
  updateChips(card.querySelector(".chips"), one);
}

function updateAlert(holder, one) {
  const names = [one.alert ? ALERT_ICONS[one.alert] : null, one.sound ? "note" : null].filter(Boolean);
  keyed(
    holder,
    names,
    (name) => name,
    icon,
    () => {},
  );
  const says = [one.alert ? text(`note.${one.alert}`) : "", one.sound ? `${text("note.sound")}: ${one.sound}` : ""];
  setAttribute(holder, "title", says.filter(Boolean).join(" · ") || null);
}

function updateChips(holder, one) {
  const chips = [
    one.category && { key: "category", says: one.category, title: text("note.category") },
    one.private && { key: "private", says: text("note.private"), title: text("note.private") },
    one.channel_id && { key: "channel", says: one.channel_id, title: text("note.channel") },
    one.group && { key: "group", says: one.group, title: text("note.group") },
  ].filter(Boolean);
  holder.hidden = chips.length === 0;
  keyed(
    holder,
    chips,
    (chip) => chip.key,
    (chip) => element("span", { class: `chip ${chip.key}` }),
    (node, chip) => {
      setText(node, chip.says);
      setAttribute(node, "title", `${chip.title}: ${chip.says}`);
    },
  );
}
