// What is asked for, its history, and what Python is told: on release only.

function adopted(data, start) {
  const kept = {};
  const locked = [];
  data.groups.forEach((group, i) => {
    if (group.closed) return;
    if (start.kept?.[group.name] !== undefined) kept[group.name] = allowedIn(data, i, start.kept[group.name]);
    if (!start.locked?.includes(group.name)) return;
    locked.push(group.name);
    kept[group.name] ??= baseOf(data, start.overall ?? 0)[i];
  });
  return { overall: Math.min(Math.max(start.overall ?? 0, 0), 99), kept, locked };
}

function indexOf(data, name) {
  return Math.max(0, data.groups.findIndex((group) => group.name === name));
}

function begin(app, data) {
  app.data = data;
  app.wish = adopted(data, data.start);
  app.history = [app.wish];
  app.place = 0;
  app.selected = indexOf(data, data.start.group);
  app.revision = data.revision;
  app.told = JSON.stringify(message(app));
  app.waiting = false;
  app.tiles = {};
  say(app, "");
}

// The same network again: what is set stays, unless Python made a step of its own.
function follow(app, data) {
  app.data = data;
  const isAtStep = isSame(app.wish, app.history[app.place]);
  app.wish = adopted(data, app.wish);
  if (isAtStep) app.history[app.place] = app.wish; // other limits are no step of the user's
  if (data.revision <= app.revision || app.moving) return;
  app.revision = data.revision;
  app.wish = adopted(data, data.start);
  if (data.start.group) app.selected = indexOf(data, data.start.group);
  remember(app);
  app.told = JSON.stringify(message(app));
}

function message(app) {
  const { overall, kept, locked } = app.wish;
  return { overall, kept, locked, group: app.data.groups[app.selected]?.name ?? "", revision: app.revision };
}

function isSame(a, b) {
  const text = ({ overall, kept, locked }) => JSON.stringify([overall, Object.entries(kept).sort(), [...locked].sort()]);
  return text(a) === text(b);
}

function remember(app) {
  if (isSame(app.wish, app.history[app.place])) return;
  app.history = [...app.history.slice(0, app.place + 1), app.wish].slice(-200);
  app.place = app.history.length - 1;
}

// A move has ended: one step of the history, one message.
function release(app) {
  clearTimeout(app.timer);
  app.timer = 0;
  app.moving = false;
  remember(app);
  tell(app);
  schedule(app);
}

function releaseSoon(app) {
  clearTimeout(app.timer);
  app.timer = setTimeout(() => release(app), 250);
}

function tell(app) {
  const told = message(app);
  const text = JSON.stringify(told);
  if (text === app.told) return;
  app.told = text;
  app.waiting = true;
  [...app.tellers].at(-1)?.("wish", told);
}

function goTo(app, place) {
  if (place < 0 || place >= app.history.length) return;
  clearTimeout(app.timer);
  app.place = place;
  app.wish = adopted(app.data, app.history[place]);
  say(app, "");
  tell(app);
  schedule(app);
}

function undo(app) {
  remember(app); // a key press whose release is still to come is a step, too
  goTo(app, app.place - 1);
}

function setOverall(app, overall) {
  const follows = app.data.groups.some(({ name, closed }) => !closed && !(name in app.wish.kept));
  app.wish = { ...app.wish, overall };
  say(app, follows ? "" : "No group follows the overall share: each is set by hand or locked. Reset brings those set by hand back.");
  schedule(app);
}

// By hand, even where it equals the overall share: the next move of that one leaves it.
function setKept(app, i, wanted) {
  const { name } = app.data.groups[i];
  const kept = allowedIn(app.data, i, wanted);
  app.wish = { ...app.wish, kept: { ...app.wish.kept, [name]: kept } };
  say(app, kept === app.data.limits[i][0] && kept < app.data.groups[i].units ? `${name} keeps at least ${countText(kept)}.` : "");
  schedule(app);
}

function freeOne(app, i) {
  const { [app.data.groups[i].name]: _, ...kept } = app.wish.kept;
  app.wish = { ...app.wish, kept };
  release(app);
}

function toggleLock(app, i) {
  const { name } = app.data.groups[i];
  const isLocked = app.wish.locked.includes(name);
  const locked = isLocked ? app.wish.locked.filter((other) => other !== name) : [...app.wish.locked, name];
  const kept = { ...app.wish.kept, [name]: keptOf(app.data, app.wish)[i] };
  app.wish = { ...app.wish, kept, locked };
  release(app);
}

function reset(app) {
  const { locked } = app.wish;
  const kept = Object.fromEntries(Object.entries(app.wish.kept).filter(([name]) => locked.includes(name)));
  app.wish = { ...app.wish, kept };
  say(app, locked.length ? `Back to the overall share; ${pluralText(locked.length, "locked group")} left as set.` : "Back to the overall share.");
  release(app);
}

function applyPreset(app, preset) {
  app.wish = withKept(app.data, app.wish, preset.kept);
  say(app, `${preset.name}: ${pluralText(Object.keys(app.wish.kept).length, "group")} set by hand.`);
  release(app);
}

function applyRounding(app, multiple) {
  const before = keptOf(app.data, app.wish);
  app.wish = withKept(app.data, app.wish, roundedKept(app.data, app.wish, multiple));
  say(app, roundingText(app, before, keptOf(app.data, app.wish), multiple));
  release(app);
}

// "Rounded to 16: 1.80 ms → 1.52 ms (−15.6 %), 2,310 parameters more."
function roundingText(app, before, after, multiple) {
  if (before.every((kept, i) => kept === after[i])) return `Every cut group that can be is at a multiple of ${multiple} already.`;
  const { terms } = app.data;
  const more = evaluateTerms(terms.params, after) - evaluateTerms(terms.params, before);
  const params = `${pluralText(Math.abs(more), "parameter")} ${more < 0 ? "fewer" : "more"}`;
  const [slow, fast] = [latencyOf(app.data, before), latencyOf(app.data, after)];
  if (slow === null || fast === null) return `Rounded to ${multiple}: ${params}. Measure latency to see what it gains.`;
  return `Rounded to ${multiple}: ${millisecondsText(slow)} → ${millisecondsText(fast)} (${changeText(slow, fast)}), ${params}.`;
}

function latencyOf(data, kept) {
  return data.latency && typeof predictLatency === "function" ? predictLatency(data.latency, kept) : null;
}

function accuracyOf(data, kept) {
  return data.prediction && typeof predictAccuracy === "function" ? predictAccuracy(data.prediction, kept) : null;
}

function say(app, text, isWrong = false) {
  app.said = { text, isWrong };
}
