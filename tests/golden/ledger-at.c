// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger-at.c - is the ledger of a recording what the kernel said meanwhile?
 *
 *	ledger-at FILE < LINES		lines "at=TS_NS TGID VMLCK VMPIN MINE" and "user=TS_NS MINE" of tests/progs/act_storm,
 *					in their order; others are passed over. Each difference is printed; exits 1 if there is one, or if more than
 *					one line in ten is about an address space that no record connects with the process, or there is no line at all.
 *
 * The user's counter is what the last record of a charge to it says; what it was
 * before the first is not the storm's.
 *
 * A line is looked at when the kernel's records have come as far as it says. What
 * user space concludes, a verdict say, has the time at which it was written down:
 * calls of before that are still to come behind it.
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
	unsigned int tgid; /* 0: of the user */
	long long vmlck, vmpin;
	bool has_mine;
};

static struct ledger ledger;
static __u64 mm_of[TGIDS_MAX]; /* the address space that a process was last seen with */
static struct at next;
static bool more;
static unsigned long checks, wrong, unknown;
static long long user_before, user_now; /* pages */
static bool user_known;

static bool read_line(void)
{
	char line[256], mine[32];

	while (fgets(line, sizeof(line), stdin)) {
		next.tgid = 0;
		next.has_mine = true;
		if (sscanf(line, "user=%llu %llu", &next.ts, &next.mine) == 2)
			return true;
		if (sscanf(line, "at=%llu %u %lld %lld %31s", &next.ts, &next.tgid, &next.vmlck, &next.vmpin, mine) != 5 ||
		    next.tgid >= TGIDS_MAX)
			continue;
		next.has_mine = strcmp(mine, "-");
		next.mine = strtoull(mine, NULL, 10);
		return true;
	}
	return false;
}

struct booked {
	long long mm, pinned, all, user; /* kB */
};

/* In the books of a process; "user": in those of all, also of who has gone. */
static struct booked booked(unsigned int tgid)
{
	struct booked sum = {};

	for (const struct ledger_account *a = ledger.accounts; a; a = a->hh.next) {
		long long kb = account_balance(a) * 4;

		sum.user += a->key.way == CHARGED_USER ? kb : 0;
		if (!mm_of[tgid] || a->key.mm != mm_of[tgid] || a->gone_ns)
			continue;
		sum.all += kb;
		sum.mm += a->key.way == CHARGED_MM ? kb : 0;
		sum.pinned += a->iommufd ? kb : 0;
	}
	return sum;
}

/* Nobody else charges in a storm: what a charge has read last is what is booked, to the page. */
static bool others_have(enum counter_kind kind, __u64 id)
{
	struct ledger_booked *books = NULL;
	bool have = false;

	if (ledger_book(&ledger, &books))
		exit(1);
	for (const struct ledger_counter *c = ledger.counters; c && !have; c = c->hh.next) {
		__s64 booked = ledger_booked(books, c)->pages;

		have = c->key.kind == kind && c->key.id == id && booked != c->pages;
		if (have)
			printf("at %llu, counter %d: %lld pages, %lld of them booked\n", next.ts, kind, c->pages, booked);
	}
	ledger_unbook(books);
	return have;
}

static void check_user(void)
{
	struct booked sum = booked(0);
	long long kb = (user_now - user_before) * 4;

	if (user_known && sum.user == kb && kb == (long long)next.mine * 4)
		return;
	wrong++;
	printf("at %llu, the user: the ledger has %lld kB, locked_vm is %lld kB more than at first, the sum of all is %llu kB\n", next.ts, sum.user,
	       kb, next.mine * 4);
}

static void check(void)
{
	struct booked sum = booked(next.tgid);

	checks++;
	if (!next.tgid) {
		check_user();
		return;
	}
	if (!mm_of[next.tgid] && (next.vmlck || next.vmpin)) {
		unknown++;
		return;
	}
	if (others_have(COUNTER_LOCKED, mm_of[next.tgid]) || others_have(COUNTER_PINNED, mm_of[next.tgid])) {
		wrong++;
		return;
	}
	if (sum.mm == next.vmlck && sum.pinned == next.vmpin && (!next.has_mine || sum.all == (long long)next.mine * 4))
		return;
	wrong++;
	printf("at %llu, tgid %u: the ledger has %lld kB, VmLck is %lld kB; %lld kB, VmPin is %lld kB", next.ts, next.tgid, sum.mm, next.vmlck,
	       sum.pinned, next.vmpin);
	if (next.has_mine)
		printf("; in all %lld kB, its own sum %llu kB", sum.all, next.mine * 4);
	printf("\n");
}

static void on_charge(const struct ev_charge *e)
{
	if (e->own_mm && e->h.tgid < TGIDS_MAX)
		mm_of[e->h.tgid] = e->own_mm;
	if (e->account != CHARGED_USER)
		return;
	if (!user_known)
		user_before = e->before;
	user_known = true;
	user_now = e->after;
}

static bool by_hook(const struct fdpin_hdr *h)
{
	return !h->look && h->grade == GRADE_OBSERVED;
}

static int on_record(void *ctx, const struct record *r)
{
	(void)ctx;
	while (more && by_hook(r->h) && r->h->ts_ns > next.ts) {
		check();
		more = read_line();
	}
	if (r->h->type == EV_charge)
		on_charge((const void *)r->h);
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
