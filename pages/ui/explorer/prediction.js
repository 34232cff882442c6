// Accuracy of any plan, foretold from a scan: pruning/prediction.py in JavaScript, number for number.
// kept: units kept, in the order of prediction.units. Returns {accuracy, low, high} in 0…1, or null where a group was not scanned.
function predictAccuracy(prediction, kept) {
  const { units, knots, folds, chance, calibration, floor, relative, deep, images } = prediction;
  const damage = new Float64Array(folds.length); // of all images, then without each fold
  for (let group = 0; group < units.length; group++) {
    if (kept[group] >= units[group]) continue;
    if (!knots[group]) return null;
    addDamage(damage, knots[group], 1 - kept[group] / units[group]);
  }
  const { exponent, quantiles, alive } = calibration;
  const rows = folds.map((dense, row) => chance + (dense - chance) * Math.exp(-exponent * damage[row]));
  const grown = exponent * damage[0];
  const left = Math.exp(-grown);
  const wrong = (folds[0] - chance) * Math.hypot(relative * grown * left, deep * (1 - left));
  const half = quantiles[left >= alive ? 1 : 0] * Math.sqrt(subsetVariance(rows, images) + wrong ** 2 + floor ** 2);
  const accuracy = Math.min(1, Math.max(0, rows[0] + nearbyError(prediction, kept)));
  return { accuracy, low: Math.max(0, accuracy - half), high: Math.min(1, accuracy + half) };
}

// What measured plans near by were off by; nothing where nothing is cut.
function nearbyError({ near, units }, kept) {
  const shares = units.map((count, group) => 1 - kept[group] / count);
  const weightOf = (other) => {
    let squares = 0;
    for (let group = 0; group < shares.length; group++) squares += (shares[group] - (other ? other[group] : 0)) ** 2;
    return Math.exp(-squares / shares.length / near.reach ** 2);
  };
  let weights = near.pull;
  let sum = 0;
  near.shares.forEach((other, point) => {
    const weight = weightOf(other);
    weights += weight;
    sum += weight * near.errors[point];
  });
  return ((1 - weightOf(null)) * sum) / weights;
}

function addDamage(damage, { shares, damages }, share) {
  let knot = 0;
  while (knot < shares.length - 2 && shares[knot + 1] <= share) knot++;
  const along = (share - shares[knot]) / (shares[knot + 1] - shares[knot]);
  for (let row = 0; row < damage.length; row++) {
    damage[row] += damages[row][knot] + along * (damages[row][knot + 1] - damages[row][knot]);
  }
}

function subsetVariance(rows, images) {
  const count = rows.length - 1;
  if (!count) return (rows[0] * (1 - rows[0])) / images;
  let mean = 0;
  for (let row = 1; row <= count; row++) mean += rows[row] / count;
  let squares = 0;
  for (let row = 1; row <= count; row++) squares += (rows[row] - mean) ** 2;
  return (squares * (count - 1)) / count;
}
