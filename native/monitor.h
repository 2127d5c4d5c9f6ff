/* What the rest of the helper needs from the monitor and from init. */
#ifndef KOBAKO_MONITOR_H
#define KOBAKO_MONITOR_H

#include "run.h"

/*
 * The `monitor` operation, the last of the monitor side: stay until the container's process has ended. Called with the
 * sync socket open and every signal blocked. Does all that comes after: tokens, events, stdio, log, attach, reap,
 * runner_cleanup, the exit record on the channel and in exitPath. Returns the helper's exit code.
 */
int monitor_run(struct runner *r, const struct op_monitor *o);

/* `kobako-helper init -- CMD ARGS`: argv begins with "init". Returns the exit code. */
int init_main(int argc, char **argv, char **envp);

#endif
