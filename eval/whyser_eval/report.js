"use strict";
// Filters the samples; without this script all of them are simply shown.
const form = document.querySelector(".filters");
const samples = [...document.querySelectorAll(".sample")];
const texts = new Map(samples.map((sample) => [sample, sample.textContent.toLowerCase()]));
const counted = form.querySelector("output");
const empty = document.querySelector(".empty");

function isWanted(sample, wanted) {
  return ["system", "verdict", "gold", "predicted"].every(
    (name) => !wanted[name] || sample.dataset[name] === wanted[name],
  ) && texts.get(sample).includes(wanted.text);
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  wanted.text = wanted.text.trim().toLowerCase();
  let shown = 0;
  for (const sample of samples) {
    sample.hidden = !isWanted(sample, wanted);
    shown += !sample.hidden;
    if (sample.hidden) sample.querySelector("audio")?.pause();
  }
  const total = samples.filter(
    (sample) => !wanted.system || sample.dataset.system === wanted.system,
  ).length;
  counted.textContent = `${shown} of ${total} shown`;
  empty.hidden = shown > 0;
}

form.hidden = false;
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
// One sound at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);
filter();
