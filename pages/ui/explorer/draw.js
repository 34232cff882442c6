// One animation frame redraws what is seen: numbers, rows, the panel.

const TILES = [
  ["params", "Parameters", "Weights and biases that the pruned network has"],
  ["macs", "MACs", "Multiply-accumulates of one example: conv and linear weights once per output position"],
  ["bytes", "Size", "Parameters and buffers as stored, in decimal bytes"],
  ["filters", "Filters", "Units (filters, neurons) kept over all groups"],
  ["latency", "Latency, predicted", "From a table measured on this machine"],
  ["accuracy", "Accuracy, predicted", "On validation images, right after the cut, before any fine-tuning"],
];

function schedule(app) {
  if (!app.frame) app.frame = requestAnimationFrame(() => draw(app));
}

function draw(app) {
  app.frame = 0;
  if (!app.data) return;
  const kept = keptOf(app.data, app.wish);
  app.counts = countsOf(app.data.terms, kept);
  drawOverall(app);
  drawNumbers(app, kept);
  drawRows(app, kept);
  drawPanel(app, kept[app.selected]);
  drawTools(app, kept);
}

function buildNumbers(app) {
  if (app.numbers) return;
  app.numbers = {};
  for (const [key, name, hint] of TILES) {
    const box = document.createElement("div");
    box.title = hint;
    box.dataset.number = key;
    const [label, value, change] = [["dt", name], ["dd", ""], ["dd", ""]].map(([tag, words]) => Object.assign(document.createElement(tag), { textContent: words }));
    change.className = "change";
    box.append(label, value, change);
    app.parts.numbers.append(box);
    app.numbers[key] = { box, label, value, change };
  }
}

function number(app, key, value, change, good) {
  const tile = app.numbers[key];
  write(tile.value, value);
  write(tile.change, change);
  tile.change.dataset.good = good;
  tile.box.classList.remove("none");
}

function noNumber(app, key, why) {
  const tile = app.numbers[key];
  write(tile.value, "–");
  write(tile.change, why);
  tile.change.dataset.good = "";
  tile.box.classList.add("none");
}

function cost(app, key, before, after, words) {
  number(app, key, words(after), changeText(before, after), before === after ? "" : String(after < before));
}

function drawNumbers(app, kept) {
  const { counts, dense } = app;
  cost(app, "params", dense.params, counts.params, countText);
  cost(app, "macs", dense.macs, counts.macs, shortText);
  cost(app, "bytes", dense.bytes, counts.bytes, sizeText);
  cost(app, "filters", dense.filters, kept.reduce((a, b) => a + b, 0), countText);
  drawLatency(app, kept);
  drawAccuracy(app, kept);
}

function drawLatency(app, kept) {
  const { latency } = app.data;
  const ms = latencyOf(app.data, kept);
  if (ms === null) return noNumber(app, "latency", "not measured");
  app.numbers.latency.box.title = `Predicted for batch ${latency.batch}, ${latency.runtime}, ${latency.device}; the dense network was measured at ${millisecondsText(latency.dense_ms)}`;
  return number(app, "latency", millisecondsText(ms), `${(latency.dense_ms / ms).toFixed(1)}×, batch ${latency.batch}`, ms === latency.dense_ms ? "" : String(ms < latency.dense_ms));
}

function drawAccuracy(app, kept) {
  const { prediction } = app.data;
  const found = accuracyOf(app.data, kept);
  if (!found) return noNumber(app, "accuracy", prediction ? "not in the scan" : "needs a scan");
  const change = 100 * (found.accuracy - prediction.dense);
  app.numbers.accuracy.box.title = `From ${prediction.source}: ${(100 * found.low).toFixed(1)} to ${(100 * found.high).toFixed(1)} %, right after the cut, before any fine-tuning`;
  return number(app, "accuracy", accuracyText(found), signedText(change, 1, "pp"), Math.abs(change) < 0.05 ? "" : String(change > 0));
}

function drawOverall(app) {
  const { share, typed } = app.parts;
  const { overall } = app.wish;
  if (share.valueAsNumber !== overall) share.value = overall;
  share.setAttribute("aria-valuetext", `${overall} % removed`);
  if (!app.typing) typed.value = `${overall} %`;
}

function drawTools(app, kept) {
  const { parts, wish } = app;
  const isAtEnd = isSame(wish, app.history[app.place]);
  parts.undo.disabled = app.place === 0 && isAtEnd;
  parts.redo.disabled = app.place === app.history.length - 1 || !isAtEnd;
  parts.reset.disabled = !Object.keys(wish.kept).some((name) => !wish.locked.includes(name));
  write(parts.said, app.said.text);
  parts.said.classList.toggle("wrong", app.said.isWrong);
  const { words, kind } = engineWords(app, kept);
  write(parts.engine, words);
  parts.engine.className = `engine ${kind}`;
}

// Whether the engine counted the same for this very setting.
function engineWords(app, kept) {
  const { confirmed } = app.data;
  const isOurs = confirmed && confirmed.kept.every((n, i) => n === kept[i]);
  if (app.moving || !isOurs) return { words: app.waiting || confirmed || app.moving ? "…" : "", kind: "quiet" };
  const wrong = ["params", "macs", "bytes"].filter((key) => confirmed[key] !== app.counts[key]);
  if (!wrong.length) return { words: "exact ✓ the engine agrees", kind: "agrees" };
  const told = wrong.map((key) => `${countText(confirmed[key])} ${key}, not ${countText(app.counts[key])}`).join("; ");
  return { words: `The engine counts ${told}: please report this.`, kind: "differs" };
}
