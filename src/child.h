/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * child.h - the command after "--": made at once, started when we are ready.
 */
#ifndef FDPIN_CHILD_H
#define FDPIN_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;   /* readable once it has ended */
	int go;	     /* written to start it; -1 once it was */
	int failure; /* read for the errno of exec */
};

#define CHILD_NONE { .pidfd = -1, .go = -1, .failure = -1 }

/*
 * 0 or -errno. The child waits before exec, with our signal mask and SIGPIPE undone.
 * aside: what it prints goes to standard error, as standard output is for ours alone.
 */
int child_fork(struct child *c, char **argv, bool aside);
/* Exec it. 0, or a status as shells have it: 126 cannot be run, 127 not found. */
int child_start(struct child *c, const char *name);
/* The status of one that has ended, as shells have it; 128+n if by signal n. */
int child_status(struct child *c);
/* One that was never started is ended; one that runs goes on without us. */
void child_release(struct child *c);

#endif
