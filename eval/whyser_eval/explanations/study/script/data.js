"use strict";
// What the page holds: the study's name, its items, and what may be chosen in each test.
const data = JSON.parse(document.getElementById("data").textContent);
const TESTS = Object.keys(data.choices).filter((test) => data.items.some((item) => item.test === test));

function part(id) {
  return document.getElementById(id);
}

// For those who cannot see what changed; the same words again are said again.
function announce(words) {
  part("status").textContent = part("status").textContent === words ? `${words}\u00a0` : words;
}
