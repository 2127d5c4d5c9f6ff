/** The flags of `kobako volume …`: data that help and completion need, too. */
import type { Flag } from './flags.ts';
import { DOCUMENT_FORMAT_FLAG, FORMAT_FLAG } from './format-flags.ts';
import { flag, list, value } from './run-flags.ts';

export const VOLUME_CREATE_FLAGS: readonly Flag[] = [
  { ...value('driver', 'Specify volume driver name (default "local")', 'string', 'd'), complete: ['local'] },
  { ...list('label', 'Set metadata for a volume'), complete: 'none' },
  { ...value('name', '', 'string'), hidden: true },
  { ...list('opt', 'Set driver specific options (type, device, o)', 'map', 'o'), complete: 'none' },
];

export const VOLUME_LS_FLAGS: readonly Flag[] = [
  { ...list('filter', 'Provide filter values (e.g. "dangling=true")', 'filter', 'f'), complete: 'none' },
  FORMAT_FLAG,
  flag('quiet', 'Only display volume names', 'q'),
];

export const VOLUME_INSPECT_FLAGS: readonly Flag[] = [DOCUMENT_FORMAT_FLAG];
export const VOLUME_RM_FLAGS: readonly Flag[] = [flag('force', 'Force the removal of one or more volumes', 'f')];
export const VOLUME_PRUNE_FLAGS: readonly Flag[] = [
  flag('all', 'Remove all unused volumes, not just anonymous ones', 'a'),
  { ...list('filter', 'Provide filter values (e.g. "label=<label>")', 'filter'), complete: 'none' },
  flag('force', 'Do not prompt for confirmation', 'f'),
];
