// SPDX-License-Identifier: GPL-2.0-only
/*
 * observe.c - looks of a command, into its model (observe.h).
 */
#include "observe.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "emit.h"

static int on_record(void *ctx, const struct record *r)
{
	struct observation *o = ctx;

	if (model_apply(o->model, r))
		o->oom = true;
	view_note(&o->view, r);
	return 0;
}

int observation_open(struct observation *o, const char *command, const char **ret_why)
{
	const struct source_filter all = { .details = true };
	const char *why = NULL;
	int r = source_bpf_open(&o->source, &all, false, command, on_record, o, &why);

	if (!r)
		return 0;
	why = why ?: strerror(-r);
	if (!model_first(o->model, OBJ_SESSION))
		emit_session(on_record, o, command, false);
	emit_gap(on_record, o, "this system", why);
	*ret_why = why;
	return exit_status(r);
}

int observation_look(struct observation *o)
{
	int r = source_bpf_look(o->source);

	if (!r)
		r = source_bpf_poll(o->source, 0);
	if (r >= 0)
		return 0;
	emit_gap(on_record, o, "the state of this system", strerror(-r));
	return r;
}

void observation_close(struct observation *o)
{
	o->view.lost = source_bpf_lost(o->source);
	source_bpf_close(o->source);
	o->source = NULL;
}

void pause_for(__u64 ns)
{
	struct timespec t = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}
