/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pager.h - results that are longer than the screen, a page at a time:
 * $FDPIN_PAGER, else $PAGER, else less. Only where stdout is a terminal.
 *
 * Between pager_begin() and pager_end() stdout is a pipe to the pager. That it
 * goes away early is no trouble, and changes no exit status.
 */
#ifndef FDPIN_PAGER_H
#define FDPIN_PAGER_H

#include <sys/types.h>

#include "output.h"

struct pager {
	pid_t pid; /* 0: there is none */
	int terminal; /* what stdout was */
};

/* Without a pager, for whatever reason, the output is as it was. */
struct pager pager_begin(const struct output *o);
/* Waits until the reader has seen enough. */
void pager_end(struct pager *p, const struct output *o);

#endif
