// SPDX-License-Identifier: Apache-2.0
/* global L */
import {layersOf, turbo} from "./layers.js";
import {followRuns} from "./live.js";

const element = (id) => document.getElementById(id);
const side = 256;
const mostListed = 500;
let names = [], order = [], current = -1, map = null, opening = 0;

function say(problem) {
  element("problem").textContent = problem;
  element("problem").hidden = !problem;
}

/** Level-0 pixels throughout: x to the right, y down; at zoom `finest` one is a pixel of the screen. */
const pixels = (finest) => L.extend({}, L.CRS.Simple, {
  transformation: L.transformation(1, 0, 1, 0),
  scale: (zoom) => 2 ** (zoom - finest),
  zoom: (scale) => Math.log2(scale) + finest,
});

function list() {
  const wanted = element("search").value.toLowerCase();
  const found = order.filter((number) => names[number].toLowerCase().includes(wanted));
  const focused = document.activeElement?.closest("#slides a")?.hash;
  element("slides").replaceChildren(...found.slice(0, mostListed).map((number) => {
    const link = document.createElement("a");
    link.href = `#slide=${number}`;
    link.textContent = names[number];
    if (number === current) link.setAttribute("aria-current", "true");
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  if (focused) document.querySelector(`#slides a[href="${focused}"]`)?.focus();
  element("more").textContent = found.length > mostListed
    ? `The first ${mostListed} of ${found.length}: search for others.` : `${found.length} of ${names.length}`;
}

/** The values at a place, and the pictures of the tile there. */
function showValues(row, pictures) {
  const table = document.createElement("table");
  for (const [name, value] of Object.entries(row)) {
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const line = table.insertRow();
    line.append(head);
    line.insertCell().textContent = value;
  }
  element("values").replaceChildren(table, ...pictures.map(({name, source}) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const picture = Object.assign(document.createElement("img"), {src: source, alt: `The tile ${name}`});
    caption.textContent = name;
    picture.addEventListener("error", () => { caption.textContent = `${name}: it cannot be read`; });
    figure.append(picture, caption);
    return figure;
  }));
}

/** The switch, the opacity and the key of a layer. Each has a pane, which has its opacity. */
function addControl(entry, number) {
  const pane = map.createPane(`layer${number}`);
  pane.style.zIndex = 400 + number;
  const intoPane = (layer) => {
    layer.options.pane = `layer${number}`;
    if (layer.options.renderer) layer.options.renderer.options.pane = `layer${number}`;
    if (layer.eachLayer) layer.eachLayer(intoPane);
  };
  intoPane(entry.layer);
  pane.style.opacity = entry.opacity;
  const field = document.createElement("fieldset");
  const label = document.createElement("label"), box = document.createElement("input");
  const range = document.createElement("input");
  box.type = "checkbox";
  box.checked = !entry.off;
  box.addEventListener("change", () => (box.checked ? entry.layer.addTo(map) : entry.layer.remove()));
  label.append(box);
  if (entry.color) {
    const key = document.createElement("span");
    key.className = "key";
    key.style.background = entry.color;
    label.append(key);
  }
  label.append(entry.name);
  Object.assign(range, {type: "range", min: 0, max: 1, step: 0.05, value: entry.opacity});
  range.setAttribute("aria-label", `Opacity of ${entry.name}`);
  range.addEventListener("input", () => { pane.style.opacity = range.value; });
  field.append(label, range);
  if (entry.scale) field.append(...scaleOf(entry.scale));
  if (entry.note) field.append(entry.note);
  element("layers").append(field);
  if (!entry.off) entry.layer.addTo(map);
}

function scaleOf([low, high]) {
  const bar = Object.assign(document.createElement("canvas"), {width: 128, height: 1, className: "scale", role: "img", ariaLabel: `Colours from ${low} to ${high}`});
  const context = bar.getContext("2d");
  for (let i = 0; i < 128; ++i) {
    context.fillStyle = turbo(i / 127);
    context.fillRect(i, 0, 1, 1);
  }
  const ends = document.createElement("div");
  ends.className = "ends";
  for (const value of [low, high]) ends.append(Object.assign(document.createElement("span"), {textContent: value}));
  return [bar, ends];
}

const ScaleBar = L.Control.extend({
  options: {position: "bottomleft"},
  onAdd(of) {
    const bar = L.DomUtil.create("div", "leaflet-control-scale-line");
    const update = () => {
      const {mpp, finest} = of.slide;
      const microns = (mpp ?? 1) * 2 ** (finest - of.getZoom()) * 150;  // what 150 pixels of the screen show
      const unit = 10 ** Math.floor(Math.log10(microns));
      const length = unit * [5, 2, 1].find((times) => times * unit <= microns);
      bar.style.width = `${150 * length / microns}px`;
      bar.textContent = mpp ? (length >= 1000 ? `${length / 1000} mm` : `${length} µm`) : `${length} pixels`;
    };
    of.on("zoomend", update).whenReady(update);
    return bar;
  },
});

function showPlace(at) {
  const {finest, objective_power: power, mpp} = map.slide;
  const scale = 2 ** (map.getZoom() - finest);
  const zoom = power ? `${+(power * scale).toPrecision(3)}x` : mpp ? `${+(mpp / scale).toPrecision(3)} µm/pixel` : `1:${1 / scale}`;
  element("place").textContent = `x ${Math.floor(at.lng)}, y ${Math.floor(at.lat)} · ${zoom}`;
}

/** The part of the link behind #, as {slide, x, y, zoom}. */
const fromLink = () => Object.fromEntries([...new URLSearchParams(location.hash.slice(1))].map(([k, v]) => [k, Number(v)]));

function keepLink() {
  const at = map.getCenter();
  history.replaceState(null, "", `#slide=${current}&x=${Math.round(at.lng)}&y=${Math.round(at.lat)}&zoom=${map.getZoom()}`);
}

async function open(number, view = {}) {
  const turn = ++opening;
  current = number;
  list();
  say("");
  map?.remove();
  map = null;
  for (const id of ["layers", "values", "facts"]) element(id).replaceChildren();
  element("name").textContent = names[number];
  document.title = `${names[number]} · flowrun view`;
  const response = await fetch(`slides/${number}.json`);
  const text = await response.text();
  if (turn !== opening) return;
  if (!response.ok) return say(text);
  const slide = {...JSON.parse(text), url: `slides/${number}`};
  slide.finest = Math.max(0, Math.ceil(Math.log2(Math.max(slide.width, slide.height) / side)));
  element("facts").textContent = `${slide.width} x ${slide.height} pixels, ` +
    (slide.mpp ? `${+slide.mpp.toPrecision(4)} µm a pixel` : "MPP not known") + `, ${slide.vendor}` +
    slide.notes.map((note) => `; ${note}`).join("");
  map = L.map("map", {crs: pixels(slide.finest), minZoom: 0, maxZoom: slide.finest + 3, attributionControl: false,
    zoomAnimation: false});
  map.slide = slide;
  const whole = [[0, 0], [slide.height, slide.width]];
  const tiles = L.tileLayer("", {tileSize: side, bounds: whole, noWrap: true, maxNativeZoom: slide.finest, maxZoom: slide.finest + 3});
  tiles.getTileUrl = ({x, y, z}) => `slides/${number}/${slide.finest - z}/${x}/${y}.jpg`;
  tiles.on("tileerror", () => say("Part of the slide cannot be read: it is left empty."));
  tiles.addTo(map);
  if ("zoom" in view) map.setView([view.y, view.x], view.zoom);
  else map.fitBounds(whole);
  new ScaleBar().addTo(map);
  map.on("mousemove", (event) => showPlace(event.latlng)).on("moveend", keepLink);
  showPlace(map.getCenter());
  keepLink();
  const shown = [];
  const showAt = ({lng, lat}) => {
    const found = shown.filter(({layer}) => map.hasLayer(layer)).map((entry) => ({entry, row: entry.at?.(lng, lat)}));
    showValues(Object.assign({}, ...found.map(({row}) => row)),
      found.flatMap(({entry, row}) => (row && entry.pictures?.(row)) ?? []));
  };
  map.on("click", ({latlng}) => showAt(latlng)).on("keydown", ({originalEvent: {key, target}}) => {
    if (key === "Enter" && target === map.getContainer()) showAt(map.getCenter());
  });
  for (const [i, file] of slide.layers.entries()) {
    try {
      const entries = await layersOf(`${slide.url}/layers/${i}`, file, slide);
      if (turn !== opening) return;
      for (const entry of entries) addControl(entry, shown.push(entry));
    } catch (problem) {
      say(problem.message);
    }
  }
}

document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = {n: 1, p: -1}[event.key];
  const next = order[order.indexOf(current) + step];
  if (step && next !== undefined) open(next);
});
element("search").addEventListener("input", list);
window.addEventListener("hashchange", () => {
  const {slide = 0, ...view} = fromLink();
  if (names[slide] !== undefined) open(slide, view);
});

/** Slides from a number on; runs finish them in any order. */
function know(first, more) {
  names = [...names.slice(0, first), ...more];
  order = [...names.keys()].sort((a, b) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b));
  list();
}

know(0, await (await fetch("slides.json")).json());
const {slide: first = 0, ...view} = fromLink();
if (names.length) open(names[first] === undefined ? 0 : first, view);
else element("name").textContent = "No slide is done yet";
followRuns(() => names.length, (from, more) => {
  know(from, more);
  if (current < 0) open(order[0]);
});
