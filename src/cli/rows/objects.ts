/** `docker volume ls` and `docker network ls`, in the documents of Docker's API. */
import { chooseFormat, labels, row, type Headings, type Row } from '../format.ts';
import { goTime, parseTime } from '../go-time.ts';
import { humanSize } from '../units.ts';
import { naturalCompare, shortId, type RowOptions } from './text.ts';

/** What a list shows of a volume. */
export interface ListedVolume {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly UsageData?: { readonly RefCount: number; readonly Size: number } | null;
}

export const VOLUME_HEADINGS: Headings = {
  Name: 'VOLUME NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS',
  Links: 'LINKS',
  Size: 'SIZE',
  Group: 'GROUP',
  Availability: 'AVAILABILITY',
  Status: 'STATUS',
};

interface Choice {
  readonly quiet?: boolean;
  readonly config?: () => string | undefined;
}

export function volumeFormat(given: string | undefined, { quiet = false, config = () => undefined }: Choice = {}): string {
  const raw = quiet ? 'name: {{.Name}}' : 'name: {{.Name}}\ndriver: {{.Driver}}\n';
  return chooseFormat({ table: 'table {{.Driver}}\\t{{.Name}}', quiet: '{{.Name}}', raw }, given, quiet, config);
}

export function volumeRow(volume: ListedVolume): Row {
  const { fields, methods } = labels(volume.Labels);
  const na = () => 'N/A';
  return row(
    '*formatter.volumeContext',
    {
      Name: () => volume.Name,
      Driver: () => volume.Driver,
      Scope: () => volume.Scope,
      Mountpoint: () => volume.Mountpoint,
      ...fields,
      Links: () => String(volume.UsageData?.RefCount ?? 'N/A'),
      Size: () => (volume.UsageData ? humanSize(volume.UsageData.Size) : 'N/A'),
      Group: na,
      Availability: na,
      Status: na,
    },
    methods,
  );
}

/** What a list shows of a network. */
export interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Created: string;
}

export const NETWORK_HEADINGS: Headings = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
};

export function networkFormat(given: string | undefined, { quiet = false, config = () => undefined }: Choice = {}): string {
  const raw = quiet ? 'network_id: {{.ID}}' : 'network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n';
  return chooseFormat({ table: 'table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}', quiet: '{{.ID}}', raw }, given, quiet, config);
}

export function networkRow(network: ListedNetwork, { noTrunc = false, zone }: Pick<RowOptions, 'noTrunc' | 'zone'> = {}): Row {
  const { fields, methods } = labels(network.Labels);
  return row(
    '*network.networkContext',
    {
      ID: () => (noTrunc ? network.Id : shortId(network.Id)),
      Name: () => network.Name,
      Driver: () => network.Driver,
      Scope: () => network.Scope,
      IPv4: () => String(network.EnableIPv4 ?? true),
      IPv6: () => String(network.EnableIPv6),
      Internal: () => String(network.Internal),
      ...fields,
      CreatedAt: () => {
        const time = parseTime(network.Created);
        return time === undefined ? '' : goTime(time, zone);
      },
    },
    methods,
  );
}

/** In the order in which docker lists what has names. */
export function byName<T extends { readonly Name: string }>(objects: readonly T[]): T[] {
  return objects.toSorted((a, b) => naturalCompare(a.Name, b.Name));
}
