/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_memory.bpf.h - part of guard.bpf.c: is a file behind the memory of the
 * ranges that a call would invalidate?
 *
 * Neither the ranges nor the memory is locked: mmap_lock is only ever tried
 * (bpf_find_vma() does no more), and only that of the caller can be, as only a
 * thread of an address space leads to its areas. What is not seen to be backed is
 * of one of two kinds: seen not to be, or not told.
 */

/* ---- what is behind the ranges of a call ----------------------------------------------------- */

#define VM_SHARED 0x8
#define VM_PFNMAP 0x400
#define VM_IO 0x4000
#define TREE_HEIGHT 64

enum memory_answer { MEMORY_BACKED, MEMORY_NOT_BACKED, MEMORY_UNTOLD };

struct memory_walk {
	struct tree_walk t;
	__u64 mm;	  /* of the caller */
	__u64 first, last; /* what is asked about */
	__u64 iova, size; /* the range that is looked at */
	__u64 addr, end;  /* what is left of its memory */
	__u64 area_start, area_end; /* the last area found; a file is behind it */
	__u32 answer;
	__u32 memory; /* what there is in place of a file */
};

/*
 * Not on the stack: what the verifier knows of a stack makes it go through the
 * loop hundreds of thousands of times. And a thread's own, as the thread may be
 * preempted here by another one that makes the same call.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct memory_walk);
} memory_walks SEC(".maps");

struct descent {
	struct rb_node *node, *found;
	__u64 first;
};

static __always_inline struct vfio_dma *node_dma(struct rb_node *node)
{
	return (void *)node - bpf_core_field_offset(struct vfio_dma, node);
}

static long descend(__u32 i, struct descent *d)
{
	struct rb_node *node = d->node;
	struct vfio_dma *dma = node_dma(node);

	if (!node)
		return 1;
	if (BPF_CORE_READ(dma, iova) >= d->first) {
		d->found = node;
		d->node = BPF_CORE_READ(node, rb_left);
	} else {
		d->node = BPF_CORE_READ(node, rb_right);
	}
	return 0;
}

/* Its first range that is not below: the walk goes on from there in order. */
static __always_inline void memory_begin(struct memory_walk *w, const struct vfio_iommu *iommu)
{
	struct descent d = { .node = BPF_CORE_READ(iommu, dma_list.rb_node), .first = w->first };
	struct rb_node *first;

	d.found = (void *)unknown_zero;
	bpf_loop(TREE_HEIGHT, descend, &d, 0);
	first = d.found;
	tree_begin(&w->t, first);
	w->t.came_from = BPF_CORE_READ(first, rb_left);
	w->t.done = !first;
}

/* A private mapping of a file is as good as none: what is written to it is in no file. */
static long on_area(struct task_struct *task, struct vm_area_struct *vma, struct memory_walk **ctx)
{
	struct memory_walk *w = *ctx;
	__u64 flags = 0;

	w->area_start = BPF_CORE_READ(vma, vm_start);
	w->area_end = BPF_CORE_READ(vma, vm_end);
	if (!bpf_core_field_exists(vma->vm_flags)) {
		w->answer = MEMORY_UNTOLD;
		return 0;
	}
	flags = BPF_CORE_READ(vma, vm_flags);
	if (flags & (VM_PFNMAP | VM_IO) || (flags & VM_SHARED && BPF_CORE_READ(vma, vm_file)))
		return 0;
	w->answer = MEMORY_NOT_BACKED;
	w->memory = BACKING_ANONYMOUS;
	return 0;
}

/* What is left of a range: one area of it. */
static __always_inline long area_step(struct memory_walk **ctx)
{
	struct memory_walk *w = *ctx;
	long err;

	if (w->addr < w->area_start || w->addr >= w->area_end) {
		w->area_start = w->area_end = 0;
		err = bpf_find_vma(bpf_get_current_task_btf(), w->addr, on_area, ctx, 0);
		if (err == -ENOENT) /* nothing is mapped there */
			w->answer = MEMORY_NOT_BACKED;
		else if (err || w->area_end <= w->addr)
			w->answer = MEMORY_UNTOLD;
		if (w->answer)
			return 1;
	}
	w->addr = w->area_end;
	return 0;
}

static long memory_step(__u32 i, struct memory_walk **ctx)
{
	struct memory_walk *w = *ctx;
	struct rb_node *node = w->t.node;
	struct vfio_dma *dma = node_dma(node);

	if (w->addr < w->end)
		return area_step(ctx);
	if (w->t.done)
		return 1;
	if (!tree_step(&w->t))
		return 0;
	w->iova = BPF_CORE_READ(dma, iova);
	if (w->iova > w->last) {
		w->t.done = 1;
		return 1;
	}
	w->size = BPF_CORE_READ(dma, size);
	/* what is invalid already the driver refuses */
	if (w->iova < w->first || !w->size || BPF_CORE_READ(dma, vaddr_invalid))
		return 0;
	if ((__u64)dma_mm(dma) != w->mm) {
		w->answer = MEMORY_UNTOLD;
		return 1;
	}
	w->addr = BPF_CORE_READ(dma, vaddr);
	w->end = w->addr + w->size;
	return 0;
}

/* False for what the driver refuses, whatever we say. */
static __always_inline bool asked_ranges(const struct unmap_arg *unmap, __u64 *first, __u64 *last)
{
	if (unmap->argsz < sizeof(*unmap) || unmap->flags & ~(UNMAP_FLAG_VADDR | UNMAP_FLAG_ALL))
		return false;
	*first = unmap->iova;
	*last = unmap->iova + unmap->size - 1;
	if (unmap->flags & UNMAP_FLAG_ALL)
		return !unmap->iova && !unmap->size; /* the last one is then the last there is */
	return unmap->size && *last >= *first;
}

/* The call would invalidate these. Refused with the rule's own errno, unless another one is given. */
__noinline int judge_memory(__u64 address, __u64 first, __u64 last, __u32 error, struct about *a)
{
	const struct vfio_container *container = (void *)address;
	struct task_struct *task = bpf_get_current_task_btf();
	struct memory_walk *w = bpf_task_storage_get(&memory_walks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!a)
		return 0;
	if (w) {
		__builtin_memset(w, 0, sizeof(*w));
		w->mm = (__u64)BPF_CORE_READ(task, mm);
		w->first = first;
		w->last = last;
		memory_begin(w, BPF_CORE_READ(container, iommu_data));
		bpf_loop(GUARD_MEMORY_STEPS, memory_step, &w, 0);
		if (!w->answer && w->t.done && w->addr >= w->end)
			return 0;
		if (w->size) { /* the range that it is about */
			a->iova = w->iova;
			a->size = w->size;
		}
		a->memory = w->memory;
	}
	if (!w || w->answer != MEMORY_NOT_BACKED)
		a->untold = 1;
	if (a->untold && concerns(RULE_FILE_BACKED))
		__sync_fetch_and_add(&counters.untold, 1);
	if (error && concerns(RULE_FILE_BACKED))
		__sync_fetch_and_add(&counters.nonresident, 1);
	return decide(RULE_FILE_BACKED, error, a);
}
