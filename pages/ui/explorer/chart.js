// Two small charts on canvas, and the filters as pictures; colours come from the theme.

function coloursOf(root) {
  const style = getComputedStyle(root);
  const of = (name) => style.getPropertyValue(name).trim();
  return { text: style.color, quiet: of("--quiet"), line: of("--line"), kept: of("--kept"), removed: of("--removed"), font: of("--st-font") || "sans-serif" };
}

// A canvas as wide as its figure, sharp on every screen; returns its context and size in CSS pixels.
function sheet(canvas, height) {
  const width = Math.max(160, canvas.parentElement.clientWidth);
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  canvas.style.height = `${height}px`;
  const paint = canvas.getContext("2d");
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, width, height);
  return { paint, width, height };
}

// Axes with titles and round ticks; returns how numbers become pixels.
function axes({ paint, width, height }, colours, { x, y }) {
  const box = { left: 52, right: width - 10, top: 22, bottom: height - 36 };
  const toX = (value) => box.left + ((value - x.low) / (x.high - x.low || 1)) * (box.right - box.left);
  const toY = (value) => box.bottom - ((value - y.low) / (y.high - y.low || 1)) * (box.bottom - box.top);
  paint.font = `11px ${colours.font}`;
  paint.lineWidth = 1;
  paint.textBaseline = "middle";
  paint.textAlign = "right";
  for (const tick of ticksOf(y.low, y.high, 4)) {
    line(paint, colours.line, [box.left, toY(tick)], [box.right, toY(tick)]);
    text(paint, colours.quiet, tickText(tick), box.left - 6, toY(tick));
  }
  paint.textAlign = "center";
  for (const tick of ticksOf(x.low, x.high, 6)) text(paint, colours.quiet, tickText(tick), toX(tick), box.bottom + 10);
  text(paint, colours.text, x.title, (box.left + box.right) / 2, height - 8);
  paint.textAlign = "left";
  text(paint, colours.text, y.title, 0, 8);
  return { box, toX, toY };
}

function text(paint, colour, words, x, y) {
  paint.fillStyle = colour;
  paint.fillText(words, x, y);
}

function line(paint, colour, [x0, y0], [x1, y1], dash = []) {
  paint.strokeStyle = colour;
  paint.setLineDash(dash);
  paint.beginPath();
  paint.moveTo(x0, y0);
  paint.lineTo(x1, y1);
  paint.stroke();
  paint.setLineDash([]);
}

// Scores, highest first: kept filled, removed hollow, the cut as a dashed line.
function drawScores(canvas, colours, { criterion, scores, order, kept }) {
  const page = sheet(canvas, 190);
  const values = order.map((unit) => scores[unit]);
  const low = Math.min(0, values[values.length - 1]);
  const y = { low, high: values[0] > low ? values[0] + 0.04 * (values[0] - low) : low + 1, title: `${criterion} score` };
  const place = axes(page, colours, { x: { low: 0.5, high: values.length + 0.5, title: "rank, highest score first" }, y });
  const { box, toX, toY } = place;
  const step = Math.max(1, Math.floor(values.length / 400)); // no more dots than pixels
  const size = values.length > 200 ? 1.4 : values.length > 80 ? 2.2 : 3;
  for (let i = 0; i < values.length; i += step) dot(page.paint, colours, toX(i + 1), toY(values[i]), size, i < kept);
  if (kept === values.length) return;
  const cut = toX(kept + 0.5);
  line(page.paint, colours.text, [cut, box.top], [cut, box.bottom], [4, 3]);
  page.paint.textAlign = cut > (box.left + box.right) / 2 ? "right" : "left";
  text(page.paint, colours.text, `${countText(kept)} kept`, cut + (page.paint.textAlign === "right" ? -5 : 5), box.top + 6);
}

function dot(paint, colours, x, y, size, isKept) {
  paint.beginPath();
  paint.arc(x, y, size, 0, 2 * Math.PI);
  paint.fillStyle = colours.kept;
  paint.strokeStyle = isKept ? colours.kept : colours.removed;
  if (isKept) paint.fill();
  else paint.stroke();
}

// Accuracy when this group alone is cut, with the present share marked.
function drawCurve(canvas, colours, { curve, dense, share }) {
  const page = sheet(canvas, 180);
  const accuracies = [dense, ...curve.map(([, accuracy]) => accuracy)].map((a) => 100 * a);
  const [least, most] = [Math.min(...accuracies), Math.max(...accuracies)];
  const margin = Math.max(1, 0.08 * (most - least));
  const y = { low: Math.max(0, least - margin), high: Math.min(100, most + margin), title: "accuracy, %, this group alone cut" };
  const { box, toX, toY } = axes(page, colours, { x: { low: 0, high: 100, title: "share removed, %" }, y });
  const { paint } = page;
  line(paint, colours.removed, [box.left, toY(100 * dense)], [box.right, toY(100 * dense)], [2, 3]);
  paint.strokeStyle = colours.kept;
  paint.lineWidth = 1.6;
  paint.beginPath();
  curve.forEach(([x, a], i) => (i ? paint.lineTo(toX(100 * x), toY(100 * a)) : paint.moveTo(toX(100 * x), toY(100 * a))));
  paint.stroke();
  curve.forEach(([x, a]) => dot(paint, colours, toX(100 * x), toY(100 * a), 2.4, true));
  paint.lineWidth = 1;
  const [here, accuracy] = [toX(100 * share), 100 * accuracyAt(curve, share)];
  line(paint, colours.text, [here, box.top], [here, box.bottom], [4, 3]);
  paint.textAlign = here > (box.left + box.right) / 2 ? "right" : "left";
  text(paint, colours.text, `${accuracy.toFixed(1)} %`, here + (paint.textAlign === "right" ? -5 : 5), box.bottom - 8);
}
