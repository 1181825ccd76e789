/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * service.h - the guard under systemd: readiness, status, watchdog, what is kept
 * over a crash, the journal. Without libsystemd, or not started by it, all of
 * it does nothing.
 */
#ifndef FDPIN_SERVICE_H
#define FDPIN_SERVICE_H

#include "full.h"
#include "guard.h"

struct service;

/* Is there a systemd to talk to, in this build and around this process? */
bool service_possible(void);

/* Takes what an earlier one left: the links that have guarded since it ended. NULL without memory. */
struct service *service_new(void);
void service_free(struct service *s);
/* Guards of before that are still attached. */
int service_inherited(const struct service *s);

/* The guard is up: what was kept before goes, and it is said that it guards. 0, or -errno if it is not kept over a crash. */
int service_ready(struct service *s, const struct guard *g, const struct policy *p, bool monitor);
/* Give the links to systemd once more; those that it has it does not take twice. 0 or -errno: what it does with them it does not say. */
int service_keep(const struct guard *g);
/* It cannot come up, and tries again in this time, while what was kept goes on. */
void service_waits(__u64 ns);
/* What systemctl status shows. */
void service_status(const struct guard *g, const struct policy *p, bool monitor);
void service_reloading(void);
void service_reloaded(void);
void service_stopping(void);

/* Nanoseconds between two signs of life; 0: nobody wants any. */
__u64 service_watchdog_ns(void);
void service_sign_of_life(void);

/* Its pins are gone, for this reason, or there again (NULL). */
void service_pins(const char *gone_why, const char *folder);
/* Somebody has written where only the guard writes: see guard_mend(). */
void service_changed(const char *what);
/* A table of the guard's is full, or not any more; and what the status says of it, from the next one on; "": nothing. */
void service_full(const struct full_change *c, bool denies);
void service_full_status(const char *what);
/* systemd does not keep its links, or does again. */
void service_store(bool gone);
/* Runs of its programs that the kernel has left out, for the status. */
void service_missed(__u64 missed);
/* What the status says is not as it should be, from the next one on; NULL: nothing. */
void service_degraded(const char *what);
/* An exemption begins or is over, in words; and how many it let through. */
void service_exemption(bool begins, const char *rule, const char *reason, const char *text, __u64 used);
/* A decision, as an entry of the journal; one that repeats is counted. */
void service_decision(const struct record *r);
/* Decisions whose record there was no room for; told at once, and then with what repeats. */
void service_lost(__u64 count);
/* Tells how often, when some time has passed; or of all that was counted. */
void service_repeats(bool all);

#endif
