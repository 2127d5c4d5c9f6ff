/** The flags of the commands on images: data that help and completion need, too. */
import type { Flag } from './flags.ts';
import { DOCUMENT_FORMAT_FLAG, FORMAT_FLAG } from './format-flags.ts';

const PLATFORM: Flag = { name: 'platform', kind: 'value', value: 'string', help: 'Set platform if server is multi-platform capable' };
const platform = (help: string): Flag => ({
  name: 'platform',
  kind: 'value',
  value: 'string',
  help: `${help}. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`,
});
const FILTER: Flag = { name: 'filter', short: 'f', kind: 'list', value: 'filter', help: 'Filter output based on conditions provided' };
const NO_TRUNC: Flag = { name: 'no-trunc', kind: 'flag', help: "Don't truncate output" };
const QUIET: Flag = { name: 'quiet', short: 'q', kind: 'flag', help: 'Only show image IDs' };

export const IMAGES_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Show all images (default hides intermediate images)' },
  { name: 'digests', kind: 'flag', help: 'Show digests' },
  FILTER,
  FORMAT_FLAG,
  NO_TRUNC,
  QUIET,
  { name: 'tree', kind: 'flag', help: 'List images with all their names (EXPERIMENTAL)' },
];
export const IMAGE_INSPECT_FLAGS: readonly Flag[] = [DOCUMENT_FORMAT_FLAG, platform('Inspect the image for the given platform')];
export const HISTORY_FLAGS: readonly Flag[] = [
  { name: 'human', short: 'H', kind: 'flag', help: 'Print sizes and dates in human readable format (default true)' },
  FORMAT_FLAG,
  NO_TRUNC,
  platform('Show history for the given platform'),
  QUIET,
];
export const RMI_FLAGS: readonly Flag[] = [
  { name: 'force', short: 'f', kind: 'flag', help: 'Force removal of the image' },
  { name: 'no-prune', kind: 'flag', help: 'Do not delete untagged parents' },
  { ...platform('Remove only what is for the given platform'), kind: 'list', value: 'strings' },
];
export const PRUNE_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Remove all unused images, not just dangling ones' },
  { name: 'filter', kind: 'list', value: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
  { name: 'force', short: 'f', kind: 'flag', help: 'Do not prompt for confirmation' },
];

const SILENT: Flag = { name: 'quiet', short: 'q', kind: 'flag', help: 'Suppress verbose output' };
const OUTPUT: Flag = { name: 'output', short: 'o', kind: 'value', value: 'string', help: 'Write to a file, instead of STDOUT' };
const ALL_TAGS: Flag = { name: 'all-tags', short: 'a', kind: 'flag', help: 'All tags of the repository' };
const TRUST: Flag = { name: 'disable-content-trust', kind: 'flag', help: 'Skip image verification (default true)' };

export const PULL_FLAGS: readonly Flag[] = [ALL_TAGS, TRUST, PLATFORM, SILENT];
export const PUSH_FLAGS: readonly Flag[] = [ALL_TAGS, TRUST, platform('Push only what is for the given platform'), SILENT];
export const LOAD_FLAGS: readonly Flag[] = [
  { name: 'input', short: 'i', kind: 'value', value: 'string', help: 'Read from tar archive file, instead of STDIN' },
  platform('Load only the given platform variant'),
  SILENT,
];
export const SAVE_FLAGS: readonly Flag[] = [OUTPUT, platform('Save only the given platform variant')];
export const IMPORT_FLAGS: readonly Flag[] = [
  { name: 'change', short: 'c', kind: 'list', value: 'list', help: 'Apply Dockerfile instruction to the created image' },
  { name: 'message', short: 'm', kind: 'value', value: 'string', help: 'Set commit message for imported image' },
  PLATFORM,
];
