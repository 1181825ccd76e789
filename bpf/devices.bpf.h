/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.bpf.h - all VFIO devices of the host, by the set that the kernel keeps of
 * them, whoever has a descriptor of what; and the walks over lists and arrays of
 * the kernel that this takes. Without a lock: what is read may change meanwhile.
 */
#ifndef FDPIN_DEVICES_BPF_H
#define FDPIN_DEVICES_BPF_H

#define MAX_LIST 4096
#define MAX_XA_STEPS (1 << 20)
#define XA_DEPTH 16 /* a power of two above the 11 levels of a 64-bit index */
#define XA_SLOTS 64

/* Reads of anything: the object may be gone, then the result is 0. */
static __always_inline __u64 word_at(const void *p)
{
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), p);
	return v;
}

/* A walk along a list_head; the callback gets the entry after this one. */
struct list_walk {
	__u64 head, entry;
	__u64 arg, arg2, arg3;
	__u64 target;
	__u64 target_func;
};

static __always_inline __u64 list_step(struct list_walk *w)
{
	w->entry = word_at((void *)w->entry);
	if (!w->entry) /* no list has this: what it went by is gone, and what comes behind it is not seen */
		__sync_fetch_and_add(&stats.cut, 1);
	return w->entry != w->head ? w->entry : 0;
}

static __always_inline void list_begin(struct list_walk *w, const void *head)
{
	w->head = (__u64)head;
	w->entry = (__u64)head;
}

/* Walk with a bound; a walk that meets it is counted. */
#define LIST_WALK(fn, w)                                                    \
	do {                                                                \
		if (bpf_loop(MAX_LIST, fn, w, 0) >= MAX_LIST)               \
			__sync_fetch_and_add(&stats.cut, 1);                \
	} while (0)

/* A walk over an xarray, one slot per call; one at a time. */
struct xa_walk {
	__u64 node[XA_DEPTH];
	__u32 slot[XA_DEPTH];
	__u32 depth; /* nodes on the stack */
	__u32 pad;
	__u64 single; /* the one entry of an array that has no node */
};

static struct xa_walk xa_state;

/* False if the array is empty. */
static __always_inline bool xa_begin(const void *xa)
{
	__u64 head = word_at(xa + bpf_core_field_offset(struct xarray, xa_head));

	xa_state.depth = 0;
	xa_state.single = 0;
	if ((head & 3) != 2) {
		xa_state.single = head;
	} else if (head > 4096) {
		xa_state.node[0] = head - 2;
		xa_state.slot[0] = 0;
		xa_state.depth = 1;
	}
	return head;
}

static __always_inline bool xa_over(void)
{
	return !xa_state.depth && !xa_state.single;
}

/* The entry of the next slot: a pointer, or 0 for what is none (empty, a node below, a mark). */
static __always_inline __u64 xa_next(void)
{
	struct xa_walk *w = &xa_state;
	__u32 top = w->depth - 1, slot;
	struct xa_node *node;
	__u64 entry;

	if (!w->depth) {
		entry = w->single;
		w->single = 0;
		return entry;
	}
	top &= XA_DEPTH - 1;
	slot = w->slot[top]++;
	if (slot >= XA_SLOTS) {
		w->depth--;
		return 0;
	}
	node = (void *)w->node[top];
	entry = word_at((void *)node + bpf_core_field_offset(struct xa_node, slots) + slot * sizeof(__u64));
	if ((entry & 3) != 2)
		return entry;
	/* a node below, or (under 4096) a sibling, retry or zero mark */
	if (entry > 4096 && w->depth < XA_DEPTH) {
		w->node[w->depth & (XA_DEPTH - 1)] = entry - 2;
		w->slot[w->depth & (XA_DEPTH - 1)] = 0;
		w->depth++;
	}
	return 0;
}

/* For each device of the host; of who includes this. */
static __always_inline void on_device(const struct vfio_device *device);

static long look_at_device(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w);

	if (!entry)
		return 1;
	on_device((void *)entry - bpf_core_field_offset(struct vfio_device, dev_set_list));
	return 0;
}

static __always_inline void on_device_set(const struct vfio_device_set *set)
{
	struct list_walk w = {};

	list_begin(&w, (void *)set + bpf_core_field_offset(struct vfio_device_set, device_list));
	LIST_WALK(look_at_device, &w);
}

static long look_at_set(__u32 i, void *unused)
{
	__u64 entry;

	if (xa_over())
		return 1;
	entry = xa_next();
	if (entry)
		on_device_set((void *)entry);
	return 0;
}

/* The address of vfio_device_set_xa. Where there is no device this is one read. */
static __always_inline void walk_devices(__u64 sets)
{
	if (xa_begin((void *)sets) && bpf_loop(MAX_XA_STEPS, look_at_set, NULL, 0) >= MAX_XA_STEPS)
		__sync_fetch_and_add(&stats.cut, 1);
}

#endif
