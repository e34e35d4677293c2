"use strict";
const $ = (id) => document.getElementById(id);
const cases = [...document.querySelectorAll("article.case")];
const [image, overlay] = $("slice").children;
let current = -1, shown = null, index = 0;

function svg(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// The slice to begin with: most of the lesions, or of the liver, or the one in the middle.
function first() {
  const areas = [shown.areas.lesion, shown.areas.liver].find((each) => each && Math.max(...each));
  return areas ? areas.indexOf(Math.max(...areas)) : shown.images.length >> 1;
}

function open(which) {
  if (which < 0 || which >= cases.length || which === current) return;
  current = which;
  shown = JSON.parse(cases[which].querySelector("script").textContent);
  cases.forEach((each, i) => { each.hidden = i !== which; });
  const name = cases[which].querySelector("h2").textContent;
  document.title = name;
  $("case").textContent = `Case ${which + 1} of ${cases.length}`;
  $("name").textContent = name;
  for (const link of $("list").querySelectorAll("a")) {
    if (link.hash === `#${which + 1}`) {
      link.setAttribute("aria-current", "true");
      link.scrollIntoView({block: "nearest"});
    } else link.removeAttribute("aria-current");
  }
  $("viewer").style.setProperty("--ratio", shown.width / (shown.height * shown.stretch));
  for (const letter of $("slice").querySelectorAll("b")) letter.remove();
  for (const [side, text] of Object.entries(shown.sides)) {
    const letter = document.createElement("b");
    Object.assign(letter, {className: side, textContent: text});
    $("slice").append(letter);
  }
  overlay.replaceChildren(...Object.keys(shown.outlines).map((target) =>
    svg("path", {"data-target": target, stroke: COLORS[target], transform: "scale(0.5)"})));
  targets();
  profile();
  const last = shown.images.length - 1;
  $("index").max = last;
  $("scroll").hidden = !last;
  const [from, , to] = $("ends").children;
  [from.textContent, to.textContent] = shown.ends;
  frame();
  show(first());
}

// A checkbox for each target, which keeps its state from case to case.
function targets() {
  const off = new Set([...$("targets").querySelectorAll("input:not(:checked)")].map((box) => box.value));
  $("targets").replaceChildren(...Object.keys(shown.outlines).map((target) => {
    const label = document.createElement("label"), box = document.createElement("input"), key = document.createElement("i");
    Object.assign(box, {type: "checkbox", value: target, checked: !off.has(target), onchange: outline});
    key.style.background = COLORS[target];
    label.append(box, key, target);
    return label;
  }));
}

// How much each slice shows of each target, above its place on the slider: of lesions half as high, so that both are seen.
function profile() {
  const n = shown.images.length;
  $("profile").setAttribute("viewBox", `0 0 ${Math.max(n - 1, 1)} 1`);
  const all = Object.entries(shown.areas).sort(([a], [b]) => (a === "lesion") - (b === "lesion"));
  $("profile").replaceChildren(...all.map(([target, areas]) => {
    const most = Math.max(...areas, 1) * (target === "lesion" ? 2 : 1);
    const bars = areas.map((area, i) => area ? `M${i - 0.5} 1v${-Math.max(0.08, area / most)}h1V1z` : "").join("");
    return svg("path", {d: bars, fill: COLORS[target]});
  }), svg("path", {id: "mark", fill: "none", stroke: "currentColor", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke"}));
}

// The part of the slice that is seen.
function frame() {
  const {width, height, box} = shown;
  const [top, left, h, w] = $("zoom").checked && box ? box : [0, 0, height, width];
  const scale = Math.max(w / width, h / height);  // both ways alike
  const x = Math.min(Math.max(left + w / 2 - scale * width / 2, 0), width * (1 - scale));
  const y = Math.min(Math.max(top + h / 2 - scale * height / 2, 0), height * (1 - scale));
  overlay.setAttribute("viewBox", `${x} ${y} ${scale * width} ${scale * height}`);
  Object.assign(image.style, {width: `${100 / scale}%`, height: `${100 / scale}%`,
    left: `${-100 * x / width / scale}%`, top: `${-100 * y / height / scale}%`});
  $("zoom").parentElement.hidden = !box;
}

function outline() {
  for (const path of overlay.children) {
    const box = $("targets").querySelector(`[value="${path.dataset.target}"]`);
    box.disabled = !$("outlines").checked;
    path.setAttribute("d", $("outlines").checked && box.checked ? shown.outlines[path.dataset.target][index] : "");
  }
}

function show(which) {
  const n = shown.images.length;
  index = Math.min(Math.max(which, 0), n - 1);
  image.src = shown.images[index];
  outline();
  const seen = Object.keys(shown.areas).filter((target) => shown.areas[target][index]);
  const where = n > 1 ? `Slice ${index + 1} of ${n}` : `Slice ${shown.names[0]}`;
  const text = `${where}: ${seen.join(" and ") || "nothing found"}`;
  $("where").textContent = where;
  $("slice").setAttribute("aria-label", text);
  $("index").value = index;
  $("index").setAttribute("aria-valuetext", text);
  $("mark").setAttribute("d", `M${index} 0V1`);
}

// Of single slices the next one is another case.
function step(by) {
  if (shown.images.length > 1) show(index + by);
  else go(current + Math.sign(by));
}

function go(which) {
  open(which);
  location.hash = current + 1;
}

function flip(id) {
  $(id).checked = !$(id).checked;
  $(id).dispatchEvent(new Event("change"));
}

const KEYS = {
  ArrowUp: () => step(1), ArrowRight: () => step(1), ArrowDown: () => step(-1), ArrowLeft: () => step(-1),
  PageUp: () => step(10), PageDown: () => step(-10), Home: () => show(0), End: () => show(Infinity),
  o: () => flip("outlines"), z: () => flip("zoom"), n: () => go(current + 1), p: () => go(current - 1),
};
document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});

let rolled = 0;
$("stage").addEventListener("wheel", (event) => {
  if (event.ctrlKey) return;  // zooms the page
  event.preventDefault();
  // A mouse's notch is a slice; a touchpad sends many small steps.
  const by = event.deltaMode || Math.abs(event.deltaY) >= 50 ? Math.sign(event.deltaY) * 25 : event.deltaY;
  rolled += by;
  const slices = Math.trunc(rolled / 25);
  rolled -= 25 * slices;
  if (slices) step(-slices);
}, {passive: false});

let drag = null;
$("stage").addEventListener("pointerdown", (event) => {
  drag = {x: event.clientX, y: event.clientY, index};
  $("stage").setPointerCapture(event.pointerId);
});
$("stage").addEventListener("pointermove", (event) => {
  if (!drag) return;
  // Fingers drag sideways, since up and down scrolls the page.
  const way = event.clientX - drag.x - (event.pointerType === "mouse" ? event.clientY - drag.y : 0);
  show(drag.index + Math.round(way / Math.min(Math.max($("stage").clientWidth / shown.images.length, 3), 20)));
});
for (const end of ["pointerup", "pointercancel"]) $("stage").addEventListener(end, () => { drag = null; });

$("index").addEventListener("input", () => show(+$("index").value));
$("outlines").addEventListener("change", outline);
$("zoom").addEventListener("change", frame);
$("up").addEventListener("click", () => step(1));
$("down").addEventListener("click", () => step(-1));
for (const cell of document.querySelectorAll("td[data-slice]")) {
  const button = document.createElement("button");
  Object.assign(button, {type: "button", textContent: cell.textContent, onclick: () => show(+cell.dataset.slice)});
  button.setAttribute("aria-label", `Show slice ${cell.textContent}`);
  cell.replaceChildren(button);
}
addEventListener("hashchange", () => open((parseInt(location.hash.slice(1)) || 1) - 1));

const narrow = matchMedia("(max-width: 64rem)");
$("list").hidden = cases.length < 2;
$("list").open = !narrow.matches;
cases.forEach((each, i) => {
  const item = document.createElement("li"), link = document.createElement("a");
  Object.assign(link, {href: `#${i + 1}`, textContent: each.querySelector("h2").textContent});
  link.onclick = () => { if (narrow.matches) $("list").open = false; };
  item.append(link);
  $("list").querySelector("ol").append(item);
});
$("case-keys").hidden = cases.length < 2;
$("viewer").hidden = false;
open(Math.min(Math.max((parseInt(location.hash.slice(1)) || 1) - 1, 0), cases.length - 1));
