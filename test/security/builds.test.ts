/** Builds against what lies in contexts, images and archives: nothing of the host is read, written or shown; and secrets stay with their step. */
import assert from 'node:assert/strict';
import { globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { BuildEvent, BuildRequest, CachePlace } from '../../src/engine/builds-contract.ts';
import { buildGround, type BuildGround } from '../support/build-ground.ts';
import { filesWith } from '../support/files-with.ts';
import { dir, file, layerTar, link, symlink, type LayerEntry } from '../support/layers.ts';
import { randomArchive } from '../support/random-archive.ts';
import { tempFor } from '../support/temp.ts';

const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 25);
const HOST = 'secret of the host';
const UP = '../'.repeat(30);

interface Hostile extends BuildGround {
  readonly outside: string;
  /** Builds a context of these entries: it succeeds or is refused; gives all that was said. */
  attempt(dockerfile: string, entries?: readonly LayerEntry[], more?: Partial<BuildRequest>): Promise<string>;
  untouched(): void;
}

async function hostile(t: TestContext): Promise<Hostile> {
  const ground = await buildGround(t);
  const outside = `${tempFor(t)}/outside`;
  mkdirSync(outside);
  writeFileSync(`${outside}/secret`, HOST);
  const attempt: Hostile['attempt'] = async (dockerfile, entries = [], more = {}) => {
    const tar = layerTar([...entries, file('f', 'inside\n'), ...(dockerfile === '' ? [] : [file('Dockerfile', dockerfile)])]);
    const bytes = (async function* () {
      yield tar;
    })();
    try {
      const built = await ground.build('', {}, { contexts: { context: { kind: 'tar', bytes } }, ...more });
      return `built: ${built.log}`;
    } catch (error) {
      assert.ok(error instanceof EngineError && !['internal', 'cancelled'].includes(error.kind), `${dockerfile}: ${(error as Error).stack}`);
      return `refused: ${error.message}`;
    }
  };
  const untouched = () => {
    assert.deepEqual(readdirSync(outside), ['secret']);
    assert.equal(readFileSync(`${outside}/secret`, 'utf8'), HOST);
    const { uid, mode } = statSync(outside);
    assert.deepEqual([uid, mode & 0o7777], [0, 0o755]);
    assert.deepEqual(readdirSync(`${ground.dataRoot}/build/work`), []);
  };
  return { ...ground, outside, attempt, untouched };
}

const FORMS: Readonly<Record<string, (outside: string) => string>> = {
  absolute: (outside) => outside,
  climbing: (outside) => `${UP}${outside.slice(1)}`,
  'through /proc': (outside) => `/proc/self/root${outside}`,
  'through the work folder of the process': (outside) => `/proc/self/cwd/${UP}${outside.slice(1)}`,
};

describe('links that lead out', () => {
  for (const [form, to] of Object.entries(FORMS)) {
    test(`${form}, in an image: targets, sources, places of mounts`, async (t) => {
      const { attempt, outside, untouched } = await hostile(t);
      const evil = `FROM busybox AS evil\nRUN ln -s ${to(outside)} /link && ln -s ${to(outside)}/secret /file && ln -s ${to(outside)}/new /new\n`;
      const archive = file('a.tar', layerTar([file('x', 'unpacked\n'), file('secret', 'unpacked\n')]));
      const secret = async () => Buffer.from('x');
      const steps = [
        ...['/link/x', '/link/', '/link/secret', '/file', '/new', '/new/x'].flatMap((at) => [
          `COPY f ${at}`,
          `COPY --link f ${at}`,
          `ADD f ${at}`,
          `COPY --chown=7 --chmod=777 f ${at}`,
        ]),
        'COPY <<EOF /link/here\ntext\nEOF',
        'COPY --parents f /link/',
        'ADD a.tar /link/',
        'ADD a.tar /',
        'WORKDIR /link/folder',
        'WORKDIR /new',
        ...['/link/m', '/link', '/file', '/new/m'].flatMap((at) => [
          `RUN --mount=type=bind,target=${at} ls ${at}`,
          `RUN --mount=type=cache,target=${at} ls ${at}; touch ${at}/made`,
          `RUN --mount=type=tmpfs,target=${at} touch ${at}/made`,
          `RUN --mount=type=secret,id=s,target=${at} cat ${at}`,
        ]),
        'RUN <<EOF\ncat /link/secret /file\necho x > /link/written\nEOF',
      ];
      for (const step of steps) assert.ok(!(await attempt(`${evil}${step}\n`, [archive], { secret })).includes(HOST), step);
      const sources = [
        ...['/link/secret', '/file', '/link', '/link/*', '/l*'].flatMap((at) => [
          `COPY --from=evil ${at} /x/`,
          `COPY --from=evil --parents ${at} /x/`,
          `ADD --from=evil ${at} /x/`,
        ]),
        ...['/link', '/file', '/link/secret'].flatMap((at) => [
          `RUN --mount=type=bind,from=evil,source=${at},target=/x cat /x /x/secret`,
          `RUN --mount=type=bind,from=evil,source=${at},target=/x,rw cat /x /x/secret; touch /x/made`,
          `RUN --mount=type=cache,from=evil,source=${at},target=/x cat /x /x/secret; touch /x/made`,
        ]),
      ];
      for (const step of sources) assert.ok(!(await attempt(`${evil}FROM busybox\n${step}\nRUN cat /x /x/* /x/link/* 2>&1 || true\n`)).includes(HOST), step);
      untouched();
    });

    test(`${form}, in a context: what is copied and mounted, the Dockerfile, what is beside it`, async (t) => {
      const { attempt, outside, untouched } = await hostile(t);
      const entries = [symlink('link', to(outside)), symlink('file', `${to(outside)}/secret`), dir('d'), symlink('d/link', to(outside)), link('hard', 'link')];
      for (const at of ['link', 'link/secret', 'file', 'd', 'd/link/secret', 'hard/secret', 'l*/s*', `../${outside}/secret`, `${outside}/secret`, '.']) {
        const seen = 'RUN cat /x /x/* /x/*/* 2>&1 || true';
        for (const step of [`COPY ${at} /x/`, `COPY --parents ${at} /x/`, `ADD ${at} /x/`, `RUN --mount=target=/x,source=${at} ls -R /x; cat /x /x/* 2>&1`]) {
          assert.ok(!(await attempt(`FROM busybox\n${step}\n${seen}\n`, entries)).includes(HOST), step);
        }
      }
      assert.match(await attempt('', [symlink('Dockerfile', `${to(outside)}/secret`)]), /^refused/);
      assert.match(await attempt('FROM busybox\nCOPY . /x\nRUN ls /x\n', [symlink('.dockerignore', `${to(outside)}/secret`)]), /^(?:refused|built: [^]*f\n)/);
      untouched();
    });
  }

  test('an archive’s entries that climb, or go through a link that came before', async (t) => {
    const { attempt, outside, untouched } = await hostile(t);
    const archives: readonly (readonly LayerEntry[])[] = [
      [symlink('l', outside), file('l/x', 'x')],
      [symlink('l', outside), dir('l/'), file('l/secret', 'x')],
      [link('h', outside), file('h', 'x')],
      [link('h', `${UP}${outside.slice(1)}/secret`), file('h', 'x')],
      [file(`${UP}${outside.slice(1)}/x`, 'x')],
      [symlink('a', UP), symlink('b', `a${outside}`), file('b/x', 'x')],
    ];
    for (const entries of archives) {
      const packed = file('a.tar', layerTar(entries));
      for (const step of ['ADD a.tar /', 'ADD a.tar /deep/er/', 'ADD --unpack=true --link a.tar /to/']) {
        assert.ok(!(await attempt(`FROM busybox\n${step}\nRUN cat /h /to/h /deep/er/h 2>&1 || true\n`, [packed])).includes(HOST), step);
      }
      assert.ok(!(await attempt('FROM busybox\nCOPY . /x\nRUN cat /x/h 2>&1 || true\n', entries)).includes(HOST));
      untouched();
    }
  });

  test('random archives, as contexts and by ADD: taken or refused in one clear line', async (t) => {
    const { attempt, outside, untouched } = await hostile(t);
    const seed = Number(process.env['KOBAKO_SEED'] ?? 1);
    const counts = { built: 0, refused: 0 };
    for (let at = seed; at < seed + ROUNDS; at++) {
      const archive = Buffer.from(randomArchive(at, 25));
      const said = await attempt(`FROM busybox\nRUN mkdir /in && ln -s ${outside} /in/b && ln -s ../in/b /in/c\nADD r.tar /in/\nCOPY . /in/\n`, [
        file('r.tar', archive),
      ]);
      counts[said.startsWith('built') ? 'built' : 'refused']++;
      assert.ok(!said.includes('\n') || said.startsWith('built'), `seed ${at}: ${said}`);
    }
    assert.equal(counts.built + counts.refused, ROUNDS, JSON.stringify(counts));
    untouched();
  });
});

describe('secrets', () => {
  const SECRET = `hush-${process.pid}-${'h'.repeat(12)}`;
  const secret = async (id: string) => (id === 'key' ? Buffer.from(SECRET) : undefined);
  const BOTH = '--mount=type=secret,id=key,target=/k --mount=type=secret,id=key,env=KEY';

  /** Files that have it, anywhere where the engine writes. */
  function found({ folder }: BuildGround): string[] {
    const files = filesWith([SECRET, Buffer.from(SECRET).toString('base64')], folder, '/dev/shm', ...globSync('/run/kobako*'));
    return [...files, ...globSync([`/dev/shm/kobako-secret-${process.pid}.*`, `/run/kobako-secret-${process.pid}.*`])];
  }

  test('reach no layer, no history, no record, no cache that is exported, no event', async (t) => {
    const ground = await buildGround(t);
    const dockerfile = `FROM busybox\nRUN ${BOTH} test "$(cat /k)" = "$KEY" && test \${#KEY} = ${SECRET.length} && echo same && echo "$KEY" | md5sum > /used\nRUN test ! -e /k && test -z "$KEY"\n`;
    const cacheTo: CachePlace[] = [
      { type: 'local', attributes: { dest: `${ground.folder}/exported`, mode: 'max' } },
      { type: 'inline', attributes: {} },
    ];
    const built = await ground.build(
      dockerfile,
      {},
      { secret, cacheTo, provenance: { mode: 'max', version: 'v0.2', builderId: '', reproducible: false, inlineOnly: false, filename: 'provenance.json' } },
    );
    assert.equal(built.log, 'same\n');
    const told = [built.metadata, built.events.map(shown), await ground.engine.images.inspect(built.imageId!)];
    assert.ok(!JSON.stringify(told).includes(SECRET));
    assert.ok(!JSON.stringify([await ground.engine.images.history(built.imageId!), await ground.engine.builds.usage()]).includes(SECRET));
    assert.deepEqual(found(ground), []);
    const other = await ground.build(dockerfile, {}, { secret: async () => Buffer.from(SECRET.toUpperCase()) });
    assert.equal(other.log, '', 'another value is no other step');
  });

  test('are nowhere after a step that fails while it has them', async (t) => {
    const ground = await buildGround(t);
    for (const end of ['exit 3', '/k', 'nobody-has-this']) {
      const error = await ground.build(`FROM busybox\nRUN ${BOTH} test -n "$KEY" && ${end}\n`, {}, { secret }).then(
        () => assert.fail(end),
        (failed: EngineError) => failed,
      );
      assert.ok(!JSON.stringify([error.message, error.detail, String(error.stack)]).includes(SECRET), error.message);
      assert.deepEqual(found(ground), [], end);
    }
  });

  test('are nowhere after a build that is given up while it has them, nor where the step cannot start', async (t) => {
    const ground = await buildGround(t);
    const stop = new AbortController();
    const onEvent = (event: BuildEvent) => event.kind === 'log' && stop.abort();
    await assert.rejects(ground.build(`FROM busybox\nRUN ${BOTH} echo begun; sleep 600\n`, {}, { secret, signal: stop.signal, onEvent }), {
      kind: 'cancelled',
    });
    assert.deepEqual(found(ground), []);
    await assert.rejects(ground.build(`FROM busybox\nUSER nobody-here\nRUN ${BOTH} true\n`, {}, { secret }), EngineError);
    await assert.rejects(ground.build(`FROM busybox\nRUN ${BOTH} --mount=type=bind,source=none,target=/n true\n`, {}, { secret }), /not found/);
    assert.deepEqual(found(ground), []);
  });

  test('a step that writes them down itself has them in its own layer only', async (t) => {
    const ground = await buildGround(t);
    await ground.build(`FROM busybox\nRUN ${BOTH} echo $KEY > /mine\n`, {}, { secret });
    // this also proves that `found` finds
    assert.match(found(ground).join('\n'), /\/data\//);
    assert.doesNotMatch(found(ground).join('\n'), /\/data\/build\/|\/state\//);
  });
});

/** What an event has, as text. */
function shown(event: BuildEvent): unknown {
  return event.kind === 'log' ? event.data.toString() : event;
}
