// Small helpers for the page's nodes. Whatever a client has sent becomes a text node or an attribute value, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** A new element. `attributes`: by name, null or false for none, functions are event listeners. `children`: nodes or
 * texts; null is left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else setAttribute(node, name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** One of the icons in page.html; it is decoration, so that a control with nothing else needs a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set an attribute if it changes; null, undefined or false removes it, true is an attribute without a value. */
export function setAttribute(node, name, value) {
  if (value == null || value === false) {
    node.removeAttribute(name);
    return;
  }
  const written = value === true ? "" : String(value);
  if (node.getAttribute(name) !== written) node.setAttribute(name, written);
}

/** Set the text of a node if it changes. */
export function setText(node, value) {
  const written = String(value ?? "");
  if (node.textContent !== written) node.textContent = written;
}

/** Set the text of a node, and hide the node if there is none. */
export function setOptionalText(node, value) {
  setText(node, value);
  node.hidden = !value;
}

/** Set the name and the tooltip of a control that shows only an icon. */
export function setLabel(node, value) {
  setAttribute(node, "aria-label", value);
  setAttribute(node, "title", value);
}

const KEYS = Symbol("nodes by key");

/** Make the children of `parent` those of `items`, in their order. A node is kept as long as its key is there, so focus,
 * scroll position and animations survive. `make(item)` returns a node, `update(node, item)` sets what it shows. */
export function keyed(parent, items, key, make, update) {
  const before = parent[KEYS] ?? new Map();
  const after = new Map();
  for (const item of items) {
    let name = key(item);
    while (after.has(name)) name += "+";
    after.set(name, before.get(name) ?? make(item));
    update(after.get(name), item);
  }
  for (const [name, node] of before) {
    if (!after.has(name)) node.remove();
  }
  let next = parent.firstElementChild;
  for (const node of after.values()) {
    if (node === next) {
      next = next.nextElementSibling;
    } else {
      insert(parent, node, next);
    }
  }
  parent[KEYS] = after;
}

/** The nodes of `keyed` by their keys. */
export function keyedNodes(parent) {
  return parent[KEYS] ?? new Map();
}

function insert(parent, node, next) {
  const focused = node.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(node, next);
  focused?.focus({ preventScroll: true });
}

/** Say something to users of screen readers. */
export function announce(sentence) {
  setText(document.getElementById("announcer"), sentence);
}
