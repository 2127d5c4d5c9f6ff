/** What docker's own client printed, as `record.ts` kept it. */
import { readFileSync } from 'node:fs';
import type { Case } from './cases.ts';

export interface Recorded extends Case {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface Recording {
  readonly client: string;
  /** Unix time in seconds that the documents are made for. */
  readonly now: number;
  readonly cases: readonly Recorded[];
}

export const recording = JSON.parse(readFileSync(`${import.meta.dirname}/recorded.json`, 'utf8')) as Recording;

/** The command lines that begin so. */
export function recorded(...begin: readonly string[]): readonly Recorded[] {
  return recording.cases.filter(({ args }) => begin.every((word, i) => args[i] === word));
}
