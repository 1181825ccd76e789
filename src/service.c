// SPDX-License-Identifier: GPL-2.0-only
/*
 * service.c - the guard under systemd (service.h), by libsystemd.
 *
 * What keeps a guard attached is the file descriptors of its links. systemd
 * holds a second one of each: when this process dies, they keep guarding with
 * the policy they had, and the next process is handed them. It attaches its
 * own, proves them, and only then lets those go: there is no moment without.
 * They are named by generation, as all of one go together; of more than one,
 * which is what one leaves that is killed at the hand-over, the rest goes first.
 */
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#ifdef HAVE_LIBSYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#define GENERATION "guard-"
/* dist/fdpin-trace.catalog has the words to each */
#define ID_DENIED "b5a1f2a6d2554b3c8ef0a4d81b9f6a11"
#define ID_WOULD_DENY "2f6f0a9f8d3f4f0fa2f3c8f05a6f7e12"
#define ID_EXEMPT "d0c7a6b93fbe4d56a0a91f27c3b84e15"
#define ID_EXEMPTION_BEGINS "4b8e1c5fd6a24f1b9a7de02c9c31f816"
#define ID_EXEMPTION_ENDS "9e2d7b30a4c14c8f8d65f1b7e0a2c317"
#define ID_QUARANTINED "a3daf34d8ab446b79b165093c8d7a505"
#define ID_QUARANTINE_BEGINS "ddf4f3e5066f4eafbc56aae3c3bda319"
#define ID_QUARANTINE_ENDS "371deefc6f624053908d6cb94cf89a24"
#define ID_NOT_PREVENTED "7c1f0a64c9a44de2b0a2d1a0f9a1c513"
#define ID_PINS_GONE "f24b6c0b7a594cf4a5f3a0f0d6a0e7c8"
#define ID_PROTECT "01ab9c7c834d43088b599243b1b85883"
#define ID_CHANGED "eb86f612f4f04f11b41815ed176bc3e2"
#define ID_PINS_BACK "0f3d97ce1d6f4b0bb3f5c58e2a9b64d1"
#define ID_LOST "1f3c69385fcd41f98ec1ebe657e3995a"
#define ID_FULL "5fa8d0c4b1e94b6d9c37e20a86f1d35b"
#define ID_NOT_FULL "e2b74c9150d84f0aa6c85d13f79b0e48"
#define ID_STORE_GONE "6a90c1b7e2c34d7fa1bd04f58c3e7d12"
#define ID_STORE_BACK "c81f5d3a09b84e6c9f27ab6e10d4f953"

struct service {
	int *fds; /* inherited */
	char **names;
	int n;
};

bool service_possible(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

static bool is_generation(const struct service *s, int i)
{
	return s->fds[i] >= 0 && !strncmp(s->names[i], GENERATION, strlen(GENERATION));
}

/* systemd lets all of that name go; they stay attached until the last descriptor is closed, which is ours. */
static void let_name_go(struct service *s, const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	for (int i = 0; i < s->n; i++) {
		if (s->fds[i] < 0 || strcmp(s->names[i], name))
			continue;
		close(s->fds[i]);
		s->fds[i] = -1;
	}
}

/* All generations but this one. */
static void let_go(struct service *s, const char *but)
{
	for (int i = 0; i < s->n; i++)
		if (is_generation(s, i) && (!but || strcmp(s->names[i], but)))
			let_name_go(s, s->names[i]);
}

/* Of which most is there: it is whole, as the one that guarded is. NULL: there is none. */
static const char *largest(const struct service *s)
{
	const char *best = NULL;
	int most = 0;

	for (int i = 0; i < s->n; i++) {
		int n = 0;

		for (int k = 0; k < s->n && is_generation(s, i); k++)
			n += is_generation(s, k) && !strcmp(s->names[k], s->names[i]);
		if (n > most) {
			most = n;
			best = s->names[i];
		}
	}
	return best;
}

/*
 * One that is killed when it has given its links to systemd, and has not let those of before go, leaves two. Of these one is enough:
 * if they were kept, a few more like it would fill the store, and then systemd would not take the links of the one that has to last.
 */
struct service *service_new(void)
{
	struct service *s = calloc(1, sizeof(*s));
	int n;

	if (!s)
		return NULL;
	n = sd_listen_fds_with_names(1, &s->names);
	s->fds = n > 0 ? calloc(n, sizeof(*s->fds)) : NULL;
	for (int i = 0; i < n && s->fds; i++)
		s->fds[s->n++] = SD_LISTEN_FDS_START + i;
	let_go(s, largest(s));
	return s;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	for (int i = 0; s->names && s->names[i]; i++)
		free(s->names[i]);
	free(s->names);
	free(s->fds);
	free(s);
}

int service_inherited(const struct service *s)
{
	int n = 0;

	for (int i = 0; i < s->n; i++)
		n += is_generation(s, i);
	return n;
}

int service_keep(const struct guard *g)
{
	static __u64 generation; /* the number of a process may come again */
	struct guard_link links[GUARD_LINKS_MAX];
	int fds[GUARD_LINKS_MAX], n = guard_links(g, links, GUARD_LINKS_MAX), r;
	char text[80];

	generation = generation ?: now_ns();
	for (int i = 0; i < n; i++)
		fds[i] = links[i].fd;
	/* systemd would drop a descriptor that says it has ended, which a link never does: it is not to be polled */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=" GENERATION "%" PRIu64, (uint64_t)generation);
	r = sd_pid_notify_with_fds(0, 0, text, fds, n);
	return r < 0 ? r : 0;
}

int service_ready(struct service *s, const struct guard *g, const struct policy *p, bool monitor)
{
	int r = service_keep(g);

	let_go(s, NULL);
	service_status(g, p, monitor);
	sd_notify(0, "READY=1");
	return r;
}

void service_waits(__u64 ns)
{
	/* systemd would take it for one that hangs */
	sd_notifyf(0, "STATUS=not up, see the journal; what an earlier one left attached goes on as it was\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		   (uint64_t)((ns + 60 * NSEC_PER_SEC) / 1000));
}

static const char *degraded, *full = "";
static __u64 left_out;

void service_missed(__u64 missed)
{
	left_out = missed;
}

void service_degraded(const char *what)
{
	degraded = what;
}

void service_full_status(const char *what)
{
	full = what;
}

void service_status(const struct guard *g, const struct policy *p, bool monitor)
{
	struct guard_counters c = guard_counters(g);
	__u64 denied = 0, would = 0, passed = 0;
	const __u64 *quarantines = c.decisions[RULE_MDEV_VADDR];
	int denies = 0, monitors = 0;
	char quarantine[48] = "", out[64] = "";

	for (int i = 0; i < RULE__max; i++) {
		enum fdpin_action action = action_taken(&p->rules[i], monitor);

		denies += action == ACTION_DENY;
		monitors += action == ACTION_MONITOR;
		denied += c.decisions[i][ACTION_DENY];
		would += c.decisions[i][ACTION_MONITOR];
		passed += c.decisions[i][ACTION_PASSED];
	}
	/* while the rule does not deny, nothing is refused there */
	if (quarantines[ACTION_QUARANTINE_BEGINS] && action_taken(&p->rules[RULE_MDEV_VADDR], monitor) == ACTION_DENY)
		snprintf(quarantine, sizeof(quarantine), "; in quarantine: %" PRIu64,
			 (uint64_t)(quarantines[ACTION_QUARANTINE_BEGINS] - quarantines[ACTION_QUARANTINE_ENDS]));
	if (left_out)
		snprintf(out, sizeof(out), "; %" PRIu64 " runs left out by the kernel", (uint64_t)left_out);
	sd_notifyf(0,
		   "STATUS=%d rule%s denying, %d monitoring; %" PRIu64 " denied, %" PRIu64 " would have been, %" PRIu64
		   " not prevented%s; %" PRIu64 " records lost%s%s%s%s%s",
		   denies, denies == 1 ? "" : "s", monitors, (uint64_t)denied, (uint64_t)would, (uint64_t)passed,
		   quarantine, (uint64_t)guard_lost(g), out, *full ? "; no room for more " : "", full, degraded ? "; degraded: " : "", degraded ?: "");
}

void service_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, (uint64_t)(now_ns() / 1000));
}

void service_reloaded(void)
{
	sd_notify(0, "READY=1");
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

__u64 service_watchdog_ns(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec * 1000 / 3 : 0;
}

void service_sign_of_life(void)
{
	sd_notify(0, "WATCHDOG=1");
}

/* ---- the journal ------------------------------------------------------------------------------ */

/*
 * A program that tries again at once does so thousands of times a second. Of what
 * is the same in all that a message says, one is told at once, and then every
 * REPEAT_NS how many there were since.
 */
#define REPEATS 64
#define REPEAT_NS (10 * NSEC_PER_SEC)

static struct repeat {
	struct ev_decision last;
	__u64 told_ns; /* 0: free */
	__u64 more;
} repeats[REPEATS];

static bool is_repeat(const struct ev_decision *a, const struct ev_decision *b)
{
	return a->h.tgid == b->h.tgid && a->h.container == b->h.container && a->rule == b->rule &&
	       a->action == b->action && a->op == b->op && a->object == b->object && a->result == b->result &&
	       !memcmp(a->h.comm, b->h.comm, sizeof(a->h.comm));
}

/* What was found by a look, and windows whose opener was not seen, are nobody's. */
static const char *who_words(const struct ev_decision *e, char buf[96])
{
	_cleanup_free_ char *comm = escape_text(e->h.comm, sizeof(e->h.comm));

	if (e->h.tgid)
		snprintf(buf, 96, "%.64s [%u]", comm ?: "?", e->h.tgid);
	else
		snprintf(buf, 96, "nobody that was seen");
	return buf;
}

static void tell(const struct ev_decision *e, __u64 more)
{
	static const char *const ids[] = {
		[ACTION_MONITOR] = ID_WOULD_DENY, [ACTION_DENY] = ID_DENIED, [ACTION_PASSED] = ID_NOT_PREVENTED,
		[ACTION_EXEMPT] = ID_EXEMPT, [ACTION_QUARANTINED] = ID_QUARANTINED,
		[ACTION_QUARANTINE_BEGINS] = ID_QUARANTINE_BEGINS, [ACTION_QUARANTINE_ENDS] = ID_QUARANTINE_ENDS
	};
	static const int priorities[ACTION__max] = { [ACTION_PASSED] = 2, [ACTION_QUARANTINE_BEGINS] = 2, [ACTION_QUARANTINE_ENDS] = 5 };
	const char *action = kind_value_name(KIND_ACTION, e->action), *rule = kind_value_name(KIND_RULE, e->rule);
	const char *op = kind_value_name(KIND_OP, e->op);
	char id[ID_NAME_MAX], about[ID_NAME_MAX + 24] = "", times[48] = "", who[96];

	if (e->action >= ACTION__max || !ids[e->action])
		return;
	id_name(OBJ_CONTAINER, e->h.container, id);
	if (e->h.container)
		snprintf(about, sizeof(about), " on %s", id);
	else if (e->object)
		snprintf(about, sizeof(about), " %" PRIu64, (uint64_t)e->object);
	if (more)
		snprintf(times, sizeof(times), ", %" PRIu64 " time%s more", (uint64_t)more, more == 1 ? "" : "s");
	sd_journal_send("MESSAGE=%s %s%s by %s: rule %s, %s%s", action, op ?: "?", about, who_words(e, who), rule ?: "?",
			e->result ? strerrorname_np(-e->result) ?: "an error" : "no error", times,
			"MESSAGE_ID=%s", e->rule == RULE_PROTECT ? ID_PROTECT : ids[e->action],
			"PRIORITY=%d", priorities[e->action] ?: 4,
			"FDPIN_RULE=%s", rule ?: "?", "FDPIN_ACTION=%s", action, "FDPIN_OP=%s", op ?: "?",
			"FDPIN_CONTAINER=%s", e->h.container ? id : "-", "FDPIN_OBJECT=%" PRIu64, (uint64_t)e->object,
			"FDPIN_COUNT=%" PRIu64, (uint64_t)(more ?: 1), "OBJECT_PID=%u", e->h.tgid, NULL);
}

void service_exemption(bool begins, const char *rule, const char *reason, const char *text, __u64 used)
{
	sd_journal_send("MESSAGE=exemption %s: %s", begins ? "begins" : "is over", text,
			"MESSAGE_ID=%s", begins ? ID_EXEMPTION_BEGINS : ID_EXEMPTION_ENDS, "PRIORITY=%d", begins ? 4 : 5,
			"FDPIN_RULE=%s", rule, "FDPIN_REASON=%s", reason, "FDPIN_COUNT=%" PRIu64, (uint64_t)used, NULL);
}

void service_pins(const char *gone_why, const char *folder)
{
	sd_journal_send("MESSAGE=pins in %s: %s", folder, gone_why ?: "there again",
			"MESSAGE_ID=%s", gone_why ? ID_PINS_GONE : ID_PINS_BACK, "PRIORITY=%d", gone_why ? 4 : 5,
			"FDPIN_FOLDER=%s", folder, NULL);
}

void service_changed(const char *what)
{
	sd_journal_send("MESSAGE=somebody has changed the maps of the guard (%s): written anew", what,
			"MESSAGE_ID=%s", ID_CHANGED, "PRIORITY=%d", 2, "FDPIN_CHANGED=%s", what, NULL);
}

void service_full(const struct full_change *c, bool denies)
{
	char text[FULL_TEXT];

	full_text(c, denies, text, sizeof(text));
	sd_journal_send("MESSAGE=%s", text, "MESSAGE_ID=%s", c->over ? ID_NOT_FULL : ID_FULL, "PRIORITY=%d", c->over ? 5 : c->count.unnoted ? 3 : 4,
			"FDPIN_TABLE=%s", full_table(c->table), "FDPIN_PLACES=%u", full_places(c->table), "FDPIN_COUNT=%" PRIu64, (uint64_t)c->count.refused,
			"FDPIN_UNNOTED=%" PRIu64, (uint64_t)c->count.unnoted, "FDPIN_MEANS=%s", full_means(c->table),
			"FDPIN_ADVICE=%s", full_advice(c->table), NULL);
}

void service_store(bool gone)
{
	sd_journal_send("MESSAGE=systemd %s what keeps the guard attached if its process dies", gone ? "does not keep" : "keeps, again,",
			"MESSAGE_ID=%s", gone ? ID_STORE_GONE : ID_STORE_BACK, "PRIORITY=%d", gone ? 4 : 5, NULL);
}

static void tell_more(struct repeat *p, __u64 now)
{
	if (p->more)
		tell(&p->last, p->more);
	p->more = 0;
	p->told_ns = now;
}

void service_decision(const struct record *r)
{
	const struct ev_decision *e = (const void *)r->h;
	struct repeat *slot = &repeats[0];
	__u64 now = now_ns();

	for (struct repeat *p = repeats; p < repeats + REPEATS; p++) {
		if (p->told_ns && is_repeat(&p->last, e)) {
			p->more++;
			return;
		}
		if (p->told_ns < slot->told_ns)
			slot = p;
	}
	tell_more(slot, now);
	slot->last = *e;
	tell(e, 0);
}

static struct {
	__u64 more, told_ns; /* told_ns 0: there was none for a time */
} lost;

static void tell_lost(__u64 now)
{
	sd_journal_send("MESSAGE=%" PRIu64 " record%s lost: what was decided was counted, but there was no room for the record", (uint64_t)lost.more,
			lost.more == 1 ? "" : "s",
			"MESSAGE_ID=%s", ID_LOST, "PRIORITY=%d", 4, "FDPIN_COUNT=%" PRIu64, (uint64_t)lost.more, NULL);
	lost.more = 0;
	lost.told_ns = now;
}

void service_lost(__u64 count)
{
	lost.more += count;
	if (!lost.told_ns)
		tell_lost(now_ns());
}

static void lost_repeats(__u64 now, bool all)
{
	if (!lost.told_ns || (!all && now < lost.told_ns + REPEAT_NS))
		return;
	if (lost.more)
		tell_lost(now);
	else
		lost.told_ns = 0;
}

void service_repeats(bool all)
{
	__u64 now = now_ns();

	lost_repeats(now, all);
	for (struct repeat *p = repeats; p < repeats + REPEATS; p++) {
		if (!p->told_ns || (!all && now < p->told_ns + REPEAT_NS))
			continue;
		if (p->more)
			tell_more(p, now);
		else
			p->told_ns = 0;
	}
}
#else
struct service {
	int none;
};

bool service_possible(void)
{
	return false;
}

struct service *service_new(void)
{
	return calloc(1, sizeof(struct service));
}

void service_free(struct service *s)
{
	free(s);
}

int service_inherited(const struct service *s)
{
	(void)s;
	return 0;
}

int service_ready(struct service *s, const struct guard *g, const struct policy *p, bool monitor)
{
	(void)s, (void)g, (void)p, (void)monitor;
	return -EOPNOTSUPP;
}

void service_status(const struct guard *g, const struct policy *p, bool monitor)
{
	(void)g, (void)p, (void)monitor;
}

void service_waits(__u64 ns)
{
	(void)ns;
}

void service_reloading(void)
{
}

void service_reloaded(void)
{
}

void service_stopping(void)
{
}

__u64 service_watchdog_ns(void)
{
	return 0;
}

void service_sign_of_life(void)
{
}

void service_pins(const char *gone_why, const char *folder)
{
	(void)gone_why, (void)folder;
}

void service_changed(const char *what)
{
	(void)what;
}

void service_full(const struct full_change *c, bool denies)
{
	(void)c, (void)denies;
}

void service_full_status(const char *what)
{
	(void)what;
}

void service_store(bool gone)
{
	(void)gone;
}

void service_missed(__u64 missed)
{
	(void)missed;
}

void service_degraded(const char *what)
{
	(void)what;
}

int service_keep(const struct guard *g)
{
	(void)g;
	return -EOPNOTSUPP;
}

void service_exemption(bool begins, const char *rule, const char *reason, const char *text, __u64 used)
{
	(void)begins, (void)rule, (void)reason, (void)text, (void)used;
}

void service_decision(const struct record *r)
{
	(void)r;
}

void service_lost(__u64 count)
{
	(void)count;
}

void service_repeats(bool all)
{
	(void)all;
}
#endif
