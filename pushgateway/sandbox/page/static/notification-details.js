// The details of one notification: its receipts, the request that caused it with the vendor's reply, every field.

import { element, keyed, setAttribute, setOptionalText, setText } from "./dom.js";
import { showFacts } from "./facts.js";
import { command, data } from "./live.js";
import { outcomeSentence } from "./outcomes.js";
import { phoneOf } from "./phone-details.js";
import { shortName } from "./phones.js";
import { readRequest, requestDrawing, updateRequest } from "./requests.js";
import { dateAndTime, exactTime, hasText, text } from "./texts.js";

const at = (id) => document.getElementById(id);

export class NotificationDetails {
  #what = null;
  #phone = null;
  #notification = null; // the last that was known, also after newer ones have taken its place on the phone
  #isShown = false;
  #request = null;
  #says = null; // makes the sentence about the last command, in the current language
  #drawing = requestDrawing();
  #onChange;

  /** `onChange`: called when something else than the phone has changed. */
  constructor(open, onChange) {
    this.#onChange = onChange;
    at("note-request").append(this.#drawing);
    at("tap").addEventListener("click", () => this.#act("tap", () => text("details.tapped")));
    at("recall").addEventListener("click", () => this.#act("recall", recallSentence));
    at("note-phone").addEventListener("click", () => open.phone(this.#what.brand, this.#what.token));
  }

  show(what) {
    this.#what = what;
    this.#phone = this.#notification = this.#request = this.#says = null;
  }

  async refresh() {
    const what = this.#what;
    const phone = await phoneOf(what.brand, what.token);
    if (what !== this.#what || phone === null) return this.#notification !== null;
    this.#phone = phone;
    this.#isShown = phone.shown.some((one) => one.id === what.id);
    this.#notification = [...phone.shown, ...phone.gone].find((one) => one.id === what.id) ?? this.#notification;
    if (this.#notification === null) return false;
    if (this.#request === null) this.#readRequest(what);
    return true;
  }

  async #readRequest(what) {
    const request = await readRequest(what.brand, this.#notification.request);
    if (what !== this.#what) return;
    this.#request = request;
    this.#onChange();
  }

  async #act(name, sentence) {
    const { brand, token, id } = this.#what;
    try {
      const done = await command(name, { brand, token, id });
      this.#says = (brandWord) => sentence(brandWord, done);
    } catch (refused) {
      this.#says = () => refused.message || text("send.unreachable");
    }
    this.#onChange();
  }

  heading(brand) {
    return [this.#notification.title, text("phone.name", { brand, name: shortName(this.#phone) })];
  }

  update(brand) {
    const one = this.#notification;
    at("tap").disabled = !this.#isShown;
    at("recall").disabled = !this.#isShown;
    at("recall").hidden = data.gateway === null;
    setText(at("note-phone").querySelector("span"), shortName(this.#phone));
    setAttribute(at("note-phone"), "title", text("phone.open"));
    setOptionalText(at("details-says"), this.#says?.(brand));
    setOptionalText(at("note-body"), one.body);
    showReceipts(one.receipts);
    updateRequest(this.#drawing, this.#request, brand);
    showFacts(at("note-facts"), notificationFacts(one));
    setText(at("note-fields"), JSON.stringify(one.fields, null, 2));
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
