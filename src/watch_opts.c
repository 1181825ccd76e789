// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch_opts.c - the options that trace and record share, and the filter they
 * make (watch.h).
 */
#include <errno.h>
#include <string.h>

#include "emit.h"
#include "output.h"
#include "watch.h"

_Static_assert(EV__max <= 64, "one bit of a __u64 for each event");

int watch_pick_container(const struct opt *o, const char *arg)
{
	struct watch_options *w = o->to;

	return opts_container(o, arg, &w->filter.container, &w->filter.container_bits);
}

/* "--event help": every event with its sentence and its fields. */
static void list_events(void)
{
	for (unsigned int t = 1; t < EV__max; t++) {
		const struct event *ev = schema_event(t);
		unsigned int shown = 0;

		printf("%-10s", ev->name);
		for (unsigned int i = 0; i < ev->n_fields; i++)
			if (ev->fields[i].kind != KIND_PAD)
				printf("%s %s", shown++ ? "," : "", ev->fields[i].name);
		putchar('\n');
		for (unsigned int i = 0; i < ev->n_fields && globals.verbose; i++)
			if (ev->fields[i].kind != KIND_PAD)
				printf("           %-12s %s\n", ev->fields[i].name, ev->fields[i].meaning);
	}
}

int watch_pick_events(const struct opt *o, const char *arg)
{
	struct watch_options *w = o->to;

	if (!strcmp(arg, "help")) {
		list_events();
		exit(output_finish(0));
	}
	for (;;) {
		size_t len = strcspn(arg, ",");
		_cleanup_free_ char *name = strndup(arg, len);
		const struct event *ev = name ? schema_event_by_name(name) : NULL;

		if (!ev)
			return opts_bad(o, name ?: "", "no such event; --event help lists them");
		w->events |= 1ULL << ev->type;
		if (!arg[len])
			return 0;
		arg += len + 1;
	}
}

int watch_pick_buffer(const struct opt *o, const char *arg)
{
	struct watch_options *w = o->to;
	__u64 size;

	if (parse_size(arg, &size) || size < 4096 || size > 1ULL << 30 || (size & (size - 1)))
		return opts_bad(o, arg, "give a power of two from 4K to 1G");
	w->filter.ring_bytes = size;
	return 0;
}

bool watch_picks_some(const struct watch_options *opt)
{
	return opt->tgids.n || opt->tids.n || opt->filter.comm || opt->filter.container_bits || opt->argv;
}

void watch_tell_filter(const struct watch_options *opt, source_fn fn, void *ctx)
{
	if (opt->events)
		emit_hooks_gap(fn, ctx, "other events", "left out by --event or --errors");
	if (watch_picks_some(opt))
		emit_hooks_gap(fn, ctx, "other processes or containers", "left out by -p, -t, -n, -c or by -- CMD");
}

/* Events that verdicts rest on are wanted with "verdict", too, and a stack with what blocks. */
struct source_filter watch_filter(const struct watch_options *opt, const struct u32_list *tgids)
{
	struct source_filter f = opt->filter;
	__u64 events = opt->events;

	if (events & (1ULL << EV_blocked))
		events |= 1ULL << EV_block | 1ULL << EV_unblock;
	if (f.stacks)
		events |= 1ULL << EV_stack;
	f.events = !opt->events || opt->events & (1ULL << EV_verdict) ? 0 : events;
	f.tgids = tgids->v;
	f.n_tgids = tgids->n;
	f.tids = opt->tids.v;
	f.n_tids = opt->tids.n;
	return f;
}
