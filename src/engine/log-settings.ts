/** What `--log-driver` and `--log-opt` ask for. */
import { parseBool } from '../base/parse-bool.ts';
import { invalid } from '../base/errors.ts';
import { sizeBytes } from '../base/sizes.ts';
import type { RunOptions } from '../runtime/run-options.ts';
import { checkAttributeOptions } from './log-attributes.ts';
import type { HostConfig } from './types/container.ts';

const FILE_OPTIONS = ['max-size', 'max-file', 'compress', 'mode', 'max-buffer-size'];
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'json-file': [...FILE_OPTIONS, 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
  local: FILE_OPTIONS,
};
/** What the driver `local` keeps when nothing is asked. */
const LOCAL = { size: 20 << 20, files: 5 };

type Settings = Pick<RunOptions, 'logDriver'> & Partial<Pick<RunOptions, 'logMaxSize' | 'logMaxFile'>>;

/** The driver `local` is a file in Docker's JSON, too, with that driver's limits. Throws `invalid` in Docker's words. */
export function logSettings({ Type, Config }: HostConfig['LogConfig']): Settings {
  // its options mean nothing: as in Docker they are not looked at
  if (Type === 'none') return { logDriver: 'none' };
  const known = Object.hasOwn(OPTIONS, Type) ? OPTIONS[Type] : undefined;
  if (known === undefined) throw invalid(`error looking up logging plugin ${Type}: plugin "${Type}" not found`);
  const words = Type === 'local' ? 'log driver local' : `${Type} log driver`;
  for (const key of Object.keys(Config)) if (!known.includes(key)) throw invalid(`unknown log opt '${key}' for ${words}`);
  checkMode(Config);
  checkAttributeOptions(Config);
  const local = Type === 'local' ? LOCAL : undefined;
  const size = maxSize(Config['max-size']) ?? local?.size;
  const files = maxFile(Config['max-file']) ?? local?.files;
  if (compresses(Config['compress']) && ((files ?? 1) < 2 || size === undefined))
    throw notStarted('compress cannot be true when max-file is less than 2 or max-size is not set');
  return {
    logDriver: 'json-file',
    ...(size === undefined ? {} : { logMaxSize: size }),
    ...(files === undefined ? {} : { logMaxFile: files }),
  };
}

/** Whether rotated files are asked to be packed. Throws `invalid` for what is no truth value of Go's. */
export function compresses(text: string | undefined): boolean {
  if (text === undefined || text === '') return false;
  const packed = parseBool(text);
  if (packed === undefined) throw notStarted(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  return packed;
}

function checkMode({ mode = '', 'max-buffer-size': buffer }: HostConfig['LogConfig']['Config']): void {
  if (mode !== '' && mode !== 'blocking' && mode !== 'non-blocking') throw invalid(`logger: logging mode not supported: ${mode}`);
  if (buffer === undefined) return;
  if (mode !== 'non-blocking') throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  try {
    sizeBytes(buffer);
  } catch (error) {
    throw invalid(`error parsing option max-buffer-size: ${(error as Error).message}`);
  }
}

function maxSize(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const size = sizeBytes(text);
  if (size === 0) throw notStarted('max-size must be a positive number');
  return size;
}

function maxFile(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw notStarted(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) < 1) throw invalid('max-file cannot be less than 1');
  return Number(text);
}

/** Docker finds these out when the container is started. */
function notStarted(why: string): Error {
  return invalid(`failed to initialize logging driver: ${why}`);
}
