"use strict";
// Draw each chart from the table that holds its numbers, which is also what a page without scripts shows.

const NAMES = {accepted: "Accepted", delivered: "Delivered", bounced: "Bounced", complained: "Complained", bounces: "Bounce rate", complaints: "Complaint rate"};
const COLOURS = {accepted: "--going", delivered: "--good", bounced: "--bad", complained: "--warn", bounces: "--bad", complaints: "--warn"};
const plots = new Map();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// The minute, the hour or the day, in UTC.
function moment(at, period) {
  const date = new Date(at * 1e3);
  const [hours, minutes] = [date.getUTCHours(), date.getUTCMinutes()].map((part) => String(part).padStart(2, "0"));
  const isMidnight = hours === "00" && period === "hour";
  return period === "day" || isMidnight ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}` : `${hours}:${minutes}`;
}

function numbersOf(place) {
  const rows = [...document.querySelectorAll(`#${place.dataset.table} tbody tr`)].reverse();
  const factor = place.dataset.percent ? 100 : 1;
  const read = (name) => rows.map((row) => Number(row.dataset[name]) * factor);
  const lines = linesOf(place).map((line) => rows.map(() => line.share * factor));
  return [rows.map((row) => Number(row.dataset.at)), ...place.dataset.series.split(" ").map(read), ...lines];
}

function linesOf(place) {
  const written = place.dataset.lines ? place.dataset.lines.split(";") : [];
  return written.map((line) => {
    const [share, ...words] = line.split(" ");
    return {share: Number(share), says: words.join(" ")};
  });
}

function draw(place) {
  const period = place.dataset.table.replace("counts-", "");
  const shown = place.dataset.percent ? (_, value) => (value === null ? "–" : `${Number(value.toPrecision(3))} %`) : (_, value) => (value === null ? "–" : value.toLocaleString("en"));
  const axis = {stroke: colour("--quiet"), grid: {stroke: colour("--line"), width: 1}, ticks: {stroke: colour("--line"), width: 1}};
  const series = place.dataset.series.split(" ").map((name) => ({label: NAMES[name], stroke: colour(COLOURS[name]), width: 2, value: shown, points: {show: false}}));
  const lines = linesOf(place).map((line) => ({label: line.says, stroke: colour("--unsure"), width: 1, dash: [6, 4], value: shown, points: {show: false}}));
  const options = {
    width: place.clientWidth,
    height: 240,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "UTC"),
    axes: [{...axis, values: (_, ticks) => ticks.map((tick) => moment(tick, period))}, {...axis, size: 64, values: (_, ticks) => ticks.map((tick) => (place.dataset.percent ? `${tick} %` : tick.toLocaleString("en")))}],
    scales: {y: {range: (_, low, high) => [0, Math.max(high, place.dataset.percent ? 0 : 1) * 1.05]}},
    series: [{label: `${period[0].toUpperCase()}${period.slice(1)}`, value: (_, at) => (at === null ? "–" : moment(at, period))}, ...series, ...lines],
  };
  plots.get(place)?.destroy();
  plots.set(place, new uPlot(options, numbersOf(place), place));
}

for (const section of document.querySelectorAll("section.chart")) {
  const button = section.querySelector("button");
  section.classList.add("drawn");
  button.hidden = false;
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const isShown = section.classList.toggle("with-numbers");
    button.setAttribute("aria-expanded", String(isShown));
    button.textContent = isShown ? "Hide the numbers" : "Show the numbers";
  });
}
for (const place of document.querySelectorAll(".plot")) {
  place.hidden = false;
  draw(place);
  new ResizeObserver(() => plots.get(place).setSize({width: place.clientWidth, height: 240})).observe(place);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...plots.keys()].forEach(draw));
document.addEventListener("htmx:after:swap", () => {
  for (const [place, plot] of plots) {
    plot.setData(numbersOf(place));
  }
});
