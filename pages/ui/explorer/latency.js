// Milliseconds of a forward pass from what pruning/latency.py measured; the same sums in the same order, so the same numbers.
// table: latency.to_json(table, groups); kept: units of each group, in the order of those groups.

function predictLatency(table, kept) {
  const widths = table.widths.map(([constant, parts, multiple]) => {
    const width = parts.reduce((sum, [group, factor]) => sum + factor * kept[group], constant);
    return Math.ceil(width / multiple) * multiple;
  });
  const evaluate = (terms) =>
    terms.reduce((total, [factor, places]) => total + places.reduce((product, place) => product * widths[place], factor), 0);
  widths.push(Math.max(0, 1 - table.cache / Math.max(1, evaluate(table.weights))));
  return evaluate(table.terms);
}
