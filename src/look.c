// SPDX-License-Identifier: GPL-2.0-only
/*
 * look.c - one look at the standing system: the steps of bpf/snapshot.bpf.c,
 * in order, between the two records that bracket it.
 *
 * What one look missed is a gap of that look: it carries its number, and is
 * forgotten when a later look has seen all.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "emit.h"
#include "source_bpf.h"

#define RANGES_MAX (1 << 20)
#define CHAIN_MAX 32 /* threads waiting for threads, one after the other */

static __u8 look_number(const struct source_bpf *s)
{
	return s->look % 255 + 1;
}

static void deliver_look(struct source_bpf *s, bool end, __u64 tasks)
{
	struct ev_look e = EV_INIT(look);

	e.h.grade = GRADE_READ;
	e.h.look = look_number(s);
	e.look = s->look;
	e.tasks = tasks;
	e.end = end;
	source_bpf_deliver(s, &e.h);
}

static void __attribute__((format(printf, 3, 4)))
deliver_gap(struct source_bpf *s, const char *what, const char *fmt, ...)
{
	struct ev_gap e = EV_INIT(gap);
	va_list ap;

	e.h.look = look_number(s);
	EV_STRING(e.what, what);
	va_start(ap, fmt);
	vsnprintf(e.why, sizeof(e.why), fmt, ap);
	va_end(ap);
	source_bpf_deliver(s, &e.h);
}

static void clear_map(struct bpf_map *map)
{
	__u64 k;

	while (!bpf_map__get_next_key(map, NULL, &k, sizeof(k)))
		if (bpf_map__delete_elem(map, &k, sizeof(k), 0))
			break;
}

/* Run an iterator program over every thread. It prints nothing; -EAGAIN only means "go on". */
static int run_iterator(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char buf[64];
	ssize_t n;
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		bpf_link__destroy(link);
		return fd;
	}
	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		err = -errno;
	close(fd);
	bpf_link__destroy(link);
	return err;
}

static int read_containers(struct source_bpf *s)
{
	struct bpf_map *map = s->snapshot->maps.containers;
	struct fdpin_read_args args = { .limit = RANGES_MAX };
	__u64 k, *from = NULL;
	int err = 0;

	while (!err && !bpf_map__get_next_key(map, from, &k, sizeof(k))) {
		from = &args.container;
		args.container = k;
		err = source_bpf_run(s->snapshot->progs.read_container, &args, sizeof(args));
		if (!err)
			err = source_bpf_drain(s);
	}
	return err;
}

/* Again until nobody new is found: each turn goes one step along a chain of waits. */
static int run_until_found(struct source_bpf *s, struct bpf_program *prog)
{
	__u64 *found = &s->snapshot->bss->stats.found, before;
	int err, turns = 0;

	do {
		before = *found;
		err = run_iterator(prog);
		if (!err)
			err = source_bpf_drain(s);
	} while (!err && *found != before && ++turns < CHAIN_MAX);
	if (!err && *found != before)
		s->snapshot->bss->stats.cut++;
	return err;
}

static int look_steps(struct source_bpf *s)
{
	int err = run_iterator(s->snapshot->progs.find_files);

	if (!err)
		err = source_bpf_drain(s);
	if (!err)
		err = source_bpf_run(s->snapshot->progs.find_devices, NULL, 0);
	if (!err)
		err = read_containers(s);
	if (!err)
		err = run_until_found(s, s->snapshot->progs.find_blocked);
	if (!err)
		err = run_until_found(s, s->snapshot->progs.find_threads);
	return err;
}

int source_bpf_look(struct source_bpf *s)
{
	struct fdpin_stats *stats = s->snapshot ? &s->snapshot->bss->stats : NULL;
	__u64 full, cut, tasks;
	int err;

	s->stop = 0;
	s->look++;
	deliver_look(s, false, 0);
	if (s->no_vfio) {
		deliver_look(s, true, 0);
		return s->stop;
	}
	s->snapshot->bss->look = look_number(s);
	clear_map(s->snapshot->maps.containers);
	clear_map(s->snapshot->maps.holder_tables);
	clear_map(s->snapshot->maps.waiters);
	clear_map(s->snapshot->maps.interesting);
	clear_map(s->snapshot->maps.asked);
	clear_map(s->snapshot->maps.described);
	full = stats->table_full;
	cut = stats->cut;
	tasks = stats->tasks;
	err = look_steps(s);
	if (err && !s->stop)
		deliver_gap(s, "the standing system", "a look failed: %s", strerror(-err));
	if (stats->table_full != full)
		deliver_gap(s, "objects", "%llu objects did not fit the tables of a look", stats->table_full - full);
	if (stats->cut != cut)
		deliver_gap(s, "objects", "%llu walks ended at their bound", stats->cut - cut);
	deliver_look(s, true, stats->tasks - tasks);
	return s->stop ? s->stop : err;
}
