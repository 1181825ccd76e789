// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_doctor.c - fdpin-trace doctor: what this kernel is and does, by probing
 * and never by its version: which defects it has, and what works here. Facts
 * are gathered (facts.h), then judged (doctor.h), then shown.
 */
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "doctor.h"
#include "log.h"
#include "output.h"

static struct {
	unsigned int only;	    /* bit per check_id */
	unsigned int checks, works; /* --require */
	bool list_checks, list_features;
} args;

/* Each word of a comma-separated list; features: commands too. */
static int pick(const struct opt *o, const char *arg, bool commands, unsigned int *checks, unsigned int *works)
{
	for (const char *s = arg;; s++) {
		size_t len = strcspn(s, ",");
		int i = feature_find(s, len);
		_cleanup_free_ char *word = strndup(s, len);

		if (i < 0 || (i >= CHECK__max && !commands))
			return opts_bad(o, word ?: arg, "there is none of this name; help lists them");
		if (i < CHECK__max)
			*checks |= 1U << i;
		else
			*works |= 1U << (i - CHECK__max);
		s += len;
		if (!*s)
			return 0;
	}
}

static int pick_only(const struct opt *o, const char *arg)
{
	if (!strcmp(arg, "help")) {
		args.list_checks = true;
		return 0;
	}
	return pick(o, arg, false, &args.only, NULL);
}

static int pick_require(const struct opt *o, const char *arg)
{
	if (!strcmp(arg, "help")) {
		args.list_features = true;
		return 0;
	}
	return pick(o, arg, true, &args.checks, &args.works);
}

static const struct opt rows[] = {
	HEADING("FILTERING"),
	OPTION_CALL(0, "only", "CHECK", NULL, pick_only, "only these checks (a comma-separated list; help lists them)"),
	HEADING("OUTPUT"),
	OPTION_CALL(0, "require", "FEATURE", NULL, pick_require,
		    "are these there? Exit status: 0 all of them, 1 one is absent, 3 unknown (a list, or several "
		    "times; a command is there if it works in full; help lists them)"),
	OPTIONS_END,
};

const struct opts cmd_doctor_opts = {
	.usage = "[OPTIONS]",
	.what = "Says what this kernel can and cannot do, which defects it has, and what works\n"
		"here, by trying and never by its version. Loads no module, and takes away\n"
		"again what it attaches. -v says how each line was decided.\n\n"
		"Exit status: 0 no defect can be reached, 1 the same with partial sight,\n"
		"2 a defect can be reached, 3 unknown.",
	.examples = "  fdpin-trace doctor\n"
		    "  fdpin-trace doctor -v --only vaddr-wait\n"
		    "  fdpin-trace doctor -q --require trace\n"
		    "  fdpin-trace doctor -j | jq .defects\n",
	.rows = rows,
};

static void list(bool features)
{
	for (int i = 0; i < (features ? FEATURES_MAX : CHECK__max); i++) {
		if (i < CHECK__max)
			printf("%-26s %s\n", feature_name(i), check_table[i].statement);
		else
			printf("%-26s the command works in full\n", feature_name(i));
	}
}

static struct doctor_view view(void)
{
	struct doctor_view v = { .verbose = globals.verbose };

	if (args.checks || args.works) {
		v.require = true;
		v.checks = args.checks;
		v.works = args.works;
	} else if (args.only) {
		v.checks = args.only;
	} else {
		v.whole = true;
		v.checks = (1U << CHECK__max) - 1;
		v.works = (1U << WORKS__max) - 1;
	}
	return v;
}

static int examine(struct output *o, const struct doctor_view *v)
{
	static struct facts f;
	static struct doctor d;
	int r = 0;

	facts_gather(&f, v->works);
	doctor_judge(&d, &f);
	if (globals.quiet)
		return doctor_status(&d, v);
	if (globals.json == JSON_OFF)
		doctor_text(o, &d, &f, v);
	else
		r = doctor_json(o, &d, &f, v);
	if (r) {
		log_error("out of memory");
		return EX_OSERR;
	}
	return doctor_status(&d, v);
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_view v;
	struct output o = {};
	int r = opts_parse(&cmd_doctor_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	if (args.list_checks || args.list_features) {
		list(args.list_features);
		return EX_OK;
	}
	v = view();
	if (output_open(&o, NULL))
		return EX_CANTCREAT;
	return output_close(&o, examine(&o, &v));
}
