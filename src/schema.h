/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema.h - bpf/events.h as a table: the only way from bytes to meaning.
 *
 * Everything that reads records (model, verdicts, renderers, replay) goes
 * through record_decode() and this table. Bytes are foreign: they come from a
 * kernel ring buffer or from a file somebody sent, and are refused when they
 * are short, of unknown type, or of a size their type does not have.
 */
#ifndef FDPIN_SCHEMA_H
#define FDPIN_SCHEMA_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "../bpf/events.h"

/* How a field is printed; one row per kind in schema.c. */
enum kind {
	KIND_PAD,    /* never printed */
	KIND_COUNT,  /* decimal; JSON number */
	KIND_PAGES,  /* signed pages of 4 KiB: +8M in text; JSON integer, pages */
	KIND_BYTES,  /* IEC size in text; JSON integer, bytes */
	KIND_ADDR,   /* IOVA or VADDR; "0x…" string in JSON */
	KIND_HEX,    /* flag word; "0x…" string in JSON */
	KIND_NS,     /* duration; JSON integer, nanoseconds */
	KIND_ERRNO,  /* 0 or negative errno; name in text, integer in JSON */
	KIND_BOOL,
	KIND_ID,     /* object id, short form in text and JSON; never a kernel address */
	KIND_TID,
	KIND_STR,    /* hostile string */
	KIND_OP, KIND_CLASS, KIND_BACKED, KIND_VIA, KIND_WAIT, /* tables of names */
	KIND_CONTAINER, KIND_ACCOUNT, KIND_SOURCE, KIND_BACKING, KIND_RULE, KIND_ACTION,
	KIND_STATE,  /* task state bits: the letter of ps(1) */
};

enum word { WORD_LINK, WORD_UNLINK, WORD_CHARGE, WORD_NOTE };

/* What kinds of things the model knows. */
enum obj_kind {
	OBJ_NONE, OBJ_CONTAINER, OBJ_TASK, OBJ_WORK, OBJ_WQ, OBJ_FILES, OBJ_DEVICE, OBJ_RANGE, OBJ_LOCK, OBJ_SLOT,
	OBJ_IOAS, OBJ_MM, OBJ_USER, OBJ_PROCESS, OBJ_PROGRAM, OBJ_MEMORY,
	OBJ_STACK, OBJ_SESSION, OBJ_LOOK, OBJ_GAP, OBJ_LOST, OBJ_END, OBJ__max,
};

/* Relations: name, kind of the one end, kind of the other, "from … to" in words. */
#define RELATIONS(R)                                                      \
	R(WAITS, TASK, CONTAINER, "waits for a valid VADDR in")           \
	R(RUNS, WORK, TASK, "runs on")                                    \
	R(IN_WQ, WORK, WQ, "is of")                                       \
	R(BEHIND, WORK, WORK, "is queued behind")                         \
	R(FLUSHES, TASK, WORK, "waits for the end of")                    \
	R(FLUSHES_WQ, TASK, WQ, "waits for all items of")                 \
	R(CLOSES, TASK, DEVICE, "is closing")                             \
	R(MEMBER, DEVICE, CONTAINER, "is in")                             \
	R(PART, RANGE, CONTAINER, "is mapped in")                         \
	R(INVALIDATED, CONTAINER, TASK, "had a range invalidated by")     \
	R(CLEARED, CONTAINER, TASK, "had its last invalid range ended by") \
	R(HELD, CONTAINER, FILES, "is held by")                           \
	R(REF, CONTAINER, SLOT, "is referenced by")                       \
	R(USES, TASK, FILES, "uses")                                      \
	R(PENDING, CONTAINER, TASK, "will be released only by")           \
	R(LOCK_WAIT, TASK, LOCK, "waits for")                             \
	R(LOCK_OWNED, LOCK, TASK, "is owned by")                          \
	R(IOAS_OF, IOAS, CONTAINER, "is of")                              \
	R(IN_MM, PROCESS, MM, "lives in")                                 \
	R(OF_USER, PROCESS, USER, "is charged to")                        \
	R(MEMORY_OF, MEMORY, MM, "is mapped in")

enum relation {
#define R(name, from, to, words) REL_##name,
	RELATIONS(R)
#undef R
	REL__max,
};

struct field {
	const char *name;
	const char *meaning;
	const char *kind_name; /* as events.h has it: "ADDR" */
	enum kind kind;
	unsigned int offset, size; /* within the record */
	bool is_signed;
};

/* One end of an effect: a member of the record, or anything. */
struct member {
	unsigned int offset, size;
	bool any;
};

struct effect {
	enum word word;
	enum relation rel;     /* LINK, UNLINK */
	enum obj_kind obj;     /* NOTE */
	struct member from, to; /* NOTE uses from only */
};

#define EFFECTS_MAX 8

struct event {
	enum fdpin_type type;
	const char *name;
	const char *text; /* sentence template */
	unsigned int size;
	const struct field *fields;
	unsigned int n_fields;
	struct effect effects[EFFECTS_MAX];
	unsigned int n_effects;
};

/* A decoded record: a view into bytes that somebody else owns. */
struct record {
	const struct fdpin_hdr *h;
	const struct event *ev;
};

/* Row of a type, NULL if there is none. */
const struct event *schema_event(unsigned int type);
const struct event *schema_event_by_name(const char *name);
const struct field *event_field(const struct event *ev, const char *name);
const char *relation_words(enum relation rel);

/* What every record starts with, struct fdpin_hdr, as a row of its own: name "header", type EV_none. */
const struct event *schema_header(void);

/*
 * schema_text() - all of the above in words, as a recording carries it: the
 * form is told at the top of recording.c. Padded to a multiple of 8 bytes; it
 * stays where it is. schema_fingerprint() is the schema_hash() of it.
 */
#define SCHEMA_TEXT_MAX (64 * 1024)
const char *schema_text(size_t *ret_len);
__u32 schema_hash(const void *data, size_t len);
__u32 schema_fingerprint(void);

/*
 * record_decode() - check bytes and make a view of the record at their start.
 * @data: must be 8-byte aligned; @len: bytes available.
 * Returns the record's size (a multiple of 8) to step on, or -EINVAL
 * (too short for what it claims), -ENOENT (unknown type), -EMSGSIZE (size is not that of its
 * type), -EBADMSG (an enum or a grade out of range is NOT an error; a string without end is
 * not either: readers bound strings by their field).
 */
int record_decode(const void *data, size_t len, struct record *ret);

/* Value of a number, sign-extended to 64 bits if the field is signed. */
__u64 record_u64(const struct record *r, const struct field *f);
/* A string field, copied and NUL-terminated; at most size-1 bytes are kept. Not escaped. */
void record_str(const struct record *r, const struct field *f, char *buf, size_t size);
/* Name of a value of an enum kind ("pin", "worker", …); NULL if it has none. */
const char *kind_value_name(enum kind kind, __u64 value);

#endif
