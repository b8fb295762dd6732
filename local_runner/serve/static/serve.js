"use strict";
// Keeps an open page up to date: parts of it are asked for again, and a log grows at its end.
// Everything that is put into the page as markup was escaped by the server; log text is put in as text.

const MOST_LOG = 1500000; // characters of a log that are held; the server keeps the rest
const banner = document.getElementById("connection");
let pressed = false; // between pressing and releasing the mouse nothing is exchanged, or the click would miss
document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = false; });

async function ask(address) {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    banner.hidden = true;
    return found;
  } catch (error) {
    banner.hidden = false;
    return null;
  }
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
  if (!found || found.again) setTimeout(refresh, 1000 * (found ? found.again : 1));
}
if (document.body.dataset.live) setTimeout(refresh, 500);

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

const log = document.getElementById("logtext");
if (log) {
  const follow = document.getElementById("follow");
  const earlier = document.getElementById("earlier");
  const size = document.getElementById("logsize");
  let first = Number(log.dataset.first);
  let next = Number(log.dataset.next);
  let held = log.textContent.length;

  const toEnd = () => { if (follow.checked) log.scrollTop = log.scrollHeight; };

  const clear = (piece) => {
    log.replaceChildren();
    [first, next, held] = [piece.first, piece.first, 0];
    log.dataset.attempt = piece.attempt;
  };

  const add = (piece) => {
    if (!piece.text) return;
    log.append(document.createTextNode(piece.text));
    held += piece.text.length;
    while (held > MOST_LOG && log.childNodes.length > 1) {
      held -= log.firstChild.length;
      log.firstChild.remove();
      first = -1; // what is held no longer joins what is before it
    }
    earlier.hidden = first <= 0;
    document.getElementById("nolog").hidden = true;
    toEnd();
  };

  const grow = async () => {
    const piece = document.hidden ? null : await ask(`${log.dataset.log}&after=${next}`);
    if (piece) {
      if (piece.attempt !== log.dataset.attempt || (piece.first !== next && piece.size)) clear(piece);
      else { add(piece); next = piece.next; }
      size.textContent = piece.size < 1000 ? `${piece.size} B` : piece.size < 1e6 ? `${(piece.size / 1e3).toFixed(1)} kB` : `${(piece.size / 1e6).toFixed(1)} MB`;
      if (piece.ended) return;
    }
    // A log that has grown by more than one piece is caught up with, but never so fast that the page stands still.
    setTimeout(grow, piece && piece.next < piece.size && piece.text ? 50 : 1000);
  };

  earlier.addEventListener("click", async () => {
    const piece = await ask(`${log.dataset.log}&before=${first}`);
    if (!piece) return;
    const height = log.scrollHeight;
    follow.checked = false;
    log.prepend(document.createTextNode(piece.text));
    held += piece.text.length;
    first = piece.first;
    log.scrollTop += log.scrollHeight - height;
    earlier.hidden = first <= 0 || held > MOST_LOG;
  });
  log.addEventListener("wheel", (event) => { if (event.deltaY < 0) follow.checked = false; }, { passive: true });
  toEnd();
  grow();
}
