"use strict";

const SIDE = 8;
const FULL = 16;
const grid = document.getElementById("grid");
const answer = document.getElementById("answer");
const chances = document.getElementById("chances");
const pixels = new Array(SIDE * SIDE).fill(0);
let drawing = false;

for (let cell = 0; cell < pixels.length; cell += 1) {
  grid.append(document.createElement("div"));
}

function show() {
  pixels.forEach((value, cell) => {
    const grey = 255 - Math.round((255 * value) / FULL);
    grid.children[cell].style.backgroundColor = `rgb(${grey} ${grey} ${grey})`;
  });
}

// A pen is wider than a cell: the neighbours get some of the ink.
function ink(cell) {
  const [row, column] = [Math.floor(cell / SIDE), cell % SIDE];
  for (const [down, right, strength] of [[0, 0, 12], [0, 1, 4], [1, 0, 4], [0, -1, 4], [-1, 0, 4]]) {
    const [y, x] = [row + down, column + right];
    if (y >= 0 && y < SIDE && x >= 0 && x < SIDE) {
      const at = y * SIDE + x;
      pixels[at] = Math.min(FULL, pixels[at] + strength);
    }
  }
  show();
}

async function ask() {
  const reply = await fetch("predict", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ pixels }),
  });
  const { digit, probabilities } = await reply.json();
  answer.textContent = String(digit);
  chances.replaceChildren(
    ...probabilities.map((probability, number) => {
      const row = document.createElement("tr");
      for (const text of [String(number), `${(100 * probability).toFixed(1)} %`]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
}

grid.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  const cell = [...grid.children].indexOf(document.elementFromPoint(event.clientX, event.clientY));
  if (cell >= 0) ink(cell);
});
grid.addEventListener("pointerdown", () => { drawing = true; });
window.addEventListener("pointerup", () => {
  if (drawing) ask();
  drawing = false;
});
document.getElementById("clear").addEventListener("click", () => {
  pixels.fill(0);
  answer.textContent = "";
  chances.replaceChildren();
  show();
});
show();
