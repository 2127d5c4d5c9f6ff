/** What `--log-driver` and `--log-opt` ask for. */
import { invalid } from '../base/errors.ts';
import { sizeBytes } from '../base/sizes.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import type { ContainerConfig, HostConfig } from './types/container.ts';

const OPTIONS = new Set(['max-size', 'max-file', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']);

/** Throws `invalid` in Docker's words. */
export function logSettings({ Type, Config }: HostConfig['LogConfig']): Pick<RunOptions, 'logDriver'> & Partial<Pick<RunOptions, 'logMaxSize' | 'logMaxFile'>> {
  if (Type !== 'json-file' && Type !== 'none' && Type !== 'local') throw invalid(`error looking up logging plugin ${Type}: plugin "${Type}" not found`);
  const words = Type === 'local' ? 'log driver local' : `${Type} log driver`;
  for (const key of Object.keys(Config)) if (!OPTIONS.has(key)) throw invalid(`unknown log opt '${key}' for ${words}`);
  const { mode = 'blocking' } = Config;
  if (mode !== '' && mode !== 'blocking' && mode !== 'non-blocking') throw invalid(`logger: logging mode not supported: ${mode}`);
  if (Config['max-buffer-size'] !== undefined && mode !== 'non-blocking')
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  const file = Config['max-file'];
  if (file !== undefined && !(Number(file) >= 1 && Number.isInteger(Number(file)))) throw invalid('max-file cannot be less than 1');
  return {
    logDriver: Type === 'none' ? 'none' : 'json-file',
    ...(Config['max-size'] === undefined || Config['max-size'] === '-1' ? {} : { logMaxSize: sizeBytes(Config['max-size']) }),
    ...(file === undefined ? {} : { logMaxFile: Number(file) }),
  };
}

/**
 * What is written beside each line of the log: the labels and variables that the options name, as `,"attrs":{…}`, or
 * '' for nothing.
 */
export function logAttributes({ Config }: HostConfig['LogConfig'], { Labels, Env }: ContainerConfig, id: string): string {
  const names = (key: string) => (Config[key] ?? '').split(',').filter(Boolean);
  const env = new Map((Env ?? []).map((entry) => entry.split(/=(.*)/s) as [string, string | undefined]));
  const attrs: Record<string, string> = {};
  for (const name of names('labels')) if (Object.hasOwn(Labels, name)) attrs[name] = Labels[name]!;
  for (const name of names('env')) if (env.get(name) !== undefined) attrs[name] = env.get(name)!;
  if (Config['tag']) attrs['tag'] = Config['tag'].replaceAll(/\{\{\s*\.ID\s*\}\}/g, id.slice(0, 12)).replaceAll(/\{\{\s*\.FullID\s*\}\}/g, id);
  return Object.keys(attrs).length === 0 ? '' : `,"attrs":${JSON.stringify(attrs)}`;
}
