/** Parser directives: `# escape=`, `# syntax=`, `# check=` before anything else in the file. */
import { parseBool } from '../../base/parse-bool.ts';
import type { CheckSettings } from './ast.ts';
import { wrong } from './failure.ts';
import { goQuote } from '../../base/go-quote.ts';
import { cut, skipSpace, trimSpace } from './text.ts';

const KNOWN = new Set(['escape', 'syntax', 'check']);

/** Reads lines as long as they are directives. */
export class Directives {
  readonly values = new Map<string, string>();
  escape: '\\' | '`' = '\\';
  #done = false;

  /** Whether the line (without leading space) is one. Throws for one given twice and for an escape that cannot be. */
  take(line: string): boolean {
    if (this.#done) return false;
    const directive = readDirective(line);
    if (directive === undefined) {
      this.#done = true;
      return false;
    }
    const { name, value } = directive;
    if (this.values.has(name)) throw wrong(`only one ${name} parser directive can be used`);
    this.values.set(name, value);
    if (name === 'escape') {
      if (value !== '\\' && value !== '`') throw wrong(`invalid escape token '${value}' does not match \` or \\`);
      this.escape = value;
    }
    return true;
  }
}

function readDirective(line: string): { readonly name: string; readonly value: string } | undefined {
  if (!line.startsWith('#')) return undefined;
  const [left, right] = cut(line.slice(skipSpace(line, 1)), '=') ?? [];
  if (left === undefined || right === undefined) return undefined;
  const name = trimSpace(left).toLowerCase();
  const value = trimSpace(right);
  return KNOWN.has(name) && value !== '' && skipSpace(left) === 0 ? { name, value } : undefined;
}

/** What a text's directives are, also where the rest of it is no Dockerfile. */
export function leadingDirectives(text: string): ReadonlyMap<string, string> {
  const directives = new Directives();
  try {
    for (const line of (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n')) if (!directives.take(trimSpace(line))) break;
  } catch {
    // as far as they can be read
  }
  return directives.values;
}

/** `skip=A,B;error=true`, `skip=all`, `experimental=all`. Throws `invalid` in BuildKit's words. */
export function parseCheck(text: string): CheckSettings {
  const settings = { skip: [] as string[], skipAll: false, experimental: [] as string[], experimentalAll: false, error: false };
  if (trimSpace(text) === '') return settings;
  const names = (value: string) => value.split(',').map(trimSpace);
  for (const part of splitAtMost(trimSpace(text), 3)) {
    const [key, value] = cut(part, '=') ?? [];
    if (key === undefined || value === undefined) throw wrong(`failed to parse check options: invalid check option ${goQuote(part)}`);
    const trimmed = trimSpace(value);
    switch (trimSpace(key)) {
      case 'skip':
        if (trimmed === 'all') settings.skipAll = true;
        else settings.skip = names(trimmed);
        break;
      case 'experimental':
        if (trimmed === 'all') settings.experimentalAll = true;
        else settings.experimental = names(trimmed);
        break;
      case 'error': {
        const on = parseBool(trimmed);
        if (on === undefined) {
          throw wrong(
            `failed to parse check options: failed to parse check option ${goQuote(part)}: strconv.ParseBool: parsing ${goQuote(trimmed)}: invalid syntax`,
          );
        }
        settings.error = on;
        break;
      }
      default:
        throw wrong(`failed to parse check options: invalid check option ${goQuote(trimSpace(key))}`);
    }
  }
  return settings;
}

/** At `;`; what is left over stays in the last part. */
function splitAtMost(text: string, limit: number): string[] {
  const parts = text.split(';');
  return parts.length <= limit ? parts : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(';')];
}
