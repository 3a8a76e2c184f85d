// SPDX-License-Identifier: Apache-2.0
// What runs are doing, in the section #runs, as the server tells it until none goes on.

const element = (id) => document.getElementById(id);

function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; number >= 1024 && unit < units.length - 1; ++unit) number /= 1024;
  return `${+number.toPrecision(3)} ${units[unit]}`;
}
const counted = (number, word) => `${number} ${word}${number === 1 ? "" : /(s|x|ch|sh)$/.test(word) ? "es" : "s"}`;

/** Leaves what is the same alone, so that a screen reader says only what is new. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

const goesOn = ({state}) => state === "running" || state === "stopping";
const stateOf = ({state}) => (state === "gone" ? "gone without a word; the same command goes on with what is not done" : state);

function scopesOf({scopes_ended: ended, scopes_expected: expected, scope_kind: kind}) {
  if (!kind) return "";
  return expected === undefined ? `${counted(ended, kind)} ended` : `${ended} of ${counted(expected, kind)}`;
}

/** One run; made once, so that it stays open or closed, and under the pointer, while its numbers change. */
class RunView {
  constructor(isOpen) {
    const make = (tag, className = "") => Object.assign(document.createElement(tag), {className});
    this.box = Object.assign(make("details", "run"), {open: isOpen});
    this.head = make("summary");
    this.scopes = make("p", "scopes");
    this.progress = make("progress");
    this.speed = make("p", "speed");
    this.memory = make("p", "memory");
    this.leased = Object.assign(make("meter"), {min: 0});
    this.table = make("table", "nodes");
    const caption = this.table.createCaption();
    caption.textContent = "How busy each node is";
    this.work = make("p", "work");
    this.failures = make("ul", "failures");
    this.failures.setAttribute("aria-live", "polite");
    this.allFailures = make("p", "failures");
    this.leased.setAttribute("aria-label", "Memory in flight against its cap");
    this.box.append(this.head, this.scopes, this.progress, this.speed, this.memory, this.leased, this.table, this.work,
      this.failures, this.allFailures);
  }

  show(run) {
    const {scope_kind: kind, scopes_expected: expected} = run;
    const on = `${run.part ? `part ${run.part} of ` : ""}${run.name} on ${run.host}, process ${run.process}`;
    write(this.head, `${on}${run.job && `, job ${run.job}`}: ${stateOf(run)}`);
    write(this.scopes, scopesOf(run));
    this.progress.hidden = expected === undefined;
    Object.assign(this.progress, {max: Math.max(1, expected ?? 1), value: run.scopes_ended});
    this.progress.setAttribute("aria-label", counted(2, kind || "scope").replace("2 ", ""));
    const speed = goesOn(run) ? run.packets_per_second : run.packets / Math.max(run.seconds, 1e-9);
    write(this.speed, run.packet_name && `${counted(run.packets, run.packet_name)}, ${speed.toFixed(1)}/s`);
    write(this.memory, `${bytes(run.leased_bytes)} of ${bytes(run.memory_bytes)} in flight, the process has ${bytes(run.rss_bytes)}`);
    Object.assign(this.leased, {max: run.memory_bytes, value: run.leased_bytes});
    this.showNodes(run.nodes);
    const more = run.scopes_in_work_count - run.scopes_in_work.length;
    write(this.work, goesOn(run) && run.scopes_in_work.length
      ? `In work: ${run.scopes_in_work.join(", ")}${more > 0 ? ` and ${more} more` : ""}` : "");
    const texts = run.failures.map(({scope, node, message}) => [scope, node, message].filter(Boolean).join(": "));
    if (this.failures.children.length !== texts.length || texts.some((text, i) => this.failures.children[i].textContent !== text))
      this.failures.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), {textContent: text})));
    write(this.allFailures, run.failure_count > texts.length ? `${run.failure_count} failures in all` : "");
  }

  showNodes(nodes) {
    while (this.table.rows.length < nodes.length) {
      const row = this.table.insertRow();
      row.append(Object.assign(document.createElement("th"), {scope: "row"}));
      row.insertCell().append(Object.assign(document.createElement("meter"), {min: 0, max: 1}));
      row.insertCell();
    }
    for (const [i, {name, share}] of nodes.entries()) {
      const [head, meter, percent] = this.table.rows[i].cells;
      write(head, name);
      meter.firstChild.value = share;
      meter.firstChild.setAttribute("aria-label", `Share of its time in which ${name} worked`);
      write(percent, `${Math.round(100 * share)} %`);
    }
  }
}

const views = new Map();  // by folder, and process of its machine

function groupText({count, runs, more = 0, running, gone, ended, scope_kind: kind, scopes_ended: scopes, failure_count: failures,
  packets_per_second: speed}) {
  if (count === 0) return `${runs[0].name}: ${stateOf(runs[0])}${failures ? `, ${counted(failures, "failure")}` : ""}`;
  return `${runs.length + more} of ${count} parts: ${running} running, ${gone} gone, ${ended} ended; ` +
    `${counted(scopes, kind || "scope")} ended, ${counted(failures, "failure")}, ${speed.toFixed(1)} packets/s`;
}

function show(folders) {
  const told = [], shown = [];
  for (const {folder, groups = [], problem} of folders) {
    const of = folders.length > 1 && folder ? `${folder}: ` : "";
    if (problem) told.push(`${of}${problem}`);
    for (const group of groups) {
      told.push(of + groupText(group));
      for (const run of group.runs) {
        const key = JSON.stringify([folder, run.part, run.host, run.process]);
        if (!views.has(key)) views.set(key, new RunView(group.count === 0 && goesOn(run)));
        views.get(key).show(run);
        shown.push(key);
      }
      if (group.more) told.push(`${counted(group.more, "run")} more ${group.more === 1 ? "is" : "are"} not shown one by one`);
    }
  }
  for (const key of [...views.keys()].filter((key) => !shown.includes(key))) {
    views.get(key).box.remove();
    views.delete(key);
  }
  const boxes = shown.map((key) => views.get(key).box), each = element("each");
  if (boxes.some((box, i) => each.children[i] !== box)) each.replaceChildren(...boxes);
  write(element("told"), told.join("; "));
  element("runs").hidden = told.length === 0;
}

/**
 * Shows what runs do while the page is in sight. `known` tells how many slides the page knows; `found` gets the number of
 * the first of slides that runs have finished since, and their names.
 */
export function followRuns(known, found) {
  let source = null;
  function listen() {
    source?.close();
    source = new EventSource(`live/${known()}`);
    source.addEventListener("message", ({data, target}) => {
      const {first, slides, folders, over} = JSON.parse(data);
      if (over) target.close();  // else it would ask anew
      show(folders);
      if (slides.length) found(first, slides);
    });
    source.addEventListener("error", ({target}) => {
      if (element("runs").hidden || target !== source) return;
      write(element("told"), target.readyState === EventSource.CLOSED
        ? "This page is not told what runs do: as many pages as can be served ask. Close one, and load this page again."
        : "The viewer does not answer; it is asked again.");
    });
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : listen()));
  listen();
}
