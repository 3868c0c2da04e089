// The details of one phone: the phone itself, drawn larger, and what can be done with it.

import { setText } from "./dom.js";
import { showFacts } from "./facts.js";
import { data, Refused, read } from "./live.js";
import { phoneDrawing, setMuted, shortName, uninstall, updateDrawing } from "./phones.js";
import { text } from "./texts.js";

const at = (id) => document.getElementById(id);

/** The phone with this token, from the row of its brand or else from the server; null: there is none. */
export async function phoneOf(brand, token) {
  const recent = data.brands.get(brand)?.recent.find((phone) => phone.token === token);
  if (recent !== undefined) return recent;
  try {
    return await read("phone", { brand, token });
  } catch (refused) {
    if (refused instanceof Refused) return null;
    throw refused;
  }
}

export class PhoneDetails {
  #what = null;
  #phone = null;
  #drawing;

  /** `onChange`: called after a command of this panel was carried out. */
  constructor(open, onChange) {
    this.#drawing = phoneDrawing((id) => open.notification(this.#what.brand, this.#what.token, id));
    at("phone-drawn").append(this.#drawing);
    at("phone-send").addEventListener("click", () => open.send(this.#what.brand, this.#what.token));
    at("phone-mute").addEventListener("click", () => {
      setMuted(this.#what.brand, this.#what.token, !this.#phone.muted).then(onChange);
    });
    at("phone-uninstall").addEventListener("click", () => {
      uninstall(this.#what.brand, this.#what.token).then(onChange);
    });
  }

  show(what) {
    this.#what = what;
    this.#phone = null;
  }

  async refresh() {
    const what = this.#what;
    const phone = await phoneOf(what.brand, what.token);
    if (what === this.#what) this.#phone = phone ?? this.#phone;
    return this.#phone !== null;
  }

  heading(brand) {
    return [text("phone.name", { brand, name: shortName(this.#phone) }), ""];
  }

  update() {
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
