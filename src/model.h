/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what is known: objects, relations between them, and gaps.
 *
 * The model knows the four words of bpf/events.h, not the events. It keeps a
 * copy of the record that made each edge and of the last one that described
 * each object, so that whoever asks can show its evidence.
 *
 * Looks: a look at a standing system (snapshot) is a bracket of records with
 * the same hdr.look. When it ends, an edge that only looks have shown and this
 * one did not is dropped: it is no longer so. An edge two looks have shown is
 * "read twice". Edges a hook has seen (look 0) stay until they are unlinked.
 */
#ifndef FDPIN_MODEL_H
#define FDPIN_MODEL_H

#include "schema.h"

struct model;
struct obj;
struct ledger; /* ledger.h */

struct edge {
	enum relation rel;
	struct obj *from, *to;
	struct fdpin_hdr *rec;	    /* the record that made it first, the model's; PART: the first of those that say what last does */
	struct fdpin_hdr *last;	    /* the last one that confirmed it, owned; may equal rec (PART: always) */
	bool observed;		    /* a hook saw it */
	unsigned int looks;	    /* how many looks in a row have shown it */
	unsigned int last_look;	    /* the model's serial number of the last that did */
	struct edge *next_from, *next_to; /* of the same from; of the same to */
};

struct obj {
	enum obj_kind kind;
	__u64 id;
	struct fdpin_hdr *note;	     /* last record that described it, owned, or NULL */
	struct fdpin_hdr *prev_note; /* the one before, or NULL */
	unsigned int note_look;	     /* serial of the look that made note, 0 if none */
	unsigned int prev_look;	     /* the same of prev_note */
	struct edge *out, *in;	     /* linked by next_from, next_to */
	/* hash handle: private */
	struct obj *next_hash;
	struct obj *next;	     /* all objects, in order of appearance */
	struct obj *next_alike;	     /* those of this kind, likewise */
};

/* Constructor returns NULL and sets errno; destructor accepts NULL. */
struct model *model_new(void);
void model_free(struct model *m);

/* Apply one decoded record. 0, or -ENOMEM (the model is then incomplete and says so). */
int model_apply(struct model *m, const struct record *r);

struct obj *model_find(const struct model *m, enum obj_kind kind, __u64 id);
/* First object / next in order of appearance: of that kind, which the one asked has, or with OBJ_NONE of any. */
struct obj *model_first(const struct model *m, enum obj_kind kind);
struct obj *model_next(const struct obj *o, enum obj_kind kind);
/* First edge of a relation out of / into an object, and the next one. */
struct edge *edge_out(const struct obj *o, enum relation rel);
struct edge *edge_out_next(const struct edge *e);
struct edge *edge_in(const struct obj *o, enum relation rel);
struct edge *edge_in_next(const struct edge *e);

/* Records lost so far (sum of lost.count, or what the end record says). */
__u64 model_lost(const struct model *m);
/* Different gaps (objects of kind OBJ_GAP), and those that are not hooks_only: looks may miss something. */
unsigned int model_gaps(const struct model *m);
unsigned int model_look_gaps(const struct model *m);
/* Ranges that were not kept because there are too many (only drift looks at each of them). */
__u64 model_dropped(const struct model *m);
/* Looks that ended; what a "no" about a standing system rests on. */
unsigned int model_looks(const struct model *m);
/* Serial number of the last look that ended (compare with last_look, note_look), 0 if none. */
unsigned int model_last_look(const struct model *m);
/* When that look, and the one before it, began; 0 if there was none. */
__u64 model_look_began(const struct model *m, unsigned int back);
/*
 * True if the last two looks ended properly, one after the other, see
 * everything, and no record was lost since the first of them began: only then
 * does "these are all" about what looks show hold, twice.
 */
bool model_looks_sound(const struct model *m);
/* Hooks watched since the beginning of the session (session.history). */
bool model_has_history(const struct model *m);
/* Charges were watched, too: the ledger has them since the beginning of the session. */
bool model_has_charges(const struct model *m);
const struct ledger *model_ledger(const struct model *m);
/* True if nothing is known to be missing: no gap, no loss, a finished look or a history, a proper end in a file. */
bool model_complete(const struct model *m);
__u64 model_now(const struct model *m); /* ts_ns of the last record */

/* Was it the first range, so that the container had none before that is invalid? */
static inline bool invalidate_opens(const struct ev_invalidate *e)
{
	return e->ranges && e->invalid == e->ranges;
}

/* A look has read all of it, and no range is invalid. */
static inline bool container_all_valid(const struct ev_container *e)
{
	return !e->unstable && !e->invalid;
}

#define NOTE_OF(o, name) ((const struct ev_##name *)((o) && (o)->note && (o)->note->type == EV_##name ? (o)->note : NULL))

#endif
