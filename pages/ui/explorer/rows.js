// One row a group: built once, redrawn only where it is seen and has changed.

function buildRows(app) {
  const { rows: list, row: template } = app.parts;
  app.sight?.disconnect();
  app.seen = new Set();
  app.rows = app.data.groups.map((group, i) => {
    const box = template.content.firstElementChild.cloneNode(true);
    box.dataset.group = i;
    const part = (selector) => box.querySelector(selector);
    const found = { box, drawn: "", typing: false, name: part(".name"), kept: part(".kept"), count: part(".count"),
      slider: part(".slide input"), heat: part(".heat"), percent: part(".percent"), field: part(".field"),
      free: part(".free"), lock: part(".lock"), closed: part(".closed") };
    return found;
  });
  list.replaceChildren(...app.rows.map((row) => row.box));
  app.sight = new IntersectionObserver((entries) => see(app, entries), { root: list, rootMargin: "120px 0px" });
  app.rows.forEach((row) => app.sight.observe(row.box));
  list.scrollTop = 0;
}

function see(app, entries) {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) app.seen.add(Number(target.dataset.group));
    else app.seen.delete(Number(target.dataset.group));
  }
  schedule(app);
}

// What only new data changes: limits, names, heat strips.
function dressRows(app) {
  const worst = worstLoss(app.data);
  write(app.parts.groups, pluralText(app.rows.length, "group"));
  write(app.parts.legend, app.data.prediction ? "units removed; below: accuracy lost" : "units removed");
  app.rows.forEach((row, i) => {
    row.drawn = "";
    dressRow(app.data.groups[i], app.data.limits[i], row);
    drawHeat(app.data, i, row.heat, worst);
  });
}

function dressRow(group, [least, most], row) {
  row.name.firstElementChild.textContent = group.approximate ? `${group.name} ≈` : group.name;
  row.name.title = group.approximate ? `${group.name}. Approximate: ${group.approximate}` : group.name;
  row.slider.min = group.units - most;
  row.slider.max = group.units - least;
  row.slider.ariaLabel = `${group.name}: units removed`;
  row.slider.title = `Units removed from ${group.name}; it keeps at least ${countText(least)} of ${countText(group.units)}. A strip below shows the accuracy lost when it alone is cut`;
  row.field.ariaLabel = `${group.name}: units kept, typed`;
  row.lock.ariaLabel = `Lock ${group.name}`;
  row.free.ariaLabel = `${group.name}: back to the overall share`;
  row.closed.textContent = group.closed;
  row.closed.title = group.closed;
  row.box.classList.toggle("stays", Boolean(group.closed));
}

function worstLoss(data) {
  const losses = data.groups.flatMap((_, i) => (curveOf(data, i) ?? []).map(([, accuracy]) => data.prediction.dense - accuracy));
  return Math.max(0.01, ...losses);
}

// Accuracy lost by share, along the slider: darker and higher is more.
function drawHeat(data, i, svg, worst) {
  const curve = curveOf(data, i);
  if (!curve || data.groups[i].closed) return svg.replaceChildren();
  const [{ units }, [least, most]] = [data.groups[i], data.limits[i]];
  const [from, to] = [1 - most / units, 1 - least / units];
  const shares = [from, ...curve.map(([share]) => share).filter((share) => share > from && share < to), to];
  const points = shares.map((share) => {
    const lost = Math.min(1, Math.max(0, (data.prediction.dense - accuracyAt(curve, share)) / worst));
    return { x: to > from ? (100 * (share - from)) / (to - from) : 0, lost };
  });
  const stops = points.map(({ x, lost }) => `<stop offset="${x.toFixed(1)}%" stop-color="currentColor" stop-opacity="${(0.3 + 0.7 * lost).toFixed(2)}"/>`);
  const line = points.map(({ x, lost }) => `L${x.toFixed(1)} ${(9.4 - 9 * lost).toFixed(1)}`).join("");
  svg.innerHTML = `<defs><linearGradient id="heat-${i}">${stops.join("")}</linearGradient></defs><path d="M0 10${line}L100 10Z" fill="url(#heat-${i})"/>`;
  return undefined;
}

function drawRows(app, kept) {
  for (const i of app.seen) drawRow(app, i, kept[i]);
}

function drawRow(app, i, kept) {
  const row = app.rows[i];
  const { name, units, closed } = app.data.groups[i];
  const isLocked = app.wish.locked.includes(name);
  const isOwn = name in app.wish.kept;
  const isSelected = i === app.selected;
  const now = `${kept} ${isLocked} ${isOwn} ${isSelected}`;
  if (row.drawn === now) return;
  row.drawn = now;
  row.kept.style.transform = `scaleX(${kept / units})`;
  row.count.textContent = `${countText(kept)}/${countText(units)}`;
  row.percent.textContent = kept === units ? "" : removedText(units, kept);
  row.box.classList.toggle("selected", isSelected);
  row.name.setAttribute("aria-pressed", isSelected);
  if (closed) return;
  row.slider.value = units - kept;
  row.slider.setAttribute("aria-valuetext", `${units - kept} of ${units} units removed, ${kept} kept${isLocked ? ", locked" : ""}`);
  row.slider.disabled = row.field.disabled = isLocked;
  if (!row.typing) row.field.value = kept;
  row.box.classList.toggle("locked", isLocked);
  row.lock.setAttribute("aria-pressed", isLocked);
  row.free.hidden = !isOwn || isLocked;
}

// A mistyped number stays to be mended; a right one is taken and shown as what it became.
function takeTyped(app, i) {
  const row = app.rows[i];
  const found = typedKept(row.field.value, app.data.groups[i], app.data.limits[i]);
  mark(row.field, found.wrong);
  if (found.wrong) {
    say(app, found.wrong, true);
    schedule(app);
    return;
  }
  row.typing = false;
  row.drawn = "";
  app.selected = i;
  setKept(app, i, found.kept);
  release(app);
}

function mark(field, wrong) {
  field.toggleAttribute("aria-invalid", Boolean(wrong));
  if (wrong) field.setAttribute("aria-invalid", "true");
}

function forgetTyped(app, i, said = { text: "", isWrong: false }) {
  const row = app.rows[i];
  mark(row.field, "");
  row.typing = false;
  row.drawn = "";
  app.said = said;
  schedule(app);
}

function select(app, i) {
  app.selected = i;
  schedule(app);
}
