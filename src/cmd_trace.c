// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_trace.c - fdpin-trace trace: events as they happen, and verdicts.
 *
 * The loop is in watch.c; this is its sink that prints. What looks have read
 * goes to the model only: it is no event.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "emit.h"
#include "explain.h"
#include "log.h"
#include "render.h"
#include "watch.h"

static struct {
	struct watch_options watch;
	const char *output;
	bool errors;
} args = { .watch.command = "trace" };

static const struct opt rows[] = {
	WATCH_FILTER_OPTIONS(args.watch),
	OPTION(OPT_FLAG, 0, "errors", NULL, &args.errors, "only calls that failed, and why each did"),
	OPTION(OPT_TIME, 0, "min-block", "TIME", &args.watch.min_block_ns,
	       "only blocks that last this long, told when they have"),
	HEADING("OUTPUT"),
	OPTION(OPT_FLAG, 0, "stacks", NULL, &args.watch.filter.stacks,
	       "with the kernel stack of what blocks, once each"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	WATCH_LIMIT_OPTIONS(args.watch),
	WATCH_ADVANCED_OPTIONS(args.watch),
	OPTIONS_END,
};

const struct opts cmd_trace_opts = {
	.usage = "[OPTIONS] [-- CMD...]",
	.what = "Shows what happens to mapped ranges: who invalidates them, who needs them, who\n"
		"waits, who closes, who is charged. Says so when threads wait for each other, or\n"
		"when a charge does not come back to where it was made. With CMD, runs it,\n"
		"shows what it and its children do, and ends with its status.",
	.examples = "  fdpin-trace trace\n"
		    "  fdpin-trace trace -p 20733 -d 5m\n"
		    "  fdpin-trace trace --min-block 1s --stacks\n"
		    "  fdpin-trace trace --errors\n"
		    "  fdpin-trace trace --event invalidate,revalidate,verdict -j\n"
		    "  fdpin-trace trace -o live-update.txt -- live-update db01\n",
	.rows = rows,
};

struct trace {
	struct output out;
	const struct format *format;
	struct view view;
	struct explainer explainer;
};

/* A call that failed, and why; nothing of what went well. */
static int show_error(struct trace *t, const struct record *r)
{
	struct ev_because why = EV_INIT(because);
	struct record because = { .h = &why.h, .ev = schema_event(EV_because) };
	char text[EXPLAIN_MAX];
	int err;

	if (is_event(r->h) && r->h->type != EV_refuse && r->h->type != EV_charge)
		return t->format->event(&t->out, &t->view, r);
	explain(&t->explainer, r, text);
	if (!*text)
		return is_event(r->h) ? 0 : t->format->event(&t->out, &t->view, r);
	err = t->format->event(&t->out, &t->view, r);
	if (err)
		return err;
	why.h.ts_ns = r->h->ts_ns;
	why.h.container = r->h->container;
	why.h.tgid = r->h->tgid;
	why.h.tid = r->h->tid;
	memcpy(why.h.comm, r->h->comm, sizeof(why.h.comm));
	EV_STRING(why.text, text);
	return t->format->event(&t->out, &t->view, &because);
}

static int on_record(void *ctx, const struct record *r)
{
	struct trace *t = ctx;
	int err = 0;

	view_note(&t->view, r);
	if (!r->h->look || r->h->type == EV_gap || r->h->type == EV_lost)
		err = args.errors ? show_error(t, r) : t->format->event(&t->out, &t->view, r);
	return err;
}

static void on_start(void *ctx, int child_pid)
{
	struct trace *t = ctx;

	if (child_pid)
		log_notice("Tracing process %d and its children, until it ends...", child_pid);
	else if (args.errors)
		log_notice("Tracing calls that fail... Ctrl-C to end.");
	else
		log_notice("Tracing VADDR windows, blocked threads, closes, exec and charges... Ctrl-C to end.");
	t->format->begin(&t->out, &t->view);
}

static int on_flush(void *ctx)
{
	struct trace *t = ctx;

	/* Why it is broken is found out, and told, when it is closed. */
	return fflush(t->out.f) || output_broken(&t->out) ? -EPIPE : 0;
}

int cmd_trace(int argc, char **argv)
{
	struct trace t = { .view = { .kind = VIEW_STREAM } };
	struct watch_sink sink = { on_record, on_start, on_flush, &t };
	struct watch_result result;
	struct model *model;
	int r = opts_parse(&cmd_trace_opts, argv[0], argc, argv, &args.watch.argv);

	if (r)
		return r < 0 ? EX_OK : r;
	if (output_open(&t.out, args.output))
		return EX_CANTCREAT;
	t.format = globals.json == JSON_OFF ? &format_text : &format_json;
	args.watch.stdout_is_ours = globals.json != JSON_OFF && !t.out.own;
	model = model_new();
	if (!model) {
		log_error("out of memory");
		return output_close(&t.out, EX_OSERR);
	}
	t.view.model = model;
	if (args.errors)
		args.watch.events |= 1ULL << EV_refuse | 1ULL << EV_charge;
	/* Asked for the whole system, it also says what was wrong with it before. */
	args.watch.look_around = !args.watch.events && !watch_picks_some(&args.watch);
	r = watch_run(&args.watch, &sink, model, &result);
	if (result.detach_ns) {
		t.view.findings = &result.findings;
		t.view.lost = result.lost;
		t.view.lasted_ns = result.lasted_ns;
		t.view.detach_ns = result.detach_ns;
		t.format->end(&t.out, &t.view);
	}
	findings_free(&result.findings);
	model_free(model);
	return output_close(&t.out, r);
}
