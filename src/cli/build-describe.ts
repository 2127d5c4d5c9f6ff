/** `kobako build --check` and `--call`: what a Dockerfile says of itself, as buildx shows it. */
import { invalid } from '../base/errors.ts';
import type { BuildDescription, BuildRequest, Builds } from '../engine/builds-contract.ts';
import { quoted } from './build-progress.ts';
import { say, type CliContext } from './context.ts';
import { tabulate } from './table.ts';

const CALLS = { check: 'lint', lint: 'lint', outline: 'outline', targets: 'targets' } as const;

/** Gives the exit code. Throws `invalid` for a call that is not known. */
export async function describeBuild(context: CliContext, builds: Builds, request: BuildRequest, call: string): Promise<number> {
  if (!Object.hasOwn(CALLS, call)) throw invalid(`invalid call ${JSON.stringify(call)}: build, check, outline and targets are there`);
  const what = CALLS[call as keyof typeof CALLS];
  const description = await builds.describe(request, what);
  if (what === 'lint') return checked(context, description);
  const rows = what === 'targets' ? targets(description) : outline(description);
  say(context, rows);
  return 0;
}

function checked(context: CliContext, { warnings, error, source }: BuildDescription): number {
  const text = source.data.toString();
  const count = warnings.length;
  say(context, `Check complete, ${count === 0 ? 'no warnings found.' : count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`}`);
  for (const { rule, url, detail, ranges } of warnings) {
    say(context, `\nWARNING: ${rule}${url === '' ? '' : ` - ${url}`}\n${detail}\n${quoted(source.filename, text, ranges).trimEnd()}`);
  }
  if (error !== undefined) say(context, `\nERROR: ${error.message}\n${quoted(source.filename, text, error.ranges).trimEnd()}`);
  return count > 0 || error !== undefined ? 1 : 0;
}

function targets({ targets: all }: BuildDescription): string {
  const rows = all.map(({ name, default: isDefault, description }) => `${name}${isDefault ? `${name === '' ? '' : ' '}(default)` : ''}\t${description}`);
  return tabulate(['TARGET\tDESCRIPTION', ...rows].join('\n'));
}

function outline({ target, args, secrets, ssh }: BuildDescription): string {
  const table = (head: string, rows: readonly string[]): string[] => (rows.length === 0 ? [] : [tabulate([head, ...rows].join('\n'))]);
  const mounts = (of: BuildDescription['secrets']): string[] => of.map(({ name, required }) => `${name}\t${required ? 'true' : ''}`);
  return [
    [`TARGET: ${target.name === '' ? '(default)' : target.name}`, ...(target.description === '' ? [] : [`DESCRIPTION: ${target.description}`])].join('\n'),
    ...table(
      'BUILD ARG\tVALUE\tDESCRIPTION',
      args.map(({ name, value, description }) => `${name}\t${value}\t${description}`),
    ),
    ...table('SECRET\tREQUIRED', mounts(secrets)),
    ...table('SSH\tREQUIRED', mounts(ssh)),
  ].join('\n\n');
}
