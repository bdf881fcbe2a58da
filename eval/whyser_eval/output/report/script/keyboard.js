// Keys, where nothing else wants them.
const keys = document.querySelector("dialog");
let current = null;

function select(next) {
  if (!next) return;
  current = next;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function step(way) {
  const all = [...cards.children];
  const place = all.indexOf(current);
  if (all[place + way] && (place >= 0 || way > 0)) select(all[place + way]);
  else if (place >= 0 && turn(way)) select(way > 0 ? cards.firstElementChild : cards.lastElementChild);
}

function play() {
  const audio = current?.querySelector("audio");
  if (audio) audio.paused ? audio.play() : audio.pause();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  " ": play,
  o: () => current?.querySelector("details")?.toggleAttribute("open"),
  "/": () => form.elements.text.focus(),
  "[": () => turn(-1) && select(cards.firstElementChild),
  "]": () => turn(1) && select(cards.firstElementChild),
  "?": () => keys.showModal(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea");
  if (isTyping && event.key === "Escape") event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping || keys.open) return;
  const isTaken = event.key === " "
    && (!current || event.target.matches("button, summary, audio, a"));
  if (!KEYS[event.key] || isTaken) return;
  event.preventDefault();
  KEYS[event.key]();
});
cards.addEventListener("focusin", (event) => { current = event.target.closest(".sample"); });
form.elements.help.addEventListener("click", () => keys.showModal());
