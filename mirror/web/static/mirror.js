// Small comforts on every page: times in the reader's zone, "/" to search, menus that close. Nothing is fetched.

const DAY = { day: "numeric", month: "short", year: "numeric" };
const MOMENT = { ...DAY, hour: "2-digit", minute: "2-digit" };

export function localTime(written, isDue = false) {
  const moment = new Date(written);
  if (Number.isNaN(moment.getTime())) return null;
  const isDay = isDue && moment.getHours() + moment.getMinutes() === 0; // what is due on a day is due at its midnight
  return new Intl.DateTimeFormat("en-GB", isDay ? DAY : MOMENT).format(moment);
}

export function ago(written, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(written).getTime()) / 1000);
  if (Number.isNaN(seconds)) return "";
  if (seconds < 2) return "just now";
  for (const [below, unit, name] of [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [86400 * 45, 86400, "day"], [86400 * 700, 86400 * 30.44, "month"], [Infinity, 86400 * 365.25, "year"]]) {
    if (seconds < below) {
      const count = Math.floor(seconds / unit);
      return `${count} ${name}${count === 1 ? "" : "s"} ago`;
    }
  }
}

export function localise(root = document) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-ago])")) {
    const shown = localTime(time.dateTime, time.closest(".col-due_at") !== null);
    if (shown) time.textContent = shown;
  }
}

localise();

// The pages lay out days in the reader's zone, which only the browser knows.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`mirror_zone=${zone}`)) {
  document.cookie = `mirror_zone=${zone}; path=/; max-age=31536000; samesite=strict`;
}

// Arrows walk through a list: its items are the links marked data-item.
document.addEventListener("keydown", (event) => {
  if (!["ArrowDown", "ArrowUp"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable], .CodeMirror")) return;
  const items = [...document.querySelectorAll("[data-list] a[data-item]")].filter((item) => item.offsetParent !== null);
  if (!items.length) return;
  const place = items.indexOf(document.activeElement);
  const next = place + (event.key === "ArrowDown" ? 1 : -1);
  event.preventDefault();
  items[place < 0 ? 0 : Math.min(Math.max(next, 0), items.length - 1)].focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable], .CodeMirror")) return;
  const search = document.querySelector("#q") || document.querySelector("header input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});

document.body.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.nav-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
