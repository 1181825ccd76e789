// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_rescue.c - fdpin-trace rescue: looks, plans what would free a deadlocked
 * container, has it done if it was asked for and agreed to, and shows both.
 */
#include <errno.h>
#include <sysexits.h>

#include "cmd.h"
#include "filter.h"
#include "log.h"
#include "observe.h"
#include "output.h"
#include "rescue.h"
#include "suspect.h"

#define CONTAINERS_MAX 64
#define SETTLE_NS NSEC_PER_SEC /* between the two looks that prove */

static struct {
	bool plan, perform, yes, likely;
	__u64 wait;
	const char *output;
	struct filter wanted[CONTAINERS_MAX];
	const char *words[CONTAINERS_MAX];
	unsigned int n_wanted;
} args = { .wait = 10 * NSEC_PER_SEC };

static int pick_word(const char *arg)
{
	struct filter *f = &args.wanted[args.n_wanted];

	if (args.n_wanted == CONTAINERS_MAX || parse_container(arg, &f->container, &f->container_bits)) {
		_cleanup_free_ char *shown = escape_text(arg, 200);

		log_error("'%s' is no container: give an id as it is printed, such as vfio-3c1e", shown ?: "");
		return -EINVAL;
	}
	args.words[args.n_wanted++] = arg;
	return 0;
}

static const struct opt rows[] = {
	HEADING("WHAT TO DO"),
	OPTION(OPT_FLAG, 0, "plan", NULL, &args.plan, "say what would free it, and change nothing (what is done without any option)"),
	OPTION(OPT_FLAG, 0, "perform", NULL, &args.perform, "do what is sound, refuse the rest, and check what came of it"),
	OPTION(OPT_FLAG, 'y', "yes", NULL, &args.yes, "do not ask before it is done; needed where there is no terminal to ask on"),
	OPTION(OPT_FLAG, 0, "likely", NULL, &args.likely,
	       "a deadlock that is likely but not proven will do: you know that nobody else will restore the range"),
	HEADING("OUTPUT"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	HEADING("LIMITS"),
	OPTION(OPT_TIME, 0, "wait", "TIME", &args.wait, "how long a call may take, and then the close that was stuck, before it is called stuck (10s)"),
	OPTIONS_END,
};

const struct opts cmd_rescue_opts = {
	.usage = "[OPTIONS] [CONTAINER...]",
	.what = "Says what would free a deadlocked container on this kernel, through whom, and\n"
		"what each way would break; with --perform it is done, if it is sound. Without a\n"
		"CONTAINER: all that are deadlocked.\n\n"
		"Exit status: 0 freed, or the plan is sound, or nothing is deadlocked;\n"
		"1 refused, 2 still stuck, or the books do not balance, 3 cannot tell.",
	.examples = "  fdpin-trace rescue\n"
		    "  fdpin-trace rescue vfio-a07b\n"
		    "  fdpin-trace rescue --perform vfio-a07b\n"
		    "  fdpin-trace rescue --perform --yes -j vfio-a07b\n",
	.rows = rows,
	.word = pick_word,
};

/* ---- looking ------------------------------------------------------------------------ */

static void look(void *ctx)
{
	observation_look(ctx); /* what could not be seen is in the model */
}

/* 0, or the exit status after telling. */
static int observe(struct observation *s)
{
	const char *why;
	int r = observation_open(s, "rescue", &why);

	if (r) {
		log_error("cannot look: %s", why);
		return r;
	}
	look(s);
	if (suspect_waits(s->model)) {
		pause_for(SETTLE_NS);
		look(s);
	}
	return 0;
}

/* ---- which ---------------------------------------------------------------------------- */

static bool wanted(const struct obj *c)
{
	for (unsigned int i = 0; i < args.n_wanted; i++)
		if (filter_has_id(&args.wanted[i], c->id))
			return true;
	return false;
}

/* Those that were named, whatever is said of them; else those of which it is not known that they are not deadlocked. */
static void pick(struct rescue_plans *plans)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plans->n; i++) {
		struct rescue_plan *p = &plans->v[i];

		if (args.n_wanted ? wanted(p->container) : p->deadlock != ANSWER_NO)
			plans->v[n++] = *p;
		else
			free(p->ranges);
	}
	plans->n = n;
}

/* Each name is to be of one container that is there. 0, or the exit status after telling. */
static int check_names(const struct observation *s)
{
	for (unsigned int i = 0; i < args.n_wanted; i++) {
		unsigned int n = 0;

		for (struct obj *o = model_first(s->model, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
			n += filter_has_id(&args.wanted[i], o->id) && o->note_look == model_last_look(s->model);
		if (n == 1)
			continue;
		if (n)
			log_error("%u containers are called %s: give eight digits of its id", n, args.words[i]);
		else
			log_error("there is no container %s%s", args.words[i],
				  model_look_gaps(s->model) ? ", as far as could be seen" : "");
		log_hint("fdpin-trace status");
		return EX_NOINPUT;
	}
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Asks on the terminal; true if there is nothing to be asked. */
static bool agreed(const struct rescue_plan *p)
{
	char id[ID_NAME_MAX], line[16];

	if (args.yes || p->ways[WAY_unmap].answer != ANSWER_YES)
		return true;
	id_name(OBJ_CONTAINER, p->container->id, id);
	if (p->n_ranges == 1)
		fprintf(stderr, "Unmap the range in %s", id);
	else
		fprintf(stderr, "Unmap up to %u ranges in %s, until the thread is free", p->n_ranges, id);
	fprintf(stderr, "%s, through a descriptor such as fd %u of %s? [y/N] ",
		p->ways[WAY_revalidate].answer == ANSWER_YES ? ", or restore one if a driver stops that" : "", p->holders[0].fd,
		p->holders[0].words);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static enum rescue_end planned(const struct rescue_plan *p)
{
	switch (p->ways[WAY_unmap].answer) {
	case ANSWER_YES:
		return RESCUE_NOT_TRIED;
	case ANSWER_NO:
		return p->deadlock == ANSWER_NO ? RESCUE_NOT_TRIED : RESCUE_REFUSED;
	default:
		return RESCUE_UNKNOWN;
	}
}

/* What could not be freed counts most, then what was refused. */
static int worse(int a, int b)
{
	static const int rank[] = { 0, 2, 3, 1 };

	return rank[a] >= rank[b] ? a : b;
}

static int go_through(struct observation *s, struct output *o, const struct rescue_plans *plans, struct rescue_outcome *outcomes)
{
	struct rescuer rescuer = { .m = s->model, .look = look, .ctx = s, .wait_ns = args.wait };
	bool text = globals.json == JSON_OFF;
	int status = 0;

	for (unsigned int i = 0; i < plans->n; i++) {
		const struct rescue_plan *p = &plans->v[i];

		if (text)
			rescue_text_plan(o, p);
		fflush(o->f);
		outcomes[i].end = planned(p);
		if (args.perform && agreed(p))
			rescue_perform(&rescuer, p, &outcomes[i]);
		else if (args.perform)
			outcomes[i] = (struct rescue_outcome){ .end = RESCUE_REFUSED, .why = "it was not agreed to" };
		if (text)
			rescue_text_outcome(o, p, &outcomes[i], args.perform);
		status = worse(status, rescue_status(outcomes[i].end));
	}
	return status;
}

/* Nothing to be rescued: is that so, or was not all seen? */
static int nothing(const struct observation *s, struct output *o)
{
	bool unsure = model_look_gaps(s->model) || model_lost(s->model);

	if (globals.json == JSON_OFF && unsure)
		fputs("Cannot tell: not everything could be seen. fdpin-trace status says what is missing.\n", o->f);
	else if (globals.json == JSON_OFF)
		fprintf(o->f, "Nothing to rescue: no thread is %s%s.\n", args.n_wanted ? "blocked on a range of " : "deadlocked",
			!args.n_wanted ? "" : args.n_wanted == 1 ? args.words[0] : "these containers");
	return unsure ? 3 : 0;
}

static int rescue(struct observation *s, struct output *o)
{
	struct rescue_terms terms = { .likely = args.likely };
	struct fact own_mm = {};
	struct rescue_outcome *outcomes = NULL;
	struct findings findings = {};
	struct rescue_plans plans = {};
	int status = observe(s);

	if (status)
		return status;
	facts_of_ranges(&own_mm);
	terms.own_mm = own_mm.is;
	if (verdicts_judge(s->model, NULL, &findings) || rescue_plan(&plans, s->model, &findings, &terms))
		s->oom = true;
	status = check_names(s);
	if (!status) {
		pick(&plans);
		outcomes = calloc(plans.n ?: 1, sizeof(*outcomes));
		s->oom |= !outcomes;
	}
	if (!status && !s->oom) {
		status = plans.n ? go_through(s, o, &plans, outcomes) : nothing(s, o);
		if (globals.json != JSON_OFF)
			s->oom |= !!rescue_json(o, s->model, &terms, &plans, args.perform ? outcomes : NULL);
	}
	free(outcomes);
	rescue_plans_free(&plans);
	findings_free(&findings);
	if (!s->oom)
		return status;
	log_error("out of memory");
	return EX_OSERR;
}

/* What the options say together. 0, or the exit status after telling. */
static int check_options(void)
{
	if (args.plan && args.perform) {
		log_error("--plan changes nothing, and --perform does: one of them");
		return EX_USAGE;
	}
	if (args.perform && !args.yes && (globals.json != JSON_OFF || !isatty(STDIN_FILENO))) {
		log_error("--perform asks before it unmaps, and there is nobody to ask: with --yes it does not");
		return EX_USAGE;
	}
	return 0;
}

int cmd_rescue(int argc, char **argv)
{
	struct observation s = {};
	struct output o = {};
	int r = opts_parse(&cmd_rescue_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	r = check_options();
	if (r)
		return r;
	s.model = model_new();
	if (!s.model) {
		log_error("out of memory");
		return EX_OSERR;
	}
	if (output_open(&o, args.output)) {
		model_free(s.model);
		return EX_CANTCREAT;
	}
	r = rescue(&s, &o);
	if (s.source)
		observation_close(&s);
	model_free(s.model);
	return output_close(&o, r);
}
