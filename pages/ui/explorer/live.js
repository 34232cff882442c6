// The element itself: parts, events, and what a rerun of the page brings.

function partsOf(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].map((element) => [element.dataset.part, element]));
}

function make(root) {
  const app = { root, parts: partsOf(root), rows: [], seen: new Set(), tellers: new Set(), orders: {}, tiles: {}, frame: 0, timer: 0, said: { text: "", isWrong: false } };
  buildNumbers(app);
  listenToTools(app);
  listenToOverall(app);
  listenToRows(app);
  listenToAll(app);
  return app;
}

function listenToTools(app) {
  const { parts, root } = app;
  parts.undo.addEventListener("click", () => undo(app));
  parts.redo.addEventListener("click", () => goTo(app, app.place + 1));
  parts.reset.addEventListener("click", () => reset(app));
  root.querySelectorAll("[data-round]").forEach((button) => button.addEventListener("click", () => applyRounding(app, Number(button.dataset.round))));
  parts.presets.addEventListener("click", (event) => {
    const button = event.target.closest("[data-preset]");
    if (!button) return;
    parts.menu.open = false;
    applyPreset(app, app.data.presets[button.dataset.preset]);
  });
  root.addEventListener("pointerdown", (event) => { if (!parts.menu.contains(event.target)) parts.menu.open = false; });
  parts.menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    parts.menu.open = false;
    parts.menu.firstElementChild.focus();
  });
}

// From here on nothing is told until the pointer is up.
function grip(app) {
  app.moving = true;
  const end = () => {
    ["pointerup", "pointercancel"].forEach((name) => window.removeEventListener(name, end, true));
    setTimeout(() => release(app)); // after the slider's own last event
  };
  ["pointerup", "pointercancel"].forEach((name) => window.addEventListener(name, end, true));
}

function moved(app) {
  if (!app.moving) releaseSoon(app);
}

function listenToOverall(app) {
  const { share, typed } = app.parts;
  share.addEventListener("pointerdown", () => grip(app));
  share.addEventListener("input", () => {
    setOverall(app, share.valueAsNumber);
    moved(app);
  });
  typed.addEventListener("input", () => { app.typing = true; });
  typed.addEventListener("change", () => takeOverall(app));
  typed.addEventListener("blur", () => { if (!typed.hasAttribute("aria-invalid")) app.typing = false; schedule(app); });
  typed.addEventListener("keydown", (event) => { if (event.key === "Escape") forgetOverall(app); });
}

function takeOverall(app) {
  const { typed } = app.parts;
  const found = typedOverall(typed.value, app.data.base.length - 1);
  mark(typed, found.wrong);
  say(app, found.wrong ?? "", Boolean(found.wrong));
  schedule(app);
  if (found.wrong) return;
  app.typing = false;
  setOverall(app, found.share);
  release(app);
}

function forgetOverall(app) {
  app.typing = false;
  mark(app.parts.typed, "");
  say(app, "");
  schedule(app);
}

function listenToRows(app) {
  const list = app.parts.rows;
  const on = (name, selector, act) => list.addEventListener(name, (event) => {
    const found = event.target.closest(selector);
    if (found) act(Number(found.closest(".row").dataset.group), event);
  });
  on("pointerdown", ".slide input", (i) => { select(app, i); grip(app); });
  on("input", ".slide input", (i, event) => {
    select(app, i);
    setKept(app, i, app.data.groups[i].units - event.target.valueAsNumber);
    moved(app);
  });
  on("keydown", ".slide input", (i, event) => step(app, i, event));
  on("input", ".field", (i) => { app.rows[i].typing = true; });
  on("change", ".field", (i) => takeTyped(app, i));
  on("focusout", ".field", (i, event) => { if (!event.target.hasAttribute("aria-invalid")) forgetTyped(app, i, app.said); });
  on("keydown", ".field", (i, event) => { if (event.key === "Escape") forgetTyped(app, i); });
  on("click", ".lock", (i) => toggleLock(app, i));
  on("click", ".free", (i) => freeOne(app, i));
  on("click", ".row", (i, event) => {
    if (event.target.closest("input, .icon")) return;
    select(app, i);
    tell(app);
  });
}

// Arrow keys go to the next number that is allowed; Page keys by a tenth.
function step(app, i, event) {
  const { units } = app.data.groups[i];
  const tenth = Math.max(1, Math.round(units / 10));
  const by = { ArrowRight: -1, ArrowUp: -1, ArrowLeft: 1, ArrowDown: 1, PageUp: -tenth, PageDown: tenth }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  select(app, i);
  setKept(app, i, nextKept(units, app.data.limits[i], keptOf(app.data, app.wish)[i], by));
  releaseSoon(app);
}

function listenToAll(app) {
  const { root, parts } = app;
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || app.typing || app.rows.some((row) => row.typing)) return;
    event.preventDefault();
    if (event.shiftKey) goTo(app, app.place + 1);
    else undo(app);
  });
  parts.tiles.firstElementChild.addEventListener("pointermove", (event) => { event.target.title = tileTitle(app, event); });
  app.size = new ResizeObserver(() => { app.width = parts.panel.clientWidth; schedule(app); });
  app.size.observe(parts.panel);
}

function shapeOf(data) {
  return JSON.stringify([data.key, data.groups.map(({ name, units }) => [name, units])]);
}

function receive(app, data) {
  const isNew = app.shape !== shapeOf(data);
  app.shape = shapeOf(data);
  if (isNew) begin(app, data);
  else follow(app, data);
  app.waiting &&= Boolean(data.confirmed);
  app.hasTiles = Boolean(data.tiles);
  app.colours = coloursOf(app.root);
  app.panelDrawn = "";
  app.dense = { ...countsOf(data.terms, data.groups.map(({ units }) => units)), filters: data.groups.reduce((sum, { units }) => sum + units, 0) };
  app.parts.overall.hidden = Boolean(data.fixed);
  app.parts.fixed.hidden = !data.fixed;
  write(app.parts.fixed, data.fixed);
  app.parts.share.max = data.base.length - 1;
  if (isNew) buildRows(app);
  dressRows(app);
  buildProtected(app);
  buildPresets(app);
  loadTiles(app, data.tiles);
  if (isNew) reveal(app);
  schedule(app);
}

function reveal(app) {
  const { box } = app.rows[app.selected] ?? {};
  if (box) app.parts.rows.scrollTop = box.offsetTop - app.parts.rows.offsetTop - 80;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector("[data-part=root]");
  if (!root || !data) return undefined;
  root.app ??= make(root);
  root.app.tellers.add(setStateValue); // a mount that was overtaken may come after the one that lives on, and is taken back then
  receive(root.app, data);
  return () => {
    root.app.tellers.delete(setStateValue);
    setTimeout(() => leave(root));
  };
}

function leave(root) {
  if (root.isConnected) return;
  clearTimeout(root.app.timer);
  cancelAnimationFrame(root.app.frame);
  root.app.sight?.disconnect();
  root.app.size.disconnect();
}
