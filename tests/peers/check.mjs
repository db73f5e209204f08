// SPDX-License-Identifier: ISC
//
// Points of a test, one line each: "ok WHAT" or "not ok WHAT", then what was
// found.  tests/lib.sh numbers them.

import { inspect, isDeepStrictEqual } from 'node:util';

let failed = 0;

function show(value) {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('latin1')).slice(0, 300);
  return inspect(value, { depth: 6, breakLength: Infinity }).slice(0, 1000);
}

export function pass(what) {
  console.log(`ok ${what}`);
}

export function fail(what, ...details) {
  failed++;
  console.log(`not ok ${what}`);
  for (const detail of details) console.log(`# ${String(detail).replaceAll('\n', '\n# ')}`);
}

export function ok(what, value, ...details) {
  if (value) pass(what);
  else fail(what, ...details);
  return Boolean(value);
}

export function is(what, got, wanted) {
  const same = got instanceof Uint8Array && wanted instanceof Uint8Array ?
    Buffer.compare(got, wanted) === 0 : isDeepStrictEqual(got, wanted);
  return ok(what, same, `got:    ${show(got)}`, `wanted: ${show(wanted)}`);
}

/** Many comparisons as one point: the first that differs is shown. */
export function all(what, cases) {
  for (const { name, got, wanted } of cases) {
    const same = got instanceof Uint8Array && wanted instanceof Uint8Array ?
      Buffer.compare(got, wanted) === 0 : isDeepStrictEqual(got, wanted);
    if (!same) {
      fail(what, name, `got:    ${show(got)}`, `wanted: ${show(wanted)}`);
      return false;
    }
  }
  return ok(`${what} (${cases.length} cases)`, cases.length > 0, 'no cases');
}

/** Run the parts of a test; what is thrown is a point, too. */
export async function run(parts) {
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      fail(part.name.replaceAll('_', ' '), error.stack ?? error);
    }
  }
  process.exit(failed ? 1 : 0);
}

/** Numbers that can be had again: xorshift32 from BERTH_SEED. */
let state = (Number(process.env.BERTH_SEED ?? 1) >>> 0) || 1;

export function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % n;
}
