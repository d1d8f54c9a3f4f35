// AssemblyScript: MD5. One body's blocks depend on each other, so a processor waits most of the time: bodies side by side, one a lane, cost
// hardly more than one. `steps`: for each of the 64 steps its constant (u32) and its word's place in `words` (u32, the number of
// the word times 32). `words`: scratch of 512 bytes, sixteen words of eight lanes.

// @ts-ignore: decorator
@inline
function turned(a: v128, bits: i32, b: v128): v128 {
  return i32x4.add(v128.or(i32x4.shl(a, bits), i32x4.shr_u(a, 32 - bits)), b);
}

// @ts-ignore: decorator
@inline
function fed(a: v128, step: usize, words: usize): v128 {
  return i32x4.add(a, i32x4.add(v128.load_splat<u32>(step), v128.load(words + <usize>load<u32>(step, 4))));
}

// @ts-ignore: decorator
@inline
function f(a: v128, b: v128, c: v128, d: v128, bits: i32, step: usize, words: usize): v128 {
  return turned(i32x4.add(fed(a, step, words), v128.xor(d, v128.and(b, v128.xor(c, d)))), bits, b);
}

// @ts-ignore: decorator
@inline
function g(a: v128, b: v128, c: v128, d: v128, bits: i32, step: usize, words: usize): v128 {
  return turned(i32x4.add(i32x4.add(fed(a, step, words), v128.andnot(c, d)), v128.and(b, d)), bits, b);
}

// @ts-ignore: decorator
@inline
function h(a: v128, b: v128, c: v128, d: v128, bits: i32, step: usize, words: usize): v128 {
  return turned(i32x4.add(fed(a, step, words), v128.xor(b, v128.xor(c, d))), bits, b);
}

// @ts-ignore: decorator
@inline
function k(a: v128, b: v128, c: v128, d: v128, bits: i32, step: usize, words: usize): v128 {
  return turned(i32x4.add(fed(a, step, words), v128.xor(c, v128.or(b, v128.not(d)))), bits, b);
}

/** The next block of four lanes to `words`, word by word. */
// @ts-ignore: decorator
@inline
function gather4(words: usize, lanes: usize, at: usize): void {
  const from0 = <usize>load<u32>(lanes) + at;
  const from1 = <usize>load<u32>(lanes, 4) + at;
  const from2 = <usize>load<u32>(lanes, 8) + at;
  const from3 = <usize>load<u32>(lanes, 12) + at;
  for (let i: usize = 0; i < 64; i += 16) {
    const x0 = v128.load(from0 + i), x1 = v128.load(from1 + i), x2 = v128.load(from2 + i), x3 = v128.load(from3 + i);
    const low0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5), high0 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const low1 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5), high1 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    const to = words + (i << 3);
    v128.store(to, v128.shuffle<i64>(low0, low1, 0, 2));
    v128.store(to, v128.shuffle<i64>(low0, low1, 1, 3), 32);
    v128.store(to, v128.shuffle<i64>(high0, high1, 0, 2), 64);
    v128.store(to, v128.shuffle<i64>(high0, high1, 1, 3), 96);
  }
}

/** Takes `blocks` blocks of 4 lanes. `lanes`: where each lane's bytes lie (u32), then their states: eight a, eight b, eight c, eight d (u32). */
export function md5x4(steps: usize, words: usize, lanes: usize, blocks: u32): void {
  let a = v128.load(lanes, 32), b = v128.load(lanes, 64), c = v128.load(lanes, 96), d = v128.load(lanes, 128);
  const end = (<usize>blocks) << 6;
  for (let at: usize = 0; at < end; at += 64) {
    gather4(words, lanes, at);
    const a0 = a, b0 = b, c0 = c, d0 = d;
    let step = steps;
    for (const round = steps + 128; step < round; step += 32) {
      a = f(a, b, c, d, 7, step, words);
      d = f(d, a, b, c, 12, step + 8, words);
      c = f(c, d, a, b, 17, step + 16, words);
      b = f(b, c, d, a, 22, step + 24, words);
    }
    for (const round = steps + 256; step < round; step += 32) {
      a = g(a, b, c, d, 5, step, words);
      d = g(d, a, b, c, 9, step + 8, words);
      c = g(c, d, a, b, 14, step + 16, words);
      b = g(b, c, d, a, 20, step + 24, words);
    }
    for (const round = steps + 384; step < round; step += 32) {
      a = h(a, b, c, d, 4, step, words);
      d = h(d, a, b, c, 11, step + 8, words);
      c = h(c, d, a, b, 16, step + 16, words);
      b = h(b, c, d, a, 23, step + 24, words);
    }
    for (const round = steps + 512; step < round; step += 32) {
      a = k(a, b, c, d, 6, step, words);
      d = k(d, a, b, c, 10, step + 8, words);
      c = k(c, d, a, b, 15, step + 16, words);
      b = k(b, c, d, a, 21, step + 24, words);
    }
    a = i32x4.add(a, a0), b = i32x4.add(b, b0), c = i32x4.add(c, c0), d = i32x4.add(d, d0);
  }
  v128.store(lanes, a, 32), v128.store(lanes, b, 64), v128.store(lanes, c, 96), v128.store(lanes, d, 128);
}

/** Takes `blocks` blocks of 8 lanes. `lanes`: where each lane's bytes lie (u32), then their states: eight a, eight b, eight c, eight d (u32). */
export function md5x8(steps: usize, words: usize, lanes: usize, blocks: u32): void {
  let a = v128.load(lanes, 32), b = v128.load(lanes, 64), c = v128.load(lanes, 96), d = v128.load(lanes, 128);
  let p = v128.load(lanes, 48), q = v128.load(lanes, 80), r = v128.load(lanes, 112), s = v128.load(lanes, 144);
  const end = (<usize>blocks) << 6;
  for (let at: usize = 0; at < end; at += 64) {
    gather4(words, lanes, at);
    gather4(words + 16, lanes + 16, at);
    const a0 = a, b0 = b, c0 = c, d0 = d, p0 = p, q0 = q, r0 = r, s0 = s;
    let step = steps;
    for (const round = steps + 128; step < round; step += 32) {
      a = f(a, b, c, d, 7, step, words);
      p = f(p, q, r, s, 7, step, words + 16);
      d = f(d, a, b, c, 12, step + 8, words);
      s = f(s, p, q, r, 12, step + 8, words + 16);
      c = f(c, d, a, b, 17, step + 16, words);
      r = f(r, s, p, q, 17, step + 16, words + 16);
      b = f(b, c, d, a, 22, step + 24, words);
      q = f(q, r, s, p, 22, step + 24, words + 16);
    }
    for (const round = steps + 256; step < round; step += 32) {
      a = g(a, b, c, d, 5, step, words);
      p = g(p, q, r, s, 5, step, words + 16);
      d = g(d, a, b, c, 9, step + 8, words);
      s = g(s, p, q, r, 9, step + 8, words + 16);
      c = g(c, d, a, b, 14, step + 16, words);
      r = g(r, s, p, q, 14, step + 16, words + 16);
      b = g(b, c, d, a, 20, step + 24, words);
      q = g(q, r, s, p, 20, step + 24, words + 16);
    }
    for (const round = steps + 384; step < round; step += 32) {
      a = h(a, b, c, d, 4, step, words);
      p = h(p, q, r, s, 4, step, words + 16);
      d = h(d, a, b, c, 11, step + 8, words);
      s = h(s, p, q, r, 11, step + 8, words + 16);
      c = h(c, d, a, b, 16, step + 16, words);
      r = h(r, s, p, q, 16, step + 16, words + 16);
      b = h(b, c, d, a, 23, step + 24, words);
      q = h(q, r, s, p, 23, step + 24, words + 16);
    }
    for (const round = steps + 512; step < round; step += 32) {
      a = k(a, b, c, d, 6, step, words);
      p = k(p, q, r, s, 6, step, words + 16);
      d = k(d, a, b, c, 10, step + 8, words);
      s = k(s, p, q, r, 10, step + 8, words + 16);
      c = k(c, d, a, b, 15, step + 16, words);
      r = k(r, s, p, q, 15, step + 16, words + 16);
      b = k(b, c, d, a, 21, step + 24, words);
      q = k(q, r, s, p, 21, step + 24, words + 16);
    }
    a = i32x4.add(a, a0), b = i32x4.add(b, b0), c = i32x4.add(c, c0), d = i32x4.add(d, d0);
    p = i32x4.add(p, p0), q = i32x4.add(q, q0), r = i32x4.add(r, r0), s = i32x4.add(s, s0);
  }
  v128.store(lanes, a, 32), v128.store(lanes, b, 64), v128.store(lanes, c, 96), v128.store(lanes, d, 128);
  v128.store(lanes, p, 48), v128.store(lanes, q, 80), v128.store(lanes, r, 112), v128.store(lanes, s, 144);
}

// @ts-ignore: decorator
@inline
function turned1(a: u32, mixed: u32, bits: i32, b: u32, step: usize, from: usize): u32 {
  return rotl<u32>(mixed + (a + load<u32>(step) + load<u32>(from + (<usize>load<u32>(step, 4) >> 3))), bits) + b;
}

/** Takes `blocks` blocks of the first lane alone. */
export function md5x1(steps: usize, lanes: usize, blocks: u32): void {
  let a = load<u32>(lanes, 32), b = load<u32>(lanes, 64), c = load<u32>(lanes, 96), d = load<u32>(lanes, 128);
  const first = <usize>load<u32>(lanes);
  const end = first + ((<usize>blocks) << 6);
  for (let from = first; from < end; from += 64) {
    const a0 = a, b0 = b, c0 = c, d0 = d;
    let step = steps;
    for (const round = steps + 128; step < round; step += 32) {
      a = turned1(a, d ^ (b & (c ^ d)), 7, b, step, from);
      d = turned1(d, c ^ (a & (b ^ c)), 12, a, step + 8, from);
      c = turned1(c, b ^ (d & (a ^ b)), 17, d, step + 16, from);
      b = turned1(b, a ^ (c & (d ^ a)), 22, c, step + 24, from);
    }
    for (const round = steps + 256; step < round; step += 32) {
      a = turned1(a, (b & d) + (c & ~d), 5, b, step, from);
      d = turned1(d, (a & c) + (b & ~c), 9, a, step + 8, from);
      c = turned1(c, (d & b) + (a & ~b), 14, d, step + 16, from);
      b = turned1(b, (c & a) + (d & ~a), 20, c, step + 24, from);
    }
    for (const round = steps + 384; step < round; step += 32) {
      a = turned1(a, b ^ c ^ d, 4, b, step, from);
      d = turned1(d, a ^ b ^ c, 11, a, step + 8, from);
      c = turned1(c, d ^ a ^ b, 16, d, step + 16, from);
      b = turned1(b, c ^ d ^ a, 23, c, step + 24, from);
    }
    for (const round = steps + 512; step < round; step += 32) {
      a = turned1(a, c ^ (b | ~d), 6, b, step, from);
      d = turned1(d, b ^ (a | ~c), 10, a, step + 8, from);
      c = turned1(c, a ^ (d | ~b), 15, d, step + 16, from);
      b = turned1(b, d ^ (c | ~a), 21, c, step + 24, from);
    }
    a += a0, b += b0, c += c0, d += d0;
  }
  store<u32>(lanes, a, 32), store<u32>(lanes, b, 64), store<u32>(lanes, c, 96), store<u32>(lanes, d, 128);
}
