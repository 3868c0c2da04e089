// The panel of one notification (the request that caused it, the vendor's reply, its receipts), or of one phone.

import { announce, element, keyed, setAttribute, setOptionalText, setText } from "./dom.js";
import { command, data, read } from "./live.js";
import { outcomeSentence } from "./outcomes.js";
import { phoneDrawing, setMuted, shortName, uninstall, updateDrawing } from "./phones.js";
import { brandName, dateAndTime, exactTime, hasText, text } from "./texts.js";

const at = (id) => document.getElementById(id);

/** Shows one phone, or one notification of it, and keeps it up to date. */
export class Details {
  #brand = null;
  #token = null;
  #id = null;
  #phone = null;
  #notification = null; // the last that was known, also after it has left the phone
  #request = null;
  #reading = false;
  #says = null; // makes the sentence about the last command, in the current language
  #drawing;
  #open;

  /** `open`: what a click leads to, as in `showBrands`. */
  constructor(open) {
    this.#open = open;
    this.#drawing = phoneDrawing((id) => open.notification(this.#brand, this.#token, id));
    at("phone-drawn").append(this.#drawing);
    at("tap").addEventListener("click", () => this.#act("tap", () => text("details.tapped")));
    at("recall").addEventListener("click", () => this.#act("recall", recallSentence));
    at("note-phone").addEventListener("click", () => open.phone(this.#brand, this.#token));
    at("phone-send").addEventListener("click", () => open.send(this.#brand, this.#token));
    at("phone-mute").addEventListener("click", () =>
      this.#change(setMuted(this.#brand, this.#token, !this.#phone.muted)),
    );
    at("phone-uninstall").addEventListener("click", () => this.#change(uninstall(this.#brand, this.#token)));
  }

  /** Show a notification, or the phone if `id` is null. */
  async show(brand, token, id) {
    this.#brand = brand;
    this.#token = token;
    this.#id = id;
    this.#phone = this.#notification = this.#request = null;
    this.#says = null;
    await this.refresh(null);
  }

  /** Show nothing any more. */
  clear() {
    this.#brand = null;
  }

  /** Show what has changed. `changed`: the brands that differ, null for all. */
  async refresh(changed) {
    if (this.#brand === null || (changed !== null && !changed.includes(this.#brand))) return;
    const recent = data.brands.get(this.#brand)?.recent.find((phone) => phone.token === this.#token);
    if (recent !== undefined) this.#phone = recent;
    else await this.#readPhone();
    this.update();
    this.#readRequest();
  }

  /** Write everything again, for instance in another language. */
  update() {
    const brand = data.brands.get(this.#brand);
    if (brand === undefined || this.#phone === null) return;
    const name = brandName(brand);
    setAttribute(at("panel"), "data-brand", this.#brand);
    if (this.#id === null) this.#showPhone(name);
    else this.#showNotification(name);
    at("note-view").hidden = this.#id === null;
    at("phone-view").hidden = this.#id !== null;
    setOptionalText(at("details-says"), this.#says?.(name));
  }

  /** False if the server does not know the phone. */
  get isKnown() {
    return this.#phone !== null;
  }

  /** Heading and the line below it. */
  get heading() {
    const brand = data.brands.get(this.#brand);
    if (brand === undefined || this.#phone === null) return ["", ""];
    const phone = text("phone.name", { brand: brandName(brand), name: shortName(this.#phone) });
    return this.#id === null ? [phone, ""] : [this.#notification?.title ?? "", phone];
  }

  async #readPhone() {
    if (this.#reading) return;
    this.#reading = true;
    const asked = { brand: this.#brand, token: this.#token };
    try {
      const phone = await read("phone", asked);
      if (asked.token === this.#token) this.#phone = phone;
    } catch (refused) {
      announce(refused.message || text("send.unreachable"));
    } finally {
      this.#reading = false;
    }
  }

  async #readRequest() {
    const number = this.#notification?.request ?? null;
    if (this.#id === null || number === null || this.#request !== null) return;
    const id = this.#id;
    let request;
    try {
      request = await read("request", { brand: this.#brand, number });
    } catch {
      request = "forgotten";
    }
    if (id !== this.#id) return;
    this.#request = request;
    this.update();
  }

  async #act(name, sentence) {
    try {
      const done = await command(name, { brand: this.#brand, token: this.#token, id: this.#id });
      this.#says = (brand) => sentence(brand, done);
    } catch (refused) {
      this.#says = () => refused.message || text("send.unreachable");
    }
    this.update();
  }

  async #change(done) {
    await done;
    await this.refresh(null);
  }

  // A notification

  #showNotification(brand) {
    const { shown, gone } = this.#phone;
    const found = [...shown, ...gone].find((one) => one.id === this.#id);
    this.#notification = found ?? this.#notification;
    const one = this.#notification;
    if (one === null) {
      this.#says = () => text("details.lost");
      return;
    }
    const isShown = shown.some((other) => other.id === this.#id);
    at("tap").disabled = !isShown;
    at("recall").disabled = !isShown;
    at("recall").hidden = data.gateway === null;
    setText(at("note-phone").querySelector("span"), shortName(this.#phone));
    setAttribute(at("note-phone"), "title", text("phone.open"));
    setOptionalText(at("note-body"), one.body);
    showReceipts(one.receipts);
    this.#showRequest(brand);
    showFacts(at("note-facts"), notificationFacts(one));
    setText(at("note-fields"), JSON.stringify(one.fields, null, 2));
  }

  #showRequest(brand) {
    const request = this.#request;
    const forgotten = request === "forgotten" || this.#notification.request === null;
    const says = forgotten ? text("details.noRequest") : request === null ? text("details.loading") : "";
    setOptionalText(at("request-says"), says);
    at("request-shown").hidden = says !== "";
    if (says !== "") return;
    setText(at("call"), `${request.method} ${request.url}`);
    setOptionalText(at("call-notes"), requestNotes(request));
    setText(at("request-headers"), lines(request.headers));
    setText(at("request-content"), request.content || text("details.emptyBody"));
    setText(at("reply-heading"), text("details.reply", { brand }));
    const reply = request.reply;
    setText(at("reply-status"), reply === null ? text("details.noReply") : `HTTP ${reply.status}`);
    at("reply-shown").hidden = reply === null;
    if (reply === null) return;
    setText(at("reply-headers"), lines(reply.headers));
    setText(at("reply-content"), reply.content || text("details.emptyBody"));
  }

  // A phone

  #showPhone() {
    const phone = this.#phone;
    updateDrawing(this.#drawing, phone);
    for (const control of this.#drawing.querySelectorAll("button, summary")) control.tabIndex = 0;
    for (const id of ["phone-send", "phone-mute", "phone-uninstall"]) at(id).hidden = !phone.installed;
    if (data.gateway === null) at("phone-send").hidden = true;
    setText(at("phone-mute").querySelector("span"), text(phone.muted ? "phone.unmute" : "phone.mute"));
    const state = !phone.installed ? "phone.dead" : phone.muted ? "phone.muted" : "phone.ready";
    showFacts(at("phone-facts"), [
      ["phone.token", phone.token, "code"],
      ["phone.state", text(state)],
      ["phone.alias", phone.alias],
      ["phone.account", phone.account],
      ["phone.tags", phone.tags.join(", ")],
      ["phone.badgeNumber", phone.badge || ""],
    ]);
  }
}

function recallSentence(brand, done) {
  if (done.done) return text("details.recalled");
  return text("details.notRecalled", { why: outcomeSentence(done, brand) });
}

function showReceipts(receipts) {
  at("no-receipts").hidden = receipts.length > 0;
  keyed(
    at("receipts"),
    receipts,
    (one) => `${one.kind} ${one.at}`,
    receiptItem,
    (item, one) => {
      item.className = `receipt ${one.kind}`;
      setText(item.querySelector("b"), hasText(`receipt.${one.kind}`) ? text(`receipt.${one.kind}`) : one.kind);
      setText(item.querySelector("time"), exactTime(one.at));
      const verified = one.verified == null ? "" : text(`verified.${one.verified}`);
      setText(item.querySelector("p"), [text(`posted.${one.posted ?? "none"}`), verified].filter(Boolean).join(" · "));
    },
  );
}

function receiptItem() {
  return element("li", {}, element("b"), element("time"), element("p", { class: "hint" }));
}

function requestNotes(request) {
  return [
    request.operation,
    exactTime(request.at),
    request.delay ? text("details.delay", { seconds: request.delay }) : "",
    request.fault ? text("details.fault", { fault: request.fault }) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function lines(headers) {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

function notificationFacts(one) {
  const badge = one.badge && text(one.badge.how === "set" ? "fact.badgeSet" : "fact.badgeAdd", { n: one.badge.number });
  const window = [one.show_from, one.show_until].map((moment) => (moment == null ? "…" : dateAndTime(moment)));
  const json = (value) => (Object.keys(value).length > 0 ? JSON.stringify(value) : "");
  return [
    ["fact.title", one.title],
    ["fact.subtitle", one.subtitle],
    ["fact.body", one.body],
    ["fact.long_body", one.long_body],
    ["fact.tap", tapWords(one.tap)],
    ["fact.buttons", one.buttons.map((button) => `${button.text}: ${tapWords(button.tap)}`).join("\n")],
    ["fact.data", json(one.data), "code"],
    ["note.category", one.private ? `${one.category} (${text("note.private")})`.trim() : one.category],
    ["note.channel", one.channel_id],
    ["fact.template", one.template],
    ["fact.alert", one.alert && text(`note.${one.alert}`)],
    ["note.sound", one.sound],
    ["fact.badge", badge],
    ["fact.replaces", one.replaces],
    ["note.group", one.group],
    ["note.picture", one.picture, "code"],
    ["fact.icon", one.icon, "code"],
    ["fact.ttl", one.ttl == null ? "" : text("fact.seconds", { n: one.ttl })],
    ["fact.network", one.network === "wifi" ? text("fact.wifi") : ""],
    ["fact.window", one.show_from == null && one.show_until == null ? "" : window.join(" – ")],
    ["fact.foreground", one.show_in_foreground ? "" : text("fact.notShown")],
    ["fact.user_id", one.user_id],
    ["fact.at", dateAndTime(one.at)],
    ["fact.operation", one.operation, "code"],
    ["fact.message_id", one.message_id, "code"],
    ["fact.dedupe_id", one.dedupe_id, "code"],
  ];
}

function tapWords(tap) {
  return text(hasText(`tap.${tap.kind}`) ? `tap.${tap.kind}` : "tap.unknown", { target: tap.target });
}

function showFacts(list, facts) {
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
