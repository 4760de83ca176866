// Frames around the cells of a picture that are marked or picked.

// Boxes [row, column, rows, columns] around cells: a single one if the cells fill it.
function frames(cells, all) {
  if (!cells.length) return [];
  const [rows, columns] = [cells.map(([row]) => row), cells.map(([, column]) => column)];
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  const [high, wide] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
  const isOne = new Set(cells.map(String)).size === high * wide || cells.length >= all;
  return isOne ? [[top, left, high, wide]] : cells.map(([row, column]) => [row, column, 1, 1]);
}

// A frame that is visible on light and dark colours and stays inside the picture.
function frame(pen, [row, column, rows, columns], size) {
  const style = getComputedStyle(document.documentElement);
  const thin = Math.max(1.5, Math.min(4, size / 5));
  const [x, y, w, h] = [column * size, row * size, columns * size, rows * size];
  const inside = Math.min(thin / 2, x || thin, y || thin);
  for (const [ink, width] of [["--ground", 2 * thin], ["--mark", thin]]) {
    pen.lineWidth = width;
    pen.strokeStyle = style.getPropertyValue(ink);
    pen.strokeRect(x + inside, y + inside, w - 2 * inside, h - 2 * inside);
  }
}

// Note the place of a cell of a picture in an attribute, or that there is none.
function note(canvas, name, cell) {
  if (cell) canvas.dataset[name] = cell.join(",");
  else delete canvas.dataset[name];
}
