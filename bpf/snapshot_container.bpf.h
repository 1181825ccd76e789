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
	const struct rb_node *next; /* to be read, with what is below it; NULL: the last of levels[] is next */
	__u32 depth;		    /* ranges in levels[] */
	__u32 n, done;
	__u32 bytes; /* of a range, to be read */
	__u32 emit;
	__u64 container, hash;
	__u64 mm, mm_id; /* of the range before: most ranges have the same */
	__u32 empty; /* ranges that map nothing yet */
	__u64 growing; /* address space of such a range, of which who maps may be stuck; with the lock held there is one at most */
};

static long pin_step(__u32 i, struct tree_walk *t)
{
	if (t->done)
		return 1;
	tree_step(t);
	return 0;
}

/*
 * A range as it was read, in one piece, as reading takes longer than what is done
 * with it. What lies behind the piece, in a kernel with larger ranges, is read by
 * itself.
 */
struct dma_copy {
	const struct vfio_dma *dma;
	__u64 words[20];
};

#define DMA_FIELD(c, field)                                                             \
	({                                                                              \
		typeof(((struct vfio_dma *)0)->field) __value;                          \
		__u32 __offset = bpf_core_field_offset(struct vfio_dma, field);         \
		if (__offset + sizeof(__value) <= sizeof((c)->words))                   \
			__value = *(typeof(__value) *)((char *)(c)->words + __offset);  \
		else                                                                    \
			__value = BPF_CORE_READ((c)->dma, field);                       \
		__value;                                                                \
	})

#define DMA_END(field) (bpf_core_field_offset(struct vfio_dma, field) + sizeof(((struct vfio_dma *)0)->field))

/* Bytes of a range to be read: all of it, or only up to the last that the tree and its hash are made of. */
static __always_inline __u32 dma_bytes(bool all)
{
	__u32 bytes = DMA_END(node);

	if (all)
		return bpf_core_type_size(struct vfio_dma);
	if (bytes < DMA_END(iova))
		bytes = DMA_END(iova);
	if (bytes < DMA_END(size))
		bytes = DMA_END(size);
	if (bytes < DMA_END(vaddr))
		bytes = DMA_END(vaddr);
	if (bytes < DMA_END(vaddr_invalid))
		bytes = DMA_END(vaddr_invalid);
	return bytes;
}

static __always_inline void read_dma(struct dma_copy *c, const struct vfio_dma *dma, __u32 bytes)
{
	c->dma = dma;
	bpf_probe_read_kernel(c->words, bytes < sizeof(c->words) ? bytes : sizeof(c->words), dma);
}

/*
 * Ranges that were read on the way down, and wait until all to their left was
 * looked at: each is read once, and not again on the ways up to it. The highest
 * tree of 2^32 has as many levels.
 */
#define LEVELS 64
static struct dma_copy levels[LEVELS];

/* Pages that mediated devices have pinned in a range; -1 if there are too many to count. */
static __always_inline __s64 count_pins(struct rb_node *root)
{
	struct tree_walk t = {};

	if (!root)
		return 0;
	tree_begin(&t, root);
	bpf_loop(MAX_NODES, pin_step, &t, 0);
	return t.done ? t.n : -1;
}

static __always_inline struct mm_struct *copied_mm(const struct dma_copy *c)
{
	return bpf_core_field_exists(c->dma->mm) ? DMA_FIELD(c, mm) : dma_mm(c->dma);
}

static __always_inline void show_range(struct range_walk *w, const struct dma_copy *c)
{
	struct rb_root pins = DMA_FIELD(c, pfn_list);
	struct mm_struct *mm = copied_mm(c);
	__s64 pinned = count_pins(pins.rb_node);
	struct ev_range *e;

	if ((__u64)mm != w->mm) {
		w->mm = (__u64)mm;
		w->mm_id = on_mm(mm);
	}
	e = EV_BEGIN_FOUND(range, w->container);
	if (!e)
		return;
	e->id = object_id(c->dma);
	e->iova = DMA_FIELD(c, iova);
	e->size = DMA_FIELD(c, size);
	e->vaddr = DMA_FIELD(c, vaddr);
	e->valid = !DMA_FIELD(c, vaddr_invalid);
	e->mm = w->mm_id;
	e->pinned = pinned;
	e->charged = bpf_core_field_exists(c->dma->locked_vm) ? (__s64)DMA_FIELD(c, locked_vm) : -1;
	e->account = CHARGED_MM;
	e->prot = DMA_FIELD(c, prot);
	e->mapped = DMA_FIELD(c, iommu_mapped);
	EV_END(e);
}

/* A number below LEVELS; the verifier must see that it is. */
static __always_inline struct dma_copy *level(__u32 i)
{
	__asm__ volatile("" : "+r"(i));
	return &levels[i & (LEVELS - 1)];
}

static __always_inline void on_range(struct range_walk *w, const struct dma_copy *c)
{
	w->hash = mix(w->hash ^ (__u64)c->dma ^ DMA_FIELD(c, iova)) + DMA_FIELD(c, size) + (DMA_FIELD(c, vaddr) ^ DMA_FIELD(c, vaddr_invalid));
	if (!DMA_FIELD(c, size)) { /* it grows while its pages are pinned, from nothing */
		w->empty++;
		if (w->emit)
			w->growing = (__u64)copied_mm(c);
	} else if (w->emit) {
		show_range(w, c);
	}
}

/*
 * The tree in its order, without its lock: down to the left, or the last one that
 * waits, and then to its right. Nothing about a node is trusted; a stale one can
 * only use up the budget, or the levels.
 */
static long range_step(__u32 i, struct range_walk *w)
{
	struct rb_node node;
	struct dma_copy *c;

	if (w->next) {
		if (w->depth >= LEVELS)
			return 1;
		c = level(w->depth++);
		read_dma(c, (void *)w->next - bpf_core_field_offset(struct vfio_dma, node), w->bytes);
		node = DMA_FIELD(c, node);
		w->next = node.rb_left;
		return 0;
	}
	if (!w->depth) {
		w->done = 1;
		return 1;
	}
	c = level(--w->depth);
	w->n++;
	on_range(w, c);
	node = DMA_FIELD(c, node);
	w->next = node.rb_right;
	return 0;
}

static __always_inline void ranges_begin(struct range_walk *w, const struct vfio_iommu *iommu, __u64 id, bool emit)
{
	struct rb_node *root = BPF_CORE_READ(iommu, dma_list.rb_node);

	w->container = id;
	w->hash = unknown_zero;
	w->mm = unknown_zero;
	w->mm_id = unknown_zero;
	w->empty = unknown_zero;
	w->growing = unknown_zero;
	w->emit = emit;
	w->bytes = dma_bytes(emit);
	w->next = root;
	w->depth = unknown_zero;
	w->n = unknown_zero;
	w->done = !root;
}

/* Goes on for so many steps. In one place, for the verifier. A loop's state must be on the stack. */
__noinline int walk_ranges(struct range_walk *w, __u32 steps)
{
	struct range_walk here;

	if (!w || !bpf_core_type_exists(struct vfio_iommu) || w->done)
		return 0;
	here = *w;
	bpf_loop(steps, range_step, &here, 0);
	*w = here;
	return 0;
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

	__builtin_memset(s, 0, sizeof(*s));
	s->iommu = (__u64)iommu;
	s->ops = (__u64)BPF_CORE_READ(container, iommu_driver, ops);
	if (!iommu || s->ops != symbols[SYM_vfio_iommu_driver_ops_type1] || !bpf_core_type_exists(struct vfio_iommu))
		return;
	s->root = (__u64)BPF_CORE_READ(iommu, dma_list.rb_node);
	s->avail = BPF_CORE_READ(iommu, dma_avail);
	s->invalid = BPF_CORE_READ(iommu, vaddr_invalid_count);
}

static __always_inline bool same_state(const struct container_state *a, const struct container_state *b)
{
	return a->iommu == b->iommu && a->ops == b->ops && a->root == b->root && a->avail == b->avail &&
	       a->invalid == b->invalid;
}

static __always_inline __u32 container_kind(const struct vfio_container *container, bool type1, const struct container_state *s)
{
	if (type1)
		return CONTAINER_TYPE1;
	if (BPF_CORE_READ(container, noiommu))
		return CONTAINER_NOIOMMU;
	return s->iommu ? CONTAINER_OTHER : CONTAINER_NONE;
}

static __always_inline void about_container(struct ev_container *e, const struct vfio_container *container,
					    const struct found_container *found, const struct container_state *s, bool type1)
{
	struct vfio_iommu *iommu = (void *)s->iommu;

	if (found->file) {
		e->file = found->file;
		e->refs = found->refs < 0 ? 0 : found->refs;
		e->has_file = 1;
	}
	e->kref = BPF_CORE_READ(container, kref.refcount.refs.counter);
	e->groups = count_list((void *)container + bpf_core_field_offset(struct vfio_container, group_list));
	e->iommu = type1;
	e->kind = container_kind(container, type1, s);
	e->invalid = s->invalid;
	e->avail = s->avail;
	e->can_wait = bpf_core_field_exists(iommu->vaddr_wait);
	e->locks = has_rwsem();
	e->other_locks = !has_rwsem();
}

/* One container, between the calls of read_container. */
static struct {
	struct container_state before;
	struct range_walk walk, again; /* to show it, and to see whether it is still what was shown */
} reading;

static __always_inline bool is_type1(const struct container_state *s)
{
	return s->iommu && s->ops == symbols[SYM_vfio_iommu_driver_ops_type1] && bpf_core_type_exists(struct vfio_iommu);
}

/* Records of the next ranges; true when there are no more, or more than anybody can have. */
static __always_inline bool show_some(struct fdpin_read_args *args, const struct vfio_container *container)
{
	struct range_walk *w = &reading.walk;

	if (!args->more) {
		read_state(&reading.before, container);
		__builtin_memset(w, 0, sizeof(*w));
		w->done = 1;
		if (is_type1(&reading.before))
			ranges_begin(w, (void *)reading.before.iommu, args->id, true);
	}
	walk_ranges(w, tree_budget(FDPIN_RANGES_AT_ONCE));
	args->more = !w->done && w->n < args->limit && ++args->calls < MAX_CALLS;
	return !args->more;
}

/*
 * The ranges are read twice: once to show them, once to see that they are
 * still what was shown. Nothing that can be read without the lock says so
 * alone: a map and an unmap leave every counter as it was. They are shown in
 * parts, as many at once as the ring has room for (args->more).
 */
SEC("syscall")
int read_container(struct fdpin_read_args *args)
{
	struct container_state after = {};
	struct vfio_container *container;
	struct found_container *found;
	struct range_walk *again = &reading.again;
	__u64 k = args->container;
	struct ev_container *e;
	__u32 waiting = 0;
	bool type1;

	found = bpf_map_lookup_elem(&containers, &k);
	if (!found)
		return 0;
	if (found->kind == CONTAINER_IOMMUFD) {
		if (HAS_IOMMUFD)
			read_ctx(args, found);
		return 0;
	}
	if (!has_containers())
		return 0;
	container = (void *)k;
	args->id = container_id(container, CONTAINER_TYPE1);
	if (!show_some(args, container))
		return 0;
	on_mm((void *)reading.walk.growing);
	type1 = is_type1(&reading.before);
	__builtin_memset(again, 0, sizeof(*again));
	again->done = 1;
	if (type1) {
		waiting = read_waiters((void *)reading.before.iommu, k);
		on_pinner((void *)reading.before.iommu + bpf_core_field_offset(struct vfio_iommu, lock), args->id, 0, 0);
		ranges_begin(again, (void *)reading.before.iommu, args->id, false);
	}
	walk_ranges(again, tree_budget(args->limit));
	read_state(&after, container);
	args->unstable = !reading.walk.done || !again->done || reading.walk.hash != again->hash ||
			 reading.walk.n != again->n || !same_state(&reading.before, &after);
	if (args->unstable && !args->last)
		return 0;
	e = EV_BEGIN_FOUND(container, args->id);
	if (!e)
		return 0;
	about_container(e, container, found, &after, type1);
	e->ranges = again->n - again->empty;
	e->waiters = waiting;
	e->unstable = args->unstable;
	e->retries = args->retries;
	EV_END(e);
	return 0;
}
