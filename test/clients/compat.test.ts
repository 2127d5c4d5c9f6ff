/** The same requests to this engine and to a real dockerd 28: the same answers, but for what `compat/expected.ts` has reasons for. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CASES, removePeer, startPeer } from './compat/cases.ts';
import { differences, normal, type Difference, type Seen } from './compat/compare.ts';
import { reasonOf } from './compat/expected.ts';
import { reportText } from './compat/report.ts';
import { openSides, type Sides } from './compat/sides.ts';
import { projectDir } from '../support/paths.ts';
import { noPeers } from '../support/peers.ts';

/** All of them take two minutes, most of which are dockerd’s: every fifth, where KOBAKO_RECORD and KOBAKO_CASE (`''`: all) say nothing else. */
const pattern = process.env['KOBAKO_RECORD'] === undefined ? process.env['KOBAKO_CASE'] : '';
const CHOSEN = CASES.filter(({ name }, index) => (pattern === undefined ? index % 5 === 0 : new RegExp(pattern).test(name)));

describe('beside Docker 28: the API', { skip: process.env['KOBAKO_DOCKER_SOCKET'] === undefined && (noPeers() ?? false) }, () => {
  const cleanups: (() => unknown)[] = [];
  const found: Difference[] = [];
  const compared = new Map<string, number>();
  let sides: Sides;
  let roots: { readonly ours: string; readonly theirs: string };

  before(async () => {
    sides = await openSides({ after: (hook) => void cleanups.push(hook) });
    const rootOf = async (side: 'ours' | 'theirs') => ((await sides[side]({ path: '/info' })).json as { DockerRootDir: string }).DockerRootDir;
    roots = { ours: await rootOf('ours'), theirs: await rootOf('theirs') };
    for (const side of ['ours', 'theirs'] as const) await startPeer(sides[side]);
  });
  after(async () => {
    for (const side of ['ours', 'theirs'] as const) await removePeer(sides[side]);
    for (const cleanup of cleanups.toReversed()) await cleanup();
    if (process.env['KOBAKO_RECORD'] !== undefined) writeFileSync(`${projectDir}/docs/compatibility.md`, reportText(compared, found));
  });

  for (const { name, run } of CHOSEN) {
    test(name, async () => {
      const [theirs, ours] = [normal(await run(sides.theirs), roots.theirs) as Seen, normal(await run(sides.ours), roots.ours) as Seen];
      const all = differences(name, theirs, ours);
      found.push(...all);
      for (const endpoint of Object.keys(theirs)) compared.set(endpoint, (compared.get(endpoint) ?? 0) + 1);
      const unexpected = all.filter((each) => reasonOf(each) === undefined);
      assert.deepEqual(
        unexpected.map(({ endpoint, path, theirs: docker, ours: kobako }) => `${endpoint} ${path}: ${docker ?? 'nothing'} / ${kobako ?? 'nothing'}`),
        [],
        'Docker / kobako',
      );
    });
  }
});
