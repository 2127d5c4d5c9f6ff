/** What `Images` promises, kept by a real dockerd over our client: that tests the suite, and the client. */
import { after, before } from 'node:test';
import { HttpClient } from '../../src/client/http.ts';
import { remoteImages } from '../../src/client/images.ts';
import { imagesSuite } from '../api/images.suite.ts';
import { noPeers, peers } from '../support/peers.ts';

/** This machine, seen from dockerd's network. */
const HERE = '10.233.1.1';

const without = noPeers();
let host = '';
before(async () => {
  if (without === undefined) host = await peers(['docker']);
});
after(async () => {
  if (without === undefined) await peers(['down']);
});

imagesSuite(
  'dockerd',
  async (t) => {
    const http = new HttpClient(host);
    t.after(() => http.close());
    return { images: remoteImages(http), registryAddress: HERE, isDocker: true };
  },
  { skip: without ?? false },
);
