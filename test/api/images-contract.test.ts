/** The same promises, kept by the engine and by our daemon's images over HTTP; a real dockerd: test/clients/dockerd-images.test.ts. */
import { imageRoutes } from '../../src/api/images/routes.ts';
import { HttpClient } from '../../src/client/http.ts';
import { remoteImages } from '../../src/client/images.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { imageGround } from '../support/image-ground.ts';
import { imagesSuite } from './images.suite.ts';

const LOOPBACK = '127.0.0.1';

imagesSuite('engine', async (t) => ({ images: imageGround(t).engine().images, registryAddress: LOOPBACK, isDocker: false }));

imagesSuite('daemon', async (t) => {
  const http = new HttpClient(await serveRoutes(t, imageRoutes, imageGround(t).engine()));
  t.after(() => http.close());
  return { images: remoteImages(http), registryAddress: LOOPBACK, isDocker: false };
});
