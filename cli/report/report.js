"use strict";
// Filters and sorts the gallery with its table, and copies tables. Without it all is there, unsorted.

function copyText(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => copyBySelection(text));
  }
  return Promise.resolve(copyBySelection(text));
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function tableText(table) {
  return [...table.rows].filter((row) => !row.hidden)
    .map((row) => [...row.cells].map((cell) => cell.textContent.trim().replace(/\s+/g, " ")).join("\t")).join("\n");
}

function addCopyButtons() {
  for (const table of document.querySelectorAll("table")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    const name = table.caption ? table.caption.textContent : "table";
    button.textContent = "Copy table";
    button.setAttribute("aria-label", "Copy table: " + name);
    button.addEventListener("click", async () => {
      button.textContent = await copyText(tableText(table)) ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy table"; }, 2000);
    });
    table.before(button);
  }
}

function setUpGallery(gallery) {
  const list = gallery.querySelector(".scopes");
  const body = gallery.querySelector("table.values tbody");
  const rows = body ? new Map([...body.rows].map((row) => [row.dataset.i, row])) : new Map();
  const scopes = [...list.children].map((card, place) => ({
    card, place, row: rows.get(card.dataset.i), name: card.dataset.name, status: card.dataset.status,
    values: card.dataset.v.split(",").map((text) => (text === "" ? NaN : Number(text))),
  }));
  const control = (name) => gallery.querySelector(`[name=${name}]`);
  const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;

  function compare(a, b) {
    const by = control("sort").value;
    const sign = control("descending").checked ? -1 : 1;
    if (by === "place") return sign * (a.place - b.place);
    if (by === "name") return sign * compareNames(a.name, b.name);
    if (by === "status") return sign * compareNames(a.status, b.status) || a.place - b.place;
    const x = a.values[Number(by)], y = b.values[Number(by)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.place - b.place;
    return sign * (x - y) || a.place - b.place;
  }

  function sort() {
    scopes.sort(compare);
    list.append(...scopes.map((scope) => scope.card));
    if (body) body.append(...scopes.map((scope) => scope.row).filter(Boolean));
  }

  function filter() {
    const text = control("search").value.trim().toLowerCase();
    const status = control("status").value;
    const only = ["outliers", "notes", "failures"].filter((name) => control(name).checked);
    let shown = 0;
    for (const { card, row, name, status: has } of scopes) {
      const wanted = name.toLowerCase().includes(text) && (status === "" || status === has) &&
        only.every((what) => what in card.dataset);
      card.hidden = !wanted;
      if (row) row.hidden = !wanted;
      shown += wanted;
    }
    gallery.querySelector("output").textContent = `${shown} of ${scopes.length} shown`;
  }

  for (const name of ["sort", "descending"]) control(name).addEventListener("change", sort);
  for (const name of ["search", "status", "outliers", "notes", "failures"]) control(name).addEventListener("input", filter);
  const figures = control("figure");
  if (figures) {
    figures.addEventListener("change", () => {
      for (const figure of list.querySelectorAll("figure"))
        figure.hidden = figures.value !== "" && figure.dataset.title !== figures.value;
    });
  }
  gallery.querySelector(".controls").hidden = false;
  filter();
}

addCopyButtons();
for (const gallery of document.querySelectorAll(".gallery")) setUpGallery(gallery);
