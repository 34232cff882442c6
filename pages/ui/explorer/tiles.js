// The filters of a group as pictures, best score first: kept framed, removed faded and crossed out.

const MOST_TILES = 256;

function loadTiles(app, tiles) {
  if (!tiles || app.tiles[tiles.group]?.url === tiles.url) return;
  const image = new Image();
  app.tiles[tiles.group] = { ...tiles, image, drawn: null };
  image.onload = () => schedule(app);
  image.src = tiles.url;
}

// Which unit each tile shows; the picture may hold the first units only.
function shownUnits(tiles, units, order) {
  const held = tiles.columns * Math.floor(tiles.image.naturalHeight / tiles.side[0]);
  const shown = Math.min(units, held || units, MOST_TILES);
  const first = (order ?? Array.from({ length: units }, (_, unit) => unit)).filter((unit) => unit < shown);
  return first;
}

function gridOf(tiles, count, width) {
  const [h, w] = tiles.side;
  const target = count <= 64 ? 34 : count <= 128 ? 24 : 16;
  const scale = Math.max(target / Math.max(h, w), 1 / Math.max(h, w));
  const tile = { w: Math.max(6, Math.round(w * scale)), h: Math.max(6, Math.round(h * scale)) };
  const columns = Math.max(1, Math.floor((width + 4) / (tile.w + 4)));
  return { tile, columns, height: Math.ceil(count / columns) * (tile.h + 4) };
}

// Only tiles that changed are painted again.
function drawTiles(canvas, colours, tiles, shown, isKept) {
  const width = Math.max(160, canvas.parentElement.clientWidth);
  const { tile, columns, height } = gridOf(tiles, shown.length, width);
  const look = `${width} ${window.devicePixelRatio} ${shown.join()} ${Object.values(colours).join()} ${canvas.dataset.group === String(tiles.group)}`;
  if (tiles.look !== look) {
    sheet(canvas, height);
    Object.assign(tiles, { look: look.replace(/\w+$/, "true"), drawn: [] });
    canvas.dataset.group = tiles.group;
  }
  const paint = canvas.getContext("2d");
  paint.imageSmoothingEnabled = false;
  shown.forEach((unit, i) => {
    if (tiles.drawn[i] === isKept[unit]) return;
    tiles.drawn[i] = isKept[unit];
    drawTile(paint, colours, tiles, unit, isKept[unit], { x: (i % columns) * (tile.w + 4), y: Math.floor(i / columns) * (tile.h + 4), ...tile });
  });
}

function drawTile(paint, colours, tiles, unit, isKept, { x, y, w, h }) {
  const [height, width] = tiles.side;
  paint.clearRect(x, y, w + 4, h + 4);
  paint.globalAlpha = isKept ? 1 : 0.25;
  paint.drawImage(tiles.image, (unit % tiles.columns) * width, Math.floor(unit / tiles.columns) * height, width, height, x + 1.5, y + 1.5, w - 1, h - 1);
  paint.globalAlpha = 1;
  paint.lineWidth = isKept ? 1.5 : 1;
  paint.strokeStyle = isKept ? colours.kept : colours.removed;
  paint.strokeRect(x + 1, y + 1, w, h);
  if (!isKept) line(paint, colours.removed, [x + 1, y + h + 1], [x + w + 1, y + 1]);
}

// The unit under the pointer, in words; "" where there is none.
function tileTitle(app, event) {
  const { canvas, tiles, shown, isKept, scores } = app.pictures ?? {};
  if (!tiles) return "";
  const { tile, columns } = gridOf(tiles, shown.length, canvas.clientWidth);
  const [column, line_] = [Math.floor(event.offsetX / (tile.w + 4)), Math.floor(event.offsetY / (tile.h + 4))];
  const unit = column < columns ? shown[line_ * columns + column] : undefined;
  if (unit === undefined) return "";
  const score = scores ? `, score ${scores[unit].toPrecision(4)}` : "";
  return `filter ${unit}: ${isKept[unit] ? "kept" : "removed"}${score}`;
}
