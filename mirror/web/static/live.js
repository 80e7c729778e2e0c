// Keeps the start page moving: asks for what changed every other second, and not at all while nobody looks.

import { ago, localTime } from "./mirror.js";

const page = document.getElementById("live");
const list = page.querySelector("[data-changes]");
const most = Number(list.dataset.most);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let since = Number(page.dataset.seq);
let timer = null;

function countTo(element, target) {
  const from = Number(element.textContent.replaceAll(",", "")) || 0;
  if (from === target) return;
  element.closest("li").classList.add("moved");
  setTimeout(() => element.closest("li").classList.remove("moved"), 1200);
  if (calm.matches || Math.abs(target - from) < 2) {
    element.textContent = target.toLocaleString("en-US");
    return;
  }
  const began = performance.now();
  const step = (now) => {
    const part = Math.min(1, (now - began) / 900);
    element.textContent = Math.round(from + (target - from) * (1 - (1 - part) ** 3)).toLocaleString("en-US");
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function node(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function entry(change) {
  const what = node("span", "what");
  if (change.who) what.append(node("b", "", change.who), " – ");
  what.append(change.title);
  if (change.of) what.append(" ", node("small", "", change.of));
  if (change.day) what.append(" · ", change.day);
  if (change.starts_at) what.append(" · ", localTime(change.starts_at) || "");
  what.dir = "auto";
  const link = node("a", "", node("span", `kind kind-${change.kind}`, change.what), " ", what);
  link.href = change.url;
  link.dataset.item = "";
  const when = node("time", "ago", change.ago);
  when.dateTime = change.at;
  when.dataset.ago = "";
  return node("li", "arrived", link, " ", when);
}

function showAccounts(accounts) {
  for (const account of accounts) {
    const card = document.querySelector(`[data-account="${account.id}"]`);
    if (!card) return location.reload();
    const help = card.querySelector("[data-help]");
    help.hidden = !account.help;
    help.querySelector("code").textContent = account.help || "";
    const feeds = card.querySelector(".feeds");
    for (const feed of account.feeds) {
      let row = feeds.querySelector(`[data-feed="${feed.kind}"]`);
      if (!row) {
        row = node("li", "", node("span", "label"), " ", node("span", "fresh"));
        row.dataset.feed = feed.kind;
        feeds.append(row);
      }
      row.className = `feed feed-${feed.state}`;
      row.title = feed.error || "";
      row.querySelector(".label").textContent = feed.label;
      const fresh = row.querySelector(".fresh");
      fresh.textContent = feed.fresh;
      if (feed.caught_up_at && (feed.state === "fresh" || feed.state === "stale")) {
        fresh.dataset.ago = "";
        fresh.dataset.at = feed.caught_up_at;
      } else {
        delete fresh.dataset.ago;
      }
    }
  }
}

function showNeeds(needs) {
  const section = page.querySelector("[data-needs]");
  section.hidden = !needs.length;
  section.querySelector("ul").replaceChildren(
    ...needs.map((need) => node("li", `need-${need.kind}`, node("span", "", need.what), " ", node("code", "", need.command))),
  );
}

function showToday(today) {
  page.querySelector("[data-today]").replaceChildren(
    ...today.map((change) => {
      const link = node("a", "", node("b", "", change.number), ` ${change.what}`);
      link.href = change.url;
      return node("li", "", link);
    }),
  );
  page.querySelector("[data-no-today]").hidden = today.length > 0;
}

function show(state) {
  for (const [kind, count] of Object.entries(state.counts)) {
    const element = document.querySelector(`[data-count="${kind}"]`);
    if (element) countTo(element, count);
  }
  document.querySelector("[data-size]").textContent = state.size;
  for (const change of state.changes.toReversed ? state.changes.toReversed() : [...state.changes].reverse()) list.prepend(entry(change));
  while (list.children.length > most) list.lastElementChild.remove();
  document.querySelector("[data-no-changes]").hidden = list.children.length > 0;
  if (state.today) showToday(state.today);
  showNeeds(state.needs);
  showAccounts(state.accounts);
  since = Math.max(since, state.seq);
}

function tick() {
  for (const element of page.querySelectorAll("[data-ago]")) {
    element.textContent = ago(element.dataset.at || element.dateTime);
  }
}

async function ask() {
  timer = null;
  if (document.hidden) return;
  try {
    const answer = await fetch(`${page.dataset.url}?since=${since}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    page.classList.remove("lost");
  } catch {
    page.classList.add("lost"); // the server was stopped, or restarts: keep asking
  }
  next();
}

function next() {
  if (timer === null && !document.hidden) timer = setTimeout(ask, Number(page.dataset.intervalMs));
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(timer);
    timer = null;
  } else if (timer === null) {
    ask();
  }
});
setInterval(tick, 1000);
next();
