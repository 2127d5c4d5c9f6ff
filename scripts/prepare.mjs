// Builds dist/: the native helper with the machine's C compiler, and the bundled command lines with esbuild.
// Plain JavaScript, because `npm ci` runs it under whatever Node there is (20 or newer). What is up to date is left.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));
const dist = join(root, 'dist');
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

const WARNINGS = ['-Wall', '-Wextra', '-Werror'];
const FLAGS = [
  '-std=c11',
  '-O2',
  '-ffreestanding',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fno-pie',
  '-fno-tree-loop-distribute-patterns', // else memset may be compiled into a call to itself
  '-ffunction-sections',
  '-fdata-sections',
];
const LINK = [
  '-static',
  '-no-pie',
  '-nostdlib',
  '-s',
  '-Wl,--gc-sections',
  '-Wl,--build-id=none',
  '-Wl,-z,noseparate-code', // fewer pages: each monitor pays for them
  '-Wl,-z,noexecstack',
];

/** A problem that the user can mend: printed as one sentence, without a stack. */
class Problem extends Error {}

function newest(files) {
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

function isFresh(output, inputs) {
  const made = statSync(output, { throwIfNoEntry: false });
  return made !== undefined && made.mtimeMs >= newest(inputs);
}

function filesIn(folder, pattern) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile() && pattern.test(entry.name)).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function compiler() {
  const wanted = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  for (const name of wanted) {
    const [command, ...args] = name.split(' ');
    if (spawnSync(command, [...args, '--version'], { stdio: 'ignore' }).status === 0) return [command, ...args];
  }
  throw new Problem(
    `no C compiler: ${wanted.join(', ')} not found; kobako builds its small native helper when it is installed: ` +
      'install gcc or clang and the kernel headers (Debian: gcc libc6-dev; Fedora: gcc kernel-headers; Alpine: gcc linux-headers), then npm ci',
  );
}

function hasKernelHeaders([command, ...args]) {
  const input = '#include <linux/openat2.h>\n#include <linux/mount.h>\n#include <asm/unistd.h>\n__NR_mount_setattr\n';
  const probe = spawnSync(command, [...args, '-E', '-P', '-x', 'c', '-'], { input, encoding: 'utf8' });
  return probe.status === 0 && !probe.stdout.includes('__NR_mount_setattr');
}

function buildHelper() {
  const output = join(dist, 'kobako-helper');
  const folder = join(root, 'native');
  const names = readdirSync(folder);
  const sources = names.filter((name) => name.endsWith('.c')).map((name) => join(folder, name));
  const inputs = names.filter((name) => /\.[ch]$/.test(name)).map((name) => join(folder, name));
  if (isFresh(output, [...inputs, folder, self])) return;
  if (!['x64', 'arm64'].includes(process.arch)) throw new Problem(`kobako runs on x86_64 and aarch64, not on ${process.arch}`);
  const [command, ...args] = compiler();
  const temporary = `${output}.${process.pid}`;
  const all = [...args, ...FLAGS, ...WARNINGS, `-DKOBAKO_VERSION="${version}"`, '-o', temporary, ...sources, ...LINK];
  const made = spawnSync(command, all, { encoding: 'utf8' });
  if (made.status !== 0) {
    rmSync(temporary, { force: true });
    if (!hasKernelHeaders([command, ...args])) {
      throw new Problem(
        'the Linux kernel headers of version 5.12 or newer are not found: install them (Debian: linux-libc-dev; Fedora: kernel-headers; Alpine: linux-headers), then npm ci',
      );
    }
    throw new Problem(`the native helper could not be built:\n${made.stderr}`);
  }
  renameSync(temporary, output);
}

async function bundle(entry, output) {
  const source = join(root, 'src', entry);
  if (statSync(source, { throwIfNoEntry: false }) === undefined) return false;
  const target = join(dist, output);
  if (isFresh(target, [...filesIn(join(root, 'src'), /\.(ts|json)$/), self, join(root, 'scripts/launcher.cjs'), join(root, 'package.json')])) return false;
  let esbuild;
  try {
    esbuild = await import('esbuild');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.log(`kobako: esbuild is not installed: dist/${output} is not made, the command starts from src instead`);
    return false;
  }
  const temporary = `${target}.${process.pid}`;
  try {
    await esbuild.build({
      entryPoints: [source],
      outfile: temporary,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      external: ['koffi', '@grpc/grpc-js', 'protobufjs'],
      legalComments: 'none',
      logLevel: 'warning',
      // a CommonJS file has no import.meta; the paths then count from dist/
      define: { 'import.meta.url': 'importMetaUrl', 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
      banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
    });
    writeFileSync(temporary, ascii(lazily(readFileSync(temporary, 'utf8'))));
    renameSync(temporary, target);
    return true;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Parts of Node that most commands never use, and that take long to load: they are, when something of them is first asked for. */
const LATE = /(import_\w+) = require\("(node:(?:http|https|tls|http2|net|dgram|zlib|dns\/promises|child_process|worker_threads))"\);/g;

function lazily(text) {
  const loader = 'var __late = (id, own) => new Proxy({}, { get: (_, key) => (own ??= require(id))[key] });\n';
  return loader + text.replaceAll(LATE, '$1 = __late("$2");');
}

/** The same program without a character that takes more than a byte: read faster, and half as large in memory. */
function ascii(text) {
  return text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A command line: a file of one line that starts the rest (launcher.cjs). A first, harmless call warms Node's compile cache. */
async function commandLine(entry, name) {
  if (!(await bundle(entry, `${name}-main.cjs`))) return;
  const compiled = join(dist, 'compiled');
  mkdirSync(compiled, { recursive: true });
  for (const file of readdirSync(compiled)) if (file.startsWith(`${name}-`) && file.includes('.code')) rmSync(join(compiled, file));
  copyFileSync(join(root, 'scripts/launcher.cjs'), join(dist, 'launcher.cjs'));
  const build = createHash('sha256')
    .update(readFileSync(join(dist, `${name}-main.cjs`)))
    .digest('hex')
    .slice(0, 16);
  const output = join(dist, `${name}.cjs`);
  const temporary = `${output}.${process.pid}`;
  writeFileSync(temporary, `require('./launcher.cjs')('${name}', '${build}');\n`);
  renameSync(temporary, output);
  spawnSync(join(root, 'bin', name), ['--version'], { stdio: 'ignore' });
}

try {
  mkdirSync(dist, { recursive: true });
  buildHelper();
  await commandLine('cli/kobako.ts', 'kobako');
  await commandLine('cli/runc.ts', 'kobako-runc');
  await bundle('engine/layer-worker.ts', 'layer-worker.cjs');
  await bundle('buildkit/tree-worker.ts', 'tree-worker.cjs');
  await bundle('index.ts', 'index.cjs');
} catch (error) {
  console.error(`kobako: ${error instanceof Problem ? error.message : error.stack}`);
  process.exitCode = 1;
}
