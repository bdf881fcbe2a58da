"use strict";
// Record, choose a file or an example; each is played, drawn and answered.
const data = JSON.parse(document.getElementById("data").textContent);
const recordButton = document.querySelector(".record");
const file = document.querySelector("input[type=file]");
const gender = document.querySelector("select[name=gender]");
const meter = document.querySelector(".meter");
const status = document.querySelector(".status");
const answers = document.getElementById("answers");

function busy(isBusy) {
  for (const one of document.querySelectorAll(".sources button, .sources input")) one.disabled = isBusy;
}

async function ask(sound, name, of = gender.value) {
  busy(true);
  status.textContent = "Listening …";
  answers.setAttribute("aria-busy", "true");
  const query = new URLSearchParams({ name, gender: of });
  let found;
  try {
    const response = await fetch(`/ask?${query}`, {
      method: "POST", body: sound, headers: { [data.header]: "ask", "Content-Type": "application/octet-stream" },
    });
    found = await response.json();
  } catch {
    found = { problem: "The server does not answer. Is whyser-eval listen still running?" };
  }
  busy(false);
  answers.removeAttribute("aria-busy");
  const card = found.answer ? answerCard(found.answer, URL.createObjectURL(sound)) : problemCard(found.problem);
  answers.prepend(card);
  status.textContent = found.answer
    ? `The answer is ${found.answer.label ?? "not readable"}.`
    : "There is no answer.";
  card.focus();
}

// ---- the microphone ----

let recorder = null;

// Lossless where the browser can; what it does for a call would change loudness and pauses.
const KINDS = ["audio/webm;codecs=pcm", "audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

async function start() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
  } catch (error) {
    status.textContent = error.name === "NotFoundError"
      ? "There is no microphone. Give a file instead."
      : "The browser does not give the microphone. Allow it for this page, or give a file.";
    return;
  }
  const parts = [];
  const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
  recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 192_000 });
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const showing = watch(stream);
  const began = performance.now();
  recorder.addEventListener("stop", () => {
    showing();
    for (const track of stream.getTracks()) track.stop();
    recorder = null;
    pressed(false);
    ask(new Blob(parts, { type: mimeType }), "recording");
  });
  recorder.start();
  pressed(true);
  status.textContent = "Recording. Press the button again to stop.";
  const ticking = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    if (recorder === null) return clearInterval(ticking);
    recordButton.querySelector(".text").textContent = `Stop (${Math.floor(seconds)} s)`;
    if (seconds >= data.window) stop();
  }, 200);
}

function stop() {
  if (recorder?.state === "recording") recorder.stop();
}

function pressed(isOn) {
  recordButton.setAttribute("aria-pressed", String(isOn));
  recordButton.querySelector(".text").textContent = isOn ? "Stop" : "Record";
}

// The level of the microphone, so that one sees whether it is on.
function watch(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  meter.classList.add("on");
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    meter.value = Math.sqrt(Math.max(...samples.map(Math.abs)));
  }, 50);
  return () => {
    clearInterval(timer);
    meter.classList.remove("on");
    context.close();
  };
}

recordButton.addEventListener("click", () => (recorder ? stop() : start()));
pressed(false);

// ---- files and examples ----

document.querySelector(".sources").addEventListener("submit", (event) => event.preventDefault());
file.addEventListener("change", () => {
  const [chosen] = file.files;
  if (chosen) ask(chosen, chosen.name);
  file.value = "";
});
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    busy(true);
    const response = await fetch(`/example/${button.dataset.example}.wav`);
    ask(await response.blob(), `${button.textContent.replaceAll(/\W+/g, "_")}.wav`, button.dataset.gender);
  });
}
