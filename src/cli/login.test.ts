/** Who one is: kept in the config file, or by a helper. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { RegistryLogin } from '../engine/images-contract.ts';
import { cli, cliSession, type CliOptions } from '../../test/support/cli.ts';
import { tempFor } from '../../test/support/temp.ts';

const HUB = 'https://index.docker.io/v1/';
const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

function ground(t: TestContext, config?: object) {
  const folder = tempFor(t);
  const path = `${folder}/config.json`;
  mkdirSync(folder, { recursive: true });
  if (config !== undefined) writeFileSync(path, JSON.stringify(config));
  const asked: RegistryLogin[] = [];
  const helped: string[][] = [];
  const login = async (given: RegistryLogin) => {
    asked.push(given);
    if (given.password === 'wrong') throw new EngineError('denied', 'Get "https://r/v2/": unauthorized: incorrect username or password');
    return { identityToken: given.password === 'for-token' ? 'token' : '' };
  };
  const engine = { images: { login } } as unknown as Engine;
  const options = (more: CliOptions): CliOptions => ({
    env: { DOCKER_CONFIG: folder },
    helper: async (...words: string[]) => {
      helped.push(words);
      return { code: 0, stdout: words[1] === 'get' ? '{"Username":"kept","Secret":"secret"}' : '' };
    },
    ...more,
  });
  return {
    path,
    asked,
    helped,
    kobako: (argv: readonly string[], more: CliOptions = {}) => cli(engine, argv, options(more)),
    session: (argv: readonly string[], more: CliOptions) => cliSession(engine, argv, options(more)),
    config: () => JSON.parse(readFileSync(path, 'utf8')) as unknown,
  };
}

test('login: asks the registry, then writes what it knows into the file, and leaves the rest as it is', async (t) => {
  const g = ground(t, { psFormat: 'x', auths: { other: auth('a:b') } });
  const { code, stdout, stderr } = await g.kobako(['login', '-u', 'me', '--password-stdin', 'https://r:5000/v2/'], { input: 'pass\n' });
  assert.deepEqual([code, stdout], [0, 'Login Succeeded\n']);
  assert.match(stderr, /WARNING! Your credentials are stored unencrypted in '.*config\.json'/);
  assert.deepEqual(g.asked, [{ serverAddress: 'r:5000', username: 'me', password: 'pass' }]);
  assert.deepEqual(g.config(), { psFormat: 'x', auths: { other: auth('a:b'), 'r:5000': auth('me:pass') } });
  assert.match((await g.kobako(['login', '-u', 'me', '-p', 'for-token'])).stderr, /Using --password via the CLI is insecure/);
  assert.deepEqual((g.config() as { auths: object }).auths, {
    other: auth('a:b'),
    'r:5000': auth('me:pass'),
    [HUB]: { ...auth('me:'), identitytoken: 'token' },
  });
});

test('login: what the registry refuses is kept nowhere', async (t) => {
  const g = ground(t);
  const { code, stderr } = await g.kobako(['login', '-u', 'me', '--password-stdin', 'r'], { input: 'wrong' });
  assert.deepEqual([code, stderr], [1, 'kobako: Get "https://r/v2/": unauthorized: incorrect username or password\n']);
  assert.equal(existsSync(g.path), false);
});

test('login: known credentials are tried first; a helper keeps secrets', async (t) => {
  const g = ground(t, { auths: { r: auth('me:pass') } });
  const note =
    "Authenticating with existing credentials... [Username: me]\n\n Info -> To login with a different account, run 'kobako logout' followed by 'kobako login'\n\n\n";
  // nothing is new: nothing is written, and nothing warned of
  assert.equal((await g.kobako(['login', 'r'])).stderr, note);
  assert.deepEqual(g.asked, [{ serverAddress: 'r', username: 'me', password: 'pass' }]);
  const kept = ground(t, { credsStore: 'safe' });
  assert.equal((await kept.kobako(['login', '-u', 'me', '--password-stdin', 'r'], { input: 'pass' })).stderr, '');
  assert.deepEqual(kept.helped, [['safe', 'store', '{"ServerURL":"r","Username":"me","Secret":"pass"}']]);
  assert.deepEqual(kept.config(), { credsStore: 'safe', auths: { r: {} } });
  assert.equal((await kept.kobako(['logout', 'r'])).stdout, 'Removing login credentials for r\n');
  assert.deepEqual(kept.helped.at(-1), ['safe', 'erase', 'r']);
});

test('login: typed on a terminal, the password unseen', async (t) => {
  const g = ground(t);
  const session = g.session(['login', 'r'], { terminal: { rows: 20, cols: 80 } });
  await session.shows('Username: ');
  session.type('me\n');
  await session.shows('Password: ');
  session.type('pas\x7fss\r');
  const { code, stdout } = await session.result;
  assert.deepEqual([code, stdout], [0, 'Username: Password: \nLogin Succeeded\n']);
  assert.deepEqual(g.asked, [{ serverAddress: 'r', username: 'me', password: 'pass' }]);
});

test('login: what makes no sense', async (t) => {
  const g = ground(t);
  const words = async (...argv: string[]) => (await g.kobako(['login', ...argv])).stderr;
  assert.match(await words('--password-stdin', 'r'), /the --password-stdin option requires --username to be set/);
  assert.match(await words('-u', 'a', '-p', 'b', '--password-stdin'), /cannot specify both --password and --password-stdin/);
  assert.match(await words('-u', 'a', 'r'), /cannot perform an interactive login from a non TTY device/);
  assert.match(await words('a', 'b'), /requires at most 1 argument/);
  assert.deepEqual(g.asked, []);
});

test('logout: of one that is there, and of one that is not', async (t) => {
  const g = ground(t, { auths: { r: auth('a:b'), 'https://r/v1/': auth('c:d'), [HUB]: auth('e:f') } });
  assert.equal((await g.kobako(['logout', 'https://r'])).stdout, 'Removing login credentials for r\n');
  assert.deepEqual(g.config(), { auths: { [HUB]: auth('e:f') } });
  assert.equal((await g.kobako(['logout', 'r'])).stdout, 'Not logged in to r\n');
  assert.equal((await g.kobako(['logout'])).stdout, `Removing login credentials for ${HUB}\n`);
  assert.deepEqual(g.config(), { auths: {} });
});
