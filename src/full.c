// SPDX-License-Identifier: GPL-2.0-only
/*
 * full.c - when a table of the guard's is full (full.h). The kernel's side counts
 * each call that was refused for it, or went on without a note; here it becomes
 * one occasion, that lasts while there is no place, or calls go without one.
 */
#include "full.h"

#include <stdio.h>

#include "util.h"

static const struct {
	const char *word, *what, *means, *advice;
	__u32 places;
} tables[] = {
	[TABLE_OPENINGS] = {
		"openings", "openings of a mediated device",
		"until some of them are over no mediated device is opened",
		"look for a process with thousands of threads (ps -eo nlwp,pid,comm --sort=-nlwp), and end it",
		GUARD_OPENINGS_MAX,
	},
	[TABLE_RESERVATIONS] = {
		"reservations", "invalidations and joins under way",
		"until some of them are over no mediated device joins a container; what becomes of an invalidation that was not noted is found out, not prevented",
		"look for a process with thousands of threads (ps -eo nlwp,pid,comm --sort=-nlwp), and end it",
		GUARD_JOINS_MAX,
	},
	[TABLE_INVALID] = {
		"invalid", "containers that have had an invalid address",
		"all containers count as such: no mediated device joins one or is opened in one, as long as this guard lives",
		"look for who has that many containers (fdpin-trace status), end it, and start the guard again",
		GUARD_CONTAINERS_MAX,
	},
	[TABLE_WINDOWS] = {
		"windows", "containers with an invalid address",
		"max-window does not tell of an address in one that was not noted, nor kill who made it invalid; what is refused is refused on",
		"look for who has that many containers (fdpin-trace status), and end it",
		GUARD_CONTAINERS_MAX,
	},
	[TABLE_QUARANTINES] = {
		"quarantines", "containers in quarantine",
		"calls on one that was not noted are not refused; who made its address invalid is killed all the same",
		"undo the state of those that are in quarantine (fdpin-trace rescue), or end who has them",
		GUARD_CONTAINERS_MAX,
	},
	[TABLE_CALLERS] = {
		"callers", "threads in an unmap",
		"who gets past mdev-vaddr by a call that was not noted is not killed at its end, but found by a look, a second or two later",
		"the kernel is out of memory: its log (dmesg) says who has it",
		0,
	},
};
_Static_assert(ARRAY_SIZE(tables) == TABLE__max, "words for each table");

const char *full_table(enum guard_table table)
{
	return tables[table].word;
}

__u32 full_places(enum guard_table table)
{
	return tables[table].places;
}

const char *full_means(enum guard_table table)
{
	return tables[table].means;
}

const char *full_advice(enum guard_table table)
{
	return tables[table].advice;
}

/* "3 calls refused, 1 not noted": what there is of it. */
static const char *counted(const struct guard_full *count, bool denies, char buf[96])
{
	bool refused = count->refused || !count->unnoted;
	int n = 0;

	if (refused)
		n = snprintf(buf, 96, "%llu call%s %srefused", count->refused, count->refused == 1 ? "" : "s", denies ? "" : "would have been ");
	if (count->unnoted)
		snprintf(buf + n, 96 - n, "%s%llu not noted", refused ? ", " : "", count->unnoted);
	return buf;
}

void full_text(const struct full_change *c, bool denies, char *buf, size_t size)
{
	char count[96], places[32] = "";

	counted(&c->count, denies, count);
	if (tables[c->table].places)
		snprintf(places, sizeof(places), " (%u)", tables[c->table].places);
	if (c->over)
		snprintf(buf, size, "room again for %s: %s meanwhile", tables[c->table].what, count);
	else
		snprintf(buf, size, "no room for more %s%s: %s; %s", tables[c->table].what, places, count, tables[c->table].means);
}

static struct guard_full since(const struct full *f, int i)
{
	return (struct guard_full){
		.refused = f->last[i].refused - f->began[i].refused,
		.unnoted = f->last[i].unnoted - f->began[i].unnoted,
	};
}

void full_status(const struct full *f, bool denies, char *buf, size_t size)
{
	char count[96];
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < TABLE__max; i++) {
		struct guard_full sum = since(f, i);

		if (f->grown_ns[i] && n < size)
			n += snprintf(buf + n, size - n, "%s%s (%s)", n ? ", " : "", tables[i].what, counted(&sum, denies, count));
	}
}

static bool is_over(const struct full *f, const struct full_look *look, int i, __u64 now_ns)
{
	bool taken = tables[i].places && look->taken[i] >= tables[i].places;

	return !taken && now_ns >= f->grown_ns[i] + FULL_QUIET_NS;
}

unsigned int full_look(struct full *f, const struct full_look *look, __u64 now_ns, struct full_change changes[TABLE__max])
{
	unsigned int n = 0;

	for (int i = 0; i < TABLE__max; i++) {
		const struct guard_full *count = &look->count[i];
		bool grown = count->refused != f->last[i].refused || count->unnoted != f->last[i].unnoted;
		bool was = f->grown_ns[i];

		if (grown && !was)
			f->began[i] = f->last[i];
		f->last[i] = *count;
		if (grown)
			f->grown_ns[i] = now_ns;
		if (was ? grown || !is_over(f, look, i, now_ns) : !grown)
			continue;
		changes[n++] = (struct full_change){ .table = i, .over = was, .count = since(f, i) };
		if (was)
			f->grown_ns[i] = 0;
	}
	return n;
}

__u64 full_refused(const struct guard_counters *c)
{
	__u64 n = 0;

	for (int i = 0; i < TABLE__max; i++)
		n += c->full[i].refused;
	return n;
}

__u64 full_unnoted(const struct guard_counters *c)
{
	return c->full[TABLE_OPENINGS].unnoted + c->full[TABLE_RESERVATIONS].unnoted;
}

__u64 full_unwatched(const struct guard_counters *c)
{
	return c->full[TABLE_WINDOWS].unnoted + c->full[TABLE_QUARANTINES].unnoted + c->full[TABLE_CALLERS].unnoted;
}
