// Shows what GET /api/v1/shifts says, every two seconds, and sends two verbs.
"use strict";

const EVERY_MS = 2000;
const STALE_MS = 10000;
const main = document.getElementById("shifts");
const freshness = document.getElementById("freshness");
const template = document.getElementById("shift");
let answeredAt = 0;

async function everything() {
  const items = [];
  let cursor = null;
  do {
    const query = cursor === null ? "" : "&cursor=" + encodeURIComponent(cursor);
    const response = await fetch("/api/v1/shifts?limit=200" + query, { cache: "no-store" });
    if (!response.ok) throw new Error("the daemon answered " + response.status);
    const page = await response.json();
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}

// What needs a person comes first, then what moves.
function urgency(shift) {
  if (shift.holds.some((hold) => hold.until_resumed || hold.cause === "drift" || hold.cause === "fault")) return 0;
  return { reverting: 1, running: 2, scheduled: 3 }[shift.phase] ?? 4;
}

function article(shift) {
  const node = main.querySelector(`article[data-name="${CSS.escape(shift.name)}"]`) ?? template.content.firstElementChild.cloneNode(true);
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
  for (const button of node.querySelectorAll("button")) {
    button.disabled = !shift.possible.includes(button.dataset.verb);
  }
  return node;
}

async function look() {
  try {
    const shifts = await everything();
    answeredAt = Date.now();
    shifts.sort((a, b) => urgency(a) - urgency(b) || a.name.localeCompare(b.name));
    main.replaceChildren(...shifts.map(article));
    if (shifts.length === 0) main.textContent = "There are no shifts. crossfade apply PLAN makes one.";
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

look();
setInterval(look, EVERY_MS);
