/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger_own.h - what the files of the ledger share, and nobody else.
 */
#ifndef FDPIN_LEDGER_OWN_H
#define FDPIN_LEDGER_OWN_H

#include "ledger.h"

#define ACCOUNTS_MAX 65536
#define ACCOUNTS_SHOWN 1024 /* of containers that are gone: so many are of interest */
#define SMALL_PAGE 4096

/* What is known of a container besides its accounts. */
struct ledger_container {
	__u64 id;
	UT_hash_handle hh;
	__u64 opened_ns; /* 0: before anybody watched */
	bool based;   /* it was seen to be opened, or a look has read all it had charged */
	bool in_look; /* the look that goes on has shown it */
	bool moved;   /* something was charged before it was based, or it changed while it was read */
	__u64 based_ns; /* when the look ended that has read it; 0: it was seen to be opened */
	/* a call that hands over, while it goes on */
	__s64 net;		   /* pages it has charged so far */
	struct fdpin_hdr *refused; /* of it, owned */
	struct fdpin_hdr *gave;	   /* its charge that no credit has answered yet, owned */
	__u64 gave_from;	   /* the address space that should be credited */
	__s64 unmapped;		   /* pages that the unmap that goes on has credited */
	/* what is pinned of a range, if no IOMMU has all of it pinned: the driver of a mediated device knows */
	bool emulated, backed; /* such a device is there; one with an IOMMU is, or was */
	__s64 astray;	       /* pages charged to address spaces that are gone, and to nobody again: at most */
	__s64 astray_least;    /* and at least: what a driver unpins without a credit can have been of these, or is pinned once more */
	__s64 unpinned;	       /* pages that the unpin that goes on has credited */
	bool doubt;	       /* what the restoration has charged may be of these, or should be credited: gave says to whom */
	__s64 restored;	       /* pages that the restoration that goes on has charged, less what it has credited */
	/* type1 */
	bool counted;	       /* seen to be opened, and a group to join: all are counted, as charges want one */
	bool opened, closed;   /* its file was seen to be opened; is gone (of iommufd, too) */
	bool again;	       /* iommufd: opened while another of this id had not been told to be released */
	unsigned int groups;
	struct fdpin_hdr *end; /* the call in which all is credited, owned; NULL: not yet, or settled */
};

/* Not below none. */
static inline __s64 pages_less(__s64 pages, __s64 by)
{
	return pages > by ? pages - by : 0;
}

/* ledger.c. get: made if it is not there, NULL if it cannot be. */
struct fdpin_hdr *ledger_copy(const void *rec);
struct ledger_container *ledger_container_get(struct ledger *l, __u64 id);
struct ledger_account *ledger_account_get(struct ledger *l, __u64 container, __u64 mm, __u32 way);
void ledger_account_clear(struct ledger_account *a);
void ledger_account_free(struct ledger *l, struct ledger_account *a);
/* Somebody has charged it in a call whose begin was not seen. 0 or -ENOMEM. */
int ledger_stray(struct ledger *l, __u64 mm);
const struct ledger_account *ledger_creditor(const struct ledger *l, const struct ledger_account *not);

/* ledger_drift.c. 0 or -ENOMEM. A window: pages that nobody is charged for. */
int ledger_add_drift(struct ledger *l, enum drift_kind kind, const struct ledger_account *a, const struct ledger_account *other,
		     __s64 pages, const void *rec);
void ledger_drift_free(struct drift *d);
void ledger_take_back(struct ledger *l, struct ledger_account *a);
int ledger_open_window(struct ledger *l, struct ledger_account *a, const struct ev_mm_gone *e);
int ledger_close_window(struct uncharged *u, const void *rec);
int ledger_shrink_windows(struct ledger *l, __u64 container, __u64 mm, __s64 pages, const void *rec);
void ledger_give_back(struct ledger *l, __u64 container, __s64 pages);
bool ledger_is_open(const struct ledger *l, __u64 container);

/* ledger_charge.c. 0 or -ENOMEM. */
int ledger_on_charge(struct ledger *l, const struct ev_charge *e);
int ledger_on_change_process(struct ledger *l, const struct ev_change_process *e);
int ledger_on_revalidate(struct ledger *l, const struct ev_revalidate *e);
void ledger_call_ends(struct ledger_container *c);

/* ledger_end.c. 0 or -ENOMEM. */
void end_forget(struct ledger *l, struct ledger_container *c);
/* Its file is closed, or a group leaves; end_group() knows the groups. */
int end_begins(struct ledger *l, struct ledger_container *c, const struct fdpin_hdr *h);
int end_group(struct ledger *l, const struct fdpin_hdr *h);
/* What this record shows to be over: what is left then is a leak. */
int end_settle(struct ledger *l, const struct fdpin_hdr *h);

/* ledger_parts.c: what a record says of devices and of counters. 0 or -ENOMEM. */
int parts_apply(struct ledger *l, const struct fdpin_hdr *h);
void parts_free(struct ledger *l);

#endif
