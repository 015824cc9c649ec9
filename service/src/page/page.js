// The page at /: asks the service each second what to show. All texts come in as texts, never as HTML.
"use strict";

const EVERY = 1000;
const KEPT = 120; // Seconds of the chart.
const STAGES = ["available", "held", "paid", "shipped", "safety", "owed", "promised"];
const LIFE = ["waiting", "held", "paid", "shipped", "returned", "written_off", "cancelled", "refunded", "expired"];
const at = (id) => document.getElementById(id);

const page = { first: "", search: "", order: "", samples: [], token: sessionStorage.getItem("token") };

async function ask(path) {
  const headers = page.token ? { authorization: `Bearer ${page.token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (answer.status === 401) throw new SignIn();
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

class SignIn extends Error {}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

const number = (units) => units.toLocaleString("en");
const rate = (value) => (value < 10 ? value.toFixed(1) : number(Math.round(value)));
function time(seconds) {
  // What is rounded up to 1000 µs or 1000 ms is shown as 1.0 of the next unit.
  if (seconds < 0.0009995) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(1)} s`;
}

// Stock: one item for each SKU, kept while it stays, so that what is focused or selected stays.
function showStock(stock) {
  const list = at("stock");
  while (list.children.length > stock.length) list.lastChild.remove();
  stock.forEach((sku, index) => {
    const item = list.children[index] ?? list.appendChild(makeItem());
    const all = STAGES.reduce((sum, stage) => sum + sku[stage], 0) || 1;
    item.dataset.sku = sku.sku;
    item.querySelector(".name").textContent = sku.sku;
    STAGES.forEach((stage, place) => {
      item.querySelectorAll(".bar span")[place].style.flexGrow = sku[stage] / all;
    });
    const shown = STAGES.filter((stage) => sku[stage] > 0 || stage === "available");
    const text = shown.map((stage) => `${number(sku[stage])} ${stage}`).join(", ");
    item.querySelector(".units").textContent = text;
    item.querySelector(".bar").setAttribute("aria-label", `${sku.sku}: ${text}`);
  });
}

function makeItem() {
  const item = element("li");
  const bar = element("div", "bar");
  bar.setAttribute("role", "img");
  bar.append(...STAGES.map((stage) => element("span", stage)));
  item.append(element("span", "name"), bar, element("span", "units"));
  return item;
}

function showExpiring(expiring) {
  const items = expiring.map((order) => {
    const item = element("li");
    const open = element("button", "", order.id);
    open.type = "button";
    open.dataset.order = order.id;
    open.addEventListener("click", () => openOrder(order.id));
    item.append(open, element("span", "", `${number(order.units)} units, ${order.expires_in} s`));
    return item;
  });
  const focused = document.activeElement?.dataset?.order;
  at("expiring").replaceChildren(...items);
  items.find((item) => item.firstChild.dataset.order === focused)?.firstChild.focus();
  at("none-expiring").hidden = items.length > 0;
}

// Rates and latencies of the last ten seconds, from counts since the start.
function showPace(pace) {
  const samples = page.samples;
  const now = performance.now() / 1000;
  // The service was started again.
  if (samples.length > 0 && pace.requests < samples.at(-1).pace.requests) samples.length = 0;
  samples.push({ now, pace });
  if (samples.length > KEPT) samples.shift();
  const then = samples.findLast((sample) => now - sample.now >= 10) ?? samples[0];
  const seconds = now - then.now;
  if (seconds > 0) {
    for (const what of ["orders", "refused", "requests"]) {
      at(`${what}-rate`).textContent = rate((pace[what] - then.pace[what]) / seconds);
    }
  }
  const took = pace.took.map((step, index) => ({
    seconds: step.seconds, count: step.count - (samples.length > 1 ? then.pace.took[index].count : 0),
  }));
  const all = took.reduce((sum, step) => sum + step.count, 0);
  for (const [id, share] of [["p50", 0.5], ["p99", 0.99]]) {
    let left = Math.ceil(all * share);
    const step = took.find((step) => (left -= step.count) <= 0);
    at(id).textContent = all > 0 && step ? time(step.seconds) : "–";
  }
  drawChart(samples);
}

function drawChart(samples) {
  const rates = (what) => samples.slice(1).map((sample, index) => {
    const before = samples[index];
    return (sample.pace[what] - before.pace[what]) / Math.max(sample.now - before.now, 0.001);
  });
  const lines = { placed: rates("orders"), refused: rates("refused") };
  const most = Math.max(1, ...lines.placed, ...lines.refused);
  for (const [kind, values] of Object.entries(lines)) {
    const points = values.map((value, index) => `${KEPT - values.length + index},${29 - (28 * value) / most}`);
    document.querySelector(`#chart .${kind}`).setAttribute("points", points.join(" "));
  }
}

function showOrder(order) {
  const box = at("order");
  box.hidden = page.order === "";
  if (page.order === "") return;
  if (order === null) {
    box.replaceChildren(element("p", "", `Nothing is known of an order ${page.order}.`));
    return;
  }
  const lines = order.lines.map((line) => {
    const life = LIFE.filter((stage) => line[stage] > 0).map((stage) => `${number(line[stage])} ${stage.replace("_", " ")}`);
    return element("li", "", `${line.sku}: ${life.join(", ")}`);
  });
  const list = element("ul");
  list.append(...lines);
  const about = [`number ${order.number}`, `placed ${new Date(order.placed_at).toLocaleString()}`];
  if (order.customer) about.push(`customer ${order.customer}`);
  if (order.expires_in) about.push(`expires in ${order.expires_in} s`);
  box.replaceChildren(element("h3", "", `${order.id}: ${order.state}`), element("p", "units", about.join(", ")), list);
}

function openOrder(id) {
  page.order = id;
  update().catch(() => {});
}

function say(text, isBad) {
  const state = at("state");
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("bad", isBad);
  document.body.classList.toggle("stale", isBad);
}

async function update() {
  const query = new URLSearchParams({ first: page.first, search: page.search });
  const shown = await ask(`/v1/overview?${query}`);
  const order = page.order ? await ask(`/v1/orders/${encodeURIComponent(page.order)}`) : null;
  at("sign-in").hidden = true;
  at("main").hidden = false;
  showStock(shown.stock);
  showExpiring(shown.expiring);
  showPace(shown.pace);
  showOrder(order);
  at("orders").textContent = shown.orders === undefined ? "–" : number(shown.orders);
  at("skus").textContent = shown.skus === undefined ? "" : `${number(shown.skus)} SKUs are open.`;
  at("more").hidden = shown.next === undefined;
  at("more").dataset.next = shown.next;
  at("back").hidden = page.first === "";
  const { on_the_way: waits, lag, failed } = shown.ledger;
  at("lag").textContent = lag > 0.05 ? `${time(lag)}, ${number(waits)} changes` : "no";
  say(failed ? `The ledger failed: ${failed}` : "live", failed !== undefined);
}

async function tick() {
  try {
    // Nobody looks at a hidden page.
    if (!document.hidden) await update();
  } catch (error) {
    if (error instanceof SignIn) {
      at("main").hidden = true;
      at("sign-in").hidden = false;
      say("The shop's token is needed", true);
    } else {
      say(`No connection, trying again: ${error.message}`, true);
    }
  }
  setTimeout(tick, EVERY);
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  page.token = at("token").value;
  sessionStorage.setItem("token", page.token);
  at("token").value = "";
  update().catch(() => {});
});

// What was typed is an order if one has this id, and a part of a SKU otherwise.
at("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("search").value.trim();
  page.first = "";
  const order = text ? await ask(`/v1/orders/${encodeURIComponent(text)}`).catch(() => null) : null;
  page.order = order ? text : "";
  page.search = order ? "" : text;
  await update().catch(() => {});
  if (text && !order && at("stock").children.length === 0) {
    page.order = text;
    showOrder(null);
  }
});

at("more").addEventListener("click", () => { page.first = at("more").dataset.next; update().catch(() => {}); });
at("back").addEventListener("click", () => { page.first = ""; update().catch(() => {}); });

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    at("search").focus();
  } else if (event.key === "Escape" && event.target === at("search")) {
    at("search").value = "";
    Object.assign(page, { search: "", order: "", first: "" });
    update().catch(() => {});
  }
});

tick();
