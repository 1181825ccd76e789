/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h - where records come from: live hooks and looks (source_bpf.c) or
 * a recording (source_replay.c). Left of schema.h there is one kind of bytes.
 */
#ifndef FDPIN_SOURCE_H
#define FDPIN_SOURCE_H

#include "schema.h"

/*
 * Called for every good record, in order. r points into memory that is valid
 * only during the call. Return 0 to go on; anything else ends the poll with it.
 */
typedef int (*source_fn)(void *ctx, const struct record *r);

/* What to watch. Lists are owned by the caller and must outlive the source. */
struct source_filter {
	const __u32 *tgids;
	unsigned int n_tgids; /* children of these are followed */
	const __u32 *tids;
	unsigned int n_tids;
	const char *comm;      /* exact name, NULL for any */
	__u64 container;       /* id, 0 for any; low bits only if container_bits < 64 */
	unsigned int container_bits; /* how many low bits of container were given (16 for vfio-3c1e), 64 or 0 */
	__u64 events;	       /* bit per enum fdpin_type; 0 for all */
	bool stacks;
	bool details; /* looks also tell of processes, counters and the memory behind ranges */
	unsigned int ring_bytes; /* 0 for the default; a power of two */
};

struct source_bpf;

/*
 * source_bpf_open() - load; with history=true also attach the hooks that
 * watch. Everything that could not be had becomes a gap record. Returns 0, or
 * -EPERM (no rights), -EOPNOTSUPP (this kernel cannot), other -errno. With
 * *why set to a static or owned sentence about what failed.
 */
int source_bpf_open(struct source_bpf **ret, const struct source_filter *filter, bool history, const char *command,
		    source_fn fn, void *ctx, const char **why);
void source_bpf_close(struct source_bpf *s); /* detaches; accepts NULL */
int source_bpf_fd(const struct source_bpf *s); /* epoll fd, readable when records wait */
/* Hand over what is there: number of records, or what fn returned, or -errno. */
int source_bpf_poll(struct source_bpf *s, int timeout_ms);
/* One look at the standing system; its records go to fn. 0 or -errno. */
int source_bpf_look(struct source_bpf *s);
__u64 source_bpf_lost(const struct source_bpf *s);
/* From now on each poll counts all that was lost by then; what is dear to ask for, otherwise only once a second. */
void source_bpf_ending(struct source_bpf *s);
/* VFIO is not loaded; with history it is hooked when it comes. */
bool source_bpf_waits(const struct source_bpf *s);
/* After fork: the child that will exec, so that -p follows it from its first call. */
int source_bpf_follow(struct source_bpf *s, __u32 tgid);

/* ---- recordings --------------------------------------------------------- */

struct recording; /* a file being written */
/* Never overwrites unless force. -EEXIST, other -errno. path "-" is stdout. */
int recording_create(struct recording **ret, const char *path, bool force);
int recording_write(struct recording *rec, const struct record *r);
/* What was written so far leaves the buffer; with sync it reaches the disk. 0 or -errno. */
int recording_flush(struct recording *rec, bool sync);
/* Nothing came of it: a new file goes, an old one that was to be replaced keeps what it had. */
void recording_discard(struct recording *rec, const char *path);
/* Writes the end record with the loss and closes. 0 or -errno of any write. */
int recording_close(struct recording *rec, __u64 lost);

/*
 * replay_file() - hand every record of a recording to fn. A recording that is
 * cut off or has no end record is handed over as far as it goes, followed by a
 * gap record that says so. One of another schema is converted, and records of
 * kinds we do not know are told as one gap. Returns 0; -ENODATA (not a
 * recording), -EPROTO (of a layout this version cannot read), -EBADMSG (bad
 * bytes inside: what was good was handed over, with a gap), other -errno, or
 * what fn returned.
 */
int replay_file(const char *path, source_fn fn, void *ctx);
int replay_memory(const void *data, size_t len, source_fn fn, void *ctx); /* the same on bytes; for fuzzers */

#endif
