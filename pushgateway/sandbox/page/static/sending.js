// The form that sends a test push through the gateway, and what became of the push.

import { element, keyed, setAttribute, setOptionalText, setText } from "./dom.js";
import { showSends } from "./activity.js";
import { command, data, Refused } from "./live.js";
import { countedWords } from "./outcomes.js";
import { shortName } from "./phones.js";
import { brandName, currentLanguage, EXAMPLES, text } from "./texts.js";

const EVERY = "*"; // every brand
const ONE_EACH = "one"; // the first phone of each row
const ALL = "all"; // all phones of the brand
const OTHERS = "others"; // tokens that are typed in
const MOST_TOKENS = 1000;
const MOST_SHOWN = 20;
const INTENTS = ["chat", "group_chat", "mention", "call", "recall", "friend", "system", "order", "marketing", "news"];
const PLAIN_FIELDS = [
  "intent",
  "subtitle",
  "long_body",
  "picture",
  "icon",
  "alert",
  "sound",
  "group",
  "channel_id",
  "replace_key",
  "user_id",
];

const at = (id) => document.getElementById(id);

/** The form: fills its choices, sends, and shows the outcome. */
export class SendForm {
  #form = at("send-view");
  #open;
  #replies = null; // of the last send, one for each brand; null: none yet
  #says = "";
  #sending = false;

  /** `open`: what a click on an outcome leads to, as in `showBrands`. */
  constructor(open) {
    this.#open = open;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    at("send-brand").addEventListener("change", () => this.update());
    at("send-to").addEventListener("change", () => this.#showTokens());
    this.#form.addEventListener("input", () => this.#showSet());
    keyed(
      at("examples"),
      EXAMPLES,
      (one) => one.name.en,
      (one) => this.#exampleButton(one),
      () => {},
    );
  }

  /** Choose a phone. */
  choose(brand, token) {
    at("send-brand").value = brand;
    this.update();
    const to = at("send-to");
    to.value = token;
    if (to.value !== token) {
      to.value = OTHERS;
      this.#form.elements.tokens.value = token;
    }
    this.#showTokens();
  }

  /** Write the choices and the last outcome again: other phones, another language. */
  update() {
    const brands = [...data.brands.values()];
    const names = brands.map((brand) => [brand.brand, brandName(brand)]);
    if (brands.length > 1) names.unshift([EVERY, text("send.everyBrand")]);
    options(at("send-brand"), names);
    options(at("send-to"), this.#phoneChoices());
    options(at("send-intent"), [
      ["", text("send.intent.none")],
      ...INTENTS.map((name) => [name, text(`intent.${name}`)]),
    ]);
    this.#showTokens();
    this.#showSet();
    for (const [index, button] of [...at("examples").children].entries()) {
      setText(button, EXAMPLES[index].name[currentLanguage()]);
    }
    this.#showResult();
  }

  #phoneChoices() {
    const brand = data.brands.get(at("send-brand").value);
    if (brand === undefined) return [[ONE_EACH, text("send.oneEach")]];
    const phones = brand.recent.filter((phone) => phone.installed).map((phone) => [phone.token, shortName(phone)]);
    return [...phones, [ALL, text("send.all", { n: brand.phones })], [OTHERS, text("send.others")]];
  }

  #showTokens() {
    at("send-tokens").hidden = at("send-to").value !== OTHERS;
  }

  /** Say how many of the folded fields are set. */
  #showSet() {
    for (const details of this.#form.querySelectorAll("details")) {
      const set = [...details.querySelectorAll("[name]")].filter(isSet).length;
      setText(details.querySelector(".set"), set > 0 ? text("send.set", { n: set }) : "");
    }
  }

  #exampleButton(example) {
    return element("button", { type: "button", class: "example", click: () => this.#fill(example) });
  }

  #fill(example) {
    const { brand, to, tokens } = this.#form.elements;
    const kept = [brand.value, to.value, tokens.value];
    this.#form.reset();
    [brand.value, to.value, tokens.value] = kept;
    const language = currentLanguage();
    const values = { title: example.title[language], body: example.body[language], ...example.fields };
    for (const [name, value] of Object.entries(values)) this.#form.elements[name].value = value;
    this.#showTokens();
    this.#showSet();
  }

  async #send() {
    if (this.#sending) return;
    this.#says = "";
    this.#replies = null;
    try {
      const notification = this.#notification();
      const targets = this.#targets();
      this.#sending = true;
      this.#showResult();
      this.#replies = await Promise.all(targets.map((target) => command("send", { ...target, ...notification })));
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      this.#says = text("send.refused", { why: refused.message || text("send.unreachable") });
    } finally {
      this.#sending = false;
      this.#showResult();
      at("send-result").scrollIntoView({ block: "nearest" });
    }
  }

  /** To whom: the fields of one command for each brand. */
  #targets() {
    const { brand, to, tokens } = this.#form.elements;
    if (brand.value === EVERY) return [...data.brands.values()].map((one) => this.#firstPhone(one));
    if (to.value === ALL) return [{ brand: brand.value, all: true }];
    if (to.value !== OTHERS) return [{ brand: brand.value, tokens: [to.value] }];
    const given = tokens.value.split(/\s+/).filter(Boolean);
    if (given.length === 0) throw new Refused(text("send.noTokens"));
    if (given.length > MOST_TOKENS) throw new Refused(text("send.tooMany"));
    return [{ brand: brand.value, tokens: given }];
  }

  #firstPhone(brand) {
    const phone = brand.recent.find((one) => one.installed);
    if (phone === undefined) throw new Refused(text("send.noPhone", { brand: brandName(brand) }));
    return { brand: brand.brand, tokens: [phone.token] };
  }

  /** The notification's fields; those that are empty are left out. */
  #notification() {
    const fields = this.#form.elements;
    const made = { title: fields.title.value, body: fields.body.value };
    for (const name of PLAIN_FIELDS) {
      if (fields[name].value.trim() !== "") made[name] = fields[name].value.trim();
    }
    if (fields.ttl.value !== "") made.ttl = Number(fields.ttl.value);
    const how = fields["badge.how"].value;
    if (how !== "") made.badge = { how, number: Number(fields["badge.number"].value) };
    const kind = fields["click.kind"].value;
    if (kind !== "OpenApp") made.click = { kind, target: fields["click.target"].value.trim() };
    if (fields.background.checked) made.show_in_foreground = false;
    const buttons = fields.buttons.value
      .split(/[,，]/)
      .map((one) => one.trim())
      .filter(Boolean);
    if (buttons.length > 0) made.buttons = buttons.map((one) => ({ text: one }));
    if (fields.data.value.trim() !== "") made.data = jsonObject(fields.data.value);
    return made;
  }

  #showResult() {
    const button = at("send-button");
    setText(button.querySelector("span"), text(this.#sending ? "send.sending" : "send.button"));
    setAttribute(button, "aria-disabled", this.#sending ? "true" : null);
    const replies = this.#replies ?? [];
    const sends = replies.flatMap((reply) => reply.sends);
    const count = replies.reduce((sum, reply) => sum + reply.count, 0);
    const words = countedWords(replies.map((reply) => reply.outcomes));
    const counted = count > 1 ? text("send.counted", { n: count, words }) : "";
    setOptionalText(at("send-says"), this.#says || counted);
    at("send-says").classList.toggle("bad", this.#says !== "");
    showSends(at("send-result").querySelector(".sends"), sends.slice(0, MOST_SHOWN), this.#open);
    at("send-result").hidden = this.#says === "" && this.#replies === null;
  }
}

function isSet(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.name === "badge.number") return false;
  return field.tagName === "SELECT" ? field.selectedIndex > 0 : field.value.trim() !== "";
}

function jsonObject(written) {
  try {
    const value = JSON.parse(written);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // Said below, in the words of the page.
  }
  throw new Refused(text("send.badJson"));
}

/** Make the options of a select those of `choices`, pairs of value and words; what is chosen stays if it is there. While
 * somebody chooses, they stay as they are. */
function options(select, choices) {
  if (select.matches(":focus")) return;
  const chosen = select.value;
  keyed(
    select,
    choices,
    ([value]) => value,
    ([value]) => element("option", { value }),
    (option, [, words]) => {
      setText(option, words);
    },
  );
  if (choices.some(([value]) => value === chosen)) select.value = chosen;
  else select.selectedIndex = 0;
}
