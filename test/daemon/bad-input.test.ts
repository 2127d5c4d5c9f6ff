/** Every route, with what no client should send: an answer that blames the client, never a fault, and others are served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { before, describe, test } from 'node:test';
import type { Route } from '../../src/api/contract.ts';
import { apiRoutes } from '../../src/api/routes.ts';
import { daemonForAll } from '../support/daemon.ts';
import { HOSTILE_NAMES, hostileBytes, hostileQuery, mutated } from '../support/hostile.ts';
import { randomNumbers } from '../support/random-tree.ts';

const SEED = Number(process.env['KOBAKO_SEED'] ?? Math.floor(Math.random() * 1e6));
const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 6);
/** Some routes answer when something happens. */
const WAIT_MS = 1500;
/** Nobody else waits longer than that for an answer; there is room for a busy machine. */
const STALL_MS = 5000;

const daemon = await daemonForAll();
const numbers = randomNumbers(SEED);
const pick = (below: number) => Math.floor(numbers() * below);
let container = '';
let exec = '';

/** It ends when it is told to. */
const LIVES = 'trap "exit 0" TERM INT; while :; do sleep 0.05; done';

async function target(): Promise<void> {
  if (container !== '' && (await daemon.api.get(`/v1.51/containers/${container}/json`)).status === 200) {
    await daemon.api.post(`/v1.51/containers/${container}/unpause`);
    const started = await daemon.api.post(`/v1.51/containers/${container}/start`, undefined, { checked: false });
    if (started.status < 400) return;
    await daemon.api.delete(`/v1.51/containers/${container}?force=1`);
  }
  container = await daemon.run({ Cmd: ['sh', '-c', LIVES], OpenStdin: true, HostConfig: { NetworkMode: 'none' } });
  const { json } = await daemon.api.post(`/v1.51/containers/${container}/exec`, { Cmd: ['true'], AttachStdout: true });
  exec = (json as { Id: string }).Id;
}

interface Got {
  /** 0: no answer within WAIT_MS. */
  readonly status: number;
  readonly text: string;
}

/** Sends bytes; reads the whole answer when it is an error, else its head. */
async function send(bytes: Buffer, end: boolean): Promise<Got> {
  const socket = connect({ path: daemon.socket, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const timer = setTimeout(() => socket.destroy(), WAIT_MS);
  socket.write(bytes);
  if (end) socket.end();
  let text = '';
  socket.setEncoding('latin1');
  const over = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.once('end', () => resolve());
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (/^HTTP\/1.1 [123].*\r\n\r\n/s.test(text) && !text.startsWith('HTTP/1.1 100')) resolve();
    });
  });
  await over;
  clearTimeout(timer);
  socket.destroy();
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text };
}

const QUERY_NAMES =
  'all limit size filters name platform signal t condition force v link stdin stdout stderr logs stream detachKeys h w follow tail since until timestamps details one-shot ps_args repo tag message changes noprune digests shared-size manifests quiet type term path noOverwriteDirNonDir copyUIDGID author comment pause container'.split(
    ' ',
  );

const DOCUMENTS: readonly (readonly [path: RegExp, document: unknown])[] = [
  [
    /create$/,
    {
      Image: 'busybox',
      Cmd: ['true'],
      Entrypoint: [''],
      Env: ['A=b'],
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/v': {} },
      WorkingDir: '/',
      User: '0',
      StopSignal: 'TERM',
      StopTimeout: 1,
      Hostname: 'h',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000, Retries: 1 },
      HostConfig: {
        NetworkMode: 'none',
        Binds: ['/tmp:/t:ro'],
        Mounts: [{ Type: 'tmpfs', Target: '/m', TmpfsOptions: { SizeBytes: 1, Mode: 0 } }],
        PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '0' }] },
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 },
        Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
        Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/n', CgroupPermissions: 'r' }],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
        CapAdd: ['CHOWN'],
        SecurityOpt: ['no-new-privileges'],
        Sysctls: { 'net.ipv4.ip_forward': '0' },
        Tmpfs: { '/x': 'size=1m' },
        Memory: 64 << 20,
        NanoCpus: 1_000_000,
        CpusetCpus: '0',
        BlkioDeviceReadBps: [{ Path: '/dev/null', Rate: 1 }],
        IpcMode: 'private',
        PidMode: '',
        CgroupParent: '',
        ExtraHosts: ['a:1.2.3.4'],
        Dns: ['1.2.3.4'],
      },
      NetworkingConfig: { EndpointsConfig: { none: { Aliases: ['a'], IPAMConfig: { IPv4Address: '1.2.3.4' } } } },
    },
  ],
  [/update$/, { Memory: 64 << 20, MemorySwap: 128 << 20, CpuShares: 10, PidsLimit: 100, CpusetCpus: '0', RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } }],
  [/exec$/, { Cmd: ['true'], Env: ['A=b'], User: '0', WorkingDir: '/', Tty: false, AttachStdout: true, DetachKeys: 'ctrl-a', ConsoleSize: [1, 2] }],
  [/start$/, { Detach: false, Tty: false, ConsoleSize: [1, 2] }],
  [/auth$/, { username: 'u', password: 'p', serveraddress: '127.0.0.1:1' }],
  [/./, { Name: 'a', Id: 'b', Labels: { a: 'b' } }],
];

/** These ask a registry: only names that are none, or where nobody listens. */
const ASKS_REGISTRIES = /^\/(?:images\/create|images\/search|images\/\{name\.\.\.\}\/push|distribution\/|auth)/;

function hostileRequest(route: Route): Buffer {
  const asks = ASKS_REGISTRIES.test(route.path);
  const names = asks ? ['127.0.0.1:1/a', 'UPPER', '%00', '..%2f..', '%ff'] : HOSTILE_NAMES;
  const name = (): string => (asks || pick(2) === 0 ? names[pick(names.length)]! : route.path.startsWith('/exec') ? exec : container);
  const path = route.path.replaceAll(/\{[^}]+\}/g, name);
  const version = ['/v1.51', '/v1.24', '', '/v1.41'][pick(4)];
  const query = asks ? `?fromImage=${name()}&tag=${name()}&term=${name()}` : hostileQuery(QUERY_NAMES, pick);
  const document = DOCUMENTS.find(([of]) => of.test(route.path))![1];
  const isDocument = pick(3) > 0;
  const body =
    route.method === 'GET' || route.method === 'HEAD' || (asks && !route.path.startsWith('/auth'))
      ? Buffer.alloc(0)
      : isDocument
        ? Buffer.from(JSON.stringify(mutated(document, pick)))
        : hostileBytes(pick);
  const type = ['application/json', 'application/json', 'application/json; charset=utf-8', 'application/x-tar', 'text/plain', ';', ''][
    pick(isDocument ? 2 : 7)
  ]!;
  const length = pick(20) === 0 ? body.length + 10 : body.length; // it promises more than it sends
  const upgrade = route.hijack === true && pick(2) === 0 ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : 'Connection: close\r\n';
  const auth = pick(4) === 0 ? `X-Registry-Auth: ${['e30=', '!!!', 'bnVsbA==', 'W10='][pick(4)]}\r\n` : '';
  const head = `${route.method} ${version}${path}${query} HTTP/1.1\r\nHost: d\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${upgrade}${auth}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

describe(`bad input (KOBAKO_SEED=${SEED})`, () => {
  let longest = 0;
  let pinging = true;
  const pings: Promise<void>[] = [];
  before((t) => {
    (t as { diagnostic?(text: string): void }).diagnostic?.(`KOBAKO_SEED=${SEED}`);
    pings.push(
      (async () => {
        for (; pinging; await sleep(10)) {
          const start = performance.now();
          assert.equal((await send(Buffer.from('GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n'), false)).status, 200);
          longest = Math.max(longest, performance.now() - start);
        }
      })(),
    );
  });

  for (const route of apiRoutes) {
    test(`${route.method} ${route.path}`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await target();
        const request = hostileRequest(route);
        const half = pick(4) === 0; // a client that closes its half asks for nothing more
        const { status, text } = await send(request, half);
        const shown = () => `${request.toString('latin1').slice(0, 2000)}\n\n${text.slice(0, 1000)}`;
        const excused = (ASKS_REGISTRIES.test(route.path) && /connection refused/.test(text)) || (half && /"context canceled"/.test(text));
        assert.ok(status !== 500 || excused, shown());
        assert.doesNotMatch(text, /\r\nX-Injected/, shown());
        // words of the JavaScript below are no answer
        assert.doesNotMatch(text.slice(0, 2000), /TypeError|is not a function|Cannot read prop|undefined \(reading|ERR_[A-Z]|ENAMETOOLONG/, shown());
      }
    });
  }

  test('others were served, and the daemon has no fault to tell', async (t) => {
    pinging = false;
    await Promise.all(pings);
    t.diagnostic(`the longest wait of another client: ${longest.toFixed(0)} ms`);
    assert.ok(longest < STALL_MS, `${longest} ms`);
    assert.doesNotMatch(daemon.log(), /level=(?:error|fatal)/);
  });
});

test('odd documents are refused, or make a container that can be started, or says why not', async () => {
  // nothing that would make things outside of a container
  const document = {
    Image: 'busybox',
    Cmd: ['true'],
    Entrypoint: ['/bin/busybox'],
    Env: ['A=b'],
    Labels: { a: 'b' },
    WorkingDir: '/tmp',
    User: '0:0',
    Hostname: 'h',
    Domainname: 'd',
    StopSignal: 'TERM',
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
    HostConfig: {
      NetworkMode: 'none',
      Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      CapAdd: ['CHOWN'],
      CapDrop: ['KILL'],
      Tmpfs: { '/x': 'size=1m' },
      ShmSize: 1 << 20,
      OomScoreAdj: 10,
      GroupAdd: ['1'],
      ExtraHosts: ['a:1.2.3.4'],
      Dns: ['1.2.3.4'],
      DnsSearch: ['example.com'],
      DnsOptions: ['ndots:1'],
      Memory: 64 << 20,
      PidsLimit: 50,
      MaskedPaths: ['/proc/kcore'],
      ReadonlyPaths: ['/proc/sys'],
      ReadonlyRootfs: false,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 },
      SecurityOpt: ['no-new-privileges'],
    },
  };
  for (let round = 0; round < ROUNDS * 5; round++) {
    const body = mutated(document, pick);
    const created = await daemon.api.post('/v1.51/containers/create', body, { checked: false });
    const shown = (answer: { status: number; text: string }) => `${JSON.stringify(body).slice(0, 1500)}\n\n${answer.status} ${answer.text.slice(0, 500)}`;
    assert.ok([201, 400, 404].includes(created.status), shown(created));
    if (created.status !== 201) continue;
    const id = (created.json as { Id: string }).Id;
    const started = await daemon.api.post(`/v1.51/containers/${id}/start`, undefined, { checked: false });
    assert.ok([204, 400, 404, 409].includes(started.status), shown(started));
    assert.equal((await daemon.api.get(`/v1.51/containers/${id}/json`)).status, 200);
    assert.equal((await daemon.api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
  }
});

test('ids and names that are paths find nothing and make nothing', async () => {
  const before = readdirSync(daemon.folder);
  for (const name of HOSTILE_NAMES) {
    for (const [method, path] of [
      ['GET', `/v1.51/containers/${name}/json`],
      ['DELETE', `/v1.51/containers/${name}?force=1`],
      ['POST', `/v1.51/containers/create?name=${name}`],
      ['GET', `/v1.51/exec/${name}/json`],
      ['DELETE', `/v1.51/images/${name}?force=1`],
    ] as const) {
      const body = method === 'POST' ? '{"Image":"busybox","Cmd":["true"],"HostConfig":{"NetworkMode":"none"}}' : '';
      const request = `${method} ${path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const { status, text } = await send(Buffer.from(request), false);
      const good = method === 'POST' && /^(?:[a-zA-Z0-9][a-zA-Z0-9_.-]+|%2f.*)$/.test(name); // of a name's characters
      assert.ok([301, 400, 404, 405].includes(status) || (good && status === 201), `${method} ${path}: ${text}`);
    }
  }
  assert.deepEqual(readdirSync(daemon.folder), before);
  assert.ok(!existsSync(`${daemon.dataRoot}/etc`));
});

test('bodies that are too long are refused, not kept', async () => {
  const huge = Buffer.alloc(5 << 20, ' ');
  for (const path of ['/v1.51/containers/create', `/v1.51/containers/${container}/update`, `/v1.51/containers/${container}/exec`]) {
    const { status } = await daemon.api.ask('POST', path, { body: huge, headers: { 'Content-Type': 'application/json' }, checked: false });
    assert.ok(status === 413 || status === 400, `${path}: ${status}`);
  }
});
