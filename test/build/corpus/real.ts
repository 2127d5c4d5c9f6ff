/** Dockerfiles as people write them for real programs. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dir, file, type LayerEntry } from '../../support/layers.ts';
import { projectDir } from '../../support/paths.ts';
import type { BuildCase } from './case.ts';

const C_PROGRAM = [
  file(
    'Makefile',
    'greet: greet.o words.o\n\t$(CC) $(CFLAGS) -o $@ $^\n%.o: %.c words.h\n\t$(CC) $(CFLAGS) -c -o $@ $<\ncount:\n\tls *.c | wc -l >count\n.PHONY: count\n',
  ),
  file('words.h', 'const char *words(void);\n'),
  file('words.c', '#include "words.h"\nconst char *words(void) { return "hello"; }\n'),
  file(
    'greet.c',
    '#include <stdio.h>\n#include "words.h"\nint main(int argc, char **argv) { printf("%s, %s\\n", words(), argc > 1 ? argv[1] : "you"); return 0; }\n',
  ),
  file('not-sent.txt', 'x'),
  file('.dockerignore', '*.txt\n'),
];

const PYTHON_APP = [
  file('pyproject.toml', '[project]\nname = "app"\n'),
  dir('app'),
  file('app/__init__.py', ''),
  file(
    'app/main.py',
    'import sys\n\ndef multiply(a, b):\n    return a * b\n\nif __name__ == "__main__":\n    print(multiply(int(sys.argv[1]), int(sys.argv[2])))\n',
  ),
  file(
    'app/test_main.py',
    'import unittest\nfrom app.main import multiply\n\nclass Test(unittest.TestCase):\n    def test(self):\n        self.assertEqual(multiply(6, 7), 42)\n',
  ),
];

const SITE = [
  dir('site'),
  dir('site/css'),
  file('site/index.html', '<title>@TITLE@</title><link rel=stylesheet href=css/site.css>\n'),
  file('site/css/site.css', 'body { margin: 0 }\n'),
  file('nginx.conf', 'server {\n  listen 8080;\n  root /usr/share/nginx/html;\n}\n'),
];

/** This project's own TypeScript and a dependency of the program's own, as packed archives that npm needs no registry for. */
function nodeService(): LayerEntry[] {
  const folder = mkdtempSync(`${tmpdir()}/kobako-test-npm-`);
  try {
    const compiler = `typescript-linux-${process.arch}`;
    mkdirSync(`${folder}/tiny-greeting`);
    for (const [name, text] of Object.entries(TINY_GREETING)) writeFileSync(`${folder}/tiny-greeting/${name}`, text);
    cpSync(`${projectDir}/node_modules/typescript`, `${folder}/typescript`, { recursive: true });
    // of other platforms' compilers npm would ask a registry
    const { optionalDependencies: _, ...rest } = JSON.parse(readFileSync(`${folder}/typescript/package.json`, 'utf8')) as Record<string, unknown>;
    writeFileSync(`${folder}/typescript/package.json`, JSON.stringify(rest));
    mkdirSync(`${folder}/vendor`);
    const npm = (...args: string[]) => execFileSync('npm', args, { cwd: folder, stdio: 'pipe' });
    for (const path of ['./tiny-greeting', './typescript', `${projectDir}/node_modules/@typescript/${compiler}`])
      npm('pack', '--silent', '--ignore-scripts', '--pack-destination', `${folder}/vendor`, path);
    const packed = (start: RegExp) => `file:vendor/${readdirSync(`${folder}/vendor`).find((name) => start.test(name))}`;
    const json = {
      name: 'service',
      version: '1.0.0',
      private: true,
      type: 'module',
      scripts: { build: 'tsc' },
      dependencies: { 'tiny-greeting': packed(/^tiny/) },
      devDependencies: { typescript: packed(/^typescript-\d/), [`@typescript/${compiler}`]: packed(/linux/) },
    };
    writeFileSync(`${folder}/package.json`, JSON.stringify(json, undefined, 2));
    npm('install', '--package-lock-only', '--offline', '--silent', '--no-audit', '--no-fund');
    const taken = ['package.json', 'package-lock.json', ...readdirSync(`${folder}/vendor`).map((name) => `vendor/${name}`)];
    return [...taken.map((name) => file(name, readFileSync(`${folder}/${name}`))), ...SERVICE];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const TINY_GREETING = {
  'package.json': JSON.stringify({ name: 'tiny-greeting', version: '1.0.0', type: 'module', main: 'index.js', types: 'index.d.ts' }),
  'index.js': 'export const greeting = (name) => `hello ${name}`;\n',
  'index.d.ts': 'export declare const greeting: (name: string) => string;\n',
};

const COMPILER_OPTIONS = { target: 'es2023', module: 'nodenext', outDir: 'dist', rootDir: 'src', strict: true, types: [], lib: ['es2023'] };

const SERVICE = [
  file('tsconfig.json', JSON.stringify({ compilerOptions: COMPILER_OPTIONS })),
  file('src/server.ts', "import { greeting } from 'tiny-greeting';\nexport const reply = (path: string): string => greeting(path.slice(1));\n"),
  file('src/check.ts', "import { reply } from './server.js';\ndeclare const console: { log(text: string): void };\nconsole.log(reply('/check'));\n"),
];

export const REAL: readonly BuildCase[] = [
  { name: 'c-program', context: C_PROGRAM, bases: ['gcc'], opaque: /^bin\/greet$/ },
  { name: 'python-app', context: PYTHON_APP, bases: ['python'], opaque: /\.pyc$/ },
  { name: 'nginx-site', context: SITE, bases: ['busybox', 'nginx'] },
  { name: 'node-service', context: nodeService, bases: ['npm', 'node'] },
];
