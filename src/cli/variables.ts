/** `--env` and `--env-file`. */
import { invalid } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import type { Flags } from './flags.ts';

/** The files' first, each in its order. A name alone takes its value from here. Throws `invalid` in docker's words. */
export function variables(flags: Flags, { env, readFile }: Pick<CliContext, 'env' | 'readFile'>): string[] {
  const own = (text: string) => (text.includes('=') ? [text] : env[text] === undefined ? [] : [`${text}=${env[text]}`]);
  const fromFiles = flags.list('env-file').flatMap((path) =>
    readFile(path)
      .split(/\r?\n/)
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !line.startsWith('#'))
      .flatMap((line) => {
        const name = line.split('=')[0]!;
        if (name === '') throw invalid(`poorly formatted environment: no variable name on line '${line}'`);
        if (/\s/.test(name)) throw invalid(`poorly formatted environment: variable '${name}' contains whitespaces`);
        return own(line);
      }),
  );
  // one that has no value here either is taken out of the image's
  const given = flags.readAll('env', variable).flatMap((text) => (text.includes('=') || env[text] !== undefined ? own(text) : [text]));
  return [...fromFiles, ...given];
}

function variable(text: string): string {
  if (text.startsWith('=') || text === '') throw invalid(`invalid environment variable: ${text}`);
  return text;
}
