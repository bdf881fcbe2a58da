// Light, dark, or as the system has it; remembered where the browser remembers anything.
const THEMES = ["auto", "light", "dark"];
const button = document.querySelector(".theme");

function remembered() {
  try {
    return localStorage.getItem("whyser-theme");
  } catch {
    return null;
  }
}

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  button.querySelector("span").textContent = theme;
  try {
    localStorage.setItem("whyser-theme", theme);
  } catch {
    // A page from a file may be kept from remembering; it still changes.
  }
}

button.hidden = false;
button.addEventListener("click", () => {
  wear(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
wear(THEMES.includes(remembered()) ? remembered() : "auto");
