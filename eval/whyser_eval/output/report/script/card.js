// One answer as a card.
function card(answer) {
  const { utterance } = answer;
  return element("article", {
    class: `sample ${answer.verdict}`, tabindex: "-1", "aria-label": utterance.id,
  }, heading(answer), element("div", {}, player(answer), votes(utterance), facts(answer)),
  element("div", {}, texts(answer), claims(answer), raw(answer)));
}

function heading(answer) {
  const { model, form, control } = answer.system;
  return element("header", {},
    element("span", { class: "verdict" }, data.verdicts[answer.verdict].join(" ")),
    element("span", {},
      "predicted ", element("strong", {}, answer.predicted ?? "nothing readable"),
      ", majority ", element("strong", {}, answer.utterance.gold ?? "none")),
    element("span", { class: "soft" },
      element("bdi", {}, model), ` ${form}${control === "none" ? "" : `, ${control}`}`),
    element("code", { class: "id" }, element("bdi", {}, answer.utterance.id)));
}

// Under a control the model heard something else than this utterance's sound.
function player(answer) {
  const { audio, id } = answer.utterance;
  if (!audio || answer.system.control !== "none") return null;
  return element("audio", { controls: "", preload: "none", src: audio, "aria-label": `audio of ${id}` });
}

function votes(utterance) {
  const total = utterance.votes.reduce((sum, [, count]) => sum + count, 0);
  if (!total) return element("p", { class: "note" }, "Individual votes are not released.");
  return element("table", { class: "votes", "aria-label": "annotators' votes" },
    ...utterance.votes.map(([label, count]) =>
      element("tr", label === utterance.gold ? { class: "gold" } : {},
        element("th", { scope: "row" }, label), element("td", {}, String(count)),
        element("td", { class: "drawn" }, bar(count / total)))));
}

const SVG = "http://www.w3.org/2000/svg";

function bar(share) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "bar");
  svg.setAttribute("viewBox", "0 0 100 8");
  svg.setAttribute("height", "8");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [name, width] of [["back", 100], ["fill", 100 * share]]) {
    const part = document.createElementNS(SVG, "rect");
    part.setAttribute("class", name);
    part.setAttribute("width", String(width));
    part.setAttribute("height", "8");
    svg.append(part);
  }
  return svg;
}

function facts(answer) {
  const { corpus, speaker, gender } = answer.utterance;
  const said = [corpus, gender, speaker && `speaker ${speaker}`].filter(Boolean);
  if (answer.confidence !== null) said.push(`confidence ${answer.confidence.toFixed(2)}`);
  return element("p", { class: "facts" }, element("bdi", {}, said.join(" · ")));
}

function texts(answer) {
  const { said } = answer.utterance;
  const isSame = said && answer.heard && plain(said) === plain(answer.heard);
  const rows = [
    [isSame ? "what was said, and the model's transcript" : "what was said", said && [said]],
    [said ? "the model's transcript, which differs" : "the model's transcript", !isSame && answer.heard && [answer.heard]],
    ["attributes", answer.attributes && [answer.attributes]],
    [answer.text ? "reason" : "answer", answer.reason.length && strips(answer)]];
  return element("dl", {}, ...rows.filter(([, shown]) => shown).flatMap(([name, shown]) => [
    element("dt", {}, name), element("dd", { dir: "auto" }, ...shown)]));
}

function plain(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

function raw(answer) {
  const read = answer.stage === "unread" ? "no stage could read it" : `read by: ${answer.stage}`;
  const summary = element("summary", {}, `raw answer, ${read}`);
  if (answer.word) summary.append(" (“", element("bdi", {}, answer.word), "”)");
  if (answer.two) summary.append(", names two emotions");
  if (!answer.text) return element("p", { class: "facts" }, ...summary.childNodes);
  return element("details", {}, summary, element("div", { class: "raw", dir: "auto" }, answer.text));
}
