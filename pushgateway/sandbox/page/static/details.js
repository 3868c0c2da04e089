// The details of the panel: a notification, a phone, the last requests of a brand, or one request.

import { NotificationDetails } from "./notification-details.js";
import { PhoneDetails } from "./phone-details.js";
import { RequestDetails, RequestList } from "./requests.js";
import { setAttribute } from "./dom.js";
import { data } from "./live.js";
import { brandName } from "./texts.js";

const at = (id) => document.getElementById(id);

/** Shows one thing and keeps it up to date. Each kind of thing has a class with:
 *  `show(what)`: begin to show another one, with what is known of it already;
 *  `refresh()`: read what may have changed; false: the server does not know it;
 *  `update(brand)`: write everything, also in another language; `brand`: the name of the brand;
 *  `heading(brand)`: the heading and the line below it. */
export class Details {
  #kinds;
  #what = null;
  #isKnown = false;

  /** `open`: what a click leads to, as in `showBrands`. */
  constructor(open) {
    this.#kinds = {
      notification: new NotificationDetails(open, () => this.update()),
      phone: new PhoneDetails(open, () => this.refresh(null)),
      requests: new RequestList(open),
      request: new RequestDetails(),
    };
  }

  /** Show something: `kind`, `brand`, and `token`, `id` or `number`. */
  async show(what) {
    this.#what = what;
    this.#isKnown = false;
    this.#kinds[what.kind].show(what);
    await this.refresh(null);
  }

  /** Show nothing any more. */
  clear() {
    this.#what = null;
  }

  /** Show what has changed. `changed`: the brands that differ, null for all. */
  async refresh(changed) {
    const what = this.#what;
    if (what === null || (changed !== null && !changed.includes(what.brand))) return;
    const known = await this.#kinds[what.kind].refresh();
    if (what !== this.#what) return;
    this.#isKnown = known;
    this.update();
  }

  /** Write everything again. */
  update() {
    if (!this.isKnown) return;
    for (const kind of Object.keys(this.#kinds)) at(`${kind}-view`).hidden = kind !== this.#what.kind;
    setAttribute(at("panel"), "data-brand", this.#what.brand);
    this.#kinds[this.#what.kind].update(this.#name);
  }

  /** Whether there is something to show. */
  get isKnown() {
    return this.#what !== null && this.#isKnown && data.brands.has(this.#what.brand);
  }

  /** The heading and the line below it. */
  get heading() {
    return this.isKnown ? this.#kinds[this.#what.kind].heading(this.#name) : ["", ""];
  }

  get #name() {
    return brandName(data.brands.get(this.#what.brand));
  }
}
