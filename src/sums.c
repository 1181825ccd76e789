// SPDX-License-Identifier: GPL-2.0-only
/*
 * sums.c - what ranges come to (sums.h).
 *
 * What is not known of one range makes the sum unknown, not smaller.
 */
#include "sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Pages of one range, or of what several areas share. */
struct pin {
	__u64 mm, key; /* key: the pages that areas of iommufd may share; 0: they are its own */
	__s64 pinned, charged; /* -1: not known */
	__u64 length;
	__u32 account;
	bool pinned_vm; /* mm_struct.pinned_vm counts it */
};

struct pins {
	struct pin *v;
	size_t n, size;
};

static struct pin *pin_new(struct pins *p)
{
	return array_add(&p->v, &p->n, &p->size, sizeof(*p->v));
}

/* ---- what is behind a range ---------------------------------------------------- */

/* Shared memory without a name: the kernel keeps a file for it, but nobody can have a descriptor of that. */
static bool nameless(const struct ev_memory *mem)
{
	const char *path = mem->path + (*mem->path == '/');

	return !mem->links && (!strncmp(path, "dev/zero", 8) || !strncmp(path, "SYSV", 4) || !strncmp(path, "anon_hugepage", 13));
}

bool memory_has_file(const struct ev_range *r, const struct ev_memory *mem)
{
	if (r->source != SOURCE_USER)
		return true;
	if (!mem->shared)
		return false; /* a private mapping: what is written is in no file */
	switch (mem->backing) {
	case BACKING_MEMFD:
	case BACKING_FILE:
	case BACKING_DMABUF:
	case BACKING_GUEST_MEMFD:
		return true;
	case BACKING_SHMEM:
	case BACKING_HUGETLB:
		return !nameless(mem);
	default:
		return false;
	}
}

/* A range can lie in several mappings of its process. */
static void sum_backing(const struct model *m, struct backing_index *ix, const struct ev_range *r, struct range_sum *sum)
{
	struct ev_range part = *r;
	__u64 left = r->size;
	bool whole;

	if (r->source != SOURCE_USER) {
		sum->memory += r->size;
		sum->file += r->size;
		return;
	}
	while (left) {
		const struct ev_memory *mem = backing_find(ix, m, &part, &whole);
		__u64 here = mem && mem->end - part.vaddr < left ? mem->end - part.vaddr : left;

		if (!mem || mem->backing == BACKING_UNKNOWN)
			sum->dark += here;
		else if (mem->backing != BACKING_MMIO)
			sum->memory += here;
		if (mem && memory_has_file(r, mem))
			sum->file += here;
		part.vaddr += here;
		part.size = left -= here;
	}
}

__s64 range_memory(const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	struct range_sum at = {};

	sum_backing(m, ix, r, &at);
	return at.dark ? -1 : (__s64)(at.memory / PAGE_BYTES);
}

/*
 * type1: a range in an IOMMU domain is pinned from end to end, except for
 * MMIO, and vfio_dma.locked_vm counts just that; else mediated devices have
 * pinned single pages.
 */
__s64 range_pinned(const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	if (r->pages || !r->mapped)
		return r->pinned;
	return r->charged >= 0 ? r->charged : range_memory(m, ix, r);
}

static bool of_ioas(const struct ev_range *r, long long ioas)
{
	return ioas == ALL_IOASES || r->ioas == (__u32)ioas;
}

/* Of a recording by a version that did not look, nothing is known. */
static int collect(struct pins *p, const struct model *m, const struct obj *c, long long ioas, struct backing_index *ix)
{
	const struct ev_container *note = NOTE_OF(c, container);
	bool known = note && note->kind != CONTAINER_NONE;

	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;
		struct pin *pin = of_ioas(r, ioas) ? pin_new(p) : NULL;

		if (!of_ioas(r, ioas))
			continue;
		if (!pin)
			return -ENOMEM;
		*pin = (struct pin){
			.mm = r->mm,
			.key = r->pages,
			.pinned = known ? range_pinned(m, ix, r) : -1,
			.charged = known ? r->charged : -1,
			.length = r->mapped ? r->size / PAGE_BYTES : 0,
			.account = !known ? CHARGED_UNKNOWN : r->source == SOURCE_DMABUF ? CHARGED_NONE : r->account,
			.pinned_vm = r->pages && r->source != SOURCE_DMABUF, /* iommufd, whatever else is charged */
		};
	}
	return 0;
}

static int pin_cmp(const void *x, const void *y)
{
	const struct pin *a = x, *b = y;

	if (a->mm != b->mm)
		return a->mm < b->mm ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

static bool is_sorted(const struct pins *p)
{
	for (size_t i = 1; i < p->n; i++)
		if (pin_cmp(&p->v[i - 1], &p->v[i]) > 0)
			return false;
	return true;
}

/* Sorted; shared pages that are there twice once. Sixty thousand ranges of type1 are sorted mostly: of one address space, and share nothing. */
static void pins_sort(struct pins *p)
{
	size_t n = 0;

	if (!is_sorted(p))
		qsort(p->v, p->n, sizeof(*p->v), pin_cmp);
	for (size_t i = 0; i < p->n; i++)
		if (!n || !p->v[i].key || pin_cmp(&p->v[n - 1], &p->v[i]))
			p->v[n++] = p->v[i];
	p->n = n;
}

static void add_pages(struct pages *sum, __s64 n)
{
	if (n < 0)
		sum->unknown = true;
	else
		sum->n += n;
}

/* ---- a container -------------------------------------------------------------------- */

static void add_range(const struct model *m, struct backing_index *ix, const struct ev_range *r, struct range_sum *sum)
{
	if (!sum->ranges || r->iova < sum->first)
		sum->first = r->iova;
	if (r->iova + r->size - 1 > sum->last)
		sum->last = r->iova + r->size - 1;
	sum->ranges++;
	sum->bytes += r->size;
	sum_backing(m, ix, r, sum);
}

int sum_container(const struct model *m, const struct obj *c, long long ioas, struct backing_index *ix, struct range_sum *ret)
{
	struct range_sum sum = {};
	struct pins pins = {};
	int err = collect(&pins, m, c, ioas, ix);

	pins_sort(&pins);
	for (size_t i = 0; i < pins.n; i++) {
		add_pages(&sum.pinned, pins.v[i].pinned);
		add_pages(&sum.charged, pins.v[i].charged);
		sum.accounts |= 1u << (pins.v[i].account & 31);
	}
	free(pins.v);
	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		if (of_ioas((const void *)e->last, ioas))
			add_range(m, ix, (const void *)e->last, &sum);
	if (!err)
		*ret = sum;
	return err;
}

__u64 count_references(const struct obj *c)
{
	__u64 n = 0;

	for (struct edge *e = edge_out(c, REL_REF); e; e = edge_out_next(e))
		n++;
	return n;
}

/* ---- address spaces --------------------------------------------------------------------- */

int sum_mms(const struct model *m, struct mm_sums *ret)
{
	struct mm_sums sums = {};
	struct backing_index ix = {};
	struct pins pins = {};
	int err = 0;

	for (struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER))
		err = collect(&pins, m, c, ALL_IOASES, &ix);
	backing_free(&ix);
	pins_sort(&pins);
	sums.v = pins.n ? calloc(pins.n, sizeof(*sums.v)) : NULL;
	if (pins.n && !sums.v)
		err = -ENOMEM;
	for (size_t i = 0; i < pins.n && !err; i++) {
		struct mm_sum *s = sums.n ? &sums.v[sums.n - 1] : NULL;

		if (!s || s->mm != pins.v[i].mm) {
			s = &sums.v[sums.n++];
			s->mm = pins.v[i].mm;
		}
		add_pages(&s->pinned, pins.v[i].pinned);
		s->accounts |= 1u << (pins.v[i].account & 31);
		s->pinned_vm |= pins.v[i].pinned_vm;
		if (pins.v[i].pinned_vm) {
			add_pages(&s->in_pinned_vm, pins.v[i].charged);
		} else if (pins.v[i].account == CHARGED_MM && pins.v[i].charged < 0) {
			add_pages(&s->in_locked_vm, pins.v[i].pinned);
			s->mapped += pins.v[i].length;
		}
	}
	free(pins.v);
	if (err)
		free(sums.v);
	else
		*ret = sums;
	return err;
}

static int mm_sum_cmp(const void *key, const void *element)
{
	__u64 mm = *(const __u64 *)key;
	const struct mm_sum *s = element;

	return mm < s->mm ? -1 : mm > s->mm;
}

const struct mm_sum *mm_sum_find(const struct mm_sums *s, __u64 mm)
{
	return s->n ? bsearch(&mm, s->v, s->n, sizeof(*s->v), mm_sum_cmp) : NULL;
}
