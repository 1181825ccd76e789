/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_container.bpf.h - part of snapshot.bpf.c: one container.
 *
 * Its ranges, in order of the tree, and its wait queue; checked before and after.
 */

/* ---- one container -------------------------------------------------------- */

/* What must be the same before and after a container is read. */
struct container_state {
	__u64 iommu, ops, root;
	__u32 avail, invalid;
};

struct range_walk {
	struct rb_node *node, *came_from;
	__u64 container;
	__u32 n;
	__u32 done;
};

static __always_inline void on_range(struct range_walk *w)
{
	struct vfio_dma *dma = (void *)w->node - bpf_core_field_offset(struct vfio_dma, node);
	struct ev_range *e;

	w->n++;
	e = EV_BEGIN(range, w->container);
	if (!e)
		return;
	about_nobody(&e->h);
	e->id = object_id(dma);
	e->iova = BPF_CORE_READ(dma, iova);
	e->size = BPF_CORE_READ(dma, size);
	e->vaddr = BPF_CORE_READ(dma, vaddr);
	e->prot = BPF_CORE_READ(dma, prot);
	e->valid = !BPF_CORE_READ(dma, vaddr_invalid);
	EV_END(e);
}

/*
 * One edge of the tree per call, in order: down to the left, the node itself,
 * down to the right, up. Nothing about a node is trusted; a stale one can only
 * use up the budget.
 */
static long range_step(__u32 i, struct range_walk *w)
{
	struct rb_node *node = w->node, *left = BPF_CORE_READ(node, rb_left), *right = BPF_CORE_READ(node, rb_right);
	struct rb_node *parent = (void *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);

	if (w->came_from == parent && left) {
		w->came_from = w->node;
		w->node = left;
		return 0;
	}
	if (w->came_from == parent || w->came_from == left) {
		on_range(w);
		if (right) {
			w->came_from = w->node;
			w->node = right;
			return 0;
		}
	}
	if (!parent) {
		w->done = 1;
		return 1;
	}
	w->came_from = w->node;
	w->node = parent;
	return 0;
}

static __always_inline __u32 read_ranges(const struct vfio_iommu *iommu, __u64 id, __u64 limit, bool *complete)
{
	struct range_walk w = {
		.container = id,
		.came_from = (void *)unknown_zero,
		.n = unknown_zero,
		.done = unknown_zero,
	};

	w.node = BPF_CORE_READ(iommu, dma_list.rb_node);
	*complete = true;
	if (!w.node)
		return 0;
	bpf_loop(limit > (1 << 21) ? 1 << 21 : limit * RB_FACTOR, range_step, &w, 0);
	*complete = w.done;
	return w.n;
}

static long look_at_waiter(__u32 i, struct list_walk *w)
{
	__u64 entry = list_step(w), task;

	if (!entry)
		return 1;
	task = (__u64)BPF_CORE_READ(
		(struct wait_queue_entry *)((void *)entry - bpf_core_field_offset(struct wait_queue_entry, entry)), private);
	if (task) {
		PUT(waiters, task, w->arg);
		PUT(interesting, task, 1);
		w->arg2++;
	}
	return 0;
}

static __always_inline __u32 read_waiters(const struct vfio_iommu *iommu, __u64 container)
{
	struct list_walk w = { .arg = container, .arg2 = unknown_zero };

	if (!bpf_core_field_exists(iommu->vaddr_wait))
		return 0;
	list_begin(&w, (void *)iommu + bpf_core_field_offset(struct vfio_iommu, vaddr_wait) +
			       bpf_core_field_offset(struct wait_queue_head, head));
	LIST_WALK(look_at_waiter, &w);
	return w.arg2;
}

static __always_inline void read_state(struct container_state *s, const struct vfio_container *container)
{
	struct vfio_iommu *iommu = BPF_CORE_READ(container, iommu_data);

	s->iommu = (__u64)iommu;
	s->ops = (__u64)BPF_CORE_READ(container, iommu_driver, ops);
	if (!iommu || s->ops != symbols[SYM_vfio_iommu_driver_ops_type1] || !bpf_core_type_exists(struct vfio_iommu))
		return;
	s->root = (__u64)BPF_CORE_READ(iommu, dma_list.rb_node);
	s->avail = BPF_CORE_READ(iommu, dma_avail);
	s->invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
}

static long count_group(__u32 i, struct list_walk *w)
{
	if (!list_step(w))
		return 1;
	w->arg++;
	return 0;
}

static __always_inline __u32 count_groups(const struct vfio_container *container)
{
	struct list_walk w = { .arg = unknown_zero };

	list_begin(&w, (void *)container + bpf_core_field_offset(struct vfio_container, group_list));
	LIST_WALK(count_group, &w);
	return w.arg;
}

SEC("syscall")
int read_container(struct fdpin_read_args *args)
{
	struct vfio_container *container = (void *)args->container;
	struct container_state before = {}, after = {};
	struct found_container *found;
	__u64 id = object_id(container), k = args->container;
	__u32 ranges = 0, waiting = 0;
	bool type1, complete = true;
	struct ev_container *e;

	read_state(&before, container);
	type1 = before.iommu && before.ops == symbols[SYM_vfio_iommu_driver_ops_type1];
	if (type1 && bpf_core_type_exists(struct vfio_iommu)) {
		ranges = read_ranges((void *)before.iommu, id, args->limit, &complete);
		waiting = read_waiters((void *)before.iommu, k);
	}
	read_state(&after, container);

	e = EV_BEGIN(container, id);
	if (!e)
		return 0;
	about_nobody(&e->h);
	found = bpf_map_lookup_elem(&containers, &k);
	if (found && found->file) {
		e->file = found->file;
		e->refs = found->refs < 0 ? 0 : found->refs;
		e->has_file = 1;
	}
	e->kref = BPF_CORE_READ(container, kref.refcount.refs.counter);
	e->groups = count_groups(container);
	e->ranges = ranges;
	e->invalid = after.invalid;
	e->waiters = waiting;
	e->iommu = type1;
	e->unstable = !complete || before.iommu != after.iommu || before.ops != after.ops ||
		      before.root != after.root || before.avail != after.avail || before.invalid != after.invalid;
	EV_END(e);
	return 0;
}
