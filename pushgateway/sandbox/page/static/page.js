// The page of phones: puts its parts together. What is shown comes from live.js; texts.js has every text.

import { showActivity } from "./activity.js";
import { Details } from "./details.js";
import { announce, element, keyed, setAttribute, setLabel, setText } from "./dom.js";
import { connectSearch } from "./finding.js";
import { data, follow } from "./live.js";
import { carryOut, showBrands, updateClock } from "./phones.js";
import { SendForm } from "./sending.js";
import { brandName, currentLanguage, firstLanguage, hasText, setLanguage, text } from "./texts.js";

const at = (id) => document.getElementById(id);
const MINUTE = 60_000;

// What the panel shows: the form, the gateway's view, or details, which go back to what was there before. In a narrow
// window the panel covers the phones while it is `inFront`.
const panel = { tab: "send", details: [], inFront: false, opener: null };

const open = {
  notification: (brand, token, id) => showDetails({ kind: "notification", brand, token, id }),
  phone: (brand, token) => showDetails({ kind: "phone", brand, token }),
  requests: (brand) => showDetails({ kind: "requests", brand }),
  request: (brand, number) => showDetails({ kind: "request", brand, number }),
  send(brand, token) {
    form.choose(brand, token);
    showForm();
  },
};
const details = new Details(open);
const form = new SendForm(open);

// The panel

function showForm() {
  showTab("send");
  at("send-view").elements.title.focus();
}

function showTab(tab) {
  Object.assign(panel, { tab, details: [], inFront: true });
  details.clear();
  showPanel();
}

async function showDetails(what) {
  if (panel.details.length === 0) panel.opener = document.activeElement;
  panel.details.push(what);
  await showLastDetails();
}

async function goBack() {
  panel.details.pop();
  await showLastDetails();
}

async function showLastDetails() {
  const what = panel.details.at(-1);
  panel.inFront = true;
  await details.show(what);
  if (what !== panel.details.at(-1)) return; // closed, or something else was opened meanwhile
  if (!details.isKnown) {
    announce(text("details.unknown"));
    closeDetails();
    return;
  }
  showPanel();
  at("panel").scrollTop = 0;
  at("panel-heading").focus({ preventScroll: true });
}

function closeDetails() {
  Object.assign(panel, { details: [], inFront: panel.opener?.closest("#panel") != null });
  details.clear();
  showPanel();
  if (panel.opener?.isConnected) panel.opener.focus();
  else at("phones").focus();
}

function showPhones() {
  Object.assign(panel, { details: [], inFront: false });
  details.clear();
  showPanel();
}

function showPanel() {
  const inDetails = panel.details.length > 0;
  const view = inDetails ? "details" : data.gateway === null ? "none" : panel.tab;
  document.body.dataset.view = view;
  document.body.classList.toggle("no-gateway", data.gateway === null);
  at("skip-to-form").hidden = data.gateway === null;
  document.body.classList.toggle("in-front", panel.inFront && view !== "none");
  for (const name of ["send", "activity", "details"]) at(`${name}-view`).hidden = name !== view;
  at("back").hidden = panel.details.length < 2;
  at("close").hidden = !inDetails;
  if (!inDetails) setAttribute(at("panel"), "data-brand", null);
  const headings = { send: ["send.heading", "send.intro"], activity: ["activity.heading"] };
  const [heading, below] = inDetails ? details.heading : (headings[view] ?? []).map((key) => text(key));
  setText(at("panel-heading"), heading);
  setText(at("panel-below"), below);
  const shown = panel.inFront ? view : "phones";
  for (const button of document.querySelectorAll("[data-show]")) {
    const name = button.dataset.show;
    setAttribute(button, "aria-current", name === (isNarrow.matches ? shown : view) ? "true" : null);
  }
  at("phones").inert = isNarrow.matches && panel.inFront && view !== "none";
}

const isNarrow = matchMedia("(max-width: 1019px)");
isNarrow.addEventListener("change", showPanel);

// Everything

function show(changed) {
  showConnection();
  showBrands(at("brands"), open, changed);
  showLinks();
  at("nothing").hidden = !data.received || data.brands.size > 0;
  if (data.gateway !== null) {
    form.update();
    showActivity(at("activity-view"), open);
  }
  details.refresh(changed).then(showPanel);
  showPanel();
}

function showConnection() {
  at("live").dataset.connection = data.connection;
  setText(at("live-text"), text(`live.${data.connection}`));
  at("lost").hidden = data.connection !== "lost";
}

function showLinks() {
  const brands = [...data.brands.values()];
  const link = ({ brand }) =>
    element("a", { href: `#brand-${brand}`, "data-brand": brand }, element("span"), element("b"), element("i"));
  keyed(
    at("brand-links"),
    brands,
    (brand) => brand.brand,
    link,
    (node, brand) => {
      setText(node.querySelector("span"), brandName(brand));
      setText(node.querySelector("b"), brand.pushes ? brand.pushes.toLocaleString() : "");
      node.classList.toggle("has-fault", brand.fault.length > 0);
      const faults = brand.fault.filter((fault) => hasText(`fault.${fault}`)).map((fault) => text(`fault.${fault}`));
      setText(node.querySelector("i"), faults.join(", "));
    },
  );
}

function showTexts() {
  document.title = text("page.title");
  for (const node of document.querySelectorAll("[data-text]")) setText(node, text(node.dataset.text));
  for (const node of document.querySelectorAll("[data-label]"))
    setAttribute(node, "aria-label", text(node.dataset.label));
  for (const node of document.querySelectorAll("[data-title]")) setAttribute(node, "title", text(node.dataset.title));
  for (const node of document.querySelectorAll("[data-name]")) setLabel(node, text(node.dataset.name));
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = text(node.dataset.placeholder);
  for (const button of document.querySelectorAll("[data-language]")) {
    setAttribute(button, "aria-pressed", String(button.dataset.language === currentLanguage()));
  }
}

function chooseLanguage(language, remember) {
  setLanguage(language, remember);
  showTexts();
  show(null);
  details.update();
}

// What is said to users of screen readers

const known = { notifications: new Map(), connection: "connecting" };

function announceNews() {
  if (known.connection === "lost" && data.connection === "live") announce(text("live.back"));
  if (known.connection === "live" && data.connection === "lost") announce(text("live.lostLong"));
  known.connection = data.connection;
  const fresh = [];
  for (const brand of data.brands.values()) {
    const before = known.notifications.get(brand.brand);
    const all = brand.recent.flatMap((phone) => phone.shown);
    known.notifications.set(brand.brand, new Set(all.map((one) => one.id)));
    if (before === undefined) continue;
    for (const one of all) {
      if (!before.has(one.id)) fresh.push(text("note.new", { brand: brandName(brand), title: one.title }));
    }
  }
  if (fresh.length > 0) announce(fresh.length === 1 ? fresh[0] : text("note.newMany", { n: fresh.length }));
}

// Start

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => chooseLanguage(button.dataset.language, true));
}
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    if (button.dataset.show === "phones") showPhones();
    else showTab(button.dataset.show);
  });
}
at("skip-to-form").addEventListener("click", (event) => {
  event.preventDefault();
  showForm();
});
at("back").addEventListener("click", goBack);
at("close").addEventListener("click", closeDetails);
at("clear").addEventListener("click", () => carryOut("clear", {}, () => text("page.cleared")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  if (panel.details.length > 0) closeDetails();
  else if (isNarrow.matches && panel.inFront) showPhones();
});
connectSearch(open.phone);
setInterval(() => document.querySelectorAll(".device").forEach(updateClock), MINUTE);
setLanguage(firstLanguage(null), false);
showTexts();
let first = true;
follow((changed) => {
  if (first && data.received) {
    first = false;
    chooseLanguage(firstLanguage(data.language), false);
  } else {
    show(changed);
  }
  announceNews();
});
