// The selected group: its scores with the cut, its filters, its sensitivity, and what goes with it.

function orderFor(app, i) {
  const scores = app.data.scores[i];
  if (!scores) return null;
  if (app.orders[i]?.scores !== scores) app.orders[i] = { scores, order: orderOf(scores) };
  return app.orders[i].order;
}

function drawPanel(app, kept) {
  const i = app.selected;
  const group = app.data.groups[i];
  if (!group) return;
  const now = `${i} ${kept} ${app.width}`;
  if (app.panelDrawn === now && app.tiles[i]?.image.complete === app.tilesReady) return;
  app.panelDrawn = now;
  app.tilesReady = app.tiles[i]?.image.complete;
  write(app.parts.title, group.name);
  write(app.parts.keeps, keepsText(group, app.data.limits[i], kept));
  drawScorePart(app, i, kept);
  drawTilePart(app, i, kept);
  drawCurvePart(app, i, kept);
  write(app.parts.facts, factsText(group));
  app.parts.facts.title = group.coupled; // all of them
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function keepsText(group, [least, most, multiple], kept) {
  if (group.closed) return `Keeps all ${countText(group.units)}: ${group.closed}`;
  const why = kept === group.units ? "" : kept === least ? ": the least it may keep" : kept === most ? ": the most it may keep" : "";
  const steps = multiple > 1 ? `, in multiples of ${multiple}` : "";
  return `Keeps ${countText(kept)} of ${countText(group.units)} units${why || steps}.`;
}

function factsText(group) {
  const lines = [];
  if (group.approximate) lines.push(`≈ Approximate: ${group.approximate.replace(/\.?$/, ".")}`);
  if (group.layers.length > 1) lines.push(`Made by ${listText(group.layers)}.`);
  if (group.coupled) lines.push(`Cut along with it: ${listText(group.coupled.split(", "))}.`);
  return lines.join("\n");
}

function listText(names, most = 6) {
  return names.length - most < 2 ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

function drawScorePart(app, i, kept) {
  const { scores: figure } = app.parts;
  const order = orderFor(app, i);
  const canvas = figure.firstElementChild;
  figure.hidden = app.data.scores.every((scores) => !scores);
  canvas.style.visibility = order ? "visible" : "hidden"; // of a large network, a group's scores come on release
  if (!order) return;
  drawScores(canvas, app.colours, { criterion: app.data.criterion, scores: app.data.scores[i], order, kept });
  canvas.ariaLabel = `${app.data.criterion} scores of ${app.data.groups[i].name}, highest first: the first ${kept} of ${order.length} are kept.`;
}

function drawTilePart(app, i, kept) {
  const { tiles: figure } = app.parts;
  const [canvas, caption] = figure.children;
  const tiles = app.tiles[i];
  const isReady = Boolean(tiles?.image.complete && tiles.image.naturalWidth);
  figure.hidden = !isReady && !app.hasTiles;
  canvas.style.visibility = isReady ? "visible" : "hidden"; // keeps its height, so that nothing jumps
  app.pictures = null;
  if (!isReady) return write(caption, app.hasTiles ? "The filters appear on release." : "");
  const { units } = app.data.groups[i];
  const order = orderFor(app, i);
  const shown = shownUnits(tiles, units, order);
  const isKept = new Array(units).fill(false);
  (order ?? isKept.map((_, unit) => unit)).slice(0, kept).forEach((unit) => { isKept[unit] = true; });
  drawTiles(canvas, app.colours, tiles, shown, isKept);
  app.pictures = { canvas, tiles, shown, isKept, scores: app.data.scores[i] };
  canvas.ariaLabel = `${shown.length} filters of ${app.data.groups[i].name}, ${shown.filter((unit) => isKept[unit]).length} of them kept.`;
  const more = units > shown.length ? ` and ${countText(units - shown.length)} more` : "";
  return write(caption, `${countText(shown.length)} filters${more}; removed ones are faded and crossed out.${tiles.note ? ` ${tiles.note}` : ""}`);
}

function drawCurvePart(app, i, kept) {
  const { curve: figure } = app.parts;
  const curve = curveOf(app.data, i);
  figure.hidden = !curve;
  if (!curve) return;
  const { units, name } = app.data.groups[i];
  const { dense, source } = app.data.prediction;
  drawCurve(figure.firstElementChild, app.colours, { curve, dense, share: 1 - kept / units });
  figure.firstElementChild.ariaLabel = `Accuracy when ${name} alone is cut, from ${source}.`;
  figure.firstElementChild.title = `Measured in ${source}.`;
}

function buildProtected(app) {
  const { protected: box } = app.parts;
  box.hidden = !app.data.protected.length;
  box.firstElementChild.textContent = `Protected layers (${app.data.protected.length})`;
  box.lastElementChild.replaceChildren(...app.data.protected.map(({ name, units, reason }) => {
    const item = document.createElement("li");
    const label = document.createElement("b");
    label.textContent = `${name} `;
    item.append(label, `${pluralText(units, "unit")}. ${reason}`);
    return item;
  }));
}

function buildPresets(app) {
  app.parts.menu.hidden = !app.data.presets.length;
  app.parts.presets.replaceChildren(...app.data.presets.map((preset, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", title: preset.hint });
    button.dataset.preset = i;
    const hint = Object.assign(document.createElement("small"), { textContent: preset.hint });
    button.append(preset.name, hint);
    return button;
  }));
}
