/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * waitgraph.h - who waits for whom, and whether anybody outside can end it.
 *
 * A thread blocked on a container's range waits for any thread that can use
 * the container's file (to restore or unmap the range), or for the last of
 * them to close it: an OR node. A container is a dead end if all of them are
 * stuck; a thread is stuck if it waits for a dead end, or for a thread that
 * is. Both are the greatest solution: start with every container somebody is
 * blocked on, take out those that somebody can act for, until it is stable.
 *
 * This is done twice. The strict solution uses only evidence that proves, and
 * needs everybody who could act to be found and stuck: what is in it is
 * proven. The loose one takes every edge, and takes a container out only for
 * somebody who is known to be able to act. What is between them is likely.
 */
#ifndef FDPIN_WAITGRAPH_H
#define FDPIN_WAITGRAPH_H

#include "model.h"

#include <uthash.h>

enum outlook {
	OUTLOOK_OPEN,	/* somebody who can end it is known */
	OUTLOOK_LIKELY, /* nobody is known who can, but it is not proven */
	OUTLOOK_PROVEN,
};

/*
 * A stuck thread, or a work item or lock that will not be free. edge leads
 * from obj towards what it waits for: next, or a container (next is NULL).
 */
struct mark {
	const struct obj *obj;
	const struct edge *edge;
	const struct edge *bridge; /* with FLUSHES_WQ: the item of that workqueue */
	struct mark *next;
	bool suspect; /* it sleeps while closing and nothing says what for */
	struct mark *queue;
	UT_hash_handle hh;
};

struct closure {
	struct mark *marks;
	struct mark *head, **tail; /* in order of discovery */
	bool strict;
};

struct tasks {
	const struct obj **v;
	unsigned int n, room;
};

/* A container somebody is blocked on. */
struct locked {
	const struct obj *container;
	enum outlook outlook;
	bool strict, loose;  /* still in the solution */
	bool users_only;     /* all who hold it are user threads blocked on it themselves */
	struct tasks closers; /* stuck, not merely blocked on the range, and able to act or about to close if they were not */
	struct tasks able;   /* can act as far as is known */
	struct tasks numb;   /* could, but sleep uninterruptibly for a reason nobody recorded */
};

struct waitgraph {
	const struct model *m;
	unsigned int look; /* serial of the last look that ended */
	bool sound;	   /* the last two looks say "these are all" */
	bool live;	   /* what hooks saw is so until they see the end of it */
	struct locked *locked;
	unsigned int n_locked;
	struct closure strict, loose;
	bool oom;
};

/* 0 or -ENOMEM. waitgraph_free() accepts a zeroed struct. */
int waitgraph_make(struct waitgraph *g, const struct model *m);
void waitgraph_free(struct waitgraph *g);

/* The mark of an object in the solution that decided about a container; NULL if it is not stuck. */
const struct mark *waitgraph_mark(const struct waitgraph *g, const struct locked *l, const struct obj *o);
/* The container a chain of marks ends at; NULL if it ends at a suspect. */
const struct obj *mark_container(const struct mark *mk);
/* The last thread of the chain: blocked on a range, or a suspect. */
const struct mark *mark_end(const struct mark *mk);

/* What the strict solution asks; also asked to say why something is not proven. */
bool evidence_solid(const struct waitgraph *g, const struct edge *e);
bool evidence_live(const struct waitgraph *g, const struct edge *e);
bool task_still(const struct waitgraph *g, const struct obj *task);
bool task_killable(const struct obj *task, const struct edge *wait);
bool flush_covers(const struct edge *flush_wq, const struct edge *runs);
enum fdpin_class task_class(const struct obj *task);
__u32 task_tgid(const struct obj *task);
bool task_exiting(const struct obj *task);

/* Are all references to the container's file accounted for? */
enum account {
	ACCOUNT_FULL,	   /* every reference is a descriptor that was found */
	ACCOUNT_PENDING,   /* none is left; the thread that will release it was found */
	ACCOUNT_UNKNOWN,   /* the container was not looked at */
	ACCOUNT_UNSTABLE,  /* it changed while or between it was read */
	ACCOUNT_NO_FILE,
	ACCOUNT_PARTIAL,   /* there are more, or fewer, than were found */
	ACCOUNT_NO_RELEASER,
};
enum account container_account(const struct waitgraph *g, const struct obj *c, __u64 *ret_found, __u64 *ret_refs);

#endif
