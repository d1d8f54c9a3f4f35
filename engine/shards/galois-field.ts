/** GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), the field of the erasure code. */

const exponents = new Uint8Array(510);
const logarithms = new Uint8Array(256);

for (let power = 0, value = 1; power < 255; power += 1) {
  exponents[power] = value;
  exponents[power + 255] = value;
  logarithms[value] = power;
  value <<= 1;
  if (value & 0x100) value ^= 0x11d;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : exponents[logarithms[a]! + logarithms[b]!]!;
}

/** 1 / a; a is not 0. */
export function inverse(a: number): number {
  return exponents[255 - logarithms[a]!]!;
}

/** All products of `coefficient`: 256 bytes. */
export function productsOf(coefficient: number): Uint8Array {
  const products = new Uint8Array(256);
  for (let value = 0; value < 256; value += 1) products[value] = multiply(coefficient, value);
  return products;
}

/** Square matrix, row by row; undefined when it is singular. */
export function invertMatrix(matrix: Uint8Array, size: number): Uint8Array | undefined {
  const left = matrix.slice();
  const right = new Uint8Array(size * size);
  for (let i = 0; i < size; i += 1) right[i * size + i] = 1;
  for (let column = 0; column < size; column += 1) {
    let pivot = column;
    while (pivot < size && left[pivot * size + column] === 0) pivot += 1;
    if (pivot === size) return undefined;
    swapRows(left, pivot, column, size);
    swapRows(right, pivot, column, size);
    const scale = inverse(left[column * size + column]!);
    addRow({ matrix: left, size, from: column, to: column, factor: scale ^ 1 });
    addRow({ matrix: right, size, from: column, to: column, factor: scale ^ 1 });
    for (let row = 0; row < size; row += 1) {
      const factor = row === column ? 0 : left[row * size + column]!;
      if (factor === 0) continue;
      addRow({ matrix: left, size, from: column, to: row, factor });
      addRow({ matrix: right, size, from: column, to: row, factor });
    }
  }
  return right;
}

interface RowAddition {
  readonly matrix: Uint8Array;
  readonly size: number;
  readonly from: number;
  readonly to: number;
  readonly factor: number;
}

/** row[to] += factor * row[from]; with from = to that scales the row by factor + 1. */
function addRow({ matrix, size, from, to, factor }: RowAddition): void {
  for (let i = 0; i < size; i += 1) matrix[to * size + i]! ^= multiply(factor, matrix[from * size + i]!);
}

function swapRows(matrix: Uint8Array, a: number, b: number, size: number): void {
  if (a === b) return;
  for (let i = 0; i < size; i += 1) {
    const held = matrix[a * size + i]!;
    matrix[a * size + i] = matrix[b * size + i]!;
    matrix[b * size + i] = held;
  }
}
