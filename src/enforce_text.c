// SPDX-License-Identifier: GPL-2.0-only
/*
 * enforce_text.c - what `enforce` says to people (enforce.h). The table of
 * --check-config is its result and goes to standard output; what is said about
 * a guard at work are notices.
 */
#include <string.h>

#include "doctor.h"
#include "enforce.h"
#include "log.h"
#include "render.h"

const char *promise_word(enum promise promise)
{
	static const char *const words[] = {
		[PROMISE_UNKNOWN] = "unknown", [PROMISE_AUDIT] = "audit", [PROMISE_HONEST] = "honest"
	};

	return words[promise];
}

const char *promise_sentence(enum promise promise)
{
	static const char *const sentences[] = {
		[PROMISE_UNKNOWN] = "Whether this kernel refuses by itself is not known: a program that means no harm "
				    "is stopped, one that rewrites its argument while the call runs may be only found out",
		[PROMISE_AUDIT] = "This kernel refuses by itself: here that is done earlier, and told",
		[PROMISE_HONEST] = "This kernel does not refuse by itself: a program that means no harm is stopped; one "
				   "that rewrites its argument while the call runs is found out afterwards, not stopped. Only a "
				   "fixed kernel, or the rule strict, stops that",
	};

	return sentences[promise];
}

const char *mechanism_word(enum mechanism mechanism)
{
	static const char *const words[] = {
		[MECHANISM_NONE] = "none", [MECHANISM_LSM] = "lsm", [MECHANISM_FMOD_RET] = "fmod_ret"
	};

	return words[mechanism];
}

/* ---- the configuration --------------------------------------------------------------------- */

/* How wide the column has to be. */
static int about_width(const struct policy *p)
{
	char about[POLICY_ABOUT_MAX];
	size_t width = 21, len;

	for (int i = 0; i < RULE__max; i++) {
		len = strlen(policy_applies_to(p, i, about, sizeof(about)));
		width = len > width ? len : width;
	}
	return width;
}

static void print_rule(FILE *f, const struct policy *p, int i)
{
	const struct policy_rule *r = &p->rules[i];
	char set_by[128], about[POLICY_ABOUT_MAX];
	_cleanup_free_ char *shown = NULL;

	policy_set_by(p, r, set_by, sizeof(set_by));
	shown = escape_text(set_by, sizeof(set_by));
	fprintf(f, "%-13s %-19s %-7s %-6s %-*s %s\n", rule_name(i), rule_table[i].hook, action_word(r->action),
		r->action == ACTION_DENY && r->error ? strerrorname_np(r->error) : "-", about_width(p),
		policy_applies_to(p, i, about, sizeof(about)), shown ?: "?");
}

static int rules_on(const struct policy *p)
{
	int n = 0;

	for (int i = 0; i < RULE__max; i++)
		n += p->rules[i].action != ACTION_OFF;
	return n;
}

static void print_remarks(struct output *o, const struct policy *p)
{
	struct enforce_remarks remarks;

	enforce_remark(&remarks, p);
	for (unsigned int i = 0; i < remarks.n; i++) {
		_cleanup_free_ char *text = escape_text(remarks.text[i], sizeof(remarks.text[i]));

		print_labelled(o, "Note", 6, "%s.", text ?: "?");
	}
}

void enforce_config_text(struct output *o, const struct policy *p, const struct hooks_state *hooks)
{
	_cleanup_free_ char *why = escape_text(hooks->why, sizeof(hooks->why));
	int n = rules_on(p);

	for (int i = 0; i < p->n_files; i++) {
		_cleanup_free_ char *path = escape_text(p->files[i].path, 4096);

		fprintf(o->f, "%-57s %s\n", path ?: "?", p->files[i].layer == LAYER_VENDOR ? "vendor" : "local");
	}
	if (!p->n_files)
		fputs("no file: what is built in holds\n", o->f);
	fprintf(o->f, "\n%s%-13s %-19s %-7s %-6s %-*s %s%s\n", paint(o, PAINT_BOLD), "RULE", "HOOK", "ACTION", "AS",
		about_width(p), "APPLIES TO", "SET BY", unpaint(o, PAINT_BOLD));
	for (int i = 0; i < RULE__max; i++)
		print_rule(o->f, p, i);
	fprintf(o->f, "%d rule%s on. ", n, n == 1 ? "" : "s");
	if (hooks->there == KNOWN_YES)
		fputs("Syntax and hooks are fine; nothing was loaded.\n", o->f);
	else
		fprintf(o->f, "Syntax is fine; nothing was loaded.\n%s: %s\n",
			hooks->there == KNOWN_NO ? "Hooks are missing" : "Hooks: cannot tell", why ?: "?");
	print_remarks(o, p);
}

/* ---- a guard at work -------------------------------------------------------------------------- */

static void say_rule(const struct policy *p, enum fdpin_rule rule, bool monitor)
{
	const struct policy_rule *r = &p->rules[rule];
	char who[POLICY_ABOUT_MAX];

	scope_text(&r->scope, who, sizeof(who));
	log_notice("Rule       %s: %s%s%s", rule_name(rule), action_word(action_taken(r, monitor)), r->scope.keys ? ", for " : "", who);
}

void enforce_begin_text(const struct guard *g, const struct policy *p, bool monitor)
{
	_cleanup_free_ char *why = escape_text(guard_promise_why(g), TEXT_MAX);
	struct output err = { .f = stderr, .width = 80, .utf8 = true };
	struct enforce_remarks remarks;
	bool denies = false;

	for (int i = 0; i < RULE__max; i++)
		denies |= action_taken(&p->rules[i], monitor) == ACTION_DENY;
	log_notice("%s", denies ? "Guarding... Ctrl-C to end." : "Audit only: nothing is denied... Ctrl-C to end.");
	for (int i = 0; i < RULE__max; i++)
		if (p->rules[i].action != ACTION_OFF)
			say_rule(p, i, monitor);
	enforce_remark(&remarks, p);
	for (unsigned int i = 0; i < remarks.n; i++) {
		_cleanup_free_ char *text = escape_text(remarks.text[i], sizeof(remarks.text[i]));

		log_warning("%s", text ?: "?");
	}
	log_notice("Through    %s, proven by a call that was refused; 32-bit calls: %s",
		   guard_mechanism(g) == MECHANISM_LSM ? "BPF LSM" : "fmod_ret (not the BPF LSM)",
		   guard_compat(g));
	if (guard_no_veto(g))
		log_warning("no veto when a mediated device is opened: %s", guard_no_veto(g));
	if (log_enabled(LOG_NOTICE))
		print_labelled(&err, "Kernel", 11, "%s (%s).", promise_sentence(guard_promise(g)), why ?: "?");
}

void enforce_changed_text(const char *what)
{
	log_warning("somebody has changed the maps of this guard (%s), past it: written anew", what);
	log_hint("what it has noted about containers and calls may be wrong now: start it again");
}

void enforce_full_text(const struct full_change *c, bool denies)
{
	char text[FULL_TEXT];

	full_text(c, denies, text, sizeof(text));
	if (c->over) {
		log_notice("%s", text);
		return;
	}
	log_warning("%s", text);
	log_hint("%s", full_advice(c->table));
}

void enforce_end_text(const struct enforce_end *e)
{
	const struct guard_counters *c = &e->counters;
	const __u64 *quarantines = c->decisions[RULE_MDEV_VADDR];
	char took[FORMAT_MAX];

	if (!log_enabled(LOG_NOTICE))
		return;
	fprintf(stderr, "%s, %llu records lost.\n", format_duration(e->lasted_ns, took), e->lost);
	for (int i = 0; i < RULE__max; i++)
		fprintf(stderr, "%-13s  %llu denied, %llu would have been, %llu not prevented\n", rule_name(i),
			c->decisions[i][ACTION_DENY], c->decisions[i][ACTION_MONITOR], c->decisions[i][ACTION_PASSED]);
	for (int i = 0; i < RULE__max; i++)
		if (c->decisions[i][ACTION_EXEMPT])
			fprintf(stderr, "%-13s  %llu let through by an exemption\n", rule_name(i), c->decisions[i][ACTION_EXEMPT]);
	for (int i = 0; i < RULE__max; i++)
		if (c->outside[i])
			fprintf(stderr, "%-13s  %llu by callers that it is not for\n", rule_name(i), c->outside[i]);
	if (c->unknown_caller)
		fprintf(stderr, "Unknown caller %llu times: the rule was for him\n", c->unknown_caller);
	if (c->nonresident)
		fprintf(stderr, "Among them     %llu whose argument could not be read\n", c->nonresident);
	if (full_refused(c))
		fprintf(stderr, "Among them     %llu for want of a place to note them\n", full_refused(c));
	if (c->swept)
		fprintf(stderr, "Among them     %llu that no call was seen to make, found by a look\n", c->swept);
	if (c->killed)
		fprintf(stderr, "Killed         %llu process%s that got past a rule, or kept a window open\n", c->killed, c->killed == 1 ? "" : "es");
	if (quarantines[ACTION_QUARANTINE_BEGINS])
		fprintf(stderr, "Quarantine     %llu begun, %llu over, %llu calls refused\n", quarantines[ACTION_QUARANTINE_BEGINS],
			quarantines[ACTION_QUARANTINE_ENDS], quarantines[ACTION_QUARANTINED]);
	if (c->overlaps)
		fprintf(stderr, "Among them     %llu while the other side was under way\n", c->overlaps);
	if (c->sticky)
		fprintf(stderr, "Among them     %llu where a range had been invalid before\n", c->sticky);
	if (c->untold)
		fprintf(stderr, "Among them     %llu where it could not be told what is behind the memory\n", c->untold);
	if (full_unnoted(c))
		fprintf(stderr, "Not noted      %llu calls that went on, for want of a place\n", full_unnoted(c));
	if (full_unwatched(c))
		fprintf(stderr, "Not seen       %llu times that a window or a quarantine could not be noted\n", full_unwatched(c));
	if (e->pins_gone)
		fprintf(stderr, "Pins           %llu time%s gone while it guarded\n", e->pins_gone, e->pins_gone == 1 ? "" : "s");
	if (e->changed)
		fprintf(stderr, "Changed        %llu time%s by somebody else, in its maps\n", e->changed, e->changed == 1 ? "" : "s");
	if (e->missed)
		fprintf(stderr, "Not seen       %llu calls: the kernel left out a program that was running already\n", e->missed);
}
