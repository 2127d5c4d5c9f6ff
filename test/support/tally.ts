import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { projectDir } from './paths.ts';

/** Begins the reason of a file whose process a signal ended. */
export const ENDED_BY = 'its process was ended by';

/** What became of one test, or of one step that counts as a test. */
export interface TallyLine {
  readonly file: string;
  readonly name: string;
  /** `unsteady`: it failed, and passed when it was tried again (see second-try.ts). */
  readonly result: 'passed' | 'failed' | 'skipped' | 'unsteady';
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

/** Where the runner has to write, and what: pass these to `node --test`. `reporter`: the file: URL of what stands for ours. */
export function tallyArgs(file: string, reporter = new URL('tally-reporter.ts', import.meta.url).href): string[] {
  return [...['--test-reporter=spec', '--test-reporter-destination=stdout'], ...[`--test-reporter=${reporter}`, `--test-reporter-destination=${file}`]];
}

/**
 * What a runner's tally says. A runner that failed without a failed test, or that did not reach its end, adds a failed
 * line of its own, so that a crash never looks like a success.
 */
export function readTally(file: string, label: string, code: number): TallyLine[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const records = text.split('\n').filter(Boolean).map(parse);
  const lines = records.filter((record): record is TallyLine => record !== undefined && 'result' in record);
  const complete = records.some((record) => record !== undefined && 'end' in record);
  const prefixed = lines.map((line) => ({ ...line, name: `${label}: ${line.name}` }));
  if (!complete) prefixed.push({ file: '', name: label, result: 'failed', reason: `the runner did not reach its end (exit code ${code})` });
  else if (code !== 0 && !lines.some((line) => line.result === 'failed')) {
    prefixed.push({ file: '', name: label, result: 'failed', reason: `the runner exited with ${code}` });
  }
  return prefixed;
}

/** The files that took longest, for a line below the suite's report; empty where no file took a second. */
export function slowest(file: string): string {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const times = text
    .split('\n')
    .map(parse)
    .filter((record) => record !== undefined && 'ms' in record && record.ms >= 1000) as FileTime[];
  return times
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 8)
    .map((time) => `${relative(projectDir, time.file)} ${Math.round(time.ms / 1000)} s`)
    .join(', ');
}

interface FileTime {
  readonly file: string;
  readonly ms: number;
}

type TallyRecord = TallyLine | FileTime | { end: true };

function parse(text: string): TallyRecord | undefined {
  try {
    return JSON.parse(text) as TallyRecord;
  } catch {
    return undefined; // the last line of a runner that died while writing
  }
}

/** The closing summary: each test that was skipped, is unsteady or failed, with its reason, then one line with the counts. */
export function summary(lines: readonly TallyLine[]): string {
  const of = (result: TallyLine['result']) => lines.filter((line) => line.result === result);
  const list = (title: string, chosen: TallyLine[]) =>
    chosen.length === 0 ? [] : [`${title}:`, ...chosen.map((line) => `  ${line.name}${place(line)}: ${line.reason ?? ''}`), ''];
  const [passed, failed, skipped, unsteady] = [of('passed'), of('failed'), of('skipped'), of('unsteady')];
  const counts = `${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped${unsteady.length === 0 ? '' : `, ${unsteady.length} unsteady`}`;
  const lists = [...list('skipped', skipped), ...list('unsteady: failed among the others, passed alone', unsteady), ...list('failed', failed)];
  return [...lists, counts].join('\n');
}

function place(line: TallyLine): string {
  return line.file === '' ? '' : ` (${relative(projectDir, line.file)})`;
}
