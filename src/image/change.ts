/** `--change` of import and commit: the Dockerfile instructions that only change an image's config. */
import { invalid } from '../base/errors.ts';
import type { ContainerConfig, HealthConfig } from './contract.ts';

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;

/** The config after these instructions, in their order. Throws `invalid` in Docker's words for others, and for malformed ones. */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  return changes.reduce((current, change) => ({ ...current, ...applyChange(current, change) }), config);
}

function applyChange(config: ContainerConfig, change: string): Partial<ContainerConfig> {
  const [, name = '', rest = ''] = /^\s*([A-Za-z]+)\s*(.*)$/s.exec(change) ?? [];
  const text = rest.trim();
  if (text === '' && /^(cmd|entrypoint)$/i.test(name)) return /^cmd$/i.test(name) ? { Cmd: null } : { Entrypoint: null };
  if (text === '') throw invalid(`${name.toUpperCase() || 'an empty change'} requires at least one argument`);
  switch (name.toUpperCase()) {
    case 'CMD':
      return { Cmd: command(text) };
    case 'ENTRYPOINT':
      return { Entrypoint: command(text) };
    case 'ENV':
      return { Env: mergeEnv(config.Env ?? [], pairs(text, 'ENV')) };
    case 'LABEL':
      return { Labels: { ...config.Labels, ...Object.fromEntries(pairs(text, 'LABEL')) } };
    case 'EXPOSE':
      return {
        ExposedPorts: {
          ...config.ExposedPorts,
          ...Object.fromEntries(
            words(text)
              .flatMap(exposed)
              .map((port) => [port, {}]),
          ),
        },
      };
    case 'VOLUME':
      return { Volumes: { ...config.Volumes, ...Object.fromEntries((jsonList(text) ?? words(text)).map((path) => [path, {}])) } };
    case 'USER':
      return { User: single(text, 'USER') };
    case 'WORKDIR':
      return { WorkingDir: text.startsWith('/') ? text : `${config.WorkingDir ?? ''}/${text}` };
    case 'STOPSIGNAL':
      return { StopSignal: single(text, 'STOPSIGNAL') };
    case 'ONBUILD':
      return { OnBuild: [...(config.OnBuild ?? []), text] };
    case 'HEALTHCHECK':
      return { Healthcheck: healthcheck(text) };
    default:
      throw invalid(`${name} is not a valid change command`);
  }
}

/** The exec form as it is, the shell form for /bin/sh. */
function command(text: string): readonly string[] {
  return jsonList(text) ?? ['/bin/sh', '-c', text];
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Words with a shell's quotes and backslashes. */
function words(text: string): string[] {
  const out: string[] = [];
  for (const [word] of text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs)) {
    out.push(
      word.replace(
        /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs,
        (_all, escaped?: string, double?: string, quoted?: string) => escaped ?? double?.replace(/\\(.)/gs, '$1') ?? quoted ?? '',
      ),
    );
  }
  return out;
}

function pairs(text: string, name: string): [string, string][] {
  const all = words(text);
  // the old form: `ENV key the rest`
  if (all.length > 0 && !all[0]!.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (value === undefined) throw invalid(`${name} must have two arguments`);
    return [[key, value]];
  }
  return all.map((word) => {
    const equals = word.indexOf('=');
    if (equals <= 0) throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function mergeEnv(env: readonly string[], changes: readonly (readonly [string, string])[]): string[] {
  const out = new Map(env.map((entry) => [entry.split('=', 1)[0]!, entry]));
  for (const [key, value] of changes) out.set(key, `${key}=${value}`);
  return [...out.values()];
}

/** Each port of a range: a container is made of ports only. */
function exposed(text: string): string[] {
  const [, first, last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || to > 65_535 || from > to) throw invalid(`Invalid containerPort: ${text}`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

function single(text: string, name: string): string {
  if (words(text).length !== 1) throw invalid(`${name} requires exactly one argument`);
  return words(text)[0]!;
}

function healthcheck(text: string): HealthConfig {
  if (/^none$/i.test(text)) return { Test: ['NONE'] };
  const flags: Record<string, string> = {};
  const rest = text.replace(/^(?:--([a-z-]+)=(\S+)\s+)+/i, (all) => {
    for (const [, key, value] of all.matchAll(/--([a-z-]+)=(\S+)/gi)) flags[key!] = value!;
    return '';
  });
  const [, argument] = /^cmd\s+(.+)$/is.exec(rest) ?? [];
  if (argument === undefined) throw invalid(`Unknown type ${JSON.stringify(rest.split(/\s/, 1)[0]!.toUpperCase())} in HEALTHCHECK (try CMD)`);
  const list = jsonList(argument);
  const time = (key: string) => (flags[key] === undefined ? undefined : nanoseconds(flags[key], key));
  return {
    Test: list === undefined ? ['CMD-SHELL', argument] : ['CMD', ...list],
    ...(flags['interval'] === undefined ? {} : { Interval: time('interval')! }),
    ...(flags['timeout'] === undefined ? {} : { Timeout: time('timeout')! }),
    ...(flags['start-period'] === undefined ? {} : { StartPeriod: time('start-period')! }),
    ...(flags['start-interval'] === undefined ? {} : { StartInterval: time('start-interval')! }),
    ...(flags['retries'] === undefined ? {} : { Retries: Number(flags['retries']) }),
  };
}

function nanoseconds(text: string, name: string): number {
  const match = DURATION.exec(text);
  if (match === null || text === '') throw invalid(`invalid duration ${JSON.stringify(text)} for --${name}`);
  const [, hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = match.map((part) => Number(part ?? 0));
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1e9 + milliseconds * 1e6);
}
