// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_commands.c - can the commands work here? Asked by doing what they do
 * first: programs are loaded, hooks attached, symbols looked up; then all is
 * taken away again (facts.h). What they would call a gap is one here.
 */
#include "facts.h"

#include <errno.h>
#include <string.h>

#include "guard.h"
#include "log.h"
#include "opts.h"
#include "source.h"
#include "util.h"

static void note_gap(struct command_facts *c, const struct ev_gap *gap)
{
	unsigned int *n = gap->hooks_only ? &c->hook_gaps : &c->gaps;
	char *text = gap->hooks_only ? c->hook_gap : c->gap;

	if (!(*n)++)
		snprintf(text, WHY_MAX, "%.*s: %.*s", (int)sizeof(gap->what), gap->what, (int)sizeof(gap->why),
			 gap->why);
}

static int on_record(void *ctx, const struct record *r)
{
	if (r->h->type == EV_gap)
		note_gap(ctx, (const struct ev_gap *)r->h);
	return 0;
}

static void try_to_open(struct command_facts *c, bool history)
{
	const struct source_filter all = { .details = true };
	struct source_bpf *source = NULL;
	const char *why = NULL;
	int r;

	/* what a command would tell of itself is no result of ours */
	if (globals.verbose < 2)
		log_set_verbosity(true, 0);
	r = source_bpf_open(&source, &all, history, "doctor", on_record, c, &why);

	if (!r)
		fact_set(&c->opens, KNOWN_YES, "%s", "");
	else
		fact_set(&c->opens, r == -EPERM ? NOT_KNOWN : KNOWN_NO, "%s", why ?: strerror(-r));
	if (!r)
		source_bpf_close(source);
	log_set_verbosity(globals.quiet, globals.verbose);
}

/*
 * Who watches begins with all that a look needs, so one try answers for both.
 * Only where it fails, or where a missing driver is no loss to a look, the look
 * is tried by itself.
 */
void facts_commands(struct facts *f)
{
	char why[WHY_MAX];
	enum known fits = guard_fits(f->lsm_bpf.is == KNOWN_YES, why, sizeof(why));

	fact_set(&f->guard_fits, fits, "%s", why);
	try_to_open(&f->watch, true);
	if (f->watch.opens.is == KNOWN_YES && (module_runs(&f->type1) || f->containers.is == KNOWN_NO))
		f->look = f->watch;
	else
		try_to_open(&f->look, false);
}
