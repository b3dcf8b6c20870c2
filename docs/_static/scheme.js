// Before anything is drawn: the scheme that the reader chose here last time, or the system's.
const mode = localStorage.getItem("mode") || "auto";
const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.dataset.mode = mode;
document.documentElement.dataset.theme = mode === "auto" ? system : mode;
