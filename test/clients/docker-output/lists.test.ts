/** Our lists are byte for byte the real docker's, which made them of the same documents. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatList } from '../../../src/cli/format.ts';
import { parseFlags, type Flag, type Flags } from '../../../src/cli/flags.ts';
import { CONTAINER_HEADINGS, containerFormat, containerRow, formatNeedsSize } from '../../../src/cli/rows/containers.ts';
import { formatDiskUsage, type DiskUsage } from '../../../src/cli/rows/disk-usage.ts';
import { eventLines } from '../../../src/cli/rows/events.ts';
import { HISTORY_HEADINGS, historyFormat, historyRow, IMAGE_HEADINGS, imageFormat, imageRows } from '../../../src/cli/rows/images.ts';
import {
  byName,
  NETWORK_HEADINGS,
  networkFormat,
  networkRow,
  VOLUME_HEADINGS,
  volumeFormat,
  volumeRow,
  type ListedNetwork,
  type ListedVolume,
} from '../../../src/cli/rows/objects.ts';
import { publishedPorts } from '../../../src/cli/rows/ports.ts';
import { STATS_HEADINGS, statsFormat, statsRow, type StatsDocument } from '../../../src/cli/rows/stats.ts';
import { formatTop } from '../../../src/cli/rows/top.ts';
import type { ContainerSummary } from '../../../src/engine/types/container-answers.ts';
import type { EngineEvent } from '../../../src/engine/types/system.ts';
import { documents } from './documents.ts';
import { recorded, recording, type Recorded } from './recorded.ts';

const DOCUMENTS = documents(recording.now);
const document = <T>(path: string) => DOCUMENTS[path] as T;
const now = recording.now * 1000;

const flag = (name: string, short?: string): Flag => ({ name, short, kind: 'flag', help: '' });
const FLAGS: readonly Flag[] = [
  { name: 'format', kind: 'value', help: '' },
  { name: 'until', kind: 'value', help: '' },
  ...[flag('all', 'a'), flag('quiet', 'q'), flag('size', 's'), flag('human', 'H'), flag('verbose', 'v')],
  ...['no-trunc', 'digests', 'no-stream'].map((name) => flag(name)),
];

/** Runs `ours` for each recorded command line that begins so. */
function same(
  begin: readonly string[],
  ours: (flags: Flags, each: { config: (key: string) => string | undefined; zone: string }) => string,
  skip: (each: Recorded) => boolean = () => false,
): void {
  const cases = recorded(...begin).filter((each) => !skip(each));
  assert.ok(cases.length > 0);
  for (const each of cases) {
    const flags = parseFlags(FLAGS, each.args.slice(begin.length), { interspersed: true });
    const result = { stdout: '', stderr: '' };
    try {
      result.stdout = ours(flags, { config: (key) => each.config?.[key], zone: each.zone ?? 'UTC' });
    } catch (error) {
      result.stderr = `${(error as Error).message}\n`;
    }
    assert.deepEqual(result, { stdout: each.stdout, stderr: each.stderr.replace(/^WARNING.*\n/, '') }, `docker ${each.args.join(' ')}`);
  }
}

describe(`as docker ${recording.client}`, () => {
  test('ps', () => {
    same(['ps'], (flags, { config, zone }) => {
      const format = containerFormat(flags.value('format'), { quiet: flags.on('quiet'), size: flags.on('size'), config: () => config('psFormat') });
      formatNeedsSize(format);
      const options = { noTrunc: flags.on('no-trunc'), now, zone };
      const all = document<ContainerSummary[]>('/containers/json').filter(({ State }) => flags.on('all') || State === 'running');
      return formatList(
        format,
        all.map((each) => containerRow(each, options)),
        CONTAINER_HEADINGS,
      );
    });
  });

  test('images', () => {
    type Image = { Id: string; RepoTags: string[] | null; RepoDigests: string[] | null; Created: number; Size: number };
    same(['images'], (flags, { config, zone }) => {
      const digests = flags.on('digests');
      const format = imageFormat(flags.value('format'), { quiet: flags.on('quiet'), digests, config: () => config('imagesFormat') });
      const rows = document<Image[]>('/images/json').flatMap(({ Id, RepoTags, RepoDigests, Created, Size }) =>
        imageRows({ id: Id, repoTags: RepoTags ?? [], repoDigests: RepoDigests ?? [], created: Created, size: Size }, format, {
          noTrunc: flags.on('no-trunc'),
          now,
          zone,
          digests,
        }),
      );
      return formatList(format, rows, IMAGE_HEADINGS);
    });
  });

  test('history', () => {
    type Step = { Id: string; Created: number; CreatedBy: string; Size: number; Comment: string; Tags: string[] | null };
    same(['history'], (flags, { zone }) => {
      const human = !flags.has('human') || flags.on('human');
      const rows = document<Step[]>('/images/nginx/history').map(({ Id, Created, CreatedBy, Size, Comment, Tags }) =>
        historyRow(
          { id: Id, created: Created, createdBy: CreatedBy, size: Size, comment: Comment, tags: Tags ?? [] },
          { noTrunc: flags.on('no-trunc'), now, zone, human },
        ),
      );
      return formatList(historyFormat(flags.value('format'), { quiet: flags.on('quiet'), human }), rows, HISTORY_HEADINGS);
    });
  });

  test('system df', () => {
    same(['system', 'df'], (flags, { zone }) =>
      formatDiskUsage(document<DiskUsage>('/system/df'), { format: flags.value('format'), verbose: flags.on('verbose'), now, zone }),
    );
  });

  test('stats', () => {
    same(['stats'], (flags, { config }) => {
      const rows = flags.rest.map((name) => statsRow(name, document<StatsDocument>(`/containers/${name}/stats`), { noTrunc: flags.on('no-trunc') }));
      return formatList(
        statsFormat(flags.value('format'), () => config('statsFormat')),
        rows,
        STATS_HEADINGS,
      );
    });
  });

  test('volume ls, network ls', () => {
    same(['volume', 'ls'], (flags, { config }) => {
      const format = volumeFormat(flags.value('format'), { quiet: flags.on('quiet'), config: () => config('volumesFormat') });
      return formatList(format, byName(document<{ Volumes: ListedVolume[] }>('/volumes').Volumes).map(volumeRow), VOLUME_HEADINGS);
    });
    const ofTemplates = ({ args }: Recorded) => args.includes('--filter');
    same(
      ['network', 'ls'],
      (flags, { config, zone }) => {
        const format = networkFormat(flags.value('format'), { quiet: flags.on('quiet'), config: () => config('networksFormat') });
        const rows = byName(document<ListedNetwork[]>('/networks')).map((each) => networkRow(each, { noTrunc: flags.on('no-trunc'), zone }));
        return formatList(format, rows, NETWORK_HEADINGS);
      },
      ofTemplates,
    );
  });

  test('events', () => {
    type Sent = Omit<EngineEvent, 'timeNano'> & { timeNano: string };
    same(['events'], (flags, { zone }) => {
      const line = eventLines(flags.value('format'), zone);
      return document<Sent[]>('/events')
        .map((event) => `${line({ ...event, timeNano: BigInt(event.timeNano) })}\n`)
        .join('');
    });
  });

  test('top, port', () => {
    same(['top'], () => formatTop(document<Parameters<typeof formatTop>[0]>('/containers/web/top')));
    const { NetworkSettings } = document<{ NetworkSettings: { Ports: Parameters<typeof publishedPorts>[0] } }>('/containers/web/json');
    same(
      ['port'],
      ({ rest: [name, port] }) => {
        const lines = publishedPorts(NetworkSettings.Ports, port);
        if (lines === undefined) throw new Error(`Error: No public port '${port}' published for ${name}`);
        return `${lines.join('\n')}\n`;
      },
      ({ args }) => args[2] === 'x',
    );
  });
});
