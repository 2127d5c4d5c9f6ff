/** Commands of a test, and what they must answer. */
import assert from 'node:assert/strict';
import type { Engine } from '../../src/engine/contract.ts';
import { cli, type CliOptions } from './cli.ts';

/** On the engine that is there when a command runs. */
export function cliChecks(engine: () => Engine) {
  const kobako = (argv: readonly string[], options?: CliOptions) => cli(engine(), argv, options);
  return {
    kobako,
    /** It succeeds and says nothing on its standard error; its output. */
    async ok(...argv: string[]): Promise<string> {
      const { code, stdout, stderr } = await kobako(argv);
      assert.deepEqual([code, stderr], [0, ''], argv.join(' '));
      return stdout;
    },
    /** It ends with this code, and says this on its standard error: all of it, or what fits. */
    async fails(argv: readonly string[], code: number, stderr: string | RegExp): Promise<void> {
      const result = await kobako(argv);
      assert.equal(result.code, code, `${argv.join(' ')}: ${result.stdout}${result.stderr}`);
      if (typeof stderr === 'string') assert.equal(result.stderr, stderr);
      else assert.match(result.stderr, stderr);
    },
  };
}
