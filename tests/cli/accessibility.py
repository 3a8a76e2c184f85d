# SPDX-License-Identifier: Apache-2.0
"""What keeps people from reading a page that a Browser shows: by the accessibility tree that Chromium gives to screen
readers, and by the contrast of text (WCAG 2.2, 1.4.3, at level AA)."""

NAMED = {"button", "checkbox", "combobox", "ComboBoxMenuButton", "image", "img", "link", "listbox", "radio", "searchbox",
         "slider", "spinbutton", "switch", "tab", "textbox"}

STRUCTURE = """
const found = [], all = (selector) => [...document.querySelectorAll(selector)];
if (!document.documentElement.lang) found.push("the page has no lang");
if (!document.title) found.push("the page has no title");
if (all("main").length !== 1) found.push(`there are ${all("main").length} <main>`);
const levels = all("h1,h2,h3,h4,h5,h6").map((heading) => Number(heading.tagName[1]));
if (levels.filter((level) => level === 1).length !== 1) found.push(`headings of level 1: ${levels}`);
levels.forEach((level, i) => { if (i && level > levels[i - 1] + 1) found.push(`a heading's level is left out: ${levels}`); });
const ids = all("[id]").map((element) => element.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`the id ${id} is there twice`);
for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"])
  for (const element of all(`[${attribute}]`))
    for (const id of element.getAttribute(attribute).split(/\\s+/))
      if (!ids.includes(id)) found.push(`${attribute}="${id}" leads nowhere`);
for (const element of all("div[aria-label]:not([role]), span[aria-label]:not([role])"))
  found.push(`#${element.id} has a name, but no role that may have one`);
return found;
"""

CONTRAST = """
const probe = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
function rgba(color) {  // of any notation
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const isShape = (element) => element instanceof SVGGeometryElement && !(element instanceof SVGLineElement);
const found = new Set();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const text = texts.currentNode, element = text.parentElement;
  if (!text.data.trim() || element.closest("script, style, option, :disabled") || !element.checkVisibility?.({checkVisibilityCSS: true}))
    continue;
  element.scrollIntoView({block: "center", inline: "center"});
  const range = document.createRange();
  range.selectNodeContents(text);
  const box = range.getClientRects()[0] ?? element.getBoundingClientRect();
  if (box.width < 2 || box.height < 2 || box.right < 0) continue;  // said to screen readers only
  const stack = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const under = stack.includes(element) ? stack.slice(stack.indexOf(element)) : [];
  if (!under.length) for (let up = element; up; up = up.parentElement) under.push(up);
  const layers = [];
  for (const below of under) {
    if (below instanceof HTMLImageElement || below instanceof HTMLCanvasElement) {
      found.add(`"${text.data.trim().slice(0, 40)}" lies on a picture`);
      break;
    }
    const style = getComputedStyle(below);
    const color = rgba(isShape(below) ? style.fill : style.backgroundColor);
    if (isShape(below)) color[3] *= Number(style.fillOpacity);
    layers.push(color);
    if (color[3] === 1) break;
  }
  const ground = layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  const style = getComputedStyle(element), isSvg = element instanceof SVGElement;
  const ink = rgba(isSvg ? style.fill : style.color);
  for (let up = element; up; up = up.parentElement) ink[3] *= Number(getComputedStyle(up).opacity);
  const [light, dark] = [luminance(over(ink, ground)), luminance(ground)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5))
    found.add(`"${text.data.trim().slice(0, 40)}" has a contrast of ${ratio.toFixed(2)}, expected ${large ? 3 : 4.5} or more`);
}
window.scrollTo(0, 0);
return [...found];
"""


def problems(browser):
    """In words; none where the page can be read by everybody as far as a program can tell."""
    nodes = [node for node in browser.devtools("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = [node["role"]["value"] for node in nodes]
    if "main" not in roles:
        raise AssertionError(f"no accessibility tree of a page: {roles}")
    nameless = [f"a {role} has no name: {node.get('properties')}" for node, role in zip(nodes, roles)
                if role in NAMED and not node.get("name", {}).get("value", "").strip()]
    return nameless + browser.run(STRUCTURE) + browser.run(CONTRAST)
