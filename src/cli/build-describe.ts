/** `kobako build --check` and `--call`: what a Dockerfile says of itself, as buildx shows it. */
import { invalid } from '../base/errors.ts';
import { parseBool } from '../base/parse-bool.ts';
import { describedJson } from '../build/describe-json.ts';
import type { BuildDescription, BuildRequest, Builds } from '../engine/builds-contract.ts';
import { quoted } from './build-progress.ts';
import { say, type CliContext } from './context.ts';
import { tabulate } from './table.ts';

const CALLS = { check: 'lint', lint: 'lint', outline: 'outline', targets: 'targets' } as const;

/** `outline,format=json`: what is asked, and how it is to be told. */
interface Call {
  readonly what: (typeof CALLS)[keyof typeof CALLS];
  readonly json: boolean;
  /** What the checks find is no failure of the command. */
  readonly ignoreStatus: boolean;
}

/** Gives the exit code. Throws `invalid` for a call that is not known. */
export async function describeBuild(context: CliContext, builds: Builds, request: BuildRequest, call: string): Promise<number> {
  const { what, json, ignoreStatus } = readCall(call);
  const description = await builds.describe(request, what);
  if (json) say(context, describedJson(what, description));
  else if (what === 'lint') sayChecks(context, description);
  else say(context, what === 'targets' ? targets(description) : outline(description));
  const failed = what === 'lint' && (description.warnings.length > 0 || description.error !== undefined);
  return failed && !ignoreStatus ? 1 : 0;
}

/** As buildx: every format but `json` is text. */
function readCall(text: string): Call {
  const [name = '', ...fields] = text.split(',');
  if (!Object.hasOwn(CALLS, name)) throw invalid(`invalid call ${JSON.stringify(name)}: build, check, outline and targets are there`);
  let [format, ignoreStatus]: [string, boolean | undefined] = ['', false];
  for (const field of fields) {
    const [key, value = ''] = field.split(/=(.*)/s);
    if (key === 'format') format = value;
    else if (key === 'ignorestatus') ignoreStatus = parseBool(value);
    else throw invalid(`invalid print field: ${field}`);
    if (ignoreStatus === undefined) throw invalid(`invalid print field: ${field}: it is true or false`);
  }
  return { what: CALLS[name as keyof typeof CALLS], json: format === 'json', ignoreStatus: ignoreStatus === true };
}

function sayChecks(context: CliContext, { warnings, error, source }: BuildDescription): void {
  const text = source.data.toString();
  const count = warnings.length;
  say(context, `Check complete, ${count === 0 ? 'no warnings found.' : count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`}`);
  for (const { rule, url, detail, ranges } of warnings) {
    say(context, `\nWARNING: ${rule}${url === '' ? '' : ` - ${url}`}\n${detail}\n${quoted(source.filename, text, ranges).trimEnd()}`);
  }
  if (error !== undefined) say(context, `\nERROR: ${error.message}\n${quoted(source.filename, text, error.ranges).trimEnd()}`);
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
