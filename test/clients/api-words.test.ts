/** The HTTP door says what a real dockerd 28 says: the same requests to both, and what both answer. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Route } from '../../src/api/contract.ts';
import { decodeContainerCreate, decodeContainerUpdate, decodeExecCreate, decodeExecStart } from '../../src/api/containers/create-body.ts';
import { EngineError, invalid } from '../../src/base/errors.ts';
import { ApiClient } from '../support/api-client.ts';
import { noApiSpec } from '../support/api-spec.ts';
import { noPeers, peers } from '../support/peers.ts';
import { ground, talk } from '../support/raw-http.ts';

const NOBODY = 'kobako-nobody';
const JSON_TYPE = 'Content-Type: application/json\r\n';

/** As far as these requests get: to the point where there is nothing of that name. */
const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/containers/create',
    handler: async (request) => {
      const body = decodeContainerCreate(await request.json());
      if (Object.keys(body).every((name) => name === 'HostConfig' || name === 'NetworkingConfig'))
        throw invalid('config cannot be empty in order to create a container');
      throw new EngineError('not-found', `No such image: ${NOBODY}:latest`);
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    handler: async (request) => {
      if ((decodeExecCreate(await request.json()).Cmd ?? []).length === 0) throw invalid('No exec command specified');
      throw new EngineError('not-found', `No such container: ${request.params['id']}`);
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/update',
    handler: async (request) => {
      decodeContainerUpdate(await request.json());
      throw new EngineError('not-found', `No such container: ${request.params['id']}`);
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    hijack: true,
    handler: async (request) => {
      decodeExecStart(await request.json());
      throw new EngineError('not-found', `No such exec instance: ${request.params['id']}`);
    },
  },
  {
    method: 'GET',
    path: '/containers/{id}/json',
    handler: (request) => {
      throw new EngineError('not-found', `No such container: ${request.params['id']}`);
    },
  },
  {
    method: 'GET',
    path: '/containers/json',
    handler: (request) => {
      request.query.filters();
      request.send([]);
    },
  },
];

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n`;
const post = (path: string, body: string, fields = JSON_TYPE): string =>
  `POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n${fields}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const DOCUMENTS = [
  '',
  '{',
  '{}',
  'null',
  '[]',
  '5',
  '"x"',
  'nul',
  '{"Image":5}',
  '{"Image":"x"} {}',
  '{"Image":"x"}garbage',
  '{"a":01}',
  '{"Image":tru}',
  "{'a':1}",
  '{"a":"\\x"}',
  '{"a":[1}',
  '{é:1}',
  '{"HostConfig":{"Memory":"5"}}',
  '{"HostConfig":{"Memory":5.5}}',
  '{"HostConfig":{"Memory":null}}',
  '{"hostconfig":{"memory":true}}',
  '{"HostConfig":5}',
  '{"Cmd":5}',
  '{"Cmd":[1]}',
  '{"Env":"a"}',
  '{"Env":[1]}',
  '{"Labels":{"a":1}}',
  '{"Labels":[]}',
  '{"Tty":1}',
  '{"ExposedPorts":{"80/tcp":5}}',
  '{"ExposedPorts":5}',
  '{"Volumes":{"/a":[]}}',
  '{"Healthcheck":5}',
  '{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}',
  '{"HostConfig":{"PortBindings":{"80/tcp":{}}}}',
  '{"HostConfig":{"RestartPolicy":{"Name":1}}}',
  '{"HostConfig":{"ConsoleSize":[-1,2]}}',
  '{"HostConfig":{"ConsoleSize":"x"}}',
  '{"HostConfig":{"Ulimits":[{"Name":1}]}}',
  '{"HostConfig":{"Ulimits":5}}',
  '{"HostConfig":{"Devices":[5]}}',
  '{"HostConfig":{"BlkioWeight":70000}}',
  '{"HostConfig":{"BlkioDeviceReadBps":[{"Rate":-1}]}}',
  '{"HostConfig":{"Mounts":[{"Type":1}]}}',
  '{"HostConfig":{"Mounts":[{"TmpfsOptions":{"Options":[["a",1]]}}]}}',
  '{"HostConfig":{"Mounts":[{"VolumeOptions":{"DriverConfig":{"Name":1}}}]}}',
  '{"HostConfig":{"DeviceRequests":[{"Capabilities":["a"]}]}}',
  '{"HostConfig":{"LogConfig":{"Config":{"a":1}}}}',
  '{"HostConfig":{"Isolation":5}}',
  '{"HostConfig":{"Init":"x"}}',
  '{"HostConfig":{"CapAdd":"x"}}',
  '{"NetworkingConfig":{"EndpointsConfig":{"a":{"Aliases":"x"}}}}',
  '{"NetworkingConfig":{"EndpointsConfig":5}}',
  '{"Tty":true,"tty":false,"Image":"a","IMAGE":3}',
];

const REQUESTS: readonly string[] = [
  ...[
    '/nope',
    '/v1.51/nope',
    '/v1.99/_ping',
    '/v1.12/_ping',
    '/v1/_ping',
    '/v1.51.2/_ping',
    '/v1.51',
    '/',
    '/containers/json/',
    '/containers/nope%2Fx/json',
    '//containers/json',
    '/containers/x/../json?a=b',
  ].map(get),
  ...[
    'filters=abc',
    'filters=%5B1%5D',
    'filters=%7B%22label%22%3A5%7D',
    'filters=null',
    'all=maybe&filters=%7B%22label%22%3A%7B%22kobako-none%22%3Atrue%7D%7D',
    'a=%zz&all=1',
  ].map((query) => get(`/containers/json?${query}`)),
  post('/_ping', ''),
  'OPTIONS /containers/json HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n',
  'HEAD /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n',
  get('/_ping'),
  ...DOCUMENTS.map((document) => post('/containers/create', document)),
  ...[
    '',
    'Content-Type: text/plain\r\n',
    'Content-Type: application/json; charset=utf-8\r\n',
    'Content-Type: application/json;;\r\n',
    'Content-Type: Application/JSON\r\n',
  ].map((fields) => post('/containers/create', '{}', fields)),
  ...['', '[]', '{"Cmd":5}', '{"Cmd":[{}]}', '{"ConsoleSize":["a"]}', '{"Cmd":["a"]}'].map((document) => post(`/containers/${NOBODY}/exec`, document)),
  ...['[]', '{"Memory":"x"}', '{"Ulimits":[1]}', '{"RestartPolicy":{"Name":1}}', '{}'].map((document) => post(`/containers/${NOBODY}/update`, document)),
  ...['[]', '{"Detach":"x"}', '{}', ''].map((document) => post(`/exec/${NOBODY}/start`, document)),
];

/** Headers that are not the same on purpose. */
const OTHER = /^(?:date|server|content-length|connection|transfer-encoding|x-content-type-options):/;

function comparable(answer: string): object {
  const end = answer.indexOf('\r\n\r\n');
  const [first = '', ...fields] = answer.slice(0, end).split('\r\n');
  const headers = fields.map((field) => field.replace(/^[^:]*/, (name) => name.toLowerCase())).filter((field) => !OTHER.test(field));
  const body = answer.slice(end + 4);
  // dockerd gives its own headers only to what has reached a route; here every answer has them
  const own = (field: string): boolean => /^(?:api-version|docker-experimental|ostype):/.test(field);
  return {
    status: first.split(' ')[1],
    headers: headers.filter((field) => !own(field)).toSorted(),
    body: /\r\ntransfer-encoding: chunked/i.test(answer) ? body.split('\r\n')[1] : body,
  };
}

describe('the HTTP door beside Docker 28', { skip: noPeers() ?? noApiSpec() ?? false }, () => {
  let socket: string;
  before(async () => {
    await peers(['down']);
    socket = (await peers(['docker'])).replace('unix://', '');
  });
  after(() => peers(['down']));

  test('the same answers to what is wrong with a request', async (t) => {
    const { path } = await ground(t, routes);
    const differing: object[] = [];
    for (const request of REQUESTS) {
      const [theirs, ours] = [comparable(await talk(socket, [request])), comparable(await talk(path, [request]))];
      if (JSON.stringify(theirs) !== JSON.stringify(ours)) differing.push({ request, theirs, ours });
    }
    assert.deepEqual(differing, []);
  });

  test('what dockerd answers is what the specification says, as our tests read it', async () => {
    using client = new ApiClient(socket);
    for (const path of [
      '/version',
      '/info',
      '/containers/json?all=1&size=1',
      '/images/json',
      '/system/df',
      '/networks',
      '/volumes',
      '/networks/bridge',
      `/containers/${NOBODY}/json`,
      '/_ping',
    ])
      await client.get(path);
    const { status, socket: connection } = await client.hijack(`/exec/${NOBODY}/start`, { body: {} });
    assert.equal(status, 404);
    connection.destroy();
  });
});
