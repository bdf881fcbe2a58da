// The clip, and the clock of the item on the screen.
const audio = part("clip");
let since = null;

function hint(heard) {
  if (audio.error) {
    return "This clip cannot be played. Reload the page; if that does not help, go on to the next "
      + "item and tell the person who invited you.";
  }
  return heard ? "Play it again as often as you like." : "Listen to the whole clip first. Then you can choose.";
}

function play() {
  if (!audio.paused) return audio.pause();
  // What cannot be played says so below.
  audio.play().catch(() => {});
}

// A headset's key would play a clip that is not on the screen any more.
function silence() {
  audio.removeAttribute("src");
  audio.load();
}

// A sound that goes on after a pause is not started anew.
audio.addEventListener("play", () => {
  if (audio.currentTime < 0.25) changeItem(shown().item, (one) => { one.plays += 1; });
});
audio.addEventListener("ended", () => {
  if (given(shown().item).heard) return;
  changeItem(shown().item, (one) => { one.heard = true; });
  refresh();
  announce("You can choose now.");
});
audio.addEventListener("error", () => {
  refresh();
  announce(part("hint").textContent);
});

// Time counts while the item can be seen.
function pauseClock() {
  const item = shown();
  if (item && since !== null) {
    const passed = performance.now() - since;
    changeItem(item.item, (one) => { one.milliseconds += passed; });
  }
  startClock();
}

function startClock() {
  since = document.hidden ? null : performance.now();
}

document.addEventListener("visibilitychange", pauseClock);
window.addEventListener("pagehide", pauseClock);
