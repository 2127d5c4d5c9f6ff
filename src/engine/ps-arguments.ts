/** What of ps(1)'s arguments makes sense for the processes of one container: which columns. */
import { invalid } from '../base/errors.ts';
import { BSD, FULL, PS_COLUMNS, SHORT, USER_ORIENTED, type Column } from './ps-columns.ts';

/**
 * Selecting processes with `-e`, `-A`, `a`, `x` means nothing here, for all of the container's are shown; `-f`, `u` and
 * `-o LIST` choose columns. Throws `invalid` for everything else, in the words of ps.
 */
export function psColumns(text: string): readonly Column[] {
  const words = text.split(/\s+/).filter(Boolean).values();
  const own: Column[] = [];
  let format: readonly Column[] | undefined;
  let bsd = false;
  for (const word of words) {
    const long = /^--(?:format)(?:=(.*))?$/.exec(word);
    if (long !== null) {
      own.push(...listed(long[1] ?? words.next().value));
      continue;
    }
    if (word.startsWith('--')) throw unsupported('unknown gnu long option');
    // `-aux` is what people write for `aux`
    const dashed = word.startsWith('-') && !/^-a?ux/.test(word);
    const letters = word.replace(/^-/, '');
    bsd ||= !dashed;
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at]!;
      if (letter === 'o') {
        own.push(...listed(letters.slice(at + 1) || words.next().value));
        break;
      } else if (dashed ? letter === 'f' : letter === 'u') format = dashed ? FULL : USER_ORIENTED;
      else if (!(dashed ? 'eAadw' : 'axgw').includes(letter)) throw unsupported(dashed ? 'unsupported SysV option' : 'unsupported option (BSD syntax)');
    }
  }
  if (own.length > 0 && format !== undefined) throw unsupported('conflicting format options');
  const columns = own.length > 0 ? own : (format ?? (bsd ? BSD : SHORT));
  if (!columns.some(({ title }) => title === 'PID')) throw invalid("Couldn't find PID field in ps output");
  return columns;
}

/** `pid,user=WHO,args`; a title goes on to the end. */
function listed(text: string | undefined): Column[] {
  if (text === undefined || text === '') throw unsupported('list of format specifiers is missing');
  const [, before, title] = /^([^=]*)(?:=(.*))?$/s.exec(text)!;
  const names = before!.split(',');
  return names.map((each, at) => {
    if (!Object.hasOwn(PS_COLUMNS, each)) throw unsupported(`unknown user-defined format specifier "${each}"`);
    const column = PS_COLUMNS[each]!;
    return title !== undefined && at === names.length - 1 ? { ...column, title } : column;
  });
}

function unsupported(why: string): Error {
  return invalid(`ps: error: ${why}`);
}
