// What this rater has done: {session, consented, step, keys, items: {name: {choice, milliseconds,
// plays, heard}}}; keys only where they were switched. The browser keeps it, so that a reload loses nothing. Every change begins from what is
// kept: a second tab's answers stay.
let rater = null;
let progress = null;
let isKept = true;
let isSaved = true;

function place(code) {
  return `whyser-study/${data.study}/${code}`;
}

function stored(code) {
  try {
    const found = JSON.parse(localStorage.getItem(place(code)));
    return found?.items && found.session ? found : null;
  } catch {
    return null;
  }
}

function begin(code) {
  rater = code;
  progress = stored(rater) ?? {
    session: [...crypto.getRandomValues(new Uint8Array(8))].map((one) => one.toString(16).padStart(2, "0")).join(""),
    consented: new Date().toISOString(),
    step: 0,
    items: {},
  };
  remember(code);
  change(() => {});
}

function change(edit) {
  if (isKept) progress = stored(rater) ?? progress;
  edit(progress);
  try {
    localStorage.setItem(place(rater), JSON.stringify(progress));
  } catch {
    isKept = false;
  }
  part("unkept").hidden = isKept;
}

function changeItem(name, edit) {
  change(({ items }) => edit(items[name] ??= { choice: null, milliseconds: 0, plays: 0, heard: false }));
}

function given(name) {
  return progress.items[name] ?? { choice: null, heard: false };
}

// Which rater this tab belongs to: after a reload it goes on without being asked.
function remember(code) {
  try {
    sessionStorage.setItem(`whyser-study/${data.study}`, code);
  } catch {
    // Then the code is asked for again.
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(`whyser-study/${data.study}`);
  } catch {
    return null;
  }
}

// Someone else's turn: what the browser keeps of this rater stays.
function leave() {
  try {
    sessionStorage.removeItem(`whyser-study/${data.study}`);
  } catch {
    // Then no tab belongs to anyone.
  }
  // Going back does not lead to the earlier rater's address.
  location.replace(location.pathname);
}

window.addEventListener("storage", (event) => {
  if (rater === null || event.key !== place(rater) || !isKept) return;
  progress = stored(rater) ?? progress;
  refresh();
  announce("Answers from another tab were taken over.");
});

window.addEventListener("beforeunload", (event) => {
  if (!isKept && !isSaved) event.preventDefault();
});
