// One item: the explanations and what may be chosen, and what was chosen.
const WORDS = {
  accept: { question: "Is this explanation plausible for the voice?", names: ["Explanation"], keys: ["a", "r"] },
  prefer: { question: "Which explanation tells better what you hear?", names: ["Explanation A", "Explanation B"], keys: ["a", "b"] },
};
const BUTTONS = { accept: "Accept", reject: "Reject" };

function show(item) {
  const { names, question } = WORDS[item.test];
  const isPair = item.test === "prefer";
  part("question").textContent = question;
  const articles = sides(item).map((candidate, place) => explanation(item.candidates[candidate], names[place]));
  const buttons = choices(item).map((choice, place) => button(item, choice, place));
  if (isPair) articles.forEach((article, place) => article.append(buttons[place]));
  part("explanations").className = isPair ? "pair" : "";
  part("explanations").replaceChildren(...articles);
  part("choices").replaceChildren(...(isPair ? [] : buttons));
  audio.src = item.audio;
  mark(item);
}

// Places of the candidates as this rater sees them.
function sides(item) {
  const places = item.candidates.map((_, place) => place);
  return item.test === "prefer" && isSwapped(data.study, rater, item.item) ? places.reverse() : places;
}

// Choices in the order of their buttons.
function choices(item) {
  const all = data.choices[item.test];
  return item.test === "prefer" ? sides(item).map((place) => all[place]) : all;
}

function explanation({ label, text }, name) {
  return element("article", { "aria-label": name },
    element("h3", {}, name),
    element("p", { class: "label" }, element("span", {}, "emotion: "), element("strong", {}, label)),
    element("p", { class: "text", dir: "auto" }, text));
}

function button(item, choice, place) {
  const words = BUTTONS[choice] ?? `Prefer ${"AB"[place]}`;
  const made = element("button", {
    type: "button", class: "choice", "data-choice": choice,
    "aria-keyshortcuts": `${place + 1} ${WORDS[item.test].keys[place]}`,
  }, element("span", { class: "tick", "aria-hidden": "true" }), words,
  element("kbd", { "aria-hidden": "true" }, String(place + 1)));
  made.addEventListener("click", () => choose(choice));
  return made;
}

// A button that waits for the clip can be reached, and says what it waits for.
function mark(item) {
  const { choice, heard } = given(item.item);
  part("hint").textContent = hint(heard);
  for (const one of document.querySelectorAll(".choice")) {
    one.setAttribute("aria-disabled", String(!heard));
    one.setAttribute("aria-describedby", heard ? "" : "hint");
    one.setAttribute("aria-pressed", String(one.dataset.choice === choice));
  }
}

function choose(choice) {
  const item = shown();
  if (!given(item.item).heard) return announce(part("hint").textContent);
  changeItem(item.item, (one) => { one.choice = choice; });
  isSaved = false;
  pauseClock();
  refresh();
  const place = choices(item).indexOf(choice);
  announce(`${BUTTONS[choice] ?? `Prefer ${"AB"[place]}`}: chosen.`);
}
