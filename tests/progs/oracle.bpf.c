// SPDX-License-Identifier: GPL-2.0-only
/*
 * oracle.bpf.c - what the type1 containers are like that processes have descriptors of
 *
 * Attempts to get past the guard are judged by it, so it has nothing in common with
 * the programs of bpf/: it has its own names for the kernel's structs, and its own
 * way through them. Addresses of the kernel come from its list of symbols, all that is
 * read is read as from a number. No lock is taken: what is counted is right as long
 * as nobody changes it meanwhile, and whoever asks sees to that.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "oracle.h"

char LICENSE[] SEC("license") = "GPL";

#define CORE __attribute__((preserve_access_index))
#define MAX_STEPS 65536 /* on the way through a tree, three for a range at most */
#define MAX_GROUPS 16
#define MAX_DEVICES 8
#define TIMES 8

extern const void vfio_fops __ksym;
extern const void vfio_iommu_driver_ops_type1 __ksym;

struct vfio_iommu_driver {
	const void *ops;
} CORE;

struct vfio_container {
	struct list_head group_list;
	struct vfio_iommu_driver *iommu_driver;
	void *iommu_data;
} CORE;

struct vfio_group {
	struct list_head device_list;
	struct list_head container_next;
} CORE;

struct vfio_device {
	struct list_head group_next;
	unsigned int open_count;
} CORE;

struct vfio_iommu {
	struct rb_root dma_list;
	struct list_head emulated_iommu_groups;
	unsigned int vaddr_invalid_count;
} CORE;

struct vfio_dma {
	struct rb_node node;
	bool vaddr_invalid;
} CORE;

#define AT(address, type, member) ((void *)(address) + bpf_core_field_offset(type, member))
#define IN(address, type, member) ((void *)(address) - bpf_core_field_offset(type, member))

static __always_inline void *next_of(const void *list)
{
	return BPF_CORE_READ((const struct list_head *)list, next);
}

static __always_inline __u32 length_of(const void *head)
{
	const void *entry = next_of(head);

	for (__u32 n = 0; n < MAX_GROUPS; n++) {
		if (entry == head)
			return n;
		entry = next_of(entry);
	}
	return ORACLE_UNKNOWN;
}

static __always_inline bool has_emulated(const struct vfio_iommu *iommu)
{
	const void *head = AT(iommu, struct vfio_iommu, emulated_iommu_groups);

	return next_of(head) != head;
}

/* By turns, so often that no change in between looks like it. */
static __always_inline bool both_at_once(const struct vfio_iommu *iommu)
{
	for (int i = 0; i < TIMES; i++)
		if (!BPF_CORE_READ(iommu, vaddr_invalid_count) || !has_emulated(iommu))
			return false;
	return true;
}

static __always_inline __u32 open_devices(const struct vfio_group *group)
{
	const void *head = AT(group, struct vfio_group, device_list), *entry = next_of(head);
	__u32 open = 0;

	for (int i = 0; i < MAX_DEVICES && entry != head; i++) {
		open += BPF_CORE_READ((const struct vfio_device *)IN(entry, struct vfio_device, group_next), open_count);
		entry = next_of(entry);
	}
	return open;
}

static __always_inline void look_at_groups(const struct vfio_container *container, struct seen *s)
{
	const void *head = AT(container, struct vfio_container, group_list), *entry = next_of(head);

	for (s->groups = 0; s->groups < MAX_GROUPS && entry != head; s->groups++) {
		s->open += open_devices(IN(entry, struct vfio_group, container_next));
		entry = next_of(entry);
	}
}

struct walk {
	const void *node, *from;
	__u32 ranges, invalid;
};

/* From its parent a node is come to for the first time; then what is left of it, what is right of it, and back. */
static long step(__u32 i, struct walk *w)
{
	const struct rb_node *node = w->node;
	const void *left, *right, *parent;

	if (!node)
		return 1;
	left = BPF_CORE_READ(node, rb_left);
	right = BPF_CORE_READ(node, rb_right);
	parent = (const void *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);
	if (w->from == parent) {
		w->ranges++;
		w->invalid += BPF_CORE_READ((const struct vfio_dma *)IN(node, struct vfio_dma, node), vaddr_invalid);
		w->node = left ?: right ?: parent;
	} else {
		w->node = w->from == left && right ? right : parent;
	}
	w->from = node;
	return 0;
}

static __always_inline void look_at_ranges(const struct vfio_iommu *iommu, struct seen *s)
{
	struct walk w = { .node = BPF_CORE_READ(iommu, dma_list.rb_node) };

	bpf_loop(MAX_STEPS, step, &w, 0);
	s->ranges = w.node ? ORACLE_UNKNOWN : w.ranges;
	s->invalid = w.node ? ORACLE_UNKNOWN : w.invalid;
}

SEC("iter/task_file")
int look(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	const struct vfio_container *container;
	const struct vfio_iommu *iommu;
	struct seen s = {};

	if (!task || !file || (__u64)BPF_CORE_READ(file, f_op) != (__u64)&vfio_fops)
		return 0;
	container = BPF_CORE_READ(file, private_data);
	iommu = BPF_CORE_READ(container, iommu_data);
	if (!iommu || (__u64)BPF_CORE_READ(container, iommu_driver, ops) != (__u64)&vfio_iommu_driver_ops_type1)
		return 0;
	s.container = (__u64)container;
	s.tgid = BPF_CORE_READ(task, tgid);
	s.fd = ctx->fd;
	s.both = both_at_once(iommu);
	s.invalid_count = BPF_CORE_READ(iommu, vaddr_invalid_count);
	s.emulated = length_of(AT(iommu, struct vfio_iommu, emulated_iommu_groups));
	look_at_groups(container, &s);
	look_at_ranges(iommu, &s);
	/* the driver may have gone with its last group */
	if (BPF_CORE_READ(container, iommu_data) == iommu)
		bpf_seq_write(ctx->meta->seq, &s, sizeof(s));
	return 0;
}
