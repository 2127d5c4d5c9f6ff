/** The two engines that are compared: ours in this process, a real Docker 28 beside it, with the same images in both. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { apiRoutes } from '../../../src/api/routes.ts';
import { serve } from '../../../src/api/server.ts';
import { VERSION } from '../../../src/base/version.ts';
import { imageGround, importBusybox, type Ground } from '../../support/image-ground.ts';
import { peers } from '../../support/peers.ts';
import { asker, type Asker } from './ask.ts';

/** Names of images that are the same on both sides. */
export const IMAGES = {
  PLAIN: 'compat-plain:1',
  RICH: 'compat-rich:1',
  BARE: 'compat-bare:1',
} as const;

const CHANGES: Readonly<Record<keyof typeof IMAGES, readonly string[]>> = {
  PLAIN: ['CMD ["true"]'],
  RICH: [
    'ENTRYPOINT ["/bin/echo","-n"]',
    'CMD ["from","the image"]',
    'ENV A=1 B="two words"',
    'LABEL colour=red',
    'EXPOSE 80',
    'USER guest',
    'WORKDIR /home',
    'STOPSIGNAL SIGINT',
    'HEALTHCHECK --interval=5s --retries=3 CMD ["true"]',
  ],
  BARE: [],
};

export interface Sides {
  readonly ours: Asker;
  readonly theirs: Asker;
  readonly ground: Ground;
}

/** `KOBAKO_DOCKER_SOCKET` names a dockerd 28 that runs already; else one is started, and stopped after the test. */
export async function openSides(t: { after(hook: () => unknown): void }): Promise<Sides> {
  const ground = imageGround(t);
  const given = process.env['KOBAKO_DOCKER_SOCKET'];
  const theirs = asker(given ?? (await startDocker(t)));
  const engine = ground.engine({ owner: true });
  for (const [image, name] of Object.entries(IMAGES)) await importBusybox(ground, name, ...CHANGES[image as keyof typeof IMAGES]);
  const listener = createServer({ allowHalfOpen: true }).listen(`${ground.folder}/api.sock`);
  await once(listener, 'listening');
  const server = serve([listener], apiRoutes, engine, { version: VERSION });
  t.after(() => server.close({ graceMs: 100 }));
  await theirs({ method: 'POST', path: '/images/load?quiet=1', bytes: engine.images.save(Object.values(IMAGES)) });
  t.after(async () => {
    for (const name of Object.values(IMAGES)) await theirs({ method: 'DELETE', path: `/images/${name}?force=1` });
  });
  return { ours: asker(`${ground.folder}/api.sock`), theirs, ground };
}

async function startDocker(t: { after(hook: () => unknown): void }): Promise<string> {
  const host = await peers(['docker']);
  t.after(() => peers(['down']));
  return host.replace('unix://', '');
}
