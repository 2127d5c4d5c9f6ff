/** Random rounds of the file sync by clients that keep its rules, or do not: a folder inside, a refusal in words, nothing outside. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { randomNumbers } from '../../test/support/random-tree.ts';
import { tempFor } from '../../test/support/temp.ts';
import { EngineError } from '../base/errors.ts';
import { GO_SYMLINK, goMode } from './go-mode.ts';
import { codec } from './messages.ts';
import { PACKET } from './file-packet.ts';
import { ReceiveRound } from './receive-round.ts';
import { SyncedTree } from './synced-tree.ts';

const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 400);
const FIRST = Number(process.env['KOBAKO_SEED'] ?? 1);
const NAMES = ['a', 'b', 'c', 'd/a', 'a/b', 'a/b/c', 'd', 'é', 'x'.repeat(255)];
const BAD = ['..', '../a', '/a', 'a/../../b', '.', '', 'a//b', 'a/', './a', 'a\0b', 'x'.repeat(256), 'a/./b', '/etc/passwd', '\ud800'];
const TARGETS = ['a', 'b', '../a', '/etc/passwd', '../../../../../../etc/passwd', 'd', '', 'x'.repeat(5000), 'a\0b'];

/** A client: what it tells, and what it sends when some of it is asked for. */
function clientOf(seed: number): { readonly told: Uint8Array[]; sent(asked: readonly number[]): Uint8Array[] } {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const bad = seed % 3 === 0 ? 4 : 60;
  const packet = codec('fsutil.types.Packet');
  const names = [...new Set(Array.from({ length: 1 + below(8) }, () => pick(NAMES)))].toSorted();
  const stats = names.map((name) => {
    const path = below(bad) === 0 ? pick(BAD) : name;
    const kind = below(4);
    const mode = kind === 0 ? goMode('directory', 0o755) : kind === 1 ? GO_SYMLINK + 0o777 : below(bad) === 0 ? below(2 ** 32) : 0o644;
    const linkname = kind === 1 || below(6) === 0 ? pick(TARGETS) : '';
    const size = below(bad) === 0 ? pick([-1, 2 ** 53, 2 ** 62, 1]) : below(20);
    const modTime = below(bad) === 0 ? pick([-1, -(2 ** 62), 2 ** 63 - 1024, 0]) : 1_700_000_000_000_000_000;
    return { path, mode, size, modTime, linkname };
  });
  const damaged = (out: Uint8Array[]): Uint8Array[] => {
    for (let times = below(bad) === 0 && out.length > 0 ? 3 : 0; times > 0; times--) {
      const at = below(out.length);
      const bytes = Uint8Array.from(out[at]!);
      if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
      out[at] = bytes;
    }
    return below(bad) === 0 ? out.slice(0, below(out.length + 1)) : out;
  };
  return {
    told: damaged([...stats.map((stat) => packet.encode({ type: PACKET.STAT, stat })), packet.encode({ type: PACKET.STAT })]),
    sent: (asked) => {
      const out: Uint8Array[] = [];
      for (const ID of asked) {
        const id = below(bad) === 0 ? below(2 ** 31) : ID;
        // more or less than was promised
        for (let times = below(3); times > 0; times--) out.push(packet.encode({ type: PACKET.DATA, ID: id, data: Buffer.alloc(1 + below(30), 'x') }));
        if (below(bad) !== 0) out.push(packet.encode({ type: PACKET.DATA, ID: id }));
      }
      if (below(bad) === 0) out.push(packet.encode({ type: pick([PACKET.ERROR, PACKET.REQUEST, 9]), data: Buffer.from('said') }));
      return damaged(out);
    },
  };
}

test('random rounds', (t) => {
  t.diagnostic(`seeds ${FIRST} to ${FIRST + ROUNDS - 1}`);
  const top = tempFor(t);
  mkdirSync(`${top}/tree`);
  writeFileSync(`${top}/outside`, 'outside');
  symlinkSync('outside', `${top}/link`);
  const tree = new SyncedTree(`${top}/tree`);
  const counts = { whole: 0, refused: 0 };
  for (let seed = FIRST; seed < FIRST + ROUNDS; seed++) {
    const round = new ReceiveRound(tree);
    try {
      const client = clientOf(seed);
      round.push(client.sent(round.push(client.told).requests));
      round.finish();
      counts.whole++;
    } catch (error) {
      round.abandon();
      const code = (error as NodeJS.ErrnoException).code ?? '';
      assert.ok((error instanceof EngineError && error.kind === 'invalid') || /^E[A-Z]+$/.test(code), `seed ${seed}: ${(error as Error).stack}`);
      assert.ok((error as Error).message !== '', `seed ${seed}`);
      counts.refused++;
    }
    assert.deepEqual(readdirSync(top).toSorted(), ['link', 'outside', 'tree'], `seed ${seed}`);
    assert.equal(readFileSync(`${top}/outside`, 'utf8'), 'outside', `seed ${seed}`);
    for (const name of readdirSync(`${top}/tree`, { recursive: true, encoding: 'utf8' })) assert.ok(!lstatSync(`${top}/tree/${name}`).isCharacterDevice());
  }
  assert.ok(ROUNDS < 100 || (counts.whole > ROUNDS / 20 && counts.refused > ROUNDS / 10), JSON.stringify(counts));
  // after all of that an honest round gives what it says
  const packet = codec('fsutil.types.Packet');
  const stat = { path: 'honest', mode: 0o600, size: 2, modTime: 1, linkname: '' };
  const round = new ReceiveRound(tree);
  const { requests } = round.push([packet.encode({ type: PACKET.STAT, stat }), packet.encode({ type: PACKET.STAT })]);
  assert.deepEqual(requests, [0]);
  const { fin } = round.push([packet.encode({ type: PACKET.DATA, ID: 0, data: Buffer.from('ok') }), packet.encode({ type: PACKET.DATA, ID: 0 })]);
  assert.ok(fin);
  round.finish();
  assert.deepEqual(readdirSync(`${top}/tree`), ['honest']);
  assert.equal(readFileSync(`${top}/tree/honest`, 'utf8'), 'ok');
});
