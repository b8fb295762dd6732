// One slider a group of features that differ by a number at the end (SM_price1, SM_price2), and one a feature inside.
const RANGES = { percent: [50, 0.5], sigma: [3, 0.05], sigma_change: [10, 0.1] };

export function groupsOf(features) {
  const groups = new Map();
  for (const feature of features) {
    const stem = feature.name.replace(/\d+$/, "");
    const key = stem || feature.name;
    groups.set(key, [...(groups.get(key) ?? []), feature]);
  }
  return [...groups].map(([stem, members]) => ({ name: members.length > 1 ? stem : members[0].name, members }));
}

function rangeOf(unit, members) {
  if (unit !== "add") return RANGES[unit];
  const most = Math.max(...members.map((feature) => 3 * feature.sigma)) || 1;
  return [most, most / 200];
}

const shown = (value, unit) => {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
  return `${value > 0 ? "+" : ""}${text}${{ percent: " %", sigma: " σ", sigma_change: " σ" }[unit] ?? ""}`;
};

export class Sliders {
  constructor(place, features, changed) {
    [this.place, this.features, this.changed, this.unit, this.moved] = [place, features, changed, "percent", new Map()];
    this.build();
  }

  build() {
    this.moved.clear();
    this.place.replaceChildren(...groupsOf(this.features).map((group) => this.group(group)));
  }

  group({ name, members }) {
    const block = document.createElement("div");
    block.className = "group";
    block.dataset.words = members.map((f) => `${f.name} ${f.description}`).join(" ").toLowerCase();
    block.append(this.slider(name, members));
    if (members.length > 1) {
      const details = document.createElement("details");
      const summary = document.createElement("summary");
      summary.textContent = `${members.length} features`;
      details.append(summary, ...members.map((feature) => this.slider(feature.name, [feature])));
      block.append(details);
    }
    return block;
  }

  slider(name, members) {
    const row = document.createElement("div");
    row.className = "slider";
    const [label, value, input] = ["label", "output", "input"].map((tag) => document.createElement(tag));
    const [most, step] = rangeOf(this.unit, members);
    const id = `slider-${name}${members.length > 1 ? "*" : ""}`;
    Object.assign(input, { type: "range", id, min: -most, max: most, step, value: 0 });
    label.htmlFor = value.htmlFor = id;
    label.textContent = members.length > 1 ? `${name} (${members.length})` : name;
    label.title = members.map((feature) => feature.description).filter(Boolean).join("\n");
    value.textContent = shown(0, this.unit);
    input.addEventListener("input", () => {
      const amount = Number(input.value);
      value.textContent = shown(amount, this.unit);
      row.classList.toggle("moved", amount !== 0);
      if (amount) this.moved.set(id, { features: members.map((feature) => feature.name), amount });
      else this.moved.delete(id);
      this.changed();
    });
    input.addEventListener("dblclick", () => { input.value = 0; input.dispatchEvent(new Event("input")); });
    row.append(label, value, input);
    return row;
  }

  set(id, amount) {
    const input = document.getElementById(id);
    if (!input) return false;
    input.value = amount;
    input.dispatchEvent(new Event("input"));
    return true;
  }

  useUnit(unit) {
    this.unit = unit;
    this.build();
    this.changed();
  }

  filter(words) {
    const wanted = words.toLowerCase().trim();
    for (const block of this.place.children) block.hidden = !block.dataset.words.includes(wanted);
  }

  shocks(shape) {
    return [...this.moved.values()].map((each) => ({ kind: this.unit, features: each.features, amount: each.amount, shape }));
  }
}
