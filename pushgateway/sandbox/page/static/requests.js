// Requests with the vendor's replies: one as it came, and the last ones of a brand.

import { element, keyed, setOptionalText, setText } from "./dom.js";
import { read } from "./live.js";
import { exactTime, text } from "./texts.js";

const FORGOTTEN = "forgotten";

const at = (id) => document.getElementById(id);

/** A request with its reply; FORGOTTEN if the server does not have it (any more). `number`: null if it never had. */
export async function readRequest(brand, number) {
  if (number === null) return FORGOTTEN;
  try {
    return await read("request", { brand, number });
  } catch {
    return FORGOTTEN;
  }
}

/** A place for one request and its reply. */
export function requestDrawing() {
  const headers = (name) =>
    element(
      "details",
      {},
      element("summary", { class: "headers-summary" }),
      element("pre", { class: `${name}-headers`, tabindex: "0" }),
    );
  return element(
    "div",
    { class: "request" },
    element("h3", { class: "request-heading" }),
    element("p", { class: "hint request-says" }),
    element(
      "div",
      { class: "request-shown", hidden: true },
      element("p", { class: "call" }),
      element("p", { class: "hint call-notes" }),
      headers("request"),
      element("pre", { class: "request-content", tabindex: "0" }),
      element("h3", { class: "reply-heading" }),
      element("p", { class: "call reply-status" }),
      element(
        "div",
        { class: "reply-shown" },
        headers("reply"),
        element("pre", { class: "reply-content", tabindex: "0" }),
      ),
    ),
  );
}

/** Show a request; null: it is not here yet. `brand`: the name of the brand. */
export function updateRequest(drawing, request, brand) {
  const part = (name) => drawing.querySelector(`.${name}`);
  const missing = request === FORGOTTEN ? "details.noRequest" : "details.loading";
  const says = request === null || request === FORGOTTEN ? text(missing) : "";
  setText(part("request-heading"), text("details.request"));
  setOptionalText(part("request-says"), says);
  part("request-shown").hidden = says !== "";
  if (says !== "") return;
  for (const summary of drawing.querySelectorAll(".headers-summary")) setText(summary, text("details.headers"));
  setText(part("call"), `${request.method} ${request.url}`);
  setOptionalText(part("call-notes"), requestNotes(request));
  setText(part("request-headers"), lines(request.headers));
  setText(part("request-content"), request.content || text("details.emptyBody"));
  setText(part("reply-heading"), text("details.reply", { brand }));
  const reply = request.reply;
  setText(part("reply-status"), reply === null ? text("details.noReply") : `HTTP ${reply.status}`);
  part("reply-shown").hidden = reply === null;
  if (reply === null) return;
  setText(part("reply-headers"), lines(reply.headers));
  setText(part("reply-content"), reply.content || text("details.emptyBody"));
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

/** The details of one request. */
export class RequestDetails {
  #what = null;
  #request = null;
  #drawing = requestDrawing();

  constructor() {
    at("request-view").append(this.#drawing);
  }

  show(what) {
    this.#what = what;
    this.#request = null;
  }

  async refresh() {
    const what = this.#what;
    const request = this.#request ?? (await readRequest(what.brand, what.number));
    if (what === this.#what) this.#request = request;
    return true;
  }

  heading(brand) {
    return [text("requests.one", { number: this.#what.number }), brand];
  }

  update(brand) {
    updateRequest(this.#drawing, this.#request, brand);
  }
}

/** The details of the last requests of a brand. */
export class RequestList {
  #what = null;
  #requests = null;
  #open;

  constructor(open) {
    this.#open = open;
  }

  show(what) {
    this.#what = what;
    this.#requests = null;
  }

  async refresh() {
    const what = this.#what;
    try {
      const { requests } = await read("requests", { brand: what.brand });
      if (what === this.#what) this.#requests = requests;
    } catch {
      // What was read before stays.
    }
    return this.#requests !== null;
  }

  heading(brand) {
    return [text("requests.heading", { brand }), text("requests.below")];
  }

  update() {
    const make = ({ number }) => requestItem(() => this.#open.request(this.#what.brand, number));
    keyed(at("requests"), this.#requests, (one) => `${this.#what.brand} ${one.number}`, make, updateRequestItem);
    setOptionalText(at("no-requests"), this.#requests.length === 0 ? text("requests.none") : "");
  }
}

function requestItem(click) {
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", class: "request-open", click },
      element("b", { class: "request-operation" }),
      element("span", { class: "request-status" }),
      element("time"),
      element("span", { class: "request-fault", hidden: true }),
    ),
  );
}

function updateRequestItem(item, request) {
  setText(item.querySelector(".request-operation"), request.operation);
  const status = item.querySelector(".request-status");
  setText(status, request.status === null ? text("requests.noReply") : `HTTP ${request.status}`);
  status.classList.toggle("bad", request.status === null || request.status >= 400);
  setText(item.querySelector("time"), exactTime(request.at));
  setOptionalText(
    item.querySelector(".request-fault"),
    request.fault ? text("details.fault", { fault: request.fault }) : "",
  );
}
