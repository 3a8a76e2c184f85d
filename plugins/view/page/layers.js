// SPDX-License-Identifier: Apache-2.0
// What lies over a slide. Places are level-0 pixels as [y, x], which is what Leaflet calls latitude, longitude.
/* global L */

/** Rows of a CSV text (RFC 4180) as objects by column. */
export function parseCsv(text) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = 0; i < text.length; ++i) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[++i];
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") { row.push(cell); cell = ""; }
    else if (c === "\n") { row.push(cell); rows.push(row); row = []; cell = ""; }
    else if (c !== "\r") cell += c;
  }
  if (cell || row.length) rows.push([...row, cell]);
  const names = rows.shift() ?? [];
  return rows.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ""])));
}

/** Level-0 pixels that a tile is wide, or null where the files do not tell. */
export function tileExtent(row, slide) {
  const size = Number(row.size), mpp = Number(row.mpp), level = slide.downsamples[Number(row.level)];
  if (!(size > 0)) return null;
  if (mpp > 0 && slide.mpp) return size * mpp / slide.mpp;
  // Tiles at a magnification may be scaled, which their level does not tell.
  return level && !(mpp > 0) && !slide.objective_power ? size * level : null;
}

/** Google's colour map Turbo (A. Mikhailov, 2019), every 16th colour of it. */
const turboColors = [[48, 18, 59], [64, 64, 162], [70, 107, 227], [66, 147, 255], [40, 187, 236], [24, 220, 195],
  [49, 242, 153], [107, 254, 100], [162, 252, 60], [204, 237, 52], [237, 208, 58], [253, 173, 53], [251, 128, 34],
  [236, 82, 15], [210, 49, 5], [172, 23, 1], [122, 4, 3]];

/** The colour of Turbo at `x` from 0 to 1, as CSS has it. */
export function turbo(x) {
  const at = Math.max(0, Math.min(1, x)) * (turboColors.length - 1), i = Math.min(Math.floor(at), turboColors.length - 2);
  const mixed = turboColors[i].map((low, c) => Math.round(low + (at - i) * (turboColors[i + 1][c] - low)));
  return `rgb(${mixed.join(",")})`;
}

const palette = ["#e41a1c", "#377eb8", "#ff7f00", "#984ea3", "#a65628", "#f781bf", "#4daf4a", "#999999"];

/** What a row of tiles.csv, the layer at `url`, has pictures of: the tile as it lies on the slide, and as the run saved it. */
function picturesOf(row, slide, url) {
  const [x, y, level, size] = [row.x, row.y, row.level, row.size].map(Number), pictures = [];
  const window = Math.round(tileExtent(row, slide) / slide.downsamples[level]);
  if (x >= 0 && y >= 0 && window > 0 && window <= 16384)
    pictures.push({name: "on the slide", source: `${slide.url}/cut/${level}/${x}/${y}/${window}/${Math.min(size, 1024)}.png`});
  if (row.path) pictures.push({name: "as the run saved it", source: `${url}/tiles/${x}/${y}`});
  return pictures;
}

function squares(rows, slide, style) {
  const layer = L.layerGroup(), drawn = [];
  const renderer = L.canvas({padding: 0.2});
  for (const row of rows) {
    const extent = tileExtent(row, slide), x = Number(row.x), y = Number(row.y);
    if (extent === null || Number.isNaN(x) || Number.isNaN(y)) continue;
    L.rectangle([[y, x], [y + extent, x + extent]], {renderer, interactive: false, weight: 1, ...style(row)}).addTo(layer);
    drawn.push({row, x, y, extent});
  }
  const unknown = rows.length - drawn.length;
  return {
    layer,
    note: unknown ? `${unknown} tiles are left out: their size in level-0 pixels is not known` : "",
    at: (x, y) => drawn.find((tile) => x >= tile.x && x < tile.x + tile.extent && y >= tile.y && y < tile.y + tile.extent)?.row,
  };
}

/** Kept tiles, and those that were dropped by the reason why. */
function tileLayers(rows, slide, url) {
  const groups = new Map([["kept tiles", []]]);
  for (const row of rows) {
    const name = row.dropped_because ? `dropped: ${row.dropped_because}` : "kept tiles";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return [...groups].map(([name, of], i) => {
    const color = i === 0 ? "#1f4ed8" : palette[(i - 1) % palette.length];
    return {name: `${name} (${of.length})`, color, opacity: 0.8, pictures: (row) => picturesOf(row, slide, url),
      ...squares(of, slide, () => ({color, fillOpacity: 0.1}))};
  });
}

/** A heat map for each probability (columns p_CLASS) or number (predicted_TARGET). */
function heatLayers(rows, slide) {
  const columns = Object.keys(rows[0] ?? {}).filter((name) => /^(p|predicted)_/.test(name));
  return columns.map((column) => {
    const values = rows.map((row) => Number(row[column]));
    const [low, high] = column.startsWith("p_") ? [0, 1]
      : values.reduce(([least, most], v) => [Math.min(least, v), Math.max(most, v)], [Infinity, -Infinity]);
    const color = (row) => turbo(high > low ? (Number(row[column]) - low) / (high - low) : 0.5);
    return {name: column, scale: [low, high], opacity: 0.5, off: column !== columns.at(-1),
      ...squares(rows, slide, (row) => ({stroke: false, fillOpacity: 1, fillColor: color(row)}))};
  });
}

/** Whether a GeoJSON polygon, holes and all, has the point in it: a line from there crosses its rings an odd number of times. */
function isWithin({type, coordinates}, x, y) {
  const rings = {Polygon: coordinates, MultiPolygon: coordinates?.flat()}[type] ?? [];
  let within = false;
  for (const ring of rings)
    for (let i = 1; i < ring.length; ++i) {
      const [[ax, ay], [bx, by]] = [ring[i - 1], ring[i]];
      if ((ay > y) !== (by > y) && x < ax + (y - ay) * (bx - ax) / (by - ay)) within = !within;
    }
  return within;
}

/** Attention as predict_mil draws it: squares in colours of their own, by the share of other tiles with less. */
const isAttention = (name) => name.startsWith("attention/");

function regionLayers(geojson, slide, name) {
  const classes = new Map();
  const classOf = (feature) => feature.properties?.classification?.name ?? "no class";
  for (const feature of geojson.features ?? [geojson]) {
    const key = classOf(feature);
    if (!classes.has(key)) classes.set(key, []);
    classes.get(key).push(feature);
  }
  const [left, top] = slide.bounds;
  return [...classes].flatMap(([key, features], i) => {
    const rgb = features[0].properties?.classification?.color;
    const color = Array.isArray(rgb) ? `rgb(${rgb.join(",")})` : palette[i % palette.length];
    const made = (dx, dy) => ({
      layer: L.geoJSON(features, {
        coordsToLatLng: ([x, y]) => L.latLng(y + dy, x + dx), renderer: L.canvas({padding: 0.2}), interactive: false,
        style: isAttention(name) ? ({properties}) => ({stroke: false, fillOpacity: 1, fillColor: `rgb(${properties.color.join(",")})`})
          : {color, weight: 2, fillOpacity: 0.15},
        pointToLayer: (_, at) => L.circleMarker(at, {radius: 4, interactive: false}),
      }),
      at: (x, y) => {
        const found = features.find((feature) => isWithin(feature.geometry, x - dx, y - dy));
        return found && {...(isAttention(name) ? {} : {class: key}), ...found.properties?.measurements};
      },
    });
    // The file does not say from where it counts, which makes a difference only where bounds have a corner of their own.
    const shown = isAttention(name) ? {name: "attention (share of other tiles with less)", scale: [0, 1], opacity: 0.5}
      : {name: `${name}: ${key}`, color, opacity: 0.8};
    if (left === 0 && top === 0) return [{...shown, ...made(0, 0)}];
    return [{...shown, name: `${shown.name}, from the corner of the bounds`, ...made(left, top)},
      {...shown, name: `${shown.name}, from the corner of the slide`, off: true, ...made(0, 0)}];
  });
}

/**
 * The layers of one file of a slide; `at` of one gives the values of what it has at a place in level-0 pixels. Throws
 * Error that names the file.
 */
export async function layersOf(url, file, slide) {
  if (file === "mask.png")
    return [{name: "tissue", opacity: 0.4, off: true, layer: L.imageOverlay(url, [[0, 0], [slide.height, slide.width]], {alt: "tissue, white on black"})}];
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${file}: ${await response.text()}`);
  if (file === "tiles.csv") return tileLayers(parseCsv(await response.text()), slide, url);
  if (file === "predictions.csv") return heatLayers(parseCsv(await response.text()), slide);
  return regionLayers(await response.json(), slide, file);
}
