// One answer, drawn: label and shares, sound and pitch, rationale with its claims, measured voice.
// Needs element.js and marked.js. `audio` is the address of its sound, or null.
function answerCard(answer, audio) {
  const player = audio
    ? element("audio", { controls: "", preload: "metadata", src: audio, "aria-label": `sound of ${answer.name}` })
    : null;
  return element("article", { class: "answer", tabindex: "-1", "aria-label": `answer about ${answer.name}` },
    element("header", {},
      element("h3", {}, answer.label ?? "no emotion that could be read"),
      element("p", { class: "soft" }, element("bdi", {}, answer.name), `, ${answer.length}, `,
        element("bdi", {}, answer.system))),
    drawing(answer, player), player, ...answer.notes.map((note) => element("p", { class: "warning" }, note)),
    element("div", { class: "halves" },
      element("div", {}, shares(answer), words(answer), claims(answer)),
      voice(answer)),
    element("details", {}, element("summary", {}, "the whole answer"),
      element("div", { class: "raw", dir: "auto" }, answer.raw || "(empty)")));
}

function problemCard(problem) {
  return element("article", { class: "answer failed", tabindex: "-1" },
    element("header", {}, element("h3", {}, "no answer")), element("p", {}, problem));
}

// ---- shares, words ----

function shares(answer) {
  if (!answer.shares.length) return null;
  const rows = answer.shares.filter(([, share]) => share >= 0.01).slice(0, 5);
  return element("table", { class: "shares", "aria-label": "the model's probability of each label" },
    ...rows.map(([label, share]) => element("tr", label === answer.label ? { class: "chosen" } : {},
      element("th", { scope: "row" }, label),
      element("td", { class: "drawn" }, shareBar(share)),
      element("td", {}, `${Math.round(100 * share)} %`))));
}

function words(answer) {
  const rows = [
    ["said", answer.said && [answer.said]],
    ["heard", answer.heard && [answer.heard]],
    ["because", answer.reason.length && strips(answer)]];
  return element("dl", {}, ...rows.filter(([, shown]) => shown).flatMap(([name, shown]) => [
    element("dt", {}, name), element("dd", { dir: "auto" }, ...shown)]));
}

// ---- the voice ----

function voice(answer) {
  if (!answer.cues.length) return null;
  return element("div", {},
    element("table", { class: "voice", "aria-label": "the measured voice" },
      ...answer.cues.map((cue) => element("tr", {},
        element("th", { scope: "row" }, cue.name),
        ...(cue.value === null
          ? [element("td", { colspan: "3", class: "soft reason" }, cue.by)]
          : [element("td", {}, cue.value), element("td", { class: "drawn" }, gauge(cue.strength)),
            element("td", { class: "level" }, element("strong", {}, cue.level), element("span", { class: "soft" }, cue.by))])))),
    ...answer.references.map((reference) => element("p", { class: "note" }, reference)));
}

// ---- drawings ----

const NAMESPACE = "http://www.w3.org/2000/svg";

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shareBar(share) {
  return drawn("svg", { class: "bar", viewBox: "0 0 100 8", height: 8, preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { class: "back", width: 100, height: 8 }),
    drawn("rect", { class: "fill", width: 100 * share, height: 8 }));
}

// Robust standard deviations at the ends.
const REACH = 3;

function gauge(strength) {
  const at = 50 + 46 * Math.max(-1, Math.min(1, strength / REACH));
  return drawn("svg", { class: "gauge", viewBox: "0 0 100 14", "aria-hidden": "true" },
    drawn("line", { class: "track", x1: 4, x2: 96, y1: 7, y2: 7 }),
    drawn("line", { class: "usual", x1: 50, x2: 50, y1: 1, y2: 13 }),
    drawn("circle", { class: "dot", cx: at, cy: 7, r: 5 }));
}

const WIDE = 800, HIGH = 140;
const LOWEST = 75, HIGHEST = 600; // Hz, as measured

function height(hertz) {
  return HIGH * (1 - Math.log(hertz / LOWEST) / Math.log(HIGHEST / LOWEST));
}

// The waveform, the pitch above it, and a line that follows the player.
function drawing(answer, player) {
  const { wave, pitch, seconds } = answer.sketch;
  const step = WIDE / wave.length;
  const bars = wave.map((peak, place) => {
    const half = Math.max(0.5, (HIGH / 2 - 4) * peak / 100);
    return `M${(step * (place + 0.5)).toFixed(1)} ${(HIGH / 2 - half).toFixed(1)}v${(2 * half).toFixed(1)}`;
  }).join("");
  let line = "", before = [-1, 1];
  for (const [time, hertz] of pitch) {
    // A gap, or a jump that no voice makes.
    const goesOn = time - before[0] < 0.035 && Math.abs(Math.log2(hertz / before[1])) < 1 / 3;
    line += `${goesOn ? "L" : "M"}${(WIDE * time / seconds).toFixed(1)} ${height(hertz).toFixed(1)}`;
    before = [time, hertz];
  }
  const now = drawn("line", { class: "now", x1: 0, x2: 0, y1: 0, y2: HIGH });
  const svg = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": spoken(answer) },
    drawn("path", { class: "wave", d: bars }), drawn("path", { class: "pitch", d: line }), now);
  player?.addEventListener("timeupdate", () => {
    const at = Math.min(WIDE, WIDE * player.currentTime / seconds);
    now.setAttribute("x1", at);
    now.setAttribute("x2", at);
  });
  return element("figure", { class: "drawing" }, svg,
    element("figcaption", {}, element("span", { class: "wave-key" }, "waveform"),
      pitch.length ? element("span", { class: "pitch-key" }, `pitch, ${LOWEST} to ${HIGHEST} Hz`) : "",
      element("span", {}, `${seconds.toFixed(1)} s`)));
}

function spoken({ sketch: { pitch, seconds } }) {
  if (!pitch.length) return `waveform of ${seconds.toFixed(1)} seconds`;
  const hertz = pitch.map(([, one]) => one);
  return `waveform of ${seconds.toFixed(1)} seconds, with the pitch between `
    + `${Math.round(Math.min(...hertz))} and ${Math.round(Math.max(...hertz))} hertz`;
}
