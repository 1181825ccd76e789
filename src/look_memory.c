// SPDX-License-Identifier: GPL-2.0-only
/*
 * look_memory.c - part of a look: which processes the ranges belong to, and
 * what memory is behind them.
 *
 * Owns: the addresses seen in the range records of this look, sorted by
 * address space, which are then asked about in bpf/snapshot_memory.bpf.h, one
 * process at a time. What /proc says of a process is added by program.c.
 */
#include "look_memory.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "emit.h"
#include "program.h"

#define SPANS_MAX (1 << 20)
#define PROCESSES_MAX 16384
#define TRIES_MAX 5 /* to get an mmap_lock that somebody holds */

struct span {
	__u64 mm;
	struct fdpin_span at;
};

struct process {
	__u64 mm;
	__u32 tgid;
	char comm[FDPIN_COMM_LEN];
};

struct look_memory {
	struct span *spans;
	size_t n_spans, spans_size;
	struct process *processes;
	size_t n_processes, processes_size;
	__u64 cut; /* what did not fit */
};

/* ---- what the records of a look say ---------------------------------------- */

struct look_memory *look_memory_new(void)
{
	return calloc(1, sizeof(struct look_memory));
}

void look_memory_free(struct look_memory *m)
{
	if (!m)
		return;
	free(m->spans);
	free(m->processes);
	free(m);
}

void look_memory_begin(struct look_memory *m)
{
	m->n_spans = m->n_processes = 0;
	m->cut = 0;
}

/* Room for one more, or NULL: there are too many. */
static void *room(void *list, size_t *size, size_t n, size_t element, size_t max)
{
	size_t more = *size ? *size * 2 : 64;
	void *new;

	if (n < *size)
		return list;
	if (n >= max)
		return NULL;
	new = reallocarray(list, more, element);
	if (new)
		*size = more;
	return new;
}

static void add_span(struct look_memory *m, const struct ev_range *r)
{
	__u64 end = r->vaddr + r->size;
	void *spans;

	if (!r->mm || r->source != SOURCE_USER || end <= r->vaddr)
		return;
	spans = room(m->spans, &m->spans_size, m->n_spans, sizeof(*m->spans), SPANS_MAX);
	if (!spans) {
		m->cut++;
		return;
	}
	m->spans = spans;
	m->spans[m->n_spans++] = (struct span){ .mm = r->mm, .at = { r->vaddr, end } };
}

static void add_process(struct look_memory *m, const struct ev_process *p)
{
	void *list = room(m->processes, &m->processes_size, m->n_processes, sizeof(*m->processes), PROCESSES_MAX);
	struct process *new;

	if (!list) {
		m->cut++;
		return;
	}
	m->processes = list;
	new = &m->processes[m->n_processes++];
	new->mm = p->mm;
	new->tgid = p->h.tgid;
	memcpy(new->comm, p->h.comm, sizeof(new->comm));
}

void look_memory_note(struct look_memory *m, const struct record *r)
{
	if (r->h->type == EV_range)
		add_span(m, (const void *)r->h);
	else if (r->h->type == EV_process)
		add_process(m, (const void *)r->h);
}

/* ---- asking ------------------------------------------------------------------- */

static int span_cmp(const void *x, const void *y)
{
	const struct span *a = x, *b = y;

	if (a->mm != b->mm)
		return a->mm < b->mm ? -1 : 1;
	if (a->at.start != b->at.start)
		return a->at.start < b->at.start ? -1 : 1;
	return a->at.end < b->at.end ? -1 : a->at.end > b->at.end;
}

static int span_mm_cmp(const void *key, const void *element)
{
	__u64 mm = *(const __u64 *)key;
	const struct span *s = element;

	return mm < s->mm ? -1 : mm > s->mm;
}

/*
 * At most FDPIN_MAX_SPANS, all of one address space. What is not told, because
 * the process ended or somebody holds its mmap_lock all the time, is not known.
 */
static int ask(struct source_bpf *s, const struct process *p, struct fdpin_span *shared, const struct span *spans, size_t n)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct snapshot_bpf__bss *bss = s->snapshot->bss;
	int err, standing = 0;

	for (size_t i = 0; i < n; i++)
		shared[i] = spans[i].at;
	bss->asked_mm = p->mm;
	bss->n_spans = n;
	bss->span_at = 0;
	bss->span_addr = 0;
	do {
		__u64 addr = bss->span_addr;
		__u32 at = bss->span_at;

		bss->span_met = 0;
		err = run_task_iterator(s->snapshot->progs.find_memory, p->tgid);
		if (err == -ESRCH || (!err && !bss->span_met))
			return 0;
		if (!err)
			err = source_bpf_drain(s);
		if (bss->span_at == at && bss->span_addr == addr) {
			standing++;
			nanosleep(&pause, NULL);
		} else {
			standing = 0;
		}
	} while (!err && bss->span_at < n && standing < TRIES_MAX);
	return err;
}

static bool mm_asked_before(const struct look_memory *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (m->processes[k].mm == m->processes[i].mm)
			return true;
	return false;
}

static int ask_process(struct source_bpf *s, const struct look_memory *m, const struct process *p, struct fdpin_span *shared)
{
	const struct span *first, *end = m->spans + m->n_spans;
	int err = 0;

	first = m->n_spans ? bsearch(&p->mm, m->spans, m->n_spans, sizeof(*first), span_mm_cmp) : NULL;
	while (first && first > m->spans && first[-1].mm == p->mm)
		first--;
	while (!err && first && first < end && first->mm == p->mm) {
		size_t n = 0;

		while (n < FDPIN_MAX_SPANS && first + n < end && first[n].mm == p->mm)
			n++;
		err = ask(s, p, shared, first, n);
		first += n;
	}
	return err;
}

static int ask_all(struct source_bpf *s, const struct look_memory *m)
{
	size_t size = FDPIN_MAX_SPANS * sizeof(struct fdpin_span);
	struct fdpin_span *shared;
	int err = 0;

	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(s->snapshot->maps.spans), 0);
	if (shared == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < m->n_processes && !err; i++)
		if (m->processes[i].mm && !mm_asked_before(m, i))
			err = ask_process(s, m, &m->processes[i], shared);
	munmap(shared, size);
	return err;
}

static void deliver_programs(struct source_bpf *s, const struct look_memory *m)
{
	for (size_t i = 0; i < m->n_processes && !s->stop; i++) {
		struct ev_program e = EV_INIT(program);

		e.h.look = look_number(s);
		e.h.grade = GRADE_READ;
		e.h.tgid = e.h.tid = m->processes[i].tgid;
		memcpy(e.h.comm, m->processes[i].comm, sizeof(e.h.comm));
		program_read(m->processes[i].tgid, &e);
		source_bpf_deliver(s, &e.h);
	}
}

int look_memory(struct source_bpf *s)
{
	struct look_memory *m = s->memory;
	int err = run_task_iterator(s->snapshot->progs.find_processes, 0);

	if (!err)
		err = source_bpf_drain(s);
	if (err)
		return err;
	qsort(m->spans, m->n_spans, sizeof(*m->spans), span_cmp);
	err = ask_all(s, m);
	if (!err)
		deliver_programs(s, m);
	s->snapshot->bss->stats.cut += m->cut;
	return err ? err : s->stop;
}
