// Copied to dist/ by prepare.mjs. Runs a bundled command line with the code that V8 made of it the last time: compiling
// what a short command uses takes longer than running it. Node's own compile cache keeps no function that was compiled
// when it was first called; this keeps all that a first `run` used. (It still keeps node_modules'.)
'use strict';
const { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { createRequire, enableCompileCache } = require('node:module');
const { constants, Script } = require('node:vm');
const { crc32 } = require('node:zlib');

/** Bytes at the end of what is kept. V8 looks at the beginning only, and would run what a bad disk has made of the rest. */
const SUM = 4;

/** Words of commands that go through most of the engine: after the first of them that succeeds, the code is kept. */
const WORTH = new Set(['run', 'create']);

/** `build`: differs wherever the file differs, for V8 compares no more than its length. */
module.exports = (name, build) => {
  const folder = `${__dirname}/compiled`;
  enableCompileCache?.(folder);
  const filename = `${__dirname}/${name}-main.cjs`;
  const kept = `${folder}/${name}-${build}-${process.version}.code`;
  const cachedData = whole(kept);
  // prepare.mjs leaves ASCII only
  const source = `(function (exports, require, module, __filename, __dirname) { ${readFileSync(filename, 'latin1')}\n})`;
  const script = new Script(source, { filename, cachedData, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER });
  if (process.argv.some((word) => WORTH.has(word)) && script.cachedDataRejected !== false) {
    process.once('exit', (code) => {
      if (code === 0) keep(folder, kept, script.createCachedData());
    });
  }
  const own = { exports: {} };
  script.runInThisContext()(own.exports, createRequire(filename), own, filename, __dirname);
};

function whole(file) {
  try {
    const all = readFileSync(file);
    const data = all.subarray(0, -SUM);
    return crc32(data) === all.readUInt32LE(data.length) ? data : undefined;
  } catch {
    return undefined; // none yet, or a Node without crc32
  }
}

/** Whole, or not at all: a folder that is not ours to write to, or a full disk, is no failure of the command. */
function keep(folder, file, data) {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    const sum = Buffer.alloc(SUM);
    sum.writeUInt32LE(crc32(data));
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      writeFileSync(fd, Buffer.concat([data, sum]));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch {
    rmSync(temporary, { force: true });
  }
}
