/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger.h - what every container has charged, to which address space, and
 * where it went: accounts that have to come to zero, and what broke them.
 *
 * The model keeps one and gives it every record. An account is what one
 * container has charged to one address space in one way; what was charged
 * before anybody watched is taken from the first look and said to be older.
 */
#ifndef FDPIN_LEDGER_H
#define FDPIN_LEDGER_H

#include "schema.h"

#include <uthash.h>

/*
 * Records can come from a file that somebody has made. More pages than any address
 * space has are no number of pages: such a record is left out, and the books say so.
 * Sums stay within bounds, so that a few of them can be added: what does not fit is cut.
 */
#define RECORD_PAGES_MAX (1LL << 52)
#define SUM_PAGES_MAX (1LL << 60)

/* True if it was cut. */
static inline bool add_pages(__s64 *to, __s64 pages)
{
	__s64 sum;

	if (__builtin_add_overflow(*to, pages, &sum))
		sum = pages < 0 ? -SUM_PAGES_MAX - 1 : SUM_PAGES_MAX + 1;
	*to = sum > SUM_PAGES_MAX ? SUM_PAGES_MAX : sum < -SUM_PAGES_MAX ? -SUM_PAGES_MAX : sum;
	return *to != sum;
}

struct account_key {
	__u64 container, mm;
	__u64 way; /* enum fdpin_account */
};

struct ledger_account {
	struct account_key key;
	UT_hash_handle hh;
	__u64 user;		 /* whose locked_vm it is too; 0: nobody's */
	__s64 older;		 /* pages charged before anybody watched, as the first look read them */
	__s64 charged, credited; /* pages since, both counted up */
	__s64 late;		 /* pages of credits that did not come, as no process had the address space any more: not pinned for it any longer */
	bool iommufd;		 /* mm_struct.pinned_vm goes along */
	bool unsure;		 /* what was charged before is not known */
	bool released;		 /* the container's file is gone */
	__u64 gone_ns;		 /* no process has the address space since then; 0: not seen */
	struct fdpin_hdr *exec;	 /* the exec that left it, owned, or NULL: somebody else has it a moment longer */
};

/* What is still charged: expected to be zero once nothing is pinned. */
static inline __s64 account_balance(const struct ledger_account *a)
{
	return a->older + a->charged - a->credited;
}

/*
 * What the driver of one device has charged and credited by its calls. Pages that
 * several have pinned are charged to the first and credited to the last of them,
 * so that only all of them together come to zero.
 */
struct device_key {
	__u64 container, device;
};

struct ledger_device {
	struct device_key key;
	UT_hash_handle hh;
	char name[sizeof(((struct ev_pin *)0)->device_name)]; /* not terminated; empty: no call gave it */
	__s64 charged, credited;			       /* pages, both counted up */
	__s64 pinned, unpinned;				       /* as its calls say, whoever is charged */
	__u64 closed_ns;				       /* 0: it was not seen to be closed since */
	bool unsure;					       /* what it had pinned before is not known */
};

/* The kernel's counters as a record has read them last. */
enum counter_kind {
	COUNTER_LOCKED, /* mm_struct.locked_vm: VmLck */
	COUNTER_PINNED, /* mm_struct.pinned_vm: VmPin */
	COUNTER_USER,	/* user_struct.locked_vm */
	COUNTER__MAX
};

struct counter_key {
	__u64 id; /* of the address space, or the user */
	__u64 kind;
};

struct ledger_counter {
	struct counter_key key;
	UT_hash_handle hh;
	__s64 pages;
	__u64 read_ns;
};

/* Pages of a counter that are in the accounts; what it has above that is others': mlock, io_uring, perf, RDMA, ... */
struct ledger_booked {
	struct counter_key key;
	UT_hash_handle hh;
	__s64 pages;
	bool charged; /* somebody has charged to it, ever */
	bool sure;    /* nothing is missing from them */
};

enum drift_kind {
	DRIFT_UNDERFLOW, /* a counter fell below zero */
	DRIFT_WRONG_MM,	 /* credited to, or left with, another address space than it was charged to */
	DRIFT_LEAK,	 /* charged, and nothing is pinned for it */
	DRIFT_DOUBLE,	 /* charged in two places */
};

/* The first record that broke a balance. */
struct drift {
	struct drift *next;
	enum drift_kind kind;
	__u64 container, opened_ns; /* as of a window */
	__u64 mm, other_mm; /* where it went wrong; where the pages had been charged, 0 if that is not known */
	__s64 pages;
	bool counter;	    /* the kernel's own counter shows it, whatever else was seen */
	bool unsure;	    /* records had been lost by then, or what was charged before is not known */
	bool left;	    /* who charges has left the other address space by exec, and its end was not told yet: it may have come */
	struct fdpin_hdr *rec;	 /* that record, owned */
	struct fdpin_hdr *cause; /* the exec before it, owned, or NULL */
};

/* Pages that stay pinned while the address space they are charged to has gone. */
struct uncharged {
	struct uncharged *next;
	__u64 container, opened_ns; /* ids come again: when this one was opened, 0: before anybody watched */
	__u64 mm;
	__u64 since_ns, until_ns; /* until: 0 while it lasts */
	__s64 pages, left;
	__s64 taken; /* what the last charge or unmap in the container took from left */
	bool unsure;
	bool fewer;	    /* a driver has unpinned pages, and nobody was credited: while it is open, so many may be left, or fewer, or none */
	struct fdpin_hdr *gone;	  /* the record that began it, owned */
	struct fdpin_hdr *exec;	  /* the exec it comes from, owned; NULL: the process has ended */
	struct fdpin_hdr *closed; /* the record that ended it, owned, or NULL */
};

/* A process that ends leaves its address space first and its containers then: it is given this long. */
#define UNCHARGED_EXIT_NS 1000000000ULL

/* Did it end as they were charged again? Else they were pinned no more. */
static inline bool uncharged_paid(const struct uncharged *u)
{
	return u->closed && u->closed->type == EV_charge && ((const struct ev_charge *)u->closed)->pages > 0;
}

/* If h is when they were pinned no more: who ended took along what only he had, which is no time in which nobody was charged. */
static inline bool uncharged_by_own_end(const struct uncharged *u, const struct fdpin_hdr *h)
{
	const struct ev_mm_gone *gone = (const void *)u->gone;

	return h->ts_ns <= u->since_ns + UNCHARGED_EXIT_NS || (gone->exiting && gone->h.tgid == h->tgid);
}

static inline bool uncharged_counts(const struct uncharged *u, __u64 now)
{
	if (u->exec || uncharged_paid(u))
		return true;
	return u->closed ? !uncharged_by_own_end(u, u->closed) : now > u->since_ns + UNCHARGED_EXIT_NS;
}

struct ledger_container;
struct seen;

struct ledger {
	struct ledger_account *accounts; /* uthash */
	struct drift *drifts, **drifts_tail;
	struct uncharged *uncharged, **uncharged_tail;
	unsigned int n_drifts, n_uncharged;
	struct ledger_device *devices;	 /* uthash */
	struct ledger_counter *counters; /* uthash */
	__u64 charges; /* records of charges so far */
	bool cut;      /* there was more than is kept */
	bool absurd;   /* a record had more pages than there can be, and is not in them */
	/* private */
	struct ledger_account *last_account;	 /* that were found last, or NULL: records come in runs */
	struct ledger_container *last_container;
	struct ledger_counter *last_counter[COUNTER__MAX];
	struct ledger_container *containers;
	unsigned int ending; /* of them, those that are to be settled */
	struct seen *gone;  /* address spaces without a process, of the look that goes on */
	struct seen *strays; /* address spaces that were charged in calls whose begin nobody saw: of what container is not known */
	struct seen *pages; /* iopt_pages that the look that goes on has shown: areas that share them are charged once */
	bool lost;
};

void ledger_init(struct ledger *l);
void ledger_free(struct ledger *l);
/* One record. 0 or -ENOMEM. */
int ledger_apply(struct ledger *l, const struct fdpin_hdr *h);
/* When the one that has this id now, and all its accounts, was opened; 0: before anybody watched. */
__u64 ledger_opened(const struct ledger *l, __u64 container);
/* Was its file seen to be closed for good, and none of this id to be opened since? */
bool ledger_closed(const struct ledger *l, __u64 container);
/*
 * What is booked in each counter, gathered in one pass: 0, and *ret is to be given to
 * ledger_unbook(); or -ENOMEM. ledger_booked() knows each counter of the ledger.
 */
int ledger_book(const struct ledger *l, struct ledger_booked **ret);
const struct ledger_booked *ledger_booked(const struct ledger_booked *books, const struct ledger_counter *c);
void ledger_unbook(struct ledger_booked *books);

#endif
