// The search for a phone, among all phones of all brands.

import { element, keyed, setAttribute, setOptionalText, setText } from "./dom.js";
import { data, read } from "./live.js";
import { brandName, text } from "./texts.js";

const PAUSE = 150; // milliseconds after the last key
const MOST = 50; // phones that the server answers at most, for each brand
const MOST_SHOWN = 100;

/** Connect the search field. `choose(brand, token)` is called with the phone that is chosen. */
export function connectSearch(choose) {
  const field = document.getElementById("find");
  const list = document.getElementById("found");
  const says = document.getElementById("found-says");
  let timer = null;
  let asked = 0;
  let active = -1;

  function close() {
    clearTimeout(timer);
    asked += 1;
    show([], "");
  }

  function show(found, sentence) {
    active = -1;
    keyed(list, found, (one) => `${one.brand} ${one.phone.token}`, makeOption, updateOption);
    for (const [index, option] of [...list.children].entries()) option.id = `found-${index}`;
    list.hidden = found.length === 0;
    setOptionalText(says, sentence);
    setAttribute(field, "aria-expanded", String(found.length > 0));
    mark();
  }

  function mark() {
    for (const [index, option] of [...list.children].entries()) {
      setAttribute(option, "aria-selected", String(index === active));
      if (index === active) option.scrollIntoView({ block: "nearest" });
    }
    setAttribute(field, "aria-activedescendant", active < 0 ? null : `found-${active}`);
  }

  async function search() {
    const wanted = field.value.trim();
    if (wanted === "") return close();
    const number = ++asked;
    const brands = [...data.brands.keys()];
    try {
      const answers = await Promise.all(brands.map((brand) => read("find", { brand, text: wanted })));
      if (number !== asked) return;
      const all = answers.flatMap(({ phones }, index) => phones.map((phone) => ({ brand: brands[index], phone })));
      const found = all.slice(0, MOST_SHOWN);
      const cut = found.length < all.length || answers.some(({ phones }) => phones.length >= MOST);
      const count = text(cut ? "find.most" : "find.count", { n: found.length });
      show(found, found.length === 0 ? text("find.none") : count);
    } catch (refused) {
      if (number === asked) show([], refused.message || text("send.unreachable"));
    }
  }

  function pick(option) {
    const { brand, token } = option.dataset;
    field.value = "";
    close();
    choose(brand, token);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  field.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "Escape" && (count > 0 || field.value !== "")) {
      event.stopPropagation();
      field.value = "";
      close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + count) % count;
      mark();
    } else if (event.key === "Enter" && count > 0) {
      event.preventDefault();
      pick(list.children[Math.max(active, 0)]);
    }
  });
  field.addEventListener("blur", close);
  // Before the field loses the focus, which would close the list.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option !== null) pick(option);
  });
}

function makeOption({ brand, phone }) {
  return element(
    "li",
    { role: "option", "data-brand": brand, "data-token": phone.token },
    element("span", { class: "found-brand" }),
    element("span", { class: "found-phone" }, element("b"), element("span", { class: "found-token" })),
  );
}

function updateOption(option, { brand, phone }) {
  setText(option.querySelector(".found-brand"), brandName(data.brands.get(brand)));
  setOptionalText(option.querySelector("b"), [phone.alias, phone.account].filter(Boolean).join(" · "));
  setText(option.querySelector(".found-token"), phone.token);
}
