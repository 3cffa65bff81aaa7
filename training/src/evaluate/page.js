"use strict";
// The enlarged parts are the same picture, shown through a window.
for (const figure of document.querySelectorAll("figure")) {
  const face = figure.querySelector(".face");
  for (const part of figure.querySelectorAll(".zoom img")) {
    part.loading = "lazy";
    part.src = face.src;
  }
  const source = face.src;
  const truth = figure.parentElement.lastElementChild.querySelector(".face");
  const show = (from) => figure.querySelectorAll("img").forEach((picture) => { picture.src = from; });
  face.addEventListener("pointerdown", () => show(truth.src));
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) face.addEventListener(end, () => show(source));
}

const main = document.querySelector("main");
const controls = document.querySelector(".controls");
controls.addEventListener("change", () => {
  const { order, measure, column } = Object.fromEntries(new FormData(controls));
  const merit = {
    larger: (value) => value,
    smaller: (value) => -value,
    one: (value) => -Math.abs(Math.log(value)),
  }[controls.elements.measure.selectedOptions[0].dataset.ideal];
  const value = (article) =>
    merit(JSON.parse(article.querySelectorAll("figure")[column].dataset.figures)[measure]);
  const sign = order === "worst" ? 1 : -1;
  const compare = order === "name"
    ? (left, right) => left.dataset.name.localeCompare(right.dataset.name)
    : (left, right) => sign * (value(left) - value(right));
  main.append(...[...main.children].sort(compare));
});
// A browser may remember the choices of an earlier visit; the articles come worst first.
controls.reset();
