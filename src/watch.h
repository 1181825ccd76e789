/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watch.h - the loop that trace and record share: hooks, signals, a command,
 * time; and the looks and verdicts when something is suspicious. What they do
 * with a record is their sink.
 */
#ifndef FDPIN_WATCH_H
#define FDPIN_WATCH_H

#include "opts.h"
#include "source.h"
#include "verdict.h"

/* What both commands let one choose. */
struct watch_options {
	const char *command; /* ours: "trace", "record" */
	struct u32_list tgids, tids;
	struct source_filter filter;
	__u64 events;	    /* bits of --event; 0: all */
	__u64 duration_ns, count, min_block_ns;
	char **argv;	    /* the command to run and watch, or NULL */
	bool look_around;   /* look at the start and at the end, suspicion or not */
	bool stdout_is_ours; /* what is written there is for a program: not with what the command prints in between */
};

/* Rows of the option tables, for options in a variable w. */
#define WATCH_FILTER_OPTIONS(w)                                                                                       \
	HEADING("FILTERING"),                                                                                         \
	OPTION(OPT_U32_LIST, 'p', "pid", "LIST", &(w).tgids, "only these processes and their children"),              \
	OPTION(OPT_U32_LIST, 't', "tid", "LIST", &(w).tids, "only these threads"),                                    \
	OPTION(OPT_STRING, 'n', "comm", "NAME", &(w).filter.comm, "only threads of this name"),                       \
	OPTION_CALL('c', "container", "ID", &(w), watch_pick_container, "only this container (vfio-3c1e)"),           \
	OPTION_CALL(0, "event", "LIST", &(w), watch_pick_events, "only these events; help lists them")

#define WATCH_LIMIT_OPTIONS(w)                                                                                        \
	HEADING("LIMITS"),                                                                                            \
	OPTION(OPT_PERIOD, 'd', "duration", "TIME", &(w).duration_ns, "stop after this time"),                          \
	OPTION(OPT_LIMIT, 0, "count", "N", &(w).count, "stop after N events")

#define WATCH_ADVANCED_OPTIONS(w)                                                                                     \
	HEADING("ADVANCED"),                                                                                          \
	OPTION_CALL(0, "buffer", "SIZE", &(w), watch_pick_buffer, "size of the ring buffer, a power of two")

int watch_pick_container(const struct opt *o, const char *arg);
int watch_pick_events(const struct opt *o, const char *arg);
int watch_pick_buffer(const struct opt *o, const char *arg);

/* The filter as the source gets it; tgids are those of -p and the command. */
struct source_filter watch_filter(const struct watch_options *opt, const struct u32_list *tgids);
/* Gaps for what the options leave out: it was not seen, so "no" cannot be said about it. */
/* Only some processes or containers are asked for. */
bool watch_picks_some(const struct watch_options *opt);
void watch_tell_filter(const struct watch_options *opt, source_fn fn, void *ctx);

struct watch_sink {
	source_fn record;	    /* every record, those of looks too; 0 or it ends with this */
	void (*started)(void *ctx, int child_pid); /* hooks are on */
	int (*flush)(void *ctx);    /* after a burst; anything but 0 ends it */
	void *ctx;
};

struct watch_result {
	__u64 lost, detach_ns, lasted_ns;
	int child_status;	  /* of the command; -1 if there is none or it still runs */
	struct findings findings; /* at the end */
};

/* Watch until there is a reason to stop. Returns an exit status; ret is always set, findings are the caller's. */
int watch_run(const struct watch_options *opt, const struct watch_sink *sink, struct model *model,
	      struct watch_result *ret);

#endif
