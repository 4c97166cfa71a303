// A classic script, so that the page is never painted in the wrong theme first.
try {
  const kept = localStorage.getItem("theme");
  if (kept) document.documentElement.dataset.theme = kept;
} catch {
  // Storage may be forbidden: then the system's theme it is.
}
