// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_status.c - fdpin-trace status: what is, now, without prior tracing.
 *
 * One look says what there is. Only if a thread is blocked, waits for an
 * mmap_lock, or a range is invalid, does a second one follow, a moment later: what both have seen, and nothing ran
 * in between, is proven; what was only in passing is gone. For --check and
 * --max-window more follow, until it is known whether a range has been invalid
 * for too long. What could not be looked at is part of the answer.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cmd.h"
#include "emit.h"
#include "log.h"
#include "memlock.h"
#include "observe.h"
#include "pager.h"
#include "suspect.h"

#define NOT_GIVEN (~0ULL)
#define NPD_BYTES 80

enum check { CHECK_OFF, CHECK_NAGIOS, CHECK_NPD };

static struct {
	struct filter filter;
	struct table_style table;
	bool columns_help;
	enum check check;
	__u64 settle, watch; /* watch 0: once */
	__u64 max_window;
	const char *output;
	bool bytes, memlock;
	struct memlock_peaks peaks; /* with watch */
} args = { .settle = NSEC_PER_SEC, .max_window = NOT_GIVEN };

static int pick_container(const struct opt *o, const char *arg)
{
	return opts_container(o, arg, &args.filter.container, &args.filter.container_bits);
}

static int pick_columns(const struct opt *o, const char *arg)
{
	_cleanup_free_ char *bad = NULL;
	int r;

	args.columns_help = !strcmp(arg, "help");
	r = args.columns_help ? 0 : columns_parse(arg, &args.table, &bad);
	if (r)
		return opts_bad(o, bad ?: arg, r == -E2BIG ? "too many" : "no such column; --columns help lists them");
	return 0;
}

static int pick_check(const struct opt *o, const char *arg)
{
	if (!arg)
		args.check = CHECK_NAGIOS;
	else if (!strcmp(arg, "npd"))
		args.check = CHECK_NPD;
	else
		return opts_bad(o, arg, "use npd or nothing");
	return 0;
}

static int pick_watch(const struct opt *o, const char *arg)
{
	__u64 seconds;

	if (!arg)
		args.watch = 2 * NSEC_PER_SEC;
	else if (!parse_u64(arg, &seconds) && seconds && seconds < 1000000)
		args.watch = seconds * NSEC_PER_SEC;
	else if (parse_duration(arg, &args.watch) || !args.watch)
		return opts_bad(o, arg, "give seconds, or a number and a unit");
	return 0;
}

static const struct opt rows[] = {
	HEADING("FILTERING"),
	OPTION_CALL('c', "container", "ID", NULL, pick_container, "only this container (vfio-3c1e)"),
	OPTION(OPT_U32_LIST, 'p', "pid", "LIST", &args.filter.tgids,
	       "only containers that these processes hold, wait for or have memory in"),
	OPTION_CALL(0, "vm", "NAME", &args.filter.vm, opts_pick_name, "only those of this virtual machine"),
	OPTION_CALL(0, "device", "NAME", &args.filter.device, opts_pick_name,
		    "only those with this device: PCI address, uuid or its first 8 digits, vfio0"),
	OPTION_CALL(0, "cgroup", "PATH", &args.filter.cgroup, opts_pick_name,
		    "only those of processes in or below this control group"),
	HEADING("OUTPUT"),
	OPTION_CALL(0, "check", "[npd]", NULL, pick_check,
		    "one line and an exit status for monitoring: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; npd: 0, 1, 2"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	OPTION(OPT_FLAG, 0, "memlock", NULL, &args.memlock,
	       "what RLIMIT_MEMLOCK has to be, now and with one more device, instead of the table of containers"),
	OPTION(OPT_FLAG, 'b', "bytes", NULL, &args.bytes, "exact sizes"),
	OPTION_CALL(0, "columns", "LIST", NULL, pick_columns,
		    "of the table of containers; +LIST for those besides the usual; help lists them"),
	OPTION(OPT_FLAG, 0, "noheadings", NULL, &args.table.noheadings, "for scripts: the table's lines and nothing else"),
	OPTION(OPT_FLAG, 0, "raw", NULL, &args.table.raw,
	       "for scripts: nothing but the table, fields apart by a blank, with \\x20 for what is no separator"),
	HEADING("LIMITS"),
	OPTION(OPT_TIME, 0, "max-window", "TIME", &args.max_window,
	       "how long a range may be invalid (5s); looks again until that is decided, as --check does, for 10s at most"),
	OPTION_CALL(0, "watch", "[SEC]", NULL, pick_watch, "again and again, every 2 seconds or as told"),
	HEADING("ADVANCED"),
	OPTION(OPT_TIME, 0, "settle", "TIME", &args.settle, "time between two looks when a thread is blocked or a range invalid (1s)"),
	OPTIONS_END,
};

const struct opts cmd_status_opts = {
	.usage = "[OPTIONS]",
	.what = "Shows containers, who holds them, which threads are blocked, and whether that\n"
		"is a deadlock. Needs no tracing before; works when it has happened already.",
	.examples = "  fdpin-trace status\n"
		    "  fdpin-trace status -v -c vfio-3c1e\n"
		    "  fdpin-trace status --device 0000:65:00.0\n"
		    "  fdpin-trace status --columns +COMM,CGROUP\n"
		    "  fdpin-trace status --memlock --vm db01\n"
		    "  fdpin-trace status --check\n"
		    "  fdpin-trace status -J -o deadlock.json\n"
		    "  fdpin-trace status -j | jq '.verdicts[] | select(.answer == \"yes\")'\n",
	.rows = rows,
};

/* ---- looking ------------------------------------------------------------------------ */

static struct limits limits(void)
{
	return (struct limits){ .max_window_ns = args.max_window == NOT_GIVEN ? MAX_WINDOW_DEFAULT_NS : args.max_window };
}

/* When a range that is invalid now will have been so for longer than the limit; now if nobody wants to know. */
static __u64 window_decided(void)
{
	__u64 wait = limits().max_window_ns;

	if (!args.check && args.max_window == NOT_GIVEN)
		return 0;
	return now_ns() + (wait < WINDOW_WAIT_MAX_NS ? wait : WINDOW_WAIT_MAX_NS);
}

static int look_again(struct observation *s)
{
	__u64 now, until;
	int r = observation_look(s);

	until = window_decided();
	if (r || !(suspect_waits(s->model) || suspect_locks(s->model) || suspect_invalid(s->model) || suspect_drift(s->model)))
		return r;
	pause_for(args.settle);
	r = observation_look(s);
	while (!r && suspect_invalid(s->model) && (now = now_ns()) < until) {
		pause_for(until - now < args.settle ? until - now : args.settle);
		r = observation_look(s);
	}
	return r;
}

/* Returns the exit status when there is no --check. */
static int observe(struct observation *s)
{
	const char *why;
	int r = observation_open(s, "status", &why);

	if (r)
		return r;
	r = look_again(s);
	observation_close(s);
	return r ? EX_OSERR : EX_OK;
}

/* ---- answering ------------------------------------------------------------------------ */

/* The names of containers with a verdict answered so: "deadlock vfio-a07b" */
static void print_subjects(struct output *o, const struct view *v)
{
	const char *separator = " ";

	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];
		char id[ID_NAME_MAX];

		if (f->answer != ANSWER_YES || !view_has_finding(v, f))
			continue;
		fprintf(o->f, "%s%s", separator, f->verdict->name);
		if (f->container)
			fprintf(o->f, " %s", id_name(OBJ_CONTAINER, f->container, id));
		separator = "; ";
	}
}

static const char *first_missing(const struct view *v)
{
	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];

		if (f->answer == ANSWER_CANNOT_TELL && view_has_finding(v, f) && (f->n_missing || f->sentence))
			return f->n_missing ? f->missing[0] : f->sentence;
	}
	if (count_undecided(v, NULL))
		return "it is not known of every container whether it is what was asked for";
	return count_containers(v) ? "not everything could be seen" : "no container is what was asked for";
}

static void first_gap(void *ctx, const struct ev_gap *gap)
{
	char **ret = ctx;

	if (*ret)
		return;
	_cleanup_free_ char *what = ESCAPE(gap->what), *why = ESCAPE(gap->why);

	if (asprintf(ret, "cannot see %s: %s", what ?: "?", why ?: "?") < 0)
		*ret = NULL;
}

/* Performance data; a count that is not known is U, not 0. */
static void print_counts(struct output *o, const struct view *v, bool unknown)
{
	fputs(" |", o->f);
	for (unsigned int k = 0; k < verdict_count; k++) {
		unsigned int n = 0;

		for (unsigned int i = 0; i < v->findings->n; i++)
			n += v->findings->f[i].verdict == &verdict_table[k] && v->findings->f[i].answer == ANSWER_YES &&
			     view_has_finding(v, &v->findings->f[i]);
		if (unknown)
			fprintf(o->f, " %s=U", verdict_table[k].plural);
		else
			fprintf(o->f, " %s=%u", verdict_table[k].plural, n);
	}
	if (unknown)
		fputs(" blocked=U\n", o->f);
	else
		fprintf(o->f, " blocked=%u\n", count_blocked(v));
}

static void print_summary(struct output *o, const struct view *v, enum severity s)
{
	_cleanup_free_ char *gap = NULL;

	fputs(severity_name(s), o->f);
	if (s == SEVERITY_UNKNOWN) {
		for_each_gap(v, first_gap, &gap);
		fprintf(o->f, " %s", gap ?: first_missing(v));
	} else {
		print_subjects(o, v);
	}
	if (s == SEVERITY_OK)
		fprintf(o->f, " %s", ok_words(v));
}

/* node-problem-detector keeps the first 80 bytes of what a plug-in says, and has no use for performance data. */
static void print_short(struct output *o, const struct view *v, enum severity s)
{
	struct output text = *o;
	char *line = NULL;
	size_t n;

	text.f = open_memstream(&line, &n);
	if (text.f) {
		print_summary(&text, v, s);
		fclose(text.f);
	}
	n = line ? strnlen(line, NPD_BYTES) : 0;
	while (n && (line[n] & 0xc0) == 0x80) /* not within a character */
		n--;
	fprintf(o->f, "%.*s\n", (int)n, line ?: "");
	free(line);
}

/* Text, then performance data, as monitoring plug-ins do. */
static int print_check(struct output *o, const struct view *v)
{
	enum severity s = view_severity(v);

	if (args.check == CHECK_NPD) {
		print_short(o, v, s);
		return s == SEVERITY_OK ? 0 : s == SEVERITY_UNKNOWN ? 2 : 1;
	}
	print_summary(o, v, s);
	print_counts(o, v, s == SEVERITY_UNKNOWN);
	return s;
}

static int show(struct output *o, struct observation *s, int status)
{
	const struct format *format = globals.json == JSON_OFF ? &format_text : &format_json;
	int r = 0;

	if (args.check && globals.json == JSON_OFF)
		return print_check(o, &s->view);
	r = format->begin(o, &s->view);
	if (!r)
		r = format->end(o, &s->view);
	if (r || s->oom) {
		log_error("out of memory");
		return EX_OSERR;
	}
	if (args.check == CHECK_NPD)
		return view_severity(&s->view) == SEVERITY_UNKNOWN ? 2 : view_severity(&s->view) != SEVERITY_OK;
	return args.check ? (int)view_severity(&s->view) : status;
}

static int note_peaks(const struct model *m)
{
	struct memlock now = {};
	int r = memlock_collect(m, &now);

	if (!r)
		r = memlock_peaks_note(&args.peaks, &now);
	free(now.v);
	return r;
}

static int status_once(struct output *o)
{
	const struct limits by = limits();
	struct findings findings = {};
	struct observation s = {
		.model = model_new(),
		.view = { .kind = VIEW_STATUS,
			  .filter = &args.filter,
			  .table = args.table,
			  .bytes = args.bytes,
			  .memlock = args.memlock,
			  .peaks = args.watch ? &args.peaks : NULL,
			  .details = globals.verbose },
	};
	struct pager pager = {};
	int status;

	if (!s.model) {
		log_error("out of memory");
		return EX_OSERR;
	}
	s.view.model = s.model;
	status = observe(&s);
	if (verdicts_judge(s.model, &by, &findings))
		s.oom = true;
	s.view.findings = &findings;
	if (args.memlock && args.watch && note_peaks(s.model))
		s.oom = true;
	if (!args.watch)
		pager = pager_begin(o);
	status = show(o, &s, status);
	pager_end(&pager, o);
	findings_free(&findings);
	model_free(s.model);
	return status;
}

/* INT and TERM end the watching in order, between two looks. */
static void hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigprocmask(SIG_BLOCK, set, NULL);
}

int cmd_status(int argc, char **argv)
{
	sigset_t stop;
	struct output o = {};
	int r = opts_parse(&cmd_status_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	if (args.columns_help) {
		columns_help(stdout);
		return EX_OK;
	}
	if ((args.table.n_columns || args.table.raw || args.table.noheadings) && (globals.json != JSON_OFF || args.check)) {
		log_error("--columns, --noheadings and --raw are about a table, and %s none", args.check ? "--check prints" : "JSON has");
		return EX_USAGE;
	}
	if (args.memlock && (args.table.n_columns || args.table.raw || args.table.noheadings || (args.check && globals.json == JSON_OFF))) {
		log_error("--memlock takes the place of the table of containers, and --check prints one line");
		return EX_USAGE;
	}
	if (output_open(&o, args.output))
		return EX_CANTCREAT;
	r = status_once(&o);
	if (args.watch)
		hold_signals(&stop);
	while (args.watch && !fflush(o.f)) {
		struct timespec pause = { args.watch / NSEC_PER_SEC, args.watch % NSEC_PER_SEC };

		if (sigtimedwait(&stop, NULL, &pause) > 0)
			break;
		if (globals.json == JSON_OFF)
			fputs(o.tty ? "\033[H\033[2J" : "\n", o.f);
		r = status_once(&o);
	}
	free(args.peaks.v);
	return output_close(&o, r);
}
