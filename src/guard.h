/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.h - the guard in the kernel: loaded, proven to run, asked, taken away.
 *
 * It is there whole or not at all. Before guard_open() returns, a call that
 * must be refused was made through every ABI this machine has and came back
 * refused; what could not be had and is not needed on this kernel is a loss
 * with a name.
 */
#ifndef FDPIN_GUARD_H
#define FDPIN_GUARD_H

#include "facts.h"
#include "full.h"
#include "policy.h"
#include "source.h"

#include "../bpf/guard.h"

enum mechanism { MECHANISM_NONE, MECHANISM_LSM, MECHANISM_FMOD_RET };

/* What a guard can promise here; it depends on the kernel under it. */
enum promise {
	PROMISE_UNKNOWN, /* whether the kernel refuses by itself cannot be told */
	PROMISE_AUDIT,	 /* it does: early refusal and audit */
	PROMISE_HONEST,	 /* it does not: who means no harm is stopped, who does is found out */
};

struct guard;

/*
 * fn gets a session record, then a record for each decision, and one of a loss that
 * says how many of them there was no room for. monitor: no rule
 * denies, whatever the policy says. 0 or -errno; then *ret_why says what was
 * missing. -EOPNOTSUPP: this system cannot have a guard that was proven;
 * -ENODEV: there is nothing to guard, type1 is not loaded.
 */
int guard_open(struct guard **ret, const struct policy *policy, bool monitor, source_fn fn, void *ctx,
	       const char **ret_why);
void guard_close(struct guard *g);

/*
 * Are its programs for this kernel, as far as type information says? If they are not, or
 * that is not known, *ret says why. Nothing is loaded, and no rights are needed.
 */
enum known guard_fits(bool lsm, char *ret, size_t size);

enum mechanism guard_mechanism(const struct guard *g);
enum promise guard_promise(const struct guard *g);
/* Why it is that promise; hostile. */
const char *guard_promise_why(const struct guard *g);
/* Why the opening of a mediated device has no veto, NULL if it has or needs none, which another policy can change. */
const char *guard_no_veto(const struct guard *g);
/* Which 32-bit calls were tried: "refused", or why there are none. */
const char *guard_compat(const struct guard *g);

/* Look at the state of all containers: what was so before it came is told, and dealt with. Before anything else lets go of them. */
void guard_look(struct guard *g);
int guard_fd(const struct guard *g); /* becomes readable with a decision */
/* Hand over what is there. 0, or what fn returned, or -errno. */
int guard_poll(struct guard *g);
/* The same, and what it has kept to itself for a moment. */
int guard_poll_last(struct guard *g);
/* It decides no more, unless others keep its links; what it has decided can still be polled. */
void guard_detach(struct guard *g);
struct guard_counters guard_counters(const struct guard *g);
/* What it counted for want of places, and how many of these are taken. */
void guard_places(const struct guard *g, struct full_look *ret);
/* Decisions whose record did not fit. */
__u64 guard_lost(const struct guard *g);
/* Runs of programs that the kernel left out. */
__u64 guard_missed(const struct guard *g);

/* An exemption: who is let through by a rule that denies, and until when. */
struct guard_exemption {
	enum fdpin_rule rule;
	__u64 until; /* ns of CLOCK_BOOTTIME */
	struct guard_scope who;
};

/* In these places, of which those with until 0 are empty. They hold until their time, or until this is called again. */
void guard_set_exemptions(struct guard *g, const struct guard_exemption e[GUARD_EXEMPTIONS]);

/* Another policy, at once; what it denied before it denies until it is replaced, so there is no gap. */
void guard_set_policy(struct guard *g, const struct policy *policy, bool monitor);
/* Can it do what this policy says? The rule protect needs programs that are loaded at the start, if it is on then. */
bool guard_can(const struct guard *g, const struct policy *policy);
/* The folder of its pins, open, for the rule protect. 0 or -errno. */
int guard_own_folder(struct guard *g, int fd);
/*
 * Has somebody else written to what only we write and its programs go by? It is put right. NULL: no; "rules": the policy;
 * "kernel": what it knows of the kernel and of itself.
 */
const char *guard_mend(struct guard *g);
/* Make the calls that must be refused once more: true if they are, and their records got here. */
bool guard_alive(struct guard *g);
/* Can this process still get at it, with the capabilities that are in force? By descriptors, that is; to make one like it takes more. */
bool guard_in_reach(const struct guard *g);
/*
 * What keeps it attached when this process is no more: for each program, at most n, its name and a descriptor. Those that end what
 * others begin come first. Returns how many there are, which of a guard that is open is no more than GUARD_LINKS_MAX.
 */
#define GUARD_LINKS_MAX 32

struct guard_link {
	const char *name;
	int fd;
};

int guard_links(const struct guard *g, struct guard_link *links, int n);
/* Has somebody else a descriptor of each of them, so that they would stay? 1, 0, or -errno: it cannot be told. */
int guard_links_shared(const struct guard *g);

/* ---- between guard.c and guard_canary.c ---------------------------------------------- */

/* Make the call that must be refused: 1 it was, 0 it was not, or -errno. */
int canary_native(__u32 nonce);
/* The same as a 32-bit call; -ENOSYS: this kernel has no such calls. */
int canary_compat(__u32 nonce);
/* Make a file, which must be refused. */
int canary_file(void);

#endif
