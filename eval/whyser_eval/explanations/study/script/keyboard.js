// Keys, where nothing else wants them.
const KEYS = {
  " ": play,
  p: play,
  Enter: () => go(current + 1),
  n: () => go(current + 1),
  ArrowRight: () => go(current + 1),
  ArrowLeft: () => go(current - 1),
  Backspace: () => go(current - 1),
};

// What a focused element does with a key by itself.
const OWN = { button: [" ", "Enter"], summary: [" ", "Enter"], audio: [" ", "Enter", "ArrowLeft", "ArrowRight"] };

function chosenBy(key) {
  const item = shown();
  const place = item ? Math.max(["1", "2"].indexOf(key), WORDS[item.test].keys.indexOf(key)) : -1;
  return place < 0 ? null : choices(item)[place];
}

// Whoever speaks to a computer, or whose fingers slip, can do without them.
part("keys").addEventListener("change", ({ target }) => change((kept) => { kept.keys = target.checked; }));

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (current === null || !part("keys").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (target.matches("input, textarea") || OWN[target.localName]?.includes(event.key)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const choice = chosenBy(key);
  const isPlay = KEYS[key] === play;
  if (choice === null && (!KEYS[key] || (isPlay && !shown()))) return;
  event.preventDefault();
  choice === null ? KEYS[key]() : choose(choice);
});
