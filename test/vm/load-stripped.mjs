/**
 * For `node --import`, in the virtual machine: TypeScript comes as the host has stripped it (`stripSources` in run.ts says why).
 */
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const stripped = process.env.KOBAKO_STRIPPED;

registerHooks({
  load(url, context, nextLoad) {
    if (stripped === undefined || !url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
    const file = `${stripped}${fileURLToPath(url)}`;
    if (!existsSync(file)) return nextLoad(url, context);
    return { format: 'module', source: readFileSync(file), shortCircuit: true };
  },
});
