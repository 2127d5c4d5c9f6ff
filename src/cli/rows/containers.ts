/** `docker ps`. */
import type { ContainerSummary } from '../../engine/types/container-answers.ts';
import { chooseFormat, labels, row, withTemplate, type Headings, type Row } from '../format.ts';
import { goQuote } from '../../base/go-quote.ts';
import { Template } from '../template/template.ts';
import { Nil } from '../template/values.ts';
import { humanSize } from '../units.ts';
import { ellipsis } from '../width.ts';
import { displayPorts } from './ports.ts';
import { familiar, goSeconds, shortId, since, type RowOptions } from './text.ts';

export const CONTAINER_HEADINGS: Headings = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
};

const TABLE = 'table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}';
const RAW = `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`;

export interface ContainerFormatOptions {
  readonly quiet?: boolean;
  readonly size?: boolean;
  readonly config?: () => string | undefined;
}

/** The format of a list of containers: `given` is that of `--format`. */
export function containerFormat(given: string | undefined, { quiet = false, size = false, config = () => undefined }: ContainerFormatOptions = {}): string {
  const format = chooseFormat({ table: TABLE, quiet: '{{.ID}}', raw: quiet ? 'container_id: {{.ID}}' : RAW }, given, quiet, config);
  if (format.startsWith('container_id')) return size ? `${format}size: {{.Size}}\n` : format;
  if (quiet) return '{{.ID}}';
  return size && format.startsWith('table') ? `${format}\\t{{.Size}}` : format;
}

/**
 * Whether a format needs the engine to measure sizes. Throws `invalid` before anything is asked of the engine, in the words
 * that `docker ps` has for it: it tries the format on a container of nothing.
 */
export function formatNeedsSize(format: string): boolean {
  const words = ({ parsing }: { parsing: boolean }) => `failed to ${parsing ? 'parse' : 'execute'} template`;
  return withTemplate(() => {
    const template = new Template(format);
    template.execute(containerRow(NOTHING, { now: 0 }));
    return template.uses('Size');
  }, words);
}

const NOTHING: ContainerSummary = {
  Id: '',
  Names: [],
  Image: '',
  ImageID: '',
  Command: '',
  Created: 0,
  Ports: [],
  Labels: {},
  State: 'created',
  Status: '',
  HostConfig: { NetworkMode: '' },
  NetworkSettings: { Networks: {} },
  Mounts: [],
};

function shownImage({ Image, ImageID }: ContainerSummary, noTrunc: boolean): string {
  if (Image === '') return '<no image>';
  if (noTrunc) return Image;
  if (shortId(Image) === shortId(ImageID)) return shortId(Image);
  return familiar(Image.replace(/@[a-z0-9]+:[0-9a-f]{32,}$/, ''));
}

function shownNames(names: readonly string[], noTrunc: boolean): string {
  const bare = names.map((name) => name.replace(/^\//, ''));
  if (noTrunc) return bare.join(',');
  const own = bare.find((name) => !name.includes('/'));
  return own ?? bare.join(',');
}

export function containerRow(container: ContainerSummary, options: RowOptions): Row {
  const { noTrunc = false } = options;
  const { fields, methods } = labels(container.Labels);
  const mounts = container.Mounts ?? [];
  return row(
    '*formatter.ContainerContext',
    {
      ID: () => (noTrunc ? container.Id : shortId(container.Id)),
      Names: () => shownNames(container.Names, noTrunc),
      Image: () => shownImage(container, noTrunc),
      Command: () => goQuote(noTrunc ? container.Command : ellipsis(container.Command, 20)),
      CreatedAt: () => goSeconds(container.Created, options),
      RunningFor: () => since(container.Created, options),
      Platform: () => new Nil('*v1.Platform'),
      Ports: () => displayPorts(container.Ports),
      State: () => container.State,
      Status: () => container.Status,
      Size: () => {
        const own = humanSize(container.SizeRw ?? 0, 3);
        return (container.SizeRootFs ?? 0) > 0 ? `${own} (virtual ${humanSize(container.SizeRootFs!, 3)})` : own;
      },
      ...fields,
      Mounts: () => mounts.map(({ Name, Source }) => (noTrunc ? Name || Source : ellipsis(Name || Source, 15))).join(','),
      LocalVolumes: () => String(mounts.filter(({ Driver }) => Driver === 'local').length),
      Networks: () => Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    },
    methods,
  );
}
