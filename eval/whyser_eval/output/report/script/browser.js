// The browser of samples: filters, order and page stand in the page's address, so that what is
// seen can be linked.
const form = document.querySelector(".filters");
const cards = document.querySelector(".cards");
const pager = document.querySelector(".pager");
const PAGE = 20;

const first = data.systems.find((system) => system.control === "none") ?? data.systems[0];
const DEFAULTS = {
  ...Object.fromEntries(Object.keys(FILTERS).map((name) => [name, ""])),
  system: first.model, form: first.form, control: first.control,
  sort: "", text: "", page: "1",
};
let state = { ...DEFAULTS };
let found = [];

function offer(select, options) {
  select.replaceChildren(...options.map(([value, words]) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = words;
    return option;
  }));
}

function offerAll() {
  for (const name of Object.keys(FILTERS)) {
    const there = new Set(answers.flatMap(FILTERS[name]));
    const values = [...new Set([...(ORDER[name] ?? []), ...there])].filter((one) => there.has(one));
    const words = WORDS[name] ?? String;
    offer(form.elements[name], [["", "any"], ...values.map((one) => [one, words(one)])]);
    // A choice of one is none.
    form.elements[name].closest("label").hidden = values.length < 2;
  }
  const sorts = Object.entries(SORTS).filter(([, [, value]]) =>
    answers.some((answer) => value(answer) !== null));
  offer(form.elements.sort, [["", "as scored"], ...sorts.map(([key, [words]]) => [key, words])]);
}

const names = [...Object.keys(FILTERS), "sort", "text"];

function readAddress() {
  if (!location.hash.includes("=")) return false;
  state = { ...DEFAULTS };
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name in DEFAULTS) state[name] = value;
  }
  for (const name of names) {
    form.elements[name].value = state[name];
    // A value that no option has would show nothing and be nowhere to be seen.
    state[name] = form.elements[name].value;
  }
  return true;
}

function writeAddress() {
  const changed = Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name]);
  const address = new URLSearchParams(changed).toString();
  if (address || location.hash.includes("=")) {
    history.replaceState(null, "", address ? `#${address}` : "#samples");
  }
}

function show() {
  found = sorted(matching(state), state.sort);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const page = Math.min(Math.max(1, Number.parseInt(state.page, 10) || 1), pages);
  state.page = String(page);
  cards.replaceChildren(...found.slice((page - 1) * PAGE, page * PAGE).map(card));
  const { system, form: asked, control } = state;
  const total = matching({ ...DEFAULTS, system, form: asked, control }).length;
  form.querySelector("output").textContent = `${found.length} of ${total} shown`;
  document.querySelector(".empty").hidden = found.length > 0;
  pager.hidden = pages === 1;
  pager.querySelector("span").textContent = `page ${page} of ${pages}`;
  pager.querySelector("[name=previous]").disabled = page === 1;
  pager.querySelector("[name=next]").disabled = page === pages;
}

function turn(step) {
  const before = state.page;
  state.page = String(Number(state.page) + step);
  show();
  writeAddress();
  return state.page !== before;
}

function filter() {
  for (const name of names) state[name] = form.elements[name].value;
  state.page = "1";
  show();
  writeAddress();
}

function arrive() {
  if (!readAddress()) return;
  show();
  document.getElementById("samples").scrollIntoView();
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.elements.reset.addEventListener("click", () => {
  for (const name of names) form.elements[name].value = DEFAULTS[name];
  filter();
});
pager.addEventListener("click", (event) => {
  const step = { previous: -1, next: 1 }[event.target.name];
  if (step && turn(step)) document.getElementById("samples").scrollIntoView();
});
window.addEventListener("hashchange", arrive);
// One sound at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) {
    if (audio !== event.target) audio.pause();
  }
}, true);

offerAll();
for (const name of names) form.elements[name].value = DEFAULTS[name];
document.querySelector(".waiting").remove();
form.hidden = false;
show();
arrive();
