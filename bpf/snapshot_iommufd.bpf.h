/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot_iommufd.bpf.h - part of snapshot.bpf.c: one iommufd context, its
 * ioases and their areas. On a kernel without iommufd all of it is dead code.
 */

struct area_walk {
	struct tree_walk t;
	__u64 container, hash;
	__u32 ioas, emit;
};

static __always_inline void on_area(struct area_walk *w, struct iopt_area *area)
{
	struct iopt_pages *pages = BPF_CORE_READ(area, pages);
	__u64 start = BPF_CORE_READ(area, node.start), last = BPF_CORE_READ(area, node.last), offset;
	struct ev_range *e;

	w->hash = mix(w->hash ^ (__u64)area ^ start) ^ mix(last ^ (__u64)pages);
	if (!w->emit)
		return;
	e = EV_BEGIN(range, w->container);
	if (!e)
		return;
	about_nobody(&e->h);
	e->id = object_id(area);
	e->iova = start;
	e->size = last - start + 1;
	e->ioas = w->ioas;
	e->prot = BPF_CORE_READ(area, iommu_prot);
	e->accesses = BPF_CORE_READ(area, num_accesses);
	e->mapped = BPF_CORE_READ(area, storage_domain) != NULL;
	e->valid = 1; /* there is no other state here */
	if (!pages) { /* being set up or torn down */
		EV_END(e);
		return;
	}
	e->pages = object_id(pages);
	e->pinned = BPF_CORE_READ(pages, npinned);
	e->charged = BPF_CORE_READ(pages, last_npinned);
	e->account = BPF_CORE_READ(pages, account_mode) + CHARGED_NONE;
	e->mm = object_id(BPF_CORE_READ(pages, source_mm));
	offset = ((__u64)BPF_CORE_READ(area, pages_node.start) << PAGE_SHIFT) + BPF_CORE_READ(area, page_offset);
	if (bpf_core_field_exists(pages->type))
		e->source = BPF_CORE_READ(pages, type);
	if (e->source == SOURCE_USER)
		e->vaddr = (__u64)BPF_CORE_READ(pages, uptr) + offset;
	if (e->source == SOURCE_FILE && bpf_core_field_exists(pages->file)) {
		e->file = object_id(BPF_CORE_READ(pages, file));
		e->vaddr = BPF_CORE_READ(pages, start) + offset;
	}
	EV_END(e);
}

static long area_step(__u32 i, struct area_walk *w)
{
	struct rb_node *node = w->t.node;
	struct iopt_area *area;
	struct iopt_pages *pages;

	if (w->t.done)
		return 1;
	if (!tree_step(&w->t))
		return 0;
	area = (void *)node - bpf_core_field_offset(struct iopt_area, node) -
	       bpf_core_field_offset(struct interval_tree_node, rb);
	on_area(w, area);
	if (!w->emit)
		return 0;
	pages = BPF_CORE_READ(area, pages);
	if (!pages)
		return 0;
	on_mm(BPF_CORE_READ(pages, source_mm));
	on_user(BPF_CORE_READ(pages, source_user));
	if (bpf_core_field_exists(pages->file) && BPF_CORE_READ(pages, type) == PAGES_OF_FILE)
		on_mapped_file(BPF_CORE_READ(pages, file));
	return 0;
}

/* Walks the areas; with emit they become records. Returns what all of them look like as one number. */
static __always_inline __u64 walk_areas(struct iommufd_ioas *ioas, __u64 container, __u32 number, bool emit, __u32 *ret_n)
{
	struct area_walk w = { .container = container, .hash = unknown_zero, .ioas = number, .emit = emit };
	struct rb_node *root = BPF_CORE_READ(ioas, iopt.area_itree.rb_root.rb_node);

	*ret_n = 0;
	if (!root)
		return 0;
	tree_begin(&w.t, root);
	bpf_loop(MAX_NODES, area_step, &w, 0);
	*ret_n = w.t.n;
	return w.t.done ? w.hash | 1 : 0;
}

struct ctx_walk {
	__u64 container, hash;
	__u64 compat; /* the ioas that VFIO's ioctls use */
	__u32 emit, incomplete;
	__u32 areas, ioases;
};

static __always_inline void on_ioas(struct ctx_walk *w, struct iommufd_ioas *ioas)
{
	__u32 n = 0, number = BPF_CORE_READ(ioas, obj.id);
	__u64 hash = walk_areas(ioas, w->container, number, w->emit, &n);
	struct ev_ioas *e;

	w->incomplete |= n && !hash;
	w->hash = mix(w->hash ^ hash ^ (__u64)ioas) + n;
	w->areas += n;
	w->ioases++;
	if (!w->emit)
		return;
	e = EV_BEGIN(ioas, w->container);
	if (!e)
		return;
	about_nobody(&e->h);
	e->id = object_id(ioas);
	e->ioas = number;
	e->areas = n;
	e->domains = count_list((void *)ioas + bpf_core_field_offset(struct iommufd_ioas, hwpt_list));
	e->compat = (__u64)ioas == w->compat;
	EV_END(e);
}

static long look_at_object(__u32 i, struct ctx_walk *w)
{
	struct iommufd_object *obj;

	if (xa_over())
		return 1;
	obj = (void *)xa_next();
	if (obj && BPF_CORE_READ(obj, type) == bpf_core_enum_value(enum iommufd_object_type, IOMMUFD_OBJ_IOAS))
		on_ioas(w, (void *)obj - bpf_core_field_offset(struct iommufd_ioas, obj));
	return 0;
}

static __always_inline void walk_ctx(struct ctx_walk *ret, const struct iommufd_ctx *ctx, __u64 id, bool emit)
{
	struct ctx_walk w = {
		.container = id,
		.hash = unknown_zero,
		.emit = emit,
		.incomplete = unknown_zero,
		.areas = unknown_zero,
		.ioases = unknown_zero,
	};

	w.compat = (__u64)BPF_CORE_READ(ctx, vfio_ioas);
	if (xa_begin((void *)ctx + bpf_core_field_offset(struct iommufd_ctx, objects)) &&
	    bpf_loop(MAX_XA_STEPS, look_at_object, &w, 0) >= MAX_XA_STEPS)
		w.incomplete = 1;
	*ret = w;
}

static __always_inline void read_ctx(struct fdpin_read_args *args, const struct found_container *found)
{
	const struct iommufd_ctx *ctx = (void *)args->container;
	__u64 id = container_id(ctx, CONTAINER_IOMMUFD);
	struct ctx_walk shown, n;
	struct iommufd_ioas *compat;
	struct ev_container *e;

	args->id = id;
	walk_ctx(&shown, ctx, id, true);
	walk_ctx(&n, ctx, id, false);
	args->unstable = shown.incomplete || n.incomplete || shown.hash != n.hash;
	if (args->unstable && !args->last)
		return;
	e = EV_BEGIN(container, id);
	if (!e)
		return;
	about_nobody(&e->h);
	if (found->file) {
		e->file = found->file;
		e->refs = found->refs < 0 ? 0 : found->refs;
		e->has_file = 1;
	}
	e->kind = CONTAINER_IOMMUFD;
	e->ranges = n.areas;
	e->ioases = n.ioases;
	compat = BPF_CORE_READ(ctx, vfio_ioas);
	if (compat)
		e->compat_ioas = BPF_CORE_READ(compat, obj.id);
	e->unstable = args->unstable;
	e->retries = args->retries;
	EV_END(e);
}
