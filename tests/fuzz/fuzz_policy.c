// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_policy.c - any bytes as a configuration: taken whole, or rejected with a
 * reason and with nothing changed. And the same bytes as an exemption.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exempt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the kernel's side goes by, unseen: every part ends within the text, and what is shown of it is what it says. */
static void check_scope(const struct guard_scope *s)
{
	const struct scope_names *names[] = { &s->cgroup, &s->exe };
	char text[POLICY_ABOUT_MAX];
	struct guard_scope again = *s;
	const char *why;

	for (size_t i = 0; i < 2; i++)
		for (uint32_t k = 0; k < names[i]->n; k++)
			if (names[i]->n > SCOPE_PARTS || !memchr(names[i]->text + names[i]->at[k], 0, SCOPE_TEXT - names[i]->at[k]))
				abort();
	if (s->n_uids > SCOPE_UIDS || !s->n_uids != !(s->keys & SCOPE_UID) || !s->cgroup.n != !(s->keys & SCOPE_CGROUP) ||
	    !s->exe.n != !(s->keys & SCOPE_EXE) || !s->keys != !*scope_text(s, text, sizeof(text)))
		abort();
	if (scope_set_cgroup(&again, scope_key_text(s, SCOPE_CGROUP, text, sizeof(text)), &why) ||
	    scope_set_uid(&again, scope_key_text(s, SCOPE_UID, text, sizeof(text)), &why) ||
	    scope_set_exe(&again, scope_key_text(s, SCOPE_EXE, text, sizeof(text)), &why) || memcmp(&again, s, sizeof(again)))
		abort();
}

/* Never for longer than may be, never without a reason. */
static void check_exemption(const uint8_t *data, size_t size)
{
	struct policy_problem problem;
	struct exemption e;

	if (exempt_parse(&e, "fuzz", (const char *)data, size, 1000, "b", &problem))
		return;
	if (e.until <= 1000 || e.begun > 1000 || e.until > 1000 + EXEMPT_MOST_NS || !e.reason[0] || strcmp(e.boot, "b"))
		abort();
	check_scope(&e.who);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_problem problem;
	struct policy before, p;
	int r;

	policy_init(&before);
	policy_init(&p);
	r = policy_parse(&p, "fuzz", LAYER_LOCAL, (const char *)data, size, &problem);
	if (r && (memcmp(&before, &p, sizeof(p)) || !problem.text[0] || problem.text[sizeof(problem.text) - 1]))
		abort();
	for (int i = 0; i < RULE__max; i++)
		if (p.rules[i].action > ACTION_DENY || !p.rules[i].error != !rule_table[i].error || p.rules[i].error < 0 || (p.rules[i].file < 0) != !p.rules[i].line)
			abort();
	for (int i = 0; i < RULE__max; i++)
		check_scope(&p.rules[i].scope);
	if (!p.max_window_ns)
		abort();
	policy_free(&p);
	check_exemption(data, size);
	return 0;
}
