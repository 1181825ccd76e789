// SPDX-License-Identifier: GPL-2.0-only
/*
 * opts.c - option tables on top of glibc's argp (opts.h).
 *
 * argp parses and formats; its own messages are turned off, since a wrong
 * option is to be answered with one sentence, in JSON too, and not with two.
 */
#include "opts.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "log.h"

#define KEY_FIRST 0x100 /* keys of options without a letter */
#define ROWS_MAX 64

struct globals globals;

/* ---- options of every command --------------------------------------------- */

static int pick_json(const struct opt *o, const char *arg)
{
	(void)arg;
	globals.json = o->key == 'j' ? JSON_SHORT : JSON_PRETTY;
	return 0;
}

static const struct opt_word json_words[] = {
	{ "short", JSON_SHORT }, { "pretty", JSON_PRETTY }, { "off", JSON_OFF }, {}
};
static const struct opt_word color_words[] = {
	{ "always", COLOR_ALWAYS }, { "auto", COLOR_AUTO }, { "never", COLOR_NEVER }, {}
};
static const struct opt_word time_words[] = { { "time", TIME_LOCAL },  { "delta", TIME_DELTA },
					      { "reltime", TIME_REL }, { "ctime", TIME_CTIME },
					      { "notime", TIME_NONE }, { "iso", TIME_ISO },
					      { "mono", TIME_MONO },   {} };

const struct opt global_rows[] = {
	HEADING("OUTPUT"),
	OPTION_CALL('j', NULL, NULL, NULL, pick_json, "compact JSON; from trace, an object a line"),
	OPTION_CALL('J', NULL, NULL, NULL, pick_json, "JSON for people to read"),
	OPTION_WORD(0, "json", "[MODE]", &globals.json, json_words, "short (as -j), pretty (as -J) or off"),
	OPTION_WORD(0, "color", "[WHEN]", &globals.color, color_words, "auto, always or never"),
	OPTION(OPT_FLAG, 0, "ascii", NULL, &globals.ascii, "no characters beyond ASCII"),
	OPTION_WORD(0, "time-format", "FORMAT", &globals.time, time_words,
		    "time, delta, reltime, ctime, notime, iso or mono"),
	OPTION(OPT_FLAG, 0, "no-pager", NULL, &globals.no_pager, "never a pager, as into a pipe"),
	OPTION(OPT_FLAG, 'q', "quiet", NULL, &globals.quiet, "errors only"),
	OPTION(OPT_COUNT, 'v', "verbose", NULL, &globals.verbose,
	       "say more: -v details and what was done, -vv libbpf, -vvv the verifier"),
	OPTION(OPT_FLAG, 'h', "help", NULL, &globals.help, "this help"),
	OPTION(OPT_FLAG, 'V', "version", NULL, &globals.version, "version, and those of the libraries"),
	OPTIONS_END,
};

static const struct opt no_rows[] = { OPTIONS_END };

const struct opts global_opts = { .rows = no_rows };

/* ---- from a row to a value -------------------------------------------------- */

static const char *row_name(const struct opt *o, char buf[64])
{
	if (o->name)
		snprintf(buf, 64, "--%s", o->name);
	else
		snprintf(buf, 64, "-%c", o->key);
	return buf;
}

int opts_bad(const struct opt *o, const char *arg, const char *why)
{
	_cleanup_free_ char *shown = escape_text(arg, 200);
	char name[64];

	log_error("bad value '%s' for %s: %s", shown ?: "", row_name(o, name), why);
	return -EINVAL;
}

int opts_container(const struct opt *o, const char *arg, __u64 *ret_id, unsigned int *ret_bits)
{
	return parse_container(arg, ret_id, ret_bits) ? opts_bad(o, arg, "give an id as it is printed, such as vfio-3c1e") : 0;
}

int opts_pick_name(const struct opt *o, const char *arg)
{
	if (!*arg)
		return opts_bad(o, arg, "give a name");
	*(const char **)o->to = arg;
	return 0;
}

static int set_list(const struct opt *o, const char *arg)
{
	_cleanup_free_ char *bad = NULL;
	int r = parse_u32_list(arg, o->to, &bad);

	if (r == -E2BIG)
		return opts_bad(o, arg, "too many");
	return r ? opts_bad(o, bad ?: arg, "not a number above 0") : 0;
}

static int set_word(const struct opt *o, const char *arg)
{
	char list[128];
	int len = 0;

	for (const struct opt_word *w = o->words; w->word; w++) {
		if (!arg || !strcmp(w->word, arg)) {
			*(int *)o->to = w->value;
			return 0;
		}
		if (len < (int)sizeof(list))
			len += snprintf(list + len, sizeof(list) - len, "%s%s",
					w == o->words ? "use " : w[1].word ? ", " : " or ", w->word);
	}
	return opts_bad(o, arg, list);
}

static int set_value(const struct opt *o, const char *arg)
{
	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return 0;
	case OPT_COUNT:
		++*(unsigned int *)o->to;
		return 0;
	case OPT_STRING:
		*(const char **)o->to = arg;
		return 0;
	case OPT_NUMBER:
		return parse_u64(arg, o->to) ? opts_bad(o, arg, "not a number") : 0;
	case OPT_LIMIT:
		return parse_u64(arg, o->to) || !*(__u64 *)o->to ? opts_bad(o, arg, "not a number above 0") : 0;
	case OPT_TIME:
		return parse_duration(arg, o->to) ? opts_bad(o, arg, "give a number and a unit: us, ms, s, m or h") : 0;
	case OPT_PERIOD:
		return parse_duration(arg, o->to) || !*(__u64 *)o->to ?
			       opts_bad(o, arg, "give a number above 0 and a unit: us, ms, s, m or h") :
			       0;
	case OPT_U32_LIST:
		return set_list(o, arg);
	case OPT_WORD:
		return set_word(o, arg);
	case OPT_CALL:
		return o->call(o, arg);
	default:
		return -EINVAL;
	}
}

/* ---- the bridge to argp ----------------------------------------------------- */

struct parse {
	const struct opt *rows[ROWS_MAX]; /* row of each argp option, by index */
	struct argp_option argp[ROWS_MAX + 1];
	char args[ROWS_MAX][32]; /* argument names without their brackets */
	unsigned int n;
	int group, groups;
	bool stop_at_word; /* global options end at the command */
	char **argv, **command;
	bool takes_command;
	int (*word)(const char *arg);
	int next;
};

/* Rows under a heading that was there before join its group. */
static bool join_group(struct parse *p, const char *heading)
{
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->rows[i]->kind == OPT_HEADING && !strcmp(p->rows[i]->help, heading)) {
			p->group = p->argp[i].group;
			return true;
		}
	}
	p->group = ++p->groups;
	return false;
}

static void add_rows(struct parse *p, const struct opt *rows)
{
	for (; rows->kind != OPT_END && p->n < ROWS_MAX; rows++) {
		struct argp_option *a = &p->argp[p->n];

		if (rows->kind == OPT_HEADING && join_group(p, rows->help))
			continue;
		*a = (struct argp_option){ .name = rows->name, .doc = rows->help, .group = p->group };
		if (rows->kind != OPT_HEADING)
			a->key = rows->key ?: KEY_FIRST + (int)p->n;
		if (rows->arg) {
			const char *s = rows->arg + (rows->arg[0] == '[');

			snprintf(p->args[p->n], sizeof(p->args[0]), "%.*s", (int)strcspn(s, "]"), s);
			a->arg = p->args[p->n];
			a->flags = rows->arg[0] == '[' ? OPTION_ARG_OPTIONAL : 0;
		}
		p->rows[p->n++] = rows;
	}
}

static int bad_word(const char *before, const char *word, const char *after)
{
	_cleanup_free_ char *shown = escape_text(word, 200);

	log_error("%s '%s'%s", before, shown ?: "", after);
	return EX_USAGE;
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key == ARGP_KEY_ARG) {
		if (p->stop_at_word) {
			p->next = state->next - 1;
			state->next = state->argc;
			return 0;
		}
		if (p->word)
			return p->word(arg) ? EINVAL : 0;
		if (!p->takes_command) {
			bad_word("unexpected argument", arg, "");
			return EINVAL;
		}
		p->command = p->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	}
	for (unsigned int i = 0; i < p->n; i++) {
		if (p->argp[i].key != key || !key)
			continue;
		return set_value(p->rows[i], arg) ? EINVAL : 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* The row of a word's long option, or of its n-th letter. */
static const struct opt *find_row(const struct parse *p, const char *word, unsigned int letter)
{
	size_t len = strcspn(word, "=");

	for (unsigned int i = 0; i < p->n; i++) {
		const struct opt *o = p->rows[i];

		if (letter ? o->key == word[letter] :
			     o->name && strlen(o->name) == len - 2 && !strncmp(o->name, word + 2, len - 2))
			return o;
	}
	return NULL;
}

/*
 * Every option must be there, by its full name: getopt would take any
 * beginning of one, and scripts that rely on that break with the next option.
 * Says what is wrong, which argp keeps to itself.
 */
static int check_words(const struct parse *p, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const struct opt *o = NULL;
		const char *word = argv[i], *value = NULL;

		if (word[0] != '-' || !word[1]) {
			if (p->stop_at_word)
				return 0;
			if (p->takes_command) /* argp does not tell it from those behind -- */
				return bad_word("unexpected argument", word, ": a command to run comes after --");
			continue;
		}
		if (word[1] == '-') {
			o = find_row(p, word, 0);
			value = strchr(word, '=');
			if (o && value && !o->arg)
				return bad_word("option", word, " takes no value");
		}
		for (unsigned int k = 1; word[1] != '-' && word[k] && !value; k++) {
			o = find_row(p, word, k);
			if (!o)
				break;
			value = o->arg && word[k + 1] ? &word[k + 1] : NULL;
		}
		if (!o)
			return bad_word("unknown option", word, "");
		if (o->arg && o->arg[0] != '[' && !value && ++i == argc)
			return bad_word("option", word, " needs a value");
	}
	if (p->takes_command && i + 1 == argc) {
		log_error("no command after --");
		return EX_USAGE;
	}
	return 0;
}

static void set_up(struct parse *p, const struct opts *opts)
{
	add_rows(p, opts->rows);
	add_rows(p, global_rows);
	p->argp[p->n] = (struct argp_option){};
}

static int run_argp(struct parse *p, int argc, char **argv, unsigned int flags)
{
	struct argp argp = { .options = p->argp, .parser = on_key };
	int r = check_words(p, argc, argv);

	p->argv = argv;
	if (!r && argp_parse(&argp, argc, argv, flags | ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_NO_EXIT, NULL, p))
		r = EX_USAGE;
	log_set_verbosity(globals.quiet, globals.verbose);
	return r;
}

int opts_parse(const struct opts *opts, const char *command, int argc, char **argv, char ***ret_command)
{
	struct parse p = { .takes_command = ret_command, .word = opts->word };
	int r;

	set_up(&p, opts);
	r = run_argp(&p, argc, argv, 0);
	if (r) {
		log_hint("fdpin-trace %s --help", command);
		return r;
	}
	globals.json_errors = globals.json != JSON_OFF;
	if (globals.version) {
		print_version();
		return -1;
	}
	if (globals.help) {
		opts_help(opts, command, stdout);
		return -1;
	}
	if (ret_command)
		*ret_command = p.command;
	return 0;
}

int opts_parse_global(int argc, char **argv, int *ret_next)
{
	struct parse p = { .stop_at_word = true, .next = argc };
	int r;

	/* also where something is wrong before it comes to that option: letters that take no value, so that it is none of a value */
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *s = argv[i];

		if ((s[0] == '-' && s[1] && s[1] != '-' && strpbrk(s, "jJ") && strspn(s + 1, "bfhjqvJV") == strlen(s + 1)) ||
		    (!strncmp(s, "--json", 6) && strcmp(s, "--json=off")))
			globals.json_errors = true;
	}
	set_up(&p, &global_opts);
	r = run_argp(&p, argc, argv, ARGP_IN_ORDER);
	if (r)
		log_hint("fdpin-trace help");
	*ret_next = p.next;
	return r;
}

void opts_help(const struct opts *opts, const char *command, FILE *out)
{
	struct parse p = {};
	struct argp argp = { .options = p.argp };
	char name[64];

	/* its closing words on arguments of long and short options are not ours */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	set_up(&p, opts);
	snprintf(name, sizeof(name), "fdpin-trace %s", command);
	fprintf(out, "Usage: %s %s\n\n%s\n", name, opts->usage ?: "[OPTIONS]", opts->what ?: "");
	if (opts->examples)
		fprintf(out, "\nEXAMPLES\n%s", opts->examples);
	fputc('\n', out);
	argp_help(&argp, out, ARGP_HELP_LONG, name);
}
