/** The json-file log, byte for byte as Docker 28 writes it: against test/clients/log-corpus.json. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { RECORDED, SCRIPTS, shortened, withoutTimes } from '../clients/log-corpus.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { engineFor, finished, logLines, shell } from '../support/monitored.ts';

let sh: ReturnType<typeof shell>;
before(async () => {
  sh = shell(await busyboxRootfs());
});

const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as Record<string, string>;

describe('the log is the one that Docker 28 wrote', () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    for (const tty of [false, true]) {
      const key = tty ? `${name}, tty` : name;
      test(key, async (t) => {
        const { engine } = engineFor(t);
        const { logPath } = await finished(engine, sh(script, { tty }));
        const text = existsSync(logPath) ? readFileSync(logPath, 'utf8') : '';
        assert.equal(shortened(withoutTimes(text)), recorded[key]);
      });
    }
  }

  test('the pieces of one line have one time', async (t) => {
    const { engine } = engineFor(t);
    const { logPath } = await finished(
      engine,
      sh("head -c 16384 /dev/zero | tr '\\0' x; sleep 0.1; head -c 20000 /dev/zero | tr '\\0' x; echo; sleep 0.1; echo next"),
    );
    const times = logLines(logPath).map(({ time }) => time);
    assert.equal(times.length, 4);
    assert.equal(new Set(times.slice(0, 3)).size, 1);
    assert.notEqual(times[3], times[0]);
  });
});
