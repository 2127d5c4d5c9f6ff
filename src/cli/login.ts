/** login and logout: who one is for a registry, kept in docker's config file or by its credential helpers. */
import { homedir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { EngineError, invalid } from '../base/errors.ts';
import { findCredentials, parseCredentialConfig } from '../image/registry/credentials.ts';
import { LOGIN_FLAGS } from './container-flags.ts';
import { readLine, typed } from './confirm.ts';
import { say, type CliContext, type Command } from './context.ts';
import { parseFlags } from './flags.ts';

const HUB = 'https://index.docker.io/v1/';
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

type Config = Record<string, unknown> & { auths?: Record<string, unknown> };

/** `kobako login [FLAGS] [SERVER]` */
export const login: Command = async (args, context) => {
  const flags = parseFlags(LOGIN_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 1) throw invalid('"kobako login" requires at most 1 argument');
  if (flags.has('password') && flags.on('password-stdin')) throw invalid('conflicting options: cannot specify both --password and --password-stdin');
  if (flags.on('password-stdin') && !flags.value('username')) throw invalid('the --password-stdin option requires --username to be set');
  if (flags.has('password')) context.stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n');
  const server = serverKey(flags.rest[0]);
  const config = readConfig(context);
  const known = flags.has('username') ? undefined : await knownCredentials(config, server, context);
  if (known !== undefined) {
    const other = "To login with a different account, run 'kobako logout' followed by 'kobako login'";
    context.stderr.write(`Authenticating with existing credentials... [Username: ${known.username}]\n\n Info -> ${other}\n\n\n`);
  }
  const { username, password } = known ?? {
    username: flags.value('username') || (await ask(context, 'Username: ')),
    password: flags.on('password-stdin') ? await all(context) : (flags.value('password') ?? (await ask(context, 'Password: ', true))),
  };
  if (username === '') throw invalid('username is required');
  if (password === '') throw invalid('password is required');
  const { images } = await context.engine();
  const { identityToken } = await images.login({ serverAddress: server, username, password });
  await keep(config, server, { username, password, identityToken }, context);
  say(context, 'Login Succeeded');
  return 0;
};

/** `kobako logout [SERVER]` */
export const logout: Command = async (args, context) => {
  const { rest } = parseFlags([], args, { interspersed: true });
  if (rest.length > 1) throw invalid('"kobako logout" requires at most 1 argument');
  const server = serverKey(rest[0]);
  const config = readConfig(context);
  const helper = helperOf(config, server);
  const keys = Object.keys(config.auths ?? {}).filter((key) => key === server || (server !== HUB && hostOf(key) === server));
  if (helper === undefined && keys.length === 0) {
    say(context, `Not logged in to ${server}`);
    return 0;
  }
  say(context, `Removing login credentials for ${server}`);
  if (helper !== undefined) {
    const { code, stdout } = await context.credentialHelper(helper, 'erase', server);
    if (code !== 0 && !stdout.includes('credentials not found')) throw new EngineError('unavailable', `error erasing credentials - err: ${stdout.trim()}`);
  }
  for (const key of keys) delete config.auths![key];
  if (keys.length > 0) context.replaceFile(configPath(context), `${JSON.stringify(config, null, '\t')}\n`);
  return 0;
};

function configPath({ env }: CliContext): string {
  return `${env['DOCKER_CONFIG'] || `${env['HOME'] || homedir()}/.docker`}/config.json`;
}

function readConfig(context: CliContext): Config {
  const path = configPath(context);
  const text = context.fileExists(path) ? context.readFile(path) : '';
  parseCredentialConfig(Buffer.from(text)); // throws for what is none
  return (text.trim() === '' ? {} : JSON.parse(text)) as Config;
}

/** Docker Hub has a URL for its name, others their host. */
function serverKey(given: string | undefined): string {
  if (given === undefined || ['', 'docker.io', 'index.docker.io', 'registry-1.docker.io', HUB].includes(given)) return HUB;
  return hostOf(given);
}

function hostOf(text: string): string {
  return text.replace(/^https?:\/\//, '').split('/')[0]!;
}

function helperOf(config: Config, server: string): string | undefined {
  const { credHelpers, credsStore } = parseCredentialConfig(Buffer.from(JSON.stringify(config)));
  const name = credHelpers.get(server) || credsStore;
  if (name !== undefined && !HELPER_NAME.test(name)) throw invalid(`docker config file: ${JSON.stringify(name)} is not the name of a credential helper`);
  return name;
}

async function knownCredentials(config: Config, server: string, context: CliContext): Promise<{ username: string; password: string } | undefined> {
  const parsed = parseCredentialConfig(Buffer.from(JSON.stringify(config)));
  const found = await findCredentials(parsed, server === HUB ? 'docker.io' : server, (name, of) => context.credentialHelper(name, 'get', of));
  return found?.username === undefined || found.password === undefined ? undefined : { username: found.username, password: found.password };
}

interface Login {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
}

async function keep(config: Config, server: string, { username, password, identityToken }: Login, context: CliContext): Promise<void> {
  const helper = helperOf(config, server);
  const path = configPath(context);
  if (helper !== undefined) {
    const token = identityToken !== '';
    const secret = { ServerURL: server, Username: token ? '<token>' : username, Secret: token ? identityToken : password };
    const { code, stdout } = await context.credentialHelper(helper, 'store', JSON.stringify(secret));
    if (code !== 0)
      throw new EngineError('unavailable', `error saving credentials: error storing credentials - err: exit status ${code}, out: \`${stdout.trim()}\``);
    if (Object.hasOwn(config.auths ?? {}, server)) return;
    context.replaceFile(path, `${JSON.stringify({ ...config, auths: { ...config.auths, [server]: {} } }, null, '\t')}\n`);
    return;
  }
  const secret = identityToken === '' ? password : '';
  const entry = { auth: Buffer.from(`${username}:${secret}`).toString('base64'), ...(identityToken === '' ? {} : { identitytoken: identityToken }) };
  // as docker: what is there already is not written again, and not warned of
  if (isDeepStrictEqual(config.auths?.[server], entry)) return;
  context.replaceFile(path, `${JSON.stringify({ ...config, auths: { ...config.auths, [server]: entry } }, null, '\t')}\n`);
  context.stderr.write(
    `\nWARNING! Your credentials are stored unencrypted in '${path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
  );
}

async function all({ stdin }: CliContext): Promise<string> {
  let text = '';
  for await (const chunk of stdin) text += String(chunk);
  return text.replace(/\r?\n$/, '');
}

/** One line from the terminal; `secret` is not shown. */
async function ask(context: CliContext, words: string, secret = false): Promise<string> {
  if (!context.stdin.isTTY) throw invalid('cannot perform an interactive login from a non TTY device');
  context.stdout.write(words);
  if (!secret) return (await readLine(context)).trim();
  context.stdin.setRawMode(true);
  try {
    let line = '';
    for await (const text of typed(context)) {
      for (const char of text) {
        if (char === '\x03') throw new EngineError('cancelled', 'context canceled', { detail: { exitCode: 130 } });
        if (char === '\r' || char === '\n') return line;
        line = char === '\x7f' ? line.slice(0, -1) : line + char;
      }
    }
    return line;
  } finally {
    context.stdin.setRawMode(false);
    context.stdout.write('\n');
  }
}
