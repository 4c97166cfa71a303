/** Line icons, drawn by the page itself. */
const SPACE = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const PATHS = {
  plus: "M12 5v14M5 12h14",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5l12 7.5-12 7.5z",
  again: "M19.5 12a7.5 7.5 0 1 1-2.2-5.3M20 3v5h-5",
  stop: "M6 6h12v12H6z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  flag: "M6 21V4M6 5h11l-2 4 2 4H6",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  warn: "M12 4L2.5 20h19zM12 10v4.5M12 17.3v.2",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  hidden:
    "M4 4l16 16M9 6c1-.3 2-.5 3-.5 6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.8M6 8a16 16 0 0 0-3.5 4S6 18.5 12 18.5c1.4 0 2.7-.4 3.8-.9",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  up: "M5 15l7-7 7 7",
  back: "M20 12H5M11 6l-6 6 6 6",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  outline: "M6 6h12v12H6zM9.5 9.5h5v5h-5z",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  keyboard: "M3 6h18v12H3zM7 10h.1M11 10h.1M15 10h.1M7 14h10M18 10h.1",
  folder: "M3 6.5h6l2 2.5h10v10H3z",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 10v9",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 8.5h.1",
  search: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a6.7 6.7 0 0 0 10.5 10.5z",
  half: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 3.5v17M12 8h4.5M12 12h8M12 16h4.5",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
};

/**
 * An icon, hidden from screen readers: the control it stands on has a name of its own.
 * @param {string} name
 */
export function icon(name) {
  const drawing = document.createElementNS(SPACE, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SPACE, "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}
