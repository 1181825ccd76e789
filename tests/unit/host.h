/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h - a host for tests of what status says: two type1 containers and an
 * iommufd context with two ioases, each of a virtual machine, with memory,
 * counters and limits. host_record() makes a record; h_<what>() are the parts,
 * so that a test can leave one out or make it otherwise. Header only.
 */
#ifndef FDPIN_HOST_H
#define FDPIN_HOST_H

#include "tape.h"

#include "../../src/render.h"

#include <locale.h>

#define ERP 0x77f0ULL /* PCI, anonymous memory */
#define CAD 0x0be4ULL /* mdev, memfd */
#define AI (FDPIN_ID_IOMMUFD | 0x91d0ULL)
#define ERP_PID 20510
#define CAD_PID 20733
#define AI_PID 31002
#define GIB (1ULL << 30)
#define MIB (1ULL << 20)

static inline void h_holder(struct tape *t, __u64 c, __u32 tgid, const char *comm, __u32 fd)
{
	tape_as(t, tgid, tgid, comm);
	tape_holder(t, c, 0xf000 + tgid, fd);
	tape_as(t, 0, 0, NULL);
}

static inline struct ev_device *h_device(struct tape *t, __u64 c, __u64 id, const char *name)
{
	struct ev_device *e = tape_add(t, EV_device, c);

	e->device = id;
	e->open = 1;
	e->backed = name[8] == '-' ? BACKED_EMULATED : BACKED_IOMMU;
	e->has_group = 1;
	e->group = id;
	TAPE_STR(e->device_name, name);
	return e;
}

static inline struct ev_container *h_container(struct tape *t, __u64 c, __u32 kind, __u32 ranges)
{
	struct ev_container *e = tape_add(t, EV_container, c);

	e->file = c ^ 0x100000;
	e->refs = 1;
	e->kref = 2;
	e->groups = 1;
	e->ranges = ranges;
	e->has_file = 1;
	e->iommu = kind == CONTAINER_TYPE1;
	e->kind = kind;
	e->avail = 65535 - ranges;
	return e;
}

static inline struct ev_range *h_range(struct tape *t, __u64 c, __u64 id, __u64 mm, __u64 size, __u64 pinned)
{
	struct ev_range *e = tape_add(t, EV_range, c);

	e->id = id;
	e->iova = (id & 0xff) << 40;
	e->size = size;
	e->vaddr = (id & 0xff) << 40;
	e->mm = mm;
	e->pinned = pinned / 4096;
	e->charged = pinned / 4096;
	e->prot = 3;
	e->valid = 1;
	e->account = CHARGED_MM;
	return e;
}

static inline struct ev_memory *h_memory(struct tape *t, __u64 id, __u64 mm, __u64 start, __u64 size, __u32 backing, const char *path)
{
	struct ev_memory *e = tape_add(t, EV_memory, 0);

	e->id = id;
	e->mm = mm;
	e->start = start;
	e->end = start + size;
	e->backing = backing;
	e->shared = backing != BACKING_ANONYMOUS;
	e->inode = e->shared ? 100 + id : 0;
	TAPE_STR(e->path, path);
	return e;
}

static inline struct ev_mm *h_mm(struct tape *t, __u64 mm, __s64 locked, __s64 pinned)
{
	struct ev_mm *e = tape_add(t, EV_mm, 0);

	e->mm = mm;
	e->locked_vm = locked / 4096;
	e->pinned_vm = pinned / 4096;
	e->users = 1;
	return e;
}

static inline struct ev_process *h_process(struct tape *t, __u32 tgid, const char *comm, __u64 mm, __u64 soft)
{
	struct ev_process *e;

	tape_as(t, tgid, tgid, comm);
	e = tape_add(t, EV_process, 0);
	e->mm = mm;
	e->user = 0x6b;
	e->soft = soft;
	e->hard = soft;
	e->uid = 107;
	tape_as(t, 0, 0, NULL);
	return e;
}

static inline struct ev_program *h_program(struct tape *t, __u32 tgid, const char *vm)
{
	struct ev_program *e;

	tape_as(t, tgid, tgid, "qemu");
	e = tape_add(t, EV_program, 0);
	e->known = 1;
	TAPE_STR(e->exe, "/usr/bin/qemu-system-x86_64");
	TAPE_STR(e->cgroup, "/machine.slice/machine-qemu\\x2d1\\x2d");
	tape_str(e->cgroup + strlen(e->cgroup), 64, vm);
	tape_str(e->cgroup + strlen(e->cgroup), 16, ".scope");
	TAPE_STR(e->vm, vm);
	tape_as(t, 0, 0, NULL);
	return e;
}

static inline void h_user(struct tape *t, __s64 locked)
{
	struct ev_user *e = tape_add(t, EV_user, 0);

	e->user = 0x6b;
	e->uid = 107;
	e->locked_vm = locked / 4096;
}

static inline void h_ioas(struct tape *t, __u64 c, __u64 id, __u32 number, __u32 areas, bool compat)
{
	struct ev_ioas *e = tape_add(t, EV_ioas, c);

	e->id = id;
	e->ioas = number;
	e->areas = areas;
	e->compat = compat;
}

static inline void h_erp(struct tape *t)
{
	h_holder(t, ERP, ERP_PID, "qemu-system-x86", 18);
	h_device(t, ERP, 0xd1, "0000:65:00.0");
	h_range(t, ERP, 0x101, 0x51, 30 * GIB, 30 * GIB)->mapped = 1;
	h_range(t, ERP, 0x102, 0x51, 2 * GIB, 2 * GIB)->mapped = 1;
	h_container(t, ERP, CONTAINER_TYPE1, 2);
	h_mm(t, 0x51, 32 * GIB, 0);
	h_process(t, ERP_PID, "qemu-system-x86", 0x51, 33 * GIB);
	h_program(t, ERP_PID, "erp1");
	h_memory(t, 0xe1, 0x51, 1ULL << 40, 30 * GIB, BACKING_ANONYMOUS, "");
	h_memory(t, 0xe2, 0x51, 2ULL << 40, 2 * GIB, BACKING_ANONYMOUS, "");
}

static inline void h_cad(struct tape *t)
{
	h_holder(t, CAD, CAD_PID, "qemu-system-x86", 21);
	h_device(t, CAD, 0xd2, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
	h_range(t, CAD, 0x203, 0x52, 8 * GIB, 52 * MIB);
	h_container(t, CAD, CONTAINER_TYPE1, 1);
	h_mm(t, 0x52, 52 * MIB, 0);
	h_process(t, CAD_PID, "qemu-system-x86", 0x52, 0)->ipc_lock = 1;
	h_program(t, CAD_PID, "cad2");
	h_memory(t, 0xe3, 0x52, 3ULL << 40, 8 * GIB, BACKING_MEMFD, "memfd:ram");
}

/* Two areas share their pages. */
static inline void h_ai(struct tape *t)
{
	static const struct {
		__u64 id, size, pages;
		__u32 ioas;
	} areas[] = { { 0x304, 200 * GIB, 0xa1, 1 }, { 0x305, 56 * GIB, 0xa2, 1 }, { 0x306, 56 * GIB, 0xa2, 2 } };
	struct ev_container *c;

	h_holder(t, AI, AI_PID, "qemu-system-x86", 9);
	tape_str(h_device(t, AI, 0xd3, "0000:c1:00.0")->vfio_name, 16, "vfio0");
	tape_str(h_device(t, AI, 0xd4, "0000:c2:00.0")->vfio_name, 16, "vfio1");
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++) {
		struct ev_range *r = h_range(t, AI, areas[i].id, 0x53, areas[i].size, areas[i].size);

		r->ioas = areas[i].ioas;
		r->pages = areas[i].pages;
		r->source = SOURCE_FILE;
		r->file = 0xe4;
		r->vaddr = 0;
		r->account = CHARGED_USER;
	}
	h_memory(t, 0xe4, 0, 0, 0, BACKING_HUGETLB, "/ai03")->page = GIB;
	h_ioas(t, AI, 0x31, 1, 2, false);
	h_ioas(t, AI, 0x32, 2, 1, true);
	c = h_container(t, AI, CONTAINER_IOMMUFD, 3);
	c->ioases = 2;
	c->compat_ioas = 2;
	c->refs = 5;
	h_mm(t, 0x53, 0, 256 * GIB);
	h_process(t, AI_PID, "qemu-system-x86", 0x53, ~0ULL);
	h_program(t, AI_PID, "ai03");
	h_user(t, 256 * GIB);
}

static inline struct tape *h_begin(void)
{
	struct tape *t = tape_new();

	tape_session(t, false);
	tape_look_begin(t, 1);
	return t;
}

/* What status prints, or its JSON; the tape ends with the look. Frees the tape. */
static inline char *h_show(struct tape *t, struct view v, const struct format *format, unsigned int width, bool tty)
{
	struct findings findings = {};
	struct output o = { .width = width, .tty = tty, .utf8 = true };
	struct model *m;
	char *text = NULL;
	size_t size;

	if (t->look)
		tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(verdicts_judge(m, NULL, &findings), 0);
	v.model = m;
	v.findings = &findings;
	o.f = open_memstream(&text, &size);
	assert_non_null(o.f);
	assert_int_equal(format->begin(&o, &v), 0);
	assert_int_equal(format->end(&o, &v), 0);
	fclose(o.f);
	findings_free(&findings);
	model_free(m);
	free(t);
	return text;
}

static inline char *h_text(struct tape *t, struct view v)
{
	return h_show(t, v, &format_text, 80, false);
}

#endif
