import { runVmSuite } from '../test/vm/run.ts';
import { testFiles } from '../test/support/node-test.ts';
const VM = ['test/integration/{cgroup,monitor-ends,lan-network,network-kernel,tell-first,start-ahead,isolation}.test.ts', 'src/cgroup/**/*live*.test.ts', 'test/vm/*.guest.ts'];
const { lines } = await runVmSuite((chunk) => process.stdout.write(chunk), testFiles(VM));
for (const line of lines) if (line.result === 'failed') console.log('FAILED', line);
