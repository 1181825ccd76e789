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
#include "look_memory.h"
#include "probe.h"

#define RANGES_MAX (1 << 20)
#define READS_MAX 5 /* of one container, until two in a row are alike */
#define CHAIN_MAX 32 /* threads waiting for threads, one after the other */

__u8 look_number(const struct source_bpf *s)
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

/* The program prints nothing; -EAGAIN only means "go on". */
int run_task_iterator(struct bpf_program *prog, __u32 tgid)
{
	union bpf_iter_link_info info = { .task.pid = tgid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(prog, tgid ? &opts : NULL);
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

/* What was read of it does not count: it changed meanwhile. */
static void deliver_reread(struct source_bpf *s, __u64 container)
{
	struct ev_reread e = EV_INIT(reread);

	e.h.grade = GRADE_READ;
	e.h.look = look_number(s);
	e.h.container = container;
	source_bpf_deliver(s, &e.h);
}

/* Until it stood still while it was read, or as often as is reasonable. */
static int read_one(struct source_bpf *s, __u64 container)
{
	struct fdpin_read_args args = { .container = container, .limit = RANGES_MAX };
	int err;

	for (;;) {
		args.last = args.retries == READS_MAX - 1;
		args.calls = 0;
		do {
			err = source_bpf_run(s->snapshot->progs.read_container, &args, sizeof(args));
			if (!err)
				err = source_bpf_drain(s);
		} while (!err && args.more);
		if (err || !args.unstable || args.last)
			return err;
		args.retries++;
		deliver_reread(s, args.id);
	}
}

static int read_containers(struct source_bpf *s)
{
	struct bpf_map *map = s->snapshot->maps.containers;
	__u64 k, at, *from = NULL;
	int err = 0;

	while (!err && !bpf_map__get_next_key(map, from, &k, sizeof(k))) {
		at = k;
		from = &at;
		err = read_one(s, k);
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
		err = run_task_iterator(prog, 0);
		if (!err)
			err = source_bpf_drain(s);
	} while (!err && *found != before && ++turns < CHAIN_MAX);
	if (!err && *found != before)
		s->snapshot->bss->stats.cut++;
	return err;
}

static int look_steps(struct source_bpf *s)
{
	int err = run_task_iterator(s->snapshot->progs.find_files, 0);

	if (!err)
		err = source_bpf_drain(s);
	if (!err)
		err = source_bpf_run(s->snapshot->progs.find_devices, NULL, 0);
	if (!err)
		err = read_containers(s);
	if (!err)
		err = source_bpf_run(s->snapshot->progs.find_mmap_waiters, NULL, 0);
	if (!err)
		err = run_until_found(s, s->snapshot->progs.find_blocked);
	if (!err)
		err = run_until_found(s, s->snapshot->progs.find_threads);
	if (!err && s->memory)
		err = look_memory(s);
	return err;
}

/* No program looks: because there is no VFIO, which is an answer, or although there is something to see. */
static void tell_nothing(struct source_bpf *s)
{
	if (!s->no_vfio)
		deliver_gap(s, "the standing system", "the programs that look could not be loaded again");
	else if (probe_misc_device("iommu"))
		deliver_gap(s, "iommufd contexts", "there is iommufd, but VFIO is not loaded, and without its types nothing is looked at");
}

int source_bpf_look(struct source_bpf *s)
{
	struct fdpin_stats *stats = s->snapshot ? &s->snapshot->bss->stats : NULL;
	__u64 full, cut, tasks;
	int err;

	s->stop = 0;
	s->look++;
	deliver_look(s, false, 0);
	if (s->no_vfio || !s->ring.consumer) {
		tell_nothing(s);
		deliver_look(s, true, 0);
		return s->stop;
	}
	s->snapshot->bss->look = look_number(s);
	clear_map(s->snapshot->maps.containers);
	clear_map(s->snapshot->maps.holder_tables);
	clear_map(s->snapshot->maps.waiters);
	clear_map(s->snapshot->maps.mmap_waiters);
	clear_map(s->snapshot->maps.pinners);
	clear_map(s->snapshot->maps.interesting);
	clear_map(s->snapshot->maps.asked);
	clear_map(s->snapshot->maps.described);
	clear_map(s->snapshot->maps.mms);
	clear_map(s->snapshot->maps.users);
	clear_map(s->snapshot->maps.processes);
	clear_map(s->snapshot->maps.files);
	if (s->memory)
		look_memory_begin(s->memory);
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
