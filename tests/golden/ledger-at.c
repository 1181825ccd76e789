// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger-at.c - is the ledger of a recording what the kernel said meanwhile?
 *
 *	ledger-at FILE < LINES		lines "at=TS_NS TGID VMLCK MINE" of tests/progs/act_storm, in their order; others are
 *					passed over. Each difference is printed; exits 1 if there is one, or if more than one line in ten is about an
 *					address space that no record connects with the process, or there is no line at all.
 *
 * Link with src/ but main.c, cmd_*.c, watch.c and source_bpf.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/ledger.h"
#include "../../src/model.h"
#include "../../src/source.h"

#define TGIDS_MAX 4194304 /* PID_MAX_LIMIT */

struct at {
	unsigned long long ts, mine;
	unsigned int tgid;
	long long vmlck;
	bool has_mine;
};

static struct ledger ledger;
static __u64 mm_of[TGIDS_MAX]; /* the address space that a process was last seen with */
static struct at next;
static bool more;
static unsigned long checks, wrong, unknown;

static bool read_line(void)
{
	char line[256], mine[32];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "at=%llu %u %lld %31s", &next.ts, &next.tgid, &next.vmlck, mine) != 4 || next.tgid >= TGIDS_MAX)
			continue;
		next.has_mine = strcmp(mine, "-");
		next.mine = strtoull(mine, NULL, 10);
		return true;
	}
	return false;
}

/* kB in the books of the process */
static long long booked(unsigned int tgid)
{
	long long pages = 0;

	for (const struct ledger_account *a = ledger.accounts; a; a = a->hh.next)
		if (mm_of[tgid] && a->key.mm == mm_of[tgid] && a->key.way == CHARGED_MM && !a->gone_ns)
			pages += account_balance(a);
	return pages * 4;
}

static void check(void)
{
	long long kb = booked(next.tgid);

	checks++;
	if (!mm_of[next.tgid] && next.vmlck) {
		unknown++;
		return;
	}
	if (kb == next.vmlck && (!next.has_mine || kb == (long long)next.mine * 4))
		return;
	wrong++;
	printf("at %llu, tgid %u: the ledger has %lld kB, VmLck is %lld kB", next.ts, next.tgid, kb, next.vmlck);
	if (next.has_mine)
		printf(", its own sum %llu kB", next.mine * 4);
	printf("\n");
}

static int on_record(void *ctx, const struct record *r)
{
	(void)ctx;
	while (more && r->h->ts_ns > next.ts && !r->h->look) {
		check();
		more = read_line();
	}
	if (r->h->type == EV_charge && ((const struct ev_charge *)r->h)->own_mm && r->h->tgid < TGIDS_MAX)
		mm_of[r->h->tgid] = ((const struct ev_charge *)r->h)->own_mm;
	if (r->h->type == EV_exec && r->h->tgid < TGIDS_MAX)
		mm_of[r->h->tgid] = ((const struct ev_exec *)r->h)->mm;
	return ledger_apply(&ledger, r->h);
}

int main(int argc, char **argv)
{
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: ledger-at FILE < LINES\n");
		return 64;
	}
	ledger_init(&ledger);
	more = read_line();
	err = replay_file(argv[1], on_record, NULL);
	if (err) {
		fprintf(stderr, "ledger-at: %s: %s\n", argv[1], strerror(-err));
		return 65;
	}
	for (; more; more = read_line())
		check();
	ledger_free(&ledger);
	printf("%lu checks, %lu differ, %lu cannot be told\n", checks, wrong, unknown);
	return wrong || unknown * 10 > checks || !checks;
}
