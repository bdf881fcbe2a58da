// In which order a rater sees what, as material.py has it; a test holds one against the other.
function mix(text) {
  let value = 0x811c9dc5;
  // Half a character is a question mark, as Python has it.
  for (const byte of new TextEncoder().encode(text.replace(/\p{Surrogate}/gu, "?"))) {
    value = Math.imul(value ^ byte, 0x01000193);
  }
  for (const [shift, factor] of [[16, 0x85ebca6b], [13, 0xc2b2ae35]]) {
    value = Math.imul(value ^ (value >>> shift), factor);
  }
  return (value ^ (value >>> 16)) >>> 0;
}

function inOrder(study, rater, items) {
  return items
    .map((item) => [mix(`${study}/${rater}/${item}`), item])
    .sort(([one, a], [two, b]) => one - two || (a < b ? -1 : 1))
    .map(([, item]) => item);
}

function isSwapped(study, rater, item) {
  return Boolean(mix(`${study}/${rater}/${item}/side`) & 1);
}

function digest(lines) {
  const text = lines.join("\n");
  return [mix(`0${text}`), mix(`1${text}`)].map((value) => value.toString(16).padStart(8, "0")).join("");
}
