/** The tally's reporter, in the virtual machine: the runner loads its reporters before what `--import` names. */
import './load-stripped.mjs';

const { default: tally } = await import('../support/tally-reporter.ts');
export default tally;
