// SVG charts from answers; no library. Text is put in as text, never as markup.
const SPACE = "http://www.w3.org/2000/svg";

export function node(name, attributes = {}, text = "") {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

export function figure(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(digits - 2);
  return value.toLocaleString("en", { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(size || 1))) });
}

export function signed(value, digits = 3) {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${figure(Math.abs(value), digits)}`;
}

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

// Round steps: 1, 2 or 5 times a power of ten.
function ticks(low, high, wanted) {
  const rough = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(value);
  return found;
}

const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function draw(place, svg) {
  place.replaceChildren(svg);
}

// Past, the baseline with the edges of its widest interval, and the scenario's fan. Between the origin and the
// forecast lines are straight: only their ends are forecast.
export function fan(place, answer) {
  const [width, height, left, right, top, bottom] = [860, 340, 52, 16, 10, 28];
  const stamp = (text) => Date.parse(text.length > 10 ? `${text}Z` : `${text}T00:00Z`);
  const past = answer.past_times.map(stamp), ahead = answer.times.map(stamp), origin = stamp(answer.origin);
  const ends = [...answer.baseline.bands, ...answer.scenario.bands].flatMap((band) => [band.lower, band.upper]);
  const all = [...answer.past, ...ends, ...answer.baseline.points, ...answer.scenario.points, answer.scenario.origin_value];
  if (answer.truth !== null) all.push(answer.truth);
  const low = Math.min(...all), high = Math.max(...all), room = (high - low) * 0.04 || 1;
  const x = scale(past[0], ahead.at(-1), left, width - right - 8);
  const y = scale(low - room, high + room, height - bottom, top);
  const words = `Forecast of ${answer.target}: ${figure(answer.scenario.points.at(-1))}, baseline ${figure(answer.baseline.points.at(-1))}`;
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  for (const value of ticks(low - room, high + room, 6)) {
    svg.append(node("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(node("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, figure(value)));
  }
  for (const [time, text, anchor] of [
    [past[0], answer.past_times[0], "start"], [origin, answer.origin, "middle"], [ahead.at(-1), answer.times.at(-1), "end"],
  ]) svg.append(node("text", { x: anchor === "end" ? width - right : x(time), y: height - 8, "text-anchor": anchor }, text.slice(0, 10)));
  svg.append(node("line", { class: "grid", x1: x(origin), x2: x(origin), y1: top, y2: height - bottom }));
  const rise = (forecast, value) => [[x(origin), y(forecast.origin_value)], [x(ahead.at(-1)), y(value)]];
  for (const band of answer.scenario.bands) {
    const shape = [...rise(answer.scenario, band.lower), [x(ahead.at(-1)), y(band.upper)]];
    svg.append(node("path", { class: "band", d: `${line(shape)}Z`, "data-share": band.share }));
  }
  const widest = answer.baseline.bands.at(-1);
  if (widest) for (const value of [widest.lower, widest.upper]) {
    svg.append(node("path", { class: "baseline edge", d: line(rise(answer.baseline, value)) }));
  }
  svg.append(node("path", { class: "past", d: line(past.map((time, i) => [x(time), y(answer.past[i])])) }));
  for (const kind of ["baseline", "scenario"]) {
    const path = [[x(origin), y(answer[kind].origin_value)], ...ahead.map((time, i) => [x(time), y(answer[kind].points[i])])];
    svg.append(node("path", { class: kind, id: `line-${kind}`, d: line(path) }));
    const [cx, cy] = path.at(-1);
    svg.append(node("circle", { class: `dot-${kind}`, cx, cy, r: 4 }));
  }
  const spread = answer.scenario.spread;
  if (spread) { // how far thinned networks disagree: 5 to 95 %
    const at = (level) => y(spread.quantiles[spread.levels.indexOf(level)].at(-1));
    svg.append(node("line", { class: "passes", x1: x(ahead.at(-1)) + 9, x2: x(ahead.at(-1)) + 9, y1: at(0.05), y2: at(0.95) }));
  }
  if (answer.truth !== null) svg.append(node("circle", { class: "dot-truth", cx: x(ahead.at(-1)), cy: y(answer.truth), r: 4 }));
  draw(place, svg);
}

export function tornado(place, found) {
  const [width, row, left, right] = [480, 24, 110, 58];
  const height = found.bars.length * row + 26;
  const most = Math.max(1e-12, ...found.bars.flatMap((bar) => [Math.abs(bar.down), Math.abs(bar.up)]));
  const x = scale(-most, most, left + right, width - right);
  const words = `Bars by their size: ${found.bars.slice(0, 3).map((bar) => bar.name).join(", ")}`;
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  found.bars.forEach((bar, i) => {
    const y = i * row + 4;
    svg.append(node("text", { class: "name", x: left - 8, y: y + 13, "text-anchor": "end" }, bar.name.length > 18 ? `${bar.name.slice(0, 17)}…` : bar.name));
    for (const side of ["down", "up"]) {
      const value = bar[side];
      const made = node("rect", {
        class: `bar-${side}`, x: Math.min(x(0), x(value)), y: y + (side === "up" ? 0 : 9), width: Math.abs(x(value) - x(0)), height: 9,
      });
      made.append(node("title", {}, `${bar.name} ${side}: ${signed(value)} ${found.unit}`));
      svg.append(made);
    }
    const larger = Math.abs(bar.up) >= Math.abs(bar.down) ? bar.up : bar.down;
    svg.append(node("text", {
      x: x(larger) + (larger < 0 ? -5 : 5), y: y + 13, "text-anchor": larger < 0 ? "end" : "start",
    }, signed(larger)));
  });
  svg.append(node("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: height - 22 }));
  svg.append(node("rect", { class: "bar-up", x: left + right, y: height - 14, width: 10, height: 9 }));
  svg.append(node("text", { x: left + right + 15, y: height - 5 }, "up"));
  svg.append(node("rect", { class: "bar-down", x: left + right + 45, y: height - 14, width: 10, height: 9 }));
  svg.append(node("text", { x: left + right + 60, y: height - 5 }, `down; ${found.unit}`));
  draw(place, svg);
}

export function sparkline(feature) {
  const [width, height] = [200, 44];
  const all = [...feature.baseline, ...feature.scenario];
  const x = scale(0, feature.baseline.length - 1, 3, width - 3);
  const y = scale(Math.min(...all), Math.max(...all), height - 4, 4);
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${feature.name} before and after` });
  for (const [kind, style] of [["baseline", "past"], ["scenario", "scenario"]]) {
    svg.append(node("path", { class: style, d: line(feature[kind].map((value, i) => [x(i), y(value)])) }));
  }
  return svg;
}
