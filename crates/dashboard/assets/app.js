// Shows what GET /api/v1/shifts says, every two seconds, and sends three verbs.
"use strict";

const EVERY_MS = 2000;
const STALE_MS = 10000;
const main = document.getElementById("shifts");
const freshness = document.getElementById("freshness");
const template = document.getElementById("shift");
let answeredAt = 0;
// What gates can see, of the shifts that are unfolded: the list does not say it.
let sensitivities = new Map();

async function everything() {
  const shifts = [];
  const unreadable = [];
  let cursor = null;
  do {
    const query = cursor === null ? "" : "&cursor=" + encodeURIComponent(cursor);
    const response = await fetch("/api/v1/shifts?limit=200" + query, { cache: "no-store" });
    if (!response.ok) throw new Error("the daemon answered " + response.status);
    const page = await response.json();
    shifts.push(...page.items);
    unreadable.push(...(page.unreadable ?? []));
    cursor = page.next;
  } while (cursor !== null);
  return { shifts, unreadable };
}

// What needs a person comes first, then what moves.
function urgency(shift) {
  if (shift.holds.some((hold) => hold.until_resumed || hold.cause === "drift" || hold.cause === "fault")) return 0;
  return { reverting: 1, running: 2, scheduled: 3 }[shift.phase] ?? 4;
}

function element(name, text, ...children) {
  const node = document.createElement(name);
  node.textContent = text;
  node.append(...children);
  return node;
}

const rounded = (number) =>
  number.toLocaleString(undefined, Number.isInteger(number) ? {} : { maximumSignificantDigits: 3 });
const minutes = (seconds) => (seconds < 60 ? `${rounded(seconds)} s` : `${rounded(Math.round(seconds / 60))} min`);

// Ratios, of requests or of the evidence that fails a gate.
const RATIOS = ["limit", "advance_limit", "upper_bound", "baseline", "score"];

// What a gate was judged on, whatever its kind.
function numbers({ name, verdict, code, sentence, observe_only, ...rest }) {
  const shown = Object.entries(rest).filter(([, value]) => value !== null).map(([key, value]) => {
    const word = key.replace(/_seconds$/, "").replaceAll("_", " ");
    if (Array.isArray(value)) {
      return value.map((one) => `${one.target ?? one.name}: ${one.sentence ?? one.state.replaceAll("_", " ")}`).join(" · ");
    }
    if (typeof value === "object") return `${word} ${rounded(value.errors)} errors of ${rounded(value.requests)}`;
    if (typeof value !== "number") return `${word} ${value}`;
    if (RATIOS.includes(key)) return `${word} ${rounded(value * 100)} %`;
    return `${word} ${rounded(value)}${key.endsWith("_seconds") ? " s" : ""}`;
  });
  return shown.join(" · ");
}

function gates(shift, sensitivity) {
  return shift.gates.map((gate) => {
    const seen = sensitivity.find((seen) => seen.gate === gate.name && seen.step === shift.step.index);
    const sees = seen === undefined ? [] : [element("span", seen.sentence)];
    const all = [...sees, element("span", numbers(gate))];
    all.forEach((line) => line.classList.add("numbers"));
    const observes = gate.observe_only ? ", observes only" : "";
    return element("li", `${gate.name} (${gate.verdict}${observes}): ${gate.sentence}`, ...all);
  });
}

// What comes next, and what the side that the traffic has left still gets.
function facts({ next, tail }) {
  const time = (text) => new Date(text).toLocaleString();
  const facts = next === null ? [] : [["next", next.at === null ? next.what : `${next.what}, ${time(next.at)} at the earliest`]];
  if (tail !== undefined) {
    const left = tail.requests_per_minute;
    const half = tail.half_life_seconds;
    facts.push(
      [`still to the ${tail.side} side`, left === null ? "unknown" : `${rounded(left)} requests a minute`],
      ["half-life", half === null ? "not clearly falling" : minutes(half)],
      ["safe to decommission", tail.safe_since === null ? "not yet" : `since ${time(tail.safe_since)}`],
    );
  }
  return facts.map(([name, what]) => element("div", "", element("dt", name), element("dd", what)));
}

function article(shift, _, all) {
  let node = main.querySelector(`article[data-name="${CSS.escape(shift.name)}"]`);
  if (node === null) {
    node = template.content.firstElementChild.cloneNode(true);
    node.querySelector("details").open = all.length === 1 || location.hash === `#${shift.name}`;
  }
  node.dataset.name = shift.name;
  node.querySelector("h2").textContent = `${shift.name}: ${shift.phase}`;
  node.querySelector(".headline").textContent = shift.headline;
  for (const kind of ["wanted", "set", "observed"]) {
    const cell = node.querySelector("." + kind);
    const share = shift.share[kind];
    cell.textContent = share === null ? "unknown" : `${Math.round(share * 100) / 100} %`;
    const meter = cell.nextElementSibling.firstElementChild;
    meter.hidden = share === null;
    meter.value = share ?? 0;
    meter.setAttribute("aria-label", `${kind} share of the cloud side`);
  }
  node.querySelector(".weights").textContent = shift.weights
    .map((group) => `${group.name} ${group.type}: ` + Object.entries(group.weights).map(([id, weight]) => `${id} ${weight}`).join(", "))
    .join(" · ");
  node.querySelector(".holds").replaceChildren(...shift.holds.map((hold) => element("li", `${hold.cause}: ${hold.sentence}`)));
  node.querySelector(".facts").replaceChildren(...facts(shift));
  node.querySelector("summary").textContent = shift.gates.length === 0 ? "No gate was judged yet" :
    "Gates: " + shift.gates.map((gate) => `${gate.name} ${gate.verdict}`).join(", ");
  node.querySelector(".gates").replaceChildren(...gates(shift, sensitivities.get(shift.name) ?? []));
  for (const button of node.querySelectorAll("button")) {
    button.disabled = !shift.possible.includes(button.dataset.verb);
  }
  return node;
}

// A shift of which nothing else can be said.
function unreadableLine({ name, problem }) {
  const node = element("p", `${name}: ${problem.detail}`);
  node.classList.add("unreadable");
  return node;
}

async function sensitivity({ name }) {
  const response = await fetch(`/api/v1/shifts/${encodeURIComponent(name)}`, { cache: "no-store" });
  return [name, response.ok ? ((await response.json()).sensitivity ?? []) : []];
}

async function look() {
  try {
    const { shifts, unreadable } = await everything();
    const unfolded = new Set([...main.querySelectorAll("article:has(details[open])")].map((node) => node.dataset.name));
    sensitivities = new Map(await Promise.all(shifts.filter((shift) => unfolded.has(shift.name)).map(sensitivity)));
    answeredAt = Date.now();
    shifts.sort((a, b) => urgency(a) - urgency(b) || a.name.localeCompare(b.name));
    main.replaceChildren(...unreadable.map(unreadableLine), ...shifts.map(article));
    if (shifts.length + unreadable.length === 0) main.textContent = "There are no shifts. crossfade apply PLAN makes one.";
    const waiting = shifts.filter((shift) => urgency(shift) === 0).length;
    document.title = waiting > 0 ? `(${waiting} held) Crossfade` : "Crossfade";
    freshness.textContent = `As of ${new Date(answeredAt).toLocaleTimeString()}`;
  } catch (error) {
    freshness.textContent = `Not up to date: ${error.message}`;
  }
  document.body.classList.toggle("stale", Date.now() - answeredAt > STALE_MS);
}

main.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-verb]");
  if (button === null) return;
  const node = button.closest("article");
  const { name } = node.dataset;
  const { verb } = button.dataset;
  const reason = prompt(`${button.textContent} ${name}? The reason is kept in its history.`, "");
  if (reason === null) return;
  const answer = node.querySelector(".answer");
  answer.textContent = "…";
  try {
    const response = await fetch(`/api/v1/shifts/${encodeURIComponent(name)}/${verb}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID(), "x-crossfade-actor": "dashboard" },
      body: JSON.stringify(reason === "" ? {} : { reason }),
    });
    const body = await response.json();
    answer.textContent = response.ok ? `${verb}: recorded` : `${body.detail} ${body.hint ?? ""}`;
  } catch (error) {
    answer.textContent = `Not sent: ${error.message}. crossfade ${verb} ${name} does the same.`;
  }
  await look();
});

// Toggling does not bubble.
main.addEventListener("toggle", look, true);
look();
setInterval(look, EVERY_MS);
