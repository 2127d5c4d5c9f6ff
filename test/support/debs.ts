/** Debian packages without installing them: fetched by apt with a state of the project's own, unpacked under .cache/debs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { EngineError } from '../../src/base/errors.ts';
import { withLock } from './lock.ts';
import { cacheDir } from './paths.ts';
import { run, runOk } from './run.ts';

const aptDir = (suite = '') => `${cacheDir}/apt${suite === '' ? '' : `-${suite}`}`;
const debsDir = `${cacheDir}/debs`;

/** As in Debian policy 5.6.1. Also keeps a name from being read as an option or a path. */
const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]+$/;

export interface DebOptions {
  /** Also unpack everything that it depends on, libc included, into the same folder. Default: false. */
  readonly dependencies?: boolean;
  /** Debian's suite to take them from, such as `sid`. Default: what the machine's own sources have. */
  readonly suite?: string;
}

/** The folder that holds one package's files; see `debs`. */
export function deb(name: string, options: DebOptions = {}): Promise<string> {
  return debs([name], options);
}

/**
 * The folder that holds these packages' files together, fetched and unpacked if need be. Maintainer scripts are not
 * run. The file `.packages` in it lists what it was made of. It appears under its name only when it is whole.
 */
export async function debs(names: readonly string[], options: DebOptions = {}): Promise<string> {
  const { suite } = options;
  for (const name of [...names, ...(suite === undefined ? [] : [suite])]) checkName(name);
  const title = names.join(', ');
  const folder = `${debsDir}/${names.join('_')}${options.dependencies ? '+deps' : ''}${suite === undefined ? '' : `@${suite}`}`;
  if (existsSync(folder)) return folder;
  return withLock(`${debsDir}/.lock`, async () => {
    if (existsSync(folder)) return folder;
    const work = `${debsDir}/.work`; // ours alone while we hold the lock: what is there was left by a run that died
    rmSync(work, { recursive: true, force: true });
    mkdirSync(`${work}/archives/partial`, { recursive: true });
    try {
      await withFreshLists(title, suite, () => download(names, options, `${work}/archives`));
      const archives = readdirSync(`${work}/archives`)
        .filter((file) => file.endsWith('.deb'))
        .toSorted();
      if (archives.length === 0) throw new EngineError('internal', `apt-get fetched nothing for Debian package "${title}"`);
      for (const archive of archives) {
        await runOk('dpkg-deb', ['--extract', `${work}/archives/${archive}`, `${work}/tree`], { timeoutMs: 300_000 });
      }
      writeFileSync(`${work}/tree/.packages`, archives.map((archive) => `${archive}\n`).join(''));
      renameSync(`${work}/tree`, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    return folder;
  });
}

/** The packages that `name` depends on directly, alternatives included; a meta package's real ones for instance. */
export async function debDependencies(name: string): Promise<string[]> {
  checkName(name);
  return withLock(`${debsDir}/.lock`, () =>
    withFreshLists(name, undefined, async () => {
      const { stdout } = await apt('apt-cache', ['depends', '--important', name], {});
      return [...stdout.matchAll(/^ *\|?(?:Pre)?Depends: (\S+)$/gm)].map((match) => match[1]!);
    }),
  );
}

function checkName(name: string): void {
  if (!PACKAGE_NAME.test(name)) throw new EngineError('invalid', `"${name}" is not the name of a Debian package`);
}

async function download(names: readonly string[], { dependencies, suite }: DebOptions, archives: string): Promise<void> {
  if (dependencies !== true) {
    await apt('apt-get', ['download', ...names], { suite, cwd: archives });
    return;
  }
  await apt('apt-get', ['install', '--yes', '--download-only', '--no-install-recommends', '-o', `Dir::Cache::archives=${archives}`, ...names], { suite });
}

/** Runs `use`; when it fails, fetches the package lists (they are missing, half there, or old) and tries once more. */
async function withFreshLists<T>(name: string, suite: string | undefined, use: () => Promise<T>): Promise<T> {
  const lists = `${aptDir(suite)}/lists`;
  const haveLists = existsSync(lists) && readdirSync(lists).some((file) => file.includes('_Packages'));
  let updating = '';
  const update = async () => {
    const result = await run('apt-get', ['--config-file', await aptConfig(suite), 'update'], aptRun()).catch((cause) => {
      throw new EngineError('unavailable', `cannot fetch Debian package "${name}": apt-get does not run here`, { cause });
    });
    updating = result.code === 0 ? '' : result.stderr.trim();
  };
  if (!haveLists) await update();
  try {
    return await use();
  } catch (first) {
    if (!haveLists) throw aptError(name, first, updating);
    await update();
    return await use().catch((cause) => {
      throw aptError(name, cause, updating);
    });
  }
}

function aptError(name: string, cause: unknown, updating: string): EngineError {
  const text = [updating, cause instanceof Error ? cause.message : String(cause)].filter(Boolean).join('; ');
  return new EngineError('unavailable', `cannot fetch Debian package "${name}": ${text}`, {
    cause,
    hint: 'tests need apt-get, its sources in /etc/apt, and a network',
  });
}

interface AptOptions {
  readonly suite?: string | undefined;
  readonly cwd?: string;
}

async function apt(program: 'apt-get' | 'apt-cache', args: readonly string[], { suite, cwd }: AptOptions) {
  return runOk(program, ['--config-file', await aptConfig(suite), ...args], aptRun(cwd));
}

/** The mirror of Debian that the machine's own sources name for `codename`; undefined where they name none. */
export async function debianMirror(codename: string): Promise<string | undefined> {
  const { stdout } = await runOk('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages']);
  const line = stdout.split('\n').find((each) => each.endsWith(` ${codename} main`));
  return line?.split(' ')[0];
}

/** This machine's release of Debian: `bookworm`, for instance. */
export function debianCodename(): string {
  return /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable';
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A source list that names one suite of Debian, of the mirror that the machine uses. */
async function writeSources(suite: string): Promise<string> {
  const mirror = await debianMirror(debianCodename());
  if (mirror === undefined) throw new EngineError('unavailable', `apt's sources name no mirror of Debian to take ${suite} from`);
  const file = `${aptDir(suite)}/sources.list`;
  writeFileSync(file, `deb ${existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''}${mirror} ${suite} main\n`);
  return file;
}

function aptRun(cwd?: string) {
  return { cwd, timeoutMs: 600_000, env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' } };
}

/**
 * Lists, caches and an empty package database of the project's own, so that the system's stay as they were and the
 * dependencies do not depend on what happens to be installed. Hooks of the machine's apt.conf.d are not run.
 */
async function aptConfig(suite: string | undefined): Promise<string> {
  const folder = aptDir(suite);
  mkdirSync(`${folder}/lists/partial`, { recursive: true });
  mkdirSync(`${folder}/cache`, { recursive: true });
  const settings = {
    'Dir::State': folder,
    'Dir::State::lists': `${folder}/lists`,
    'Dir::State::status': `${folder}/status`,
    'Dir::Cache': `${folder}/cache`,
    'Dir::Log': folder,
    ...(suite === undefined ? {} : { 'Dir::Etc::sourcelist': await writeSources(suite), 'Dir::Etc::sourceparts': '/dev/null' }),
    'APT::Architecture': { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const hooks = [
    'APT::Update::Pre-Invoke',
    'APT::Update::Post-Invoke',
    'APT::Update::Post-Invoke-Success',
    'DPkg::Pre-Install-Pkgs',
    'DPkg::Pre-Invoke',
    'DPkg::Post-Invoke',
  ];
  const lines = [...hooks.map((hook) => `#clear ${hook};`), ...Object.entries(settings).map(([key, value]) => `${key} "${value}";`)];
  writeFileSync(`${folder}/status`, '');
  writeFileSync(`${folder}/apt.conf`, lines.map((line) => `${line}\n`).join(''));
  return `${folder}/apt.conf`;
}
