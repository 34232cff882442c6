// Exact counts of a plan, and what a group may keep: the same as pruning/channels/map.py and pruning/limits.py.

function evaluateTerms(terms, kept) {
  let total = 0;
  for (const [factor, dims] of terms) {
    let product = factor;
    for (const [constant, parts] of dims) {
      let size = constant;
      for (const [group, times] of parts) size += times * kept[group];
      product *= size;
    }
    total += product;
  }
  return total;
}

function countsOf(terms, kept) {
  return {
    params: evaluateTerms(terms.params, kept),
    macs: evaluateTerms(terms.macs, kept),
    bytes: evaluateTerms(terms.bytes, kept),
  };
}

// The allowed number for `wanted` units; of two that are equally near, the larger.
function allowedKept(units, [least, most, multiple], wanted) {
  const inside = Math.min(Math.max(wanted, least), most);
  if (multiple === 1 || inside === units) return inside;
  const down = Math.floor(inside / multiple) * multiple;
  const up = Math.ceil(inside / multiple) * multiple;
  const below = down >= least ? down : 0;
  const above = up <= most ? up : most === units ? units : 0;
  if (!below || !above) return below || above || inside;
  return above - inside <= inside - below ? above : below;
}

// The first allowed number that lies `step` units or more away: a key press always moves where it can.
function nextKept(units, limits, kept, step) {
  const [least, most, multiple] = limits;
  const way = Math.sign(step);
  for (let tried = 0; tried <= 2 * multiple; tried += 1) {
    const wanted = Math.min(Math.max(kept + step + way * tried, least), most);
    const found = allowedKept(units, limits, wanted);
    if (way * (found - kept) > 0) return found;
  }
  return kept;
}

function allowedIn(data, i, wanted) {
  return allowedKept(data.groups[i].units, data.limits[i], wanted);
}

function baseOf(data, overall) {
  return data.base[Math.min(Math.max(overall, 0), data.base.length - 1)];
}

// Units kept by every group, in the order of the groups.
function keptOf(data, wish) {
  const base = baseOf(data, wish.overall);
  return data.groups.map((group, i) => (group.closed ? base[i] : wish.kept[group.name] ?? base[i]));
}

function isFree(data, wish, i) {
  return !data.groups[i].closed && !wish.locked.includes(data.groups[i].name);
}

// `wanted` for every free group; only what differs from the overall share is kept as set by hand.
function withKept(data, wish, wanted) {
  const base = baseOf(data, wish.overall);
  const kept = {};
  data.groups.forEach((group, i) => {
    if (!isFree(data, wish, i)) {
      if (group.name in wish.kept) kept[group.name] = wish.kept[group.name];
      return;
    }
    const allowed = allowedIn(data, i, wanted[i]);
    if (allowed !== base[i]) kept[group.name] = allowed;
  });
  return { ...wish, kept };
}

function commonMultiple(a, b) {
  let [x, y] = [a, b];
  while (y) [x, y] = [y, x % y];
  return (a / x) * b;
}

// Every cut, free group at the nearest multiple; those smaller than it, and whole ones, stay.
function roundedKept(data, wish, multiple) {
  return keptOf(data, wish).map((kept, i) => {
    const { units } = data.groups[i];
    if (kept === units || units < multiple || !isFree(data, wish, i)) return kept;
    const [least, most, own] = data.limits[i];
    const both = commonMultiple(own, multiple);
    const found = allowedKept(units, [least, most, both], kept);
    return found === units || found % both === 0 ? found : kept;
  });
}

// Units by score, highest first; of equal ones the first come first, as in pruning/allocate.py.
function orderOf(scores) {
  return scores.map((_, unit) => unit).sort((a, b) => scores[b] - scores[a] || a - b);
}

// Accuracy at `share` on a curve of [share, accuracy] points: straight between them, flat outside.
function accuracyAt(curve, share) {
  const after = curve.findIndex(([x]) => x >= share);
  if (after === -1) return curve[curve.length - 1][1];
  if (after === 0) return curve[0][1];
  const [[x0, y0], [x1, y1]] = [curve[after - 1], curve[after]];
  return y0 + ((y1 - y0) * (share - x0)) / (x1 - x0);
}

function curveOf(data, i) {
  const measured = data.prediction?.curves?.[i];
  if (!measured?.length) return null;
  const sorted = [...measured].sort((a, b) => a[0] - b[0]);
  return sorted[0][0] > 0 ? [[0, data.prediction.dense], ...sorted] : sorted;
}
