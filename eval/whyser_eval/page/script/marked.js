// A rationale with its marked parts and the claims below it, for every page that shows one. The page
// has `data.outcomes`: outcome -> mark and words.

// Pieces of the voice that touch are one strip: a clause with its claims marked inside.
function strips(answer) {
  const made = [];
  let strip = null;
  for (const [text, kind, claim] of answer.reason) {
    const isVoice = kind === "acoustic" || kind === "claim";
    if (isVoice && !strip) made.push(strip = element("mark", { class: "acoustic" }));
    if (isVoice) strip.append(kind === "claim" ? claimed(text, answer.claims[claim]) : text);
    else made.push(kind ? element("mark", { class: kind, title: TITLES[kind] }, text) : text);
    if (!isVoice) strip = null;
  }
  return made;
}

const TITLES = {
  content: "was said",
  misheard: "only in the model's transcript",
  prediction: "the emotion predicted",
};

function claimed(text, claim) {
  const [mark, words] = data.outcomes[claim.outcome];
  return element("span", { class: `claim ${claim.outcome}`, title: `${claim.family} ${claim.level}: ${words}` },
    text, element("sup", { "aria-hidden": "true" }, mark));
}

function claims(answer) {
  if (!answer.claims.length) return null;
  return element("ul", { class: "claims", "aria-label": "claims about the voice" },
    ...answer.claims.map((claim) => {
      const [mark, words] = data.outcomes[claim.outcome];
      return element("li", { class: claim.outcome },
        element("span", { "aria-hidden": "true" }, `${mark} `),
        `${claim.family} ${claim.level} `, element("span", { class: "soft" }, words));
    }));
}
