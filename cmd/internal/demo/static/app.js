// The page's script. It keeps nothing: after each action it asks the server what there is to show.

const fifty = 50;
const calls = {
  loads: "load", creates: "create", replaces: "replace", touches: "touch", deletes: "delete",
  moves: "move", lists: "list", conflicts: "conflict", errors: "error",
};
const byId = (id) => document.getElementById(id);

let state = null; // what /page.json said last
let clockOffset = 0; // the server's clock minus ours, in milliseconds
let expiryNoticed = false;
let busy = false; // an action is under way; others wait for their turn by not beginning

class Failure extends Error {}

async function call(path, fields) {
  let response;
  try {
    response = await fetch(path, fields ? { method: "POST", body: new URLSearchParams(fields) } : { cache: "no-store" });
  } catch {
    throw new Failure("The server cannot be reached.");
  }
  const text = await response.text();
  if (!response.ok) throw new Failure(`${text.trim()} (status ${response.status})`);
  return text;
}

const callJSON = async (path) => JSON.parse(await call(path));

function say(text) {
  const status = byId("status");
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = text; }); // so that the same words are read out again
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { status.textContent = ""; }, 8000);
}

function setBusy(now) {
  busy = now;
  document.body.ariaBusy = String(now);
}

const sessionEnded = "session ended"; // what /incr says
const endedText = "This browser's session has ended: it was signed out elsewhere, or its time ran out.";

// hasEnded tells whether the session that was there is no more. One that was given another ticket keeps its owner.
function hasEnded(before, after) {
  if (!before) return false;
  return before.owner ? !after?.owner : !after?.owner && after?.id !== before.id;
}

// act performs one action, says what came of it and what it cost, and shows the new state. ends says that the
// action itself may end the session.
async function act(done, action, ends = false) {
  if (busy) return;
  setBusy(true);
  byId("status").textContent = "";
  const before = state?.session;
  const signedIn = Boolean(before?.owner);
  const device = document.activeElement?.closest("#devices li");
  let message = done;
  try {
    const cost = await callJSON("/stats");
    await action();
    showCost(cost, await callJSON("/stats"));
  } catch (error) {
    message = explain(error);
  }
  try {
    await refresh();
    keepFocus(signedIn, device);
    if (!ends && hasEnded(before, state.session)) message = endedText;
  } catch (error) {
    message = explain(error);
  } finally {
    setBusy(false);
  }
  if (message) say(message);
}

function explain(error) {
  if (!(error instanceof Failure)) console.error(error);
  return `That did not work: ${error.message}`;
}

// keepFocus puts the focus somewhere sensible when what had it is gone.
function keepFocus(wasSignedIn, device) {
  const signedIn = Boolean(state.session?.owner);
  const focused = document.activeElement;
  if (focused && focused !== document.body && focused.checkVisibility()) return;
  if (signedIn !== wasSignedIn) byId(signedIn ? "logout" : "user").focus();
  else if (device) byId("devices-title").focus();
}

async function refresh() {
  state = await callJSON("/page.json");
  clockOffset = Date.parse(state.now) - Date.now();
  expiryNoticed = false;
  showSession();
  showDevices();
  tick();
  showStats(await callJSON("/stats"));
}

function showSession() {
  const s = state.session;
  byId("facts").hidden = !s;
  byId("login-form").hidden = Boolean(s?.owner);
  byId("signed-in").hidden = !s?.owner;
  byId("owner").textContent = s?.owner ?? "";
  if (!s) {
    byId("who").textContent = "No session yet";
    byId("who-hint").textContent = "It begins with the first change. Until then there is no record, and this browser needs no ticket.";
  } else {
    byId("who").textContent = s.owner ? `Signed in as ${s.owner}` : "Not signed in";
    byId("who-hint").textContent = s.owner ? "This session has an owner." : "The session is there, and has no owner yet.";
    byId("session-id").textContent = s.id;
    byId("session-began").textContent = clockTime(s.createdAt);
    byId("session-signed-row").hidden = !s.authenticatedAt;
    byId("session-signed").textContent = s.authenticatedAt ? clockTime(s.authenticatedAt) : "";
  }
  showHeld("value", s?.value ?? null, s?.value === "" ? "empty" : "no value set");
  showHeld("counter", s ? String(s.counter) : null, "not begun");
  byId("idle-hint").textContent = `The session ends when it is not used for ${duration(state.idleSeconds)}. Use is noted about once per tenth of that.`;
  byId("deadline-hint").textContent = `It ends ${duration(state.lifetimeSeconds)} after its start or the latest sign-in, however much it is used.`;
  byId("store-kind").textContent = { memory: "with the store in its memory", file: "with the store in files" }[state.store] ?? `with ${state.store} as the store`;
}

function showHeld(id, text, otherwise) {
  byId(id).textContent = text || otherwise;
  byId(id).classList.toggle("none", !text);
}

function tick() {
  const s = state?.session;
  showClock("idle", s?.expiresAt, state?.idleSeconds);
  showClock("deadline", s?.deadline, state?.lifetimeSeconds);
  if (s && !expiryNoticed && !busy && left(s.expiresAt) <= -1) {
    expiryNoticed = true; // asked once: what is gone stays gone
    act("The session ended: its clock ran down.", async () => {}, true);
  }
}

const left = (time) => (Date.parse(time) - Date.now() - clockOffset) / 1000;

function showClock(id, end, total) {
  const seconds = end ? Math.max(0, left(end)) : 0;
  byId(`${id}-left`).textContent = end ? `${digits(seconds)} left` : "not running";
  byId(`${id}-bar`).value = end ? Math.min(1, seconds / total) : 0;
}

// digits shows what is left as a clock does: 29:58, or 11:59:58.
function digits(seconds) {
  const s = Math.ceil(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return (hours ? `${hours}:${pad(minutes)}` : `${minutes}`) + `:${pad(s % 60)}`;
}

function duration(seconds) {
  const s = Math.round(seconds);
  const h = Math.floor(s / 3600);
  const m = Math.floor((s % 3600) / 60);
  const parts = [];
  if (h) parts.push(`${h} h`);
  if (m) parts.push(`${m} min`);
  if (!h && (s % 60 || !m)) parts.push(`${s % 60} s`);
  return parts.join(" ");
}

function clockTime(time) {
  const at = new Date(time);
  const sameDay = at.toDateString() === new Date().toDateString();
  return at.toLocaleString([], sameDay ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
}

function showDevices() {
  const list = byId("devices");
  const devices = state.devices;
  const sessions = (devices?.sessions ?? []).toSorted((a, b) => b.current - a.current || b.lastSeenAt.localeCompare(a.lastSeenAt));
  const seen = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = new Map(); // by ID: a listing may name a session twice
  for (const session of sessions) {
    const item = seen.get(session.id) ?? byId("device-template").content.firstElementChild.cloneNode(true);
    item.dataset.id = session.id;
    showDevice(item, session);
    items.set(session.id, item);
  }
  const wanted = [...items.values()];
  if (wanted.length !== list.children.length || wanted.some((item, i) => item !== list.children[i])) {
    list.replaceChildren(...wanted);
  }
  list.hidden = items.size === 0;
  byId("devices-all").hidden = items.size === 0;
  byId("devices-hint").textContent = !devices
    ? "Sign in to see where else you are signed in."
    : devices.problem || (devices.more ? `These are the first ${items.size}.` : `Every place where ${state.session.owner} is signed in.`);
}

function showDevice(item, session) {
  const name = browserName(session.userAgent);
  item.querySelector(".name").textContent = name;
  item.querySelector(".badge").hidden = !session.current;
  item.querySelector(".when").textContent =
    `From ${session.ip || "an unknown address"}, began ${clockTime(session.createdAt)}, last seen ${clockTime(session.lastSeenAt)}, ends ${clockTime(session.expiresAt)} unless used`;
  item.querySelector(".agent").textContent = session.userAgent;
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `Sign out ${session.current ? "this browser" : name}, session ${session.id.slice(0, 6)}`);
  button.onclick = () => act(session.current ? "This browser is signed out." : `${name} is signed out.`, () => call("/revoke", { id: session.id }), session.current);
}

function browserName(agent) {
  const browsers = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"], ["curl/", "curl"], ["Go-http-client", "A Go program"]];
  const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS X", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];
  const find = (table) => table.find(([mark]) => agent.includes(mark))?.[1];
  const system = find(systems);
  return (find(browsers) ?? "A browser") + (system ? ` on ${system}` : "");
}

function showStats(stats) {
  const rows = Object.keys(calls).map((name) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const cell = document.createElement("td");
    cell.textContent = stats[name].toLocaleString();
    row.append(head, cell);
    return row;
  });
  byId("stats").replaceChildren(...rows);
}

function showCost(before, after) {
  const parts = Object.entries(calls)
    .map(([plural, singular]) => [after[plural] - before[plural], plural, singular])
    .filter(([n]) => n > 0)
    .map(([n, plural, singular]) => `${n} ${n === 1 ? singular : plural}`);
  byId("cost").textContent = `The last action cost ${parts.join(", ") || "no store call"}.`;
}

// fire sends the fifty requests. A browser without a ticket sends the first one alone: fifty
// browsers without a ticket would be fifty sessions.
async function fire() {
  const numbers = byId("numbers");
  const cells = Array.from({ length: fifty }, () => document.createElement("li"));
  for (const cell of cells) cell.textContent = "·";
  numbers.replaceChildren(...cells);
  numbers.hidden = false;
  byId("fifty-result").textContent = "Counting…";
  const answers = new Set();
  let failed = 0;
  let ended = 0;
  const first = state?.session ? 0 : 1;
  const fields = first ? { key: "counter" } : { key: "counter", existing: "1" };
  const one = async (cell) => {
    try {
      const text = await call("/incr", fields);
      if (text === sessionEnded) throw new Failure(text);
      answers.add(Number(text));
      cell.textContent = text;
      cell.classList.add("in");
    } catch (error) {
      if (error instanceof Failure && error.message.startsWith(sessionEnded)) ended++;
      else failed++;
      cell.textContent = "×";
    }
  };
  if (first) await one(cells[0]);
  await Promise.all(cells.slice(first).map(one));
  const sorted = [...answers].sort((a, b) => a - b);
  let text = `${answers.size} of ${fifty} counted`;
  if (sorted.length) text += `: each got a number of its own, from ${sorted[0]} to ${sorted.at(-1)}.`;
  if (failed) text += ` ${failed} failed.`;
  if (ended === fifty) text = `${endedText} Nothing was counted.`;
  else if (ended) text += ` ${ended} found that the session has ended.`;
  byId("fifty-result").textContent = text;
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}

function onClick(id, done, action, ends = false) {
  byId(id).addEventListener("click", () => act(done, action, ends));
}

onSubmit("set-form", () => act("The value is set.", async () => {
  await call("/set", { value: byId("value-input").value });
  byId("value-input").value = "";
}));
onSubmit("login-form", () => {
  const user = byId("user").value;
  act(`Signed in as ${user}, with a new ticket.`, async () => {
    await call("/login", { user });
    byId("user").value = "";
  });
});
onClick("delete", "The value is deleted.", () => call("/delete", {}));
onClick("logout", "Signed out. The session is gone.", () => call("/logout", {}), true);
onClick("fifty", "", fire); // it says what came of it in a place of its own
onClick("revoke-others", "All other devices are signed out.", () => call("/revoke", { others: "1" }));
onClick("revoke-all", "You are signed out everywhere.", () => call("/revoke", { all: "1" }), true);
onClick("refresh", "Refreshed.", async () => {});

// Who comes back to this tab may have been signed out elsewhere.
document.addEventListener("visibilitychange", () => {
  if (document.hidden || busy) return;
  const before = state?.session;
  refresh().then(() => { if (hasEnded(before, state.session)) say(endedText); }).catch((error) => say(explain(error)));
});

setInterval(tick, 1000);
refresh().catch((error) => {
  byId("who").textContent = "The session cannot be shown";
  say(explain(error));
});
