"use strict";
// Keeps an open page up to date: parts of it are asked for again, and a log grows at its end.
// Everything that is put into the page as markup was escaped by the server; log text is put in as text.

const MOST_LOG = 400000; // characters of a log that are held; the server keeps the rest
const MOST_BEHIND = 300000; // bytes that a followed log may be ahead of the page before the page jumps to its end
const banner = document.getElementById("connection");
let pressed = false; // between pressing and releasing the mouse nothing is exchanged, or the click would miss
document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = false; });

async function ask(address) {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    if (answer.ok) {
      const found = await answer.json();
      banner.hidden = true;
      return found;
    }
    banner.textContent = answer.status === 404
      ? "What this page shows is no longer in the store."
      : `The server failed to answer (${answer.status}). Trying again…`;
  } catch (error) {
    banner.textContent = "No answer from the server. Trying again…";
  }
  banner.hidden = false;
  return null;
}

function isSelecting(part) {
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

// What a reader has done to a part outlives its exchange: the focus, chosen runs, opened details, how far it is scrolled.
function exchange(part, text) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const address = focused && focused.getAttribute("href");
  const chosen = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const opened = [...part.querySelectorAll("details")].map((each) => each.open);
  const scrolled = [part, ...part.querySelectorAll(".wide")].map((each) => each.scrollLeft);
  part.innerHTML = text;
  for (const box of part.querySelectorAll("input[type=checkbox]")) box.checked = chosen.has(box.value);
  part.querySelectorAll("details").forEach((each, i) => { if (i < opened.length) each.open = opened[i]; });
  [part, ...part.querySelectorAll(".wide")].forEach((each, i) => { if (i < scrolled.length) each.scrollLeft = scrolled[i]; });
  const again = [...part.querySelectorAll("a[href], input")].find((each) =>
    address ? each.getAttribute("href") === address : focused && focused.value && each.value === focused.value);
  if (again) again.focus({ preventScroll: true });
}

const shown = new Map();
let goesOn = Boolean(document.body.dataset.live);
async function refresh() {
  const found = document.hidden || pressed ? null : await ask(document.body.dataset.live);
  if (found && !pressed) {
    for (const part of document.querySelectorAll("[data-part]")) {
      const text = found.parts[part.dataset.part];
      if (text === undefined || text === shown.get(part) || isSelecting(part)) continue;
      exchange(part, text);
      shown.set(part, text);
    }
    limitChoice();
  }
  goesOn = !found || Boolean(found.again);
  if (goesOn) setTimeout(refresh, 1000 * (found ? found.again : 1));
}
if (goesOn) setTimeout(refresh, 500);

// Runs to compare: exactly two.
function limitChoice() {
  const button = document.getElementById("compare");
  if (!button) return;
  const boxes = [...document.querySelectorAll("input[name=run]")];
  const chosen = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = chosen >= 2 && !box.checked;
  button.disabled = chosen !== 2;
}
document.addEventListener("change", limitChoice);
limitChoice();

function inWords(bytes) {
  if (bytes < 1e3) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const log = document.getElementById("logtext");
if (log) {
  const follow = document.getElementById("follow");
  const earlier = document.getElementById("earlier");
  const size = document.getElementById("logsize");
  let first = Number(log.dataset.first);
  let next = Number(log.dataset.next);
  let held = log.textContent.length;

  const toEnd = () => { if (follow.checked) log.scrollTop = log.scrollHeight; };

  // A block of its own: the browser need not lay out again what is above it.
  const block = (text) => {
    const lines = document.createElement("div");
    lines.textContent = text;
    return lines;
  };

  const clear = (from) => {
    log.replaceChildren();
    [first, next, held] = [from, from, 0];
    earlier.hidden = first <= 0;
  };

  const add = (piece) => {
    if (!follow.checked && held > MOST_LOG) return; // somebody reads: nothing is taken away from above
    next = piece.next;
    if (!piece.text) return;
    log.append(block(piece.text));
    held += piece.text.length;
    while (held > MOST_LOG && log.childNodes.length > 1) {
      held -= log.firstChild.textContent.length;
      log.firstChild.remove();
      first = -1; // what is held no longer joins what is before it
    }
    earlier.hidden = first <= 0;
    document.getElementById("nolog").hidden = true;
    toEnd();
  };

  const show = async (piece) => {
    size.textContent = inWords(piece.size);
    if (piece.attempt !== log.dataset.attempt) { // another attempt has a log of its own
      log.dataset.attempt = piece.attempt;
      clear(0);
    } else if (follow.checked && piece.size - piece.next > MOST_BEHIND) { // only its end is worth following
      const end = await ask(`${log.dataset.log}&before=${piece.size}`);
      if (end) { clear(end.first); add(end); }
    } else {
      if (piece.first !== next) clear(piece.first);
      add(piece);
    }
  };

  const grow = async () => {
    const piece = document.hidden ? null : await ask(`${log.dataset.log}&after=${next}`);
    if (piece) await show(piece);
    if (piece && piece.ended && next >= piece.size) {
      if (goesOn) setTimeout(grow, 5000); // a resumed run writes a log of a new attempt
      return;
    }
    // A log that has grown by more than one piece is caught up with, but never so fast that the page stands still.
    setTimeout(grow, piece && piece.next === next && next < piece.size ? 100 : 1000);
  };

  earlier.addEventListener("click", async () => {
    const piece = await ask(`${log.dataset.log}&before=${first}`);
    if (!piece) return;
    const height = log.scrollHeight;
    follow.checked = false;
    log.prepend(block(piece.text));
    held += piece.text.length;
    first = piece.first;
    log.scrollTop += log.scrollHeight - height;
    earlier.hidden = first <= 0 || held > MOST_LOG;
  });
  follow.addEventListener("change", toEnd);
  log.addEventListener("wheel", (event) => { if (event.deltaY < 0) follow.checked = false; }, { passive: true });
  toEnd();
  grow();
}
