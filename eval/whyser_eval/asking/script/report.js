"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const cards = document.querySelector(".cards");
for (const { answer, problem, audio } of data.answers) {
  cards.append(answer ? answerCard(answer, audio) : problemCard(problem));
}
document.querySelector(".waiting").remove();
