/** What clients ask of a Dockerfile besides its build: `--check`, `--call=outline`, `--call=targets`. Answers are JSON documents. */
import { invalid } from '../base/errors.ts';
import type { BuildDescription, DescribedMount, SourceRange } from '../build/contract.ts';

const KINDS = { 'frontend.lint': 'lint', 'frontend.outline': 'outline', 'frontend.targets': 'targets' } as const;
const VERSION = '1.0.0';

export type Subrequest = keyof typeof KINDS;

/** What is to be described for it. Throws `invalid` for one that is not known. */
export function descriptionFor(request: string): (typeof KINDS)[Subrequest] {
  if (!Object.hasOwn(KINDS, request)) throw invalid(`unsupported request ${JSON.stringify(request)}`);
  return KINDS[request as Subrequest];
}

/** The answer as metadata of a result. */
export function subrequestAnswer(request: string, description: BuildDescription): Readonly<Record<string, Buffer>> {
  const kind = descriptionFor(request);
  const document = kind === 'lint' ? lint(description) : kind === 'outline' ? outline(description) : targets(description);
  const failed = kind === 'lint' && (description.warnings.length > 0 || description.error !== undefined);
  return {
    'result.json': Buffer.from(JSON.stringify(document, null, 2)),
    version: Buffer.from(VERSION),
    ...(failed ? { 'result.statuscode': Buffer.from('1') } : {}),
  };
}

function lint({ warnings, error, source }: BuildDescription): object {
  return {
    warnings: warnings.map(({ rule, description, url, detail, ranges }) => ({ ruleName: rule, description, url, detail, location: location(ranges) })),
    sources: [{ filename: source.filename, data: source.data.toString('base64'), language: 'Dockerfile' }],
    ...(error === undefined ? {} : { buildError: { message: error.message, location: location(error.ranges) } }),
  };
}

function outline({ target, args, secrets, ssh, source }: BuildDescription): object {
  return {
    ...(target.name === '' ? {} : { name: target.name }),
    ...(target.description === '' ? {} : { description: target.description }),
    args: args.map(({ name, value, description, ranges }) => ({
      name,
      ...(description === '' ? {} : { description }),
      ...(value === '' ? {} : { value }),
      location: location(ranges),
    })),
    secrets: secrets.map(mount),
    ssh: ssh.map(mount),
    sources: [source.data.toString('base64')],
  };
}

function mount({ name, required, ranges }: DescribedMount): object {
  return { name, ...(required ? { required } : {}), location: location(ranges) };
}

function targets({ targets: all, source }: BuildDescription): object {
  return {
    targets: all.map(({ name, default: isDefault, description, base, platform, ranges }) => ({
      ...(name === '' ? {} : { name }),
      ...(isDefault ? { default: true } : {}),
      ...(description === '' ? {} : { description }),
      base,
      ...(platform === '' ? {} : { platform }),
      location: location(ranges),
    })),
    sources: [source.data.toString('base64')],
  };
}

/** Protobuf's JSON: what is zero is left out. */
function location(ranges: readonly SourceRange[]): object {
  const place = ({ line, character }: SourceRange['start']): object => ({ line, ...(character === 0 ? {} : { character }) });
  return { ranges: ranges.map(({ start, end }) => ({ start: place(start), end: place(end) })) };
}
