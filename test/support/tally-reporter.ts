/** A node:test reporter: one JSON line per test (see Tally in tally.ts), and a last line that says that the run ended. */
import type { TestEvent } from 'node:test/reporters';
import { ENDED_BY, type TallyLine } from './tally.ts';

export default async function* tally(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names = new Map<string, string[]>();
  for await (const event of events) {
    if (event.type === 'test:start') {
      const open = names.get(event.data.file ?? '') ?? [];
      open.length = event.data.nesting;
      open.push(event.data.name);
      names.set(event.data.file ?? '', open);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const line = lineOf(event, names.get(event.data.file ?? '') ?? []);
      if (line !== undefined) yield `${JSON.stringify(line)}\n`;
    } else if (event.type === 'test:summary') {
      const { file, duration_ms: ms } = event.data;
      yield file === undefined ? '{"end":true}\n' : `${JSON.stringify({ file, ms })}\n`;
    }
  }
}

function lineOf(event: Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>, open: string[]): TallyLine | undefined {
  const { data } = event;
  const name = [...open.slice(0, data.nesting), data.name].join(' > ');
  const line = { file: data.file ?? '', name };
  const skip = data.skip ?? data.todo;
  if (skip !== undefined && skip !== false) {
    const given = typeof skip === 'string' ? skip : '';
    return { ...line, result: 'skipped', reason: given || (data.todo === undefined ? 'no reason given' : 'to do') };
  }
  const suite = data.details.type === 'suite';
  if (event.type === 'test:pass') return suite ? undefined : { ...line, result: 'passed' };
  const error = (data.details as { error?: Error & { failureType?: string; cause?: unknown; signal?: string | null } }).error;
  // The whole file: what it has not told became of no test.
  if (typeof error?.signal === 'string') return { ...line, result: 'failed', reason: `${ENDED_BY} ${error.signal}` };
  // A suite whose tests failed is counted by them; one whose hook failed is not.
  if (suite && error?.failureType === 'subtestsFailed') return undefined;
  const cause = error?.cause instanceof Error ? error.cause.message : String(error?.cause ?? error?.message ?? 'failed');
  return { ...line, result: 'failed', reason: cause.split('\n')[0]! };
}
