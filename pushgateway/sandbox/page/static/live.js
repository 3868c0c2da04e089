// The page's data and its connection: the state comes by server-sent events, commands go by POST.

export const PHONES_OF_A_BRAND = 12;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 5000;

/** What the server last reported. `connection`: "connecting", "live" or "lost". `brands`: by key, in the order of the
 * server; each has `recent`, its phones that changed last, newest first. */
export const data = { connection: "connecting", brands: new Map(), gateway: null, language: null, received: false };

/** Keep `data` up to date, and call `onChange(changed)` after each change. `changed`: the keys of brands that differ, or
 * null for all. A lost connection is opened again after a pause that grows to 5 seconds. */
export function follow(onChange) {
  let pause = FIRST_PAUSE;
  let timer = null;
  let source = null;

  function open() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource("events");
    source.addEventListener("state", (event) => {
      pause = FIRST_PAUSE;
      takeState(JSON.parse(event.data));
      onChange(null);
    });
    source.addEventListener("change", (event) => {
      const change = JSON.parse(event.data);
      change.brands.forEach(takeChange);
      data.gateway = change.gateway ?? data.gateway; // null: it has not changed
      onChange(change.brands.map((brand) => brand.brand));
    });
    source.addEventListener("error", () => {
      source.close();
      data.connection = "lost";
      onChange([]);
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  }

  // A tab in the background keeps no connection: a browser has six for one server, and the state comes whole again.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      open();
    } else {
      clearTimeout(timer);
      source.close();
    }
  });
  addEventListener("online", open);
  open();
}

function takeState(state) {
  data.connection = "live";
  data.received = true;
  data.brands = new Map(state.brands.map((brand) => [brand.brand, brand]));
  data.gateway = state.gateway;
  data.language = state.language;
}

function takeChange({ changed, ...brand }) {
  const known = data.brands.get(brand.brand);
  const others = (known?.recent ?? []).filter((phone) => changed.every((other) => other.token !== phone.token));
  data.brands.set(brand.brand, { ...brand, recent: [...changed, ...others].slice(0, PHONES_OF_A_BRAND) });
}

/** What the server refused, as it says so, or that it cannot be reached (an empty message). */
export class Refused extends Error {}

/** The JSON that `path` answers. Raises `Refused`. */
export async function read(path, parameters = {}) {
  return answer(`${path}?${new URLSearchParams(parameters)}`);
}

/** Carry out a command. Returns the answer, raises `Refused`. */
export async function command(name, fields = {}) {
  const body = JSON.stringify({ do: name, ...fields });
  return answer("do", { method: "POST", headers: { "content-type": "application/json" }, body });
}

async function answer(url, options) {
  let reply, content;
  try {
    reply = await fetch(url, options);
    content = await reply.json();
  } catch {
    throw new Refused("");
  }
  if (!reply.ok) throw new Refused(content.error ?? String(reply.status));
  return content;
}
