// Numbers as people read them, like pages/ui/words.py; and typed ones as numbers.

const MINUS = "\u2212";
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function countText(n) {
  return grouped.format(n);
}

// 1234567 → "1.23 M": three digits.
function shortText(n) {
  for (const [limit, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (n >= limit) return (n < 100 * limit ? (n / limit).toPrecision(3) : String(Math.round(n / limit))) + unit;
  }
  return String(Math.round(n));
}

function sizeText(n) {
  return n < 1000 ? `${n} B` : shortText(n).replace(/ ([kMG])$/, " $1B");
}

function signedText(value, digits, unit) {
  const rounded = Number(value.toFixed(digits));
  const sign = rounded === 0 ? "±" : rounded > 0 ? "+" : MINUS;
  return `${sign}${Math.abs(rounded).toFixed(rounded ? digits : 0)} ${unit}`;
}

function changeText(before, after) {
  return before ? signedText((100 * (after - before)) / before, 1, "%") : "–";
}

function millisecondsText(ms) {
  return `${ms.toPrecision(3)} ms`;
}

function accuracyText({ accuracy, low, high }) {
  return `${(100 * accuracy).toFixed(1)} ± ${(50 * (high - low)).toFixed(1)} %`;
}

function removedText(units, kept) {
  return signedText((-100 * (units - kept)) / units, 0, "%");
}

function pluralText(n, thing) {
  return `${countText(n)} ${thing}${n === 1 ? "" : "s"}`;
}

// [lowest, …, highest] round numbers within a range, for an axis.
function ticksOf(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((n) => n * power >= rough);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) found.push(Number((n * step).toPrecision(12)));
  return found;
}

function tickText(value) {
  const size = Math.abs(value);
  if (size >= 1e4) return shortText(value).replace(/\.0+ /, " ");
  if (size && size < 1e-3) return value.toExponential(0).replace("-", MINUS);
  return String(value).replace("-", MINUS);
}

// "40%" → 0.4; null where it is no share.
function typedShare(text) {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*%\s*$/.exec(text);
  return found ? Number(found[1].replace(",", ".")) / 100 : null;
}

// "19" = units kept, "40%" = share removed → {kept}, or {wrong: a sentence}.
function typedKept(text, group, [least, most]) {
  const share = typedShare(text);
  const whole = /^\s*\d+\s*$/.test(text) ? Number(text) : null;
  if (share === null && whole === null) {
    return { wrong: `“${text.trim()}” is no number: type the units that ${group.name} keeps (19), or the share to remove (40%).` };
  }
  const kept = whole ?? group.units - Math.round(share * group.units);
  if (kept < least || kept > most) {
    return { wrong: `${group.name} keeps ${countText(least)} to ${countText(most)} units, not ${countText(kept)}.` };
  }
  return { kept };
}

// "42" or "42 %" → {share: 42}, or {wrong: a sentence}.
function typedOverall(text, most) {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*%?\s*$/.exec(text);
  const share = found ? Math.round(Number(found[1].replace(",", "."))) : -1;
  return share >= 0 && share <= most ? { share } : { wrong: `The overall share is a number from 0 to ${most} %, not “${text.trim()}”.` };
}
