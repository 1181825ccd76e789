/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_store.h - the inside of struct model, for model.c and model_store.c.
 */
#ifndef FDPIN_MODEL_STORE_H
#define FDPIN_MODEL_STORE_H

#include "ledger.h"
#include "model.h"
#include "pool.h"

/* A look that ended properly. */
struct ended {
	unsigned int serial;
	__u64 began;
	__u64 lost; /* records lost before it began */
};

struct model {
	struct obj **buckets;
	unsigned int n_buckets; /* a power of two */
	unsigned int n_objs, sweep_at;
	struct obj *first, **tail;
	struct {
		struct obj *first, **tail;
	} alike[OBJ__max]; /* of each kind */
	unsigned int n_edges, n_ranges;

	unsigned int serial;	  /* of the newest look, ended or not */
	unsigned char look_no;	  /* its hdr.look */
	bool look_open;		  /* it began properly and has not ended */
	struct ended open;	  /* what will go to ended[0] */
	struct ended ended[2];	  /* last, and the one before */
	unsigned int n_looks;

	__u64 lost, dropped, now, gap_ids;
	bool history, oom, gaps_cut;
	bool charges; /* the session says that charges were watched */
	struct ledger ledger;
	struct pool pool; /* objects, edges and records */
};

/* The object, made if it is not there. NULL: no memory. */
struct obj *store_obj(struct model *m, enum obj_kind kind, __u64 id);
struct edge *store_find(enum relation rel, const struct obj *from, const struct obj *to);
/* An edge that is not there yet; look is the serial of the look that shows it, 0 for a hook. 0 or -ENOMEM. */
int store_link(struct model *m, enum relation rel, struct obj *from, struct obj *to, const struct fdpin_hdr *h,
	       unsigned int look);
/* One that is there is shown again. 0 or -ENOMEM. */
int store_confirm(struct model *m, struct edge *e, const struct fdpin_hdr *h, unsigned int look);
void store_remove(struct model *m, struct edge *e);
/* A look ended: what only looks have shown and this one did not is no longer so. */
void store_drop_unseen(struct model *m, unsigned int look, __u64 denied_from);
/* Forget the oldest objects that nobody points at, once there are too many. */
void store_sweep(struct model *m);
/* A copy, of the model; NULL without memory. NULL can be given, too. */
struct fdpin_hdr *record_copy(struct model *m, const struct fdpin_hdr *h);
void record_give(struct model *m, struct fdpin_hdr *h);

#endif
