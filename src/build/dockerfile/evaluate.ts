/** What each instruction does to a stage. */
import { signalNumber } from '../../base/signals.ts';
import type { ArgInstruction, CommandLine, HealthcheckConfig, Instruction, KeyValue, SourceRange } from './ast.ts';
import { formatNanoseconds } from './durations.ts';
import { copyFiles } from './evaluate-copy.ts';
import { runCommand } from './evaluate-run.ts';
import { wrong } from './failure.ts';
import { absolute } from './paths.ts';
import type { ImageSettings } from './plan.ts';
import { parseExposed } from './ports.ts';
import { own } from './scope.ts';
import { soundsSecret } from './secrets.ts';
import type { StageState } from './stage-state.ts';
import { expandedTitle } from './step-title.ts';
import { goQuote } from '../../base/go-quote.ts';
import { goQuoteAll } from './text.ts';

/** What a port weighs among what a build may come to: `EXPOSE 0-65535` is short. */
const PORT_WEIGHT = 64;

/** Throws `invalid` in BuildKit's words, without a place. */
export function evaluate(stage: StageState, instruction: Instruction): void {
  const { settings } = stage;
  switch (instruction.kind) {
    case 'add':
    case 'copy':
      return copyFiles(stage, instruction);
    case 'run':
      return runCommand(stage, instruction);
    case 'arg':
      return declare(stage, instruction);
    case 'env': {
      const pairs = keyValues(stage, instruction, instruction.pairs);
      for (const { key, value } of pairs) {
        if (soundsSecret(key)) warnSecret(stage, 'ENV', key, instruction.location);
        stage.setEnv(key, value);
      }
      return configure(stage, instruction, ['ENV', ...pairs.map(({ key, value }) => `${key}=${value}`)].join(' '));
    }
    case 'label': {
      const pairs = keyValues(stage, instruction, instruction.pairs);
      for (const { key, value } of pairs) stage.labels.set(key, value);
      return configure(stage, instruction, ['LABEL', ...pairs.map(({ key, value }) => `${key}=${value}`)].join(' '));
    }
    case 'maintainer':
      stage.author = instruction.maintainer;
      return configure(stage, instruction, `MAINTAINER ${instruction.maintainer}`);
    case 'workdir':
      return changeFolder(stage, instruction, stage.expand(instruction.path, instruction));
    case 'user': {
      const user = stage.expand(instruction.user, instruction);
      settings.User = user;
      return configure(stage, instruction, `USER ${user}`);
    }
    case 'volume': {
      const volumes = instruction.volumes.map((volume) => stage.expand(volume, instruction));
      if (volumes.includes('')) throw wrong('VOLUME specified can not be an empty string');
      for (const volume of volumes) stage.volumes.set(volume, volume);
      return configure(stage, instruction, `VOLUME [${volumes.join(' ')}]`);
    }
    case 'expose':
      return expose(stage, instruction, instruction.ports);
    case 'stopsignal': {
      const signal = stage.expand(instruction.signal, instruction);
      signalNumber(signal);
      settings.StopSignal = signal;
      return configure(stage, instruction, `STOPSIGNAL ${signal}`);
    }
    case 'shell':
      settings.Shell = [...instruction.shell];
      return configure(stage, instruction, `SHELL [${instruction.shell.join(' ')}]`);
    case 'cmd': {
      once(stage, instruction);
      const argv = commandLine(stage, instruction, instruction.command);
      if (argv.length === 0) delete settings.Cmd;
      else settings.Cmd = argv;
      settings.ArgsEscaped = true;
      return configure(stage, instruction, `CMD ${goQuoteAll(argv)}`);
    }
    case 'entrypoint': {
      once(stage, instruction);
      const argv = commandLine(stage, instruction, instruction.command);
      if (argv.length === 0) delete settings.Entrypoint;
      else settings.Entrypoint = argv;
      // a CMD of the base is meant for its own entrypoint
      if (!stage.given.has('cmd')) delete settings.Cmd;
      return configure(stage, instruction, `ENTRYPOINT ${goQuoteAll(argv)}`);
    }
    case 'healthcheck':
      once(stage, instruction);
      settings.Healthcheck = healthSettings(instruction.health);
      return configure(stage, instruction, `HEALTHCHECK ${describeHealth(instruction.health)}`);
    case 'onbuild':
      settings.OnBuild = [...(settings.OnBuild ?? []), instruction.expression];
      // it is no line of the history
      return stage.add(instruction, { kind: 'config' }, undefined, instruction.source, false);
  }
}

function configure(stage: StageState, instruction: Instruction, createdBy: string): void {
  stage.add(instruction, { kind: 'config' }, createdBy, createdBy, false);
}

function warnSecret(stage: StageState, keyword: 'ARG' | 'ENV', key: string, location: readonly SourceRange[]): void {
  const message = `Do not use ARG or ENV instructions for sensitive data (${keyword} ${goQuote(key)})`;
  stage.context.findings.add('SecretsUsedInArgOrEnv', location, message);
}

function keyValues(stage: StageState, instruction: Instruction, pairs: readonly KeyValue[]): { key: string; value: string }[] {
  stage.charge(pairs.length);
  const expanded = pairs.map(({ key, value }) => ({ key: stage.expand(key, instruction), value: stage.expand(value, instruction) }));
  if (pairs.some(({ legacy }) => legacy)) {
    const { keyword } = instruction;
    const message = `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`;
    stage.context.findings.add('LegacyKeyValueFormat', instruction.location, message);
  }
  return expanded;
}

function declare(stage: StageState, instruction: ArgInstruction): void {
  const { buildArgs, scope, taken } = stage.context;
  const words: string[] = [];
  for (const arg of instruction.args) {
    if (soundsSecret(arg.key)) warnSecret(stage, 'ARG', arg.key, instruction.location);
    const given = own(buildArgs, arg.key);
    const value = given ?? (arg.value === undefined ? scope.get(arg.key) : stage.expand(arg.value, instruction));
    if (given !== undefined) taken.add(arg.key);
    stage.setArg({ ...arg, value });
    words.push(value === undefined ? arg.key : `${arg.key}=${value}`);
  }
  configure(stage, instruction, `ARG ${words.join(' ')}`);
}

function changeFolder(stage: StageState, instruction: Instruction, path: string): void {
  if (!stage.workdirSet && !path.startsWith('/')) {
    const message = `Relative workdir ${goQuote(path)} can have unexpected results if the base image changes`;
    stage.context.findings.add('WorkdirRelativePath', instruction.location, message);
  }
  stage.workdirSet = true;
  // an absolute one is taken as it is written
  const folder = path.startsWith('/') ? path : absolute(stage.cwd, path);
  stage.settings.WorkingDir = folder;
  if (folder === '/') return configure(stage, instruction, 'WORKDIR /');
  const title = stage.title(expandedTitle(stage, instruction.source));
  stage.add(instruction, { kind: 'workdir', path: stage.cwd, user: stage.settings.User ?? '' }, `WORKDIR ${folder}`, title, true);
}

function expose(stage: StageState, instruction: Instruction, words: readonly string[]): void {
  const { findings } = stage.context;
  const ports = words
    .flatMap((word) => stage.expandWords(word))
    .flatMap((word) => {
      const parsed = parseExposed(word);
      if (parsed.mapped) {
        const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`;
        findings.add('ExposeInvalidFormat', instruction.location, message);
      }
      if (parsed.protocol !== parsed.protocol.toLowerCase()) {
        findings.add('ExposeProtoCasing', instruction.location, `Defined protocol '${word}' in EXPOSE instruction should be lowercase`);
      }
      // before the next word: one line has room for thousands of them
      stage.charge(PORT_WEIGHT * parsed.ports.length);
      return parsed.ports;
    });
  for (const port of ports) stage.ports.set(port, port);
  configure(stage, instruction, `EXPOSE [${ports.join(' ')}]`);
}

/** Only the last one of a kind counts: the one before is found fault with. */
function once(stage: StageState, { kind, keyword, location }: Instruction): void {
  const before = stage.given.get(kind);
  if (before !== undefined) {
    const message = `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`;
    stage.context.findings.add('MultipleInstructionsDisallowed', before, message);
  }
  stage.given.set(kind, location);
}

function commandLine(stage: StageState, { keyword, location }: Instruction, command: CommandLine): string[] {
  if (!command.shell) return [...command.words];
  if (!stage.settings.Shell?.length) {
    const message = `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`;
    stage.context.findings.add('JSONArgsRecommended', location, message);
  }
  return stage.withShell(command.words[0] ?? '');
}

/** As an image's config has them. */
export function healthSettings(health: HealthcheckConfig): NonNullable<ImageSettings['Healthcheck']> {
  const { test, interval, timeout, startPeriod, startInterval, retries } = health;
  return {
    ...(test.length === 0 ? {} : { Test: [...test] }),
    ...(interval === 0 ? {} : { Interval: interval }),
    ...(timeout === 0 ? {} : { Timeout: timeout }),
    ...(startPeriod === 0 ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === 0 ? {} : { StartInterval: startInterval }),
    ...(retries === 0 ? {} : { Retries: retries }),
  };
}

/** As Go's %q writes the struct: the number of retries as a character. */
function describeHealth({ test, interval, timeout, startPeriod, startInterval, retries }: HealthcheckConfig): string {
  const durations = [interval, timeout, startPeriod, startInterval].map((value) => goQuote(formatNanoseconds(value)));
  return `&{${[goQuoteAll(test), ...durations, quoteCharacter(retries)].join(' ')}}`;
}

function quoteCharacter(code: number): string {
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  const quoted = goQuote(isCharacter ? String.fromCodePoint(code) : '\ufffd').slice(1, -1);
  return `'${quoted === '\\"' ? '"' : quoted === "'" ? "\\'" : quoted}'`;
}
