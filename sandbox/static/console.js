/* The console's behaviour: buttons make control requests, the page refreshes itself, the clock ticks. */
"use strict";

const toast = (text, bad) => {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  box.setAttribute("role", "status");
  box.textContent = text;
  document.body.append(box);
  setTimeout(() => box.remove(), bad ? 7000 : 2500);
};

/* A form's fields as JSON: "tabs.Seats1" nests, data-type="number" and checkboxes keep their type. */
const fields = (form) => {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.dataset.optional !== undefined && !field.value)) continue;
    let value = field.value;
    if (field.type === "checkbox") value = field.checked;
    else if (field.dataset.type === "number") value = Number(field.value);
    else if (field.type === "datetime-local") value = field.value + field.dataset.offset;
    const path = field.name.split(".");
    let place = body;
    while (path.length > 1) place = place[path[0]] ??= {}, path.shift();
    place[path[0]] = value;
  }
  return body;
};

const act = async (button) => {
  if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
  const form = button.closest("form");
  const body = { ...(form && button.dataset.form !== undefined ? fields(form) : {}), ...JSON.parse(button.dataset.body || "{}") };
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.url, {
      method: button.dataset.method || "POST",
      headers: { "Content-Type": "application/json" },
      body: button.dataset.method === "DELETE" ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      let why = text;
      try { why = JSON.parse(text).error || text; } catch { /* shown as it came */ }
      toast(why, true);
      return;
    }
    toast(button.dataset.done || "Done");
    if (form) form.reset();
    if (button.dataset.goto) { location.href = button.dataset.goto.replace("{id}", JSON.parse(text).envelopeId || ""); return; }
    document.activeElement?.blur();
    await refresh(true);
  } catch (failure) {
    toast(String(failure), true);
  } finally {
    button.disabled = false;
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-url]");
  if (button) { event.preventDefault(); act(button); }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-go]")) location.href = event.target.value;
});

let before = null;
const busy = () => {
  const at = document.activeElement;
  return (at && at.matches("#page input, #page select, #page textarea")) || document.querySelector("#page details[open]")
    || [...document.querySelectorAll("#page input, #page textarea")].some((f) => f.type !== "checkbox" && f.value !== f.defaultValue);
};

/* Swaps the page's parts if the server shows something new; never under the hands of somebody typing. */
const refresh = async (force) => {
  if (!force && (busy() || document.hidden)) return;
  const answer = await fetch(location.href, { headers: { "X-Console": "refresh" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["page", "tabs"]) {
    const here = document.getElementById(id), there = fresh.getElementById(id);
    if (!here || !there || (before?.[id] ?? here.innerHTML) === there.innerHTML) continue;
    const scrolled = [...here.querySelectorAll(".list")].map((list) => list.scrollTop);
    here.innerHTML = there.innerHTML;
    here.querySelectorAll(".list").forEach((list, i) => { list.scrollTop = scrolled[i] || 0; });
    fit();
  }
  before = { page: fresh.getElementById("page").innerHTML, tabs: fresh.getElementById("tabs").innerHTML };
  anchor(fresh.getElementById("clock").dataset.now);
};
setInterval(() => refresh(false).catch(() => {}), 2000);

/* Mail frames grow to their content. */
const fit = () => {
  for (const frame of document.querySelectorAll("iframe.mail")) {
    const grow = () => { try { frame.style.height = `${frame.contentDocument.body.scrollHeight + 40}px`; } catch { /* not ours */ } };
    frame.addEventListener("load", grow); grow();
  }
};
fit();

let ahead = 0;
const shape = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: document.getElementById("clock").dataset.zone });
const anchor = (now) => { ahead = new Date(now) - Date.now(); };
anchor(document.getElementById("clock").dataset.now);
const tick = () => { document.getElementById("time").textContent = shape.format(new Date(Date.now() + ahead)); };
tick();
setInterval(tick, 1000);
