// From consent to the end: the instructions of a test, its items, the next test, the file.
let steps = [];

function start(code) {
  begin(code);
  steps = TESTS.flatMap((test) => [{ intro: test }, ...itemsOf(test).map((item) => ({ item }))]);
  steps.push({ end: true });
  part("saver").hidden = false;
  part("progress").hidden = false;
  part("bar").max = data.items.length;
  part("code").textContent = rater;
  part("keys").checked = progress.keys !== false;
  go(Math.min(progress.step, steps.length - 1));
}

function itemsOf(test) {
  const items = new Map(data.items.filter((item) => item.test === test).map((item) => [item.item, item]));
  return inOrder(data.study, rater, [...items.keys()]).map((name) => items.get(name));
}

let current = null;

function shown() {
  return steps[current]?.item ?? null;
}

function go(next) {
  if (current !== null) pauseClock();
  if (!steps[next]) return;
  audio.pause();
  current = next;
  part("status").textContent = "";
  change((kept) => { kept.step = next; });
  const { intro, item, end } = steps[next];
  const section = intro ? `intro-${intro}` : end ? "end" : "item";
  for (const one of document.querySelectorAll("main > section")) one.hidden = one.id !== section;
  if (item) show(item);
  else silence();
  part("steps").hidden = false;
  part("back").disabled = next === 0;
  part("next").hidden = Boolean(end);
  part("next").querySelector("span").textContent = intro ? "Begin" : "Next";
  startClock();
  refresh();
  const heading = document.querySelector(`#${section} h2`);
  if (item) heading.textContent = title(item);
  scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}

function title(item) {
  const names = itemsOf(item.test);
  const test = TESTS.length > 1 ? `Part ${TESTS.indexOf(item.test) + 1}, item` : "Item";
  return `${test} ${names.indexOf(item) + 1} of ${names.length}`;
}

// All that depends on what was answered.
function refresh() {
  const open = openSteps();
  const done = data.items.length - open.length;
  part("bar").value = done;
  part("done").textContent = `${done} of ${data.items.length} answered`;
  if (shown()) mark(shown());
  part("next").classList.toggle("strong", !shown() || given(shown().item).choice !== null);
  part("complete").hidden = open.length > 0;
  part("incomplete").hidden = open.length === 0;
  part("left").textContent = open.length === 1 ? "One item has" : `${open.length} items have`;
  part("summary").replaceChildren(...TESTS.flatMap((test) => [
    element("dt", {}, TITLES[test]),
    element("dd", {}, `${answersOf(test).length} of ${itemsOf(test).length} answered`)]));
}

const TITLES = { accept: "Accept or reject", prefer: "Which of two" };

function openSteps() {
  return steps.flatMap(({ item }, place) => item && given(item.item).choice === null ? [place] : []);
}

part("back").addEventListener("click", () => go(current - 1));
part("next").addEventListener("click", () => go(current + 1));
part("first-open").addEventListener("click", () => go(openSteps()[0]));
part("leave").addEventListener("click", leave);
for (const one of document.querySelectorAll(".download")) one.addEventListener("click", download);

// At most as long as a rater's file takes it, and without half characters, which no file can hold.
function cleaned(code) {
  return [...code.trim().replace(/\p{Surrogate}/gu, "?")].slice(0, 64).join("");
}

const form = part("consent-form");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const code = cleaned(form.elements.rater.value);
  form.elements.rater.value = code;
  if (code) start(code);
  else form.elements.rater.reportValidity();
});

const asked = new URLSearchParams(location.search).get("rater");
form.elements.rater.value = asked ?? remembered() ?? "";
form.hidden = false;
// A reload goes on; a code in the address that is another's begins with that one's consent.
if (remembered() && cleaned(form.elements.rater.value) === remembered() && stored(remembered())) {
  start(remembered());
}
