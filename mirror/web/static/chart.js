// Draws every figure of _chart.html from the table in it, with uPlot. The table stays: it is the chart for whoever can't see it.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT_PX = 200;
const MOST_BAR_PX = 56;
const STEPS = [1, 2, 5].flatMap((first) => Array.from({ length: 15 }, (_, power) => first * 10 ** power)).sort((a, b) => a - b);
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

export function size(bytes) {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const scaled = bytes / 1000 ** power;
  return `${power && scaled < 9.95 ? +scaled.toFixed(1) : Math.round(scaled).toLocaleString("en-GB")} ${UNITS[power]}`;
}

export function number(value) {
  return Math.abs(value) >= 1e6 ? `${+(value / 1e6).toFixed(1)}m` : Math.abs(value) >= 1e4 ? `${+(value / 1e3).toFixed(1)}k` : value.toLocaleString("en-GB");
}

// Days and months of the axis in words; anything else as it is, shortened where it stands on the axis.
export function label(written, most = Infinity) {
  const [, year, month, , day, , hour] = written.match(/^(\d{4})-(\d\d)(-(\d\d)([T ](\d\d):\d\d.*)?)?$/) || [];
  if (hour) return most < Infinity ? `${hour}:00` : `${+day} ${MONTHS[month - 1]}, ${hour}:00`;
  if (day) return `${+day} ${MONTHS[month - 1]}${most < Infinity ? "" : ` ${year}`}`;
  if (month) return `${MONTHS[month - 1]} ${year}`;
  return written.length > most ? `${written.slice(0, most - 1)}…` : written;
}

function read(figure) {
  const heads = [...figure.querySelectorAll("thead th[data-key]")];
  const rows = [...figure.querySelectorAll("tbody tr")];
  return {
    labels: rows.map((row) => row.querySelector("th").textContent.trim()),
    series: heads.map((head, place) => ({
      name: head.textContent.trim(),
      key: head.dataset.key,
      values: rows.map((row) => Number(row.querySelectorAll("td")[place].dataset.value) || 0),
      shown: rows.map((row) => row.querySelectorAll("td")[place].textContent.trim()),
    })),
  };
}

function summary(title, form, { labels, series }, unit) {
  const parts = series.map(({ name, values, shown }) => {
    const most = values.indexOf(Math.max(...values));
    const all = values.reduce((sum, value) => sum + value, 0);
    return `${name}: ${unit === "bytes" ? size(all) : all.toLocaleString("en-GB")} in all, at most ${shown[most]} (${label(labels[most])})`;
  });
  return `${form === "lines" ? "Lines" : "Bars"}: ${title}, ${label(labels[0])} to ${label(labels[labels.length - 1])}. ${parts.join("; ")}. The numbers are in the table beneath.`;
}

function colours(figure, series) {
  return series.map(({ key }, place) => {
    const probe = document.createElement("span");
    probe.className = `legend-of series-${(place % 6) + 1}`;
    probe.dataset.colour = key;
    figure.append(probe);
    const found = getComputedStyle(probe, "::before").backgroundColor;
    probe.remove();
    return found;
  });
}

// Bars that stand side by side, or on what `below` says.
function barPaths(place, count, below) {
  return (u, index, from, to) => {
    const path = new Path2D();
    const slot = u.valToPos(1, "x", true) - u.valToPos(0, "x", true);
    const all = Math.min(0.8, (MOST_BAR_PX * count * devicePixelRatio) / slot);
    const wide = all / count;
    for (let i = from; i <= to; i++) {
      const value = u.data[index][i];
      if (!(value > (below ? below[i] : 0))) continue;
      const start = i - all / 2 + place * wide;
      const left = u.valToPos(start, "x", true);
      const right = u.valToPos(start + wide, "x", true);
      const top = u.valToPos(value, "y", true);
      path.rect(left, top, Math.max(1, right - left - (count > 1 ? 1 : 0)), u.valToPos(below ? below[i] : 0, "y", true) - top);
    }
    return { stroke: null, fill: path, clip: null, band: null, gaps: null, flags: 0 };
  };
}

function tip(drawing, { labels, series }, inks) {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  drawing.append(box);
  return (u) => {
    const place = u.cursor.idx;
    box.hidden = place == null || u.cursor.left < 0;
    if (box.hidden) return;
    const head = document.createElement("b");
    head.textContent = label(labels[place]);
    box.replaceChildren(head, ...series.map(({ name, shown }, index) => {
      const line = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.style.background = inks[index];
      line.append(swatch, `${name}: ${shown[place]}`);
      return line;
    }));
    const x = u.bbox.left / devicePixelRatio + u.cursor.left;
    const beside = x + 14 + box.offsetWidth > drawing.clientWidth ? x - 14 - box.offsetWidth : x + 14;
    box.style.left = `${Math.max(0, Math.min(beside, drawing.clientWidth - box.offsetWidth))}px`;
    box.style.top = "8px";
  };
}

function options(figure, drawing, numbers, inks) {
  const form = figure.dataset.chart;
  const { stacked, unit } = figure.dataset;
  const { labels, series } = numbers;
  const style = getComputedStyle(figure);
  const muted = style.getPropertyValue("--muted").trim();
  const surface = style.getPropertyValue("--surface").trim();
  const line = style.getPropertyValue("--line").trim();
  const font = `12px ${style.fontFamily}`;
  const longest = Math.max(...labels.map((one) => label(one, 14).length));
  const axis = { stroke: muted, font, ticks: { stroke: line, width: 1, size: 5 } };
  const widest = unit === "bytes" ? 64 : 48;
  const isBars = form === "bars";
  const totals = stack(series);
  const drawn = series.map((one, place) => ({
    label: one.name,
    stroke: isBars ? null : inks[place],
    width: isBars ? 0 : 2,
    fill: isBars ? inks[place] : null,
    points: { show: !isBars && labels.length < 40, fill: surface },
    ...(isBars ? { paths: stacked !== undefined ? barPaths(0, 1, place ? totals[place - 1] : null) : barPaths(place, series.length, null) } : {}),
  }));
  return [
    {
      width: drawing.clientWidth,
      height: HEIGHT_PX,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: !isBars } },
      scales: {
        x: { time: false, range: () => (isBars ? [-0.6, labels.length - 0.4] : [-0.3, labels.length - 0.7]) },
        y: { range: (_, __, most) => [0, most > 0 ? Math.max(1, most * 1.06) : 1] },
      },
      axes: [
        { ...axis, size: 34, grid: { show: false }, incrs: [1, 2, 3, 5, 7, 10, 14, 28, 50, 100, 200, 500, 1000], space: 18 + 7 * longest, values: (_, at) => at.map((i) => (Number.isInteger(i) && labels[i] !== undefined ? label(labels[i], 14) : "")) },
        { ...axis, size: widest, grid: { stroke: line, width: 1 }, incrs: STEPS, space: 28, values: (_, at) => at.map(unit === "bytes" ? size : number) },
      ],
      series: [{}, ...drawn],
      hooks: { setCursor: [tip(drawing, numbers, inks)] },
    },
    [labels.map((_, place) => place), ...(stacked !== undefined ? totals : series.map(({ values }) => values))],
  ];
}

function stack(series) {
  const sums = series[0].values.map(() => 0);
  return series.map(({ values }) => values.map((value, place) => (sums[place] += value)));
}

function draw(figure) {
  const numbers = read(figure);
  figure.plot?.destroy();
  let drawing = figure.querySelector(".drawing");
  if (!drawing) {
    drawing = document.createElement("div");
    drawing.className = "drawing";
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", summary(figure.querySelector(".chart-title").textContent, figure.dataset.chart, numbers, figure.dataset.unit));
    figure.querySelector("figcaption").after(drawing);
    new ResizeObserver(() => {
      if (drawing.clientWidth && drawing.clientWidth !== figure.plot?.width) figure.plot?.setSize({ width: drawing.clientWidth, height: HEIGHT_PX });
    }).observe(drawing);
  }
  drawing.replaceChildren();
  const [asked, data] = options(figure, drawing, numbers, colours(figure, numbers.series));
  figure.plot = new uPlot(asked, data, drawing);
}

function drawAll() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) if (figure.querySelector("tbody tr")) draw(figure);
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
