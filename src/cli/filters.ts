import { EngineError, invalid } from '../base/errors.ts';
import { WrongUsage, type Flags } from './flags.ts';

/** docker's exit code for a flag that cannot be read. */
const BAD_FLAG = 125;

/** What `--filter` was given, as the engine takes it: an empty text is none, keys are lower case. Throws `WrongUsage` in docker's words. */
export function filters(flags: Flags): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const [key, value] of read(flags)) (out[key] ??= []).push(value);
  return out;
}

function read(flags: Flags): (readonly [key: string, value: string])[] {
  try {
    return flags.readAll('filter', pair).filter(([key, value]) => key !== '' || value !== '');
  } catch (error) {
    throw error instanceof EngineError ? new WrongUsage(error.message, BAD_FLAG) : error;
  }
}

function pair(text: string): readonly [key: string, value: string] {
  if (text === '') return ['', ''];
  const equals = text.indexOf('=');
  if (equals < 0) throw invalid('bad format of filter (expected name=value)');
  return [text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim()];
}
