// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_policy.c - any bytes as a configuration: taken whole, or rejected with a
 * reason and with nothing changed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	if (!p.max_window_ns)
		abort();
	policy_free(&p);
	return 0;
}
