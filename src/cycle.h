/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cycle.h - a container's dead end as a way through the wait-for graph, and
 * the evidence, sentences and notes that the verdicts make of it.
 */
#ifndef FDPIN_CYCLE_H
#define FDPIN_CYCLE_H

#include "invalid.h"
#include "verdict.h"
#include "waitgraph.h"

#define CYCLE_HOPS 8

/* From a container, through the thread that holds it, to what that waits for. */
struct hop {
	const struct locked *locked;
	const struct mark *closer; /* NULL if none was found */
};

struct cycle {
	const struct waitgraph *g;
	struct hop hops[CYCLE_HOPS];
	unsigned int n;
	unsigned int back;	    /* hop the last one leads back to; n if it leads nowhere known */
	const struct edge *waiter; /* who is blocked on the first container */
};

void cycle_find(struct cycle *ret, const struct waitgraph *g, const struct locked *l);
bool cycle_has(const struct cycle *cy, const struct obj *task);
void cycle_evidence(struct findings *out, struct finding *f, const struct cycle *cy);
/* 412 > vfio-a07b > 20733 > 412 */
void cycle_sentence(struct findings *out, struct finding *f, const struct cycle *cy);

/* Of a container that somebody can act for: the holders, and a sentence that says who can. */
void holders_evidence(struct findings *out, struct finding *f, const struct locked *l);
/* Who is closing a device of a container, and what those threads wait for. */
void closers_evidence(struct findings *out, struct finding *f, const struct obj *c);
void open_sentence(struct findings *out, struct finding *f, const struct locked *l);
void finding_sentence(struct findings *out, struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Evidence of who made a container's ranges invalid, as far as that was seen. */
void invalidated_evidence(struct findings *out, struct finding *f, const struct obj *c);
/* The same, and the invalid range that has stood for longest. */
void invalid_evidence(struct findings *out, struct finding *f, const struct obj *c, const struct invalid *inv);
/* Some of those who hold a container. */
void container_holders(struct findings *out, struct finding *f, const struct obj *c);
/* "Not known": which range, and when it became invalid, if no hook saw that. */
void note_unknown(struct findings *out, struct finding *f, const struct obj *c, const struct edge *waiter);
/* "Do not": what waking a user thread does on kernels that have this wait. */
void note_oops(struct findings *out, struct finding *f, const struct obj *c);
bool has_user_waiter(const struct obj *c);
/* Is somebody closing a device of this container? The edge, or NULL. */
const struct edge *closing_edge(const struct obj *c);

#endif
