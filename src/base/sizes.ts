import { invalid } from './errors.ts';

const STEPS = 'bkmgtp';

/** `64m`, `1.5GiB`, `1024`: bytes, steps of 1024, as docker's RAMInBytes. */
export function sizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text.trim());
  if (match === null) {
    const suffix = /^\d+(?:\.\d+)? ?([a-z]+)$/i.exec(text.trim())?.[1];
    throw invalid(suffix === undefined ? `invalid size: '${text}'` : `invalid suffix: '${suffix.toLowerCase()}'`);
  }
  const value = Math.trunc(Number(match[1]) * 1024 ** Math.max(0, STEPS.indexOf((match[2] ?? 'b').toLowerCase())));
  if (!Number.isSafeInteger(value)) throw invalid(`invalid size: '${text}' is out of range`);
  return value;
}
