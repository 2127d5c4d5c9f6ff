/** What is written beside each line of a container's log: labels, variables and the tag that its log options ask for. */
import { boundedPattern } from '../base/bounded-pattern.ts';
import { invalid } from '../base/errors.ts';
import { commandOf } from './container-document.ts';
import type { ContainerConfig, HostConfig } from './types/container.ts';

export interface Logged {
  readonly id: string;
  readonly name: string;
  readonly config: Pick<ContainerConfig, 'Labels' | 'Env' | 'Image' | 'Entrypoint' | 'Cmd'>;
  readonly hostConfig: Pick<HostConfig, 'LogConfig'>;
  readonly imageId: string;
}

type Options = HostConfig['LogConfig']['Config'];

const SHORT_ID = 12;

/** What a tag's `{{.ID}}` stands for. */
const TAG_FIELDS: Readonly<Record<string, (of: Logged) => string>> = {
  ID: ({ id }) => id.slice(0, SHORT_ID),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageName: ({ config }) => config.Image,
  // as in Docker, with `sha256:`
  ImageID: ({ imageId }) => imageId.slice(0, SHORT_ID),
  ImageFullID: ({ imageId }) => imageId,
  DaemonName: () => 'docker',
  Command: ({ config }) => commandOf(config).join(' '),
};

/** The text `,"attrs":{…}`, or '' for nothing. Throws as `checkAttributeOptions`. */
export function logAttributes(logged: Logged): string {
  const { Config } = logged.hostConfig.LogConfig;
  const { Labels, Env } = logged.config;
  const attrs: Record<string, string> = {};
  const variables = Object.fromEntries((Env ?? []).flatMap((entry) => (entry.includes('=') ? [entry.split(/=(.*)/s).slice(0, 2)] : [])) as [string, string][]);
  for (const [from, key] of [
    [Labels, 'labels'],
    [variables, 'env'],
  ] as const) {
    const names = new Set((Config[key] ?? '').split(','));
    const pattern = patternOf(Config, `${key}-regex`);
    for (const [name, value] of Object.entries(from)) if (names.has(name) || pattern?.(name)) attrs[name] = value;
  }
  if (Config['tag']) attrs['tag'] = tagOf(Config['tag'], logged);
  return attributesText(attrs);
}

/** Throws `invalid` in Docker's words for a pattern or a tag that is none. */
export function checkAttributeOptions(options: Options): void {
  patternOf(options, 'labels-regex');
  patternOf(options, 'env-regex');
  tagOf(options['tag'] ?? '', undefined);
}

/** As Docker writes them: sorted, with Go's escapes in JSON. */
export function attributesText(attrs: Readonly<Record<string, string>>): string {
  const names = Object.keys(attrs).sort();
  if (names.length === 0) return '';
  const escaped = (text: string) =>
    JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `,"attrs":{${names.map((name) => `${escaped(name)}:${escaped(attrs[name]!)}`).join(',')}}`;
}

function patternOf(options: Options, key: string): ((text: string) => boolean) | undefined {
  const text = options[key];
  if (text === undefined || text === '') return undefined;
  try {
    return boundedPattern(text);
  } catch {
    throw invalid(`failed to initialize logging driver: error parsing regexp: \`${text}\``);
  }
}

/** Without a container it is only checked. */
function tagOf(template: string, logged: Logged | undefined): string {
  const refuse = (why: string) => invalid(`failed to initialize logging driver: template: log-tag:1${why}`);
  let filled = '';
  // an expression would look for an end at each beginning
  for (let at = 0; ;) {
    const open = template.indexOf('{{', at);
    const close = open < 0 ? -1 : template.indexOf('}}', open + 2);
    if (open >= 0 && close < 0 && logged === undefined) throw refuse(': unclosed action');
    if (close < 0) return filled + template.slice(at);
    filled += template.slice(at, open) + actionOf(template.slice(open + 2, close), logged, refuse);
    at = close + 2;
  }
}

/** What stands between the braces, `-` cuts blanks off. */
function actionOf(inside: string, logged: Logged | undefined, refuse: (why: string) => Error): string {
  const text = inside.replace(/^-/, '').replace(/-$/, '').trim();
  const name = /^\.(\w+)$/.exec(text)?.[1];
  if (name === undefined) throw refuse(`: unexpected ${JSON.stringify(text)} in operand`);
  if (!Object.hasOwn(TAG_FIELDS, name)) throw refuse(`:2: executing "log-tag" at <.${name}>: can't evaluate field ${name} in type *logger.Info`);
  return logged === undefined ? '' : TAG_FIELDS[name]!(logged);
}
