"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const UNDECIDED = "undecided";
const PAUSE_AFTER_CHOICE = 220; // Milliseconds in which the rater sees what was chosen.
const choicesPerFace = data.faces[0].pictures.length;

let rater = "";
let trials = []; // What this rater is asked, in order: {face, question, pictures}.
let at = 0; // Index of the trial on the screen.
let answers = {}; // By "question/face": {order, choice, milliseconds}.
let busy = true; // While pictures load and right after a choice, input does nothing.
let visibleSince = null; // When the trial came on the screen, null while the page is hidden.
let viewed = 0; // Milliseconds that the trial was on the screen before that.

/* ---- The order for a rater, the same whenever the rater comes back ---- */

/** FNV-1a, 32 bits, over UTF-16 code units. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/** Numbers in [0, 1) from a seed: Marsaglia's xorshift, 32 bits. */
function randomFrom(seed) {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

/** Faces shuffled. Within each, the page's balanced order turned by one number for all faces: it stays balanced. */
function trialsFor(name) {
  const random = randomFrom(hash(data.study + "/" + name));
  for (let i = 0; i < 8; i++) random(); // Similar seeds start alike.
  const turn = Math.floor(random() * choicesPerFace);
  const faces = data.faces.slice();
  for (let i = faces.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [faces[i], faces[j]] = [faces[j], faces[i]];
  }
  return faces.flatMap((face) => {
    const pictures = face.pictures.map((_, i) => face.pictures[(i + turn) % choicesPerFace]);
    return data.questions.map((_, question) => ({ face, question: question + 1, pictures }));
  });
}

/* ---- What a reload keeps ---- */

function stored(key) {
  try {
    return JSON.parse(localStorage.getItem(`study/${data.study}/${key}`));
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(`study/${data.study}/${key}`, JSON.stringify(value));
  } catch {
    element("notice").hidden = false;
  }
}

const keep = () => store("rater/" + rater, { answers, at });

/* ---- Screens ---- */

function show(screen) {
  for (const id of ["start", "rating", "end"]) element(id).hidden = id !== screen;
  stopClock();
}

function showStart() {
  rater = "";
  store("current", "");
  show("start");
  element("rater").value = "";
  element("rater").focus();
}

function begin(name) {
  rater = name;
  trials = trialsFor(name);
  const kept = stored("rater/" + name) ?? {};
  answers = kept.answers ?? {};
  at = Math.min(kept.at ?? 0, trials.length);
  store("current", name);
  keep();
  if (at < trials.length) showTrial();
  else showEnd();
}

const idOf = (trial) => trial.question + "/" + trial.face.code;
const answerOf = (trial) => answers[idOf(trial)];
const answered = () => trials.filter(answerOf).length;

async function showTrial() {
  busy = true;
  show("rating");
  const trial = trials[at];
  element("status").textContent = `${at + 1} of ${trials.length}`;
  element("progress").max = trials.length;
  element("progress").value = answered();
  element("question").textContent = data.questions[trial.question - 1];
  const stage = element("stage");
  stage.classList.add("loading");
  stage.style.setProperty("--ratio", `${trial.face.width} / ${trial.face.height}`);
  element("degraded").hidden = !trial.face.degraded;
  const uris = trial.pictures.map((picture) => picture.uri);
  const loads = choiceButtons.map((button, i) => load(button.querySelector("img"), uris[i]));
  loads.push(load(element("truth").querySelector("img"), trial.face.truth));
  if (trial.face.degraded) loads.push(load(element("degraded").querySelector("img"), trial.face.degraded));
  markChoice(trial);
  element("back").disabled = at === 0;
  element("forward").disabled = !answerOf(trial);
  fit();
  await Promise.all(loads);
  if (trials[at] !== trial || element("rating").hidden) return;
  stage.classList.remove("loading");
  viewed = answerOf(trial)?.milliseconds ?? 0;
  startClock();
  busy = false;
}

function load(image, uri) {
  if (image.src !== uri) image.src = uri;
  return image.decode().catch(() => {});
}

function markChoice(trial) {
  const choice = answerOf(trial)?.choice;
  choiceButtons.forEach((button, i) => button.setAttribute("aria-pressed", trial.pictures[i].code === choice));
  element("undecided").setAttribute("aria-pressed", choice === UNDECIDED);
}

function showEnd() {
  show("end");
  const given = answered();
  const all = given === trials.length;
  element("end-title").textContent = all ? "Thank you!" : "Pause";
  element("end-text").textContent =
    `${given} of ${trials.length} answers are given. Save them as a file and send it to whoever gave you this page.`;
  element("saved").textContent = "";
  element("save").disabled = given === 0;
  element("save").focus();
}

/* ---- Time on the screen ---- */

function startClock() {
  visibleSince = document.hidden ? null : performance.now();
}

function stopClock() {
  if (visibleSince !== null) viewed += performance.now() - visibleSince;
  visibleSince = null;
}

/* ---- What a rater does ---- */

/** Chooses the picture at a position, from 0; anything else is "can't decide". */
function choose(position) {
  if (busy || element("rating").hidden) return;
  busy = true;
  stopClock();
  const trial = trials[at];
  answers[idOf(trial)] = {
    order: trial.pictures.map((picture) => picture.code),
    choice: trial.pictures[position]?.code ?? UNDECIDED,
    milliseconds: Math.round(viewed),
  };
  markChoice(trial);
  element("progress").value = answered();
  at += 1;
  keep();
  setTimeout(() => (at < trials.length ? showTrial() : showEnd()), PAUSE_AFTER_CHOICE);
}

function go(step) {
  if (busy || element("rating").hidden) return;
  if (step > 0 ? !answerOf(trials[at]) : at === 0) return;
  at += step;
  keep();
  if (at < trials.length) showTrial();
  else showEnd();
}

function review() {
  at = Math.min(at, trials.length - 1);
  keep();
  showTrial();
}

function pause() {
  if (!busy) showEnd();
}

function zoom() {
  const zoomed = element("stage").classList.toggle("zoomed");
  element("zoom").setAttribute("aria-pressed", zoomed);
}

/** All pictures show the same part when zoomed: the one under the pointer. */
function pointAt(event) {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  const box = frame.getBoundingClientRect();
  const stage = element("stage").style;
  stage.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
  stage.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
}

function csv() {
  const lines = trials.filter(answerOf).map((trial) => {
    const { order, choice, milliseconds } = answerOf(trial);
    return [data.study, rater, trial.question, trial.face.code, order.join(" "), choice, milliseconds].join(",");
  });
  return ["study,rater,question,face,order,choice,milliseconds", ...lines, ""].join("\n");
}

function save() {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.href = url;
  link.download = `answers-${data.study}-${rater}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  element("saved").textContent = `Saved as ${link.download}, where your browser puts downloads.`;
}

function key(event) {
  if (element("rating").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft" || event.key === "Backspace") go(-1);
  else if (event.key === "ArrowRight") go(1);
  else if (event.key === "0") choose(-1);
  else if (event.key === "z" || event.key === "Z") zoom();
  else if (event.key >= "1" && event.key <= String(choicesPerFace)) choose(Number(event.key) - 1);
  else return;
  event.preventDefault();
}

/* ---- The largest tiles that fit without scrolling, within reason ---- */

function fit() {
  if (element("rating").hidden) return;
  const face = trials[at].face;
  const [tiles, gap, border, caption, padding, least] = [choicesPerFace + (face.degraded ? 2 : 1), 10, 14, 30, 12, 120];
  const width = element("stage").clientWidth - padding;
  const height = element("stage").clientHeight - padding;
  const ratio = face.width / face.height;
  let best = { columns: 1, tile: 0 };
  for (let columns = 1; columns <= tiles; columns++) {
    const rows = Math.ceil(tiles / columns);
    const wide = (width - gap * (columns - 1)) / columns;
    const high = (height - gap * (rows - 1)) / rows - border - caption;
    const tile = Math.floor(Math.min(wide, high * ratio + border));
    if (tile > best.tile) best = { columns, tile };
  }
  // On a very small screen rather scroll than show stamps.
  if (best.tile < least) best = { columns: 2, tile: Math.floor((width - gap) / 2) };
  const style = element("stage").style;
  style.setProperty("--columns", best.columns);
  style.setProperty("--tile", `${best.tile}px`);
}

/* ---- Setting up ---- */

const choiceButtons = Array.from({ length: choicesPerFace }, (_, i) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "choice";
  button.setAttribute("aria-label", `Picture ${i + 1}`);
  button.setAttribute("aria-keyshortcuts", String(i + 1));
  button.innerHTML = `<div class="frame"><img alt="" draggable="false"></div><div class="caption"><span class="badge">${i + 1}</span></div>`;
  button.addEventListener("click", () => choose(i));
  element("stage").append(button);
  return button;
});

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
element("start-count").textContent = counted(data.faces.length, "picture");
element("start-questions").replaceChildren(
  ...data.questions.map((question) => Object.assign(document.createElement("li"), { textContent: question })),
);
element("start-form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin(element("rater").value);
});
element("back").addEventListener("click", () => go(-1));
element("forward").addEventListener("click", () => go(1));
element("undecided").addEventListener("click", () => choose(-1));
element("zoom").addEventListener("click", zoom);
element("stage").addEventListener("pointermove", pointAt);
element("save-now").addEventListener("click", pause);
element("save").addEventListener("click", save);
element("review").addEventListener("click", review);
element("another").addEventListener("click", showStart);
document.addEventListener("keydown", key);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stopClock();
  else if (!busy) startClock();
});
addEventListener("resize", fit);

const current = stored("current");
if (current) begin(current);
else showStart();
