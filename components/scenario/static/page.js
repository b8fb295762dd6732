// The page: what is asked follows the sliders, one request at a time, the latest of them.
import { fan, figure, signed, sparkline, tornado } from "./charts.js";
import { Sliders, groupsOf } from "./sliders.js";

const $ = (id) => document.getElementById(id);
const SETTLED = 250; // milliseconds without a change until what takes longer is asked for

let about, sliders, base;
let version = 0; // grows with every change: what was asked for an older one has nothing to say about troubles now

async function ask(address, body) {
  let answer;
  try {
    answer = await fetch(address, body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch (error) {
    throw new Error("No answer from the server: has it been ended?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({ problems: [`The server failed (${answer.status}).`] }));
  throw new Error(said.problems.join("\n"));
}

function trouble(error) {
  $("trouble").textContent = error ? error.message : "";
  $("trouble").hidden = !error;
}

// Ask again and again for the latest of what is wanted, never twice at once: dragging cannot pile requests up.
function latest(work) {
  let running = false, wanted = false;
  return async function again() {
    wanted = true;
    if (running) return;
    running = true;
    while (wanted) {
      wanted = false;
      const asked = version, current = () => asked === version;
      try { await work(current); } catch (error) { if (current()) trouble(error); }
    }
    running = false;
  };
}

function shape() {
  const kind = $("shape").value, start = Math.round(Number($("start").value) || 0), length = Number($("length").value) || 1;
  if (kind === "step") return { kind, start };
  return kind === "decay" ? { kind, start, half_life: length } : { kind, start, rows: Math.max(1, Math.round(length)) };
}

function scenario() {
  const moved = sliders.shocks(shape());
  return { ...base, origin: $("origin").value || null, shocks: [...base.shocks, ...moved] };
}

const forecast = latest(async (current) => {
  const asked = scenario();
  const answer = await (await ask("api/scenario", asked)).json();
  if (current()) trouble(null);
  show(answer);
});

const tornadoNow = latest(async () => {
  const shown = about.features.filter((feature) => feature.name !== about.target || $("tornadotarget").checked);
  const grouped = $("tornadogroups").checked ? groupsOf(shown) : shown.map((feature) => ({ name: feature.name, members: [feature] }));
  const groups = Object.fromEntries(grouped.map((group) => [group.name, group.members.map((f) => f.name)]));
  const amount = Number($("tornadoamount").value) || 1;
  const asked = { scenario: scenario(), amount, kind: $("tornadounit").value, shape: shape(), groups, top: 12 };
  tornado($("tornado"), await (await ask("api/tornado", asked)).json());
});

let settling = 0;
function changed() {
  version += 1;
  forecast();
  clearTimeout(settling);
  settling = setTimeout(tornadoNow, SETTLED);
}

function show(answer) {
  fan($("fan"), answer);
  const unit = answer.unit, change = answer.difference, at = answer.times.at(-1).slice(0, 10);
  const point = answer.scenario.points.at(-1);
  const percent = change.percent === null ? "" : ` (${signed(change.percent)} %)`;
  $("headline").replaceChildren(`${figure(point, 5)} ${unit} on ${at} `, faint(
    answer.changed.length
      ? `${signed(change.points.at(-1))}${percent} against the baseline${change.higher === null ? "" : `; higher in ${Math.round(100 * change.higher)} % of passes`}`
      : "nothing is changed: this is the baseline"));
  legend(answer);
  comparison(answer, unit);
  flag(answer);
  cards(answer);
  $("notes").replaceChildren(...answer.notes.map((note) => item(note)));
  if (!$("goal").value) $("goal").value = Number((answer.baseline.points.at(-1) * 1.02).toPrecision(4));
}

function faint(text) {
  const made = document.createElement("span");
  made.className = "faint";
  made.textContent = text;
  return made;
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function legend(answer) {
  const shares = answer.scenario.bands.map((band) => 100 * band.share).join(", ");
  $("legend").textContent = `${shares ? `Fan: ${shares} % intervals (${answer.band_method}) of the scenario. ` : ""}Dashed: baseline.`
    + `${answer.scenario.spread ? " Bar at the right: 5 to 95 % of dropout passes." : ""}${answer.truth === null ? "" : " Ring: what came."}`;
}

function comparison(answer, unit) {
  const rows = [["Forecast", answer.baseline.points.at(-1), answer.scenario.points.at(-1), change(answer.difference.points.at(-1))]];
  answer.baseline.bands.forEach((band, i) => {
    if (![0.5, 0.9].includes(band.share)) return;
    const other = answer.scenario.bands[i], name = `${100 * band.share} % interval`;
    rows.push([`${name}, lower`, band.lower, other.lower, change(other.lower - band.lower)]);
    rows.push([`${name}, upper`, band.upper, other.upper, change(other.upper - band.upper)]);
  });
  const [before, after, paired] = [answer.baseline.spread, answer.scenario.spread, answer.difference.spread];
  if (before) {
    rows.push(["Mean of passes", before.mean.at(-1), after.mean.at(-1), change(paired.mean.at(-1))]);
    for (const level of [0.05, 0.95]) {
      const at = before.levels.indexOf(level);
      const [b, a, p] = [before, after, paired].map((spread) => spread.quantiles[at].at(-1));
      rows.push([`${100 * level} % of passes`, b, a, change(p)]);
    }
  }
  const head = tableRow("th", ["", "baseline", "scenario", before ? "paired difference" : "difference"]);
  const body = rows.map(([name, ...cells]) => tableRow("td", [name, ...cells.map((c) => (typeof c === "number" ? figure(c, 5) : c))]));
  const [thead, tbody] = ["thead", "tbody"].map((tag) => document.createElement(tag));
  thead.append(head);
  tbody.append(...body);
  $("comparison").replaceChildren(thead, tbody);
  $("comparison").title = unit;
}

const change = (value) => signed(value);

function tableRow(tag, cells) {
  const row = document.createElement("tr");
  cells.forEach((text, i) => {
    const cell = document.createElement(i ? tag : "th");
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}

function flag(answer) {
  const found = answer.plausibility, plain = answer.baseline_plausibility;
  const caused = answer.newly_beyond.length || ["levels", "moves"].some((part) => found[part] > 0.99 && !(plain[part] > 0.99));
  $("flag").hidden = !found.outside;
  $("flag").classList.toggle("here", Boolean(caused));
  const own = answer.newly_beyond.length ? ` The scenario itself brings ${answer.newly_beyond.slice(0, 6).join(", ")} beyond it.` : "";
  $("flag").textContent = `Out of distribution: ${found.reasons.join("; ")}.${plain.outside ? " So is the baseline." : ""}${own}`;
}

function cards(answer) {
  const made = answer.changed.slice(0, 24).map((feature) => {
    const card = document.createElement("div");
    card.className = "card";
    const words = document.createElement("p");
    const cut = feature.cut ? ", cut to what is permitted" : "";
    words.textContent = `${feature.name}${feature.derived ? " (derived)" : ""}: ${figure(feature.baseline.at(-1))} → ${figure(feature.scenario.at(-1))} ${feature.unit}${cut}`;
    card.append(words, sparkline(feature));
    return card;
  });
  const more = answer.changed.length - made.length;
  if (more > 0) made.push(faint(`and ${more} more`));
  $("changed").replaceChildren(...(made.length ? made : [faint("Nothing is changed.")]));
}

async function seek(event) {
  event.preventDefault();
  const group = groupsOf(about.features)[Number($("goalfeature").value)];
  const [goal, lowest, highest] = ["goal", "goallow", "goalhigh"].map((id) => Number($(id).value));
  const features = group.members.map((feature) => feature.name);
  try {
    const found = await (await ask("api/goal", { scenario: scenario(), goal, features, lowest, highest, kind: sliders.unit, shape: shape() })).json();
    trouble(null);
    const answer = $("goalanswer");
    if (!found.reached) { answer.textContent = found.notes.at(-1); return; }
    const many = found.crossings > 1 ? ` The forecast crosses ${figure(goal)} ${found.crossings} times in this range; this is the smallest.` : "";
    answer.replaceChildren(`${group.name}: ${signed(found.amount, 4)} ${unitName()} more gives ${figure(found.forecast, 6)}.${many} `);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Add to the scenario";
    button.addEventListener("click", () => {
      base.shocks = [...base.shocks, { kind: sliders.unit, features, amount: found.amount, shape: shape() }];
      writeBase();
      changed();
    });
    answer.append(button);
  } catch (error) { trouble(error); }
}

const unitName = () => ({ percent: "%", sigma: "σ", sigma_change: "σ of changes" }[sliders.unit] ?? "");

async function download(form) {
  try {
    const file = await (await ask(`api/export/${form}`, scenario())).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `scenario.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    trouble(null);
  } catch (error) { trouble(error); }
}

function writeBase() {
  $("json").value = JSON.stringify(base, null, 1);
}

function applyJson() {
  try {
    const given = JSON.parse($("json").value);
    base = { ...given, shocks: given.shocks ?? [] };
    trouble(null);
    changed();
  } catch (error) {
    version += 1;
    trouble(new Error(`This is no JSON: ${error.message}`));
  }
}

function reset() {
  base = structuredClone(about.start);
  writeBase();
  sliders.build();
  changed();
}

function shapeChanged() {
  const kind = $("shape").value;
  $("lengthlabel").hidden = kind === "step";
  $("lengthname").textContent = kind === "decay" ? "half-life, rows" : kind === "ramp" ? "over rows" : "for rows";
  changed();
}

function listen() {
  $("unit").addEventListener("change", () => sliders.useUnit($("unit").value));
  $("shape").addEventListener("change", () => {
    $("start").value = { step: 0, pulse: 0, ramp: -4, decay: -4 }[$("shape").value];
    shapeChanged();
  });
  for (const id of ["start", "length", "origin"]) $(id).addEventListener("input", changed);
  for (const id of ["tornadoamount", "tornadounit", "tornadogroups", "tornadotarget"]) $(id).addEventListener("input", tornadoNow);
  $("search").addEventListener("input", () => sliders.filter($("search").value));
  $("reset").addEventListener("click", reset);
  $("apply").addEventListener("click", applyJson);
  $("goalform").addEventListener("submit", seek);
  for (const button of document.querySelectorAll("[data-export]")) button.addEventListener("click", () => download(button.dataset.export));
}

async function open() {
  about = await (await ask("api/model")).json();
  base = structuredClone(about.start);
  $("model").textContent = `${about.model}: ${about.target}${about.unit ? ` (${about.unit})` : ""}, ${about.horizon} rows ahead`;
  Object.assign($("origin"), { min: about.first_origin.slice(0, 10), max: about.last_origin.slice(0, 10), value: (base.origin ?? about.last_origin).slice(0, 10) });
  about.features.sort((a, b) => (b.name === about.target) - (a.name === about.target)); // what is forecast comes first
  sliders = new Sliders($("sliders"), about.features, changed);
  $("goalfeature").replaceChildren(...groupsOf(about.features).map((group, i) => new Option(group.name, i)));
  writeBase();
  listen();
  $("main").inert = false; // nothing can be pressed before somebody listens
  changed();
}

open().catch(trouble);
