// The rater's file, as files.py reads it.
function answersOf(test) {
  const names = data.items.filter((item) => item.test === test).map((item) => item.item);
  return inOrder(data.study, rater, names).map((item, place) => ({ item, place, ...given(item) }))
    .filter(({ choice }) => choice !== null)
    .map(({ item, place, choice, milliseconds, plays }) => ({
      item, test, place, swapped: test === "prefer" && isSwapped(data.study, rater, item),
      choice, milliseconds: Math.round(milliseconds), plays,
    }));
}

function raterFile() {
  const answers = TESTS.flatMap(answersOf);
  const file = {
    format: data.format,
    study: data.study,
    rater,
    session: progress.session,
    consented: progress.consented,
    saved: new Date().toISOString(),
    complete: answers.length === data.items.length,
    answers,
  };
  return { ...file, check: digest(lines(file)) };
}

function lines(file) {
  return [
    file.format, file.study, file.rater, file.session, file.consented, file.saved,
    file.complete ? "complete" : "incomplete",
    ...file.answers.map((one) => [
      one.item, one.test, one.place, one.swapped ? "swapped" : "straight", one.choice,
      one.milliseconds, one.plays,
    ].join("|")),
  ];
}

function download() {
  pauseClock();
  const file = raterFile();
  const text = `${JSON.stringify(file, null, 2)}\n`;
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const name = `${data.study}-${rater.replace(/[^A-Za-z0-9_-]+/g, "_")}${file.complete ? "" : "-unfinished"}.json`;
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  isSaved = true;
  for (const copy of document.querySelectorAll(".copy")) copy.value = text;
  announce(`Saved as ${name}. Please send this file to the person who invited you.`);
}
