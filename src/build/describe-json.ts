/** What a Dockerfile says of itself, as the documents that BuildKit's frontend answers with. */
import type { BuildDescription, DescribedMount, SourceRange } from './contract.ts';

export function describedJson(what: 'targets' | 'outline' | 'lint', description: BuildDescription): string {
  const document = what === 'lint' ? lint(description) : what === 'outline' ? outline(description) : targets(description);
  return JSON.stringify(document, null, 2);
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
