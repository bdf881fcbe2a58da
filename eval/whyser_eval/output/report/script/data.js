"use strict";
// What the page holds: every answer with its system and its utterance.
const data = JSON.parse(document.getElementById("data").textContent);
const answers = data.answers.map((answer, order) => ({
  ...answer,
  order,
  system: data.systems[answer.system],
  utterance: data.utterances[answer.of],
}));

// All that the search looks through; put together when first asked for.
function textOf(answer) {
  answer.searched ??= [
    answer.utterance.id, answer.utterance.said, answer.heard,
    answer.reason.map(([text]) => text).join(""), answer.text,
  ].join("\n").toLowerCase();
  return answer.searched;
}

// What each filter looks at; an answer passes where one of its values is the wanted one.
const FILTERS = {
  system: (answer) => [answer.system.model],
  form: (answer) => [answer.system.form],
  control: (answer) => [answer.system.control],
  verdict: (answer) => [answer.verdict],
  gold: (answer) => [answer.utterance.gold ?? "no majority"],
  predicted: (answer) => [answer.predicted ?? "unread"],
  corpus: (answer) => [answer.utterance.corpus],
  band: (answer) => [answer.utterance.band],
  claims: (answer) => answer.claims.length
    ? [...new Set(answer.claims.map((claim) => claim.outcome))]
    : ["none"],
};

// In this order and, where given, in these words; the other filters' options as they come.
const labels = [...data.classes, "other", "unread"];
const ORDER = {
  verdict: Object.keys(data.verdicts),
  gold: labels,
  predicted: labels,
  band: data.bands,
  claims: [...Object.keys(data.outcomes), "none"],
};
const WORDS = {
  verdict: (key) => data.verdicts[key].join(" "),
  claims: (key) => key === "none" ? "no claim" : `has one ${data.outcomes[key][1]}`,
};

// Name -> value of an answer, null where it has none; a minus before the name sorts downwards.
const SORTS = {
  id: ["id", (answer) => answer.utterance.id],
  "-confidence": ["confidence, highest first", (answer) => answer.confidence],
  confidence: ["confidence, lowest first", (answer) => answer.confidence],
  agreement: ["agreement, lowest first", (answer) => answer.utterance.agreement],
  "-agreement": ["agreement, highest first", (answer) => answer.utterance.agreement],
  "-length": ["answer, longest first", (answer) => answer.length],
  length: ["answer, shortest first", (answer) => answer.length],
  grounded: ["groundedness, lowest first", (answer) => answer.grounded],
  "-grounded": ["groundedness, highest first", (answer) => answer.grounded],
};

function matching(wanted) {
  const chosen = Object.keys(FILTERS).filter((name) => wanted[name]);
  const words = wanted.text.trim().toLowerCase();
  return answers.filter((answer) =>
    chosen.every((name) => FILTERS[name](answer).includes(wanted[name]))
    && (!words || textOf(answer).includes(words)));
}

// Sorted by what is asked for, then as scored; without a value last, whichever way.
function sorted(found, by) {
  if (!SORTS[by]) return found;
  const value = SORTS[by][1];
  const way = by.startsWith("-") ? -1 : 1;
  return found.toSorted((one, two) => {
    const [a, b] = [value(one), value(two)];
    if (a === b) return one.order - two.order;
    if (a === null || b === null) return a === null ? 1 : -1;
    return a < b ? -way : way;
  });
}
